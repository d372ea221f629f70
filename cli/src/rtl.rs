//! `permafrost rtl emit` and `permafrost rtl report`

use permafrost_rtl::config::CardConfig;
use permafrost_rtl::target::Target;
use permafrost_rtl::{card, report, LINT_WAIVERS};
use permafrost_zkal::groth16::Output;

use crate::args::{RtlEmit, RtlReport};
use crate::error::Error;
use crate::out;
use crate::progress::Progress;
use crate::table::{thousands, Table};

/// Writes one file a module, and the lint waivers.
pub fn emit(args: &RtlEmit) -> Result<(), Error> {
    let mut config = CardConfig::preset(&args.preset)?;
    if let Some(name) = &args.target {
        config.target = target(name)?;
    }
    let design = card::generate(&config)?;

    // The list is for tools that take one: `verilator --lint-only -Wall -F permafrost_card.f`.
    let list_name = format!("{}.f", design.top);
    let mut list = format!("--top-module {}\nlint.vlt\n", design.top);
    for name in design.files.keys() {
        list.push_str(&format!("{name}.v\n"));
    }
    let modules = design.files.iter().map(|(name, text)| (format!("{name}.v"), text.as_str()));
    let others = [("lint.vlt".to_owned(), LINT_WAIVERS), (list_name.clone(), list.as_str())];

    std::fs::create_dir_all(&args.out).map_err(|source| Error::Write { path: args.out.clone(), source })?;
    // Every file has room under a temporary name before the first gets its own.
    let prepared: Vec<(Output, &str)> = modules
        .chain(others)
        .map(|(name, text)| Ok((Output::prepare(args.out.join(name))?, text)))
        .collect::<Result<_, Error>>()?;
    for (output, text) in prepared {
        output.commit(text)?;
    }
    out::text(&format!(
        "{} Verilog files of `{}` (preset {}, target {}), lint.vlt and {list_name} written to {}\n",
        design.files.len(),
        design.top,
        config.name,
        config.target.name(),
        args.out.display()
    ))
}

fn target(name: &str) -> Result<Target, Error> {
    Target::ALL.into_iter().find(|t| t.name() == name).ok_or_else(|| Error::UnknownTarget {
        name: name.to_owned(),
        known: Target::ALL.map(Target::name).join(", "),
    })
}

/// Synthesises one module with yosys and prints what it takes.
pub fn report(args: &RtlReport) -> Result<(), Error> {
    let target = target(&args.target)?;
    let progress = Progress::start(format!("synthesise {} for {}", args.module, target.name()));
    let report = report::report(&args.module, target)?;
    drop(progress);
    if args.json {
        return out::json(&report);
    }
    let mut table = Table::new(&[&args.module, &format!(">{}", target.name())]);
    let mut row = |name: &str, value: String| table.row(vec![name.into(), value]);
    row("latency, clocks", report.latency.to_string());
    row("modular multipliers", report.multipliers.to_string());
    for (name, count) in [
        ("DSP", report.dsp),
        ("LUT", report.lut),
        ("  of which shift registers", report.lut_shift),
        ("  of which memories", report.lut_memory),
        ("FF", report.ff),
        ("block RAM, 36 Kbit", report.bram),
        ("URAM", report.uram),
        ("CARRY4", report.carry4),
    ] {
        if let Some(count) = count {
            row(name, thousands(count as u64));
        }
    }
    out::text(&format!("{}{}\n", table.render(), report.source))
}
