//! Drivers killed at random moments of a proof, on a card that is served by a process which stays: the card then still
//! computes what arkworks does, and the server holds no more than before.
//!
//! `PERMAFROST_KILLS`, `PERMAFROST_MSMS`: how many of each, 1000 by default in the long campaign. `PERMAFROST_SEED` repeats
//! the delays and the inputs, though never the moments.

mod common;
#[allow(dead_code)] // the generator that the acceleration layer's own tests have
#[path = "../../zkal-impl/src/groth16/testing.rs"]
mod testing;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::UniformRand;
use common::artifact;
use common::serving::{card, Holds, Serving};
use permafrost_driver::{Card, CardOptions, VfioUser};
use permafrost_zkal::engine::{Engine, Fallback, Place, Policy, Scalars};
use permafrost_zkal::groth16::CircomReduction;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Points of an MSM.
const POINTS: usize = 64;
/// MSMs of one connection.
const PER_CLIENT: usize = 25;
/// Longest time for anything; a client that needs more is stuck.
const LIMIT: Duration = Duration::from_secs(300);
/// What the server may have grown by, KiB: its allocator keeps some of what it has had.
const GROWTH_KIB: u64 = 24 << 10;

/// A key and a witness, and where the proof goes.
struct Work {
    files: [PathBuf; 4],
    /// How long a whole proof takes here, as far as is known.
    whole: Duration,
}

impl Work {
    fn driver(&self, socket: &Path) -> Child {
        Command::new(env!("CARGO_BIN_EXE_permafrost"))
            .args(["groth16", "prove"])
            .args(&self.files)
            .args(["--card", &card(socket)])
            .env_remove("PERMAFROST_CARD")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command can be started")
    }

    /// A whole proof; how long it took.
    fn prove(&mut self, socket: &Path) {
        let start = Instant::now();
        let done = self.driver(socket).wait_with_output().expect("it ends");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        self.whole = start.elapsed();
    }

    /// Starts a proof and kills it after a random part of its time; `false` when it was faster.
    fn killed(&mut self, socket: &Path, rng: &mut ChaCha20Rng) -> bool {
        let start = Instant::now();
        let mut child = self.driver(socket);
        std::thread::sleep(self.whole.mul_f64(rng.gen_range(0.0..1.05)));
        if child.try_wait().expect("the child is ours").is_none() {
            child.kill().expect("it runs");
            let status = child.wait().expect("it has ended");
            if !status.success() {
                return true;
            }
            // It ended by itself in between.
        }
        let done = child.wait_with_output().expect("it has ended");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        self.whole = self.whole.min(start.elapsed());
        false
    }
}

/// A random circuit of 60 products, whose proof takes about a second.
fn small(folder: &Path, rng: &mut ChaCha20Rng) -> Work {
    let circuit = testing::Circuit::random(2, 60, rng);
    let (zkey, wtns) = circuit.files(&circuit.setup(rng));
    let files = ["small.zkey", "small.wtns", "small.proof", "small.public"].map(|name| folder.join(name));
    std::fs::write(&files[0], zkey.bytes()).unwrap();
    std::fs::write(&files[1], wtns.bytes()).unwrap();
    Work { files, whole: Duration::ZERO }
}

fn membership(folder: &Path) -> Work {
    let [proof, public] = ["proof", "public"].map(|name| folder.join(name));
    Work {
        files: [artifact("membership.zkey"), artifact("membership.wtns"), proof, public],
        whole: Duration::ZERO,
    }
}

/// Multi-scalar multiplications by a few clients, each compared with arkworks.
fn msms(socket: &Path, count: usize, rng: &mut ChaCha20Rng) {
    let mut left = count;
    while left > 0 {
        let transport = Arc::new(VfioUser::connect(socket).expect("the server answers"));
        let card = Card::open(transport, CardOptions::default()).expect("the card comes up");
        let policy = Policy { msm: Fallback::Never, ..Policy::default() };
        let engine = Engine::new(card, policy).unwrap();
        for _ in 0..left.min(PER_CLIENT) {
            let points: Vec<G1Affine> = G1Projective::normalize_batch(
                &(0..POINTS).map(|_| UniformRand::rand(rng)).collect::<Vec<_>>(),
            );
            let scalars: Vec<Fr> = (0..POINTS).map(|_| Fr::rand(rng)).collect();
            let start = Instant::now();
            let set = engine.upload_bases(&points).unwrap();
            let outcome = engine.msm(&set, 0..POINTS, Scalars::montgomery(&scalars)).unwrap();
            assert_eq!(outcome.operation.place, Place::Card);
            assert!(start.elapsed() < LIMIT, "stuck for {:?}", start.elapsed());
            let expected = G1Projective::msm(&points, &scalars).unwrap();
            assert!(outcome.point == expected, "the card differs from arkworks");
        }
        left -= left.min(PER_CLIENT);
    }
}

/// That the server holds no more than before.
fn no_leak(before: Holds, after: Holds) {
    println!("the server before: {before:?}\nthe server after:  {after:?}");
    assert_eq!(
        (after.descriptors, after.threads, after.shared),
        (before.descriptors, before.threads, 0),
        "descriptors, threads, mappings of clients' memory"
    );
    assert!(after.mappings <= before.mappings + 16, "mappings: {} after {}", after.mappings, before.mappings);
    assert!(
        after.resident_kib <= before.resident_kib + GROWTH_KIB,
        "KiB resident: {} after {}",
        after.resident_kib,
        before.resident_kib
    );
}

/// Kills drivers, then computes MSMs; `large`: every tenth driver is at the membership proof.
fn campaign(kills: usize, count: usize, large: bool) {
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    let mut serving = Serving::start(&[&socket]);

    // Whole proofs and a few kills first: what the server allocates once, it has by then.
    let mut works = vec![small(folder.path(), &mut rng)];
    if large {
        works.push(membership(folder.path()));
    }
    for work in &mut works {
        work.prove(&socket);
        println!("a whole proof takes {:?}", work.whole);
        while !work.killed(&socket, &mut rng) {}
    }
    msms(&socket, 1, &mut rng);
    let (before, resets) = (serving.at_rest(), serving.resets().counts());

    let (start, mut done, mut ended) = (Instant::now(), 0, 0);
    while done < kills {
        // One in ten is the large one.
        let work = if large && done % 10 == 9 { 1 } else { 0 };
        match works[work].killed(&socket, &mut rng) {
            true => done += 1,
            false => ended += 1,
        }
        assert!(!serving.has_ended(), "the server has died after {done} kills");
        assert!(start.elapsed() < LIMIT * (kills as u32 / 10 + 1), "stuck after {done} kills");
        if done > 0 && done % 100 == 0 {
            println!("{done} kills, {:?}", start.elapsed());
        }
    }
    let killing = start.elapsed();
    serving.at_rest();
    let [all, running, dma] = serving.resets().counts();
    let [all, running, dma] = [all - resets[0], running - resets[1], dma - resets[2]];
    println!(
        "{done} kills in {killing:?} ({ended} proofs ended before theirs): {all} met a connected driver, {running} a card at \
         work, {dma} DMA in flight"
    );
    // Clients that were killed before they had connected leave nothing to reset.
    assert!(running * 4 >= done as u64, "too few struck while the card was at work");

    let start = Instant::now();
    msms(&socket, count, &mut rng);
    println!("{count} MSMs of {POINTS} points in {:?}, each equal to arkworks'", start.elapsed());
    works[0].prove(&socket);
    no_leak(before, serving.at_rest());
}

fn number(variable: &str) -> usize {
    let text = std::env::var(variable).unwrap_or_else(|_| "1000".to_owned());
    text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not `{text}`"))
}

#[test]
fn killed_drivers_leave_a_correct_card() {
    campaign(10, 10, false);
}

/// `make test-kill`.
#[test]
#[ignore = "takes half an hour: make test-kill"]
fn a_thousand_killed_drivers_leave_a_correct_card() {
    campaign(number("PERMAFROST_KILLS"), number("PERMAFROST_MSMS"), true);
}
