//! The card without a host: its thread, its registers and its reset, whatever slot it is in.

use super::{
    locked,
    slot::Slot,
    worker::{self, Request, Worker},
    Side, SimOptions, SimStats,
};
use crate::{axi::Fault, verilated::build, SimError};
use permafrost_abi::transport::TransportError;
use permafrost_rtl::{config::CardConfig, hdl::Design};
use std::{
    sync::{
        mpsc::{channel, sync_channel, Sender},
        Arc, Mutex,
    },
    thread::JoinHandle,
};

/// Name of the transport in errors.
pub(super) const NAME: &str = "sim";

/// A running card. Dropping it stops the simulation, whatever the card is doing.
#[derive(Debug)]
pub(crate) struct SimDevice {
    requests: Sender<Request>,
    shared: Arc<Shared>,
    clock_khz: u32,
    thread: Option<JoinHandle<()>>,
}

/// What the card's thread tells the others.
#[derive(Debug)]
pub(super) struct Shared {
    pub slot: Arc<dyn Slot>,
    pub stats: Mutex<SimStats>,
    /// Why the card does not answer any more.
    pub gone: Mutex<Option<Gone>>,
}

#[derive(Clone, Debug)]
pub(super) enum Gone {
    /// The simulation ended by an error.
    Failed(String),
    /// Taken out by [`SimDevice::remove`].
    Removed,
}

impl SimDevice {
    /// Builds the simulator where the cache does not have it, and powers the card up in `slot`.
    pub fn open_design(
        design: &Design,
        mut options: SimOptions,
        slot: Arc<dyn Slot>,
    ) -> Result<Self, SimError> {
        options.config.validate()?;
        if let Some(bytes) = options.dram_bytes {
            options.config = CardConfig { dram_bytes: bytes, ..options.config };
            options.config.validate()?;
        }
        options.build.trace = options.trace.is_some();
        let compiled = build(design, &options.build)?;
        let shared = Arc::new(Shared { slot, stats: Mutex::default(), gone: Mutex::default() });
        let (requests, receiver) = channel();
        let (started, start) = sync_channel(1);
        let clock_khz = options.config.clock_khz;
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name("simulated-card".into())
                .stack_size(worker::STACK_BYTES)
                .spawn(move || {
                    worker::run(&shared, || Worker::new(&compiled, &options, &shared), &started, &receiver)
                })
                .map_err(|e| SimError::Thread(format!("it cannot be started: {e}")))?
        };
        // The thread reports even when it panics; an empty channel can only mean that it was killed.
        start.recv().unwrap_or_else(|_| Err(SimError::Thread("it ended without a word".into())))?;
        Ok(SimDevice { requests, shared, clock_khz, thread: Some(thread) })
    }

    /// Figures up to now.
    pub fn stats(&self) -> SimStats {
        *locked(&self.shared.stats)
    }

    /// Nominal clock.
    pub fn clock_khz(&self) -> u32 {
        self.clock_khz
    }

    /// The next accesses of the card that `fault` describes fail.
    pub fn inject(&self, side: Side, fault: Fault) {
        // A card that is gone makes no accesses.
        let _ = self.requests.send(Request::Inject(side, fault));
    }

    /// The memory's controller corrects `errors` errors (ECC).
    pub fn correct_dram(&self, errors: u32) {
        let _ = self.requests.send(Request::Correct(errors)); // as above
    }

    /// Takes the card out of its slot. Registers read all ones, writes vanish, DMA and interrupts stop.
    pub fn remove(&self) {
        let (reply, done) = sync_channel(1);
        if self.requests.send(Request::Remove(reply)).is_ok() {
            // An error means that the card was gone already.
            let _ = done.recv();
        }
    }

    /// Whether the simulation ended by an error.
    pub fn has_failed(&self) -> bool {
        matches!(*locked(&self.shared.gone), Some(Gone::Failed(_)))
    }

    /// `Ok(true)`: taken out of its slot; an error: the simulation failed.
    pub fn removed(&self) -> Result<bool, TransportError> {
        match &*locked(&self.shared.gone) {
            None => Ok(false),
            Some(Gone::Removed) => Ok(true),
            Some(Gone::Failed(reason)) => {
                Err(TransportError::Lost { transport: NAME.into(), detail: reason.clone() })
            }
        }
    }

    /// What an access to a card that does not answer means: the thread says why before it goes.
    fn unanswered<T>(&self, removed: T) -> Result<T, TransportError> {
        match self.removed()? {
            true => Ok(removed),
            false => Err(TransportError::Lost { transport: NAME.into(), detail: "its thread ended".into() }),
        }
    }

    /// Reads the register at a 4-byte aligned offset in BAR0.
    pub fn read32(&self, offset: u32) -> Result<u32, TransportError> {
        let (reply, value) = sync_channel(1);
        if self.requests.send(Request::Read(offset, reply)).is_err() {
            return self.unanswered(u32::MAX);
        }
        value.recv().or_else(|_| self.unanswered(u32::MAX))
    }

    /// Writes it. Posted, as over PCIe: it is ordered before later accesses, and nobody waits for it.
    pub fn write32(&self, offset: u32, value: u32) -> Result<(), TransportError> {
        match self.requests.send(Request::Write(offset, value)) {
            Ok(()) => Ok(()),
            Err(_) => self.unanswered(()),
        }
    }

    /// Function level reset.
    pub fn reset(&self) -> Result<(), TransportError> {
        self.ask(Request::Reset)
    }

    /// Power off and on: a reset, and the card's memory is zero.
    pub fn power_cycle(&self) -> Result<(), TransportError> {
        self.ask(Request::PowerCycle)
    }

    fn ask(
        &self,
        request: impl FnOnce(std::sync::mpsc::SyncSender<()>) -> Request,
    ) -> Result<(), TransportError> {
        let (reply, done) = sync_channel(1);
        let lost = |_| TransportError::Lost { transport: NAME.into(), detail: "the card was removed".into() };
        self.requests
            .send(request(reply))
            .or_else(|_| self.unanswered(()))
            .and_then(|()| done.recv().or_else(|e| self.removed().and(Err(lost(e)))))
    }
}

impl Drop for SimDevice {
    fn drop(&mut self) {
        let _ = self.requests.send(Request::Stop);
        if let Some(thread) = self.thread.take() {
            // Its panics have been caught and reported.
            let _ = thread.join();
        }
    }
}
