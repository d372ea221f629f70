//! Waiting for a queue: a short spin, then sleep on the interrupt. Memory is looked at again after each wake and after
//! each slice of sleep, so a lost interrupt costs one slice.

use crate::card::Inner;
use crate::queue::{Hang, Queue, State};
use crate::request::Outcome;
use crate::Error;
use permafrost_abi::Completion;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Longest sleep between two looks at the ring.
const SLICE: Duration = Duration::from_millis(20);
/// Between two looks at the card's registers while waiting.
const ALIVE_INTERVAL: Duration = Duration::from_millis(500);

/// Why waiting ended without a result.
pub(crate) enum Stop {
    /// A command hangs; the card needs recovery, unless its generation has moved on.
    Hang(u32, Hang),
    /// The controller reports a fatal error; recovery as above.
    Fatal(u32, Error),
    /// The card is lost or the transport fails.
    Failed(Error),
}

impl Inner {
    /// Waits until `test` has a result. It is called under the queue's lock, after completed commands have ended.
    pub(crate) fn wait_until<T>(
        &self,
        queue: &Queue,
        mut test: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Stop> {
        let start = Instant::now();
        let mut alive = start + ALIVE_INTERVAL;
        let mut state = queue.lock();
        loop {
            let ended = queue.drain(&mut state).map_err(Stop::Failed)?;
            let result = test(&mut state);
            if !ended.is_empty() {
                self.note_progress();
            }
            if result.is_some() || !ended.is_empty() {
                // Buffers are freed without the lock.
                drop(state);
                drop(ended);
                match result {
                    Some(result) => return Ok(result),
                    None => state = queue.lock(),
                }
                continue;
            }
            let now = Instant::now();
            let limit = self.options.command_deadline;
            if let Some(hang) = state.hang(now, limit, self.scale(), self.progress()) {
                return Err(Stop::Hang(state.generation(), hang));
            }
            if now < start + self.options.spin {
                drop(state);
                std::thread::yield_now();
                state = queue.lock();
            } else if now >= alive {
                alive = now + ALIVE_INTERVAL;
                let generation = state.generation();
                drop(state);
                self.check_health(generation)?;
                state = queue.lock();
            } else {
                state = self.sleep(queue, state)?;
            }
        }
    }

    /// Sleeps on the queue's interrupt, or, when another thread does so already, until that one has news.
    fn sleep<'a>(
        &self,
        queue: &'a Queue,
        state: MutexGuard<'a, State>,
    ) -> Result<MutexGuard<'a, State>, Stop> {
        let guard = match queue.irq.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Ok(queue
                    .changed
                    .wait_timeout(state, SLICE)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0);
            }
        };
        drop(state);
        let woken = self.mmio.0.wait_irq(queue.id, SLICE);
        drop(guard);
        let state = queue.lock();
        // Another waiter takes the interrupt over if this thread has no reason to come back.
        queue.changed.notify_one();
        woken.map_err(|e| Stop::Failed(e.into()))?;
        Ok(state)
    }

    /// That the card still answers and has no fatal error.
    fn check_health(&self, generation: u32) -> Result<(), Stop> {
        self.mmio.check_alive().map_err(Stop::Failed)?;
        let csts = self.mmio.csts().map_err(Stop::Failed)?;
        match csts.fatal() {
            true => Err(Stop::Fatal(generation, Error::Fatal { csts: csts.0 })),
            false => Ok(()),
        }
    }

    /// Waits for `test` on an I/O queue; recovers the card when it hangs.
    pub(crate) fn wait_recovering<T>(
        &self,
        queue: &Queue,
        mut test: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Error> {
        loop {
            match self.wait_until(queue, &mut test) {
                Ok(result) => return Ok(result),
                // The outcome of every command of that generation is then known, and `test` sees it.
                Err(Stop::Hang(generation, hang)) => {
                    self.recover(generation, Some((queue.id, hang)), None)?
                }
                Err(Stop::Fatal(generation, cause)) => self.recover(generation, None, Some(cause))?,
                Err(Stop::Failed(error)) => {
                    self.give_up(&error);
                    return Err(error);
                }
            }
        }
    }

    /// Waits for the outcome of a command in `queue`.
    pub(crate) fn wait_outcome(&self, queue: u16, outcome: &Outcome) -> Result<Completion, Error> {
        if let Some(done) = outcome.get() {
            return done.clone();
        }
        self.wait_recovering(self.queue(queue), |_| outcome.get().cloned())?
    }

    /// Ends what has completed in `queue`, without waiting.
    pub(crate) fn poll(&self, queue: u16) {
        let queue = self.queue(queue);
        let mut state = queue.lock();
        let ended = queue.drain(&mut state);
        drop(state);
        match ended {
            Ok(ended) if !ended.is_empty() => self.note_progress(),
            Ok(_) => {}
            Err(error) => self.give_up(&error),
        }
    }
}
