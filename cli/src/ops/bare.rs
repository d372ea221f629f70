//! A card by its registers and rings alone, without the driver's queues: for resets that report what they do, and for tests of
//! what the driver keeps to itself.

use std::sync::atomic::{fence, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use permafrost_abi::registers::{AdminSize, Cc, Csts};
use permafrost_abi::{
    counter, cq_doorbell, reg, sq_doorbell, Command, CommandBody, CreateQueueCommand, DeleteQueueCommand,
    DmaRegion, Status, ABI_MAGIC, COMMAND_BYTES, COMPLETION_BYTES,
};
use permafrost_driver::{CardInfo, Completion, Error as Driver, Observer, Transport};

use crate::error::Error;

/// Longest time of a small command on silicon; the transport's scale is cut to [`MOST_SCALE`].
const COMMAND: Duration = Duration::from_secs(1);
const MOST_SCALE: u32 = 60;
/// The controller gets at least this long, so that a loaded host does not look like a dead card.
const FLOOR: Duration = Duration::from_millis(500);
/// Bytes that any card zeroes in a clock, at least.
const SCRUB_BYTES: u64 = 1;
/// Entries of the rings: few, so that they wrap.
const ENTRIES: u16 = 4;

/// What brought a card to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    Controller,
    Function,
}

impl Rung {
    pub fn word(self) -> &'static str {
        match self {
            Rung::Controller => "controller",
            Rung::Function => "function",
        }
    }
}

/// A card that nobody else uses.
pub struct Bare {
    transport: Arc<dyn Transport>,
    info: CardInfo,
    /// The admin queue first, by their ids.
    rings: Vec<Option<Ring>>,
    next: u16,
}

struct Ring {
    commands: DmaRegion,
    completions: DmaRegion,
    tail: u16,
    head: u16,
    phase: bool,
}

impl Ring {
    fn new(transport: &dyn Transport) -> Result<Self, Error> {
        let commands =
            transport.dma_alloc(usize::from(ENTRIES) * COMMAND_BYTES as usize).map_err(Driver::from)?;
        let completions =
            transport.dma_alloc(usize::from(ENTRIES) * COMPLETION_BYTES as usize).map_err(Driver::from)?;
        Ok(Self { commands, completions, tail: 0, head: 0, phase: true })
    }
}

impl Bare {
    /// Checks that this is a card.
    pub fn new(transport: Arc<dyn Transport>) -> Result<Self, Error> {
        let info = Observer::new(transport.clone()).info()?;
        Ok(Self { transport, info, rings: Vec::new(), next: 0 })
    }

    pub fn info(&self) -> &CardInfo {
        &self.info
    }

    pub fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// Reads a register; all ones is a card that is gone.
    pub fn read(&self, offset: u64) -> Result<u32, Error> {
        match self.transport.read32(offset).map_err(Driver::from)? {
            u32::MAX => {
                Err(Driver::CardLost { detail: format!("register {offset:#x} reads all ones") }.into())
            }
            value => Ok(value),
        }
    }

    pub fn write(&self, offset: u64, value: u32) -> Result<(), Error> {
        Ok(self.transport.write32(offset, value).map_err(Driver::from)?)
    }

    fn scale(&self) -> u32 {
        self.transport.deadline_scale().max(1)
    }

    /// Longest time of a small command.
    pub fn limit(&self) -> Duration {
        COMMAND * self.scale().min(MOST_SCALE)
    }

    fn csts(&self) -> Result<Csts, Error> {
        Ok(Csts(self.read(reg::CSTS)?))
    }

    /// Waits for a state of the controller; `false` when it does not come in time.
    fn until(&self, limit: Duration, state: impl Fn(Csts) -> bool) -> Result<bool, Error> {
        let start = Instant::now();
        loop {
            if state(self.csts()?) {
                return Ok(true);
            }
            if start.elapsed() > limit {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn controller_limit(&self) -> Duration {
        self.info.controller_deadline.saturating_mul(self.scale()).max(FLOOR)
    }

    /// Brings the card to rest, by the first rung of the ladder that does it, or by the function level reset at once.
    pub fn rest(&mut self, function: bool) -> Result<Rung, Error> {
        let mut rung = Rung::Controller;
        if !function {
            self.write(reg::CC, Cc::from_fields(false).0)?;
        }
        if function || !self.until(self.controller_limit(), |csts| !csts.ready())? {
            rung = Rung::Function;
            self.transport.reset().map_err(Driver::from)?;
            if !self.until(self.controller_limit(), |csts| !csts.ready())? {
                return Err(self.slow("function level reset", self.controller_limit()));
            }
        }
        self.rings.clear();
        match self.read(reg::MAGIC)? {
            ABI_MAGIC => Ok(rung),
            seen => Err(Driver::CardLost { detail: format!("MAGIC now reads {seen:#010x}") }.into()),
        }
    }

    /// Waits until the card has zeroed its memory.
    pub fn scrubbed(&self) -> Result<(), Error> {
        let clocks = self.info.dram_bytes / SCRUB_BYTES;
        let limit = Duration::from_micros(clocks.saturating_mul(1000) / u64::from(self.info.clock_khz));
        let limit = limit.saturating_mul(self.scale()).max(FLOOR);
        match self.until(limit, |csts| !csts.scrubbing())? {
            true => Ok(()),
            false => Err(self.slow("zeroing of card memory", limit)),
        }
    }

    fn slow(&self, what: &str, limit: Duration) -> Error {
        Error::Slow { what: what.into(), limit, hint: "power-cycle the card" }
    }

    /// Enables a card at rest, with an admin queue and every vector.
    pub fn enable(&mut self) -> Result<(), Error> {
        let ring = Ring::new(&*self.transport)?;
        for (offset, value) in
            [(reg::ADMIN_SQ, ring.commands.iova()), (reg::ADMIN_CQ, ring.completions.iova())]
        {
            self.write(offset, value as u32)?;
            self.write(offset + 4, (value >> 32) as u32)?;
        }
        self.rings = vec![Some(ring)];
        self.rings.resize_with(usize::from(self.info.io_queues) + 1, || None);
        self.write(reg::ADMIN_SIZE, AdminSize::from_fields(ENTRIES.into(), ENTRIES.into()).0)?;
        self.transport.enable_irqs(self.info.io_queues + 1).map_err(Driver::from)?;
        self.scrubbed()?;
        self.write(reg::CC, Cc::from_fields(true).0)?;
        let limit = self.controller_limit();
        match self.until(limit, |csts| csts.ready() || csts.fatal())? {
            true if self.csts()?.fatal() => Err(Driver::Fatal { csts: self.csts()?.0 }.into()),
            true => Ok(()),
            false => Err(self.slow("bring-up", limit)),
        }
    }

    /// Puts a command into a queue that is there, and gives its id.
    pub fn submit(&mut self, queue: u16, mut command: Command) -> Result<u16, Error> {
        self.next = self.next.wrapping_add(1);
        command.cid = self.next;
        let Some(Some(ring)) = self.rings.get_mut(usize::from(queue)) else {
            return Err(Driver::NoSuchQueue { queue, available: self.info.io_queues }.into());
        };
        ring.commands.write(usize::from(ring.tail) * COMMAND_BYTES as usize, bytemuck::bytes_of(&command));
        ring.tail = (ring.tail + 1) % ENTRIES;
        let tail = ring.tail;
        fence(Ordering::Release);
        self.write(sq_doorbell(queue), tail.into())?;
        Ok(command.cid)
    }

    /// The next completion of a queue that is there.
    pub fn complete(&mut self, queue: u16) -> Result<Completion, Error> {
        let limit = self.limit();
        let Some(Some(ring)) = self.rings.get_mut(usize::from(queue)) else {
            return Err(Driver::NoSuchQueue { queue, available: self.info.io_queues }.into());
        };
        let at = usize::from(ring.head) * COMPLETION_BYTES as usize;
        let start = Instant::now();
        while (ring.completions.load_acquire(at + 12) >> 16 & 1 != 0) != ring.phase {
            if start.elapsed() > limit {
                let what = format!("a command on queue {queue}");
                return Err(Error::Slow { what, limit, hint: "reset the card: permafrost card reset" });
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        let mut bytes = [0; COMPLETION_BYTES as usize];
        ring.completions.read(at, &mut bytes);
        ring.head = (ring.head + 1) % ENTRIES;
        ring.phase ^= ring.head == 0;
        let head = ring.head;
        self.write(cq_doorbell(queue), head.into())?;
        Ok(bytemuck::pod_read_unaligned(&bytes))
    }

    /// Runs a command, whatever it ends with.
    pub fn run(&mut self, queue: u16, command: Command) -> Result<Completion, Error> {
        let cid = self.submit(queue, command)?;
        let done = self.complete(queue)?;
        match (done.cid, done.sq_id) == (cid, queue) {
            true => Ok(done),
            false => Err(Error::Status {
                what: format!("command {cid} of queue {queue}"),
                status: format!("a completion of command {} of queue {}", done.cid, done.sq_id),
                expected: "its own",
            }),
        }
    }

    /// Runs an admin command that must succeed.
    fn admin<B: CommandBody>(&mut self, body: &B) -> Result<(), Error> {
        let done = self.run(0, Command::new(body))?;
        expect(B::OPCODE.name(), &done, Status::Success)
    }

    /// Creates an I/O queue that raises the vector of its number.
    pub fn create(&mut self, queue: u16) -> Result<(), Error> {
        let ring = Ring::new(&*self.transport)?;
        let body = CreateQueueCommand {
            sq_iova: ring.commands.iova(),
            cq_iova: ring.completions.iova(),
            queue,
            sq_entries: ENTRIES,
            cq_entries: ENTRIES,
            irq_vector: queue,
            ..Default::default()
        };
        if let Some(place) = self.rings.get_mut(usize::from(queue)) {
            *place = Some(ring);
        }
        self.admin(&body)
    }

    pub fn delete(&mut self, queue: u16) -> Result<(), Error> {
        self.admin(&DeleteQueueCommand { queue, ..Default::default() })?;
        if let Some(place) = self.rings.get_mut(usize::from(queue)) {
            *place = None;
        }
        Ok(())
    }

    /// Entries of each ring.
    pub fn entries(&self) -> u16 {
        ENTRIES
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if self.rings.is_empty() {
            return;
        }
        let rings = std::mem::take(&mut self.rings);
        if let Err(error) = self.rest(false) {
            tracing::error!(%error, "the card did not come to rest when it was closed");
            // The card may still write there.
            std::mem::forget(rings);
        }
    }
}

/// That a command ended as it should.
pub fn expect(what: &str, done: &Completion, status: Status) -> Result<(), Error> {
    match done.status() {
        Ok(seen) if seen == status => Ok(()),
        seen => Err(Error::Status {
            what: what.into(),
            status: seen.map_or_else(|code| format!("status {code}"), |seen| seen.to_string()),
            expected: status.name(),
        }),
    }
}

/// Clocks since the last reset, as the card counts them.
pub fn cycles(transport: &dyn Transport) -> Result<u64, Error> {
    let read = |offset| transport.read32(offset).map_err(Driver::from);
    let mut high = read(counter::CYCLES + 4)?;
    // A second attempt can only follow a carry.
    for _ in 0..8 {
        let low = read(counter::CYCLES)?;
        let again = read(counter::CYCLES + 4)?;
        if again == high {
            return Ok(u64::from(low) | u64::from(high) << 32);
        }
        high = again;
    }
    Err(Driver::CardLost { detail: "the counter CYCLES does not hold still".into() }.into())
}
