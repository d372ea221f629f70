//! The tables' cost on the guests: bounds that a change of a table must not silently cross.

use std::collections::BTreeMap;
use std::sync::Arc;

use permafrost_zkvm::air::{trace, Kind, Table};
use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::figures::{cells, cells_a_call, total, Cells, Columns, HASHES};
use permafrost_zkvm::record::Program;
use permafrost_zkvm::{elf, guests::Guest};

/// Cycles and cells of a run.
fn run(name: &str, size: u32, segment_log2: u32) -> (u64, BTreeMap<Kind, Cells>) {
    let guest = Guest::find(name).expect("a guest");
    let run = guest.run(size);
    let program = Arc::new(elf::load(guest.elf).expect("a program"));
    let mut executor = Executor::new(program, run.input, run.hints, Limits { cycles: 1 << 24, segment_log2 });
    let mut all: BTreeMap<Kind, Cells> = BTreeMap::new();
    while let Some(segment) = executor.next_segment().expect("executed") {
        for (kind, cells) in cells(&trace::build(&segment)) {
            *all.entry(kind).or_default() += cells;
        }
    }
    (executor.cycles(), all)
}

#[test]
fn precompiled_tables_are_ten_times_leaner() {
    for hash in HASHES {
        let [code, table] = hash
            .map(|(name, sizes)| cells_a_call(Guest::find(name).expect("a guest"), sizes).expect("executed"));
        println!("{}: {code} cells a call by instructions, {table} by the table", hash[0].0);
        assert!(code >= 10 * table, "{}: {code} {table}", hash[0].0);
    }
}

#[test]
fn columns_a_cycle() {
    let guests =
        [("collatz", 300), ("fibonacci", 20_000), ("sha256", 20), ("quicksort", 1000), ("transfers", 30)];
    let mut sums = [0.0; 2];
    for (name, size) in guests {
        let (cycles, cells) = run(name, size, 18);
        let code = cells.into_iter().filter(|(kind, _)| !matches!(kind, Kind::Program | Kind::Range));
        let sum = total(code.map(|(_, cells)| cells).collect::<Vec<_>>().iter());
        let a_cycle = [sum.main, sum.extension].map(|cells| cells as f64 / cycles as f64);
        println!(
            "{name}: {cycles} cycles, {:.2} main and {:.2} extension columns committed a cycle",
            a_cycle[0], a_cycle[1]
        );
        sums.iter_mut().zip(a_cycle).for_each(|(sum, columns)| *sum += columns / guests.len() as f64);
    }
    let [main, extension] = sums;
    assert!(main <= 60.0 && extension <= 10.0, "{main:.2} main, {extension:.2} extension columns a cycle");
}

/// What the manual says of the tables is what they are.
#[test]
fn the_manuals_table_is_current() {
    const START: &str = "<!-- tables -->\n";
    const END: &str = "<!-- end -->";
    let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
    let mut expected = String::from(
        "| table | main | preprocessed | messages | of them range lookups | extension |\n|---|---:|---:|---:|---:|---:|\n",
    );
    for &kind in Kind::ALL {
        let columns = Columns::of(&Table::of(kind, &program));
        expected += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            kind.name(),
            columns.main,
            columns.preprocessed,
            columns.message_count(),
            columns.range_lookups(),
            columns.extension_per_row()
        );
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/riscv.md");
    let manual = std::fs::read_to_string(&path).expect("the manual");
    let (before, rest) = manual.split_once(START).expect("the table's start");
    let (table, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("PERMAFROST_UPDATE").is_some() {
        std::fs::write(&path, [before, START, &expected, END, after].concat()).expect("written");
    } else {
        assert_eq!(table, expected, "docs/riscv.md: write it anew with PERMAFROST_UPDATE=1");
    }
}
