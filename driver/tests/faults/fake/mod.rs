//! A card in software, as the contract describes it, that can be told to misbehave. It is a test double of the
//! driver's counterpart only; the card itself is the RTL.

mod commands;
mod engine;
mod memory;

use engine::{State, CLOCK_KHZ, LOG2_RING, MSM_LOG2_SLOTS, MSM_WINDOWS};
use permafrost_abi::registers::{CapEngines, CapMsm, CapQueues, DramDirty, ErrSource, ErrStatus};
use permafrost_abi::*;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What happens to the next I/O command instead of what should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing; the command runs as it should.
    None,
    /// It never completes, nor does anything after it in its queue, until it is aborted.
    Hang,
    /// It runs, but its completion is never written.
    NoCompletion,
    /// Its completion has another command id.
    WrongCid,
    /// Its completion has another queue id.
    WrongQueue,
    /// Its completion has an SQ head outside the ring, which would be right if it were wrapped.
    HeadOutside,
    /// Its completion says that all commands were fetched, which may well be.
    HeadAhead,
    /// Its completion says that more commands were fetched than there are.
    HeadBeyond,
    /// Its completion has an SQ head that does not cover it.
    HeadBehind,
    /// Its completion has a detail that success does not have.
    StrayInfo,
    /// Its completion has a status code that the contract does not have.
    UnknownStatus,
    /// Its completion has the phase of the previous pass.
    WrongPhase,
    /// Its completion is written twice.
    Duplicate,
    /// Its interrupt is lost.
    NoInterrupt,
    /// The card is gone: registers read all ones.
    Vanish,
    /// The bus has failed: registers read 0.
    ReadZero,
    /// It takes [`SLOW`].
    Slow,
    /// It completes only after the next reset, in the new ring.
    Late,
    /// CSTS.FATAL rises and the queue stops.
    Fatal,
}

/// How long a slow command takes.
pub const SLOW: Duration = Duration::from_millis(250);

/// How long a slow function level reset takes: longer than a waiting thread goes without a look at the registers.
pub const DARK: Duration = Duration::from_millis(700);

/// What happens to ABORT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aborts {
    /// What should.
    #[default]
    Obey,
    /// It never completes, nor does anything after it in the admin queue.
    Hang,
    /// It says that the command was stopped, which then never ends.
    Ignore,
    /// It says that the queue has no such command in hand.
    Refuse,
}

/// How resets go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resets {
    /// CSTS.READY stays 1 after CC.ENABLE = 0.
    pub controller_stuck: bool,
    /// The function level reset fails.
    pub function_fails: bool,
    /// CSTS.SCRUBBING stays 1.
    pub scrub_stuck: bool,
    /// CSTS.FATAL rises instead of memory being zeroed.
    pub scrub_fails: bool,
    /// CSTS.READY stays 0 after CC.ENABLE = 1.
    pub never_ready: bool,
    /// A function level reset does not put an end to the others.
    pub incurable: bool,
    /// The function level reset takes [`DARK`], and registers read all ones meanwhile.
    pub dark: bool,
}

/// Memory the card reaches, by IOVA: views that end before the memory does.
type Maps = Mutex<BTreeMap<u64, DmaRegion>>;

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    irq: Condvar,
    maps: Arc<Maps>,
    next_iova: AtomicU64,
}

/// The card; its worker thread ends when it is dropped.
pub struct FakeCard {
    shared: Arc<Shared>,
}

impl FakeCard {
    /// A card with `dram_bytes` of memory and two I/O queues.
    pub fn new(dram_bytes: usize) -> Arc<Self> {
        Self::with_queues(dram_bytes, 2)
    }

    /// A card with `dram_bytes` of memory and `io_queues` I/O queues.
    pub fn with_queues(dram_bytes: usize, io_queues: u16) -> Arc<Self> {
        let maps = Arc::new(Maps::default());
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(dram_bytes, io_queues, maps.clone())),
            work: Condvar::new(),
            irq: Condvar::new(),
            maps,
            next_iova: AtomicU64::new(0x10_0000),
        });
        let worker = shared.clone();
        std::thread::spawn(move || work(&worker));
        Arc::new(Self { shared })
    }

    /// What happens to the next I/O commands, in order of execution.
    pub fn script(&self, faults: &[Fault]) {
        self.state().faults.extend(faults);
    }

    /// What happens to the next commands of one queue, 0 = admin, instead of what is said for any I/O command.
    pub fn script_of(&self, queue: u16, faults: &[Fault]) {
        self.state().queue_faults.entry(queue).or_default().extend(faults);
    }

    /// Waits until as many commands were started as there were faults in the scripts.
    pub fn await_script(&self) {
        let pending = |state: &State| {
            !state.faults.is_empty() || state.queue_faults.values().any(|faults| !faults.is_empty())
        };
        while pending(&self.state()) {
            std::thread::yield_now();
        }
    }

    /// Forgets what is left of the scripts.
    pub fn unscript(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.queue_faults.clear();
    }

    /// What happens to ABORT from now on.
    pub fn aborts(&self, aborts: Aborts) {
        self.state().aborts = aborts;
    }

    /// Whether memory can be mapped from now on.
    pub fn refuse_maps(&self, refuse: bool) {
        self.state().refuses_maps = refuse;
    }

    /// How resets go from now on.
    pub fn resets(&self, resets: Resets) {
        self.state().resets = resets;
    }

    /// Overrides what a register reads.
    pub fn set_register(&self, offset: u64, value: u32) {
        self.state().overrides.insert(offset, value);
    }

    /// Doorbell writes so far: (offset, value).
    pub fn doorbells(&self) -> Vec<(u64, u32)> {
        self.state().doorbells.clone()
    }

    /// Function level resets so far.
    pub fn function_resets(&self) -> u32 {
        self.state().function_resets
    }

    /// Whether CC.ENABLE is set.
    pub fn enabled(&self) -> bool {
        self.state().enable
    }

    /// A copy of card memory.
    pub fn memory(&self) -> Vec<u8> {
        self.state().memory.bytes.clone()
    }

    /// DMA regions mapped now.
    pub fn mapped_regions(&self) -> usize {
        self.shared.maps.lock().unwrap().len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for FakeCard {
    fn drop(&mut self) {
        self.state().stop = true;
        self.shared.work.notify_all();
    }
}

/// Runs commands, one at a time, with pauses so that submission and completion interleave in many ways.
fn work(shared: &Shared) {
    let mut step = 0u32;
    loop {
        let mut state = shared.state.lock().unwrap();
        while !state.step() {
            if state.stop {
                return;
            }
            // A timeout, for slow commands and what else takes its time.
            let pause = state.pause();
            state = shared.work.wait_timeout(state, pause).unwrap().0;
        }
        shared.irq.notify_all();
        drop(state);
        step = step.wrapping_mul(1664525).wrapping_add(1013904223);
        if step >> 29 == 0 {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// A mapped region's memory; unmapped before its owner is dropped.
struct Memory {
    iova: u64,
    maps: Arc<Maps>,
    _owner: Box<dyn Any + Send + Sync>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.maps.lock().unwrap().remove(&self.iova);
    }
}

impl Transport for FakeCard {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        let state = self.state();
        if offset % 4 != 0 || offset >= BAR0_BYTES as u64 {
            return Err(TransportError::BadOffset { offset, bar_bytes: BAR0_BYTES as u64 });
        }
        if let Some(value) = state.every_register.or(state.overrides.get(&offset).copied()) {
            return Ok(value);
        }
        let dram = state.memory.bytes.len() as u64;
        let value = match offset {
            reg::MAGIC => ABI_MAGIC,
            reg::VERSION => ABI_VERSION,
            reg::CAP_ENGINES => CapEngines::from_fields(true, true, true, true, false, false, false).0,
            reg::CAP_QUEUES => CapQueues::from_fields(state.io_queues as u32, LOG2_RING, SEMAPHORES).0,
            reg::CAP_MSM => CapMsm::from_fields(1, MSM_WINDOWS.0, MSM_WINDOWS.1, MSM_LOG2_SLOTS).0,
            reg::CAP_DEADLINE => 1,
            reg::DRAM_SIZE => dram as u32,
            0x01C => (dram >> 32) as u32,
            reg::CLOCK_KHZ => CLOCK_KHZ,
            reg::DRAM_DIRTY => DramDirty::from_fields(state.memory.regions(), state.memory.log2_region()).0,
            reg::CC => state.enable as u32,
            reg::CSTS => state.csts(),
            reg::ERR_STATUS => state.syndrome.map_or(0, |s| ErrStatus::from_fields(true, s.0 as u32).0),
            reg::ERR_SOURCE => state.syndrome.map_or(0, |s| ErrSource::from_fields(s.1 as u32, s.2 as u32).0),
            reg::ERR_ADDR => state.syndrome.map_or(0, |s| s.3 as u32),
            0x08C => state.syndrome.map_or(0, |s| (s.3 >> 32) as u32),
            reg::ERR_COUNT => state.errors,
            reg::ADMIN_SQ => state.admin.sq as u32,
            0x054 => (state.admin.sq >> 32) as u32,
            reg::ADMIN_CQ => state.admin.cq as u32,
            0x05C => (state.admin.cq >> 32) as u32,
            _ if offset >= DOORBELL_BASE as u64 => {
                let queue = (offset / DOORBELL_STRIDE as u64 - 1) as u16;
                let ring = state.rings.get(&queue).filter(|_| offset == queue_depth(queue));
                ring.map_or(0, |ring| ring.depth() as u32)
            }
            _ => state.counters.get(&offset).map_or(0, |n| *n as u32),
        };
        Ok(value.min(u32::MAX - 1))
    }

    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError> {
        let mut state = self.state();
        match offset {
            reg::CC => state.enable(value & 1 != 0),
            reg::ADMIN_SQ => state.admin.sq = state.admin.sq >> 32 << 32 | value as u64,
            0x054 => state.admin.sq = state.admin.sq & 0xffff_ffff | (value as u64) << 32,
            reg::ADMIN_CQ => state.admin.cq = state.admin.cq >> 32 << 32 | value as u64,
            0x05C => state.admin.cq = state.admin.cq & 0xffff_ffff | (value as u64) << 32,
            reg::ADMIN_SIZE => {
                (state.admin.sq_entries, state.admin.cq_entries) = (value as u16, (value >> 16) as u16)
            }
            reg::ERR_STATUS if value >> 31 != 0 => state.syndrome = None,
            _ if offset >= DOORBELL_BASE as u64 => {
                let queue = (offset / DOORBELL_STRIDE as u64 - 1) as u16;
                let head = offset == cq_doorbell(queue);
                if head || offset == sq_doorbell(queue) {
                    state.doorbells.push((offset, value));
                    state.doorbell(queue, head, value);
                }
            }
            _ => {}
        }
        self.shared.work.notify_all();
        Ok(())
    }

    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        #[repr(align(4096))]
        #[derive(Clone)]
        struct Page(#[allow(dead_code)] [u8; 4096]);
        let mut pages = vec![Page([0; 4096]); len.div_ceil(4096)];
        let (start, size) = (pages.as_mut_ptr().cast(), pages.len() * 4096);
        // SAFETY: the block stays in place and allocated until the vector is dropped.
        unsafe { self.dma_map(start, size, Box::new(pages)) }
    }

    unsafe fn dma_map(
        &self,
        ptr: *mut u8,
        len: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, TransportError> {
        if self.state().refuses_maps {
            return Err(TransportError::OutOfMemory { requested: len, detail: "told to refuse".into() });
        }
        let iova = self.shared.next_iova.fetch_add(len as u64 + 4096, Ordering::Relaxed);
        // SAFETY: the view is taken out of the map before the memory ends.
        let view = unsafe { DmaRegion::new(iova, ptr, len, Box::new(())) };
        self.shared.maps.lock().unwrap().insert(iova, view);
        let memory = Memory { iova, maps: self.shared.maps.clone(), _owner: owner };
        // SAFETY: valid until `memory` is dropped, which unmaps it first.
        Ok(unsafe { DmaRegion::new(iova, ptr, len, Box::new(memory)) })
    }

    fn enable_irqs(&self, vectors: u16) -> Result<(), TransportError> {
        self.state().irqs = vec![false; vectors as usize];
        Ok(())
    }

    fn wait_irq(&self, vector: u16, timeout: Duration) -> Result<bool, TransportError> {
        let end = Instant::now() + timeout;
        let mut state = self.state();
        loop {
            let enabled = state.irqs.len() as u16;
            match state.irqs.get_mut(vector as usize) {
                None => return Err(TransportError::BadVector { vector, enabled }),
                Some(raised) => {
                    if std::mem::take(raised) {
                        return Ok(true);
                    }
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            state = self.shared.irq.wait_timeout(state, left).unwrap().0;
        }
    }

    fn reset(&self) -> Result<(), TransportError> {
        let mut state = self.state();
        if state.resets.function_fails {
            return Err(TransportError::Io("function level reset refused".into()));
        }
        state.function_resets += 1;
        if state.resets.dark {
            state.every_register = Some(u32::MAX);
            drop(state);
            std::thread::sleep(DARK);
            state = self.state();
            state.every_register = None;
        }
        if !state.resets.incurable {
            state.resets = Resets::default();
        }
        state.memory.scramble();
        state.enable(false);
        drop(state);
        self.shared.work.notify_all();
        Ok(())
    }

    fn name(&self) -> &str {
        "fake"
    }
}
