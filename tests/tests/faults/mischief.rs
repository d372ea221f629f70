//! A transport that does mischief between the driver and a sound card.
//!
//! Completions take a detour: the card is given rings of this transport's own, and a thread copies what appears there to the
//! rings that the driver has set up, with whatever fault is asked for. Interrupts follow the copy.

use permafrost_abi::{
    reg, sq_doorbell, Completion, CreateQueueCommand, DeleteQueueCommand, DmaRegion, Transport,
    TransportError, COMMAND_BYTES, COMPLETION_BYTES,
};
use std::any::Any;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Times longer than on silicon: a second of a deadline is this many here.
pub const SCALE: u32 = 2500;
/// Between two looks at the card's rings.
const LOOK: Duration = Duration::from_micros(500);
/// How long a torn completion stays torn.
pub const TORN: Duration = Duration::from_millis(60);

const ENTRY: usize = COMPLETION_BYTES as usize;

/// What happens to the next completion of an I/O queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It never arrives; those after it do.
    Lost,
    /// It arrives later.
    Delayed(Duration),
    /// It arrives twice, in two slots.
    Twice,
    /// It changes places with the next one.
    Swapped,
    /// The word with the phase is there first, the others after [`TORN`].
    PhaseFirst,
    /// The words arrive in order, each after [`TORN`].
    WordByWord,
    /// Its phase is that of the last pass.
    WrongPhase,
    /// One of its 128 bits is wrong.
    Flip(usize),
    /// It arrives in the ring that is there after the next creation of the queue.
    Late,
}

/// What happens to every interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Irqs {
    Sound,
    Lost,
    Twice,
    /// Raised by the doorbell, and not again.
    Early,
    /// Raised for another queue.
    Astray,
    /// Raised all the time, with and without reason.
    Storm,
}

/// What happens to writes of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Drop,
    Twice,
    /// This value is written instead.
    Instead(u32),
}

/// What registers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    Sound,
    /// This, all of them.
    All(u32),
    /// One of them.
    One(u64, u32),
}

/// The transport. Dropping it ends its thread.
pub struct Mischief {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    inner: Arc<dyn Transport>,
    state: Mutex<State>,
    raised: Condvar,
    stop: AtomicBool,
}

struct State {
    /// The driver's memory by IOVA.
    regions: BTreeMap<u64, Arc<DmaRegion>>,
    /// Allocations until one fails.
    fails_in: Option<u64>,
    allocations: u64,
    reads: Reads,
    writes: Vec<(u64, Write, u32)>,
    irqs: Irqs,
    script: VecDeque<Fault>,
    /// A completion is forged as soon as the card hears of a command.
    forge: bool,
    rings: HashMap<u16, Ring>,
    /// Rings of ours that the card may still write, until it has come to rest.
    kept: Vec<DmaRegion>,
    /// A completion for the ring that comes.
    late: Option<[u8; ENTRY]>,
    /// Events of each vector.
    pending: Vec<u64>,
    admin_sq: u64,
    admin_cq: u64,
    admin_size: u32,
    admin_tail: u32,
}

/// A completion ring of the driver, and the one that the card knows instead.
struct Ring {
    card: DmaRegion,
    driver: u64,
    sq: u64,
    sq_entries: u16,
    entries: u16,
    vector: u16,
    /// Next slot of the card's ring, and its phase.
    head: u16,
    phase: bool,
    /// Next slot of the driver's.
    out: u16,
    out_phase: bool,
    /// The first of two that change places.
    held: Option<[u8; ENTRY]>,
    sq_tail: u16,
    sq_head: u16,
}

impl Ring {
    fn next(&mut self) -> Option<[u8; ENTRY]> {
        let at = self.head as usize * ENTRY;
        if (self.card.load_acquire(at + 12) >> 16 & 1 != 0) != self.phase {
            return None;
        }
        let mut entry = [0; ENTRY];
        self.card.read(at, &mut entry);
        self.head = (self.head + 1) % self.entries;
        self.phase ^= self.head == 0;
        Some(entry)
    }

    /// The next slot of the driver's ring, by its IOVA, and its phase.
    fn slot(&mut self) -> (u64, bool) {
        let slot = (self.driver + self.out as u64 * ENTRY as u64, self.out_phase);
        self.out = (self.out + 1) % self.entries;
        self.out_phase ^= self.out == 0;
        slot
    }
}

/// A region as the driver has it; unknown here once it is dropped.
struct Owner {
    shared: Arc<Shared>,
    iova: u64,
}

impl Drop for Owner {
    fn drop(&mut self) {
        let region = self.shared.lock().regions.remove(&self.iova);
        drop(region);
    }
}

impl Mischief {
    /// Between the driver and `inner`; sound as long as nothing else is asked for.
    pub fn new(inner: Arc<dyn Transport>) -> Arc<Self> {
        let state = State {
            regions: BTreeMap::new(),
            fails_in: None,
            allocations: 0,
            reads: Reads::Sound,
            writes: Vec::new(),
            irqs: Irqs::Sound,
            script: VecDeque::new(),
            forge: false,
            rings: HashMap::new(),
            kept: Vec::new(),
            late: None,
            pending: Vec::new(),
            admin_sq: 0,
            admin_cq: 0,
            admin_size: 0,
            admin_tail: 0,
        };
        let shared =
            Arc::new(Shared { inner, state: Mutex::new(state), raised: Condvar::new(), stop: false.into() });
        let carrier = shared.clone();
        let thread = std::thread::spawn(move || carrier.carry());
        Arc::new(Self { shared, thread: Some(thread) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// What happens to the next completions of I/O queues, in order of their arrival.
    pub fn script(&self, faults: &[Fault]) {
        self.lock().script.extend(faults);
    }

    /// Whether the script has been played.
    pub fn played(&self) -> bool {
        self.lock().script.is_empty()
    }

    /// Whether a completion is held back for the ring that comes.
    pub fn late(&self) -> bool {
        self.lock().late.is_some()
    }

    pub fn irqs(&self, irqs: Irqs) {
        self.lock().irqs = irqs;
    }

    pub fn reads(&self, reads: Reads) {
        self.lock().reads = reads;
    }

    /// What happens to the next `times` writes of a register.
    pub fn writes(&self, offset: u64, write: Write, times: u32) {
        self.lock().writes.push((offset, write, times));
    }

    /// Writes arrive again as they should.
    pub fn writes_arrive(&self) {
        self.lock().writes.clear();
    }

    /// The next command of an I/O queue is said to be complete before the card has seen it.
    pub fn forge(&self) {
        self.lock().forge = true;
    }

    /// The allocation after `before` more fails.
    pub fn fail_allocation(&self, before: u64) {
        self.lock().fails_in = Some(before);
    }

    /// No allocation fails any more.
    pub fn allocate(&self) {
        self.lock().fails_in = None;
    }

    /// Allocations so far, and regions mapped now.
    pub fn memory(&self) -> (u64, usize) {
        let state = self.lock();
        (state.allocations, state.regions.len())
    }
}

impl Drop for Mischief {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The thread: carries completions from the card to the driver.
    fn carry(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            if !self.carry_some() {
                // A vector that is not enabled, or a card that is gone: look again all the same.
                if self.inner.wait_irq(1, LOOK).is_err() {
                    std::thread::sleep(LOOK);
                }
            }
        }
    }

    fn carry_some(&self) -> bool {
        let mut state = self.lock();
        if state.irqs == Irqs::Storm {
            state.pending.iter_mut().for_each(|count| *count += 1);
            self.raised.notify_all();
        }
        let ids: Vec<u16> = state.rings.keys().copied().collect();
        for id in ids {
            let Some(entry) = state.rings.get_mut(&id).and_then(Ring::next) else { continue };
            let fault = match id {
                0 => Fault::None,
                _ => state.script.pop_front().unwrap_or(Fault::None),
            };
            self.deliver(state, id, entry, fault);
            return true;
        }
        false
    }

    fn deliver<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        id: u16,
        mut entry: [u8; ENTRY],
        fault: Fault,
    ) {
        if let Fault::Delayed(time) = fault {
            drop(state);
            std::thread::sleep(time);
            state = self.lock();
        }
        let State { rings, late, .. } = &mut *state;
        // The queue may have been deleted meanwhile.
        let Some(ring) = rings.get_mut(&id) else { return };
        ring.sq_head = bytemuck::pod_read_unaligned::<Completion>(&entry).sq_head;
        let mut entries = vec![entry];
        match fault {
            Fault::Twice => entries.push(entry),
            Fault::Lost => {
                ring.slot();
                return;
            }
            Fault::Late => {
                ring.slot();
                *late = Some(entry);
                return;
            }
            Fault::Swapped => {
                ring.held = Some(entry);
                return;
            }
            Fault::Flip(bit) => {
                entry[bit / 8] ^= 1 << (bit % 8);
                entries = vec![entry];
            }
            _ => {}
        }
        entries.extend(ring.held.take());
        for entry in entries {
            let (at, mut phase) = match state.rings.get_mut(&id) {
                Some(ring) => ring.slot(),
                None => return,
            };
            let flipped = matches!(fault, Fault::Flip(112) | Fault::WrongPhase);
            phase ^= flipped;
            state = self.publish(state, at, phase, entry, fault);
        }
        let vector = state.rings.get(&id).map_or(id, |ring| ring.vector);
        let times = match state.irqs {
            Irqs::Sound | Irqs::Storm => 1,
            Irqs::Twice => 2,
            Irqs::Lost | Irqs::Early => 0,
            Irqs::Astray => {
                let other = (vector as usize + 1) % state.pending.len().max(1);
                raise(&mut state, other);
                0
            }
        };
        (0..times).for_each(|_| raise(&mut state, vector.into()));
        self.raised.notify_all();
    }

    /// Writes a completion into the driver's memory, as a card would or as it must not.
    fn publish<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        at: u64,
        phase: bool,
        mut entry: [u8; ENTRY],
        fault: Fault,
    ) -> MutexGuard<'s, State> {
        entry[14] = entry[14] & !1 | u8::from(phase);
        let word = |i: usize| u32::from_le_bytes([0, 1, 2, 3].map(|b| entry[4 * i + b]));
        let Some((region, at)) = state.find(at) else { return state };
        match fault {
            Fault::PhaseFirst => region.store_release(at + 12, word(3)),
            Fault::WordByWord => {}
            _ => {
                region.write(at, &entry[..12]);
                region.store_release(at + 12, word(3));
                return state;
            }
        }
        // The driver looks at what is there so far.
        let iova = region.iova();
        drop(region);
        for i in 0..4 {
            self.raised.notify_all();
            drop(state);
            std::thread::sleep(TORN);
            state = self.lock();
            // The driver may have let the ring go.
            let Some(region) = state.regions.get(&iova) else { break };
            if i < 3 || fault == Fault::WordByWord {
                region.store_release(at + 4 * i, word(i));
            }
        }
        state
    }
}

/// An event of a vector; of one that is not enabled it is dropped.
fn raise(state: &mut State, vector: usize) {
    if let Some(count) = state.pending.get_mut(vector) {
        *count += 1;
    }
}

impl State {
    /// The region that an IOVA is in, and where.
    fn find(&self, iova: u64) -> Option<(Arc<DmaRegion>, usize)> {
        let (start, region) = self.regions.range(..=iova).next_back()?;
        let at = (iova - start) as usize;
        (at < region.len()).then(|| (region.clone(), at))
    }

    /// Commands that the admin queue is about to get: creations are made to name a ring of ours.
    fn follow_admin(&mut self, inner: &dyn Transport, tail: u32) -> Result<(), TransportError> {
        let entries = self.admin_size & 0xffff;
        while self.admin_tail != tail && tail < entries {
            let iova = self.admin_sq + u64::from(self.admin_tail) * u64::from(COMMAND_BYTES);
            self.admin_tail = (self.admin_tail + 1) % entries;
            let Some((region, at)) = self.find(iova) else { continue };
            let mut bytes = [0; COMMAND_BYTES as usize];
            region.read(at, &mut bytes);
            let command: permafrost_abi::Command = bytemuck::pod_read_unaligned(&bytes);
            if let Some(body) = command.body_as::<DeleteQueueCommand>() {
                self.kept.extend(self.rings.remove(&body.queue).map(|ring| ring.card));
            }
            let Some(mut body) = command.body_as::<CreateQueueCommand>() else { continue };
            let sq = (body.sq_iova, body.sq_entries);
            let ring = ring(inner, body.cq_iova, body.cq_entries, sq, body.irq_vector)?;
            body.cq_iova = ring.card.iova();
            region.write(at + 16, bytemuck::bytes_of(&body));
            self.rings.insert(body.queue, ring);
            if let Some(late) = self.late.take() {
                let (region, at) = self.find(self.rings[&body.queue].driver).expect("the driver's ring");
                self.rings.get_mut(&body.queue).map(Ring::slot);
                region.write(at, &late);
            }
        }
        Ok(())
    }

    /// A completion of the next command in this queue, which the card has not seen.
    fn forged(&mut self, id: u16) -> Option<()> {
        let ring = self.rings.get_mut(&id)?;
        let (sq, head, tail) = (ring.sq, ring.sq_head, ring.sq_tail);
        let (to, phase) = ring.slot();
        let (region, at) = self.find(sq + u64::from(tail) * u64::from(COMMAND_BYTES))?;
        let mut cid = [0; 2];
        region.read(at + 2, &mut cid);
        let completion = Completion {
            cycles: 100,
            info: 0,
            sq_head: head,
            sq_id: id,
            cid: u16::from_le_bytes(cid),
            status_phase: phase.into(),
        };
        let (region, at) = self.find(to)?;
        region.write(at, bytemuck::bytes_of(&completion));
        Some(())
    }
}

fn ring(
    inner: &dyn Transport,
    driver: u64,
    entries: u16,
    sq: (u64, u16),
    vector: u16,
) -> Result<Ring, TransportError> {
    Ok(Ring {
        card: inner.dma_alloc(usize::from(entries).max(1) * ENTRY)?,
        driver,
        sq: sq.0,
        sq_entries: sq.1,
        entries,
        vector,
        head: 0,
        phase: true,
        out: 0,
        out_phase: true,
        held: None,
        sq_tail: 0,
        sq_head: 0,
    })
}

/// `value` with its low or high half replaced.
fn half(value: u64, high: bool, word: u32) -> u64 {
    match high {
        false => value >> 32 << 32 | u64::from(word),
        true => value & 0xffff_ffff | u64::from(word) << 32,
    }
}

const ADMIN_SQ_HIGH: u64 = reg::ADMIN_SQ + 4;
const ADMIN_CQ_HIGH: u64 = reg::ADMIN_CQ + 4;

impl Mischief {
    fn adopt(&self, region: DmaRegion) -> DmaRegion {
        let region = Arc::new(region);
        let (iova, ptr, len) = (region.iova(), region.as_ptr(), region.len());
        self.lock().regions.insert(iova, region);
        let owner = Owner { shared: self.shared.clone(), iova };
        // SAFETY: valid and aligned as long as the region of `inner` lives, which is in `regions` until the owner is dropped;
        // no reference points into it.
        unsafe { DmaRegion::new(iova, ptr, len, Box::new(owner)) }
    }

    /// Counts an allocation; the error if it is the one that fails.
    fn allocates(&self, requested: usize) -> Result<(), TransportError> {
        let mut state = self.lock();
        state.allocations += 1;
        match &mut state.fails_in {
            Some(0) => {
                state.fails_in = None;
                Err(TransportError::OutOfMemory { requested, detail: "mischief".into() })
            }
            Some(before) => {
                *before -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Transport for Mischief {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        match self.lock().reads {
            Reads::All(value) => return Ok(value),
            Reads::One(at, value) if at == offset => return Ok(value),
            _ => {}
        }
        self.shared.inner.read32(offset)
    }

    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError> {
        let inner = &self.shared.inner;
        let mut state = self.lock();
        match offset {
            reg::ADMIN_SQ | ADMIN_SQ_HIGH => {
                state.admin_sq = half(state.admin_sq, offset == ADMIN_SQ_HIGH, value);
            }
            reg::ADMIN_CQ | ADMIN_CQ_HIGH => {
                state.admin_cq = half(state.admin_cq, offset == ADMIN_CQ_HIGH, value);
                return Ok(()); // the card gets ours once the size is known
            }
            reg::ADMIN_SIZE => {
                (state.admin_size, state.admin_tail) = (value, 0);
                let sq = (state.admin_sq, value as u16);
                let admin = ring(inner.as_ref(), state.admin_cq, (value >> 16) as u16, sq, 0)?;
                let iova = admin.card.iova();
                inner.write32(reg::ADMIN_CQ, iova as u32)?;
                inner.write32(ADMIN_CQ_HIGH, (iova >> 32) as u32)?;
                state.rings.insert(0, admin);
            }
            _ => {}
        }
        let mut actions = vec![value];
        if let Some(i) = state.writes.iter().position(|(at, _, _)| *at == offset) {
            match state.writes[i].1 {
                Write::Drop => actions.clear(),
                Write::Twice => actions.push(value),
                Write::Instead(other) => actions = vec![other],
            }
            state.writes[i].2 -= 1;
            if state.writes[i].2 == 0 {
                state.writes.remove(i);
            }
        }
        if offset == reg::CC && value & 1 == 0 && !actions.is_empty() {
            // What the card still writes meanwhile reaches nobody.
            for (_, ring) in std::mem::take(&mut state.rings) {
                state.kept.push(ring.card);
            }
        }
        if offset == reg::CC && value & 1 == 1 {
            state.kept.clear();
        }
        if offset == sq_doorbell(0) {
            state.follow_admin(inner.as_ref(), value)?;
        }
        let io = (1..=permafrost_abi::MAX_IO_QUEUES as u16).find(|id| sq_doorbell(*id) == offset);
        if let Some(id) = io {
            if state.forge && state.rings.contains_key(&id) {
                state.forge = false;
                state.forged(id);
                raise(&mut state, id.into());
            }
            if let Some(ring) = state.rings.get_mut(&id) {
                ring.sq_tail = (value as u16).min(ring.sq_entries.saturating_sub(1));
            }
            if state.irqs == Irqs::Early {
                raise(&mut state, id.into());
            }
            self.shared.raised.notify_all();
        }
        drop(state);
        actions.into_iter().try_for_each(|value| inner.write32(offset, value))
    }

    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        self.allocates(len)?;
        Ok(self.adopt(self.shared.inner.dma_alloc(len)?))
    }

    unsafe fn dma_map(
        &self,
        ptr: *mut u8,
        len: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, TransportError> {
        self.allocates(len)?;
        // SAFETY: the caller's promise is passed on.
        Ok(self.adopt(unsafe { self.shared.inner.dma_map(ptr, len, owner) }?))
    }

    fn enable_irqs(&self, vectors: u16) -> Result<(), TransportError> {
        self.lock().pending = vec![0; vectors.into()];
        self.shared.inner.enable_irqs(vectors)
    }

    fn wait_irq(&self, vector: u16, timeout: Duration) -> Result<bool, TransportError> {
        let end = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            let enabled = state.pending.len() as u16;
            let pending = state.pending.get_mut(usize::from(vector));
            let pending = pending.ok_or(TransportError::BadVector { vector, enabled })?;
            if *pending > 0 {
                // A storm does not calm down by being looked at, but one event a call is all there is.
                *pending -= 1;
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                // What the transport itself has to say.
                return self.shared.inner.wait_irq(vector, Duration::ZERO).map(|_| false);
            }
            state = self.shared.raised.wait_timeout(state, left).unwrap_or_else(|e| e.into_inner()).0;
        }
    }

    fn reset(&self) -> Result<(), TransportError> {
        let rings = std::mem::take(&mut self.lock().rings);
        let result = self.shared.inner.reset();
        drop(rings);
        result
    }

    fn name(&self) -> &str {
        "mischief"
    }

    fn deadline_scale(&self) -> u32 {
        SCALE
    }
}
