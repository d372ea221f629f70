//! The fuzz targets of `tests/fuzz` without libFuzzer: their seeds, and random changes of them. What coverage finds is
//! libFuzzer's to find (docs/fuzzing.md); this keeps the targets and what they have found in every test run.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use permafrost_tests::root;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Changes of each seed; the targets take 20 to 300 microseconds each.
const CHANGES: usize = 2000;

/// A seed with a few bytes changed, cut, repeated or moved in from another seed.
fn change(rng: &mut ChaCha8Rng, seeds: &[Vec<u8>], seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.gen_range(1..6) {
        let at = rng.gen_range(0..=bytes.len());
        match rng.gen_range(0..6) {
            0 if at < bytes.len() => bytes[at] = rng.gen(),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.gen_range(0..8),
            2 => bytes.insert(at, rng.gen()),
            3 => bytes.truncate(at),
            4 => {
                let end = rng.gen_range(at..=bytes.len().min(at + 16));
                drop(bytes.drain(at..end));
            }
            _ => {
                let other = &seeds[rng.gen_range(0..seeds.len())];
                let from = rng.gen_range(0..=other.len());
                let to = rng.gen_range(from..=other.len().min(from + 32));
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

fn run(name: &str, target: impl Fn(&[u8])) {
    let directory = root().join("tests/fuzz/seeds").join(name);
    let mut files: Vec<_> =
        std::fs::read_dir(&directory).expect("seeds").map(|entry| entry.expect("seed").path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).expect("seed")).collect();
    assert!(!seeds.is_empty());
    let number: u64 = rand::random();
    println!("{name}: seed {number}");
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    for seed in &seeds {
        target(seed);
        for _ in 0..CHANGES {
            let bytes = change(&mut rng, &seeds, seed);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&bytes)));
            assert!(ended.is_ok(), "{name}: the input {bytes:02x?}, seed {number}");
        }
    }
}

/// One test, because a leak of descriptors is told by their numbers, which other threads change.
#[test]
fn every_target_takes_its_seeds_and_changes_of_them() {
    run("vfio_user_message", targets::vfio_user_message);
    run("vfio_user_server", targets::vfio_user_server);
    run("vfio_user_session", targets::vfio_user_session);
    run("vfio_user_client", targets::vfio_user_client);
    run("completion", targets::completion);
    run("zkey", targets::zkey);
    run("wtns", targets::wtns);
    run("pci_config", targets::pci_config);
}
