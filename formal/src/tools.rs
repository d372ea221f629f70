//! The programs that prove: found in PATH, run with a time limit in a folder of their own.

use crate::Error;
use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Debian's yosys 0.23 with its `yosys-smtbmc` and `yosys-abc`, z3, and bitwuzla behind `scripts/formal.sh`'s wrapper.
#[derive(Clone, Debug)]
pub struct Tools {
    /// What each program says of its version, by name.
    pub versions: Vec<(&'static str, String)>,
}

/// A new folder for the files of one proof, which goes with the value.
///
/// # Errors
/// [`Error::Io`].
pub fn folder() -> Result<tempfile::TempDir, Error> {
    tempfile::tempdir().map_err(|source| Error::Io { path: "temporary folder".into(), source })
}

/// What a program said, standard output and error together, and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    pub text: String,
    pub success: bool,
    pub seconds: f64,
}

impl Tools {
    /// Looks for all of them.
    ///
    /// # Errors
    /// [`Error::NoTool`] names the first that is missing.
    pub fn find() -> Result<Tools, Error> {
        // What the line with the version begins with; yosys-smtbmc has none of its own.
        let asked: [(&'static str, &[&str], Option<&str>); 5] = [
            ("yosys", &["-V"], Some("Yosys")),
            ("yosys-smtbmc", &["--help"], None),
            ("yosys-abc", &["-c", "version"], Some("UC Berkeley")),
            ("bitwuzla", &["--version"], Some("")),
            ("z3", &["--version"], Some("Z3")),
        ];
        let mut versions = vec![];
        for (tool, args, begins) in asked {
            let output = Command::new(tool)
                .args(args)
                .stdin(Stdio::null())
                .output()
                .map_err(|_| Error::NoTool { tool })?;
            let Some(begins) = begins else { continue };
            let text = String::from_utf8_lossy(&output.stdout);
            let line = text.lines().map(str::trim).find(|line| line.starts_with(begins));
            let said = || Error::Tool { tool, said: format!("no version in `{}`", text.trim()) };
            versions.push((tool, line.ok_or_else(said)?.to_string()));
        }
        Ok(Tools { versions })
    }

    /// Runs `tool` with `args` in `folder` for at most `seconds`, `input` on its standard input.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::NoTool`], [`Error::Io`]. A program that ends with an error is no error here: see [`Said`].
    pub fn run(
        &self,
        folder: &Path,
        tool: &'static str,
        args: &[&str],
        input: Option<&Path>,
        seconds: u64,
    ) -> Result<Said, Error> {
        let io = |source| Error::Io { path: folder.display().to_string(), source };
        let stdin = match input {
            None => Stdio::null(),
            Some(path) => File::open(path)
                .map_err(|source| Error::Io { path: path.display().to_string(), source })?
                .into(),
        };
        // A file, not a pipe: nobody has to read while the program runs.
        let log = folder.join(format!("{tool}.log"));
        let writer = File::create(&log).map_err(io)?;
        let start = Instant::now();
        // Coreutils' timeout ends all that the tool has started, as smtbmc the solver, and also when this process is killed.
        let status = Command::new("timeout")
            .args(["--signal=KILL", &seconds.to_string(), tool])
            .args(args)
            .current_dir(folder)
            .stdin(stdin)
            .stdout(writer.try_clone().map_err(io)?)
            .stderr(writer)
            .status()
            .map_err(|_| Error::NoTool { tool: "timeout" })?;
        // It ends itself with the same signal.
        if status.code().is_none() && start.elapsed() >= Duration::from_secs(seconds) {
            return Err(Error::Timeout { tool, seconds });
        }
        let text = String::from_utf8_lossy(&std::fs::read(&log).map_err(io)?).into_owned();
        Ok(Said { text, success: status.success(), seconds: start.elapsed().as_secs_f64() })
    }
}
