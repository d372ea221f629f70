//! `rtl emit` and `rtl report`.

mod common;

use std::path::Path;
use std::process::Command;

use common::succeed;

fn lint(folder: &Path) {
    let output = Command::new("verilator")
        .args(["--lint-only", "-Wall", "-F"])
        .arg(folder.join("permafrost_card.f"))
        .output()
        .expect("verilator is on the PATH: scripts/setup.sh");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.trim().is_empty(), "{stderr}");
}

#[test]
fn what_is_emitted_lints_clean() {
    for more in [&[][..], &["--target", "xcup"]] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("rtl");
        let args = ["rtl", "emit", "--preset", "sim", "--out", out.to_str().unwrap()];
        succeed(args.iter().chain(more));
        lint(&out);
    }
}

#[test]
fn emission_is_reproducible() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| {
        let out = folder.path().join(name);
        succeed(["rtl", "emit", "--out", out.to_str().unwrap()]);
        let mut files: Vec<_> = std::fs::read_dir(out).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        let read = |p: &std::path::PathBuf| (p.file_name().unwrap().to_owned(), std::fs::read(p).unwrap());
        files.iter().map(read).collect::<Vec<_>>()
    };
    assert!(read("one") == read("two"), "two emissions differ");
}

fn report(module: &str, target: &str) -> serde_json::Value {
    let text = succeed(["rtl", "report", "--module", module, "--target", target, "--json"]);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn report_of_the_field_multiplier() {
    let report = report("fq-mul", "xcup");
    for field in ["dsp", "lut", "ff", "latency"] {
        assert!(report[field].as_u64() > Some(0), "`{field}` in {report}");
    }
    assert_eq!(report["dsp"].as_u64(), Some(90), "{report}");
    assert!(report["lut"].as_u64() < Some(20_000), "{report}");
    for (field, count) in [("multipliers", 1), ("bram", 0), ("uram", 0)] {
        assert_eq!(report[field], count, "`{field}` in {report}");
    }
    assert_eq!(report["module"], "fq-mul");
    assert_eq!(report["target"], "xcup");
}

#[test]
fn report_of_the_inverter() {
    let report = report("fq-inverse", "xcup");
    for (field, count) in [("dsp", 0), ("multipliers", 0), ("bram", 0), ("uram", 0), ("latency", 510)] {
        assert_eq!(report[field], count, "`{field}` in {report}");
    }
    for field in ["lut", "ff"] {
        assert!(report[field].as_u64() > Some(0), "`{field}` in {report}");
    }
    assert!(report["lut"].as_u64() <= Some(4000), "{report}");
}

#[test]
fn report_without_synthesis_counts_multipliers() {
    let report = report("g1-adder", "generic");
    assert_eq!(report["multipliers"], 7, "{report}");
    assert!(report["lut"].is_null(), "{report}");
}
