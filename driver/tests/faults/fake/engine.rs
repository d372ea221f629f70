//! What the fake card does with commands.

use super::memory::Memory;
use super::{Aborts, Fault, Maps, Resets, SLOW};
use permafrost_abi::registers::Csts;
use permafrost_abi::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most entries of a ring.
pub const LOG2_RING: u32 = 10;
pub const MAX_RING: u16 = 1 << LOG2_RING;
/// Narrowest and widest window.
pub const MSM_WINDOWS: (u32, u32) = (2, 13);
pub const MSM_LOG2_SLOTS: u32 = 17;
pub const CLOCK_KHZ: u32 = 100_000;

#[derive(Clone, Copy, Debug, Default)]
pub struct Ring {
    pub sq: u64,
    pub cq: u64,
    pub sq_entries: u16,
    pub cq_entries: u16,
    pub vector: u16,
    pub sq_head: u16,
    pub sq_tail: u16,
    pub cq_tail: u16,
    pub cq_head: u16,
    /// Inverted phase, so that the default is phase 1.
    pub flipped: bool,
    pub hung: bool,
    /// The command that hangs; `sq_head` is past it.
    pub hand: Option<Command>,
    pub slow_until: Option<Instant>,
    pub irq_count: u16,
    pub irq_clocks: u32,
    /// Completions whose interrupt has not been raised, and since when.
    pub gathered: u16,
    pub since: Option<Instant>,
}

impl Ring {
    /// Commands from the last completed one to the tail.
    pub fn depth(&self) -> u16 {
        (self.sq_tail + self.sq_entries - self.sq_head) % self.sq_entries + self.hand.is_some() as u16
    }

    /// When completions have waited long enough for others.
    fn due(&self) -> Option<Instant> {
        let wait = Duration::from_micros(self.irq_clocks as u64 * 1000 / CLOCK_KHZ as u64);
        self.since.map(|since| since + wait)
    }
}

/// Status, info, address.
pub type Failure = (Status, u32, u64);

pub struct State {
    maps: Arc<Maps>,
    pub stop: bool,
    pub io_queues: u16,
    /// CC.ENABLE.
    pub enable: bool,
    /// The card runs: CSTS.READY.
    pub up: bool,
    pub fatal: bool,
    pub admin: Ring,
    pub rings: BTreeMap<u16, Ring>,
    pub semaphores: [u32; SEMAPHORES as usize],
    pub memory: Memory,
    pub syndrome: Option<(Status, u16, u16, u64)>,
    pub errors: u32,
    /// By register offset.
    pub counters: BTreeMap<u64, u64>,
    pub irqs: Vec<bool>,
    pub faults: VecDeque<Fault>,
    /// Of one queue only, before `faults`.
    pub queue_faults: BTreeMap<u16, VecDeque<Fault>>,
    /// The command of [`Fault::Late`].
    late: Option<Command>,
    pub aborts: Aborts,
    pub resets: Resets,
    pub refuses_maps: bool,
    pub overrides: BTreeMap<u64, u32>,
    pub every_register: Option<u32>,
    pub doorbells: Vec<(u64, u32)>,
    pub function_resets: u32,
}

impl State {
    pub fn new(dram_bytes: usize, io_queues: u16, maps: Arc<Maps>) -> Self {
        Self {
            maps,
            stop: false,
            io_queues,
            enable: false,
            up: false,
            fatal: false,
            admin: Ring::default(),
            rings: BTreeMap::new(),
            semaphores: [0; SEMAPHORES as usize],
            memory: Memory::new(dram_bytes),
            syndrome: None,
            errors: 0,
            counters: BTreeMap::new(),
            irqs: Vec::new(),
            faults: VecDeque::new(),
            queue_faults: BTreeMap::new(),
            late: None,
            aborts: Aborts::default(),
            resets: Resets::default(),
            refuses_maps: false,
            overrides: BTreeMap::new(),
            every_register: None,
            doorbells: Vec::new(),
            function_resets: 0,
        }
    }

    pub fn csts(&self) -> u32 {
        let ready = self.up || self.resets.controller_stuck;
        Csts::from_fields(ready, self.fatal, false, self.memory.scrubbing()).0
    }

    /// Takes a write of CC.ENABLE.
    pub fn enable(&mut self, on: bool) {
        let was = std::mem::replace(&mut self.enable, on);
        if !on {
            self.up = false;
            self.rings.clear();
            self.semaphores = [0; SEMAPHORES as usize];
            (self.fatal, self.errors, self.counters) = (false, 0, BTreeMap::new());
            self.memory.scrub(!self.resets.scrub_stuck);
        } else if !was {
            self.bring_up();
        }
    }

    /// Starts the card when it is enabled and its memory has been zeroed.
    fn bring_up(&mut self) {
        if !self.enable || self.up || self.fatal || self.memory.scrubbing() || self.resets.never_ready {
            return;
        }
        let a = &self.admin;
        let aligned = (a.sq | a.cq) % RING_ALIGN as u64 == 0;
        let sized = [a.sq_entries, a.cq_entries].iter().all(|n| (2..=MAX_RING).contains(n));
        if !aligned || !sized {
            self.fatal = true;
            let status = if sized { Status::BadAddress } else { Status::BadField };
            self.record(status, 0, 0, 0);
            return;
        }
        let ring = Ring { sq_head: 0, sq_tail: 0, cq_tail: 0, cq_head: 0, ..self.admin };
        self.rings = BTreeMap::from([(0, ring)]);
        self.up = true;
    }

    /// Records an error.
    pub fn record(&mut self, status: Status, queue: u16, cid: u16, address: u64) {
        self.errors += 1;
        self.syndrome.get_or_insert((status, queue, cid, address));
    }

    /// Adds to a counter.
    pub fn count(&mut self, counter: u64, by: usize) {
        *self.counters.entry(counter).or_default() += by as u64;
    }

    /// Takes a doorbell.
    pub fn doorbell(&mut self, queue: u16, head: bool, value: u32) {
        match self.rings.get_mut(&queue) {
            Some(ring) if head && value < ring.cq_entries as u32 => ring.cq_head = value as u16,
            Some(ring) if !head && value < ring.sq_entries as u32 => ring.sq_tail = value as u16,
            _ => self.record(Status::BadQueue, queue, 0xffff, 0),
        }
    }

    /// Copies between host memory and `bytes`; false when the IOVA range is not mapped.
    pub fn host(&self, iova: u64, bytes: &mut [u8], write: bool) -> bool {
        let len = bytes.len();
        // The map is locked meanwhile, so that it stays mapped.
        self.mapped(iova, len, |region, offset| match write {
            true => region.write(offset, bytes),
            false => region.read(offset, bytes),
        })
    }

    fn mapped(&self, iova: u64, len: usize, access: impl FnOnce(&DmaRegion, usize)) -> bool {
        let maps = self.maps.lock().unwrap();
        let Some((start, region)) = maps.range(..=iova).next_back() else { return false };
        let offset = (iova - start) as usize;
        let fits = offset <= region.len() && len <= region.len() - offset;
        if fits {
            access(region, offset);
        }
        fits
    }

    /// Runs the next command that can run, or what else is due; false when there is nothing.
    pub fn step(&mut self) -> bool {
        if self.memory.step() {
            if self.resets.scrub_fails {
                self.fatal = true;
                self.record(Status::DramWriteError, 0, 0xffff, 0);
            } else {
                self.memory.zero();
            }
            self.bring_up();
            return true;
        }
        let ids: Vec<u16> = self.rings.keys().copied().collect();
        ids.iter().any(|id| self.late_interrupt(*id)) || ids.iter().any(|id| self.step_queue(*id))
    }

    /// Longest time until [`step`](Self::step) has something to do unasked.
    pub fn pause(&self) -> Duration {
        let most = Duration::from_millis(2);
        let due = self.rings.values().filter_map(Ring::due).min();
        due.map_or(most, |due| due.saturating_duration_since(Instant::now()).min(most))
    }

    /// Raises the interrupt of completions that have waited long enough for others.
    fn late_interrupt(&mut self, id: u16) -> bool {
        let Some(mut ring) = self.rings.get(&id).copied() else { return false };
        let late = ring.due().is_some_and(|due| due <= Instant::now());
        if late {
            self.raise(&mut ring);
            self.rings.insert(id, ring);
        }
        late
    }

    fn raise(&mut self, ring: &mut Ring) {
        (ring.gathered, ring.since) = (0, None);
        if let Some(raised) = self.irqs.get_mut(ring.vector as usize) {
            *raised = true;
        }
        self.count(counter::INTERRUPTS, 1);
    }

    fn step_queue(&mut self, id: u16) -> bool {
        let Some(mut ring) = self.rings.get(&id).copied() else { return false };
        let full = (ring.cq_tail + 1) % ring.cq_entries == ring.cq_head;
        if ring.hung || full || ring.sq_head == ring.sq_tail {
            return false;
        }
        let mut bytes = [0; 64];
        if !self.host(ring.sq + ring.sq_head as u64 * 64, &mut bytes, false) {
            (ring.hung, self.fatal) = (true, true);
            self.record(Status::HostReadError, id, 0xffff, ring.sq);
            self.rings.insert(id, ring);
            return true;
        }
        let command: Command = bytemuck::pod_read_unaligned(&bytes);
        if command.flags & FLAG_WAIT != 0
            && self.semaphores.get(command.wait_sem as usize).is_some_and(|s| *s < command.wait_value)
        {
            return false;
        }
        if id != 0 && self.faults.front() == Some(&Fault::Slow) {
            let until = *ring.slow_until.get_or_insert(Instant::now() + SLOW);
            self.rings.insert(id, ring);
            if Instant::now() < until {
                return false;
            }
            ring.slow_until = None;
        }
        let own = self.queue_faults.get_mut(&id).and_then(VecDeque::pop_front);
        let any = || if id == 0 { None } else { self.faults.pop_front() };
        let fault = own.or_else(any).unwrap_or(Fault::None);
        ring.sq_head = (ring.sq_head + 1) % ring.sq_entries;
        match fault {
            Fault::Hang => ring.hung = true,
            Fault::NoCompletion => {
                self.rings.insert(id, ring);
                return true;
            }
            Fault::Vanish => (ring.hung, self.every_register) = (true, Some(u32::MAX)),
            Fault::ReadZero => (ring.hung, self.every_register) = (true, Some(0)),
            Fault::Late => (ring.hung, self.late) = (true, Some(command)),
            Fault::Fatal => (ring.hung, self.fatal) = (true, true),
            _ => {}
        }
        if let Some(late) = self.late.filter(|_| id != 0 && !ring.hung) {
            self.late = None;
            self.post(id, &mut ring, &late, Ok(0), Fault::None);
        }
        ring.hand = ring.hung.then_some(command);
        if !ring.hung {
            if id == 0 && command.opcode == Opcode::Abort as u8 && self.aborts == Aborts::Hang {
                (ring.hung, ring.hand) = (true, Some(command));
                self.rings.insert(id, ring);
                return true;
            }
            let result = self.execute(id, &command);
            if let Err((status, _, address)) = result {
                self.record(status, id, command.cid, address);
            } else if command.flags & FLAG_SIGNAL != 0 {
                let sem = &mut self.semaphores[command.signal_sem as usize];
                *sem = (*sem).max(command.signal_value);
            }
            for (name, by) in [
                (counter::COMMANDS, 1),
                (counter::HOST_READ_BYTES, 64),
                (counter::HOST_WRITE_BYTES, 16),
                (counter::COPY_BUSY, 100),
                (counter::CYCLES, 200),
            ] {
                self.count(name, by);
            }
            self.post(id, &mut ring, &command, result, fault);
            if fault == Fault::Duplicate {
                self.post(id, &mut ring, &command, result, fault);
            }
        }
        self.rings.insert(id, ring);
        true
    }

    /// Stops the command that `queue` has in hand, if it is the one with this id.
    pub fn abort(&mut self, queue: u16, cid: u16) -> Result<u32, Failure> {
        let ring = self.rings.get(&queue).copied().filter(|_| queue != 0);
        let mut ring = ring.ok_or((Status::BadQueue, 0, 0))?;
        let mut bytes = [0; 64];
        let next =
            ring.sq_head != ring.sq_tail && self.host(ring.sq + ring.sq_head as u64 * 64, &mut bytes, false);
        let next = next.then(|| bytemuck::pod_read_unaligned::<Command>(&bytes));
        let Some(command) = ring.hand.or(next).filter(|c| c.cid == cid) else { return Ok(0) };
        match self.aborts {
            Aborts::Obey | Aborts::Hang => {}
            Aborts::Refuse => return Ok(0),
            Aborts::Ignore => return Ok(1),
        }
        if ring.hand.take().is_none() {
            ring.sq_head = (ring.sq_head + 1) % ring.sq_entries;
            if ring.slow_until.take().is_some() {
                self.faults.pop_front();
            }
        }
        ring.hung = false;
        self.record(Status::Aborted, queue, cid, 0);
        self.post(queue, &mut ring, &command, Err((Status::Aborted, 0, 0)), Fault::None);
        self.rings.insert(queue, ring);
        Ok(1)
    }

    fn post(
        &mut self,
        id: u16,
        ring: &mut Ring,
        command: &Command,
        result: Result<u32, Failure>,
        fault: Fault,
    ) {
        let (status, info) =
            result.map_or_else(|(status, info, _)| (status, info), |info| (Status::Success, info));
        let mut completion = Completion {
            cycles: 100,
            info,
            sq_head: ring.sq_head,
            sq_id: id,
            cid: command.cid,
            status_phase: Completion::pack_status(status, !ring.flipped),
        };
        match fault {
            Fault::WrongCid => completion.cid ^= 1,
            Fault::WrongQueue => completion.sq_id ^= 3,
            Fault::HeadOutside => completion.sq_head += ring.sq_entries,
            Fault::HeadAhead => completion.sq_head = ring.sq_tail,
            Fault::HeadBeyond => completion.sq_head = (ring.sq_tail + 1) % ring.sq_entries,
            Fault::HeadBehind => completion.sq_head = (ring.sq_head + ring.sq_entries - 1) % ring.sq_entries,
            Fault::StrayInfo => completion.info = 1,
            Fault::UnknownStatus => completion.status_phase = 99 << 1 | completion.status_phase & 1,
            Fault::WrongPhase => completion.status_phase ^= 1,
            _ => {}
        }
        let mut bytes: [u8; 16] = bytemuck::cast(completion);
        let at = ring.cq + ring.cq_tail as u64 * 16;
        self.host(at, &mut bytes[..12], true);
        let last = u32::from_le_bytes(bytes[12..].try_into().unwrap());
        self.mapped(at + 12, 4, |region, offset| region.store_release(offset, last));
        ring.cq_tail = (ring.cq_tail + 1) % ring.cq_entries;
        ring.flipped ^= ring.cq_tail == 0;
        if fault != Fault::NoInterrupt {
            ring.gathered += 1;
            ring.since.get_or_insert_with(Instant::now);
            if ring.gathered >= ring.irq_count {
                self.raise(ring);
            }
        }
    }
}
