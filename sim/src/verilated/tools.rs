//! The external programs of a build: finding them, their versions, running them with a log.

use super::BuildOptions;
use crate::SimError;
use std::{
    ffi::OsStr,
    fs::File,
    io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const INSTALL_VERILATOR: &str = "apt-get install verilator (version 5 or later)";
const OLDEST_VERILATOR: u32 = 5;
const INSTALL_ZLIB: &str = "apt-get install zlib1g-dev (waveforms are compressed with it)";
const INSTALL_CXX: &str = "apt-get install g++, or set CXX to a C++17 compiler";

/// The programs of a build and what identifies them in the cache key.
pub(super) struct Tools {
    pub verilator: PathBuf,
    pub verilator_version: String,
    /// Directory of Verilator's own C++ sources.
    pub include: PathBuf,
    pub cxx: PathBuf,
    pub cxx_version: String,
    /// `ccache`, where it is installed: it makes rebuilds after small RTL changes cheap.
    pub ccache: bool,
}

impl Tools {
    pub fn find(options: &BuildOptions) -> Result<Self, SimError> {
        let verilator_version = first_line(&options.verilator, "--version", INSTALL_VERILATOR)?;
        check_version(&options.verilator, &verilator_version)?;
        let root = first_line_of(Command::new(&options.verilator).args(["--getenv", "VERILATOR_ROOT"]))
            .map_err(|e| missing(&options.verilator, INSTALL_VERILATOR, e))?;
        let cxx_version = first_line(&options.cxx, "--version", INSTALL_CXX)?;
        Ok(Tools {
            verilator: options.verilator.clone(),
            verilator_version,
            include: Path::new(&root).join("include"),
            cxx: options.cxx.clone(),
            cxx_version,
            ccache: first_line_of(Command::new("ccache").arg("--version")).is_ok(),
        })
    }

    /// Verilator's waveform writer includes zlib, whose header is a package of its own.
    pub fn require_zlib(&self) -> Result<(), SimError> {
        let mut probe = Command::new(&self.cxx);
        probe.args(["-fsyntax-only", "-include", "zlib.h", "-x", "c++", "/dev/null"]);
        match first_line_of(&mut probe) {
            Ok(_) => Ok(()),
            Err(_) => Err(SimError::ToolMissing { tool: "zlib.h".into(), install: INSTALL_ZLIB }),
        }
    }

    /// A compiler call, through ccache where there is one.
    pub fn compiler(&self) -> Command {
        if self.ccache {
            let mut command = Command::new("ccache");
            command.arg(&self.cxx);
            command
        } else {
            Command::new(&self.cxx)
        }
    }
}

/// Refuses `Verilator 4.x`; a text that is no version (some packages have an empty one) is given the benefit of the doubt.
fn check_version(tool: &Path, text: &str) -> Result<(), SimError> {
    let number = text.strip_prefix("Verilator ").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    match number {
        Some(major) if major < OLDEST_VERILATOR => Err(SimError::ToolTooOld {
            tool: tool.display().to_string(),
            seen: text.into(),
            needed: "Verilator 5.0 or later",
            install: INSTALL_VERILATOR,
        }),
        _ => Ok(()),
    }
}

fn first_line(tool: &Path, flag: &str, install: &'static str) -> Result<String, SimError> {
    first_line_of(Command::new(tool).arg(flag)).map_err(|e| missing(tool, install, e))
}

fn missing(tool: &Path, install: &'static str, e: std::io::Error) -> SimError {
    let tool = match e.kind() {
        ErrorKind::NotFound => tool.display().to_string(),
        _ => format!("{} ({e})", tool.display()),
    };
    SimError::ToolMissing { tool, install }
}

fn first_line_of(command: &mut Command) -> std::io::Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(std::io::Error::other(format!("it does not run: {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_string())
}

/// Architecture flags of this processor: a level that many machines share, so that objects in a shared ccache or
/// cache volume run wherever the same key is computed.
pub(super) fn architecture_flags() -> &'static [&'static str] {
    #[cfg(target_arch = "x86_64")]
    {
        let v3 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("movbe");
        let v2 = is_x86_feature_detected!("sse4.2")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("cmpxchg16b");
        if v3 {
            return &["-march=x86-64-v3"];
        }
        if v2 {
            return &["-march=x86-64-v2"];
        }
    }
    &[]
}

/// Output of all tools of one build, in one file.
pub(super) struct Log {
    pub path: PathBuf,
}

impl Log {
    /// Runs `command`; its command line and output are appended to the log.
    pub fn run(&self, tool: &Path, action: &str, command: &mut Command) -> Result<(), SimError> {
        let io = |source| SimError::Cache { action: "write", path: self.path.clone(), source };
        let mut file = File::options().create(true).append(true).open(&self.path).map_err(io)?;
        writeln!(file, "$ {}", shown(command)).map_err(io)?;
        let stdout = file.try_clone().map_err(io)?;
        let stderr = file.try_clone().map_err(io)?;
        let status = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .status()
            .map_err(|e| missing(tool, INSTALL_CXX, e))?;
        if status.success() {
            return Ok(());
        }
        Err(SimError::ToolFailed {
            tool: tool.display().to_string(),
            action: action.to_string(),
            status: status.to_string(),
            log: self.path.clone(),
            tail: self.tail().unwrap_or_default(),
        })
    }

    /// The last lines of the log, enough to see the first cause of a short failure.
    fn tail(&self) -> std::io::Result<String> {
        const BYTES: u64 = 8 << 10;
        const LINES: usize = 25;
        let mut file = File::open(&self.path)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(LINES)..].join("\n"))
    }
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_verilators_are_refused() {
        let check = |text| check_version(Path::new("verilator"), text);
        check("Verilator 5.006 2023-01-22 rev (Debian 5.006-3)").unwrap();
        check("Verilator rev vUNKNOWN-built20260516-4e853d8").unwrap();
        let e = check("Verilator 4.038 2020-07-11 rev v4.036-114-g0cd4a57ad").unwrap_err();
        assert!(e.to_string().contains("4.038") && e.to_string().contains("5.0 or later"), "{e}");
    }
}
