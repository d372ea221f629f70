//! The 16-byte completion.

use crate::status::Status;

layout! {
    /// What the card writes into a completion ring: 16 aligned bytes in one write, the phase bit in the last word.
    Completion, 16 bytes @ 0 {
        /// Clocks from the command becoming runnable at the head of its queue to this completion; saturating.
        0 field cycles: u32,
        /// Detail of an error (see the status code). Of SUCCESS 0, except that ABORT has 1 when it stopped the command.
        4 field info: u32,
        /// The submission ring index up to which the card has fetched commands.
        8 field sq_head: u16,
        /// Queue of the command, 0 = admin.
        10 field sq_id: u16,
        /// Id of the command.
        12 field cid: u16,
        /// Bit 0: phase, 1 in the first pass over the ring and inverted by each wrap. Bits 15:1: status code.
        14 field status_phase: u16,
    }
}

impl Completion {
    /// The phase bit.
    pub fn phase(&self) -> bool {
        self.status_phase & 1 != 0
    }

    /// The raw status code.
    pub fn status_code(&self) -> u16 {
        self.status_phase >> 1
    }

    /// The status code, or its number when this contract has none such.
    pub fn status(&self) -> Result<Status, u16> {
        Status::try_from(self.status_code())
    }

    /// Packs `status` and `phase` into the last word.
    pub fn pack_status(status: Status, phase: bool) -> u16 {
        (status as u16) << 1 | phase as u16
    }
}
