//! The recovery ladder. Each rung has the card's CAP_DEADLINE, scaled, for every step; when it fails, the next is tried:
//!
//! 1. ABORT of the command that hangs. Only that one ends.
//! 2. Restart of the queue: what the card still runs of it is aborted, DELETE_QUEUE, CREATE_QUEUE. The commands of this
//!    queue end. Their memory is freed once DELETE_QUEUE has succeeded: nothing of the queue runs then.
//! 3. Controller reset. All commands end and data in card memory is lost. Memory is freed at CSTS.READY = 0: no DMA then.
//! 4. Function level reset. The same.
//! 5. The card is given up. Memory of commands that have not ended is kept, and not used again, until the card is closed
//!    and unmapped.
//!
//! One thread climbs, under the lock `recovery`. Others that have noticed the same wait for it and find the reason gone.

use crate::card::Inner;
use crate::dma::lock;
use crate::queue::{Hang, Queue};
use crate::request::Request;
use crate::wait::{Stop, Watch};
use crate::{Error, Recovery};
use permafrost_abi::{queue_depth, AbortCommand, CommandBody, Completion, DeleteQueueCommand, Status};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// First pause between two ABORTs of a command that the card does not have in hand.
const PAUSE: Duration = Duration::from_millis(1);

/// Why something has to be recovered.
pub(crate) enum Cause {
    /// A command of the queue hangs.
    Hang(Arc<Queue>, Hang),
    /// The queue got a bad completion.
    Broken(Arc<Queue>),
    /// The queue is to be made anew.
    Restart(Arc<Queue>),
    /// The queue takes no more work and is to be deleted.
    Delete(Arc<Queue>),
    /// The card has failed; all commands end with the error.
    Fatal(Error),
    /// An admin command has failed in a way that leaves open what the card knows.
    Admin(Error),
    /// The card is to be reset.
    Reset,
}

impl Cause {
    /// What the commands are told that end for it.
    fn reason(&self) -> String {
        match self {
            Self::Hang(queue, hang) => format!("{} on queue {} hung", hang.opcode, queue.id),
            Self::Broken(queue) => format!("queue {} got a bad completion", queue.id),
            Self::Restart(_) | Self::Reset => "asked for".into(),
            Self::Delete(queue) => format!("queue {} was deleted", queue.id),
            Self::Fatal(error) | Self::Admin(error) => error.to_string(),
        }
    }

    /// The queue to restart, when that can help.
    fn queue(&self) -> Option<&Arc<Queue>> {
        match self {
            Self::Hang(queue, _) | Self::Broken(queue) | Self::Restart(queue) | Self::Delete(queue) => {
                Some(queue).filter(|queue| queue.id != 0)
            }
            Self::Fatal(_) | Self::Admin(_) | Self::Reset => None,
        }
    }
}

impl Inner {
    /// Removes `cause` by the lowest rung that does, unless the card has been reset since `generation`, or someone else has
    /// done so. Commands that end for it end with `Deadline`, `Aborted` or the error of `cause`.
    ///
    /// # Errors
    /// The error that made the card unusable; every outstanding command ends with it too.
    pub(crate) fn recover(&self, generation: u32, cause: Cause) -> Result<(), Error> {
        let _only = lock(&self.recovery);
        self.alive()?;
        // A queue that is to be deleted may have outlived a reset.
        if self.dram.generation() != generation && !matches!(cause, Cause::Delete(_)) {
            return Ok(());
        }
        let gone = match &cause {
            Cause::Hang(queue, hang) => {
                self.poll_queue(queue);
                !queue.lock().hangs(hang)
            }
            Cause::Broken(queue) => !queue.lock().broken(),
            Cause::Restart(queue) | Cause::Delete(queue) => !self.owns(queue),
            Cause::Fatal(_) | Cause::Admin(_) | Cause::Reset => false,
        };
        if gone {
            return Ok(());
        }
        self.climb(&cause)?;
        self.still_alive()
    }

    /// As [`alive`](Self::alive), for who holds the lock `recovery` and has let work into queues: a thread without the lock may
    /// have given the card up in the middle, and closed queues that were opened since.
    pub(crate) fn still_alive(&self) -> Result<(), Error> {
        self.alive().inspect_err(|error| self.give_up(error))
    }

    /// The ladder; the caller holds the lock `recovery`.
    fn climb(&self, cause: &Cause) -> Result<(), Error> {
        let reason = cause.reason();
        if let Some(queue) = cause.queue() {
            if let Cause::Hang(_, hang) = cause {
                tracing::warn!(%reason, cid = hang.cid, "aborting the command");
                match self.abort(queue, hang) {
                    Ok(true) => {
                        tracing::warn!(queue = queue.id, opcode = hang.opcode, "the command was aborted");
                        return Ok(());
                    }
                    Ok(false) => tracing::warn!(queue = queue.id, "the command did not end by ABORT"),
                    Err(error) => tracing::warn!(%error, queue = queue.id, "ABORT failed"),
                }
            }
            tracing::warn!(%reason, queue = queue.id, "restarting the queue");
            match self.restart(queue, &reason) {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(%error, queue = queue.id, "the queue could not be restarted"),
            }
        }
        self.reset_card(cause, &reason)
    }

    /// Rung 1: ABORTs the command until it ends. Whether it did.
    fn abort(&self, queue: &Queue, hang: &Hang) -> Result<bool, Error> {
        queue.lock().condemn(hang);
        let limit = self.rung_limit();
        let end = Instant::now() + limit;
        let mut pause = PAUSE;
        loop {
            let body = AbortCommand { queue: queue.id, cid: hang.cid, ..Default::default() };
            // The card may not have fetched it yet, or its completion may be on the way: then it is asked again.
            let stopped = self.admin(&body)?.info == 1;
            let until = if stopped { Instant::now() + limit } else { end.min(Instant::now() + pause) };
            pause *= 2;
            let ended = |state: &mut crate::queue::State| (!state.hangs(hang)).then_some(());
            match self.wait_until(queue, Watch::Until(until), ended) {
                Ok(()) => return Ok(true),
                Err(Stop::Late) if !stopped && Instant::now() < end => {}
                Err(Stop::Fatal(_, error) | Stop::Failed(error)) => return Err(error),
                Err(_) => return Ok(false),
            }
        }
    }

    /// Rung 2: deletes the queue on the card, ends its commands, and creates it anew unless it is retired.
    ///
    /// # Errors
    /// The queue is then frozen with its commands, or left without any.
    fn restart(&self, queue: &Arc<Queue>, reason: &str) -> Result<(), Error> {
        // What has completed so far has its own outcome.
        self.poll_queue(queue);
        let suspects = queue.freeze();
        self.delete(queue, &suspects)?;
        // The card does nothing of this queue any more: its memory is free, data elsewhere is as it was.
        drop(queue.take_limbo());
        for entry in queue.abandon() {
            let error = entry.stopped(queue.id, Recovery::Queue, reason);
            drop(entry.end(Err(error)));
        }
        queue.changed.notify_all();
        self.note_progress();
        if queue.lock().retired() {
            self.forget(queue);
            tracing::info!(queue = queue.id, "queue deleted");
            return Ok(());
        }
        queue.prepare();
        self.admin(&queue.creation())?;
        queue.admit(self.dram.generation());
        tracing::info!(queue = queue.id, "queue restarted");
        Ok(())
    }

    /// DELETE_QUEUE, after as many ABORTs as it takes. `suspects`: what the card may still run of the queue, in order.
    fn delete(&self, queue: &Queue, suspects: &[u16]) -> Result<(), Error> {
        let limit = self.rung_limit();
        // Each command may take its time; the card may pretend progress only so long.
        let last = Instant::now() + limit.saturating_mul(suspects.len() as u32 + 2);
        let (mut end, mut depth, mut misses) = (Instant::now() + limit, None, 0);
        loop {
            match self.admin(&DeleteQueueCommand { queue: queue.id, ..Default::default() }) {
                Ok(_) => return Ok(()),
                Err(Error::CommandFailed { status: Status::Busy, .. }) => {}
                Err(error) => return Err(error),
            }
            let now = Instant::now();
            let left = self.mmio.read32(queue_depth(queue.id))? as usize;
            if depth.replace(left) != Some(left) {
                (end, misses) = (now + limit, 0);
            }
            if now > end.min(last) {
                return Err(Error::AdminDeadline { opcode: "DELETE_QUEUE", limit });
            }
            // By the depth the one in hand; when that is not so, the others in turn.
            let first = suspects.len().saturating_sub(left);
            let Some(cid) = suspects.get((first + misses) % suspects.len().max(1)) else {
                std::thread::yield_now();
                continue;
            };
            let body = AbortCommand { queue: queue.id, cid: *cid, ..Default::default() };
            if self.admin(&body)?.info != 1 {
                misses += 1;
                std::thread::yield_now();
            }
        }
    }

    /// Rungs 3 to 5.
    fn reset_card(&self, cause: &Cause, reason: &str) -> Result<(), Error> {
        tracing::warn!(%reason, "resetting the card");
        let queues = self.all_queues();
        let mut stopped = Vec::new();
        let close = |stopped: &mut Vec<_>| {
            for queue in &queues {
                let (recovery, reason) = (Recovery::Controller, reason.to_owned());
                let told = Error::Aborted { queue: queue.id, opcode: "new command", recovery, reason };
                stopped.push((queue, queue.close(told)));
            }
        };
        close(&mut stopped);
        let result = self.bring_up(|| {
            // Of a first try to bring it up, too.
            close(&mut stopped);
            queues.iter().for_each(|queue| drop(queue.take_limbo()));
            self.dram.next_generation();
        });
        match result {
            Ok(recovery) => {
                tracing::warn!(%recovery, "the card was reset, data in card memory is lost");
                self.note_progress();
                for (queue, entries) in stopped {
                    for entry in entries {
                        let error = match (cause, entry.why) {
                            (Cause::Fatal(error), None) => error.clone(),
                            (Cause::Hang(hung, hang), None)
                                if hung.id == queue.id && hang.cid == entry.cid =>
                            {
                                let (opcode, limit) = (hang.opcode, hang.limit);
                                Error::Deadline { queue: queue.id, opcode, limit, recovery }
                            }
                            _ => entry.stopped(queue.id, recovery, reason),
                        };
                        drop(entry.end(Err(error)));
                    }
                    queue.changed.notify_all();
                }
                Ok(())
            }
            Err(error) => {
                self.give_up(&error);
                for (queue, entries) in stopped {
                    queue.bury(entries, &error);
                }
                Err(error)
            }
        }
    }

    /// The card is unusable from now on: everything outstanding ends with `error`.
    pub(crate) fn give_up(&self, error: &Error) {
        let first = lock(&self.dead).get_or_insert_with(|| error.clone()).clone();
        tracing::error!(error = %first, "card is given up");
        for queue in self.all_queues() {
            queue.bury(queue.close(first.clone()), &first);
        }
    }

    /// Runs an admin command as anyone may, and resets the card when it hangs.
    pub(crate) fn admin_recovering<B: CommandBody>(&self, body: &B) -> Result<Completion, Error> {
        let request = Request::new(body).deadline(self.rung_limit() / self.scale());
        let outcomes = self.push_all(&self.admin, VecDeque::from([request]))?;
        let outcome = outcomes.into_iter().next().unwrap_or_default();
        self.wait_outcome(&self.admin, &outcome)
    }

    /// Runs an admin command within [`rung_limit`](Self::rung_limit). What goes wrong is reported, not recovered: the caller
    /// holds the lock `recovery` and goes on to the next rung.
    pub(crate) fn admin<B: CommandBody>(&self, body: &B) -> Result<Completion, Error> {
        let queue = &self.admin;
        let limit = self.rung_limit();
        let end = Instant::now() + limit;
        let mut requests = VecDeque::from([Request::new(body)]);
        let failed = |stop| match stop {
            Stop::Fatal(_, error) | Stop::Failed(error) => error,
            Stop::Broken(_) => {
                Error::Quarantined { queue: 0, reason: "a bad completion of an admin command".into() }
            }
            Stop::Hang(..) | Stop::Abort(_) | Stop::Late => {
                Error::AdminDeadline { opcode: B::OPCODE.name(), limit }
            }
        };
        loop {
            let mut state = queue.lock();
            state.accepts(0)?;
            let outcome = queue.push(&mut state, &mut requests)?.pop();
            drop(state);
            if let Some(outcome) = outcome {
                let done = self.wait_until(queue, Watch::Until(end), |_| outcome.get().cloned());
                return done.map_err(failed)?;
            }
            let room = |state: &mut crate::queue::State| {
                (state.accepts(0).is_err() || state.outstanding() < queue.entries as usize - 1).then_some(())
            };
            self.wait_until(queue, Watch::Until(end), room).map_err(failed)?;
        }
    }
}
