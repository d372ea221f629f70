//! The simulated card: the Verilated RTL, host memory and DRAM behind its seam, and the `Transport` trait in front.
//!
//! ```text
//! driver threads ──MMIO requests──► one thread: model + AXI memories ──► interrupts (condition variable)
//!        └────────── DMA memory, shared by address ──────────┘
//! ```
//!
//! The thread runs clocks while the card has something to do and sleeps otherwise: idle clocks are skipped, never
//! simulated. The card's own CYCLES counter therefore counts simulated clocks.

mod host;
mod irq;
mod transport;
mod worker;

use crate::{
    axi::{Fault, Timing, Traffic},
    dram::{Preset, Stats},
    verilated::{build, BuildOptions},
    SimError,
};
use host::HostMemory;
use irq::Interrupts;
use permafrost_rtl::{config::CardConfig, hdl::Design};
use std::{
    path::PathBuf,
    sync::{
        mpsc::{channel, sync_channel, Sender},
        Arc, Mutex, MutexGuard, PoisonError,
    },
    thread::JoinHandle,
    time::Duration,
};
use worker::{Request, Worker};

/// What to simulate and how.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// The card.
    pub config: CardConfig,
    /// Card memory, a multiple of 4 KiB; `None`: what `config` says. Needs no other build of the simulator.
    pub dram_bytes: Option<u64>,
    /// A waveform; needs a build of the simulator of its own, and several times the time.
    pub trace: Option<Waveform>,
    /// How fast host memory answers the card.
    pub host: Timing,
    /// How fast DRAM answers the card; with `memory`, what its controller adds.
    pub dram: Timing,
    /// Banks, rows and refresh behind the card's memory port; `None`: fixed latencies alone. Timing only, whatever the
    /// preset's capacity: the size is `dram_bytes`.
    pub memory: Option<Preset>,
    /// Decides jitter and stalls. The same seed and the same sequence of clocks give the same simulation.
    pub seed: u64,
    /// How the simulator is built ([`BuildOptions::trace`] follows from `trace`).
    pub build: BuildOptions,
}

impl SimOptions {
    /// `config` with realistic latencies, without stalls and waveform.
    pub fn new(config: CardConfig) -> Self {
        SimOptions {
            config,
            dram_bytes: None,
            trace: None,
            host: Timing::HOST,
            dram: Timing::DRAM,
            memory: None,
            seed: 0,
            build: BuildOptions::default(),
        }
    }

    /// The same with a DRAM model behind its controller.
    pub fn with_memory(self, preset: Preset) -> Self {
        SimOptions { dram: Timing::CONTROLLER, memory: Some(preset), ..self }
    }
}

/// A waveform file in FST format (GTKWave, Surfer). One time unit is half a simulated clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waveform {
    pub path: PathBuf,
    /// First clock that is written, counted from the opening of the card.
    pub start: u64,
    /// Clocks that are written; `None`: until the card is closed.
    pub clocks: Option<u64>,
}

/// Figures of a simulation. Host seconds say how long to wait, nothing about the card's performance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SimStats {
    /// Clocks simulated.
    pub clocks: u64,
    /// How often the card had nothing to do, so that its clocks were skipped until the next MMIO access.
    pub naps: u64,
    /// Host time spent simulating.
    pub busy: Duration,
    /// The card's traffic with host memory.
    pub host: Traffic,
    /// The card's traffic with DRAM.
    pub dram: Traffic,
    /// What the DRAM model has done, with [`SimOptions::memory`]. Its time is the simulated clocks, naps left out.
    pub memory: Option<Stats>,
}

impl SimStats {
    /// Simulated clocks per second of host time since `before`, an earlier state of the same card.
    pub fn speed_since(&self, before: &SimStats) -> f64 {
        (self.clocks - before.clocks) as f64 / (self.busy - before.busy).as_secs_f64().max(1e-9)
    }
}

/// Which memory a [`Fault`] is injected into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Host,
    Dram,
}

/// A simulated card. Closing (dropping) it stops the simulation, whatever the card is doing.
#[derive(Debug)]
pub struct SimCard {
    requests: Sender<Request>,
    shared: Arc<Shared>,
    memory: HostMemory,
    clock_khz: u32,
    thread: Option<JoinHandle<()>>,
}

/// What the card's thread tells the others.
#[derive(Debug)]
struct Shared {
    interrupts: Interrupts,
    stats: Mutex<SimStats>,
    /// Why the card does not answer any more.
    gone: Mutex<Option<Gone>>,
}

#[derive(Clone, Debug)]
enum Gone {
    /// The simulation ended by an error.
    Failed(String),
    /// Taken out by [`SimCard::remove`].
    Removed,
}

/// The value behind a mutex whose users only ever store complete values, so that a panic elsewhere does not matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimCard {
    /// Builds the simulator where the cache does not have it, and powers a card up (reset done, not enabled).
    pub fn open(options: SimOptions) -> Result<SimCard, SimError> {
        Self::open_design(&permafrost_rtl::card::generate(&options.config)?, options)
    }

    /// [`SimCard::open`] for another design with the card's ports.
    pub fn open_design(design: &Design, mut options: SimOptions) -> Result<SimCard, SimError> {
        options.config.validate()?;
        if let Some(bytes) = options.dram_bytes {
            options.config = CardConfig { dram_bytes: bytes, ..options.config };
            options.config.validate()?;
        }
        options.build.trace = options.trace.is_some();
        let compiled = build(design, &options.build)?;
        let shared = Arc::new(Shared {
            interrupts: Interrupts::default(),
            stats: Mutex::default(),
            gone: Mutex::default(),
        });
        let memory = HostMemory::default();
        let (requests, receiver) = channel();
        let (started, start) = sync_channel(1);
        let clock_khz = options.config.clock_khz;
        let thread = {
            let (shared, memory) = (shared.clone(), memory.clone());
            std::thread::Builder::new()
                .name("simulated-card".into())
                .stack_size(worker::STACK_BYTES)
                .spawn(move || {
                    worker::run(
                        &shared,
                        || Worker::new(&compiled, &options, memory, &shared),
                        &started,
                        &receiver,
                    )
                })
                .map_err(|e| SimError::Thread(format!("it cannot be started: {e}")))?
        };
        // The thread reports even when it panics; an empty channel can only mean that it was killed.
        start.recv().unwrap_or_else(|_| Err(SimError::Thread("it ended without a word".into())))?;
        Ok(SimCard { requests, shared, memory, clock_khz, thread: Some(thread) })
    }

    /// Figures up to now.
    pub fn stats(&self) -> SimStats {
        *locked(&self.shared.stats)
    }

    /// For tests of error paths: the next accesses of the card that `fault` describes fail.
    pub fn inject(&self, side: Side, fault: Fault) {
        // A card that is gone makes no accesses.
        let _ = self.requests.send(Request::Inject(side, fault));
    }

    /// For tests of error paths: takes the card out of its slot. Registers read all ones, writes vanish, DMA and
    /// interrupts stop.
    pub fn remove(&self) {
        let (reply, done) = sync_channel(1);
        if self.requests.send(Request::Remove(reply)).is_ok() {
            // An error means that the card was gone already.
            let _ = done.recv();
        }
    }
}

impl Drop for SimCard {
    fn drop(&mut self) {
        let _ = self.requests.send(Request::Stop);
        if let Some(thread) = self.thread.take() {
            // Its panics have been caught and reported.
            let _ = thread.join();
        }
    }
}
