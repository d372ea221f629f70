//! `permafrost rtl emit` and `permafrost rtl report`

use std::path::Path;

use permafrost_rtl::config::CardConfig;
use permafrost_rtl::target::Target;
use permafrost_rtl::{card, report, LINT_WAIVERS};

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

    let failed = |path: &Path, source| Error::Write { path: path.to_owned(), source };
    std::fs::create_dir_all(&args.out).map_err(|e| failed(&args.out, e))?;
    let write = |name: &str, text: &str| {
        let path = args.out.join(name);
        std::fs::write(&path, text).map_err(|e| failed(&path, e))
    };
    // The list is for tools that take one: `verilator --lint-only -Wall -F permafrost_card.f`.
    let mut list = format!("--top-module {}\nlint.vlt\n", design.top);
    for (name, text) in &design.files {
        let name = format!("{name}.v");
        write(&name, text)?;
        list.push_str(&name);
        list.push('\n');
    }
    write("lint.vlt", LINT_WAIVERS)?;
    let list_name = format!("{}.f", design.top);
    write(&list_name, &list)?;
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
