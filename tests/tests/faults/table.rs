//! The table of `docs/faults.md` and the tests say the same.

use permafrost_tests::root;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files whose every test is in the table.
const CAMPAIGN: [&str; 3] = ["tests/tests/faults", "cli/tests/kill.rs", "cli/tests/gone.rs"];
/// Files that have tests which the table may name.
const SOURCES: [&str; 6] =
    ["tests/tests", "driver/tests", "sim/tests", "cli/tests", "tests/guest/tests", "driver/src"];
const CLASSES: [&str; 2] = ["detected", "harmless"];
/// Tests of parts that a tree may be without: their mark, and where they are.
const PARTS: [(&str, &str); 2] = [("(QEMU)", "tests/guest"), ("(VFIO)", "driver/src/transport/vfio")];

/// Rust files in a folder, or the file itself; none when it is not there.
fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("readable") {
            files(&entry.expect("an entry").path(), found);
        }
    } else if path.extension().is_some_and(|e| e == "rs") && path.exists() {
        found.push(path.to_owned());
    }
}

/// Names of the functions below a `#[test]`.
fn tests(paths: &[&str]) -> BTreeSet<String> {
    let mut found = Vec::new();
    paths.iter().for_each(|path| files(&root().join(path), &mut found));
    let mut names = BTreeSet::new();
    for file in found {
        let text = std::fs::read_to_string(&file).expect("readable");
        for part in text.split("#[test]\n").skip(1) {
            let name = part.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
            names.insert(name.expect("a function").to_owned());
        }
    }
    names
}

#[test]
fn table_and_tests_agree() {
    let text = std::fs::read_to_string(root().join("docs/faults.md")).expect("docs/faults.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Fault "))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() > 40, "{} rows", rows.len());
    let all = tests(&SOURCES);
    for row in &rows {
        let [fault, _how, _expected, _seen, class, test] = row[..] else { panic!("not six cells: {row:?}") };
        assert!(CLASSES.contains(&class), "{fault}: class `{class}`");
        let absent = PARTS.iter().any(|(mark, path)| test.contains(mark) && !root().join(path).exists());
        for name in test.split('`').skip(1).step_by(2) {
            assert!(all.contains(name) || absent, "{fault}: there is no test `{name}`");
        }
        assert!(test.contains('`'), "{fault}: no test");
    }
    let missing: Vec<_> =
        tests(&CAMPAIGN).into_iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in docs/faults.md: {missing:?}");
}
