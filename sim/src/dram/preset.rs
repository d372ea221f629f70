//! Kinds of DRAM: organisation, address map and timing, as data.

/// Bytes that one burst moves, in every preset; also the data width of the card's memory port.
pub const BURST_BYTES: u64 = 64;

/// How commands reach the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandBus {
    /// One command a clock.
    Shared,
    /// One row command (activate, precharge, refresh) and one column command (read, write) a clock.
    RowAndColumn,
}

/// A kind of DRAM.
///
/// Bursts are spread over the memory in this order, from the lowest address bits: channel, bank group, column, bank,
/// row. So a sequential stream changes the bank group with each burst, which tCCD_S rewards, and opens a row in every
/// group for each stretch of a row's columns. What is above the bank is the row: addresses are not bounded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    pub name: &'static str,
    /// Memory clock in kHz; data moves on both edges.
    pub khz: u32,
    /// Independent channels, a power of two.
    pub channels: u32,
    /// Bank groups of a channel, a power of two.
    pub bank_groups: u32,
    /// Banks of a group, a power of two.
    pub banks: u32,
    /// Bursts of a row, a power of two.
    pub row_bursts: u32,
    pub bus: CommandBus,
    pub timing: Cycles,
}

/// Least distances between commands, in memory clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycles {
    /// Data bus clocks of a burst: half the burst length.
    pub burst: u32,
    /// Read command to its first data.
    pub cl: u32,
    /// Write command to its first data.
    pub cwl: u32,
    /// Activate to read, same bank.
    pub rcd_rd: u32,
    /// Activate to write, same bank.
    pub rcd_wr: u32,
    /// Precharge to activate, same bank.
    pub rp: u32,
    /// Activate to precharge, same bank.
    pub ras: u32,
    /// Column command to column command, other bank group.
    pub ccd_s: u32,
    /// Column command to column command, same bank group.
    pub ccd_l: u32,
    /// Activate to activate, other bank group.
    pub rrd_s: u32,
    /// Activate to activate, same bank group.
    pub rrd_l: u32,
    /// Window with at most four activates.
    pub faw: u32,
    /// End of write data to precharge, same bank.
    pub wr: u32,
    /// End of write data to read, other bank group.
    pub wtr_s: u32,
    /// End of write data to read, same bank group.
    pub wtr_l: u32,
    /// Read to precharge, same bank.
    pub rtp: u32,
    /// Idle data bus clocks between read data and write data.
    pub turnaround: u32,
    /// Average distance of refreshes.
    pub refi: u32,
    /// Refresh to activate.
    pub rfc: u32,
}

impl Preset {
    /// DDR4-2400T, one channel of 64 bits, one rank of x8 devices of 8 Gbit: 8 GiB, 19.2 GB/s. The values are those of
    /// JESD79-4B for this speed bin (17-17-17, CWL 12), 1 KiB pages and refresh at up to 85 °C, rounded up to clocks of
    /// 1/1.2 GHz; the turnaround clock is the one between preambles.
    pub const DDR4_2400: Preset = Preset {
        name: "ddr4",
        khz: 1_200_000,
        channels: 1,
        bank_groups: 4,
        banks: 4,
        row_bursts: 128,
        bus: CommandBus::Shared,
        timing: Cycles {
            burst: 4,
            cl: 17,
            cwl: 12,
            rcd_rd: 17,
            rcd_wr: 17,
            rp: 17,
            ras: 39,
            ccd_s: 4,
            ccd_l: 6,
            rrd_s: 4,
            rrd_l: 6,
            faw: 26,
            wr: 18,
            wtr_s: 3,
            wtr_l: 9,
            rtp: 9,
            turnaround: 1,
            refi: 9360,
            rfc: 420,
        },
    };

    /// HBM2 at 2 Gbit/s a pin, one channel of 128 bits in legacy mode with bursts of four: 1 GiB of an 8-high stack of
    /// 8 Gbit dies, 32 GB/s. JESD235 leaves most values to the vendor; these are of the configuration HBM2_8Gb_x128 of
    /// DRAMsim3 (Li et al., IEEE CAL 2020), and refresh is for all banks.
    pub const HBM2: Preset = Preset {
        name: "hbm2",
        khz: 1_000_000,
        channels: 1,
        bank_groups: 4,
        banks: 4,
        row_bursts: 32,
        bus: CommandBus::RowAndColumn,
        timing: Cycles {
            burst: 2,
            cl: 14,
            cwl: 4,
            rcd_rd: 14,
            rcd_wr: 14,
            rp: 14,
            ras: 34,
            ccd_s: 1,
            ccd_l: 2,
            rrd_s: 4,
            rrd_l: 6,
            faw: 30,
            wr: 16,
            wtr_s: 6,
            wtr_l: 8,
            rtp: 6,
            turnaround: 1,
            refi: 3900,
            rfc: 260,
        },
    };

    /// Every preset.
    pub const ALL: [Preset; 2] = [Preset::DDR4_2400, Preset::HBM2];

    /// The preset called `name`.
    pub fn find(name: &str) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| preset.name == name)
    }

    /// The same with another number of channels.
    ///
    /// # Panics
    /// When `channels` is not a power of two.
    pub fn with_channels(self, channels: u32) -> Preset {
        assert!(channels.is_power_of_two(), "{channels} channels: not a power of two");
        Preset { channels, ..self }
    }

    /// Bytes a memory clock when every channel's data bus is always busy.
    pub fn peak(&self) -> f64 {
        f64::from(self.channels) * BURST_BYTES as f64 / f64::from(self.timing.burst)
    }

    /// Bytes a second of `bytes_per_clock`, in GB/s (10^9).
    pub fn gigabytes_per_second(&self, bytes_per_clock: f64) -> f64 {
        bytes_per_clock * f64::from(self.khz) / 1e6
    }

    /// Where the burst at `address` is: its channel, and its place there.
    pub(super) fn place(&self, address: u64) -> (usize, Place) {
        let mut rest = address / BURST_BYTES;
        let mut take = |count: u32| {
            let field = rest % u64::from(count);
            rest /= u64::from(count);
            field as usize
        };
        let channel = take(self.channels);
        let group = take(self.bank_groups);
        let column = take(self.row_bursts) as u32;
        let bank = group * self.banks as usize + take(self.banks);
        (channel, Place { bank, row: rest, column })
    }
}

/// A burst's place in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the bank in the channel; the banks of a group follow each other.
    pub bank: usize,
    pub row: u64,
    pub column: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_are_those_of_the_standards() {
        let gigabytes = |preset: Preset| preset.gigabytes_per_second(preset.peak());
        assert_eq!(gigabytes(Preset::DDR4_2400), 19.2);
        assert_eq!(gigabytes(Preset::HBM2), 32.0);
        assert_eq!(gigabytes(Preset::HBM2.with_channels(8)), 256.0);
    }

    #[test]
    fn times_in_clocks_are_those_of_the_standard_in_nanoseconds() {
        let clocks = |ns: f64| (ns * 1.2).ceil() as u32;
        let t = Preset::DDR4_2400.timing;
        let nanoseconds = [
            (t.ras, 32.0),
            (t.rrd_s, 3.3),
            (t.rrd_l, 4.9),
            (t.faw, 21.0),
            (t.wr, 15.0),
            (t.wtr_s, 2.5),
            (t.wtr_l, 7.5),
            (t.rtp, 7.5),
            (t.ccd_l, 5.0),
            (t.rfc, 350.0),
            (t.refi, 7800.0),
        ];
        for (value, ns) in nanoseconds {
            assert_eq!(value, clocks(ns), "{ns} ns");
        }
    }

    #[test]
    fn neighbours_change_the_bank_group_and_rows_follow_each_other() {
        let ddr4 = Preset::DDR4_2400;
        let at = |address| ddr4.place(address).1;
        assert_eq!((at(0).bank, at(64).bank, at(192).bank, at(256).bank), (0, 4, 12, 0));
        assert_eq!((at(63).column, at(256).column), (0, 1));
        assert_eq!(at(32 << 10), Place { bank: 1, row: 0, column: 0 });
        assert_eq!(at(128 << 10), Place { bank: 0, row: 1, column: 0 });
        assert_eq!(ddr4.with_channels(2).place(64), (1, Place { bank: 0, row: 0, column: 0 }));
    }
}
