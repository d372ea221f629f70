//! One queue pair: rings in DMA memory.
//!
//! Commands of a queue run and complete in order, so the outstanding ones are a plain queue and a completion can only
//! be for the first. There are never more outstanding than both rings hold, so neither can overflow.
//!
//! Both doorbells are batched: the submission doorbell is rung once for all commands of a call, the completion doorbell
//! only when the ring would otherwise lack room for the completions of what is submitted.

mod check;
mod state;

pub(crate) use state::{Entry, Hang, Held, State};

use crate::dma::{lock, Arena, DmaBuf};
use crate::mmio::Mmio;
use crate::request::{Outcome, Request};
use crate::{Error, QueueOptions, Recovery};
use check::failure;
use permafrost_abi::{cq_doorbell, sq_doorbell, CreateQueueCommand};
use permafrost_abi::{Completion, Status, COMMAND_BYTES, COMPLETION_BYTES, FLAG_WAIT};
use state::Mode;
use std::collections::VecDeque;
use std::sync::atomic::{fence, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

/// Command ids: in the upper bits how often the queue was opened, so that a completion from before is recognised.
const SEQUENCE_BITS: u32 = 12;
const SEQUENCE_MASK: u16 = (1 << SEQUENCE_BITS) - 1;
/// Rings of at most this many entries keep ids of outstanding commands distinct.
pub(crate) const MAX_ENTRIES: u32 = 1 << SEQUENCE_BITS;

/// A queue pair; id 0 is the admin queue.
pub(crate) struct Queue {
    pub id: u16,
    pub entries: u16,
    irq_count: u16,
    irq_clocks: u32,
    pub sq: DmaBuf,
    pub cq: DmaBuf,
    mmio: Mmio,
    state: Mutex<State>,
    /// Signalled when commands have ended or the queue was closed.
    pub changed: Condvar,
}

impl Queue {
    /// A closed queue of 2 to `MAX_ENTRIES` entries with rings from `arena`.
    pub fn new(id: u16, options: QueueOptions, mmio: Mmio, arena: &Arc<Arena>) -> Result<Self, Error> {
        let QueueOptions { entries, irq_count, irq_clocks } = options;
        Ok(Self {
            id,
            entries,
            irq_count,
            irq_clocks,
            sq: arena.alloc(entries as usize * COMMAND_BYTES as usize)?,
            cq: arena.alloc(entries as usize * COMPLETION_BYTES as usize)?,
            mmio,
            state: Mutex::new(State::new()),
            changed: Condvar::new(),
        })
    }

    /// The command that creates it on the card.
    pub fn creation(&self) -> CreateQueueCommand {
        CreateQueueCommand {
            sq_iova: self.sq.iova(),
            cq_iova: self.cq.iova(),
            queue: self.id,
            sq_entries: self.entries,
            cq_entries: self.entries,
            irq_vector: self.id,
            irq_count: self.irq_count,
            irq_clocks: if self.irq_count > 1 { self.irq_clocks } else { 0 },
            ..Default::default()
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Clears the rings, for a new start. The card must not know the rings, and nothing must be outstanding.
    pub fn prepare(&self) {
        let mut state = self.lock();
        self.sq.zero(0, self.sq.len());
        self.cq.zero(0, self.cq.len());
        (state.tail, state.head, state.fetched, state.taken, state.phase) = (0, 0, 0, 0, true);
        state.incarnation += 1;
        state.sequence = 0;
    }

    /// Lets work in, in `generation` of the card, which knows the rings now.
    pub fn admit(&self, generation: u32) {
        let mut state = self.lock();
        state.generation = generation;
        state.progress = Instant::now();
        state.mode = Mode::Open;
        self.changed.notify_all();
    }

    /// Takes no more work, for `reason`; the outstanding commands are the caller's to end.
    pub fn close(&self, reason: Error) -> VecDeque<Entry> {
        let mut state = self.lock();
        state.mode = Mode::Closed(reason);
        self.changed.notify_all();
        std::mem::take(&mut state.outstanding)
    }

    /// Stops dealing with the card's completions. Returns the ids of the commands that it may still run, in order.
    pub fn freeze(&self) -> Vec<u16> {
        let mut state = self.lock();
        state.mode = Mode::Frozen;
        let suspects = state.suspects.clone();
        suspects.into_iter().chain(state.outstanding.iter().map(|entry| entry.cid)).collect()
    }

    /// The outstanding commands of a frozen queue; the caller's to end.
    pub fn abandon(&self) -> VecDeque<Entry> {
        std::mem::take(&mut self.lock().outstanding)
    }

    /// Ends `entries` with `error` while the card may still work on them: their memory is kept, not reused.
    pub fn bury(&self, entries: VecDeque<Entry>, error: &Error) {
        let mut state = self.lock();
        state.suspects.extend(entries.iter().map(|entry| entry.cid));
        state.limbo.extend(entries.into_iter().map(|entry| entry.end(Err(error.clone()))));
        self.changed.notify_all();
    }

    /// Memory of commands whose end was unknown; to be dropped once the card does no DMA for them.
    pub fn take_limbo(&self) -> Vec<Held> {
        let mut state = self.lock();
        state.suspects.clear();
        std::mem::take(&mut state.limbo)
    }

    /// Puts as many of `requests` into the ring as fit and rings the doorbell once. Returns their outcomes. The queue
    /// must accept work.
    pub fn push(&self, state: &mut State, requests: &mut VecDeque<Request>) -> Result<Vec<Outcome>, Error> {
        let room = (self.entries - 1) as usize - state.outstanding.len();
        let mut outcomes = Vec::new();
        for request in requests.drain(..room.min(requests.len())) {
            let mut command = request.command;
            command.cid = (state.incarnation as u16) << SEQUENCE_BITS | state.sequence;
            state.sequence = (state.sequence + 1) & SEQUENCE_MASK;
            self.sq.write(state.tail as usize * COMMAND_BYTES as usize, bytemuck::bytes_of(&command));
            let outcome = Outcome::default();
            state.outstanding.push_back(Entry {
                cid: command.cid,
                slot: state.tail,
                waits: command.flags & FLAG_WAIT != 0,
                submitted: Instant::now(),
                opcode: request.opcode(),
                limit: request.limit,
                outcome: outcome.clone(),
                held: (request.buffers, request.memory),
                why: None,
                abort: None,
            });
            outcomes.push(outcome);
            state.tail = (state.tail + 1) % self.entries;
        }
        if !outcomes.is_empty() {
            // The commands must be in memory before the card learns of them, whatever the transport's write does.
            fence(Ordering::SeqCst);
            if state.taken as usize + state.outstanding.len() > self.entries as usize - 1 {
                state.taken = 0;
                self.mmio.write32(cq_doorbell(self.id), state.head as u32)?;
            }
            self.mmio.write32(sq_doorbell(self.id), state.tail as u32)?;
        }
        Ok(outcomes)
    }

    /// Ends every command that has completed. Returns the memory to let go, which the caller drops without the lock.
    pub fn drain(&self, state: &mut State) -> Vec<Held> {
        let mut ended = Vec::new();
        if !matches!(state.mode, Mode::Open) {
            return ended;
        }
        while let Some(completion) = self.next(state) {
            let entry = match self.validate(state, &completion) {
                Ok(entry) => entry,
                Err(detail) => {
                    self.quarantine(state, completion, detail);
                    return ended;
                }
            };
            state.fetched = completion.sq_head;
            state.head = (state.head + 1) % self.entries;
            state.phase ^= state.head == 0;
            state.taken += 1;
            let outcome = match completion.status() {
                Ok(Status::Success) => Ok(completion),
                Ok(Status::Aborted) if entry.why.is_some() => {
                    Err(entry.stopped(self.id, Recovery::Abort, ""))
                }
                Ok(status) => Err(failure(self.id, entry.opcode, status, completion.info)),
                // `validate` lets only known codes through.
                Err(_) => continue,
            };
            ended.push(entry.end(outcome));
        }
        if !ended.is_empty() {
            state.progress = Instant::now();
            self.changed.notify_all();
        }
        ended
    }

    /// The next completion, if its phase says that it is there.
    fn next(&self, state: &State) -> Option<Completion> {
        let at = state.head as usize * COMPLETION_BYTES as usize;
        // The word with the phase is read first, with acquire: the rest of the entry is then complete.
        let last = self.cq.load_acquire(at + 12).to_le_bytes();
        if (last[2] & 1 != 0) != state.phase {
            return None;
        }
        let mut bytes = [0; COMPLETION_BYTES as usize];
        self.cq.read(at, &mut bytes[..12]);
        bytes[12..].copy_from_slice(&last);
        Some(bytemuck::pod_read_unaligned(&bytes))
    }

    /// Closes the queue: what the card does with the outstanding commands is unknown, so their memory stays.
    fn quarantine(&self, state: &mut State, completion: Completion, detail: String) {
        tracing::error!(queue = self.id, %detail, ?completion, "bad completion, queue closed");
        let error = Error::BadCompletion { queue: self.id, detail: detail.clone(), completion };
        for entry in std::mem::take(&mut state.outstanding) {
            state.suspects.push(entry.cid);
            state.limbo.push(entry.end(Err(error.clone())));
        }
        state.mode = Mode::Quarantined(detail);
        self.changed.notify_all();
    }
}
