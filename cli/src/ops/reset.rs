//! `permafrost card reset`

use std::sync::Arc;
use std::time::Instant;

use permafrost_abi::reg;
use permafrost_abi::registers::DramDirty;
use permafrost_driver::{Observer, Transport};
use serde::Serialize;

use super::args::Reset;
use super::bare::Bare;
use super::look::held;
use crate::card;
use crate::error::Error;
use crate::out;
use crate::table::{bytes, Table};

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
    /// Until memory was zero. The card's own clocks begin there.
    seconds: f64,
}

/// Resets a card that nobody has open, and waits until its memory is zero.
fn carry_out(transport: Arc<dyn Transport>, function: bool) -> Result<Report, Error> {
    let mut bare = Bare::new(transport.clone())?;
    let before = Observer::new(transport).sample(bare.info())?;
    let start = Instant::now();
    let rung = bare.rest(function)?;
    bare.scrubbed()?;
    let seconds = start.elapsed().as_secs_f64();
    let after = DramDirty(bare.read(reg::DRAM_DIRTY)?);
    let regions_zeroed = before.dirty.regions().saturating_sub(after.regions());
    Ok(Report {
        card: bare.info().transport.clone(),
        rung: rung.word(),
        was_ready: before.csts.ready(),
        was_fatal: before.csts.fatal(),
        held_error: before.syndrome.as_ref().map(held),
        regions_zeroed,
        bytes_zeroed: u64::from(regions_zeroed) << before.dirty.log2_bytes(),
        seconds,
    })
}

pub fn reset(args: &Reset) -> Result<(), Error> {
    let report = carry_out(card::connect(&args.card.card)?.transport, args.function)?;
    if args.json {
        return out::json(&report);
    }
    let mut table = Table::new(&["card", &report.card]);
    let mut row = |name: &str, value: String| table.row(vec![name.into(), value]);
    row("reset by", format!("{} reset", report.rung.replace("function", "function level")));
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
    row("took", format!("{:.3} s", report.seconds));
    out::text(&(table.render() + "what was in card memory is lost: upload again\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_driver::{Card, CardOptions};
    use permafrost_rtl::config::CardConfig;
    use permafrost_sim::{SimCard, SimOptions};

    /// A card whose owner went without disabling it: the reset says what was there, and none of it is left.
    #[test]
    fn a_dirty_card_is_zeroed_by_both_resets() {
        let options = SimOptions { dram_bytes: Some(16 << 20), ..SimOptions::new(CardConfig::sim()) };
        let sim = Arc::new(SimCard::open(options).expect("the simulated card is built already or can be"));
        for (function, rung) in [(false, "controller"), (true, "function")] {
            let card = Card::open(sim.clone(), CardOptions::default()).unwrap();
            let buffer = card.dram().alloc(1 << 20).unwrap();
            card.write(&buffer, 0, &[0x5a; 4096]).unwrap();
            card.write(&buffer, (1 << 20) - 64, &[0x5a; 64]).unwrap();
            let report = carry_out(sim.clone(), function).unwrap();
            assert_eq!((report.rung, report.was_ready, report.was_fatal), (rung, true, false));
            assert_eq!(report.regions_zeroed, 2, "the first of the buffer, and the last");
            assert_eq!(report.bytes_zeroed, 512 << 10, "16 MiB are 64 regions");
            // Of another owner now.
            drop((buffer, card));
            let next = Card::open(sim.clone(), CardOptions::default()).unwrap();
            let buffer = next.dram().alloc(1 << 20).unwrap();
            let mut seen = vec![1; 1 << 20];
            next.read(&buffer, 0, &mut seen).unwrap();
            assert!(seen.iter().all(|byte| *byte == 0), "what was there before is gone");
        }
    }
}
