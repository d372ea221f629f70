//! What a module costs: yosys' estimate for a target, or the graph's own count.
//!
//! `xcup` runs `synth_xilinx -family xcup` on the emitted Verilog: LUT, FF and DSP48E2 counts after mapping, no placement,
//! no timing. `generic` has no cells to count: products, adder bits and register bits of the graph.

use crate::{
    field::{units, Field},
    graph::{Cost, Pipeline},
    hdl::{Design, HdlError},
    target::Target,
};
use std::{collections::BTreeMap, io, path::PathBuf, process::Command, sync::Arc};

/// A module that can be reported on: name on the command line, what it is, how it is made.
pub struct ReportModule {
    pub name: &'static str,
    pub about: &'static str,
    build: fn(Target) -> Arc<Pipeline>,
}

/// All of them.
pub const MODULES: [ReportModule; 3] = [
    ReportModule {
        name: "fq-mul",
        about: "Montgomery multiplication, BN254 base field, canonical in and out",
        build: |t| units::mul(&Field::fq(), t),
    },
    ReportModule {
        name: "fr-mul",
        about: "Montgomery multiplication, BN254 scalar field, canonical in and out",
        build: |t| units::mul(&Field::fr(), t),
    },
    ReportModule {
        name: "fr-demont",
        about: "Montgomery to canonical form, BN254 scalar field",
        build: |t| units::demont(&Field::fr(), t),
    },
];

/// Resources of a module. Counts that the source of the figures cannot know are absent.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    pub module: String,
    pub target: Target,
    /// Clocks from inputs to outputs; one result a clock.
    pub latency: usize,
    /// Where the counts below come from, in words.
    pub source: String,
    /// DSP48E2 blocks.
    pub dsp: Option<usize>,
    /// LUTs: logic (LUT1..LUT6, inverters) and shift registers.
    pub lut: Option<usize>,
    /// Of which shift registers.
    pub lut_shift: Option<usize>,
    pub ff: Option<usize>,
    pub carry4: Option<usize>,
    /// Every mapped cell type and its count.
    pub cells: BTreeMap<String, usize>,
    /// The graph's own count, before any tool.
    pub graph: Cost,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("there is no module `{name}` to report on; the modules are: {known}")]
    UnknownModule { name: String, known: String },
    #[error("yosys is not installed ({0}); on Debian: apt-get install yosys")]
    NoYosys(io::Error),
    #[error("yosys failed ({status}); its last words:\n{tail}\nThe files are kept in {}", dir.display())]
    Yosys { status: String, tail: String, dir: PathBuf },
    #[error("yosys printed no statistics that could be read: {0}")]
    Statistics(String),
    #[error("could not write {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Hdl(#[from] HdlError),
}

/// Reports on module `name` for `target`. Yosys takes one to ten minutes for the larger modules on `xcup`.
///
/// # Errors
/// [`ReportError`]; nothing is left behind except where it says so.
pub fn report(name: &str, target: Target) -> Result<Report, ReportError> {
    let known = || MODULES.iter().map(|m| m.name).collect::<Vec<_>>().join(", ");
    let module = MODULES
        .iter()
        .find(|m| m.name == name)
        .ok_or_else(|| ReportError::UnknownModule { name: name.into(), known: known() })?;
    let pipeline = (module.build)(target);
    let mut out = Report {
        module: name.into(),
        target,
        latency: pipeline.latency,
        source: "the arithmetic graph (no synthesis)".into(),
        dsp: None,
        lut: None,
        lut_shift: None,
        ff: None,
        carry4: None,
        cells: BTreeMap::new(),
        graph: pipeline.cost(),
    };
    if target == Target::Xcup {
        out.source = format!("estimated by {} synth_xilinx -family xcup, not placed", yosys_version()?);
        out.cells = synthesise(&Design::elaborate(&pipeline.module())?)?;
        let count = |prefixes: &[&str]| -> usize {
            let hit = |cell: &str| prefixes.iter().any(|p| cell.starts_with(p));
            out.cells.iter().filter(|(cell, _)| hit(cell)).map(|(_, n)| n).sum()
        };
        let shift = count(&["SRL"]);
        out.dsp = Some(count(&["DSP"]));
        out.lut = Some(count(&["LUT", "INV"]) + shift);
        out.lut_shift = Some(shift);
        out.ff = Some(count(&["FD"]));
        out.carry4 = Some(count(&["CARRY4"]));
    }
    Ok(out)
}

fn yosys_version() -> Result<String, ReportError> {
    let out = Command::new("yosys").arg("-V").output().map_err(ReportError::NoYosys)?;
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// Cell counts of `design`, hierarchy multiplied out.
fn synthesise(design: &Design) -> Result<BTreeMap<String, usize>, ReportError> {
    let dir = std::env::temp_dir().join(format!("permafrost-report-{}-{}", std::process::id(), design.top));
    let io = |path: &PathBuf| {
        let path = path.clone();
        move |source| ReportError::Io { path, source }
    };
    std::fs::create_dir_all(&dir).map_err(io(&dir))?;
    let (rtl, stat) = (dir.join("design.v"), dir.join("stat.json"));
    std::fs::write(&rtl, design.text()).map_err(io(&rtl))?;
    let script = format!(
        "read_verilog -sv design.v; synth_xilinx -family xcup -noiopad -top {}; tee -q -o stat.json stat -json",
        design.top
    );
    let run = Command::new("yosys")
        .current_dir(&dir)
        .args(["-q", "-p", &script])
        .output()
        .map_err(ReportError::NoYosys)?;
    if !run.status.success() {
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(10)..].join("\n");
        return Err(ReportError::Yosys { status: run.status.to_string(), tail, dir });
    }
    let text = std::fs::read_to_string(&stat).map_err(io(&stat))?;
    let cells = parse(&text, &design.top)?;
    // Best effort: a report is not worth less for a file left in the temporary directory.
    let _ = std::fs::remove_dir_all(&dir);
    Ok(cells)
}

/// Leaf cells of `top` in yosys' JSON statistics.
fn parse(text: &str, top: &str) -> Result<BTreeMap<String, usize>, ReportError> {
    let bad = |what: &str| ReportError::Statistics(what.into());
    // Yosys 0.23 prints the design hierarchy, not in JSON, among the lines of the object.
    let json: Vec<_> = text.lines().filter(|l| l.trim_start().starts_with(['{', '}', '"'])).collect();
    let v: serde_json::Value =
        serde_json::from_str(&json.join("\n")).map_err(|e| ReportError::Statistics(e.to_string()))?;
    let modules = v["modules"].as_object().ok_or_else(|| bad("no modules"))?;
    let mut total = BTreeMap::new();
    let mut stack = vec![(format!("\\{top}"), 1usize)];
    while let Some((name, times)) = stack.pop() {
        let types = modules
            .get(&name)
            .and_then(|m| m["num_cells_by_type"].as_object())
            .ok_or_else(|| bad(&format!("no module {name}")))?;
        for (cell, n) in types {
            let n = n.as_u64().ok_or_else(|| bad("a count is not a number"))? as usize * times;
            let inner = format!("\\{cell}");
            if modules.contains_key(&inner) {
                stack.push((inner, n));
            } else {
                *total.entry(cell.clone()).or_insert(0) += n;
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchy_is_multiplied_out() {
        let text = r#"{ "modules": {
            "\\top": { "num_cells_by_type": { "LUT2": 3, "sub": 2 } },
            "\\sub": { "num_cells_by_type": { "LUT2": 5, "DSP48E2": 1 } } }
              sub                      2
        }"#;
        let cells = parse(text, "top").unwrap();
        assert_eq!(cells["LUT2"], 13);
        assert_eq!(cells["DSP48E2"], 2);
        assert!(parse(text, "other").is_err());
        assert!(parse("nothing", "top").is_err());
    }

    #[test]
    fn unknown_module_names_the_known_ones() {
        let e = report("fq-div", Target::Xcup).unwrap_err().to_string();
        assert!(e.contains("fq-div") && e.contains("fq-mul"), "{e}");
    }

    #[test]
    fn generic_reports_the_graph() {
        let r = report("fq-mul", Target::Generic).unwrap();
        assert_eq!((r.dsp, r.graph.tiles), (None, 210));
    }
}
