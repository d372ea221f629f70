//! The 64-byte command: a 16-byte header, and a 48-byte body that the opcode gives its meaning.

use crate::constants::*;

values! {
    /// What a command asks for.
    Opcode: u8, 8 bits {
        /// Do nothing; completes in order. Admin and I/O queues.
        Nop = 0x01 NOP,
        /// Create an I/O queue pair. Admin queue.
        CreateQueue = 0x02 CREATE_QUEUE,
        /// Delete an I/O queue pair; refused with BUSY while it runs a command. Admin queue.
        DeleteQueue = 0x03 DELETE_QUEUE,
        /// Set a semaphore to any value. Admin queue.
        SemaphoreSet = 0x04 SEMAPHORE_SET,
        /// Stop the command that an I/O queue has in hand. Admin queue.
        Abort = 0x05 ABORT,
        /// Copy between host and card memory or within card memory. I/O queues.
        Copy = 0x10 COPY,
        /// Fill card memory with a repeated 8-byte pattern. I/O queues.
        Fill = 0x11 FILL,
        /// Multi-scalar multiplication over data in card memory. I/O queues.
        Msm = 0x20 MSM,
        /// One pass of a number theoretic transform over data in card memory. I/O queues.
        Ntt = 0x21 NTT,
        /// Arithmetic on vectors in card memory. I/O queues.
        Vector = 0x22 VECTOR,
    }
}

values! {
    /// Direction of a COPY.
    CopyKind: u8, 8 bits {
        /// From host memory to card memory.
        HostToCard = 0 HOST_TO_CARD,
        /// From card memory to host memory.
        CardToHost = 1 CARD_TO_HOST,
        /// Within card memory; the two ranges must not overlap.
        CardToCard = 2 CARD_TO_CARD,
    }
}

values! {
    /// Group of an MSM.
    Group: u8, 8 bits {
        /// BN254 G1.
        G1 = 0 G1,
        /// BN254 G2.
        G2 = 1 G2,
    }
}

layout! {
    /// A command: what the driver writes into a submission ring.
    Command, 64 bytes @ 0 {
        /// What is asked for.
        0 field opcode: u8,
        /// Bit 0 WAIT, bit 1 SIGNAL; other bits zero.
        1 field flags: u8,
        /// Chosen by software, returned in the completion.
        2 field cid: u16,
        /// Semaphore of WAIT, below 64; zero without the flag.
        4 field wait_sem: u8,
        /// Semaphore of SIGNAL, below 64; zero without the flag.
        5 field signal_sem: u8,
        /// Zero.
        6 zero reserved: u16,
        /// The command starts once the semaphore is at least this.
        8 field wait_value: u32,
        /// On success the semaphore becomes at least this.
        12 field signal_value: u32,
        /// As the opcode says; unused bytes are zero.
        16 field body: [u8; 48],
    }
}

/// The body of a command with a certain opcode.
pub trait CommandBody: bytemuck::Pod {
    /// The opcode this body belongs to.
    const OPCODE: Opcode;
    /// The body's fields, offsets counted from the start of the command.
    const FIELDS: &'static [crate::define::Field];
}

/// States command bodies and the table of them.
macro_rules! bodies {
    ($( $(#[$meta:meta])* $Struct:ident = $opcode:ident { $($fields:tt)* } )*) => {
        $(
            layout! { $(#[$meta])* $Struct, 48 bytes @ 16 { $($fields)* } }
            impl CommandBody for $Struct {
                const OPCODE: Opcode = Opcode::$opcode;
                const FIELDS: &'static [crate::define::Field] = Self::FIELDS;
            }
        )*
        /// Every opcode with the fields of its body.
        pub const BODIES: &[(Opcode, &[crate::define::Field])] = &[ $( (Opcode::$opcode, $Struct::FIELDS) ),* ];
    };
}

bodies! {
    /// Body of NOP.
    NopCommand = Nop {
        /// Zero.
        16 zero reserved: [u8; 48],
    }

    /// Body of CREATE_QUEUE.
    CreateQueueCommand = CreateQueue {
        /// IOVA of the submission ring, 4 KiB aligned.
        16 field sq_iova: u64,
        /// IOVA of the completion ring, 4 KiB aligned.
        24 field cq_iova: u64,
        /// Queue id, 1 to the number of I/O queues.
        32 field queue: u16,
        /// Submission ring entries, 2 to the limit of CAP_QUEUES.
        34 field sq_entries: u16,
        /// Completion ring entries, 2 to the limit of CAP_QUEUES.
        36 field cq_entries: u16,
        /// Interrupt vector of its completions.
        38 field irq_vector: u16,
        /// Completions gathered before the interrupt is raised; with 0 and 1 each raises it.
        40 field irq_count: u16,
        /// Zero.
        42 zero reserved0: u16,
        /// Longest time in clocks for which a completion in memory waits for others before its interrupt is raised; not 0
        /// when `irq_count` is above 1.
        44 field irq_clocks: u32,
        /// Zero.
        48 zero reserved1: [u8; 16],
    }

    /// Body of DELETE_QUEUE.
    DeleteQueueCommand = DeleteQueue {
        /// Queue id.
        16 field queue: u16,
        /// Zero.
        18 zero reserved: [u8; 46],
    }

    /// Body of SEMAPHORE_SET.
    SemaphoreSetCommand = SemaphoreSet {
        /// Semaphore, below 64.
        16 field sem: u8,
        /// Zero.
        17 zero reserved0: [u8; 3],
        /// Its new value, which may be lower than the old one.
        20 field value: u32,
        /// Zero.
        24 zero reserved1: [u8; 40],
    }

    /// Body of ABORT. Its completion has `info` 1 when the command was stopped: that one then ends with ABORTED in its own
    /// queue, what it was to write is undefined, and the queue goes on with the next. `info` is 0 when the queue has
    /// another command in hand or none; then nothing happens. BAD_QUEUE when the queue is not created. Ends within
    /// CAP_DEADLINE.
    AbortCommand = Abort {
        /// Queue id.
        16 field queue: u16,
        /// The `cid` of the command.
        18 field cid: u16,
        /// Zero.
        20 zero reserved: [u8; 44],
    }

    /// Body of COPY. Addresses and lengths are multiples of 64 bytes; length 0 succeeds without doing anything.
    CopyCommand = Copy {
        /// Address in card memory: the destination, or the source for CARD_TO_HOST.
        16 field card_addr: u64,
        /// With `entries` = 0 the IOVA of one contiguous buffer; otherwise the IOVA of a list of `entries`
        /// scatter–gather entries. For CARD_TO_CARD the source address in card memory.
        24 field list: u64,
        /// Bytes.
        32 field length: u64,
        /// Scatter–gather entries at `list`; 0 = no list. Must be 0 for CARD_TO_CARD.
        40 field entries: u32,
        /// Direction: 0 HOST_TO_CARD, 1 CARD_TO_HOST, 2 CARD_TO_CARD.
        44 field kind: u8,
        /// Zero.
        45 zero reserved: [u8; 19],
    }

    /// Body of FILL.
    FillCommand = Fill {
        /// Address in card memory, multiple of 64.
        16 field card_addr: u64,
        /// Bytes, multiple of 64.
        24 field length: u64,
        /// Repeated every 8 bytes.
        32 field pattern: u64,
        /// Zero.
        40 zero reserved: [u8; 24],
    }

    /// Body of MSM. Addresses are multiples of 64; bucket slots `windows · 2^(window_bits - 1)` of one adder must
    /// fit CAP_MSM (half of them in G2).
    MsmCommand = Msm {
        /// Address of `n` affine points, 64 bytes each for G1, 128 for G2.
        16 field bases: u64,
        /// Address of `n` scalars, 32 bytes each.
        24 field scalars: u64,
        /// Address of the result: for each adder its window sums (see `msm::entries`), affine points of the group, adder 0
        /// first; a window that the adders share is the sum of its entries.
        32 field result: u64,
        /// Points; 0 gives identities.
        40 field n: u32,
        /// Window width c in bits, within CAP_MSM.
        44 field window_bits: u8,
        /// Windows W: floor(b / c) + 1 for scalars of b bits.
        45 field windows: u8,
        /// Group: 0 G1, 1 G2.
        46 field group: u8,
        /// Bit 0: scalars are in Montgomery form; other bits zero.
        47 field format: u8,
        /// MSMs after the first over the same bases: scalar vector k starts at `scalars + k · scalar_stride`, and results
        /// follow each other.
        48 field more: u16,
        /// Zero.
        50 zero reserved: [u8; 6],
        /// Bytes from one scalar vector to the next, a multiple of 64; zero when `more` is zero.
        56 field scalar_stride: u64,
    }

    /// Body of NTT; what it computes is in [`crate::ntt`] and the manual. Addresses are multiples of 64.
    NttCommand = Ntt {
        /// Address of the transforms' input.
        16 field source: u64,
        /// Address of their output.
        24 field destination: u64,
        /// Address of the parameters, 192 bytes.
        32 field params: u64,
        /// Bytes from one transform of the batch to the next, in source and destination; zero when `batch` is 0 or 1.
        40 field stride: u64,
        /// Transforms; 0 succeeds without doing anything.
        48 field batch: u32,
        /// log2 of P, the rows.
        52 field log_before: u8,
        /// log2 of L, the length of this pass.
        53 field log_len: u8,
        /// log2 of Q, the columns.
        54 field log_after: u8,
        /// Bit 0 REVERSED_IN, bit 1 REVERSED_OUT; other bits zero.
        55 field order: u8,
        /// Zero.
        56 zero reserved: [u8; 8],
    }

    /// Body of VECTOR. Addresses of operands are multiples of 32, and zero where nothing is read from them.
    VectorCommand = Vector {
        /// Address of operand a.
        16 field a: u64,
        /// Address of operand b.
        24 field b: u64,
        /// Address of operand c.
        32 field c: u64,
        /// Address of the result.
        40 field d: u64,
        /// Address of the parameters, 192 bytes, multiple of 64.
        48 field params: u64,
        /// Elements of each operand.
        56 field n: u32,
        /// Operation: 0 MAP, 1 REDUCE, 2 PREFIX_PRODUCT, 3 INVERSE.
        60 field operation: u8,
        /// Bit 0 NEGATE_PRODUCT, bit 1 NEGATE_ADDEND, bit 2 EXCLUSIVE; other bits zero.
        61 field flags: u8,
        /// Kinds of the operands, two bits each: 1:0 a, 3:2 b, 5:4 c; bits 7:6 zero.
        62 field kinds: u8,
        /// Zero.
        63 zero reserved: u8,
    }
}

layout! {
    /// Entry of a COPY's scatter–gather list.
    SgEntry, 16 bytes @ 0 {
        /// IOVA of the piece, multiple of 64.
        0 field iova: u64,
        /// Bytes, multiple of 64.
        8 field length: u32,
        /// Zero.
        12 zero reserved: u32,
    }
}

impl Command {
    /// A command with this body, no flags, and command id 0 (the driver sets the id when it submits).
    pub fn new<B: CommandBody>(body: &B) -> Self {
        Self { opcode: B::OPCODE as u8, body: bytemuck::cast(*body), ..Self::default() }
    }

    /// The same command, starting only once semaphore `sem` (below 64) is at least `value`.
    #[must_use]
    pub fn wait(mut self, sem: u8, value: u32) -> Self {
        self.flags |= FLAG_WAIT;
        self.wait_sem = sem;
        self.wait_value = value;
        self
    }

    /// The same command, raising semaphore `sem` (below 64) to at least `value` when it succeeds.
    #[must_use]
    pub fn signal(mut self, sem: u8, value: u32) -> Self {
        self.flags |= FLAG_SIGNAL;
        self.signal_sem = sem;
        self.signal_value = value;
        self
    }

    /// The body as `B`, or `None` when the opcode is another.
    pub fn body_as<B: CommandBody>(&self) -> Option<B> {
        (self.opcode == B::OPCODE as u8).then(|| bytemuck::cast(self.body))
    }
}

impl CopyCommand {
    /// Host to card or card to host with one contiguous host buffer at `iova`.
    pub fn contiguous(kind: CopyKind, card_addr: u64, iova: u64, length: u64) -> Self {
        Self { card_addr, list: iova, length, kind: kind as u8, ..Self::default() }
    }

    /// Host to card or card to host with `entries` ≥ 1 scatter–gather entries at `list`.
    pub fn scattered(kind: CopyKind, card_addr: u64, list: u64, entries: u32, length: u64) -> Self {
        Self { card_addr, list, length, entries, kind: kind as u8, ..Self::default() }
    }

    /// From `source` to `target`, both in card memory.
    pub fn on_card(target: u64, source: u64, length: u64) -> Self {
        Self::contiguous(CopyKind::CardToCard, target, source, length)
    }
}
