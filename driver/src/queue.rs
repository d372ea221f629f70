//! One queue pair: rings in DMA memory, and the checks that every completion must pass.
//!
//! Commands of a queue run and complete in order, so the outstanding ones are a plain queue and a completion can only
//! be for the first. There are never more outstanding than both rings hold, so neither can overflow.

use crate::dma::{lock, Arena, DmaBuf};
use crate::mmio::Mmio;
use crate::request::{Outcome, Request};
use crate::{DramBuf, Error};
use permafrost_abi::{command::BODIES, cq_doorbell, sq_doorbell};
use permafrost_abi::{
    Completion, NttParameters, Opcode, Status, VectorParameters, COMMAND_BYTES, COMPLETION_BYTES, FLAG_WAIT,
};
use std::collections::VecDeque;
use std::sync::atomic::{fence, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Command ids: a generation tag in the upper bits, so that a completion from before a reset is recognised.
const SEQUENCE_BITS: u32 = 12;
const SEQUENCE_MASK: u16 = (1 << SEQUENCE_BITS) - 1;
/// Rings of at most this many entries keep ids of outstanding commands distinct.
pub(crate) const MAX_ENTRIES: u32 = 1 << SEQUENCE_BITS;

/// A queue pair; id 0 is the admin queue.
pub(crate) struct Queue {
    pub id: u16,
    pub entries: u16,
    pub sq: DmaBuf,
    pub cq: DmaBuf,
    mmio: Mmio,
    state: Mutex<State>,
    /// Signalled when commands have ended or the queue was closed.
    pub changed: Condvar,
    /// Held by the one thread that sleeps on the interrupt.
    pub irq: Mutex<()>,
}

/// Whether a queue takes work.
enum Mode {
    Open,
    /// Not created on the card, or its card is being reset or gone.
    Closed(Error),
    /// Got a bad completion.
    Quarantined(String),
}

/// What changes as commands come and go.
pub(crate) struct State {
    mode: Mode,
    generation: u32,
    sequence: u16,
    tail: u16,
    head: u16,
    phase: bool,
    fetched: u16,
    outstanding: VecDeque<Entry>,
    /// Memory of commands whose end is unknown; freed only once the card is known to do no DMA.
    limbo: Vec<Held>,
    progress: Instant,
}

/// Memory that a command keeps alive.
pub(crate) type Held = (Vec<DramBuf>, Vec<Arc<DmaBuf>>);

/// An outstanding command.
pub(crate) struct Entry {
    cid: u16,
    slot: u16,
    waits: bool,
    submitted: Instant,
    pub opcode: &'static str,
    pub limit: Option<Duration>,
    pub outcome: Outcome,
    pub held: Held,
}

impl Entry {
    /// Ends the command; the first outcome stays.
    pub fn end(self, outcome: Result<Completion, Error>) -> Held {
        let _ = self.outcome.set(outcome);
        self.held
    }
}

impl Queue {
    /// A closed queue of `entries` (2 to `MAX_ENTRIES`) with rings from `arena`.
    pub fn new(id: u16, entries: u16, mmio: Mmio, arena: &Arc<Arena>) -> Result<Self, Error> {
        Ok(Self {
            id,
            entries,
            sq: arena.alloc(entries as usize * COMMAND_BYTES as usize)?,
            cq: arena.alloc(entries as usize * COMPLETION_BYTES as usize)?,
            mmio,
            state: Mutex::new(State {
                mode: Mode::Closed(Error::CardLost { detail: "the card is not up".into() }),
                generation: 0,
                sequence: 0,
                tail: 0,
                head: 0,
                phase: true,
                fetched: 0,
                outstanding: VecDeque::new(),
                limbo: Vec::new(),
                progress: Instant::now(),
            }),
            changed: Condvar::new(),
            irq: Mutex::new(()),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Clears the rings and starts anew, in `generation`. The card must not know the rings yet.
    pub fn open(&self, generation: u32) {
        let mut state = self.lock();
        self.sq.zero(0, self.sq.len());
        self.cq.zero(0, self.cq.len());
        (state.tail, state.head, state.fetched, state.phase) = (0, 0, 0, true);
        (state.generation, state.sequence) = (generation, 0);
        state.progress = Instant::now();
        state.mode = Mode::Open;
    }

    /// Takes no more work, for `reason`; the outstanding commands are the caller's to end.
    pub fn close(&self, reason: Error) -> VecDeque<Entry> {
        let mut state = self.lock();
        state.mode = Mode::Closed(reason);
        self.changed.notify_all();
        std::mem::take(&mut state.outstanding)
    }

    /// Ends `entries` with `error` while the card may still work on them: their memory is kept, not reused.
    pub fn bury(&self, entries: VecDeque<Entry>, error: &Error) {
        let mut state = self.lock();
        state.limbo.extend(entries.into_iter().map(|entry| entry.end(Err(error.clone()))));
        self.changed.notify_all();
    }

    /// Memory of commands whose end was unknown; to be dropped once the card does no DMA.
    pub fn take_limbo(&self) -> Vec<Held> {
        std::mem::take(&mut self.lock().limbo)
    }

    /// Puts as many of `requests` into the ring as fit and rings the doorbell once. Returns their outcomes. The queue
    /// must accept work.
    pub fn push(&self, state: &mut State, requests: &mut VecDeque<Request>) -> Result<Vec<Outcome>, Error> {
        let room = (self.entries - 1) as usize - state.outstanding.len();
        let mut outcomes = Vec::new();
        for request in requests.drain(..room.min(requests.len())) {
            let mut command = request.command;
            command.cid = (state.generation as u16) << SEQUENCE_BITS | state.sequence;
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
            });
            outcomes.push(outcome);
            state.tail = (state.tail + 1) % self.entries;
        }
        if !outcomes.is_empty() {
            // The commands must be in memory before the card learns of them, whatever the transport's write does.
            fence(Ordering::SeqCst);
            self.mmio.write32(sq_doorbell(self.id), state.tail as u32)?;
        }
        Ok(outcomes)
    }

    /// Ends every command that has completed, and rings the completion doorbell once. Returns the memory to let go,
    /// which the caller drops without the lock.
    pub fn drain(&self, state: &mut State) -> Result<Vec<Held>, Error> {
        let mut ended = Vec::new();
        if !matches!(state.mode, Mode::Open) {
            return Ok(ended);
        }
        while let Some(completion) = self.next(state) {
            let entry = match self.validate(state, &completion) {
                Ok(entry) => entry,
                Err(detail) => {
                    self.quarantine(state, completion, detail);
                    return Ok(ended);
                }
            };
            state.fetched = completion.sq_head;
            state.head = (state.head + 1) % self.entries;
            state.phase ^= state.head == 0;
            let outcome = match completion.status() {
                Ok(Status::Success) => Ok(completion),
                Ok(status) => Err(failure(self.id, entry.opcode, status, completion.info)),
                // `validate` lets only known codes through.
                Err(_) => continue,
            };
            ended.push(entry.end(outcome));
        }
        if !ended.is_empty() {
            state.progress = Instant::now();
            self.changed.notify_all();
            self.mmio.write32(cq_doorbell(self.id), state.head as u32)?;
        }
        Ok(ended)
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

    /// Takes the command that `completion` ends, or says what is wrong with it.
    fn validate(&self, state: &mut State, completion: &Completion) -> Result<Entry, String> {
        if completion.sq_id != self.id {
            return Err(format!("queue id {}, expected {}", completion.sq_id, self.id));
        }
        if let Err(code) = completion.status() {
            return Err(format!("unknown status code {code}"));
        }
        let Some(first) = state.outstanding.front() else {
            return Err(format!("command id {:#06x} while none is outstanding", completion.cid));
        };
        if first.cid != completion.cid {
            return Err(format!("command id {:#06x}, expected {:#06x}", completion.cid, first.cid));
        }
        if completion.sq_head >= self.entries {
            return Err(format!("SQ head {} in a ring of {}", completion.sq_head, self.entries));
        }
        // Counted from the command's slot: the head is past it, not behind an earlier report, not past the tail.
        let ahead = |index: u16| (index + self.entries - first.slot) % self.entries;
        let (head, least, most) = (ahead(completion.sq_head), ahead(state.fetched).max(1), ahead(state.tail));
        if !(least..=most).contains(&head) {
            return Err(format!(
                "SQ head {}, expected {least} to {most} entries after {}",
                completion.sq_head, first.slot
            ));
        }
        state.outstanding.pop_front().ok_or_else(String::new)
    }

    /// Closes the queue: what the card does with the outstanding commands is unknown, so their memory stays.
    fn quarantine(&self, state: &mut State, completion: Completion, detail: String) {
        tracing::error!(queue = self.id, %detail, ?completion, "bad completion, queue closed");
        let error = Error::BadCompletion { queue: self.id, detail: detail.clone(), completion };
        for entry in std::mem::take(&mut state.outstanding) {
            state.limbo.push(entry.end(Err(error.clone())));
        }
        state.mode = Mode::Quarantined(detail);
        self.changed.notify_all();
    }
}

/// A command that hangs.
pub(crate) struct Hang {
    pub opcode: &'static str,
    pub limit: Duration,
}

impl State {
    /// Whether the queue takes work.
    pub fn accepts(&self, id: u16) -> Result<(), Error> {
        match &self.mode {
            Mode::Open => Ok(()),
            Mode::Closed(reason) => Err(reason.clone()),
            Mode::Quarantined(reason) => Err(Error::Quarantined { queue: id, reason: reason.clone() }),
        }
    }

    pub fn generation(&self) -> u32 {
        self.generation
    }

    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// The first command, when it has had more than its limit since it could start. One that waits for a semaphore
    /// can start only after work in another queue: for it, progress anywhere on the card (`elsewhere`) counts.
    pub fn hang(&self, now: Instant, limit: Duration, scale: u32, elsewhere: Instant) -> Option<Hang> {
        let first = self.outstanding.front()?;
        let mut since = first.submitted.max(self.progress);
        if first.waits {
            since = since.max(elsewhere);
        }
        let limit = first.limit.unwrap_or(limit).saturating_mul(scale);
        (now.saturating_duration_since(since) > limit).then_some(Hang { opcode: first.opcode, limit })
    }
}

/// The error of a command that ended with `status`.
fn failure(queue: u16, opcode: &'static str, status: Status, info: u32) -> Error {
    // What `info` is an offset in.
    let fields = match status {
        Status::BadField | Status::BadAddress => {
            BODIES.iter().find(|(op, _)| op.name() == opcode).map(|(_, fields)| *fields)
        }
        Status::BadParameter if opcode == Opcode::Ntt.name() => Some(NttParameters::FIELDS),
        Status::BadParameter if opcode == Opcode::Vector.name() => Some(VectorParameters::FIELDS),
        _ => None,
    };
    let field = fields.and_then(|fields| fields.iter().find(|f| f.offset == info as usize)).map(|f| f.name);
    Error::CommandFailed { queue, opcode, status, info, field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_the_detail_is_about() {
        let message = |opcode: Opcode, status, info| failure(1, opcode.name(), status, info).to_string();
        let omega = message(Opcode::Ntt, Status::BadParameter, 0);
        assert!(omega.ends_with("Parameter: omega (byte 0)."), "{omega}");
        let index = message(Opcode::Vector, Status::BadParameter, 120);
        assert!(index.ends_with("Parameter: b_len (byte 120)."), "{index}");
        let order = message(Opcode::Ntt, Status::BadField, 55);
        assert!(order.ends_with("Field: order (byte 55)."), "{order}");
        let scalar = message(Opcode::Msm, Status::ScalarRange, 44);
        assert!(!scalar.contains("window_bits"), "{scalar}");
    }
}
