//! What a measurement shows.

use permafrost_zkal::engine::{CardRun, Counters, Operation};
use serde::Serialize;

use crate::table::{speed, thousands, Table};

/// One run, as `--json` prints it; `docs/cli.md` explains the fields.
#[derive(Serialize)]
pub struct Figures {
    pub bench: &'static str,
    pub group: String,
    pub n: usize,
    pub batch: usize,
    pub scalars: String,
    pub bits: Option<u32>,
    pub precompute: u32,
    pub seed: u64,
    pub card: String,
    pub r#where: &'static str,
    pub checked: bool,
    pub cycles: u64,
    pub bound_additions: u64,
    pub clocks_per_addition: u32,
    pub bound_adder_cycles: u64,
    pub adders: u32,
    pub ratio: f64,
    pub accumulate_ratio: f64,
    pub work: u64,
    pub scalar_bits: u32,
    pub window_bits: u32,
    pub windows: u32,
    pub accumulate_cycles: u64,
    pub aggregate_cycles: u64,
    pub tail_cycles: u64,
    pub additions: u64,
    pub stall_feed: u64,
    pub stall_slot: u64,
    pub store_queue_depth: f64,
    pub dram_read_bytes: u64,
    pub dram_write_bytes: u64,
    pub dram_bytes_per_point: f64,
    pub simulated_clocks_per_second: Option<f64>,
}

/// What was asked for, beside what the operation says.
pub struct Asked {
    pub scalars: String,
    pub bits: Option<u32>,
    pub seed: u64,
    pub card: String,
}

impl Figures {
    /// The figures of a batch that took these commands of the card (one, usually); `None` when one of them did not run
    /// there.
    pub fn new(asked: Asked, batch: usize, operations: &[Operation], speed: Option<f64>) -> Option<Self> {
        let runs: Vec<_> = operations.iter().map(|o| o.card.as_ref()).collect::<Option<_>>()?;
        let counters: Vec<_> = runs.iter().map(|r| r.counters).collect::<Option<_>>()?;
        let (first, run) = (operations.first()?, *runs.first()?);
        let sum = |value: fn(&CardRun) -> u64| runs.iter().map(|r| value(r)).sum::<u64>();
        let count = |value: fn(&Counters) -> u64| counters.iter().map(value).sum::<u64>();
        let (cycles, bound) = (sum(|r| r.cycles), sum(|r| r.bound));
        let bound_adder_cycles = bound * u64::from(run.clocks_per_addition);
        let accumulate = count(|c| c.msm_accumulate);
        let read = count(|c| c.dram_read_bytes);
        let by = |value: f64, of: f64| value / of.max(1.0);
        let weighted = |(r, c): (&&CardRun, &Counters)| Some(r.accumulate_ratio? * c.msm_accumulate as f64);
        let weights = runs.iter().zip(&counters).map(weighted).sum::<Option<f64>>()?;
        Some(Figures {
            bench: "msm",
            group: first.group.map_or_else(String::new, |g| g.to_string().to_lowercase()),
            n: first.n,
            batch,
            scalars: asked.scalars,
            bits: asked.bits,
            precompute: run.precompute,
            seed: asked.seed,
            card: asked.card,
            r#where: "card",
            checked: true,
            cycles,
            bound_additions: bound,
            clocks_per_addition: run.clocks_per_addition,
            bound_adder_cycles,
            adders: run.adders,
            ratio: by(bound_adder_cycles as f64, f64::from(run.adders) * cycles as f64),
            accumulate_ratio: by(weights, accumulate as f64),
            work: sum(|r| r.work),
            scalar_bits: run.scalar_bits,
            window_bits: run.window_bits,
            windows: run.windows,
            accumulate_cycles: accumulate,
            aggregate_cycles: count(|c| c.msm_aggregate),
            tail_cycles: count(|c| c.msm_tail),
            additions: count(|c| c.msm_additions),
            stall_feed: count(|c| c.msm_stall_feed),
            stall_slot: count(|c| c.msm_stall_slot),
            store_queue_depth: by(count(|c| c.msm_queued) as f64, accumulate as f64),
            dram_read_bytes: read,
            dram_write_bytes: count(|c| c.dram_write_bytes),
            dram_bytes_per_point: by(read as f64, (first.n * batch) as f64),
            simulated_clocks_per_second: speed,
        })
    }

    pub fn table(&self) -> Table {
        let mut table = Table::new(&[
            &format!("msm {} n={} {} seed={}", self.group, self.n, self.scalars, self.seed),
            ">",
        ]);
        let mut row = |name: &str, value: String| table.row(vec![name.into(), value]);
        row("clock cycles", thousands(self.cycles));
        if self.batch > 1 {
            row("MSMs over these bases", self.batch.to_string());
            row("clock cycles each", thousands(self.cycles / self.batch as u64));
        }
        row("bound, additions", thousands(self.bound_additions));
        row("clocks an addition", self.clocks_per_addition.to_string());
        row("adders", self.adders.to_string());
        row("ratio to the bound", format!("{:.3}", self.ratio));
        row("bucket phase, clocks", thousands(self.accumulate_cycles));
        row("bucket phase, ratio", format!("{:.3}", self.accumulate_ratio));
        row("aggregation, clocks", thousands(self.aggregate_cycles));
        row("tail alone, clocks", thousands(self.tail_cycles));
        row("points that cost additions", thousands(self.work));
        row("bits of the scalars", self.scalar_bits.to_string());
        if self.precompute > 1 {
            row("multiples of each base", self.precompute.to_string());
        }
        row("window bits", self.window_bits.to_string());
        row("windows", self.windows.to_string());
        row("additions issued", thousands(self.additions));
        row("clocks without a digit", thousands(self.stall_feed));
        row("clocks waiting for a bucket", thousands(self.stall_slot));
        row("average depth of store queues", format!("{:.3}", self.store_queue_depth));
        row("DRAM bytes read", thousands(self.dram_read_bytes));
        row("DRAM bytes read a point", format!("{:.1}", self.dram_bytes_per_point));
        row("result", "equals arkworks'".into());
        row("simulated clocks per second", speed(self.simulated_clocks_per_second));
        table
    }
}
