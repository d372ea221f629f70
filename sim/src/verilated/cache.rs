//! The build cache: one directory per content hash, installed by a rename, guarded by a file lock.
//!
//! ```text
//! <cache>/models/<top>-<hash>/{model.so, checksum, build.log}    a finished simulator
//! <cache>/runtime/<hash>/*.o                                     Verilator's own objects
//! <cache>/locks/<name>.lock   <cache>/tmp/<name>/                a build in progress
//! <cache>/failed/<name>.log                                      output of a build that failed
//! ```

use super::{
    compile::{self, make_dir},
    shim,
    tools::{self, Log, Tools},
    BuildOptions, Model, Progress,
};
use crate::SimError;
use permafrost_rtl::hdl::{Design, Port};
use rustix::fs::{flock, FlockOperation};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Instant,
};

/// A design's simulator: a shared object in the cache. Cheap to keep; can be sent to the thread that will own the model.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) library: PathBuf,
    pub(super) top: String,
    pub(super) ports: Vec<Port>,
}

impl Compiled {
    /// A new model of the design, `clk` low and settled. Any number of models may live at once, each in one thread.
    pub fn instantiate(&self) -> Result<Model, SimError> {
        Model::load(self)
    }

    /// The shared object, for diagnostics.
    pub fn path(&self) -> &Path {
        &self.library
    }
}

/// Finds the simulator of `design` in the cache, or builds it there.
///
/// The key covers the RTL text, the ports, the flags, Verilator's and the compiler's version and the processor's
/// architecture level. Two processes (or threads) that want the same design build it once: the second waits.
/// An entry whose shared object does not match its checksum is built again.
pub fn build(design: &Design, options: &BuildOptions) -> Result<Compiled, SimError> {
    let root = match &options.cache_dir {
        Some(dir) => dir.clone(),
        None => default_root()?,
    };
    // Tools run inside the build directory, so a relative cache directory must not reach them.
    let root = std::path::absolute(&root).map_err(|source| SimError::Cache {
        action: "resolve",
        path: root.clone(),
        source,
    })?;
    let tools = Tools::find(options)?;
    let arch = tools::architecture_flags();
    let common = [
        tools.verilator_version.clone(),
        tools.cxx_version.clone(),
        compile::flags_text(),
        arch.concat(),
        options.trace.to_string(),
    ];
    let name = format!("{}-{}", design.top, key(&common, design, options));
    let entry = root.join("models").join(&name);
    let compiled =
        || Compiled { library: entry.join("model.so"), top: design.top.clone(), ports: design.ports.clone() };
    if intact(&entry) {
        return Ok(compiled());
    }

    let _lock = lock(&root, &name, || options.progress.send(&design.top, Progress::Waiting))?;
    if intact(&entry) {
        return Ok(compiled());
    }
    let start = Instant::now();
    options.progress.send(&design.top, Progress::Started);
    remove_stale(&root, &name);
    let work = fresh_dir(&root, &name)?;
    let log = Log { path: work.join("build.log") };
    let runtime = keep_log(&root, &name, &log, runtime(&root, options, &tools, arch, &common))?;
    let built = compile::compile_model(design, options, &tools, arch, &work, &runtime, &log);
    let library = keep_log(&root, &name, &log, built)?;
    compile::write(&work.join("checksum"), checksum(&library).unwrap_or_default())?;
    for part in ["obj", "rtl"] {
        remove_dir(&work.join(part))?;
    }
    install(&work, &entry)?;
    options.progress.send(&design.top, Progress::Finished { seconds: start.elapsed().as_secs_f64() });
    Ok(compiled())
}

fn default_root() -> Result<PathBuf, SimError> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("PERMAFROST_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|d| d.join("permafrost")))
        .or_else(|| set("HOME").map(|d| d.join(".cache/permafrost")))
        .ok_or(SimError::NoCacheDir)
}

fn key(common: &[String], design: &Design, options: &BuildOptions) -> String {
    let mut hash = Sha256::new();
    let mut field = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    common.iter().for_each(|text| field(text));
    // The shim names every port; widths and directions are in the Verilog.
    field(&shim::text(design, options.trace));
    if options.trace {
        field(&compile::trace_scope(design));
    }
    for (name, text) in &design.files {
        field(name);
        field(text);
    }
    hex(&hash.finalize()[..16])
}

/// Verilator's runtime objects for these tools, built on first use.
fn runtime(
    root: &Path,
    options: &BuildOptions,
    tools: &Tools,
    arch: &[&str],
    common: &[String],
) -> Result<PathBuf, SimError> {
    let hash = Sha256::digest(common.join("\n"));
    let name = format!("runtime-{}", hex(&hash[..16]));
    let entry = root.join("runtime").join(&name);
    if entry.is_dir() {
        return Ok(entry);
    }
    let _lock = lock(root, &name, || {})?;
    if entry.is_dir() {
        return Ok(entry);
    }
    let work = fresh_dir(root, &name)?;
    let log = Log { path: work.join("build.log") };
    let built = compile::compile_runtime(options, tools, arch, &work, &log);
    keep_log(root, &name, &log, built)?;
    install(&work, &entry)?;
    Ok(entry)
}

/// Whether `entry` holds a complete simulator.
fn intact(entry: &Path) -> bool {
    let Ok(expected) = fs::read_to_string(entry.join("checksum")) else { return false };
    let seen = checksum(&entry.join("model.so")).ok();
    if seen.as_deref() == Some(expected.as_str()) {
        return true;
    }
    tracing::warn!("cache entry {} is damaged, building it again", entry.display());
    false
}

fn checksum(path: &Path) -> std::io::Result<String> {
    Ok(hex(&Sha256::digest(fs::read(path)?)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// An exclusive lock on `name`, released when the file is closed. Lock files are never removed: removing one that
/// somebody waits for would let two builders in.
fn lock(root: &Path, name: &str, waiting: impl FnOnce()) -> Result<File, SimError> {
    let dir = root.join("locks");
    make_dir(&dir)?;
    let path = dir.join(format!("{name}.lock"));
    let io = |source| SimError::Cache { action: "lock", path: path.clone(), source };
    let file = File::create(&path).map_err(io)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        waiting();
        flock(&file, FlockOperation::LockExclusive).map_err(|e| io(e.into()))?;
    }
    Ok(file)
}

/// Removes what builders that died have left behind: a temporary directory whose lock is free.
fn remove_stale(root: &Path, ours: &str) {
    let Ok(entries) = fs::read_dir(root.join("tmp")) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == ours {
            continue; // we hold this lock; fresh_dir empties it
        }
        let Ok(file) = File::create(root.join("locks").join(format!("{name}.lock"))) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // Best effort: a directory that cannot be removed costs space, not correctness.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// An empty working directory for `name`, whose lock the caller holds.
fn fresh_dir(root: &Path, name: &str) -> Result<PathBuf, SimError> {
    let dir = root.join("tmp").join(name);
    remove_dir(&dir)?;
    make_dir(&dir)?;
    Ok(dir)
}

fn remove_dir(path: &Path) -> Result<(), SimError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(SimError::Cache { action: "remove", path: path.into(), source })
        }
        _ => Ok(()),
    }
}

fn install(work: &Path, entry: &Path) -> Result<(), SimError> {
    remove_dir(entry)?;
    if let Some(parent) = entry.parent() {
        make_dir(parent)?;
    }
    fs::rename(work, entry).map_err(|source| SimError::Cache {
        action: "install",
        path: entry.into(),
        source,
    })
}

/// On failure: saves the log outside the temporary directory, and says so in the error.
fn keep_log<T>(root: &Path, name: &str, log: &Log, result: Result<T, SimError>) -> Result<T, SimError> {
    result.map_err(|mut e| {
        if let SimError::ToolFailed { log: shown, .. } = &mut e {
            let kept = root.join("failed").join(format!("{name}.log"));
            if *shown == log.path
                && make_dir(&root.join("failed")).is_ok()
                && fs::rename(&log.path, &kept).is_ok()
            {
                *shown = kept;
            }
        }
        e
    })
}
