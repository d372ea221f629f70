//! What a measurement of the NTT or the VECTOR engine shows.

use permafrost_zkal::engine::{Operation, StreamRun};
use serde::Serialize;

use crate::card::OpenCard;
use crate::table::{speed, thousands, Table};

/// Figures that both engines have, as `--json` prints them; `docs/cli.md` explains the fields.
#[derive(Serialize)]
pub struct StreamFigures {
    pub log_n: u32,
    pub seed: u64,
    pub card: String,
    pub memory: &'static str,
    pub r#where: &'static str,
    pub checked: bool,
    pub cycles: u64,
    pub bound_cycles: u64,
    pub bound_arithmetic_cycles: u64,
    pub bound_memory_cycles: u64,
    pub ratio: f64,
    pub lanes: u32,
    pub commands: usize,
    pub dram_read_bytes: u64,
    pub dram_write_bytes: u64,
    pub dram_bytes_ratio: f64,
    pub stall_in: u64,
    pub stall_out: u64,
    pub simulated_clocks_per_second: Option<f64>,
}

/// What the engine cannot do without.
pub struct Least {
    /// Butterflies or elements, all lanes together.
    pub work: u64,
    /// Bytes of card memory.
    pub read: u64,
    pub written: u64,
}

/// What was asked for.
pub struct Asked<'a> {
    pub open: &'a OpenCard,
    pub card: String,
    pub log_n: u32,
    pub seed: u64,
    /// Simulated clocks per second.
    pub speed: Option<f64>,
}

impl StreamFigures {
    /// The figures of an operation; `None` when it did not run on the card. `least` is told how many commands it took.
    pub fn new(asked: Asked<'_>, operation: &Operation, least: impl Fn(u64) -> Least) -> Option<Self> {
        let run: &StreamRun = operation.stream.as_ref()?;
        let counters = run.counters.as_ref()?;
        let least = least(run.commands as u64);
        let arithmetic = least.work.div_ceil(u64::from(run.lanes.max(1)));
        let memory = asked.open.memory_bound(least.read, least.written);
        let bound = arithmetic.max(memory);
        let (read, written) = (counters.dram_read_bytes, counters.dram_write_bytes);
        Some(StreamFigures {
            log_n: asked.log_n,
            seed: asked.seed,
            card: asked.card,
            memory: asked.open.memory_name(),
            r#where: "card",
            checked: true,
            cycles: run.cycles,
            bound_cycles: bound,
            bound_arithmetic_cycles: arithmetic,
            bound_memory_cycles: memory,
            ratio: bound as f64 / run.cycles.max(1) as f64,
            lanes: run.lanes,
            commands: run.commands,
            dram_read_bytes: read,
            dram_write_bytes: written,
            dram_bytes_ratio: (read + written) as f64 / (least.read + least.written).max(1) as f64,
            stall_in: counters.ntt_stall_in,
            stall_out: counters.ntt_stall_out,
            simulated_clocks_per_second: asked.speed,
        })
    }

    /// A table under `title`.
    pub fn table(&self, title: &str) -> Table {
        let mut table = Table::new(&[title, ">"]);
        let mut row = |name: &str, value: String| table.row(vec![name.into(), value]);
        row("clock cycles", thousands(self.cycles));
        row("bound, arithmetic", thousands(self.bound_arithmetic_cycles));
        row(&format!("bound, memory ({})", self.memory), thousands(self.bound_memory_cycles));
        row("ratio to the larger bound", format!("{:.3}", self.ratio));
        row("lanes", self.lanes.to_string());
        row("commands", self.commands.to_string());
        row("DRAM bytes read", thousands(self.dram_read_bytes));
        row("DRAM bytes written", thousands(self.dram_write_bytes));
        row("DRAM bytes to the least", format!("{:.3}", self.dram_bytes_ratio));
        row("result", "equals arkworks'".into());
        row("simulated clocks per second", speed(self.simulated_clocks_per_second));
        table
    }
}
