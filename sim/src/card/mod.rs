//! The simulated card: the Verilated RTL, host memory and DRAM behind its seam, and the `Transport` trait in front.
//!
//! ```text
//! driver threads ──MMIO requests──► one thread: model + AXI memories ──► interrupts (condition variable)
//!        └────────── DMA memory, shared by address ──────────┘
//! ```
//!
//! The thread runs clocks while the card has something to do and sleeps otherwise: idle clocks are skipped, never
//! simulated. The card's own CYCLES counter therefore counts simulated clocks.

mod device;
#[allow(unsafe_code)]
mod host;
mod irq;
mod slot;
#[allow(unsafe_code)]
mod transport;
mod worker;

use crate::{
    axi::{Beat, Fault, Response, Timing, Traffic},
    dram::{Preset, Stats},
    verilated::BuildOptions,
    SimError,
};
pub(crate) use device::SimDevice;
use host::HostMemory;
pub(crate) use host::{load_beat, store_beat};
use irq::Interrupts;
use permafrost_rtl::{config::CardConfig, hdl::Design};
pub(crate) use slot::Slot;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

/// A simulated card in the slot of this process: its DMA reaches memory of this process, its interrupts wake threads.
/// Closing (dropping) it stops the simulation, whatever the card is doing.
#[derive(Debug)]
pub struct SimCard {
    device: SimDevice,
    slot: Arc<InProcess>,
}

/// The slot of a [`SimCard`].
#[derive(Debug, Default)]
struct InProcess {
    memory: HostMemory,
    interrupts: Interrupts,
}

impl Slot for InProcess {
    fn read(&self, address: u64, beat: &mut Beat) -> Response {
        self.memory.read(address, beat)
    }

    fn write(&self, address: u64, beat: &Beat, strobe: u64) -> Response {
        self.memory.write(address, beat, strobe)
    }

    fn interrupt(&self, vector: u16) {
        self.interrupts.raise(vector.into());
    }

    fn was_reset(&self) {
        self.interrupts.clear();
    }

    fn failed(&self) {
        self.interrupts.wake_all();
    }
}

/// The value behind a mutex whose users only ever store complete values, so that a panic elsewhere does not matter.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimCard {
    /// Builds the simulator where the cache does not have it, and powers a card up (reset done, not enabled).
    pub fn open(options: SimOptions) -> Result<SimCard, SimError> {
        Self::open_design(&permafrost_rtl::card::generate(&options.config)?, options)
    }

    /// [`SimCard::open`] for another design with the card's ports.
    pub fn open_design(design: &Design, options: SimOptions) -> Result<SimCard, SimError> {
        let slot = Arc::new(InProcess::default());
        Ok(SimCard { device: SimDevice::open_design(design, options, slot.clone())?, slot })
    }

    /// Figures up to now.
    pub fn stats(&self) -> SimStats {
        self.device.stats()
    }

    /// For tests of error paths: the next accesses of the card that `fault` describes fail.
    pub fn inject(&self, side: Side, fault: Fault) {
        self.device.inject(side, fault);
    }

    /// For tests: the controller of card memory corrects `errors` errors (ECC), one a clock.
    pub fn correct_dram(&self, errors: u32) {
        self.device.correct_dram(errors);
    }

    /// For tests of error paths: takes the card out of its slot. Registers read all ones, writes vanish, DMA and
    /// interrupts stop.
    pub fn remove(&self) {
        self.device.remove();
    }
}
