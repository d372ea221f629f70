//! The state of a channel's banks, and when a command may be issued next: all distances of [`Cycles`].

use super::preset::{Cycles, Preset};
use std::collections::VecDeque;

/// A command to one bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Activate(u64),
    Precharge,
    Read,
    Write,
}

/// The banks of a channel. Times are memory clocks.
#[derive(Debug)]
pub(super) struct Banks {
    timing: Cycles,
    per_group: usize,
    banks: Vec<Bank>,
    groups: Vec<Earliest>,
    rank: Earliest,
    /// When the last activates were, at most four.
    activates: VecDeque<u64>,
}

#[derive(Clone, Debug, Default)]
struct Bank {
    row: Option<u64>,
    precharge: u64,
    next: Earliest,
}

/// From when on a command may be issued.
#[derive(Clone, Debug, Default)]
struct Earliest {
    activate: u64,
    read: u64,
    write: u64,
}

fn raise(time: &mut u64, to: u64) {
    *time = to.max(*time);
}

impl Banks {
    pub fn new(preset: &Preset) -> Self {
        Banks {
            timing: preset.timing,
            per_group: preset.banks as usize,
            banks: vec![Bank::default(); (preset.bank_groups * preset.banks) as usize],
            groups: vec![Earliest::default(); preset.bank_groups as usize],
            rank: Earliest::default(),
            activates: VecDeque::with_capacity(4),
        }
    }

    /// The row that `bank` has open.
    pub fn row(&self, bank: usize) -> Option<u64> {
        self.banks[bank].row
    }

    /// The first clock in which `command` may be issued to `bank`, as far as its state allows it at all.
    pub fn earliest(&self, bank: usize, command: Command) -> u64 {
        let (at, group) = (&self.banks[bank], &self.groups[bank / self.per_group]);
        let latest = |of: fn(&Earliest) -> u64| of(&at.next).max(of(group)).max(of(&self.rank));
        match command {
            Command::Activate(_) => {
                let window = match self.activates.front() {
                    Some(fourth) if self.activates.len() == 4 => fourth + u64::from(self.timing.faw),
                    _ => 0,
                };
                latest(|e| e.activate).max(window)
            }
            Command::Precharge => at.precharge,
            Command::Read => latest(|e| e.read),
            Command::Write => latest(|e| e.write),
        }
    }

    /// Issues `command` to `bank` at `now`, which must not be before `earliest`.
    pub fn issue(&mut self, bank: usize, command: Command, now: u64) {
        debug_assert!(now >= self.earliest(bank, command), "{command:?} to bank {bank} at {now}");
        let t = self.timing;
        let after = |clocks: u32| now + u64::from(clocks);
        let Banks { banks, groups, rank, .. } = self;
        let (bank, group) = (&mut banks[bank], &mut groups[bank / self.per_group]);
        match command {
            Command::Activate(row) => {
                bank.row = Some(row);
                raise(&mut bank.next.read, after(t.rcd_rd));
                raise(&mut bank.next.write, after(t.rcd_wr));
                raise(&mut bank.next.activate, after(t.ras + t.rp));
                raise(&mut bank.precharge, after(t.ras));
                raise(&mut group.activate, after(t.rrd_l));
                raise(&mut rank.activate, after(t.rrd_s));
                if self.activates.len() == 4 {
                    self.activates.pop_front();
                }
                self.activates.push_back(now);
            }
            Command::Precharge => {
                bank.row = None;
                raise(&mut bank.next.activate, after(t.rp));
            }
            Command::Read => {
                raise(&mut bank.precharge, after(t.rtp));
                raise(&mut group.read, after(t.ccd_l.max(t.burst)));
                raise(&mut rank.read, after(t.ccd_s.max(t.burst)));
                raise(&mut rank.write, after(t.cl + t.burst + t.turnaround - t.cwl));
            }
            Command::Write => {
                let end = t.cwl + t.burst;
                raise(&mut bank.precharge, after(end + t.wr));
                raise(&mut group.write, after(t.ccd_l.max(t.burst)));
                raise(&mut rank.write, after(t.ccd_s.max(t.burst)));
                raise(&mut group.read, after(end + t.wtr_l));
                raise(&mut rank.read, after(end + t.wtr_s));
            }
        }
    }

    /// The first clock from which all open banks can be precharged together; `None`: none is open.
    pub fn precharge_all(&self) -> Option<u64> {
        self.banks.iter().filter(|b| b.row.is_some()).map(|b| b.precharge).max()
    }

    /// Precharges all open banks at `now`.
    pub fn close_all(&mut self, now: u64) {
        for bank in 0..self.banks.len() {
            if self.banks[bank].row.is_some() {
                self.issue(bank, Command::Precharge, now);
            }
        }
    }

    /// The first clock in which all banks, closed, can be refreshed.
    pub fn refreshable(&self) -> u64 {
        self.banks.iter().map(|b| b.next.activate).max().unwrap_or(0)
    }

    /// Refreshes all banks at `now`.
    pub fn refresh(&mut self, now: u64) {
        let after = now + u64::from(self.timing.rfc);
        for bank in &mut self.banks {
            raise(&mut bank.next.activate, after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Command::{Activate, Precharge, Read, Write};

    /// Banks 0 and 1 are in one group, bank 4 is in the next.
    fn banks() -> Banks {
        Banks::new(&Preset::DDR4_2400)
    }

    #[test]
    fn a_row_cycle() {
        let mut b = banks();
        b.issue(0, Activate(7), 100);
        assert_eq!(b.row(0), Some(7));
        assert_eq!((b.earliest(0, Read), b.earliest(0, Write), b.earliest(0, Precharge)), (117, 117, 139));
        b.issue(0, Read, 135);
        assert_eq!(b.earliest(0, Precharge), 144, "tRTP after a late read");
        b.issue(0, Precharge, 144);
        assert_eq!((b.row(0), b.earliest(0, Activate(8))), (None, 161));
        b.issue(0, Activate(8), 161);
        b.issue(0, Write, 178);
        assert_eq!(b.earliest(0, Precharge), 178 + 12 + 4 + 18, "tWR after the data");
    }

    #[test]
    fn groups_and_the_window_of_four() {
        let mut b = banks();
        b.issue(0, Activate(0), 0);
        assert_eq!((b.earliest(1, Activate(0)), b.earliest(4, Activate(0))), (6, 4));
        b.issue(4, Activate(0), 4);
        b.issue(8, Activate(0), 8);
        assert_eq!(b.earliest(12, Activate(0)), 12);
        b.issue(12, Activate(0), 12);
        assert_eq!(b.earliest(1, Activate(0)), 26, "the fifth waits for tFAW after the first");
        b.issue(1, Activate(0), 26);
        assert_eq!(b.earliest(5, Activate(0)), 30, "and the sixth after the second");
    }

    #[test]
    fn columns_and_turnaround() {
        let mut b = banks();
        for (bank, at) in [(0, 0), (4, 4), (1, 10)] {
            b.issue(bank, Activate(0), at);
        }
        b.issue(0, Read, 40);
        assert_eq!((b.earliest(1, Read), b.earliest(4, Read)), (46, 44));
        assert_eq!(b.earliest(4, Write), 40 + 17 + 4 + 1 - 12);
        b.issue(4, Write, 50);
        assert_eq!((b.earliest(0, Write), b.earliest(4, Write)), (54, 56));
        assert_eq!((b.earliest(0, Read), b.earliest(4, Read)), (50 + 16 + 3, 50 + 16 + 9));
    }

    #[test]
    fn refresh_waits_for_precharge_and_holds_activates() {
        let mut b = banks();
        assert_eq!((b.precharge_all(), b.refreshable()), (None, 0));
        b.issue(0, Activate(0), 10);
        b.issue(4, Activate(0), 20);
        assert_eq!(b.precharge_all(), Some(59));
        b.close_all(59);
        assert_eq!((b.precharge_all(), b.refreshable()), (None, 76));
        b.refresh(76);
        assert_eq!(b.earliest(9, Activate(0)), 76 + 420);
    }
}
