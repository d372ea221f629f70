//! The runner must not let anything pass: FIFO's harness as it is, and with each thing wrong that can be.

use permafrost_formal::{
    manifest::File,
    run::{run, Outcome, Selection},
    table,
    tools::Tools,
    Error,
};
use std::{path::Path, process::Command, sync::OnceLock};

/// The tools, their folder put into PATH first, as `make` does it.
fn tools() -> &'static Tools {
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/formal.sh");
        let said = Command::new(script).output().expect("scripts/formal.sh starts");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let folder = String::from_utf8(said.stdout).expect("a path");
        let path = std::env::var("PATH").expect("PATH");
        std::env::set_var("PATH", format!("{}:{path}", folder.trim()));
        Tools::find().expect("all tools are there")
    })
}

const TEXT: &str = "always @(*) if (f_started) begin
  counted: assert (count <= 4);
  full: cover (count == 4);
end
";

const MANIFEST: &str = r#"
[[harness]]
name = "small"
block = "FIFO"
design = "fifo 3x4"
text = "small.v"
method = "pdr"
depth = 1
cover_depth = 8
mutant_depth = 8
property = [{ name = "counted", states = "At most four words." }]
cover = [{ name = "full", states = "Four words." }]
mutant = [{ name = "takes when full", from = "in_ready = used != DEPTH", to = "in_ready = 1'b1", kills = "counted" }]
"#;

/// A folder with the harness, `change` of the manifest or of the text replaced.
fn outcome(change: (&str, &str)) -> Result<Outcome, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("small.v"), TEXT.replace(change.0, change.1)).expect("written");
    std::fs::write(folder.path().join("small.toml"), MANIFEST.replace(change.0, change.1)).expect("written");
    let manifest = File::read_all(folder.path())?;
    let work = tempfile::tempdir().expect("a folder");
    let all = Selection { quick: false, only: vec![] };
    run(&manifest, folder.path(), work.path(), &all, 2, tools())
}

/// What is wrong, all of it as one text.
fn wrong(change: (&str, &str)) -> String {
    let outcome = outcome(change).unwrap_or_else(|e| panic!("{change:?}: {e}"));
    assert!(!outcome.wrong.is_empty(), "{change:?} was let pass");
    outcome.wrong.join("\n")
}

fn refused(change: (&str, &str)) -> String {
    match outcome(change) {
        Err(e) => e.to_string(),
        Ok(outcome) => outcome.wrong.join("\n"),
    }
}

#[test]
fn a_harness_as_it_should_be() {
    for method in ["pdr", "induction", "bmc"] {
        let outcome = outcome(("\"pdr\"", &format!("\"{method}\""))).expect("runs");
        assert_eq!(outcome.wrong, Vec::<String>::new(), "{method}");
        let status = if method == "bmc" { "bounded to 1" } else { "proved" };
        assert_eq!((outcome.rows[0].status.as_str(), outcome.rows[0].killed, outcome.covers), (status, 1, 1));
    }
}

#[test]
fn what_is_wrong_is_told() {
    assert!(wrong(("count <= 4", "count <= 3")).contains("refuted"));
    assert!(wrong(("count <= 4", "count <= 6")).contains("does not notice it"));
    assert!(wrong(("full: cover (count == 4)", "full: cover (count == 5)")).contains("was not reached"));
    assert!(wrong(("to = \"in_ready = 1'b1\"", "to = \"in_ready = used < DEPTH\""))
        .contains("does not notice it"));
    assert!(wrong(("counted: assert", "other: assert"))
        .contains("`counted` is in the manifest or in the text only"));
    assert!(
        wrong(("full: cover", "fuller: cover")).contains("`fuller` is in the manifest or in the text only")
    );
    assert!(wrong(("always @(*)", "always @(*) assume (!rst);\nalways @(*)")).contains("small"));
}

#[test]
fn a_manifest_that_cannot_be_followed_is_refused() {
    assert!(refused(("from = \"in_ready = used", "from = \"in_ready = spent")).contains("occurs 0 times"));
    assert!(refused(("from = \"in_ready = used != DEPTH\"", "from = \"tail\"")).contains("expected once"));
    assert!(refused(("kills = \"counted\"", "kills = \"nothing\"")).contains("has no mutant"));
    assert!(refused(("fifo 3x4", "fifo 3x5")).contains("is not in formal/src/designs"));
    assert!(refused(("cover_depth", "cover_depths")).contains("cover_depths"));
    assert!(refused(("small.v", "none.v")).contains("none.v"));
}

#[test]
fn a_table_is_the_same_but_for_times() {
    let mut first = outcome(("", "")).expect("runs");
    let versions = [("yosys", "1".to_string())];
    let one = table::markdown(&first, &versions);
    first.rows[0].seconds += 1.0;
    let two = table::markdown(&first, &versions);
    assert_ne!(one, two);
    assert_eq!(table::without_times(&one), table::without_times(&two));
    assert!(table::missing(&first, &one).is_empty());
    first.rows[0].killed += 1;
    assert_eq!(table::missing(&first, &one).len(), 1);
}
