//! The thread that owns the model: runs clocks while the card is busy, sleeps on the request channel otherwise.

use super::{
    device::{Gone, Shared},
    locked,
    slot::SlotMemory,
    Side, SimOptions, SimStats, Waveform,
};
use crate::{
    axi::{Dram, Fault, LiteMaster, LiteOp, Slave},
    verilated::{Compiled, Model, PortId},
    SimError,
};
use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::mpsc::{Receiver, SyncSender, TryRecvError},
    time::{Duration, Instant},
};

/// Verilator's code keeps wide temporaries on the stack; only what is touched costs memory.
pub(super) const STACK_BYTES: usize = 256 << 20;
/// Clocks between two looks at the request channel while the card is busy.
const BATCH: u32 = 48;
/// Clocks for which everything must be quiet before clocks are skipped.
const SETTLE: u32 = 16;
const RESET_CLOCKS: u32 = 16;
/// A register access that takes longer is a fault of the RTL.
const MMIO_LIMIT: u32 = 100_000;

/// What other threads ask for. Handled in order, one register access at a time.
#[derive(Debug)]
pub(super) enum Request {
    Read(u32, SyncSender<u32>),
    Write(u32, u32),
    Reset(SyncSender<()>),
    /// A reset, and memory zeroed.
    PowerCycle(SyncSender<()>),
    /// The memory's controller corrects so many errors, one a clock.
    Correct(u32),
    Inject(Side, Fault),
    Remove(SyncSender<()>),
    Stop,
}

/// What goes on after a request.
enum Next {
    Run,
    Stop,
}

pub(super) struct Worker<'a> {
    model: Model,
    shared: &'a Shared,
    host: Slave<SlotMemory>,
    dram: Slave<Dram>,
    lite: LiteMaster,
    ports: Ports,
    wave: Option<Waveform>,
    /// Who waits for the register access in progress.
    reader: Option<SyncSender<u32>>,
    /// Clocks since the register access began.
    mmio_clocks: u32,
    /// Clocks for which everything has been quiet.
    still: u32,
    naps: u64,
    busy: Duration,
    /// Corrected errors that the card has not been told of.
    corrected: u32,
}

struct Ports {
    rst: PortId,
    power_on: PortId,
    dram_corrected: PortId,
    idle: PortId,
    irq_valid: PortId,
    irq_vector: PortId,
}

/// The body of the thread: makes the worker with `make`, reports that to `started`, and serves until told to stop.
/// Whatever ends it early is left in `shared`.
pub(super) fn run<'a>(
    shared: &'a Shared,
    make: impl FnOnce() -> Result<Worker<'a>, SimError>,
    started: &SyncSender<Result<(), SimError>>,
    requests: &Receiver<Request>,
) {
    // The worker outlives the report: dropping it fails the access in progress, whose caller then looks for a reason.
    let mut worker = match caught(make) {
        Ok(worker) => worker,
        Err(e) => {
            let _ = started.send(Err(e)); // whoever opens the card waits for this
            return;
        }
    };
    let _ = started.send(Ok(()));
    if let Err(e) = caught(|| worker.serve(requests)) {
        tracing::error!("simulated card: {e}");
        locked(&shared.gone).get_or_insert(Gone::Failed(e.to_string()));
        shared.slot.failed();
    }
}

/// `f`, with a panic as an error.
fn caught<T>(f: impl FnOnce() -> Result<T, SimError>) -> Result<T, SimError> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(SimError::Thread(format!("it panicked: {text}")))
    })
}

impl<'a> Worker<'a> {
    pub fn new(compiled: &Compiled, options: &SimOptions, shared: &'a Shared) -> Result<Self, SimError> {
        let mut model = compiled.instantiate()?;
        let bytes = options.config.dram_bytes;
        let memory = SlotMemory(shared.slot.clone());
        let host = Slave::new(&model, "m_host", memory, options.host, options.seed)?;
        let mut dram = Slave::new(&model, "m_dram", Dram::new(bytes), options.dram, options.seed ^ 1)?;
        if let Some(preset) = options.memory {
            dram = dram.with_dram(preset, options.config.clock_khz);
        }
        let lite = LiteMaster::new(&model, "s_axil")?;
        let strap = model.port("cfg_dram_bytes")?;
        model.set(strap, bytes);
        let irq_ready = model.port("irq_ready")?;
        model.set(irq_ready, 1);
        // What is behind the port is new, or cleared, whenever power comes on.
        let dram_clean = model.port("dram_clean")?;
        model.set(dram_clean, 1);
        let ports = Ports {
            rst: model.port("rst")?,
            power_on: model.port("power_on")?,
            dram_corrected: model.port("dram_corrected")?,
            idle: model.port("idle")?,
            irq_valid: model.port("irq_valid")?,
            irq_vector: model.port("irq_vector")?,
        };
        let mut worker = Worker {
            model,
            shared,
            host,
            dram,
            lite,
            ports,
            wave: options.trace.clone(),
            reader: None,
            mmio_clocks: 0,
            still: 0,
            naps: 0,
            busy: Duration::ZERO,
            corrected: 0,
        };
        worker.power_up()?;
        Ok(worker)
    }

    fn serve(&mut self, requests: &Receiver<Request>) -> Result<(), SimError> {
        let mut since = Instant::now();
        loop {
            if self.lite.is_idle() {
                let request = if self.still >= SETTLE {
                    self.naps += 1;
                    self.account(&mut since);
                    let request = requests.recv().unwrap_or(Request::Stop);
                    since = Instant::now();
                    Some(request)
                } else {
                    match requests.try_recv() {
                        Ok(request) => Some(request),
                        Err(TryRecvError::Empty) => None,
                        Err(TryRecvError::Disconnected) => Some(Request::Stop),
                    }
                };
                if let Some(request) = request {
                    if let Next::Stop = self.handle(request)? {
                        self.account(&mut since);
                        return Ok(());
                    }
                }
            }
            for _ in 0..BATCH {
                self.clock()?;
                if self.still >= SETTLE && self.lite.is_idle() {
                    break;
                }
            }
            self.account(&mut since);
        }
    }

    fn handle(&mut self, request: Request) -> Result<Next, SimError> {
        match request {
            Request::Read(offset, reply) => {
                self.reader = Some(reply);
                self.access(LiteOp::Read(offset))?;
            }
            Request::Write(offset, value) => self.access(LiteOp::Write(offset, value))?,
            Request::Reset(reply) => {
                // Whoever resets a card under way wants to know that it was: see the kill campaign.
                let running = self.model.get(self.ports.idle) == 0;
                tracing::debug!(running, dma = !self.host.is_idle(), "function level reset");
                self.reset()?;
                self.shared.slot.was_reset();
                let _ = reply.send(()); // the caller may have given up
            }
            Request::PowerCycle(reply) => {
                self.dram.memory().clear();
                self.power_up()?;
                self.shared.slot.was_reset();
                let _ = reply.send(());
            }
            Request::Correct(errors) => {
                self.corrected = self.corrected.saturating_add(errors);
                self.still = 0;
            }
            Request::Inject(Side::Host, fault) => self.host.inject(fault),
            Request::Inject(Side::Dram, fault) => self.dram.inject(fault),
            Request::Remove(reply) => {
                *locked(&self.shared.gone) = Some(Gone::Removed);
                let _ = reply.send(());
                return Ok(Next::Stop);
            }
            Request::Stop => return Ok(Next::Stop),
        }
        Ok(Next::Run)
    }

    /// Begins a register access. The signals settle here, because they are set after the last falling edge.
    fn access(&mut self, op: LiteOp) -> Result<(), SimError> {
        self.lite.start(&mut self.model, op);
        self.mmio_clocks = 0;
        self.still = 0;
        self.model.eval()
    }

    /// One clock of the card and everything around it.
    fn clock(&mut self) -> Result<(), SimError> {
        self.host.sample(&self.model)?;
        self.dram.sample(&self.model)?;
        if !self.lite.is_idle() {
            self.sample_mmio()?;
        }
        let irq = self.model.get(self.ports.irq_valid) != 0;
        if irq {
            self.shared.slot.interrupt(self.model.get(self.ports.irq_vector) as u16);
        }
        let quiet = !irq
            && self.model.get(self.ports.idle) != 0
            && self.lite.is_idle()
            && self.host.is_idle()
            && self.dram.is_idle()
            && self.corrected == 0;
        self.still = if quiet { self.still + 1 } else { 0 };
        self.edges(|worker| {
            worker.host.drive(&mut worker.model);
            worker.dram.drive(&mut worker.model);
            worker.lite.drive(&mut worker.model);
            worker.model.set(worker.ports.dram_corrected, u64::from(worker.corrected > 0));
            worker.corrected = worker.corrected.saturating_sub(1);
        })
    }

    fn sample_mmio(&mut self) -> Result<(), SimError> {
        self.mmio_clocks += 1;
        if let Some(value) = self.lite.sample(&self.model) {
            if let Some(reader) = self.reader.take() {
                let _ = reader.send(value); // the caller may have given up
            }
        } else if self.mmio_clocks > MMIO_LIMIT {
            let reason = format!("a register access has had no answer for {MMIO_LIMIT} clocks");
            return Err(SimError::Hardware { clock: self.model.clocks(), reason });
        }
        Ok(())
    }

    /// Rising edge, `drive`, falling edge.
    fn edges(&mut self, drive: impl FnOnce(&mut Self)) -> Result<(), SimError> {
        if self.wave.is_some() {
            self.follow_wave()?;
        }
        self.model.rise()?;
        drive(self);
        self.model.fall()
    }

    /// Opens and closes the waveform when its clock has come.
    fn follow_wave(&mut self) -> Result<(), SimError> {
        let Some(wave) = &self.wave else { return Ok(()) };
        let clock = self.model.clocks();
        if clock == wave.start {
            self.model.trace_open(&wave.path)?;
        }
        if wave.clocks.is_some_and(|clocks| clock == wave.start.saturating_add(clocks)) {
            self.model.trace_close();
            self.wave = None;
        }
        Ok(())
    }

    /// Power comes on, with memory zero.
    fn power_up(&mut self) -> Result<(), SimError> {
        self.model.set(self.ports.power_on, 1);
        self.corrected = 0;
        self.reset()?;
        self.model.set(self.ports.power_on, 0);
        self.model.eval()
    }

    /// Function level reset: everything in progress is dropped on both sides of the seam.
    fn reset(&mut self) -> Result<(), SimError> {
        self.model.set(self.ports.rst, 1);
        self.reader = None;
        for _ in 0..RESET_CLOCKS {
            self.edges(|worker| {
                worker.host.reset(&mut worker.model);
                worker.dram.reset(&mut worker.model);
                worker.lite.reset(&mut worker.model);
            })?;
        }
        self.model.set(self.ports.rst, 0);
        self.still = 0;
        self.model.eval()
    }

    /// Brings the shared figures up to date.
    fn account(&mut self, since: &mut Instant) {
        let now = Instant::now();
        self.busy += now - *since;
        *since = now;
        *locked(&self.shared.stats) = SimStats {
            clocks: self.model.clocks(),
            naps: self.naps,
            busy: self.busy,
            host: self.host.traffic(),
            dram: self.dram.traffic(),
            memory: self.dram.dram_stats(),
        };
    }
}
