//! Registers, counters and doorbells of BAR0 (64 KiB, 32-bit accesses, little endian).
//!
//! No register may legitimately read `0xffff_ffff`: all ones means that the card is gone. Where a value (an address, a
//! counter) has a word of all ones, the card gives one less.

use crate::constants::*;

registers! {
    /// Identity and control registers, byte offsets in BAR0.
    reg, REGISTERS;
    /// Identity: always `ABI_MAGIC`.
    0x000 Ro 32 MAGIC;
    /// Version of this contract. Software refuses another major; within major 0 also another minor.
    0x004 Ro 32 VERSION as Version {
        /// Major version.
        major: u32 [31:16],
        /// Minor version.
        minor: u32 [15:8],
        /// Patch level.
        patch: u32 [7:0],
    };
    /// Engines present in this card.
    0x008 Ro 32 CAP_ENGINES as CapEngines {
        /// COPY.
        copy: bool [0:0],
        /// FILL.
        fill: bool [1:1],
        /// MSM over G1 of BN254.
        msm_g1: bool [2:2],
        /// MSM over G2 of BN254.
        msm_g2: bool [3:3],
        /// NTT.
        ntt: bool [4:4],
        /// VECTOR.
        vector: bool [5:5],
        /// PROVE (reserved).
        prove: bool [6:6],
    };
    /// Queues and semaphores.
    0x00C Ro 32 CAP_QUEUES as CapQueues {
        /// I/O queue pairs, 1 to 14.
        io_queues: u32 [7:0],
        /// log2 of the most entries a ring can have.
        log2_entries: u32 [15:8],
        /// Timeline semaphores.
        semaphores: u32 [23:16],
    };
    /// MSM engine; zero without one.
    0x010 Ro 32 CAP_MSM as CapMsm {
        /// Point adders working in parallel.
        adders: u32 [7:0],
        /// Smallest window width in bits.
        min_window: u32 [15:8],
        /// Largest window width in bits.
        max_window: u32 [23:16],
        /// log2 of the bucket slots of each adder.
        log2_slots: u32 [31:24],
    };
    /// Longest time from a change of CC.ENABLE to the change of CSTS.READY, in units of 1024 clocks; for READY = 1 counted from
    /// the end of CSTS.SCRUBBING. Also the longest time of an ABORT.
    0x014 Ro 32 CAP_DEADLINE;
    /// Card memory in bytes.
    0x018 Ro 64 DRAM_SIZE;
    /// Nominal clock in kHz.
    0x020 Ro 32 CLOCK_KHZ;
    /// Hash of the card's configuration; bit 31 is zero.
    0x024 Ro 32 BUILD_ID;
    /// NTT engine; zero without one.
    0x028 Ro 32 CAP_NTT as CapNtt {
        /// Butterflies working in parallel.
        lanes: u32 [7:0],
        /// log2 of the longest transform in one pass: the block.
        log2_block: u32 [15:8],
    };
    /// VECTOR engine; zero without one.
    0x02C Ro 32 CAP_VECTOR as CapVector {
        /// Elements it takes in one clock.
        lanes: u32 [7:0],
    };
    /// Card memory that has been written since it was last zeroed, in regions of equal size from address 0. A controller reset
    /// and a function level reset zero them before CSTS.READY can rise again, so that no owner finds what the one before
    /// left; after power-up the whole memory counts as written unless the board says that it is zero.
    0x030 Ro 32 DRAM_DIRTY as DramDirty {
        /// Regions written, 0 to 64.
        regions: u32 [6:0],
        /// log2 of the bytes of a region.
        log2_bytes: u32 [13:8],
    };
    /// Controller control. Writing ENABLE = 0 is the controller reset: queues are deleted, engines aborted, semaphores
    /// and counters cleared; no DMA happens once CSTS.READY reads 0.
    0x040 Rw 32 CC as Cc {
        /// 1 starts the card, 0 resets it.
        enable: bool [0:0],
    };
    /// Controller status.
    0x044 Ro 32 CSTS as Csts {
        /// The admin queue is served.
        ready: bool [0:0],
        /// The card cannot go on; only a reset helps.
        fatal: bool [1:1],
        /// Nothing runs and no transaction is outstanding.
        idle: bool [2:2],
        /// Card memory is being zeroed, in about a clock for each 64 bytes of the regions of DRAM_DIRTY; an ENABLE written
        /// meanwhile takes effect afterwards. Memory that cannot be written ends it with FATAL and DRAM_WRITE_ERROR (queue 0,
        /// cid 0xffff); writing ENABLE = 0, or a function level reset, tries again what is left.
        scrubbing: bool [3:3],
    };
    /// IOVA of the admin submission ring, 4 KiB aligned; set while CSTS.READY is 0.
    0x050 Rw 64 ADMIN_SQ;
    /// IOVA of the admin completion ring, 4 KiB aligned; set while CSTS.READY is 0.
    0x058 Rw 64 ADMIN_CQ;
    /// Entries of the admin rings, 2 to 2^log2_entries each.
    0x060 Rw 32 ADMIN_SIZE as AdminSize {
        /// Completion ring entries.
        cq_entries: u32 [31:16],
        /// Submission ring entries.
        sq_entries: u32 [15:0],
    };
    /// First error since it was last cleared. Writing 1 to bit 31 clears it and frees ERR_SOURCE and ERR_ADDR for the
    /// next error. A controller reset leaves it as it is.
    0x080 Rw 32 ERR_STATUS as ErrStatus {
        /// An error is held.
        valid: bool [31:31],
        /// Its status code.
        code: u32 [15:0],
    };
    /// Command of the held error.
    0x084 Ro 32 ERR_SOURCE as ErrSource {
        /// Queue, 0 = admin.
        queue: u32 [31:16],
        /// Command id.
        cid: u32 [15:0],
    };
    /// Address the held error is about; 0 when it is about none.
    0x088 Ro 64 ERR_ADDR;
    /// Commands that ended with an error since reset; stays at 0x7fffffff once there.
    0x090 Ro 32 ERR_COUNT;
}

registers! {
    /// Performance counters, byte offsets in BAR0: 64 bits each, counting up from 0 at reset. Software takes differences.
    counter, COUNTERS;
    /// Clocks since reset.
    0x100 Ro 64 CYCLES;
    /// Bytes read from host memory.
    0x108 Ro 64 HOST_READ_BYTES;
    /// Bytes written to host memory.
    0x110 Ro 64 HOST_WRITE_BYTES;
    /// Bytes read from card memory.
    0x118 Ro 64 DRAM_READ_BYTES;
    /// Bytes written to card memory.
    0x120 Ro 64 DRAM_WRITE_BYTES;
    /// Commands completed, with success or error, all queues.
    0x128 Ro 64 COMMANDS;
    /// Clocks in which the copy/fill engine was busy.
    0x130 Ro 64 COPY_BUSY;
    /// Clocks in which the MSM engine was busy.
    0x138 Ro 64 MSM_BUSY;
    /// Clocks of the MSM bucket phase.
    0x140 Ro 64 MSM_ACCUMULATE;
    /// Clocks of the MSM aggregation phase.
    0x148 Ro 64 MSM_AGGREGATE;
    /// Point additions issued, all adders together.
    0x150 Ro 64 MSM_ADDITIONS;
    /// Points consumed by the MSM engine.
    0x158 Ro 64 MSM_POINTS;
    /// Bucket-phase clocks in which no digit was waiting.
    0x160 Ro 64 MSM_STALL_FEED;
    /// Clocks in which a digit waited for a bucket port, all adders together.
    0x168 Ro 64 MSM_STALL_SLOT;
    /// Clocks in which nothing but the tail of an MSM ran: the short chains of additions after its bucket sums.
    0x170 Ro 64 MSM_TAIL;
    /// Points in the store queues, summed over clocks and adders.
    0x178 Ro 64 MSM_QUEUED;
    /// Clocks in which the NTT engine was busy.
    0x180 Ro 64 NTT_BUSY;
    /// Butterflies issued, all lanes together.
    0x188 Ro 64 NTT_BUTTERFLIES;
    /// Clocks in which the NTT engine could have taken an element and memory had none for it.
    0x190 Ro 64 NTT_STALL_IN;
    /// Clocks in which an element left by the NTT engine waited for memory.
    0x198 Ro 64 NTT_STALL_OUT;
    /// Clocks in which the VECTOR engine was busy.
    0x1A0 Ro 64 VECTOR_BUSY;
    /// Elements (of all operands at one index) that entered the VECTOR engine.
    0x1A8 Ro 64 VECTOR_ELEMENTS;
    /// Clocks in which the copy/fill engine and at least one of MSM, NTT and VECTOR were busy.
    0x1B0 Ro 64 COPY_OVERLAP;
    /// Clocks in which at least two of MSM, NTT and VECTOR were busy.
    0x1B8 Ro 64 ENGINE_OVERLAP;
    /// Errors in card memory that its controller has corrected (ECC).
    0x1C0 Ro 64 DRAM_CORRECTED;
    /// Interrupts raised, all vectors.
    0x1C8 Ro 64 INTERRUPTS;
}

/// Offset in BAR0 of the submission doorbell of `queue` (0 = admin): write the new SQ tail index.
pub const fn sq_doorbell(queue: u16) -> u64 {
    (DOORBELL_BASE + DOORBELL_STRIDE * queue as u32 + DOORBELL_SQ_TAIL) as u64
}

/// Offset in BAR0 of the completion doorbell of `queue` (0 = admin): write the new CQ head index.
pub const fn cq_doorbell(queue: u16) -> u64 {
    (DOORBELL_BASE + DOORBELL_STRIDE * queue as u32 + DOORBELL_CQ_HEAD) as u64
}

/// Offset in BAR0 of the depth of `queue` (0 = admin), see `DOORBELL_DEPTH`.
pub const fn queue_depth(queue: u16) -> u64 {
    (DOORBELL_BASE + DOORBELL_STRIDE * queue as u32 + DOORBELL_DEPTH) as u64
}
