//! Queues by hand: no driver between the test and the card, so that malformed things can be sent.

use super::LIMIT;
use permafrost_abi::registers::{AdminSize, Csts};
use permafrost_abi::*;
use std::time::Instant;

pub const ADMIN_ENTRIES: u16 = 8;

/// A queue pair.
pub struct Queue<'t> {
    t: &'t dyn Transport,
    pub id: u16,
    pub sq: DmaRegion,
    pub cq: DmaRegion,
    sq_entries: u16,
    cq_entries: u16,
    tail: u16,
    head: u16,
    phase: bool,
    cid: u16,
}

impl<'t> Queue<'t> {
    /// Rings, not yet known to the card.
    pub fn new(t: &'t dyn Transport, id: u16, sq_entries: u16, cq_entries: u16) -> Self {
        let sq = t.dma_alloc(sq_entries as usize * 64).expect("DMA memory");
        let cq = t.dma_alloc(cq_entries as usize * 16).expect("DMA memory");
        let cid = 0x100 * id;
        Self { t, id, sq, cq, sq_entries, cq_entries, tail: 0, head: 0, phase: true, cid }
    }

    /// Puts a command into the ring without ringing the doorbell; returns its id.
    pub fn push(&mut self, mut command: Command) -> u16 {
        self.cid = self.cid.wrapping_add(1);
        command.cid = self.cid;
        self.sq.write(self.tail as usize * 64, bytemuck::bytes_of(&command));
        self.tail = (self.tail + 1) % self.sq_entries;
        self.cid
    }

    /// Tells the card of everything pushed.
    pub fn ring(&self) {
        self.t.write32(sq_doorbell(self.id), self.tail as u32).expect("doorbell");
    }

    /// The next completion if it is there, without telling the card that it was taken.
    pub fn peek(&mut self) -> Option<Completion> {
        let at = self.head as usize * 16;
        if (self.cq.load_acquire(at + 12) >> 16 & 1 != 0) != self.phase {
            return None;
        }
        let mut bytes = [0; 16];
        self.cq.read(at, &mut bytes);
        self.head = (self.head + 1) % self.cq_entries;
        self.phase ^= self.head == 0;
        Some(bytemuck::pod_read_unaligned(&bytes))
    }

    /// Tells the card how far completions were taken.
    pub fn acknowledge(&self) {
        self.t.write32(cq_doorbell(self.id), self.head as u32).expect("doorbell");
    }

    /// Waits for the next completion, checks its frame, and acknowledges it.
    pub fn take(&mut self) -> Completion {
        let start = Instant::now();
        let completion = loop {
            match self.peek() {
                Some(completion) => break completion,
                None => assert!(start.elapsed() < LIMIT, "queue {}: no completion", self.id),
            }
            std::thread::yield_now();
        };
        assert_eq!(completion.sq_id, self.id);
        assert!(completion.sq_head < self.sq_entries);
        self.acknowledge();
        completion
    }

    /// Runs one command alone; its id and its completion.
    pub fn run(&mut self, command: Command) -> Completion {
        let cid = self.push(command);
        self.ring();
        let completion = self.take();
        assert_eq!(completion.cid, cid);
        assert_eq!(completion.sq_head, self.tail);
        completion
    }

    /// Runs a command that must succeed.
    pub fn must(&mut self, command: Command) -> Completion {
        let completion = self.run(command);
        assert_eq!((completion.status(), completion.info), (Ok(Status::Success), 0), "{command:?}");
        completion
    }

    /// The CREATE_QUEUE for this queue.
    pub fn creation(&self) -> CreateQueueCommand {
        CreateQueueCommand {
            sq_iova: self.sq.iova(),
            cq_iova: self.cq.iova(),
            queue: self.id,
            sq_entries: self.sq_entries,
            cq_entries: self.cq_entries,
            irq_vector: self.id,
            ..Default::default()
        }
    }
}

pub fn write64(t: &dyn Transport, offset: u64, value: u64) {
    t.write32(offset, value as u32).expect("register");
    t.write32(offset + 4, (value >> 32) as u32).expect("register");
}

pub fn read64(t: &dyn Transport, offset: u64) -> u64 {
    t.read32(offset).expect("register") as u64 | (t.read32(offset + 4).expect("register") as u64) << 32
}

pub fn csts(t: &dyn Transport) -> Csts {
    Csts(t.read32(reg::CSTS).expect("CSTS"))
}

/// Waits for a condition on CSTS.
pub fn wait_csts(t: &dyn Transport, what: &str, test: impl Fn(Csts) -> bool) {
    let start = Instant::now();
    while !test(csts(t)) {
        assert!(start.elapsed() < LIMIT, "CSTS = {:#x}, expected {what}", csts(t).0);
        std::thread::yield_now();
    }
}

/// Controller reset.
pub fn disable(t: &dyn Transport) {
    t.write32(reg::CC, 0).expect("CC");
    wait_csts(t, "READY = 0", |s| !s.ready());
}

/// Fresh admin queue on a freshly enabled card, with no error held.
pub fn enable(t: &dyn Transport) -> Queue<'_> {
    disable(t);
    let admin = Queue::new(t, 0, ADMIN_ENTRIES, ADMIN_ENTRIES);
    write64(t, reg::ADMIN_SQ, admin.sq.iova());
    write64(t, reg::ADMIN_CQ, admin.cq.iova());
    let size = AdminSize::from_fields(ADMIN_ENTRIES as u32, ADMIN_ENTRIES as u32);
    t.write32(reg::ADMIN_SIZE, size.0).expect("ADMIN_SIZE");
    t.write32(reg::ERR_STATUS, 1 << 31).expect("ERR_STATUS");
    t.enable_irqs(3).expect("interrupts");
    t.write32(reg::CC, 1).expect("CC");
    wait_csts(t, "READY = 1", |s| s.ready());
    assert!(!csts(t).fatal());
    admin
}

/// The same with I/O queue 1.
pub fn enable_io(t: &dyn Transport, sq_entries: u16, cq_entries: u16) -> (Queue<'_>, Queue<'_>) {
    let mut admin = enable(t);
    let io = Queue::new(t, 1, sq_entries, cq_entries);
    admin.must(Command::new(&io.creation()));
    (admin, io)
}

pub fn nop() -> Command {
    Command::new(&NopCommand::default())
}
