//! `permafrost card reset`

use std::time::Instant;

use permafrost_abi::reg;
use permafrost_abi::registers::DramDirty;
use permafrost_driver::Observer;
use serde::Serialize;

use super::args::Reset;
use super::bare::Bare;
use super::look::held;
use crate::card;
use crate::error::Error;
use crate::out;
use crate::table::{bytes, thousands, Table};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    card: String,
    /// `controller` or `function`.
    rung: &'static str,
    was_ready: bool,
    was_fatal: bool,
    /// Error held by the card: status, queue, command, address.
    held_error: Option<String>,
    regions_zeroed: u32,
    bytes_zeroed: u64,
    /// Clocks since the reset, when memory was zero.
    clocks: u64,
    seconds: f64,
}

pub fn reset(args: &Reset) -> Result<(), Error> {
    let transport = card::connect(&args.card.card)?.transport;
    let mut bare = Bare::new(transport.clone())?;
    let before = Observer::new(transport).sample(bare.info())?;
    let start = Instant::now();
    let rung = bare.rest(args.function)?;
    bare.scrubbed()?;
    let clocks = bare.cycles()?;
    let seconds = start.elapsed().as_secs_f64();
    let after = DramDirty(bare.read(reg::DRAM_DIRTY)?);
    let regions_zeroed = before.dirty.regions().saturating_sub(after.regions());
    let report = Report {
        card: bare.info().transport.clone(),
        rung: rung.word(),
        was_ready: before.csts.ready(),
        was_fatal: before.csts.fatal(),
        held_error: before.syndrome.as_ref().map(held),
        regions_zeroed,
        bytes_zeroed: u64::from(regions_zeroed) << before.dirty.log2_bytes(),
        clocks,
        seconds,
    };
    if args.json {
        return out::json(&report);
    }
    let mut table = Table::new(&["card", &report.card]);
    let mut row = |name: &str, value: String| table.row(vec![name.into(), value]);
    row("reset by", format!("{} reset", rung.word().replace("function", "function level")));
    row(
        "before",
        match (report.was_fatal, report.was_ready) {
            (true, _) => "fatal error".into(),
            (_, true) => "ready".into(),
            _ => "not enabled".into(),
        },
    );
    row("error held", report.held_error.clone().unwrap_or_else(|| "none".into()));
    row("memory zeroed", format!("{} regions, {}", report.regions_zeroed, bytes(report.bytes_zeroed)));
    row("clocks since", thousands(report.clocks));
    out::text(&(table.render() + "what was in card memory is lost: upload again\n"))
}
