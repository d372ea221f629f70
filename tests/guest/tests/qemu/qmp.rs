//! Commands for QEMU, over its machine protocol: one JSON object a line.

use serde_json::{json, Value};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest time for an answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs a command of QEMU's monitor; what it says.
///
/// # Panics
/// When QEMU cannot be reached, or refuses.
pub fn monitor(socket: &Path, line: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("QEMU listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("QEMU is there").expect("QEMU answers");
        serde_json::from_str(&line).expect("JSON")
    };
    assert!(next().get("QMP").is_some(), "a greeting comes first");
    let mut run = |command: Value| {
        writeln!(stream, "{command}").expect("QEMU reads");
        // Events may come in between.
        loop {
            let answer = next();
            if let Some(value) = answer.get("return") {
                return value.clone();
            }
            assert!(answer.get("error").is_none(), "{command}: {answer}");
        }
    };
    run(json!({"execute": "qmp_capabilities"}));
    let said = run(json!({"execute": "human-monitor-command", "arguments": {"command-line": line}}));
    said.as_str().unwrap_or_default().to_string()
}
