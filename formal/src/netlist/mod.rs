//! The emitted Verilog of an arithmetic pipeline is its graph.
//!
//! Yosys' front end reads the text ([`rtlil`]); nothing is optimised. Every net gets the clock at which it has its value
//! ([`time`]): that this can be done at all is that every output depends on the inputs exactly `latency` clocks earlier, and on
//! nothing else. Registers are wires then, and each node's net is compared with what the graph's operation means
//! ([`meaning`]), cut at the nets of the nodes that it reads ([`mod@unit`]): products structurally, the rest by bitwuzla. What a
//! node reads is within its range: that is what [`crate::arithmetic`] shows of the graph. Bodies of multiplier tiles:
//! [`tile`].
//!
//! Trusted: yosys' Verilog front end, this module, bitwuzla.

pub mod checks;
pub mod meaning;
pub mod mutate;
pub mod mutate_tile;
pub mod net;
pub mod rtlil;
pub mod solver;
pub mod term;
pub mod tile;
pub mod time;
pub mod unit;

use crate::tools::Tools;
use crate::Error;
use std::fs;

/// A Verilog text as yosys reads it.
pub struct Source<'t> {
    pub text: &'t str,
    /// Other texts that it needs.
    pub with: &'t [&'t str],
    /// Macros that are defined; nothing else is.
    pub defines: &'t [&'t str],
    /// Instances are opened, below this module.
    pub flatten: Option<&'t str>,
}

/// What yosys read.
pub struct Read {
    pub modules: Vec<rtlil::Module>,
    /// What it had to guess, in its words.
    pub warnings: Option<String>,
}

/// The modules of `source`; `Err` inside is that it is no Verilog, or none that the reader knows.
///
/// # Errors
/// Yosys could not be run.
pub fn read(tools: &Tools, source: &Source) -> Result<Result<Read, String>, Error> {
    let folder =
        tempfile::tempdir().map_err(|source| Error::Io { path: "a temporary folder".into(), source })?;
    let io = |name: &str, source| Error::Io { path: folder.path().join(name).display().to_string(), source };
    let mut script = String::from("read_verilog -nosynthesis");
    source.defines.iter().for_each(|d| script += &format!(" -D{d}"));
    for (at, text) in std::iter::once(&source.text).chain(source.with).enumerate() {
        let name = format!("t{at}.v");
        fs::write(folder.path().join(&name), text).map_err(|e| io(&name, e))?;
        script += &format!(" {name}");
    }
    if let Some(top) = source.flatten {
        script += &format!("; hierarchy -check -top {top}; flatten");
    }
    script += "; write_rtlil out.il";
    let said = tools.run(folder.path(), "yosys", &["-Q", "-T", "-q", "-p", &script], None, 120)?;
    if !said.success {
        return Ok(Err(format!("yosys: {}", said.text.trim())));
    }
    let text = fs::read_to_string(folder.path().join("out.il")).map_err(|e| io("out.il", e))?;
    let warnings = said.text.lines().find(|line| line.contains("Warning")).map(str::to_string);
    Ok(rtlil::parse(&text).map(|modules| Read { modules, warnings }))
}
