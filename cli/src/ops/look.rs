//! What happened on a card between two looks.

use permafrost_driver::{CardInfo, Counters, Sample, Syndrome};
use serde::Serialize;

use crate::table::{bytes, thousands, Table};

/// Figures of one interval; what is counted since the last reset is marked so. `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Look {
    pub card: String,
    /// `false`: nobody has switched the card on, or it is being reset; the rest is then missing.
    pub answers: bool,
    #[serde(flatten)]
    pub figures: Option<Figures>,
}

#[derive(Debug, Serialize)]
pub struct Figures {
    pub seconds: f64,
    /// Clocks of the interval. A simulated card has none while it has nothing to do.
    pub clocks: u64,
    /// The card was reset in the interval: there are no rates.
    pub was_reset: bool,
    pub ready: bool,
    pub fatal: bool,
    pub idle: bool,
    pub scrubbing: bool,
    pub engines: Vec<Engine>,
    /// Share of the clocks in which at least two of MSM, NTT and VECTOR were busy, and in which one of them and copy/fill were.
    pub engine_overlap: f64,
    pub copy_overlap: f64,
    pub bytes_per_clock: Traffic,
    /// The same at the nominal clock, in GB/s.
    pub gigabytes_per_second: Traffic,
    pub commands: u64,
    pub commands_per_second: f64,
    /// Commands in each queue, the admin queue first.
    pub queue_depths: Vec<u32>,
    pub dram_bytes: u64,
    /// Written since it was last zeroed, in whole regions.
    pub dram_touched_bytes: u64,
    /// Commands that ended with an error since the last reset.
    pub errors: u32,
    pub held_error: Option<String>,
    /// Errors of card memory that were corrected since the last reset.
    pub dram_corrected: u64,
    /// Since the last reset, and in the interval.
    pub interrupts: u64,
    pub new_interrupts: u64,
}

/// An engine, and the share of the clocks in which it was busy.
#[derive(Debug, Serialize)]
pub struct Engine {
    pub engine: &'static str,
    pub busy: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Traffic {
    pub dram_read: f64,
    pub dram_write: f64,
    pub host_read: f64,
    pub host_write: f64,
}

impl Traffic {
    fn times(self, factor: f64) -> Self {
        let Traffic { dram_read, dram_write, host_read, host_write } = self;
        Traffic {
            dram_read: dram_read * factor,
            dram_write: dram_write * factor,
            host_read: host_read * factor,
            host_write: host_write * factor,
        }
    }
}

/// Engines of a card with the clocks in which each was busy.
pub fn busy(info: &CardInfo, counters: &Counters) -> Vec<(&'static str, u64)> {
    let mut engines = vec![("copy", counters.copy_busy)];
    engines.extend(info.msm.is_some().then_some(("msm", counters.msm_busy)));
    engines.extend(info.ntt.is_some().then_some(("ntt", counters.ntt_busy)));
    engines.extend(info.vector.is_some().then_some(("vector", counters.vector_busy)));
    engines
}

/// The error that the card holds, in words.
pub fn held(syndrome: &Syndrome) -> String {
    let status = match syndrome.status {
        Ok(status) => status.to_string(),
        Err(code) => format!("status {code}"),
    };
    format!("{status}, queue {}, command {}, address {:#x}", syndrome.queue, syndrome.cid, syndrome.address)
}

impl Look {
    /// A card that does not answer.
    pub fn none(card: &str) -> Self {
        Look { card: card.to_owned(), answers: false, figures: None }
    }

    /// What happened between two looks at a card.
    pub fn between(card: &str, info: &CardInfo, earlier: &Sample, now: &Sample) -> Self {
        let difference = now.since(earlier);
        let counted = difference.unwrap_or_default();
        let clocks = counted.cycles;
        // Counters are read one after the other, so that a share may come out a little above the whole.
        let share = |busy: u64| if clocks == 0 { 0.0 } else { (busy as f64 / clocks as f64).min(1.0) };
        let rate = |bytes: u64| if clocks == 0 { 0.0 } else { bytes as f64 / clocks as f64 };
        let seconds = now.at.duration_since(earlier.at).as_secs_f64();
        let bytes_per_clock = Traffic {
            dram_read: rate(counted.dram_read_bytes),
            dram_write: rate(counted.dram_write_bytes),
            host_read: rate(counted.host_read_bytes),
            host_write: rate(counted.host_write_bytes),
        };
        let engine = |(engine, clocks)| Engine { engine, busy: share(clocks) };
        let figures = Figures {
            seconds,
            clocks,
            was_reset: difference.is_none(),
            ready: now.csts.ready(),
            fatal: now.csts.fatal(),
            idle: now.csts.idle(),
            scrubbing: now.csts.scrubbing(),
            engines: busy(info, &counted).into_iter().map(engine).collect(),
            engine_overlap: share(counted.engine_overlap),
            copy_overlap: share(counted.copy_overlap),
            bytes_per_clock,
            gigabytes_per_second: bytes_per_clock.times(f64::from(info.clock_khz) / 1e6),
            commands: counted.commands,
            commands_per_second: if seconds > 0.0 { counted.commands as f64 / seconds } else { 0.0 },
            queue_depths: now.depths.clone(),
            dram_bytes: info.dram_bytes,
            dram_touched_bytes: now.dirty_bytes(),
            errors: now.errors,
            held_error: now.syndrome.as_ref().map(held),
            dram_corrected: now.counters.dram_corrected,
            interrupts: now.counters.interrupts,
            new_interrupts: counted.interrupts,
        };
        Look { card: card.to_owned(), answers: true, figures: Some(figures) }
    }

    /// As text, several lines.
    pub fn render(&self) -> String {
        let Some(f) = &self.figures else {
            return format!("{}: does not answer: no process has it open, or it is being reset\n", self.card);
        };
        let state = match f {
            Figures { fatal: true, .. } => "FATAL ERROR, reset it",
            Figures { scrubbing: true, .. } => "zeroing its memory",
            Figures { ready: false, .. } => "not enabled",
            Figures { idle: true, .. } => "ready, idle",
            _ => "ready, working",
        };
        let mut text =
            format!("{}: {state}; {} clocks in {:.1} s", self.card, thousands(f.clocks), f.seconds);
        text += if f.was_reset { ", in which it was reset\n" } else { "\n" };
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let mut engines = Table::new(&["engine", ">busy"]);
        for engine in &f.engines {
            engines.row(vec![engine.engine.into(), percent(engine.busy)]);
        }
        engines.row(vec!["two engines".into(), percent(f.engine_overlap)]);
        engines.row(vec!["copy beside one".into(), percent(f.copy_overlap)]);
        text += &engines.render();
        let mut traffic = Table::new(&["traffic", ">bytes a clock", ">GB/s at nominal clock"]);
        let (a, b) = (f.bytes_per_clock, f.gigabytes_per_second);
        for (name, clock, second) in [
            ("DRAM read", a.dram_read, b.dram_read),
            ("DRAM write", a.dram_write, b.dram_write),
            ("host read", a.host_read, b.host_read),
            ("host write", a.host_write, b.host_write),
        ] {
            traffic.row(vec![name.into(), format!("{clock:.2}"), format!("{second:.3}")]);
        }
        text += &traffic.render();
        let depth = |(queue, depth): (usize, &u32)| match queue {
            0 => format!("admin {depth}"),
            queue => format!("{queue}: {depth}"),
        };
        let depths: Vec<_> = f.queue_depths.iter().enumerate().map(depth).collect();
        text += &format!("commands      {} ({:.1} a second)\n", thousands(f.commands), f.commands_per_second);
        text += &format!("in queues     {}\n", depths.join(", "));
        text +=
            &format!("memory        {} of {} touched\n", bytes(f.dram_touched_bytes), bytes(f.dram_bytes));
        let held = f.held_error.as_deref().unwrap_or("none held");
        text += &format!("errors        {} since the last reset; {held}\n", f.errors);
        text += &format!("corrected     {} errors of memory since the last reset\n", f.dram_corrected);
        text += &format!(
            "interrupts    {} since the last reset, {} new\n",
            thousands(f.interrupts),
            thousands(f.new_interrupts)
        );
        text
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use permafrost_abi::registers::{CapEngines, Csts, DramDirty, Version};
    use permafrost_driver::{NttInfo, Status};
    use std::time::{Duration, Instant};

    pub fn info() -> CardInfo {
        CardInfo {
            transport: "fake".into(),
            version: Version(permafrost_abi::ABI_VERSION),
            engines: CapEngines(0x13),
            io_queues: 2,
            max_entries: 256,
            semaphores: 64,
            msm: None,
            ntt: Some(NttInfo { lanes: 1, log2_block: 10 }),
            vector: None,
            dram_bytes: 64 << 20,
            clock_khz: 250_000,
            build_id: 0x1234_abcd,
            controller_deadline: Duration::from_millis(1),
        }
    }

    pub fn sample(at: Instant, cycles: u64) -> Sample {
        Sample {
            at,
            csts: Csts::from_fields(true, false, false, false),
            counters: Counters { cycles, ..Default::default() },
            depths: vec![0, 3, 1],
            dirty: DramDirty::from_fields(5, 20),
            errors: 2,
            syndrome: Some(Syndrome { queue: 1, cid: 7, status: Ok(Status::BadField), address: 64 }),
        }
    }

    #[test]
    fn shares_and_rates() {
        let start = Instant::now();
        let earlier = sample(start, 1000);
        let mut now = sample(start + Duration::from_secs(2), 2000);
        now.counters.copy_busy = 1003; // read after the clocks
        now.counters.ntt_busy = 250;
        now.counters.dram_read_bytes = 32_000;
        now.counters.commands = 8;
        let look = Look::between("c", &info(), &earlier, &now);
        let f = look.figures.as_ref().unwrap();
        let engines: Vec<_> = f.engines.iter().map(|e| (e.engine, e.busy)).collect();
        assert_eq!(engines, [("copy", 1.0), ("ntt", 0.25)], "no figure for engines that are not there");
        assert_eq!((f.clocks, f.commands_per_second, f.was_reset), (1000, 4.0, false));
        assert_eq!((f.bytes_per_clock.dram_read, f.gigabytes_per_second.dram_read), (32.0, 8.0));
        let text = look.render();
        for part in ["ready, working", "ntt", "25.0 %", "admin 0, 1: 3, 2: 1", "5 MiB of 64 MiB", "BAD_FIELD"]
        {
            assert!(text.contains(part), "expected `{part}` in:\n{text}");
        }
        let back = Look::between("c", &info(), &now, &earlier);
        assert!(back.figures.as_ref().unwrap().was_reset && back.render().contains("was reset"));
        assert!(Look::none("c").render().contains("does not answer"));
    }
}
