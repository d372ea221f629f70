//! Status codes: how a command ended.

values! {
    /// How a command ended.
    Status: u16, 15 bits {
        /// Done.
        Success = 0 SUCCESS,
        /// The opcode is unknown, of the other kind of queue, or of an engine this card does not have.
        BadOpcode = 1 BAD_OPCODE,
        /// A field has a value out of range; info = its byte offset in the command.
        BadField = 2 BAD_FIELD,
        /// An address or length is unaligned or outside card memory; info = its byte offset in the command.
        BadAddress = 3 BAD_ADDRESS,
        /// The queue id is out of range, already created, or not created.
        BadQueue = 4 BAD_QUEUE,
        /// The queue still runs a command; try again later.
        Busy = 5 BUSY,
        /// A read of host memory failed.
        HostReadError = 6 HOST_READ_ERROR,
        /// A write of host memory failed.
        HostWriteError = 7 HOST_WRITE_ERROR,
        /// A read of card memory failed.
        DramReadError = 8 DRAM_READ_ERROR,
        /// A write of card memory failed.
        DramWriteError = 9 DRAM_WRITE_ERROR,
        /// The lengths of the scatter–gather list do not sum to the command's length; info = index of the entry at which it
        /// goes beyond the length, or of the last one.
        ListMismatch = 10 LIST_MISMATCH,
        /// A scalar does not fit the windows; info = its index, ERR_ADDR the number of its MSM in the batch.
        ScalarRange = 11 SCALAR_RANGE,
        /// The command was stopped by ABORT or a reset.
        Aborted = 12 ABORTED,
        /// A reserved flag bit or reserved byte is set, or a semaphore number is out of range.
        BadFlags = 13 BAD_FLAGS,
        /// A parameter in card memory is out of range or not what the command needs; info = its byte offset in the parameters.
        BadParameter = 14 BAD_PARAMETER,
    }
}
