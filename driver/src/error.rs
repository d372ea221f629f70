//! The driver's errors.

use permafrost_abi::{Completion, Status, TransportError};
use std::time::Duration;

/// How far the recovery ladder had to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recovery {
    /// ABORT of the command was enough.
    Abort,
    /// The queue was deleted and created anew; all its commands ended.
    Queue,
    /// The card was reset through CC.ENABLE.
    Controller,
    /// The controller did not stop or come up in time; the function level reset did it.
    Function,
}

impl Recovery {
    /// Whether data in card memory was lost. Otherwise it is valid, except for what the commands that ended were writing.
    pub fn loses_data(self) -> bool {
        self >= Self::Controller
    }

    /// What the caller has to know.
    fn consequence(self) -> &'static str {
        match self {
            Self::Abort => "what it was to write is undefined, other data on the card is valid",
            Self::Queue => {
                "what the queue's commands were to write is undefined, other data on the card is valid"
            }
            Self::Controller | Self::Function => "data in card memory is lost: upload again",
        }
    }
}

impl std::fmt::Display for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Abort => "abort",
            Self::Queue => "restart of the queue",
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

    /// Card memory was not zeroed.
    #[error("the card did not finish zeroing its memory within {limit:?} (CSTS = {csts:#x}); power-cycle the card")]
    Scrub {
        /// CSTS read last.
        csts: u32,
        /// Time given, from DRAM_DIRTY, CLOCK_KHZ and CAP_DEADLINE.
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

    /// The card wrote a completion that makes no sense. All outstanding commands of the queue end with this; who waits for one
    /// of them, or submits the next, has the queue made anew.
    #[error("queue {queue} got a bad completion: {detail} (completion: {completion:?}); its outstanding commands have ended, what they were to write is undefined")]
    BadCompletion {
        /// Queue, 0 = admin.
        queue: u16,
        /// What was seen and what was expected.
        detail: String,
        /// The completion as read.
        completion: Completion,
    },

    /// Pinned memory was asked back while the card may use it.
    #[error("{bytes} bytes of pinned memory are still in use by a command or a piece; wait for the tickets, drop the pieces, or reset the card")]
    PinnedInUse {
        /// Bytes of the memory.
        bytes: usize,
    },

    /// Pinned memory could not be taken from the card.
    #[error("{bytes} bytes of pinned memory could not be unmapped from the card; they are never used again")]
    NotUnmapped {
        /// Bytes of the memory.
        bytes: usize,
    },

    /// The queue is closed by an earlier bad completion, and has not been made anew.
    #[error("queue {queue} is closed ({reason}); reset the card")]
    Quarantined {
        /// Queue, 0 = admin.
        queue: u16,
        /// The bad completion.
        reason: String,
    },

    /// A command did not complete and was stopped.
    #[error("{opcode} on queue {queue} did not complete within {limit:?} and was stopped by {recovery}; {}", recovery.consequence())]
    Deadline {
        /// Queue, 0 = admin.
        queue: u16,
        /// Name of the opcode.
        opcode: &'static str,
        /// Time given.
        limit: Duration,
        /// What stopped it.
        recovery: Recovery,
    },

    /// An admin command did not complete while the card was brought up or recovered.
    #[error("{opcode} on the admin queue did not complete within {limit:?}; power-cycle the card")]
    AdminDeadline {
        /// Name of the opcode.
        opcode: &'static str,
        /// Time given.
        limit: Duration,
    },

    /// The command was stopped, for another reason than its own deadline.
    #[error("{opcode} on queue {queue} was stopped by {recovery} ({reason}); {}", recovery.consequence())]
    Aborted {
        /// Queue, 0 = admin.
        queue: u16,
        /// Name of the opcode.
        opcode: &'static str,
        /// What stopped it.
        recovery: Recovery,
        /// Why.
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

    /// The DMA memory belongs to another card.
    #[error("the DMA memory at IOVA {iova:#x} was allocated or pinned on another card, which alone reaches it; use memory of this one")]
    ForeignMemory {
        /// Its address on the card it came from.
        iova: u64,
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
    #[error("there is no I/O queue {queue}: the card has queues 1 to {available}, and Card::io_queues names those that were created")]
    NoSuchQueue {
        /// Queue asked for.
        queue: u16,
        /// Most I/O queues of the card.
        available: u16,
    },

    /// All I/O queues of the card are in use.
    #[error("all {available} I/O queues of the card are in use; delete one, or open the card with fewer (CardOptions::io_queues)")]
    NoFreeQueue {
        /// I/O queues of the card.
        available: u16,
    },

    /// An option cannot be.
    #[error("option {option} = {value} is not possible: {detail}")]
    BadOption {
        /// The option.
        option: &'static str,
        /// Its value.
        value: u64,
        /// Why not, and what to do.
        detail: String,
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
