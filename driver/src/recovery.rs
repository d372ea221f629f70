//! Bring-up, and the recovery ladder: controller reset (CC.ENABLE = 0, READY = 0 in time), then function level reset,
//! then give up. After either reset the card does no DMA; only then is memory of unfinished commands freed.

use crate::card::Inner;
use crate::dma::lock;
use crate::queue::Hang;
use crate::request::Request;
use crate::wait::Stop;
use crate::{Error, Recovery};
use permafrost_abi::registers::{AdminSize, Cc};
use permafrost_abi::{reg, CommandBody, CreateQueueCommand};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The controller gets at least this long, so that a loaded host does not look like a dead card.
const CONTROLLER_FLOOR: Duration = Duration::from_millis(200);

impl Inner {
    /// Sets the queues up and enables the card, which is quiet.
    pub(crate) fn start(&self) -> Result<(), Error> {
        let generation = self.dram.generation();
        let admin = &self.queues[0];
        admin.open(generation);
        self.mmio.write64(reg::ADMIN_SQ, admin.sq.iova())?;
        self.mmio.write64(reg::ADMIN_CQ, admin.cq.iova())?;
        let size = AdminSize::from_fields(admin.entries as u32, admin.entries as u32);
        self.mmio.write32(reg::ADMIN_SIZE, size.0)?;
        self.mmio.0.enable_irqs(self.queues.len() as u16)?;
        self.enable(true)?;
        for queue in &self.queues[1..] {
            queue.open(generation);
            self.admin(&CreateQueueCommand {
                sq_iova: queue.sq.iova(),
                cq_iova: queue.cq.iova(),
                queue: queue.id,
                sq_entries: queue.entries,
                cq_entries: queue.entries,
                irq_vector: queue.id,
                ..Default::default()
            })?;
        }
        tracing::info!(generation, io_queues = self.queues.len() - 1, "card is up");
        Ok(())
    }

    /// Runs an admin command. A hang is reported, not recovered: this is a step of recovery itself.
    fn admin<B: CommandBody>(&self, body: &B) -> Result<(), Error> {
        let queue = &self.queues[0];
        let mut requests = VecDeque::from([Request::new(body)]);
        let outcomes = queue.push(&mut queue.lock(), &mut requests)?;
        for outcome in outcomes {
            match self.wait_until(queue, |_| outcome.get().cloned()) {
                Ok(done) => done?,
                Err(Stop::Hang(_, Hang { opcode, limit })) => {
                    return Err(Error::AdminDeadline { opcode, limit })
                }
                Err(Stop::Fatal(_, error) | Stop::Failed(error)) => return Err(error),
            };
        }
        Ok(())
    }

    /// Writes CC.ENABLE and waits for CSTS.READY to follow.
    fn enable(&self, on: bool) -> Result<(), Error> {
        self.mmio.write32(reg::CC, Cc::from_fields(on).0)?;
        let limit = self.info.controller_deadline.saturating_mul(self.scale()).max(CONTROLLER_FLOOR);
        let start = Instant::now();
        loop {
            let csts = self.mmio.csts()?;
            if csts.ready() == on {
                // READY = 0 says nothing on a bus that reads 0 everywhere.
                return self.mmio.check_alive();
            }
            if on && csts.fatal() {
                return Err(Error::Fatal { csts: csts.0 });
            }
            if start.elapsed() > limit {
                return Err(Error::Controller { wanted: on, csts: csts.0, limit });
            }
            std::thread::yield_now();
        }
    }

    /// Brings the card to rest: no DMA after the return.
    pub(crate) fn quiesce(&self) -> Result<Recovery, Error> {
        match self.enable(false) {
            Ok(()) => return Ok(Recovery::Controller),
            Err(error @ Error::CardLost { .. }) => return Err(error),
            Err(error) => tracing::warn!(%error, "controller reset failed, trying a function level reset"),
        }
        self.mmio.0.reset()?;
        self.mmio.check_alive()?;
        self.enable(false)?;
        Ok(Recovery::Function)
    }

    /// Resets the card and brings it up again, unless someone else has done so since `generation`. Every outstanding
    /// command ends: the first of the queue that hung with `Deadline`, the others with `cause` or `Aborted`.
    ///
    /// # Errors
    /// The error that made the card unusable; every outstanding command ends with it too.
    pub(crate) fn recover(
        &self,
        generation: u32,
        hang: Option<(u16, Hang)>,
        cause: Option<Error>,
    ) -> Result<(), Error> {
        let _only = lock(&self.recovery);
        if self.dram.generation() != generation {
            return Ok(());
        }
        if let Some(dead) = self.dead() {
            return Err(dead);
        }
        let reason = match (&hang, &cause) {
            (Some((queue, hang)), _) => format!("{} on queue {queue} hung", hang.opcode),
            (_, Some(cause)) => cause.to_string(),
            _ => "asked for by software".into(),
        };
        tracing::warn!(%reason, "resetting the card");
        let mut stopped = Vec::new();
        for queue in &self.queues {
            let closed = Error::Aborted { queue: queue.id, opcode: "new command", reason: reason.clone() };
            stopped.push((queue, queue.close(closed)));
        }
        let recovery = match self.quiesce() {
            Ok(recovery) => recovery,
            Err(error) => {
                self.give_up(&error);
                for (queue, entries) in stopped {
                    queue.bury(entries, &error);
                }
                return Err(error);
            }
        };
        tracing::warn!(%recovery, "card is at rest");
        self.dram.next_generation();
        for (queue, entries) in stopped {
            drop(queue.take_limbo());
            for (i, entry) in entries.into_iter().enumerate() {
                let opcode = entry.opcode;
                let error = match (&hang, &cause) {
                    (Some((id, hang)), _) if *id == queue.id && i == 0 => {
                        Error::Deadline { queue: *id, opcode: hang.opcode, limit: hang.limit, recovery }
                    }
                    (_, Some(cause)) => cause.clone(),
                    _ => Error::Aborted { queue: queue.id, opcode, reason: reason.clone() },
                };
                drop(entry.end(Err(error)));
            }
            queue.changed.notify_all();
        }
        self.note_progress();
        self.start().inspect_err(|error| self.give_up(error))
    }

    /// The card is unusable from now on: everything outstanding ends with `error`.
    pub(crate) fn give_up(&self, error: &Error) {
        let first = lock(&self.dead).get_or_insert_with(|| error.clone()).clone();
        tracing::error!(error = %first, "card is given up");
        for queue in &self.queues {
            queue.bury(queue.close(first.clone()), &first);
        }
    }
}
