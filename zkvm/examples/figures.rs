//! Measures the guests at their size for figures and writes `docs/riscv-figures.json` and `docs/riscv-figures.md`.
//!
//! `cargo run --example figures -- [log2 of a segment's cycles]... [--prove N] [--guest NAME]`: sizes 16, 18 and 20 if none is given; N
//! segments of each run are proved (2 if not given), rows and cells are counted in all. Times are of one thread, processor time
//! where Linux tells it. A build with `RUSTFLAGS=-Ctarget-cpu=native` fills columns of its own: `make bench-riscv` runs both.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use permafrost_zkvm::air::{trace, Kind, Table};
use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::figures::{cells, cells_a_call, total, Cells, Columns, HASHES};
use permafrost_zkvm::guests::{Guest, ALL};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::record::Program;
use permafrost_zkvm::{elf, prove, verify};
use serde::{Deserialize, Serialize};

/// How this binary computes: with vector instructions, or without.
const BUILD: &str = if cfg!(target_feature = "avx2") { "native" } else { "scalar" };
/// Runs of at least this many cycles, nearly all of them instructions, are averaged.
const AVERAGED: u64 = 300_000;

/// One guest at one segment size.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Run {
    guest: String,
    segment_log2: u32,
    cycles: u64,
    segments: u64,
    /// By table.
    cells: BTreeMap<String, Cells>,
    /// By build.
    times: BTreeMap<String, Times>,
}

/// Times of one build.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Times {
    key_ms: f64,
    /// Segments proved, and the cycles in them.
    proved_segments: u64,
    proved_cycles: u64,
    execute_us_per_cycle: f64,
    trace_us_per_cycle: f64,
    prove_us_per_cycle: f64,
    /// Of the segments proved, on average.
    proof_bytes: f64,
    verify_ms: f64,
}

/// Seconds that this thread has computed; where the system does not say, seconds since `start`.
fn seconds(start: Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or_else(|| start.elapsed().as_secs_f64(), |nanoseconds| nanoseconds * 1e-9)
}

fn measure(guest: &Guest, segment_log2: u32, prove_segments: u64) -> Result<Run, Box<dyn Error>> {
    let start = Instant::now();
    let input = guest.scaled();
    let program = Arc::new(elf::load(guest.elf)?);
    let before = seconds(start);
    let key = Key::new(&program)?;
    let mut times = Times { key_ms: 1e3 * (seconds(start) - before), ..Times::default() };
    let limits = Limits { cycles: 1 << 32, segment_log2 };
    let mut executor = Executor::new(program, input.input.clone(), input.hints.clone(), limits);
    let mut all: BTreeMap<String, Cells> = BTreeMap::new();
    let (mut segments, mut execute, mut build, mut proving, mut bytes, mut verifying) =
        (0, 0.0, 0.0, 0.0, 0, 0.0);
    loop {
        let at = seconds(start);
        let Some(segment) = executor.next_segment()? else { break };
        execute += seconds(start) - at;
        let at = seconds(start);
        let traces = trace::build(&segment);
        build += seconds(start) - at;
        for (kind, cells) in cells(&traces) {
            *all.entry(kind.name().into()).or_default() += cells;
        }
        segments += 1;
        if segments <= prove_segments {
            let mut statement = segment.statement.clone();
            statement.program = key.digest();
            let at = seconds(start);
            let proof = prove::traces(&key, &statement, &traces)?;
            proving += seconds(start) - at;
            bytes += proof.raw.len();
            let at = seconds(start);
            verify::segment(&key, &proof)?;
            verifying += seconds(start) - at;
            times.proved_segments += 1;
            times.proved_cycles += segment.steps.len() as u64;
        }
    }
    if executor.exit() != Some(input.exit) || executor.output() != input.output {
        return Err(format!("{} did not do what it must", guest.name).into());
    }
    let cycles = executor.cycles();
    times.execute_us_per_cycle = 1e6 * execute / cycles as f64;
    times.trace_us_per_cycle = 1e6 * build / cycles as f64;
    times.prove_us_per_cycle = 1e6 * proving / times.proved_cycles as f64;
    times.proof_bytes = bytes as f64 / times.proved_segments as f64;
    times.verify_ms = 1e3 * verifying / times.proved_segments as f64;
    let times = BTreeMap::from([(BUILD.to_string(), times)]);
    Ok(Run { guest: guest.name.into(), segment_log2, cycles, segments, cells: all, times })
}

/// Columns a cycle of a run: main used and committed, extension used and committed, and all base field cells committed.
fn columns(run: &Run) -> [f64; 5] {
    let sum = total(run.cells.values());
    [sum.used_main, sum.main, sum.used_extension, sum.extension, sum.committed()]
        .map(|n| n as f64 / run.cycles as f64)
}

fn render(runs: &[Run]) -> Result<String, Box<dyn Error>> {
    let mut out = String::from(
        "# The RISC-V core's figures\n\n\
         Written by `make bench-riscv` (`zkvm/examples/figures.rs`) from `riscv-figures.json`, which has every table's rows too. What is \
         counted is in `zkvm/src/figures.rs`: columns are divided by executed cycles; *used* leaves padding out, *committed* has it. An \
         extension column is four of the base field. *Cells* are all base field elements committed a cycle: main, extension (times 4) and \
         quotient. Times are processor time of one thread of the reference prover, on a shared machine (about 10 % noise): *scalar* \
         without vector instructions, *native* with `-Ctarget-cpu=native`; the other times are of the scalar build. Bytes and \
         milliseconds are of one segment. Averages leave out runs that are short or mostly calls of a precompiled table: there a cycle is \
         not what costs (`hello` is ten instructions and the range table).\n\n",
    );
    let mut sizes: Vec<u32> = runs.iter().map(|run| run.segment_log2).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for size in sizes {
        writeln!(out, "## Segments of 2^{size} cycles\n")?;
        writeln!(out, "| guest | cycles | segments | main used | main committed | extension used | extension committed | cells | execute µs | traces µs | prove scalar µs | prove native µs | proof bytes | verify ms | key ms |")?;
        writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        let mut sums = [0.0; 7];
        let mut averaged = 0.0;
        for run in runs.iter().filter(|run| run.segment_log2 == size) {
            let columns = columns(run);
            let times =
                run.times.get("scalar").or_else(|| run.times.values().next()).cloned().unwrap_or_default();
            let prove =
                ["scalar", "native"].map(|build| run.times.get(build).map(|times| times.prove_us_per_cycle));
            let shown = prove.map(|us| us.map_or("–".into(), |us| format!("{us:.1}")));
            let [m, mc, e, ec, all] = columns;
            writeln!(
                out,
                "| {} | {} | {} | {m:.1} | {mc:.1} | {e:.2} | {ec:.2} | {all:.0} | {:.2} | {:.2} | {} | {} | {:.0} | {:.0} | {:.0} |",
                run.guest, run.cycles, run.segments, times.execute_us_per_cycle, times.trace_us_per_cycle,
                shown[0], shown[1], times.proof_bytes, times.verify_ms, times.key_ms
            )?;
            if run.cycles >= AVERAGED {
                averaged += 1.0;
                let values = columns.into_iter().chain(prove.map(|us| us.unwrap_or(f64::NAN)));
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        let [m, mc, e, ec, all, scalar, native] = sums.map(|sum| sum / averaged);
        let shown = [scalar, native].map(|us| if us.is_nan() { "–".into() } else { format!("{us:.1}") });
        writeln!(
            out,
            "| **average** of runs of {AVERAGED} cycles and more | | | **{m:.1}** | **{mc:.1}** | **{e:.2}** | **{ec:.2}** | **{all:.0}** | | | **{}** | **{}** | | | |\n",
            shown[0], shown[1]
        )?;
    }
    writeln!(out, "## Precompiled tables\n\nBase field cells in use, main and extension, of one call and the instructions around it.\n")?;
    writeln!(out, "| hash | by instructions | by the table | ratio |\n|---|---:|---:|---:|")?;
    for hash in HASHES {
        let mut of = [0; 2];
        for (cells, (name, sizes)) in of.iter_mut().zip(hash) {
            *cells = cells_a_call(Guest::find(name).ok_or("no such guest")?, sizes)?;
        }
        writeln!(out, "| {} | {} | {} | {:.0} |", hash[0].0, of[0], of[1], of[0] as f64 / of[1] as f64)?;
    }
    out.push_str(PUBLISHED);
    tables(&mut out)?;
    Ok(out)
}

/// The published systems: their figures are not measured here, and their words, fields and checks differ.
const PUBLISHED: &str = "
## Beside published systems

| system | what a cycle costs | source |
|---|---|---|
| here, RV32IM, KoalaBear, Plonky3 0.9 batch STARK | the averages above, everything included | measured |
| SP1 6.10, RV64IM, KoalaBear | by table, see below; its instructions also send to a table of memory accesses | published (`rv64im_costs.json`) |
| OpenVM, base ALU row | about 36 main columns | published |
| Airbender (2025), one table, 2^22 rows | 192 witness + 30 memory + 12 setup columns, and 160 of its second stage | published |

";

/// The published main columns of the table of SP1 that does the same.
fn sp1(kind: Kind) -> &'static str {
    match kind {
        Kind::Add => "33 (Add, Sub)",
        Kind::AddImmediate => "30 (Addi), 31 (UType)",
        Kind::Less | Kind::LessImmediate => "44",
        Kind::Bitwise | Kind::BitwiseImmediate => "51",
        Kind::Shift | Kind::ShiftImmediate => "65 (left), 69 (right)",
        Kind::Multiply => "82",
        Kind::Divide => "246",
        Kind::LoadWord => "44",
        Kind::LoadPart => "47 (bytes), 44 (halves)",
        Kind::StoreWord => "44",
        Kind::StorePart => "50 (bytes)",
        Kind::BranchEqual | Kind::BranchLess => "45",
        Kind::Jump => "31",
        Kind::JumpRegister => "35",
        Kind::Program => "17",
        Kind::Range => "13",
        Kind::Leaf => "20 a word (MemoryLocal)",
        Kind::Poseidon2Call => "348",
        Kind::Sha256 => "128 and 206 a row",
        Kind::Keccak => "2640",
        _ => "",
    }
}

fn tables(out: &mut String) -> std::fmt::Result {
    let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
    writeln!(out, "## Tables\n\nMain columns, messages and extension columns of one row: an instruction, in tables that execute.\n")?;
    writeln!(out, "| table | main | SP1 6.10's main, published | messages | of them range lookups | extension |\n|---|---:|---|---:|---:|---:|")?;
    for &kind in Kind::ALL {
        let columns = Columns::of(&Table::of(kind, &program));
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            kind.name(),
            columns.main,
            sp1(kind),
            columns.message_count(),
            columns.range_lookups(),
            columns.extension_per_row()
        )?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut sizes, mut prove_segments, mut only) = (Vec::new(), 2, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--prove" => prove_segments = arguments.next().ok_or("--prove N")?.parse()?,
            "--guest" => only = arguments.next(),
            size => sizes.push(size.parse()?),
        }
    }
    if sizes.is_empty() {
        sizes = vec![16, 18, 20];
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let json = docs.join("riscv-figures.json");
    let mut runs: Vec<Run> = match std::fs::read(&json) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    for &size in &sizes {
        for guest in ALL.iter().filter(|guest| only.as_ref().is_none_or(|name| name == guest.name)) {
            let mut run = measure(guest, size, prove_segments)?;
            println!(
                "{BUILD}: {} at 2^{size}: {:?}, columns a cycle {:.2?}",
                guest.name,
                run.times[BUILD],
                columns(&run)
            );
            if let Some(place) =
                runs.iter().position(|old| (&old.guest, old.segment_log2) == (&run.guest, size))
            {
                let mut times = runs.remove(place).times;
                times.append(&mut run.times);
                run.times = times;
            }
            runs.push(run);
            runs.sort_by_key(|run| (run.segment_log2, ALL.iter().position(|guest| guest.name == run.guest)));
            // After each run, so that a long campaign can be stopped.
            std::fs::write(&json, serde_json::to_vec_pretty(&runs)?)?;
        }
    }
    std::fs::write(docs.join("riscv-figures.md"), render(&runs)?)?;
    Ok(())
}
