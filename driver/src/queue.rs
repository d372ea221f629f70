//! One queue pair: rings in DMA memory, and the checks that every completion must pass.
//!
//! Commands of a queue run and complete in order, so the outstanding ones are a plain queue and a completion can only
//! be for the first. There are never more outstanding than both rings hold, so neither can overflow.
//!
//! Both doorbells are batched: the submission doorbell is rung once for all commands of a call, the completion doorbell
//! only when the ring would otherwise lack room for the completions of what is submitted.

use crate::dma::{lock, Arena, DmaBuf};
use crate::mmio::Mmio;
use crate::request::{Outcome, Request};
use crate::{DramBuf, Error, QueueOptions, Recovery};
use permafrost_abi::{command::BODIES, cq_doorbell, sq_doorbell, CreateQueueCommand};
use permafrost_abi::{
    Completion, NttParameters, Opcode, Status, VectorParameters, COMMAND_BYTES, COMPLETION_BYTES, FLAG_WAIT,
};
use std::collections::VecDeque;
use std::sync::atomic::{fence, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Command ids: in the upper bits how often the queue was opened, so that a completion from before is recognised.
const SEQUENCE_BITS: u32 = 12;
const SEQUENCE_MASK: u16 = (1 << SEQUENCE_BITS) - 1;
/// Rings of at most this many entries keep ids of outstanding commands distinct.
pub(crate) const MAX_ENTRIES: u32 = 1 << SEQUENCE_BITS;

/// First and longest pause between two ABORTs of a command that the card does not have in hand yet.
const ABORT_PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

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

/// What a queue does.
enum Mode {
    Open,
    /// Not created on the card, or its card is being reset or gone.
    Closed(Error),
    /// Got a bad completion.
    Quarantined(String),
    /// Being deleted on the card; what is outstanding has no outcome yet.
    Frozen,
}

/// What changes as commands come and go.
pub(crate) struct State {
    mode: Mode,
    /// Set once the queue is to be deleted: what new work is told.
    closing: Option<Error>,
    generation: u32,
    /// Times the queue was opened.
    incarnation: u32,
    sequence: u16,
    tail: u16,
    head: u16,
    phase: bool,
    fetched: u16,
    /// Completions taken of which the card has not been told.
    taken: u16,
    outstanding: VecDeque<Entry>,
    /// Memory of commands whose end is unknown; freed only once the card is known to do no DMA for them.
    limbo: Vec<Held>,
    /// Ids of those that the card may still run.
    suspects: Vec<u16>,
    progress: Instant,
}

/// Memory that a command keeps alive.
pub(crate) type Held = (Vec<DramBuf>, Vec<Arc<DmaBuf>>);

/// Why a command is to be stopped.
#[derive(Clone, Copy)]
pub(crate) enum Why {
    /// It is over its deadline.
    Deadline(Duration),
    /// Its owner wants it.
    Asked,
}

/// An outstanding command.
pub(crate) struct Entry {
    pub cid: u16,
    slot: u16,
    waits: bool,
    submitted: Instant,
    pub opcode: &'static str,
    pub limit: Option<Duration>,
    pub outcome: Outcome,
    pub held: Held,
    pub why: Option<Why>,
    /// When ABORT is to be sent (again) because of [`Why::Asked`], and the pause after that.
    abort: Option<(Instant, Duration)>,
}

impl Entry {
    /// Ends the command; the first outcome stays.
    pub fn end(self, outcome: Result<Completion, Error>) -> Held {
        let _ = self.outcome.set(outcome);
        self.held
    }

    /// What the command ends with when it was stopped on `queue` by `recovery`, and not for a reason of its own because of
    /// `reason`.
    pub fn stopped(&self, queue: u16, recovery: Recovery, reason: &str) -> Error {
        let opcode = self.opcode;
        match self.why {
            Some(Why::Deadline(limit)) => Error::Deadline { queue, opcode, limit, recovery },
            Some(Why::Asked) => Error::Aborted { queue, opcode, recovery, reason: "asked for".into() },
            None => Error::Aborted { queue, opcode, recovery, reason: reason.into() },
        }
    }
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
            state: Mutex::new(State {
                mode: Mode::Closed(Error::CardLost { detail: "the card is not up".into() }),
                closing: None,
                generation: 0,
                incarnation: 0,
                sequence: 0,
                tail: 0,
                head: 0,
                phase: true,
                fetched: 0,
                taken: 0,
                outstanding: VecDeque::new(),
                limbo: Vec::new(),
                suspects: Vec::new(),
                progress: Instant::now(),
            }),
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
            state.suspects.push(entry.cid);
            state.limbo.push(entry.end(Err(error.clone())));
        }
        state.mode = Mode::Quarantined(detail);
        self.changed.notify_all();
    }
}

/// A command that hangs.
#[derive(Clone, Copy)]
pub(crate) struct Hang {
    pub cid: u16,
    incarnation: u32,
    pub opcode: &'static str,
    pub limit: Duration,
}

impl State {
    /// Whether the queue takes work.
    pub fn accepts(&self, id: u16) -> Result<(), Error> {
        match &self.mode {
            _ if self.closing.is_some() => self.closing.clone().map_or(Ok(()), Err),
            Mode::Open => Ok(()),
            Mode::Closed(reason) => Err(reason.clone()),
            Mode::Quarantined(reason) => Err(Error::Quarantined { queue: id, reason: reason.clone() }),
            Mode::Frozen => Err(Error::Quarantined { queue: id, reason: "it is being restarted".into() }),
        }
    }

    /// Takes no new work from now on, which is told `reason`; what is outstanding goes on. An error when that is so already.
    pub fn retire(&mut self, reason: Error) -> Result<(), Error> {
        match self.closing.replace(reason) {
            None => Ok(()),
            Some(before) => Err(before),
        }
    }

    /// Takes work after all.
    pub fn engage(&mut self) {
        self.closing = None;
    }

    /// Whether the queue is to be deleted, or not yet there.
    pub fn retired(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether the queue can take work only after having been deleted and created anew.
    pub fn broken(&self) -> bool {
        matches!(self.mode, Mode::Quarantined(_) | Mode::Frozen)
    }

    /// Whether a bad completion has come that nobody deals with yet.
    pub fn quarantined(&self) -> bool {
        matches!(self.mode, Mode::Quarantined(_))
    }

    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Times the queue was opened.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// The first command, when it has had more than its limit since it could start. One that waits for a semaphore
    /// can start only after work in another queue: for it, progress anywhere on the card (`elsewhere`) counts.
    pub fn hang(&self, now: Instant, limit: Duration, scale: u32, elsewhere: Instant) -> Option<Hang> {
        let first = self.outstanding.front().filter(|_| matches!(self.mode, Mode::Open))?;
        let mut since = first.submitted.max(self.progress);
        if first.waits {
            since = since.max(elsewhere);
        }
        let limit = first.limit.unwrap_or(limit).saturating_mul(scale);
        let hang = Hang { cid: first.cid, incarnation: self.incarnation, opcode: first.opcode, limit };
        (now.saturating_duration_since(since) > limit).then_some(hang)
    }

    /// Whether the command still hangs, as far as is known.
    pub fn hangs(&self, hang: &Hang) -> bool {
        self.hung(hang).is_some()
    }

    fn hung(&self, hang: &Hang) -> Option<&Entry> {
        let first = self.outstanding.front()?;
        let same = first.cid == hang.cid && self.incarnation == hang.incarnation;
        (same && matches!(self.mode, Mode::Open)).then_some(first)
    }

    /// Notes that the first command, which hangs, is to be stopped for that.
    pub fn condemn(&mut self, hang: &Hang) {
        if self.hangs(hang) {
            if let Some(first) = self.outstanding.front_mut() {
                first.why.get_or_insert(Why::Deadline(hang.limit));
            }
        }
    }

    /// Notes that the owner of the command with this outcome wants it stopped.
    pub fn ask_abort(&mut self, outcome: &Outcome) {
        let entry = self.outstanding.iter_mut().find(|entry| Arc::ptr_eq(&entry.outcome, outcome));
        if let Some(entry) = entry.filter(|entry| entry.why.is_none()) {
            entry.why = Some(Why::Asked);
            entry.abort = Some((Instant::now(), ABORT_PAUSE.0));
        }
    }

    /// The first command, when ABORT should be sent for it now; the caller does so.
    pub fn abort_due(&mut self, now: Instant) -> Option<u16> {
        let first = self.outstanding.front_mut().filter(|_| matches!(self.mode, Mode::Open))?;
        let (due, pause) = first.abort.filter(|(due, _)| *due <= now)?;
        first.abort = Some((due.max(now) + pause, (pause * 2).min(ABORT_PAUSE.1)));
        Some(first.cid)
    }

    /// The card has stopped command `cid`: no more ABORT for it.
    pub fn abort_done(&mut self, cid: u16) {
        if let Some(first) = self.outstanding.front_mut().filter(|first| first.cid == cid) {
            first.abort = None;
        }
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
