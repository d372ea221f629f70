//! The way of a list through the driver: every step becomes commands, all are submitted, then all are awaited.
//!
//! Steps are submitted in the order of the list and wait only for steps before them, so whatever is in the rings can
//! run: when a ring or the DMA memory is full, waiting for the oldest commands makes room. After a failure the
//! semaphores are raised by hand, for those that wait for the failed step; to see it in time, nobody waits for room in a
//! ring but by waiting for the oldest command.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use permafrost_abi::{CopyCommand, CopyKind, ALIGN};
use permafrost_driver::{Card, DmaBuf, Error as Driver, Request, Semaphores, Ticket};

use super::command;
use crate::engine::device::ListRun;
use crate::engine::job::{At, Job, Lane, Mark, Step, SEMAPHORES};
use crate::error::{Error, Result};

/// A list on its way.
pub(super) struct Run<'c, 'l> {
    card: &'c Card,
    semaphores: Semaphores<'c>,
    /// I/O queues of the lanes.
    compute: u16,
    stream: u16,
    /// Bytes of one copy of a transfer.
    chunk: usize,
    /// Submitted commands, oldest first.
    flights: VecDeque<Flight<'l>>,
    /// Longest time that all steps so far may take.
    limit: Duration,
    out: ListRun,
    failed: Option<Error>,
}

/// A command on its way.
struct Flight<'l> {
    /// Index of its step.
    step: usize,
    queue: u16,
    ticket: Ticket,
    /// Host memory that its data is for.
    landing: Option<(Arc<DmaBuf>, &'l mut [u8])>,
}

/// The part of a step that all its commands share.
struct Frame<'l> {
    index: usize,
    queue: u16,
    limit: Duration,
    after: Option<Mark>,
    signals: Option<Mark>,
    blocks: Vec<At<'l>>,
}

/// The parts of a transfer of `len` bytes: offset, whether it is the first and whether it is the last, and the bytes.
fn parts<T>(
    chunks: impl Iterator<Item = T>,
    len: usize,
    chunk: usize,
) -> impl Iterator<Item = (u64, (bool, bool), T)> {
    let last = len.div_ceil(chunk).max(1) - 1;
    chunks.enumerate().map(move |(i, part)| ((i * chunk) as u64, (i == 0, i == last), part))
}

/// The copy of all of `staging`.
fn copy(kind: CopyKind, at: At<'_>, staging: &Arc<DmaBuf>) -> Request {
    let copy = CopyCommand::contiguous(kind, at.address(), staging.iova(), staging.len() as u64);
    Request::new(&copy).holding(staging.clone())
}

impl<'c, 'l> Run<'c, 'l> {
    /// Waits for its turn on `card`.
    pub(super) fn new(card: &'c Card) -> Self {
        let semaphores = card.semaphores();
        let two = card.io_queues().count() > 1 && semaphores.count() >= u32::from(SEMAPHORES);
        Run {
            card,
            semaphores,
            compute: 1,
            // In one queue the order of the list is order enough.
            stream: if two { 2 } else { 1 },
            chunk: card.staging_bytes(),
            flights: VecDeque::new(),
            limit: Duration::ZERO,
            out: ListRun::default(),
            failed: None,
        }
    }

    /// Runs the list, whose order has been checked, to its end.
    pub(super) fn run(mut self, list: Vec<Step<'l>>) -> Result<ListRun> {
        self.out.cycles = vec![0; list.len()];
        if self.compute != self.stream {
            for semaphore in 0..SEMAPHORES {
                let waits = |step: &Step<'_>| step.after.is_some_and(|mark| mark.semaphore == semaphore);
                if list.iter().any(waits) {
                    self.semaphores.set(semaphore, 0)?;
                }
            }
        }
        // Some hundred register reads, which a list of transfers is not worth.
        let counted = list.iter().any(|step| step.job.computes());
        let before = if counted { Some(self.card.counters()?) } else { None };
        for (index, step) in list.into_iter().enumerate() {
            if let Err(error) = self.submit(index, step) {
                self.fail(error);
            }
            if self.failed.is_some() {
                break;
            }
        }
        while !self.flights.is_empty() {
            self.land();
        }
        match self.failed {
            Some(error) => Err(error),
            None => {
                if let Some(before) = before {
                    let counters = self.card.counters()?.since(&before);
                    // A completion's 32-bit count saturates; the card's clock counter then bounds it from above.
                    let saturated =
                        self.out.cycles.iter_mut().filter(|cycles| **cycles >= u64::from(u32::MAX));
                    saturated.for_each(|cycles| *cycles = counters.cycles);
                    self.out.counters = command::counters(&counters);
                }
                Ok(self.out)
            }
        }
    }

    /// Submits the commands of a step.
    fn submit(&mut self, index: usize, step: Step<'l>) -> Result<()> {
        let Step { lane, job, after, signals, .. } = step;
        let queue = match lane {
            Lane::Compute => self.compute,
            Lane::Stream => self.stream,
        };
        let own = command::limit(self.card, &job);
        self.limit += own;
        // A step that waits may be the first of its queue while all before it run.
        let limit = if after.is_some() { self.limit } else { own };
        let mut frame = Frame { index, queue, limit, after, signals, blocks: Vec::new() };
        frame.blocks = job.buffers();
        match job {
            Job::Upload { to, bytes } if !bytes.is_empty() => {
                self.out.bytes_up += bytes.len() as u64;
                for (offset, ends, part) in parts(bytes.chunks(self.chunk), bytes.len(), self.chunk) {
                    let staging = self.staging(part.len())?;
                    staging.write(0, part);
                    staging.zero(part.len(), staging.len() - part.len());
                    let request = copy(CopyKind::HostToCard, to.plus(offset), &staging);
                    self.push(&frame, request, ends, None)?;
                }
            }
            Job::Download { from, bytes } if !bytes.is_empty() => {
                let len = bytes.len();
                self.out.bytes_down += len as u64;
                for (offset, ends, part) in parts(bytes.chunks_mut(self.chunk), len, self.chunk) {
                    let staging = self.staging(part.len())?;
                    let request = copy(CopyKind::CardToHost, from.plus(offset), &staging);
                    self.push(&frame, request, ends, Some((staging, part)))?;
                }
            }
            job => self.push(&frame, command::request(&job), (true, true), None)?,
        }
        Ok(())
    }

    /// DMA memory for `bytes` bytes, rounded up to whole units.
    fn staging(&mut self, bytes: usize) -> Result<Arc<DmaBuf>> {
        let bytes = bytes.next_multiple_of(ALIGN as usize);
        loop {
            match self.card.dma_alloc(bytes) {
                Err(Driver::OutOfDmaMemory { .. }) if !self.flights.is_empty() => self.land(),
                Err(Driver::OutOfDmaMemory { .. }) => return Ok(self.card.dma_wait(bytes)?),
                result => return Ok(result?),
            }
        }
    }

    /// Submits one command of a step; `ends`: whether it is the first, and the last.
    fn push(
        &mut self,
        frame: &Frame<'_>,
        request: Request,
        (first, last): (bool, bool),
        landing: Option<(Arc<DmaBuf>, &'l mut [u8])>,
    ) -> Result<()> {
        let mut request = frame.blocks.iter().fold(request, |r, at| at.buffer.attach(r));
        request = request.deadline(frame.limit);
        if self.compute != self.stream {
            if let (true, Some(mark)) = (first, frame.after) {
                request = request.wait(mark.semaphore, mark.value);
            }
            if let (true, Some(mark)) = (last, frame.signals) {
                request = request.signal(mark.semaphore, mark.value);
            }
        }
        let queue = frame.queue;
        while self.flights.iter().filter(|flight| flight.queue == queue).count() >= self.card.queue_room() {
            self.land();
        }
        let ticket = self.card.submit(queue, request)?;
        self.flights.push_back(Flight { step: frame.index, queue, ticket, landing });
        Ok(())
    }

    /// Waits for the oldest command. Whatever it waits for itself is older, hence has ended or was released.
    fn land(&mut self) {
        let Some(Flight { step, ticket, landing, .. }) = self.flights.pop_front() else { return };
        match ticket.wait() {
            Ok(done) => {
                self.out.cycles[step] += u64::from(done.cycles);
                if let Some((staging, bytes)) = landing {
                    staging.read(0, bytes);
                }
            }
            Err(error) => self.fail(error.into()),
        }
    }

    /// Notes a failure, and lets everything go that waits for a step that will not signal.
    fn fail(&mut self, error: Error) {
        if self.failed.is_some() {
            return;
        }
        self.failed = Some(error);
        if self.compute != self.stream {
            for semaphore in 0..SEMAPHORES {
                // Where the card is lost nothing waits for it any more.
                if let Err(error) = self.semaphores.set(semaphore, u32::MAX) {
                    tracing::debug!(semaphore, %error, "a semaphore was not raised");
                }
            }
        }
    }
}
