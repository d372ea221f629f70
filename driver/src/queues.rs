//! I/O queues that come and go while the card is in use.

use crate::card::{Card, Inner};
use crate::dma::lock;
use crate::queue::{Queue, MAX_ENTRIES};
use crate::recovery::Cause;
use crate::{CardOptions, Error};
use std::sync::{Arc, PoisonError};

/// Choices made when an I/O queue is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// Entries of each ring; cut to what the card offers and to 4096. At least 2.
    pub entries: u16,
    /// Completions gathered before the card raises the queue's interrupt; with 0 and 1 each raises it.
    ///
    /// Gathering saves the host interrupts where many commands are under way, and makes a command that is alone late: the
    /// card waits for others until `irq_clocks` are over. Who waits sees its completion without an interrupt in the first
    /// [`CardOptions::spin`], and then after at most `irq_clocks` or 20 ms, whichever is less.
    pub irq_count: u16,
    /// Longest time in clocks for which a completion in memory waits for others before its interrupt is raised. Not 0 when
    /// `irq_count` is above 1, otherwise ignored.
    pub irq_clocks: u32,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self::from(&CardOptions::default())
    }
}

impl From<&CardOptions> for QueueOptions {
    fn from(options: &CardOptions) -> Self {
        let CardOptions { queue_entries: entries, irq_count, irq_clocks, .. } = *options;
        Self { entries, irq_count, irq_clocks }
    }
}

impl QueueOptions {
    /// These options on a card whose rings have at most `max_entries`.
    pub(crate) fn checked(mut self, max_entries: u32) -> Result<Self, Error> {
        if self.irq_count > 1 && self.irq_clocks == 0 {
            return Err(Error::BadOption {
                option: "irq_clocks",
                value: 0,
                detail: format!(
                    "{} completions are gathered; say how many clocks the first may wait",
                    self.irq_count
                ),
            });
        }
        self.entries = (self.entries as u32).clamp(2, max_entries.min(MAX_ENTRIES)) as u16;
        Ok(self)
    }
}

/// What becomes of the commands of a queue that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outstanding {
    /// They run to their end.
    Wait,
    /// They are aborted, the one in hand and those behind it.
    Abort,
}

impl Card {
    /// Creates an I/O queue; returns its id, the lowest that is free. A card that was opened with fewer
    /// [`CardOptions::io_queues`] than it has, or of which queues were deleted, has room for it.
    ///
    /// # Errors
    /// `NoFreeQueue`; `BadOption`; `OutOfDmaMemory` for the rings; `CommandFailed` when the card refuses; those of
    /// [`reset`](Self::reset) when it does not answer, after which all data in card memory is lost.
    pub fn create_queue(&self, options: QueueOptions) -> Result<u16, Error> {
        self.inner.create_queue(options)
    }

    /// Deletes an I/O queue. From now on it refuses new work with `NoSuchQueue`; when what is `outstanding` has ended, its
    /// id is free again. Data in card memory stays valid. When all queues are deleted, transfers have none to go by.
    ///
    /// # Errors
    /// `NoSuchQueue`; or the error that made the card unusable.
    pub fn delete_queue(&self, id: u16, outstanding: Outstanding) -> Result<(), Error> {
        let inner = &self.inner;
        let queue = inner.queue(id)?;
        let generation = {
            let mut state = queue.lock();
            state.retire(inner.no_such_queue(id))?;
            queue.changed.notify_all();
            state.generation()
        };
        if outstanding == Outstanding::Wait {
            inner.wait_recovering(&queue, |state| {
                (state.outstanding() == 0 && !state.broken()).then_some(())
            })?;
        }
        inner.recover(generation, Cause::Delete(queue))
    }

    /// Aborts what an I/O queue has outstanding and creates it anew, with the same id: its commands end with `Aborted`,
    /// those of other queues go on. Data in card memory stays valid, except for what the aborted commands were writing.
    ///
    /// # Errors
    /// `NoSuchQueue`; or the error that made the card unusable.
    pub fn restart_queue(&self, id: u16) -> Result<(), Error> {
        let queue = self.inner.queue(id)?;
        let generation = queue.lock().generation();
        self.inner.recover(generation, Cause::Restart(queue))
    }
}

impl Inner {
    /// All I/O queues, by id.
    pub(crate) fn io_queues(&self) -> Vec<Arc<Queue>> {
        self.io.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// All queues, the admin queue first.
    pub(crate) fn all_queues(&self) -> Vec<Arc<Queue>> {
        std::iter::once(self.admin.clone()).chain(self.io_queues()).collect()
    }

    /// The I/O queue with this id.
    pub(crate) fn queue(&self, id: u16) -> Result<Arc<Queue>, Error> {
        let queue = self.io.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        queue.ok_or_else(|| self.no_such_queue(id))
    }

    /// Whether `queue` is one of the card's, not one of the past.
    pub(crate) fn owns(&self, queue: &Arc<Queue>) -> bool {
        self.queue(queue.id).is_ok_and(|now| Arc::ptr_eq(&now, queue))
    }

    /// Drops the queues that are to be deleted. The card, which was reset, knows none of them; their commands have ended.
    pub(crate) fn forget_retired(&self) {
        self.io_queues().iter().filter(|queue| queue.lock().retired()).for_each(|queue| self.forget(queue));
    }

    /// Drops `queue`, which the card does not know and which has no commands.
    pub(crate) fn forget(&self, queue: &Arc<Queue>) {
        self.io.write().unwrap_or_else(PoisonError::into_inner).remove(&queue.id);
        queue.close(self.no_such_queue(queue.id));
    }

    fn no_such_queue(&self, queue: u16) -> Error {
        Error::NoSuchQueue { queue, available: self.info.io_queues }
    }

    fn create_queue(&self, options: QueueOptions) -> Result<u16, Error> {
        let options = options.checked(self.info.max_entries)?;
        let recovery = lock(&self.recovery);
        self.alive()?;
        let queue = {
            let mut io = self.io.write().unwrap_or_else(PoisonError::into_inner);
            let id = (1..=self.info.io_queues).find(|id| !io.contains_key(id));
            let id = id.ok_or(Error::NoFreeQueue { available: self.info.io_queues })?;
            let queue = Arc::new(Queue::new(id, options, self.mmio.clone(), &self.arena)?);
            // Nobody uses it before the card knows it. A reset forgets it.
            queue.lock().retire(self.no_such_queue(id))?;
            io.insert(id, queue.clone());
            queue
        };
        queue.prepare();
        match self.admin(&queue.creation()) {
            Ok(_) => {
                queue.admit(self.dram.generation());
                queue.lock().engage();
                self.still_alive()?;
                tracing::info!(queue = queue.id, ?options, "queue created");
                Ok(queue.id)
            }
            Err(error @ Error::CommandFailed { .. }) => {
                self.forget(&queue);
                Err(error)
            }
            Err(error) => {
                // The card may know the rings or not.
                let generation = self.dram.generation();
                drop(recovery);
                self.recover(generation, Cause::Admin(error.clone()))?;
                Err(error)
            }
        }
    }
}
