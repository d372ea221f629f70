//! An open card.

use crate::dma::{lock, Arena};
use crate::mmio::Mmio;
use crate::queue::{Queue, MAX_ENTRIES};
use crate::request::{Outcome, Request, Ticket};
use crate::{CardInfo, CardOptions, Counters, DmaBuf, Dram, Error, Syndrome};
use permafrost_abi::{Completion, SemaphoreSetCommand, Transport};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Entries of the admin rings: admin commands are few and waited for one by one.
const ADMIN_ENTRIES: u32 = 16;

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
    /// Admin queue first; a queue's place is its id and its interrupt vector.
    pub queues: Vec<Queue>,
    /// Held while the card is being reset.
    pub recovery: Mutex<()>,
    /// Why the card is given up.
    pub dead: Mutex<Option<Error>>,
    /// Held by the one who uses the semaphores.
    pub semaphores: Mutex<()>,
    epoch: Instant,
    /// When a command last completed in any queue, in microseconds since `epoch`.
    progress: AtomicU64,
}

impl Card {
    /// Brings up the card behind `transport`: checks what it is, resets it, creates the admin queue and I/O queues.
    ///
    /// # Errors
    /// `NotACard`, `Version`, `BadCapability` when it is not a card this driver can use; `CardLost`; `Controller`,
    /// `AdminDeadline`, `Fatal`, `CommandFailed` when bring-up fails; `OutOfDmaMemory`; transport errors.
    pub fn open(transport: Arc<dyn Transport>, options: CardOptions) -> Result<Self, Error> {
        let mmio = Mmio(transport.clone());
        let info = CardInfo::read(&mmio)?;
        let arena = Arena::new(transport, options.dma_limit);
        let most = info.max_entries.min(MAX_ENTRIES);
        let io_entries = (options.queue_entries as u32).clamp(2, most) as u16;
        let io_queues = options.io_queues.clamp(1, info.io_queues);
        let mut queues = vec![Queue::new(0, ADMIN_ENTRIES.min(most) as u16, mmio.clone(), &arena)?];
        for id in 1..=io_queues {
            queues.push(Queue::new(id, io_entries, mmio.clone(), &arena)?);
        }
        let inner = Inner {
            dram: Dram::new(info.dram_bytes),
            mmio,
            options,
            info,
            arena,
            queues,
            recovery: Mutex::new(()),
            dead: Mutex::new(None),
            semaphores: Mutex::new(()),
            epoch: Instant::now(),
            progress: AtomicU64::new(0),
        };
        inner.quiesce()?;
        inner.start()?;
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

    /// Ids of the I/O queues, from 1.
    pub fn io_queues(&self) -> RangeInclusive<u16> {
        1..=(self.inner.queues.len() - 1) as u16
    }

    /// Commands that an I/O queue holds before [`submit`](Self::submit) waits for the oldest to end.
    pub fn queue_room(&self) -> usize {
        self.inner.queue(1).entries as usize - 1
    }

    /// The I/O queue with the fewest outstanding commands.
    pub fn least_loaded_queue(&self) -> u16 {
        self.io_queues().min_by_key(|id| self.inner.queue(*id).lock().outstanding()).unwrap_or(1)
    }

    /// Submits one command to I/O queue `queue`; blocks while its ring is full.
    ///
    /// # Errors
    /// As [`submit_all`](Self::submit_all).
    pub fn submit(&self, queue: u16, request: Request) -> Result<Ticket, Error> {
        let outcome = self.inner.submit(queue, VecDeque::from([request]))?;
        let outcome = outcome.into_iter().next();
        Ok(Ticket { card: self.inner.clone(), queue, outcome: outcome.unwrap_or_default() })
    }

    /// Submits commands to I/O queue `queue` in order, with one doorbell for as many as the ring has room for; blocks
    /// while it is full.
    ///
    /// # Errors
    /// `NoSuchQueue`; `DataLost` and `ForeignBuffer` when a buffer cannot be used; `Quarantined`; `Aborted` while the card
    /// is being reset; `CardLost` or the error that made the card unusable. Commands already in the ring then still
    /// run.
    pub fn submit_all(&self, queue: u16, requests: Vec<Request>) -> Result<Vec<Ticket>, Error> {
        let outcomes = self.inner.submit(queue, requests.into())?;
        let ticket = |outcome| Ticket { card: self.inner.clone(), queue, outcome };
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
        for outcome in self.inner.push_all(0, VecDeque::from([request]))? {
            self.inner.wait_outcome(0, &outcome)?;
        }
        Ok(())
    }

    /// Resets the card and brings it up again: outstanding commands end with `Aborted`, and all data in card memory is
    /// lost.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); the card is then unusable.
    pub fn reset(&self) -> Result<(), Error> {
        self.inner.recover(self.inner.dram.generation(), None, None)
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
    /// The queue with this id, which exists.
    pub fn queue(&self, id: u16) -> &Queue {
        &self.queues[id as usize]
    }

    /// What the transport multiplies deadlines by.
    pub fn scale(&self) -> u32 {
        self.mmio.0.deadline_scale().max(1)
    }

    /// A command has completed somewhere.
    pub fn note_progress(&self) {
        self.progress.fetch_max(self.epoch.elapsed().as_micros() as u64, Ordering::Relaxed);
    }

    /// When a command last completed anywhere.
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

    fn submit(&self, queue: u16, requests: VecDeque<Request>) -> Result<Vec<Outcome>, Error> {
        let available = (self.queues.len() - 1) as u16;
        match queue {
            id if (1..=available).contains(&id) => self.push_all(id, requests),
            _ => Err(Error::NoSuchQueue { queue, available }),
        }
    }

    /// Pushes all `requests` into the queue, which exists.
    fn push_all(&self, id: u16, mut requests: VecDeque<Request>) -> Result<Vec<Outcome>, Error> {
        let queue = self.queue(id);
        let mut outcomes = Vec::with_capacity(requests.len());
        loop {
            let mut state = queue.lock();
            state.accepts(id)?;
            // Under the lock: a reset that comes later finds the commands outstanding and ends them.
            for buffer in requests.iter().flat_map(|r| &r.buffers) {
                self.dram.check(buffer)?;
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
            self.wait_recovering(queue, |state| match state.accepts(id) {
                Ok(()) => (state.outstanding() < queue.entries as usize - 1).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            })??;
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
