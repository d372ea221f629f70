//! What a module costs: yosys' estimate for a target, or the graph's own count.
//!
//! `xcup` runs `synth_xilinx -family xcup -uram` on the emitted Verilog: cells after mapping, no placement, no timing.
//! `generic` has no cells to count: products, adder bits and register bits of the graph, where the module is one.
//! Either way a module is counted with everything inside it, each instance for itself. The hierarchy is kept: yosys maps each
//! distinct module once, and its cells count as often as it is instantiated. Nothing is shared across module boundaries.

use crate::{
    field::{
        inverse::{self, Inverter},
        units, Field,
    },
    graph::{Cost, Pipeline},
    hdl::{Design, HdlError, Module},
    ntt::{
        block::{block, Shape},
        butterfly::butterfly,
    },
    point::affine::{self, AffineAdder},
    target::Target,
    vector::{inverse as vector_inverse, lane, multipliers, scan},
};
use std::{collections::BTreeMap, io, path::PathBuf, process::Command, sync::Arc};

/// A module that can be reported on: name on the command line, what it is, how it is made.
pub struct ReportModule {
    pub name: &'static str,
    pub about: &'static str,
    build: fn(Target) -> Subject,
}

/// A module as the report needs it.
struct Subject {
    module: Arc<Module>,
    /// Clocks from inputs to outputs.
    latency: usize,
    /// Absent for modules that are not an arithmetic graph.
    graph: Option<Cost>,
}

impl From<Arc<Pipeline>> for Subject {
    fn from(p: Arc<Pipeline>) -> Subject {
        Subject { module: p.module(), latency: p.latency, graph: Some(p.cost()) }
    }
}

impl From<Inverter> for Subject {
    fn from(i: Inverter) -> Subject {
        Subject { module: i.module, latency: i.latency, graph: None }
    }
}

impl From<AffineAdder> for Subject {
    fn from(a: AffineAdder) -> Subject {
        Subject { module: a.module, latency: a.latency[0], graph: None }
    }
}

/// A unit that borrows multipliers, with as many of its own.
fn vector_unit(target: Target, unit: &Arc<Module>, latency: usize) -> Subject {
    Subject { module: multipliers::alone(target, unit), latency, graph: None }
}

/// The tile core for tiles of 2^12 elements, as in the `sim` preset. It has no latency of its own: this is the butterfly's.
fn tile_core(target: Target, lanes: usize) -> Subject {
    let latency = butterfly(&Field::fr(), target).latency;
    Subject { module: block(&Shape::new(target, 12, lanes)), latency, graph: None }
}

/// Bits of the adder's tags: those of a lane with 2^17 slots.
const TAG_BITS: usize = 23;

/// Modules that are a modular multiplier or, pipelines whose inside is not looked at, have one.
const MULTIPLIERS: [&str; 3] = ["fq_mul", "fr_mul", "fr_butterfly"];

/// All of them.
pub const MODULES: [ReportModule; 11] = [
    ReportModule {
        name: "fq-mul",
        about: "Montgomery multiplication, BN254 base field, canonical in and out",
        build: |t| units::mul(&Field::fq(), t).into(),
    },
    ReportModule {
        name: "fr-mul",
        about: "Montgomery multiplication, BN254 scalar field, canonical in and out",
        build: |t| units::mul(&Field::fr(), t).into(),
    },
    ReportModule {
        name: "fr-demont",
        about: "Montgomery to canonical form, BN254 scalar field",
        build: |t| units::demont(&Field::fr(), t).into(),
    },
    ReportModule {
        name: "fq-inverse",
        about: "Montgomery inversion in constant time, BN254 base field, one at a time",
        build: |t| inverse::inverter(t).into(),
    },
    ReportModule {
        name: "g1-adder",
        about: "point addition, BN254 G1 (and G2, at a third of the rate), affine, shared inversions",
        build: |t| affine::adder(t, TAG_BITS).into(),
    },
    ReportModule {
        name: "vector-lane",
        about: "d = ±a b ± c and its sum over vectors of the BN254 scalar field, an element a clock; powers",
        build: |t| {
            let lane = lane::lane(t);
            vector_unit(t, &lane.module, lane.latency)
        },
    },
    ReportModule {
        name: "vector-scan",
        about: "prefix products over the BN254 scalar field",
        build: |t| {
            let scan = scan::scan(t);
            vector_unit(t, &scan.module, scan.latency())
        },
    },
    ReportModule {
        name: "vector-inverse",
        about: "inverses over vectors of the BN254 scalar field, an element a clock",
        build: |t| {
            let inverse = vector_inverse::inverse(t);
            vector_unit(t, &inverse.module, inverse.latency())
        },
    },
    ReportModule {
        name: "ntt-butterfly",
        about: "radix-2 butterfly of transforms over the BN254 scalar field",
        build: |t| butterfly(&Field::fr(), t).into(),
    },
    ReportModule {
        name: "ntt-lane",
        about: "tile core of transforms, tiles of 2^12 elements, one lane: a butterfly a clock",
        build: |t| tile_core(t, 1),
    },
    ReportModule {
        name: "ntt-lanes-2",
        about: "the same with two lanes; the difference to `ntt-lane` is what a lane takes",
        build: |t| tile_core(t, 2),
    },
];

/// Resources of a module. Counts that the source of the figures cannot know are absent.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    pub module: String,
    pub target: Target,
    /// Clocks from inputs to outputs; one result a clock, but for `fq-inverse`: one result in as many clocks.
    pub latency: usize,
    /// Modular multipliers: instances of such a module in the whole hierarchy. Exact, from the design.
    pub multipliers: usize,
    /// Where the counts below come from, in words.
    pub source: String,
    /// DSP48E2 blocks.
    pub dsp: Option<usize>,
    /// LUTs: logic (LUT1..LUT6, inverters), shift registers and memories.
    pub lut: Option<usize>,
    /// Of which shift registers.
    pub lut_shift: Option<usize>,
    /// Of which memories.
    pub lut_memory: Option<usize>,
    pub ff: Option<usize>,
    /// Block RAMs of 36 Kbit (RAMB36E2); one of 18 Kbit counts as half, the sum is rounded up.
    pub bram: Option<usize>,
    /// URAM288 blocks.
    pub uram: Option<usize>,
    pub carry4: Option<usize>,
    /// Every mapped cell type and its count.
    pub cells: BTreeMap<String, usize>,
    /// The arithmetic graph's own count, before any tool; absent where the module is not a graph.
    pub graph: Option<Cost>,
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

/// Reports on module `name` for `target`. On `xcup` yosys takes up to a few minutes.
///
/// # Errors
/// [`ReportError`]; nothing is left behind except where it says so.
pub fn report(name: &str, target: Target) -> Result<Report, ReportError> {
    let known = || MODULES.iter().map(|m| m.name).collect::<Vec<_>>().join(", ");
    let module = MODULES
        .iter()
        .find(|m| m.name == name)
        .ok_or_else(|| ReportError::UnknownModule { name: name.into(), known: known() })?;
    let Subject { module, latency, graph } = (module.build)(target);
    let mut out = Report {
        module: name.into(),
        target,
        latency,
        multipliers: module.instances_of(&MULTIPLIERS),
        source: "counted in the design (no synthesis)".into(),
        dsp: None,
        lut: None,
        lut_shift: None,
        lut_memory: None,
        ff: None,
        bram: None,
        uram: None,
        carry4: None,
        cells: BTreeMap::new(),
        graph,
    };
    if target == Target::Xcup {
        out.source = format!("estimated by {} synth_xilinx -family xcup -uram, not placed", yosys_version()?);
        out.cells = synthesise(&Design::elaborate(&module)?)?;
        let count = |prefixes: &[&str]| -> usize {
            let hit = |cell: &str| prefixes.iter().any(|p| cell.starts_with(p));
            out.cells.iter().filter(|(cell, _)| hit(cell)).map(|(_, n)| n).sum()
        };
        let shift = count(&["SRL"]);
        let memory = out.cells.iter().map(|(cell, n)| memory_luts(cell) * n).sum::<usize>();
        out.dsp = Some(count(&["DSP"]));
        out.lut = Some(count(&["LUT", "INV"]) + shift + memory);
        out.lut_shift = Some(shift);
        out.lut_memory = Some(memory);
        out.ff = Some(count(&["FD"]));
        out.bram = Some((2 * count(&["RAMB36"]) + count(&["RAMB18"])).div_ceil(2));
        out.uram = Some(count(&["URAM"]));
        out.carry4 = Some(count(&["CARRY4"]));
    }
    Ok(out)
}

/// LUTs in one LUT-memory cell, 0 for every other cell (UltraScale CLB user guide, UG574: 64 bits a LUT and port).
fn memory_luts(cell: &str) -> usize {
    match cell {
        "RAM32X1S" | "RAM64X1S" | "RAM32X2S" => 1,
        "RAM32X1D" | "RAM64X1D" | "RAM128X1S" => 2,
        "RAM32M" | "RAM64M" | "RAM128X1D" | "RAM256X1S" => 4,
        "RAM32M16" | "RAM64M8" | "RAM32X16DR8" | "RAM64X8SW" | "RAM256X1D" | "RAM512X1S" => 8,
        _ => 0,
    }
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
        "read_verilog -sv design.v; synth_xilinx -family xcup -uram -noiopad -top {}; tee -q -o stat.json stat -json",
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
        assert_eq!((r.dsp, r.graph.map(|g| g.tiles)), (None, Some(210)));
    }

    #[test]
    fn every_instance_of_a_multiplier_counts() {
        for target in Target::ALL {
            let [fq, fr] = [Field::fq(), Field::fr()];
            let known = [units::mul(&fq, target), units::mul(&fr, target), butterfly(&fr, target)];
            assert_eq!(MULTIPLIERS.map(String::from), known.map(|unit| unit.graph.name.clone()));
            for (name, multipliers) in [
                ("fq-mul", 1),
                ("fr-mul", 1),
                ("fr-demont", 0),
                ("fq-inverse", 0),
                ("g1-adder", 7),
                ("vector-lane", 2),
                ("vector-scan", 3),
                ("vector-inverse", 4),
                ("ntt-butterfly", 1),
                ("ntt-lane", 6),
                ("ntt-lanes-2", 7),
            ] {
                let module = MODULES.iter().find(|m| m.name == name).unwrap();
                let counted = (module.build)(target).module.instances_of(&MULTIPLIERS);
                assert_eq!(counted, multipliers, "{name}");
            }
        }
        // The same from the text: each product on Fq2 has one, the adder's two parts have seven of those.
        let files = Design::elaborate(&affine::adder(Target::Xcup, TAG_BITS).module).unwrap().files;
        let inside = |file: &str, name: &str| {
            files[file].lines().filter(|l| l.split_whitespace().next() == Some(name)).count()
        };
        assert_eq!(inside("fq2_mul", "fq_mul"), 1);
        assert_eq!(["affine_invert", "affine_tail"].map(|file| inside(file, "fq2_mul")), [3, 4]);
    }

    /// A child of a child with a memory of `words` times `bits`, two of them.
    fn with_memories(log2_words: usize, bits: usize) -> Arc<Module> {
        let memory = Module::new("memory")
            .input("clk", 1)
            .input("we", 1)
            .input("waddr", log2_words)
            .input("wdata", bits)
            .input("ren", 1)
            .input("raddr", log2_words)
            .output("rdata", bits)
            .body(format!(
                "reg [{}:0] words [0:{}];\nalways @(posedge clk) begin\n  if (we) words[waddr] <= wdata;\n  \
                 if (ren) rdata <= words[raddr];\nend",
                bits - 1,
                (1usize << log2_words) - 1
            ))
            .build();
        let mut top = Module::new("memories").input("clk", 1).input("we", 2).input("ren", 2);
        for (port, width) in [("waddr", log2_words), ("raddr", log2_words), ("wdata", bits)] {
            top = top.input(port, width);
        }
        for (i, inst) in ["m0", "m1"].into_iter().enumerate() {
            top = top.output(format!("q{i}"), bits).child(inst, &memory);
            for port in ["we", "ren"] {
                top = top.connect(inst, port, format!("{port}[{i}]"));
            }
            for port in ["waddr", "raddr", "wdata"] {
                top = top.connect(inst, port, port);
            }
            top = top.body(format!("always @(*) q{i} = {inst}$rdata;"));
        }
        top.build()
    }

    #[test]
    fn memories_become_blocks_and_each_instance_counts() {
        let cells = |log2_words, bits| {
            synthesise(&Design::elaborate(&with_memories(log2_words, bits)).unwrap()).unwrap()
        };
        let deep = cells(11, 2032);
        assert_eq!(deep.get("RAMB36E2"), Some(&226), "{deep:?}");
        let deeper = cells(12, 508);
        assert_eq!(deeper.get("URAM288"), Some(&16), "{deeper:?}");
        let shallow = cells(5, 508);
        let luts: usize = shallow.iter().map(|(cell, n)| memory_luts(cell) * n).sum();
        assert_eq!(luts, 2 * 296, "{shallow:?}");
        for cells in [deep, deeper, shallow] {
            let registers: usize = cells.iter().filter(|(c, _)| c.starts_with("FD")).map(|(_, n)| n).sum();
            assert!(registers <= 2 * 508, "memories stay memories: {cells:?}");
        }
    }
}
