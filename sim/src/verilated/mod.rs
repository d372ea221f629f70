//! Verilator behind a shim of our own: build once into a content-hashed cache, load, drive ports of any width.
//!
//! ```text
//! Design ── build() ──► Compiled (a shared object in the cache) ── instantiate() ──► Model (one thread)
//! ```
//!
//! The published binding crates do not work with current Verilator versions, or stop at 64-bit ports; the shim is
//! a few C functions per design, and port accesses are plain loads and stores into the model's own storage.

mod cache;
mod compile;
#[allow(unsafe_code)]
mod model;
mod shim;
mod tools;

pub use cache::{build, Compiled};
pub use model::{Model, PortId};

use std::{fmt, num::NonZeroUsize, path::PathBuf, sync::Arc};

/// How to build a design. The default is right for users; tests change single fields.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Compile in FST waveform support ([`Model::trace_open`]). Slower, so it is a separate cache entry.
    pub trace: bool,
    /// Cache directory; `None`: `$PERMAFROST_CACHE`, else `$XDG_CACHE_HOME/permafrost`, else `~/.cache/permafrost`.
    pub cache_dir: Option<PathBuf>,
    /// Compilers to run at once; `None`: as many as the machine has processors for us.
    pub jobs: Option<NonZeroUsize>,
    /// Verilator's command, looked up on `PATH`.
    pub verilator: PathBuf,
    /// The C++ compiler's command, looked up on `PATH`.
    pub cxx: PathBuf,
    /// Called as the build advances; never called on a cache hit.
    pub progress: ProgressSink,
}

impl Default for BuildOptions {
    fn default() -> Self {
        BuildOptions {
            trace: false,
            cache_dir: None,
            jobs: None,
            verilator: "verilator".into(),
            cxx: std::env::var_os("CXX").map_or_else(|| "g++".into(), PathBuf::from),
            progress: ProgressSink::default(),
        }
    }
}

/// A step of a build, for a progress display.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Another process is building the same design; we wait for it.
    Waiting,
    /// Nothing usable in the cache: the simulator is built now, once.
    Started,
    /// `done` of `total` C++ files are compiled.
    Compiling { done: usize, total: usize },
    /// All objects are there, the library is being linked.
    Linking,
    /// Built and installed.
    Finished { seconds: f64 },
}

/// Receiver of [`Progress`]; every step is also a `tracing` event.
#[derive(Clone, Default)]
pub struct ProgressSink(Option<Arc<Receiver>>);

type Receiver = dyn Fn(&Progress) + Send + Sync;

impl ProgressSink {
    pub fn new(receive: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        ProgressSink(Some(Arc::new(receive)))
    }

    fn send(&self, top: &str, step: Progress) {
        match &step {
            Progress::Started => tracing::info!("building the simulator of `{top}` (once)"),
            Progress::Waiting => tracing::info!("waiting for another process that builds `{top}`"),
            Progress::Finished { seconds } => tracing::info!("simulator of `{top}` built in {seconds:.1} s"),
            step => tracing::debug!("building `{top}`: {step:?}"),
        }
        if let Some(receive) = &self.0 {
            receive(&step);
        }
    }
}

impl fmt::Debug for ProgressSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ProgressSink(set)" } else { "ProgressSink(none)" })
    }
}
