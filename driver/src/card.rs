//! An open card.

use crate::dma::{lock, Arena};
use crate::mmio::Mmio;
use crate::queue::Queue;
use crate::recovery::Cause;
use crate::request::{Outcome, Request, Ticket};
use crate::{
    CardInfo, CardOptions, Counters, DmaBuf, DmaUsage, Dram, Error, QueueOptions, Recovery, Syndrome,
};
use permafrost_abi::{counter, Completion, SemaphoreSetCommand, Transport};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

/// Entries of the admin rings: admin commands are few and waited for one by one.
const ADMIN_ENTRIES: u16 = 16;

/// An open card. Clones are handles of the same card; it is shut down when the last handle and the last ticket are
/// gone. All methods may be called from any thread.
#[derive(Clone)]
pub struct Card {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub mmio: Mmio,
    pub options: CardOptions,
    pub info: CardInfo,
    pub dram: Dram,
    pub arena: Arc<Arena>,
    pub admin: Arc<Queue>,
    /// The I/O queues by their ids, which are their interrupt vectors too.
    pub io: RwLock<BTreeMap<u16, Arc<Queue>>>,
    /// By vector: held by the one thread that sleeps on it.
    pub irqs: Vec<Mutex<()>>,
    /// Held while the card is recovered and while queues come and go.
    pub recovery: Mutex<()>,
    /// Most bytes of card memory seen to need zeroing since the card was last enabled.
    pub dirty: AtomicU64,
    /// Why the card is given up.
    pub dead: Mutex<Option<Error>>,
    /// Held by the one who uses the semaphores.
    pub semaphores: Mutex<()>,
    epoch: Instant,
    /// When a command last completed in an I/O queue, in microseconds since `epoch`.
    progress: AtomicU64,
}

impl Card {
    /// Brings up the card behind `transport`: checks what it is, resets it, waits until it has zeroed what its last owner
    /// left in its memory, creates the admin queue and I/O queues.
    ///
    /// # Errors
    /// `NotACard`, `Version`, `BadCapability` when it is not a card this driver can use; `CardLost`; `Controller`, `Scrub`,
    /// `AdminDeadline`, `Fatal`, `CommandFailed` when bring-up fails; `BadOption`; `OutOfDmaMemory`; transport errors.
    pub fn open(transport: Arc<dyn Transport>, options: CardOptions) -> Result<Self, Error> {
        let mmio = Mmio(transport.clone());
        let info = CardInfo::read(&mmio)?;
        let arena = Arena::new(transport, options.dma_limit);
        let io_queues = options.io_queues.clamp(1, info.io_queues);
        let of_io = QueueOptions::from(&options).checked(info.max_entries)?;
        let of_admin = QueueOptions { entries: ADMIN_ENTRIES, irq_count: 1, irq_clocks: 0 };
        let queue = |id, options| Queue::new(id, options, mmio.clone(), &arena).map(Arc::new);
        let admin = queue(0, of_admin.checked(info.max_entries)?)?;
        let io = (1..=io_queues).map(|id| Ok((id, queue(id, of_io)?))).collect::<Result<_, Error>>()?;
        let inner = Inner {
            dram: Dram::new(info.dram_bytes),
            admin,
            io: RwLock::new(io),
            irqs: (0..=info.io_queues).map(|_| Mutex::new(())).collect(),
            mmio,
            options,
            info,
            arena,
            recovery: Mutex::new(()),
            dirty: AtomicU64::new(0),
            dead: Mutex::new(None),
            semaphores: Mutex::new(()),
            epoch: Instant::now(),
            progress: AtomicU64::new(0),
        };
        inner.bring_up(|| ())?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the card can do.
    pub fn info(&self) -> &CardInfo {
        &self.inner.info
    }

    /// The performance counters now.
    ///
    /// # Errors
    /// `CardLost` and transport errors.
    pub fn counters(&self) -> Result<Counters, Error> {
        Counters::read(&self.inner.mmio)
    }

    /// Clocks since the card's last reset; fewer register reads than [`counters`](Self::counters).
    ///
    /// # Errors
    /// `CardLost` and transport errors.
    pub fn cycles(&self) -> Result<u64, Error> {
        self.inner.mmio.read_counter(counter::CYCLES)
    }

    /// The first error the card has met since [`clear_syndrome`](Self::clear_syndrome).
    ///
    /// # Errors
    /// `CardLost` and transport errors.
    pub fn syndrome(&self) -> Result<Option<Syndrome>, Error> {
        Syndrome::read(&self.inner.mmio)
    }

    /// Lets the card hold the next error.
    ///
    /// # Errors
    /// Transport errors.
    pub fn clear_syndrome(&self) -> Result<(), Error> {
        Syndrome::clear(&self.inner.mmio)
    }

    /// The allocator of card memory.
    pub fn dram(&self) -> &Dram {
        &self.inner.dram
    }

    /// Host memory that the card reaches, zeroed; for transfers without staging.
    ///
    /// # Errors
    /// `OutOfDmaMemory` and transport errors.
    pub fn dma_alloc(&self, bytes: usize) -> Result<Arc<DmaBuf>, Error> {
        self.inner.alive()?;
        let buffer = self.inner.arena.alloc(bytes)?;
        buffer.zero(0, bytes);
        Ok(Arc::new(buffer))
    }

    /// Host memory that the card reaches now, and what it is made of.
    pub fn dma_usage(&self) -> DmaUsage {
        self.inner.arena.usage()
    }

    /// Ids of the I/O queues that take work, in order.
    pub fn io_queues(&self) -> impl DoubleEndedIterator<Item = u16> + ExactSizeIterator {
        let queues = self.inner.io_queues().into_iter().filter(|queue| !queue.lock().retired());
        queues.map(|queue| queue.id).collect::<Vec<_>>().into_iter()
    }

    /// Commands that any I/O queue holds before [`submit`](Self::submit) waits for the oldest to end.
    pub fn queue_room(&self) -> usize {
        self.inner.io_queues().iter().map(|queue| queue.entries as usize - 1).min().unwrap_or(1)
    }

    /// The I/O queue with the fewest outstanding commands.
    pub fn least_loaded_queue(&self) -> u16 {
        let load = |queue: &Arc<Queue>| {
            let state = queue.lock();
            (!state.retired()).then(|| (state.broken(), state.outstanding()))
        };
        let queues = self.inner.io_queues().into_iter().filter_map(|queue| Some((load(&queue)?, queue.id)));
        queues.min().map_or(1, |(_, id)| id)
    }

    /// Submits one command to I/O queue `queue`; blocks while its ring is full.
    ///
    /// # Errors
    /// As [`submit_all`](Self::submit_all).
    pub fn submit(&self, queue: u16, request: Request) -> Result<Ticket, Error> {
        let queue = self.inner.queue(queue)?;
        let outcome = self.inner.push_all(&queue, VecDeque::from([request]))?.into_iter().next();
        Ok(Ticket { card: self.inner.clone(), queue, outcome: outcome.unwrap_or_default() })
    }

    /// Submits commands to I/O queue `queue` in order, with one doorbell for as many as the ring has room for; blocks
    /// while it is full.
    ///
    /// # Errors
    /// `NoSuchQueue`; `DataLost`, `ForeignBuffer` and `ForeignMemory` when a buffer cannot be used; `Aborted` while the card is being reset,
    /// or when the queue was made anew in the middle of the list; `CardLost` or the error that made the card unusable.
    /// Commands already in the ring then still run.
    pub fn submit_all(&self, queue: u16, requests: Vec<Request>) -> Result<Vec<Ticket>, Error> {
        let queue = self.inner.queue(queue)?;
        let outcomes = self.inner.push_all(&queue, requests.into())?;
        let ticket = |outcome| Ticket { card: self.inner.clone(), queue: queue.clone(), outcome };
        Ok(outcomes.into_iter().map(ticket).collect())
    }

    /// Submits one command and waits for its end.
    ///
    /// # Errors
    /// As [`submit_all`](Self::submit_all) and [`Ticket::wait`].
    pub fn run(&self, queue: u16, request: Request) -> Result<Completion, Error> {
        self.submit(queue, request)?.wait()
    }

    /// Sets semaphore `sem` to `value`, which may be lower than before.
    ///
    /// # Errors
    /// As [`run`](Self::run); `CommandFailed` with `BAD_FLAGS` when the card has no such semaphore.
    pub fn set_semaphore(&self, sem: u8, value: u32) -> Result<(), Error> {
        let request = Request::new(&SemaphoreSetCommand { sem, value, ..Default::default() });
        let admin = &self.inner.admin;
        for outcome in self.inner.push_all(admin, VecDeque::from([request]))? {
            self.inner.wait_outcome(admin, &outcome)?;
        }
        // Commands that waited for it start now.
        self.inner.note_progress();
        Ok(())
    }

    /// Resets the card and brings it up again: outstanding commands end with `Aborted`, and all data in card memory is
    /// lost.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); the card is then unusable.
    pub fn reset(&self) -> Result<(), Error> {
        self.inner.recover(self.inner.dram.generation(), Cause::Reset)
    }
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Card {{ transport: {:?}, build: {:#x} }}",
            self.inner.info.transport, self.inner.info.build_id
        )
    }
}

impl Inner {
    /// What the transport multiplies deadlines by.
    pub fn scale(&self) -> u32 {
        self.mmio.0.deadline_scale().max(1)
    }

    /// A command has completed somewhere.
    pub fn note_progress(&self) {
        self.progress.fetch_max(self.epoch.elapsed().as_micros() as u64, Ordering::Relaxed);
    }

    /// The same in `queue`. Admin commands do not count: otherwise an ABORT that does nothing, sent again and again, would put off
    /// the deadline of the very command it is for. One that lets others go on says so itself.
    pub fn note_progress_of(&self, queue: &Queue) {
        if queue.id != 0 {
            self.note_progress();
        }
    }

    /// When a command last completed in an I/O queue, or could have gone on because of an admin command.
    pub fn progress(&self) -> Instant {
        self.epoch + Duration::from_micros(self.progress.load(Ordering::Relaxed))
    }

    /// Why the card is given up, if it is.
    pub fn dead(&self) -> Option<Error> {
        lock(&self.dead).clone()
    }

    /// The error that made the card unusable, if one has.
    pub fn alive(&self) -> Result<(), Error> {
        self.dead().map_or(Ok(()), Err)
    }

    /// Pushes all `requests` into `queue`.
    pub fn push_all(
        &self,
        queue: &Arc<Queue>,
        mut requests: VecDeque<Request>,
    ) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::with_capacity(requests.len());
        // Set by the first push: how often the queue had been opened.
        let mut incarnation = None;
        loop {
            let mut state = queue.lock();
            if state.broken() && !state.retired() {
                let generation = state.generation();
                drop(state);
                self.recover(generation, Cause::Broken(queue.clone()))?;
                continue;
            }
            state.accepts(queue.id)?;
            if *incarnation.get_or_insert(state.incarnation()) != state.incarnation() {
                let reason = "the commands before it have ended".to_owned();
                let (queue, opcode, recovery) = (queue.id, "rest of a list", Recovery::Queue);
                return Err(Error::Aborted { queue, opcode, recovery, reason });
            }
            // Under the lock: a reset that comes later finds the commands outstanding and ends them.
            for buffer in requests.iter().flat_map(|r| &r.buffers) {
                self.dram.check(buffer)?;
            }
            for memory in requests.iter().flat_map(|r| &r.memory) {
                memory.belongs_to(&self.arena)?;
            }
            let pushed = queue.push(&mut state, &mut requests);
            drop(state);
            match pushed {
                Ok(pushed) => outcomes.extend(pushed),
                Err(error) => {
                    self.give_up(&error);
                    return Err(error);
                }
            }
            if requests.is_empty() {
                return Ok(outcomes);
            }
            let room = queue.entries as usize - 1;
            self.wait_recovering(queue, |state| {
                (state.accepts(queue.id).is_err() || state.outstanding() < room).then_some(())
            })?;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The rings are unmapped next, so the card must be at rest.
        if self.dead().is_none() {
            if let Err(error) = self.quiesce() {
                tracing::error!(%error, "the card did not come to rest when it was closed");
            }
        }
    }
}
