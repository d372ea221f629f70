//! One build: Verilog → C++ → objects → shared object, in a directory of its own.
//!
//! The compiler is called directly, not through Verilator's makefile: it works in directories with spaces, it can
//! start with the largest files, and it knows how far it is.

use super::{
    shim,
    tools::{Log, Tools},
    BuildOptions, Progress,
};
use crate::SimError;
use permafrost_rtl::hdl::Design;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Mutex,
    },
};

/// Statements per C++ file. Small files keep all processors busy and the compiler's memory and superlinear passes
/// in bounds; much smaller ones only repeat the common headers.
const OUTPUT_SPLIT: &str = "20000";

const VERILATOR_FLAGS: &[&str] = &[
    "--cc",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--noassert",
    "-Wno-fatal",
    "--threads",
    "1",
    "--output-split",
    OUTPUT_SPLIT,
];

/// `-fno-gnu-unique`: otherwise static members of two models would be merged by the dynamic linker and no model
/// could be unloaded. Hidden visibility: calls between a model's files do not go through the PLT.
const CXX_FLAGS: &[&str] = &[
    "-std=gnu++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-faligned-new",
    "-w",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TRACE_VCD=0",
    "-DVL_USER_FATAL",
    "-DVL_USER_FINISH",
];

/// The code that runs every clock.
const OPTIMIZE_HOT: &str = "-O2";
/// Constructors, reset and trace declarations run once: their compile time is all that counts.
const OPTIMIZE_COLD: &str = "-O0";

/// All that decides the result besides the design: part of the cache key.
pub(super) fn flags_text() -> String {
    format!("{VERILATOR_FLAGS:?} {CXX_FLAGS:?} {OPTIMIZE_HOT} {OPTIMIZE_COLD}")
}

/// Builds `design` inside `dir` (which exists) and returns the shared object's path.
/// `runtime` holds Verilator's own objects, see [`compile_runtime`].
pub(super) fn compile_model(
    design: &Design,
    options: &BuildOptions,
    tools: &Tools,
    arch: &[&str],
    dir: &Path,
    runtime: &Path,
    log: &Log,
) -> Result<PathBuf, SimError> {
    let rtl = dir.join("rtl");
    let obj = dir.join("obj");
    make_dir(&rtl)?;
    make_dir(&obj)?;
    let mut sources = Vec::new();
    for (name, text) in &design.files {
        let path = rtl.join(format!("{name}.v"));
        write(&path, text)?;
        sources.push(path);
    }
    let mut verilator = Command::new(&tools.verilator);
    verilator.args(VERILATOR_FLAGS).args(["--top-module", &design.top, "-Mdir"]).arg(&obj);
    if options.trace {
        let quiet = rtl.join("trace.vlt");
        write(&quiet, trace_scope(design))?;
        verilator.arg("--trace-fst").arg(quiet);
    }
    log.run(&tools.verilator, "translating the Verilog", verilator.args(&sources))?;

    write(&obj.join("shim.cpp"), shim::text(design, options.trace))?;
    let jobs: Vec<Job> = list(&obj, "cpp")?
        .into_iter()
        .map(|source| {
            let cold = source.file_name().is_some_and(|n| n.to_string_lossy().contains("__Slow"));
            Job { source, optimize: if cold { OPTIMIZE_COLD } else { OPTIMIZE_HOT } }
        })
        .collect();
    let objects = compile_all(jobs, options, tools, arch, &obj, log, &|done, total| {
        options.progress.send(&design.top, Progress::Compiling { done, total });
    })?;

    options.progress.send(&design.top, Progress::Linking);
    let library = dir.join("model.so");
    let mut link = Command::new(&tools.cxx);
    link.args(["-shared", "-Wl,-z,defs", "-Wl,-Bsymbolic", "-o"]).arg(&library).args(&objects);
    link.args(list(runtime, "o")?).arg("-pthread");
    if options.trace {
        link.arg("-lz");
    }
    log.run(&tools.cxx, "linking the simulator", &mut link)?;
    Ok(library)
}

/// Verilator configuration that leaves the inside of arithmetic pipelines out of waveforms: thousands of numbered
/// nodes that change in every clock, some 30 KB of file and a millisecond of time a clock for one point adder. Their
/// ports are signals of the module around them and stay. The generator marks pipelines by `no_inline_module`.
pub(super) fn trace_scope(design: &Design) -> String {
    let mut text = String::from("`verilator_config\n");
    for (name, _) in design.files.iter().filter(|(_, text)| text.contains("verilator no_inline_module")) {
        if *name != design.top {
            text += &format!("tracing_off -file \"*/{name}.v\"\n");
        }
    }
    text
}

/// Compiles Verilator's runtime into `dir`: the same objects serve every model of this Verilator and compiler.
pub(super) fn compile_runtime(
    options: &BuildOptions,
    tools: &Tools,
    arch: &[&str],
    dir: &Path,
    log: &Log,
) -> Result<(), SimError> {
    let mut names = vec!["verilated.cpp", "verilated_threads.cpp"];
    if options.trace {
        tools.require_zlib()?;
        names.push("verilated_fst_c.cpp");
    }
    let jobs =
        names.iter().map(|name| Job { source: tools.include.join(name), optimize: OPTIMIZE_HOT }).collect();
    compile_all(jobs, options, tools, arch, dir, log, &|_, _| {})?;
    Ok(())
}

struct Job {
    source: PathBuf,
    optimize: &'static str,
}

/// Compiles every job into an object in `dir`, largest source first, and returns the objects.
fn compile_all(
    mut jobs: Vec<Job>,
    options: &BuildOptions,
    tools: &Tools,
    arch: &[&str],
    dir: &Path,
    log: &Log,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<PathBuf>, SimError> {
    jobs.sort_by_key(|job| std::cmp::Reverse(fs::metadata(&job.source).map_or(0, |m| m.len())));
    let parallel =
        options.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failure: Mutex<Option<SimError>> = Mutex::new(None);
    let failed = || failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    progress(0, jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..parallel.min(jobs.len()) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if failed().is_some() {
                        return;
                    }
                    let mut command = tools.compiler();
                    command.args(CXX_FLAGS).args(arch).arg(job.optimize).current_dir(dir).arg("-I.");
                    command.arg("-I").arg(&tools.include).arg("-I").arg(tools.include.join("vltstd"));
                    let trace = u8::from(options.trace);
                    command.args([format!("-DVM_TRACE={trace}"), format!("-DVM_TRACE_FST={trace}")]);
                    command.arg("-c").arg(&job.source).arg("-o").arg(object(dir, &job.source));
                    match log.run(&tools.cxx, "compiling the simulator", &mut command) {
                        Ok(()) => progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len()),
                        Err(e) => {
                            failed().get_or_insert(e);
                            return;
                        }
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        Some(e) => Err(e),
        None => Ok(jobs.iter().map(|job| object(dir, &job.source)).collect()),
    }
}

fn object(dir: &Path, source: &Path) -> PathBuf {
    dir.join(source.file_stem().unwrap_or_default()).with_extension("o")
}

fn list(dir: &Path, extension: &str) -> Result<Vec<PathBuf>, SimError> {
    let io = |source| SimError::Cache { action: "list", path: dir.to_path_buf(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn make_dir(path: &Path) -> Result<(), SimError> {
    fs::create_dir_all(path).map_err(|source| SimError::Cache { action: "create", path: path.into(), source })
}

pub(super) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<(), SimError> {
    fs::write(path, text).map_err(|source| SimError::Cache { action: "write", path: path.into(), source })
}
