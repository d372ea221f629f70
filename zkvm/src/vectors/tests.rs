//! A small segment, dumped, replayed and tampered with.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use p3_field::PrimeCharacteristicRing;
use tempfile::TempDir;

use super::format::{from_wire, to_wire, HEADER};
use super::manifest::Manifest;
use super::program::Programs;
use super::{dump, dump_with, record, replay, Options, Replay, Report, STAGES};
use crate::error::Error;
use crate::exec::{Executor, Limits};
use crate::guests::Guest;
use crate::key::Key;
use crate::proof::SegmentProof;
use crate::testing::{sums, Machine};
use crate::{elf, prove, verify, F};

/// One dump for all tests.
struct Dumped {
    root: TempDir,
    proof: SegmentProof,
}

static DUMPED: LazyLock<Dumped> = LazyLock::new(|| {
    let program = sums();
    let key = Key::new(&program).expect("a key");
    let root = TempDir::new().expect("a folder");
    let options = Options { digests: true };
    let segment = Machine::new(&program).segment(12);
    let proof = dump_with(&key, &segment, &root.path().join("dump"), options).expect("a dump");
    Dumped { root, proof }
});

impl Dumped {
    fn folder(&self) -> PathBuf {
        self.root.path().join("dump")
    }

    /// A folder with the same files, of which those that are written to must be replaced, not changed.
    fn linked(&self) -> TempDir {
        let copy = TempDir::new().expect("a folder");
        let manifest = self.manifest();
        for name in manifest.files.keys().map(String::as_str).chain([Manifest::FILE]) {
            let to = copy.path().join(name);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            std::fs::hard_link(self.folder().join(name), to).expect("linked");
        }
        copy
    }

    fn manifest(&self) -> Manifest {
        serde_json::from_slice(&std::fs::read(self.folder().join(Manifest::FILE)).expect("there"))
            .expect("JSON")
    }
}

fn replace(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).expect("there");
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn the_wrappers_change_no_byte() {
    let program = sums();
    let key = Key::new(&program).expect("a key");
    let segment = Machine::new(&program).segment(6);
    let proof = record(&key, &segment).expect("a proof").proof;
    assert!(proof == prove::segment(&key, &segment).expect("a proof"));
    verify::segment(&key, &proof).expect("the proof is good");
}

#[test]
fn a_replay_gives_the_proof() {
    let report = replay(&DUMPED.folder()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.proof, DUMPED.proof.raw.len());
    assert!(report.stages.iter().all(|(_, elements, _)| *elements > 0));
    assert_eq!(std::fs::read(DUMPED.folder().join("proof.bin")).expect("there"), DUMPED.proof.raw);
}

/// The stage that recomputes a file, and whether it says where a difference is (a given file has only its hash).
fn stage_of(file: &str) -> (&'static str, bool) {
    let (first, _) = file.split_once('/').unwrap_or((file, ""));
    match first {
        "program" | "trace" | "preprocessed" | "public" => ("given", false),
        "root" if file == "root/fold.bin" => ("fold", true),
        "root" => {
            (STAGES.iter().find(|(name, _)| *name == file.trim_end_matches(".bin")).expect("a stage").0, true)
        }
        "terminals.bin" => ("permutation", true),
        "challenge" | "witnesses.bin" | "transcript.bin" => ("transcript", true),
        "final.bin" => ("fold", true),
        first => (STAGES.iter().find(|(name, _)| *name == first).expect("a stage").0, true),
    }
}

/// Of each folder a file (not that of the range table, which takes long), of some all, each with its last element changed.
#[test]
fn a_changed_byte_is_named() {
    let manifest = DUMPED.manifest();
    let linked = DUMPED.linked();
    let mut seen = HashSet::new();
    for (name, file) in &manifest.files {
        let (folder, stem) = name.rsplit_once('/').unwrap_or(("", name));
        let all = ["", "challenge", "root", "seed"].contains(&folder);
        let empty = file.bytes == HEADER;
        if name == "proof.bin" || empty || stem.starts_with("01-range") || !(all || seen.insert(folder)) {
            continue;
        }
        let path = linked.path().join(name);
        let good = std::fs::read(&path).expect("there");
        let mut bad = good.clone();
        // The lowest byte of the last word; in a text the last digit.
        let place = if name.ends_with(".txt") { bad.len() - 2 } else { bad.len() - 4 };
        bad[place] ^= 1;
        replace(&path, &bad);
        let (stage, says_where) = stage_of(name);
        let mut replay = Replay::open(linked.path()).expect("a dump").only(name);
        let run = STAGES.iter().find(|(name, _)| *name == stage).expect("a stage").1;
        match run(&mut replay) {
            Ok(_) => panic!("{name} was changed, {stage} accepts it"),
            Err(Error::VectorMismatch { file, row, column, .. }) if says_where => {
                assert_eq!(&file, name);
                let number =
                    |at: usize| u64::from_le_bytes(bad[at..at + 8].try_into().expect("eight")) as usize;
                assert_eq!((row + 1, column + 1), (number(16), number(24)), "{name}");
            }
            Err(Error::Vectors { file, .. }) if !says_where => assert_eq!(&file, name),
            Err(other) => panic!("{name} was changed: {other}"),
        }
        replace(&path, &good);
    }
    for (name, _) in STAGES {
        let mut files = manifest.files.keys().filter(|file| *file != "proof.bin");
        assert!(files.any(|file| stage_of(file).0 == name), "no file belongs to {name}");
    }
}

#[test]
fn a_changed_proof_is_named() {
    let linked = DUMPED.linked();
    let path = linked.path().join("proof.bin");
    let good = std::fs::read(&path).expect("there");
    let replay = Replay::open(linked.path()).expect("a dump");
    for place in [0, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        replace(&path, &bad);
        let error = replay.proof().expect_err("changed");
        assert!(matches!(error, Error::VectorMismatch { column, .. } if column == place), "{error}");
    }
    for bad in [&good[..good.len() - 1], &[&good[..], &[0]].concat()] {
        replace(&path, bad);
        assert!(replay.proof().is_err());
    }
}

#[test]
fn malformed_files_are_refused() {
    let linked = DUMPED.linked();
    let path = linked.path().join("seed/fri.bin");
    let good = std::fs::read(&path).expect("there");
    let stage = STAGES.iter().find(|(name, _)| *name == "seed").expect("a stage").1;
    let change = |place: usize, byte: u8| {
        let mut bad = good.clone();
        bad[place] = byte;
        bad
    };
    // Empty, a header alone, cut short, one byte more; magic, version, kind, words, padding, rows, columns; an element that is p.
    let not_below = [&good[..HEADER], &0x7f00_0001u32.to_le_bytes(), &good[HEADER + 4..]].concat();
    let cases = [
        Vec::new(),
        good[..HEADER].to_vec(),
        good[..good.len() - 1].to_vec(),
        [&good[..], &[0]].concat(),
        change(0, 0),
        change(8, 2),
        change(10, 1),
        change(11, 4),
        change(12, 1),
        change(16, 2),
        change(23, 0xff),
        change(24, 2),
        not_below,
    ];
    for bad in cases {
        replace(&path, &bad);
        let error = stage(&mut Replay::open(linked.path()).expect("a dump")).expect_err("malformed");
        assert!(matches!(&error, Error::Vectors { file, .. } if file == "seed/fri.bin"), "{error}");
    }
    std::fs::remove_file(&path).expect("there");
    let error = stage(&mut Replay::open(linked.path()).expect("a dump")).expect_err("missing");
    assert!(matches!(error, Error::VectorFile { .. }), "{error}");
}

#[test]
fn another_dump_is_refused() {
    let linked = DUMPED.linked();
    let path = linked.path().join(Manifest::FILE);
    let refused = |change: fn(&mut Manifest)| {
        let mut manifest = DUMPED.manifest();
        change(&mut manifest);
        replace(&path, &serde_json::to_vec(&manifest).expect("JSON"));
        Replay::open(linked.path()).expect_err("another").to_string()
    };
    assert!(refused(|manifest| manifest.version += 1).contains("version"));
    assert!(refused(|manifest| manifest.format.push('s')).contains("format"));
    assert!(refused(|manifest| manifest.configuration.queries -= 1).contains("configuration"));
    assert!(refused(|manifest| manifest.tables.clear()).contains("tables"));
    assert!(refused(|manifest| manifest.tables[0].log_height = 99).contains("heights"));
    assert!(refused(|manifest| manifest.folding.clear()).contains("foldings"));
    assert!(refused(|manifest| manifest.tables[0].columns.clear()).contains("columns"));
    assert!(refused(|manifest| manifest.tables[3].chunks = 4).contains("chunks"));
    assert!(refused(|manifest| manifest.tables[3].lookups[0].bus = 99).contains("bus"));
    assert!(refused(|manifest| manifest.extensions[5].shift += 1).contains("extensions"));
    replace(&path, b"{");
    assert!(Replay::open(linked.path()).is_err());
    // What the manifest says of tables is compared with the tables' programs, and its count of permutations with the trees.
    let run = |stage: &str, only: &str, change: fn(&mut Manifest)| {
        let mut manifest = DUMPED.manifest();
        change(&mut manifest);
        replace(&path, &serde_json::to_vec(&manifest).expect("JSON"));
        let stage = STAGES.iter().find(|(name, _)| *name == stage).expect("a stage").1;
        stage(&mut Replay::open(linked.path()).expect("a dump").only(only)).expect_err("another").to_string()
    };
    let add = "permutation/06-add.bin";
    let error = run("permutation", add, |manifest| manifest.tables[6].lookups[0].messages += 1);
    assert!(error.contains("no program") || error.contains("not a program"), "{error}");
    let error = run("permutation", add, |manifest| {
        manifest.tables[6].columns.pop();
    });
    assert!(error.contains("columns"), "{error}");
    let error = run("given", "trace/06-add.bin", |manifest| {
        manifest.files.remove("trace/06-add.bin");
    });
    assert!(error.contains("trace/06-add.bin"), "{error}");
    let error = run("query", "query/trace/06-add.bin", |manifest| manifest.permutations[1] += 1);
    assert!(error.contains("permutations"), "{error}");
}

/// So that vectors that hardware was tested with cannot change unnoticed. After a change of the tables of this segment or of the
/// protocol, the new hash belongs here.
#[test]
fn vectors_are_pinned() {
    const HASH: &str = "8e3133258b0cb93ecbbff5d7290c3a056733c842851cda6ad45f2e5bafb00aab";
    let manifest = std::fs::read(DUMPED.folder().join(Manifest::FILE)).expect("there");
    assert_eq!(blake3::hash(&manifest).to_hex().as_str(), HASH);
}

#[test]
fn a_folder_is_not_overwritten() {
    let program = sums();
    let key = Key::new(&program).expect("a key");
    let error = dump(&key, &Machine::new(&program).segment(1), DUMPED.root.path()).expect_err("it exists");
    assert!(error.to_string().contains("exists"), "{error}");
}

#[test]
fn programs_survive_as_text() {
    for (name, _) in DUMPED.manifest().files.iter().filter(|(name, _)| name.ends_with(".txt")) {
        let text = std::fs::read_to_string(DUMPED.folder().join(name)).expect("there");
        let programs = Programs::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!programs.messages.is_empty() && !programs.asserts.is_empty());
        assert_eq!(programs.to_text(), text, "{name}");
    }
    let first = "permafrost constraints 1\n";
    for bad in [
        "add 0 0",
        "main 0\nassert 1",
        "main",
        "main x",
        "main -1",
        "main 0 0",
        "cycle 3 1 2 3",
        "cycle 2 1",
        "maine 0",
        "",
    ] {
        assert!(Programs::parse(&format!("{first}{bad}\n")).is_err(), "{bad}");
    }
    assert!(Programs::parse(first).is_ok() && Programs::parse("main 0").is_err());
}

#[test]
fn the_wire_form_is_that_of_proofs() {
    for x in [0, 1, 2, 0xffff, 0x7eff_ffff, 0x7f00_0000] {
        let value = F::from_u32(x);
        let bytes = postcard::to_allocvec(&value).expect("bytes");
        assert_eq!(bytes, to_wire(value).to_le_bytes());
        assert_eq!(from_wire(to_wire(value)), Some(value));
    }
    assert_eq!(from_wire(0x7f00_0001), None);
    assert_eq!(from_wire(u32::MAX), None);
}

/// A segment of a guest, executed with at most 2^`log_cycles` cycles a segment: dumped and replayed. Returns bytes and times.
fn whole(guest: &str, size: u32, log_cycles: u32) -> (usize, usize, Duration, Duration, Report) {
    let guest = Guest::find(guest).expect("a guest");
    let program = Arc::new(elf::load(guest.elf).expect("a program"));
    let key = Key::new(&program).expect("a key");
    let run = guest.run(size);
    let limits = Limits { cycles: 1 << 24, segment_log2: log_cycles };
    let mut executor = Executor::new(program, run.input, run.hints, limits);
    let segment = executor.next_segment().expect("executed").expect("a segment");
    let root = TempDir::new().expect("a folder");
    let folder = root.path().join("dump");
    let start = Instant::now();
    let proof = dump(&key, &segment, &folder).expect("a dump");
    let dumped = start.elapsed();
    verify::segment(&key, &proof).expect("the proof is good");
    let start = Instant::now();
    let report = replay(&folder).unwrap_or_else(|error| panic!("{}: {error}", guest.name));
    let replayed = start.elapsed();
    assert_eq!(report.proof, proof.raw.len());
    let manifest = std::fs::read(folder.join(Manifest::FILE)).expect("there");
    let files = serde_json::from_slice::<Manifest>(&manifest).expect("JSON").files;
    let bytes = manifest.len() + files.values().map(|file| file.bytes).sum::<usize>();
    (segment.steps.len(), bytes, dumped, replayed, report)
}

/// Tables with a period, of 25 preprocessed steps, of the next row, of input and output.
#[test]
fn precompiled_tables_are_replayed() {
    whole("keccak-pre", 1, 10);
}

/// `cargo test --release -p permafrost-zkvm measure_dumps -- --ignored --nocapture` prints sizes and times.
#[test]
#[ignore = "prints sizes and times"]
fn measure_dumps() {
    for (guest, size, log_cycles) in [
        ("fibonacci", 1000, 10),
        ("fibonacci", 1000, 12),
        ("sha256-pre", 10, 10),
        ("sha256", 1, 12),
        ("transfers", 1, 14),
        ("fibonacci", 10_000, 15),
    ] {
        let (cycles, bytes, dumped, replayed, report) = whole(guest, size, log_cycles);
        println!("{guest} 2^{log_cycles}: {cycles} cycles, {bytes} bytes, proof {} bytes, dump {dumped:?}, replay {replayed:?}", report.proof);
        for (stage, elements, time) in report.stages {
            println!("    {stage}: {elements} elements, {time:?}");
        }
    }
}
