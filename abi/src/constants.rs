//! Fixed numbers of the contract: identity, sizes, alignments, flags.

constants! {
    /// Fixed numbers of the contract.
    CONSTANTS {
        /// Value of register MAGIC: "PFRZ" in little-endian ASCII.
        ABI_MAGIC: u32 = 0x5A52_4650,
        /// Value of register VERSION of this contract, 0.4.0.
        ABI_VERSION: u32 = 0x0000_0400,
        /// Size of BAR0 in bytes.
        BAR0_BYTES: u32 = 0x1_0000,
        /// Offset of the doorbell page of queue 0 (admin).
        DOORBELL_BASE: u32 = 0x1000,
        /// Distance between the doorbell pages of two queues; one page can be mapped alone.
        DOORBELL_STRIDE: u32 = 0x1000,
        /// Submission doorbell in a queue's page: the new SQ tail index.
        DOORBELL_SQ_TAIL: u32 = 0x0,
        /// Completion doorbell in a queue's page: the new CQ head index.
        DOORBELL_CQ_HEAD: u32 = 0x8,
        /// Depth of the queue, read-only, in a queue's page: commands from the last completed one to the SQ tail.
        DOORBELL_DEPTH: u32 = 0x10,
        /// Most I/O queue pairs a card can have.
        MAX_IO_QUEUES: u32 = 14,
        /// Bytes of a command.
        COMMAND_BYTES: u32 = 64,
        /// Bytes of a completion.
        COMPLETION_BYTES: u32 = 16,
        /// Bytes of a scatter–gather list entry.
        SG_ENTRY_BYTES: u32 = 16,
        /// Alignment of every address and length in COPY, FILL, MSM and NTT; in VECTOR of the parameters and indices.
        ALIGN: u32 = 64,
        /// Bytes of a field element; alignment of the operands of VECTOR.
        ELEMENT_BYTES: u32 = 32,
        /// Alignment of ring addresses.
        RING_ALIGN: u32 = 4096,
        /// On-card timeline semaphores, 32 bits each.
        SEMAPHORES: u32 = 64,
        /// Unit of CAP_DEADLINE, in clocks.
        DEADLINE_UNIT: u32 = 1024,
    }
}

constants! {
    /// Bits of a command's `flags`.
    COMMAND_FLAGS {
        /// Start only once semaphore `wait_sem` is at least `wait_value`.
        FLAG_WAIT: u8 = 1,
        /// On success raise semaphore `signal_sem` to at least `signal_value` before the completion is posted.
        FLAG_SIGNAL: u8 = 2,
    }
}

constants! {
    /// Bits of an MSM command's `format`.
    MSM_FORMATS {
        /// Scalars are in Montgomery form (R = 2^256); otherwise canonical.
        MSM_FORMAT_MONTGOMERY: u8 = 1,
    }
}
