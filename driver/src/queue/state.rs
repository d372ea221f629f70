//! What a queue knows of its commands: those outstanding, those of unknown end, and whether it takes more.

use crate::request::Outcome;
use crate::{DmaBuf, DramBuf, Error, Recovery};
use permafrost_abi::Completion;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// First and longest pause between two ABORTs of a command that the card does not have in hand yet.
const ABORT_PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// What a queue does.
pub(super) enum Mode {
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
    pub(super) mode: Mode,
    /// Set once the queue is to be deleted: what new work is told.
    pub(super) closing: Option<Error>,
    pub(super) generation: u32,
    /// Times the queue was opened.
    pub(super) incarnation: u32,
    pub(super) sequence: u16,
    pub(super) tail: u16,
    pub(super) head: u16,
    pub(super) phase: bool,
    pub(super) fetched: u16,
    /// Completions taken of which the card has not been told.
    pub(super) taken: u16,
    pub(super) outstanding: VecDeque<Entry>,
    /// Memory of commands whose end is unknown; freed only once the card is known to do no DMA for them.
    pub(super) limbo: Vec<Held>,
    /// Ids of those that the card may still run.
    pub(super) suspects: Vec<u16>,
    pub(super) progress: Instant,
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
    pub(super) slot: u16,
    pub(super) waits: bool,
    pub(super) submitted: Instant,
    pub opcode: &'static str,
    pub limit: Option<Duration>,
    pub outcome: Outcome,
    pub held: Held,
    pub why: Option<Why>,
    /// When ABORT is to be sent (again) because of [`Why::Asked`], and the pause after that.
    pub(super) abort: Option<(Instant, Duration)>,
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

/// A command that hangs.
#[derive(Clone, Copy)]
pub(crate) struct Hang {
    pub cid: u16,
    incarnation: u32,
    pub opcode: &'static str,
    pub limit: Duration,
}

impl State {
    /// Of a closed queue.
    pub(super) fn new() -> Self {
        Self {
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
        }
    }

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
