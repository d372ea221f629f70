//! The whole way of a circom user, with circom and snarkjs as they come from npm: compile, set up, prove on the card,
//! and let snarkjs judge.

mod common;
// The generator that the acceleration layer's own tests have.
#[allow(dead_code)]
#[path = "../../zkal-impl/src/groth16/testing.rs"]
mod testing;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Once;

use common::{artifact, root, succeed};
use permafrost_zkal::groth16::CircomReduction;
use rand::SeedableRng;

/// Whether the test can run, its tools installed. Where it must (`make test`, continuous integration) a missing Node is a failure.
fn node_is_there() -> bool {
    static INSTALL: Once = Once::new();
    let there = |tool: &str| Command::new(tool).arg("--version").output().is_ok_and(|o| o.status.success());
    if there("node") && there("npm") {
        INSTALL.call_once(|| {
            let done = Command::new(root().join("scripts/npm.sh")).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        });
        return true;
    }
    let must = ["PERMAFROST_REQUIRE_NODE", "CI"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!must, "node and npm are needed here and not found; install them with scripts/setup.sh --tests");
    eprintln!(
        "SKIPPED: node and npm are not found, so snarkjs has judged nothing; see scripts/setup.sh --tests"
    );
    false
}

fn snarkjs(args: &[&str], folder: &Path) -> Output {
    Command::new(root().join("tests/circuits/node_modules/.bin/snarkjs"))
        .args(args)
        .current_dir(folder)
        .output()
        .expect("snarkjs was installed by scripts/npm.sh")
}

#[test]
fn snarkjs_accepts_our_proof_and_refuses_it_with_another_public_signal() {
    if !node_is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let made = Command::new(root().join("scripts/circuit.sh")).arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    // The committed artifacts are the ones that the circuit's source gives.
    for name in ["membership.zkey", "membership.wtns", "verification_key.json", "public.json"] {
        assert!(
            std::fs::read(at(name)).unwrap() == std::fs::read(artifact(name)).unwrap(),
            "{name} differs from tests/circuits/membership/{name}: copy the new one there when the circuit has changed"
        );
    }

    let files = ["membership.zkey", "membership.wtns", "proof.json", "ours.json"].map(at);
    let mut args = vec!["groth16".as_ref(), "prove".as_ref()];
    args.extend(files.iter().map(|f| f.as_os_str()));
    succeed(args);

    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(at(name)).unwrap()).unwrap()
    };
    // The public signals are those that input.js expects from the hashes it computed itself.
    assert_eq!(read("ours.json"), read("public.json"));

    let verify = |public: &str| {
        snarkjs(&["groth16", "verify", "verification_key.json", public, "proof.json"], folder.path())
    };
    let verdict = verify("ours.json");
    let text = String::from_utf8_lossy(&verdict.stdout);
    assert!(verdict.status.success() && text.contains("OK!"), "snarkjs refuses our proof: {text}");

    for signal in 0..3 {
        let mut changed = read("ours.json");
        changed[signal] = "12345".into();
        std::fs::write(at("changed.json"), changed.to_string()).unwrap();
        let verdict = verify("changed.json");
        let text = String::from_utf8_lossy(&verdict.stdout);
        assert!(!verdict.status.success(), "snarkjs accepts a changed signal {signal}: {text}");
        assert!(text.contains("Invalid proof"), "{text}");
    }

    // And the other way round: our verifier on a proof by snarkjs.
    let proved = snarkjs(
        &["groth16", "prove", "membership.zkey", "membership.wtns", "theirs.json", "their_public.json"],
        folder.path(),
    );
    assert!(proved.status.success());
    let files = ["verification_key.json", "their_public.json", "theirs.json"].map(at);
    let mut args = vec!["groth16".as_ref(), "verify".as_ref()];
    args.extend(files.iter().map(|f| f.as_os_str()));
    succeed(args);
}

/// A domain of 2^15, larger than a block of the NTT engine: transforms in several passes.
#[test]
fn snarkjs_accepts_our_proof_of_a_large_circuit() {
    if !node_is_there() {
        return;
    }
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
    let circuit = testing::Circuit::random(2, 1 << 14, &mut rng);
    let (zkey, wtns) = circuit.files(&circuit.setup(&mut rng));
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("circuit.zkey"), zkey.bytes()).unwrap();
    std::fs::write(at("circuit.wtns"), wtns.bytes()).unwrap();

    let files = ["circuit.zkey", "circuit.wtns", "proof.json", "public.json"].map(at);
    let mut args = vec!["groth16".as_ref(), "prove".as_ref()];
    args.extend(files.iter().map(|f| f.as_os_str()));
    println!("{}", succeed(args));
    let run = |args: &[&str]| {
        let done = snarkjs(args, folder.path());
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stdout));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    run(&["zkey", "export", "verificationkey", "circuit.zkey", "verification_key.json"]);
    let verdict = run(&["groth16", "verify", "verification_key.json", "public.json", "proof.json"]);
    assert!(verdict.contains("OK!"), "{verdict}");
}
