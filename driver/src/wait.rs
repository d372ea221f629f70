//! Waiting for a queue: a short spin, then sleep on the interrupt.
//!
//! An interrupt that comes between the last look at the ring and the sleep is not lost: the transport keeps it. Memory is
//! looked at again after each wake and after each slice of sleep, so an interrupt that never comes costs one slice, and so
//! does one that the card holds back for longer than that to gather more completions.

use crate::card::Inner;
use crate::dma::lock;
use crate::queue::{Hang, Queue, State};
use crate::recovery::Cause;
use crate::request::Outcome;
use crate::Error;
use permafrost_abi::{AbortCommand, Completion};
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Longest sleep between two looks at the ring.
const SLICE: Duration = Duration::from_millis(20);
/// Between two looks at the card's registers while waiting.
const ALIVE_INTERVAL: Duration = Duration::from_millis(500);

/// Why waiting ended without a result.
pub(crate) enum Stop {
    /// A command hangs; it needs recovery, unless the card's generation has moved on.
    Hang(u32, Hang),
    /// The queue got a bad completion; recovery as above.
    Broken(u32),
    /// The controller reports a fatal error; recovery as above.
    Fatal(u32, Error),
    /// ABORT should be sent for this command of the queue.
    Abort(u16),
    /// The time is over.
    Late,
    /// The card is lost or the transport fails.
    Failed(Error),
}

/// Who waits, and for how long.
#[derive(Clone, Copy)]
pub(crate) enum Watch {
    /// Anyone, as long as no command is over its deadline.
    Commands,
    /// The one who recovers the card, until then.
    Until(Instant),
}

impl Inner {
    /// Waits until `test` has a result. It is called under the queue's lock, after completed commands have ended.
    pub(crate) fn wait_until<T>(
        &self,
        queue: &Queue,
        watch: Watch,
        mut test: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Stop> {
        let start = Instant::now();
        let mut alive = start + ALIVE_INTERVAL;
        let mut state = queue.lock();
        loop {
            let ended = queue.drain(&mut state);
            let result = test(&mut state);
            if !ended.is_empty() {
                self.note_progress_of(queue);
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
            if state.quarantined() {
                return Err(Stop::Broken(state.generation()));
            }
            let now = Instant::now();
            match watch {
                Watch::Until(end) if now > end => return Err(Stop::Late),
                Watch::Until(_) => {}
                Watch::Commands => {
                    let limit = self.options.command_deadline;
                    if let Some(hang) = state.hang(now, limit, self.scale(), self.progress()) {
                        return Err(Stop::Hang(state.generation(), hang));
                    }
                    if let Some(cid) = state.abort_due(now) {
                        return Err(Stop::Abort(cid));
                    }
                }
            }
            if now.saturating_duration_since(start) < self.options.spin {
                drop(state);
                std::thread::yield_now();
                state = queue.lock();
            } else if now >= alive {
                alive = now + ALIVE_INTERVAL;
                let generation = state.generation();
                drop(state);
                match watch {
                    Watch::Until(_) => self.check_health(generation)?,
                    Watch::Commands => self.check_health_from_outside(generation)?,
                }
                state = queue.lock();
            } else {
                let most = match watch {
                    Watch::Until(end) => SLICE.min(end.saturating_duration_since(now)),
                    Watch::Commands => SLICE,
                };
                let generation = state.generation();
                state = match (self.sleep(queue, state, most), watch) {
                    (Ok(state), _) => state,
                    (Err(error), Watch::Until(_)) => return Err(Stop::Failed(error)),
                    (Err(error), Watch::Commands) => {
                        // Interrupts may be refused while another resets the card.
                        let _nobody_recovers = lock(&self.recovery);
                        if self.dram.generation() == generation && self.dead().is_none() {
                            return Err(Stop::Failed(error));
                        }
                        queue.lock()
                    }
                };
            }
        }
    }

    /// Sleeps for at most `most` on the queue's interrupt, or, when another thread does so already, until that one has news.
    fn sleep<'a>(
        &self,
        queue: &'a Queue,
        state: MutexGuard<'a, State>,
        most: Duration,
    ) -> Result<MutexGuard<'a, State>, Error> {
        let guard = match self.irqs[queue.id as usize].try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Ok(queue.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0);
            }
        };
        drop(state);
        let woken = self.mmio.0.wait_irq(queue.id, most);
        drop(guard);
        let state = queue.lock();
        // Another waiter takes the interrupt over if this thread has no reason to come back.
        queue.changed.notify_one();
        woken?;
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

    /// The same by one who does not recover the card: while another resets it, registers may read all ones, and it may be
    /// fatal; only what is seen afterwards counts.
    fn check_health_from_outside(&self, generation: u32) -> Result<(), Stop> {
        if self.check_health(generation).is_ok() {
            return Ok(());
        }
        let _nobody_recovers = lock(&self.recovery);
        match self.dram.generation() == generation && self.dead().is_none() {
            true => self.check_health(generation),
            false => Ok(()),
        }
    }

    /// Waits for `test` on a queue; recovers the card when it hangs.
    pub(crate) fn wait_recovering<T>(
        &self,
        queue: &Arc<Queue>,
        mut test: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Error> {
        loop {
            match self.wait_until(queue, Watch::Commands, &mut test) {
                Ok(result) => return Ok(result),
                // Recovery leaves something new for `test` to see.
                Err(Stop::Hang(generation, hang)) => {
                    self.recover(generation, Cause::Hang(queue.clone(), hang))?
                }
                Err(Stop::Broken(generation)) => self.recover(generation, Cause::Broken(queue.clone()))?,
                Err(Stop::Fatal(generation, error)) => self.recover(generation, Cause::Fatal(error))?,
                Err(Stop::Abort(cid)) => self.send_abort(queue, cid),
                Err(Stop::Late) => {}
                Err(Stop::Failed(error)) => {
                    self.give_up(&error);
                    return Err(error);
                }
            }
        }
    }

    /// Waits for the outcome of a command in `queue`.
    pub(crate) fn wait_outcome(&self, queue: &Arc<Queue>, outcome: &Outcome) -> Result<Completion, Error> {
        let done = match outcome.get() {
            Some(done) => done.clone(),
            None => self.wait_recovering(queue, |_| outcome.get().cloned())?,
        };
        if matches!(done, Err(Error::BadCompletion { .. })) {
            self.mend(queue);
        }
        done
    }

    /// Opens a quarantined queue again, as far as that is possible.
    pub(crate) fn mend(&self, queue: &Arc<Queue>) {
        let (quarantined, generation) = {
            let state = queue.lock();
            (state.quarantined(), state.generation())
        };
        if quarantined {
            // Who uses the card next learns of an error.
            if let Err(error) = self.recover(generation, Cause::Broken(queue.clone())) {
                tracing::debug!(%error, queue = queue.id, "the queue stays closed");
            }
        }
    }

    /// Asks the card to stop a command at its owner's wish.
    pub(crate) fn send_abort(&self, queue: &Queue, cid: u16) {
        match self.admin_recovering(&AbortCommand { queue: queue.id, cid, ..Default::default() }) {
            Ok(done) if done.info == 1 => queue.lock().abort_done(cid),
            Ok(_) => {}
            // The queue or the card has gone, and with them the command.
            Err(error) => tracing::debug!(%error, queue = queue.id, cid, "ABORT was not carried out"),
        }
    }

    /// Ends what has completed in `queue`, without waiting.
    pub(crate) fn poll(&self, queue: u16) {
        if let Ok(queue) = self.queue(queue) {
            self.poll_queue(&queue);
        }
    }

    /// The same.
    pub(crate) fn poll_queue(&self, queue: &Queue) {
        let ended = queue.drain(&mut queue.lock());
        if !ended.is_empty() {
            self.note_progress_of(queue);
        }
    }
}
