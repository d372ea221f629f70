//! One channel: the queues of the controller, and the choice of the command of a clock.
//!
//! Row hits first, then the oldest (FR-FCFS; Rixner et al., ISCA 2000), rows stay open, reads before writes: writes wait
//! in their queue until it is filled to `DRAIN_FROM` or nothing is to be read, and then go in one run down to `DRAIN_TO`, so
//! that the bus turns round rarely. A request for another row of a bank is passed by at most `HIT_LIMIT` hits.

use super::{
    bank::{Banks, Command},
    preset::{CommandBus, Place, Preset},
    stats::Stats,
};

/// Requests that wait in each of the two queues of a channel.
pub(super) const QUEUE: usize = 64;
const DRAIN_FROM: usize = 56;
const DRAIN_TO: usize = 16;
const HIT_LIMIT: u32 = 64;

#[derive(Debug)]
pub(super) struct Channel {
    preset: Preset,
    banks: Banks,
    reads: Vec<Waiting>,
    writes: Vec<Waiting>,
    draining: bool,
    /// Column commands since the activate, by bank.
    hits: Vec<u32>,
    refresh_due: u64,
    stats: Stats,
}

/// A burst in a queue, in order of arrival.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    ticket: u64,
    place: Place,
    row: RowWas,
    /// For a write: a read of the same place waited when it came, and goes first.
    behind_read: bool,
}

/// What a request found in its bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RowWas {
    Open,
    Closed,
    Another,
}

/// A read that has been served.
pub(super) struct Served {
    pub ticket: u64,
    /// When its last data is there.
    pub at: u64,
}

impl Channel {
    pub fn new(preset: &Preset) -> Self {
        Channel {
            preset: *preset,
            banks: Banks::new(preset),
            reads: Vec::with_capacity(QUEUE),
            writes: Vec::with_capacity(QUEUE),
            draining: false,
            hits: vec![0; (preset.bank_groups * preset.banks) as usize],
            refresh_due: u64::from(preset.timing.refi),
            stats: Stats::default(),
        }
    }

    pub fn accepts(&self, write: bool) -> bool {
        let queue = if write { &self.writes } else { &self.reads };
        queue.len() < QUEUE
    }

    pub fn is_idle(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty()
    }

    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Takes a request; the caller has seen that there is room. A read of what still waits to be written is served
    /// from the queue.
    pub fn submit(&mut self, ticket: u64, place: Place, write: bool, now: u64) -> Option<Served> {
        let behind_read = write && self.reads.iter().any(|r| r.place == place);
        let waiting = Waiting { ticket, place, row: RowWas::Open, behind_read };
        if write {
            self.writes.push(waiting);
        } else if self.writes.iter().any(|w| w.place == place) {
            self.stats.forwarded += 1;
            return Some(Served { ticket, at: now + 1 });
        } else {
            self.reads.push(waiting);
        }
        None
    }

    /// Forgets what waits; the state of the banks stays.
    pub fn clear(&mut self) {
        self.reads.clear();
        self.writes.clear();
        self.draining = false;
    }

    /// The memory clock `now`.
    pub fn tick(&mut self, now: u64) -> Option<Served> {
        self.stats.clocks += 1;
        if now >= self.refresh_due {
            self.refresh(now);
            return None;
        }
        if self.is_idle() {
            return None;
        }
        self.choose_direction();
        let column = self.ready_column(now);
        let served = column.and_then(|i| self.issue_column(i, now));
        if column.is_none() || self.preset.bus == CommandBus::RowAndColumn {
            if let Some((i, command)) = self.ready_row(now) {
                self.issue_row(i, command, now);
            }
        }
        served
    }

    /// The same as `tick` for each clock from `now` to before `to`, while nothing waits.
    pub fn rest(&mut self, now: u64, to: u64) {
        self.stats.clocks += to - now;
        while self.refresh_due < to {
            let start = self.refresh_due.max(now);
            let at = match self.banks.precharge_all() {
                Some(ready) => start.max(ready),
                None => start.max(self.banks.refreshable()),
            };
            if at >= to {
                return;
            }
            self.refresh(at);
        }
    }

    /// A clock in which a refresh is due: closes the rows when they may be closed, then refreshes.
    fn refresh(&mut self, now: u64) {
        match self.banks.precharge_all() {
            Some(ready) if now >= ready => self.banks.close_all(now),
            Some(_) => (),
            None if now >= self.banks.refreshable() => {
                self.banks.refresh(now);
                self.refresh_due += u64::from(self.preset.timing.refi);
                self.stats.refreshes += 1;
            }
            None => (),
        }
    }

    fn choose_direction(&mut self) {
        let (reads, writes) = (self.reads.len(), self.writes.len());
        let wanted = match self.draining {
            true => writes > DRAIN_TO || reads == 0 && writes > 0,
            false => writes >= DRAIN_FROM || reads == 0,
        };
        // The oldest request of the queue in use can always be served, so that something happens.
        self.draining = wanted && !self.must_wait(&self.writes[0]);
    }

    /// Whether a request is a write to a place that an older read waits for.
    fn must_wait(&self, w: &Waiting) -> bool {
        w.behind_read && self.reads.iter().any(|r| r.place == w.place && r.ticket < w.ticket)
    }

    fn queue(&self) -> &[Waiting] {
        if self.draining {
            &self.writes
        } else {
            &self.reads
        }
    }

    /// The oldest request whose row is open and whose column command may be issued.
    fn ready_column(&self, now: u64) -> Option<usize> {
        let command = if self.draining { Command::Write } else { Command::Read };
        let mut held = 0u64;
        for (i, w) in self.queue().iter().enumerate() {
            let bank = w.place.bank;
            if self.banks.row(bank) == Some(w.place.row) {
                let free = held >> bank & 1 == 0 && now >= self.banks.earliest(bank, command);
                if free && !self.must_wait(w) {
                    return Some(i);
                }
            } else if self.hits[bank] >= HIT_LIMIT {
                held |= 1 << bank;
            }
        }
        None
    }

    /// The command that opens or closes a row for the oldest request of its bank. A row with hits that may still be
    /// served is not closed.
    fn ready_row(&self, now: u64) -> Option<(usize, Command)> {
        let (mut wanted, mut held, mut seen) = (0u64, 0u64, 0u64);
        for w in self.queue() {
            let bank = w.place.bank;
            if self.banks.row(bank) == Some(w.place.row) {
                if !self.must_wait(w) {
                    wanted |= 1 << bank & !held;
                }
            } else if self.hits[bank] >= HIT_LIMIT {
                held |= 1 << bank;
            }
        }
        for (i, w) in self.queue().iter().enumerate() {
            let bank = w.place.bank;
            if seen >> bank & 1 == 1 {
                continue;
            }
            seen |= 1 << bank;
            let command = match self.banks.row(bank) {
                None => Command::Activate(w.place.row),
                Some(row) if row != w.place.row && wanted >> bank & 1 == 0 => Command::Precharge,
                Some(_) => continue,
            };
            if now >= self.banks.earliest(bank, command) {
                return Some((i, command));
            }
        }
        None
    }

    fn issue_column(&mut self, i: usize, now: u64) -> Option<Served> {
        let write = self.draining;
        let queue = if write { &mut self.writes } else { &mut self.reads };
        let Waiting { ticket, place, row, .. } = queue.remove(i);
        self.banks.issue(place.bank, if write { Command::Write } else { Command::Read }, now);
        self.hits[place.bank] += 1;
        let t = self.preset.timing;
        self.stats.data_clocks += u64::from(t.burst);
        match row {
            RowWas::Open => self.stats.row_hits += 1,
            RowWas::Closed => self.stats.row_misses += 1,
            RowWas::Another => self.stats.row_conflicts += 1,
        }
        if write {
            self.stats.writes += 1;
            return None;
        }
        self.stats.reads += 1;
        Some(Served { ticket, at: now + u64::from(t.cl + t.burst) })
    }

    fn issue_row(&mut self, i: usize, command: Command, now: u64) {
        let queue = if self.draining { &mut self.writes } else { &mut self.reads };
        let w = &mut queue[i];
        let was = if command == Command::Precharge { RowWas::Another } else { RowWas::Closed };
        w.row = w.row.max(was);
        let bank = w.place.bank;
        self.hits[bank] = 0;
        self.banks.issue(bank, command, now);
    }
}
