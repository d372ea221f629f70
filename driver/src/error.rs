//! The driver's errors.

use permafrost_abi::{Completion, Status, TransportError};
use std::time::Duration;

/// How far the recovery ladder had to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The controller reset was enough.
    Controller,
    /// The controller did not stop in time; the function level reset did it.
    Function,
}

impl std::fmt::Display for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Controller => "controller reset",
            Self::Function => "function level reset",
        })
    }
}

/// What can go wrong between a caller and a card.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The transport failed in another way than losing the card.
    #[error(transparent)]
    Transport(TransportError),

    /// The card answers no more: registers read all ones, or its magic is gone.
    #[error("the card is lost: {detail}; check power and link, then open it again")]
    CardLost {
        /// What was seen.
        detail: String,
    },

    /// The device is something else.
    #[error("not a Permafrost card: MAGIC reads {seen:#010x}, expected {expected:#010x}; check the device address")]
    NotACard {
        /// Value read.
        seen: u32,
        /// Value expected.
        expected: u32,
    },

    /// The card speaks another version of the contract.
    #[error("the card speaks contract version {seen}, this driver {expected}; update the older of the two")]
    Version {
        /// Version of the card.
        seen: String,
        /// Version of this driver.
        expected: String,
    },

    /// A capability register makes no sense.
    #[error("register {register} reads {value:#x}: {detail}; the card's build is faulty")]
    BadCapability {
        /// Register.
        register: &'static str,
        /// Value read.
        value: u64,
        /// What is wrong with it.
        detail: String,
    },

    /// The controller did not follow CC.ENABLE.
    #[error("CSTS.READY did not become {wanted} within {limit:?} (CSTS = {csts:#x}); power-cycle the card")]
    Controller {
        /// READY expected.
        wanted: bool,
        /// CSTS read last.
        csts: u32,
        /// Time given, from the card's CAP_DEADLINE.
        limit: Duration,
    },

    /// CSTS.FATAL is set.
    #[error("the card reports a fatal error (CSTS = {csts:#x}); it was reset, data in card memory is lost")]
    Fatal {
        /// CSTS as read.
        csts: u32,
    },

    /// The card refused a command or failed in it.
    #[error("{opcode} on queue {queue} ended with {status}: {}{}", status.text(), detail(.status, .info, .field))]
    CommandFailed {
        /// Queue, 0 = admin.
        queue: u16,
        /// Name of the opcode.
        opcode: &'static str,
        /// Status code.
        status: Status,
        /// Detail word, see the status code.
        info: u32,
        /// Field of the command, or for BAD_PARAMETER of its parameters, that `info` points at.
        field: Option<&'static str>,
    },

    /// The card wrote a completion that makes no sense. The queue takes no more work until [`Card::reset`](crate::Card::reset).
    #[error("queue {queue} got a bad completion: {detail} (completion: {completion:?}); the queue is closed until the card is reset")]
    BadCompletion {
        /// Queue, 0 = admin.
        queue: u16,
        /// What was seen and what was expected.
        detail: String,
        /// The completion as read.
        completion: Completion,
    },

    /// The queue was closed by an earlier bad completion.
    #[error("queue {queue} is closed since a bad completion ({reason}); reset the card")]
    Quarantined {
        /// Queue, 0 = admin.
        queue: u16,
        /// The bad completion.
        reason: String,
    },

    /// A command did not complete; the card was reset.
    #[error("{opcode} on queue {queue} did not complete within {limit:?}; the card was recovered by {recovery}, data in card memory is lost: upload again")]
    Deadline {
        /// Queue, 0 = admin.
        queue: u16,
        /// Name of the opcode.
        opcode: &'static str,
        /// Time given.
        limit: Duration,
        /// What brought the card back.
        recovery: Recovery,
    },

    /// An admin command did not complete while the card was brought up.
    #[error("{opcode} on the admin queue did not complete within {limit:?}; power-cycle the card")]
    AdminDeadline {
        /// Name of the opcode.
        opcode: &'static str,
        /// Time given.
        limit: Duration,
    },

    /// The command was outstanding when the card was reset.
    #[error("{opcode} on queue {queue} was stopped by a reset of the card ({reason}); data in card memory is lost: upload again")]
    Aborted {
        /// Queue, 0 = admin.
        queue: u16,
        /// Name of the opcode.
        opcode: &'static str,
        /// Why the card was reset.
        reason: String,
    },

    /// The buffer's contents went with a reset.
    #[error("the buffer at card address {address:#x} was lost in a reset (buffer of generation {buffer}, card in {card}); allocate and upload again")]
    DataLost {
        /// Card address of the buffer.
        address: u64,
        /// Generation in which it was allocated.
        buffer: u32,
        /// Generation of the card now.
        card: u32,
    },

    /// The buffer belongs to another card.
    #[error(
        "the buffer at card address {address:#x} was allocated on another card; use the card it came from"
    )]
    ForeignBuffer {
        /// Card address of the buffer.
        address: u64,
    },

    /// Card memory is full.
    #[error("card memory: {requested} bytes needed, {free} of {total} free, largest piece {largest}; free buffers or split the work")]
    OutOfCardMemory {
        /// Bytes asked for, rounded to the allocation unit.
        requested: u64,
        /// Bytes free.
        free: u64,
        /// Largest contiguous free piece.
        largest: u64,
        /// Bytes of card memory.
        total: u64,
    },

    /// The driver's DMA memory is full.
    #[error("DMA memory: {requested} bytes needed, {mapped} of at most {limit} mapped and in use; free DMA buffers or raise CardOptions::dma_limit")]
    OutOfDmaMemory {
        /// Bytes asked for.
        requested: usize,
        /// Bytes mapped.
        mapped: usize,
        /// CardOptions::dma_limit.
        limit: usize,
    },

    /// A range leaves its buffer.
    #[error("{what}: bytes {offset}..{offset}+{len} leave the buffer of {size} bytes")]
    OutOfRange {
        /// What was asked for.
        what: &'static str,
        /// First byte.
        offset: u64,
        /// Bytes.
        len: u64,
        /// Bytes of the buffer.
        size: u64,
    },

    /// An offset, address or length is not aligned.
    #[error("{what} is {value:#x}, which is not a multiple of {align}")]
    Unaligned {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: u64,
        /// Alignment needed.
        align: u64,
    },

    /// There is no such I/O queue.
    #[error("there is no I/O queue {queue}; queues 1 to {available} exist")]
    NoSuchQueue {
        /// Queue asked for.
        queue: u16,
        /// I/O queues of the open card.
        available: u16,
    },
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Lost { .. } => Self::CardLost { detail: error.to_string() },
            other => Self::Transport(other),
        }
    }
}

/// The tail of a failed command's message.
fn detail(status: &Status, info: &u32, field: &Option<&'static str>) -> String {
    match (status, field) {
        (Status::BadParameter, Some(field)) => format!(" Parameter: {field} (byte {info})."),
        (_, Some(field)) => format!(" Field: {field} (byte {info})."),
        (Status::ScalarRange, None) => format!(" Scalar {info}; use more windows or reduce the scalar."),
        (_, None) if *info != 0 => format!(" Detail {info:#x}."),
        _ => String::new(),
    }
}
