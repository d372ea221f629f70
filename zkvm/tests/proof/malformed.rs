//! Malformed proofs are refused, and nothing panics. `PERMAFROST_MALFORMED` sets how many; `PERMAFROST_SEED` where to start.

use permafrost_zkvm::config::RawProof;
use permafrost_zkvm::proof::{decode, encode, Proof, SegmentProof};
use permafrost_zkvm::verify;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::fixture::{KEY, PROOF};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Says which case panicked.
struct Case(u64);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed at PERMAFROST_SEED={}", self.0);
        }
    }
}

/// Runs `case` on as many seeds as asked for, on all cores; it returns how far the proof got.
fn campaign(cases: u64, case: impl Fn(&mut ChaCha8Rng) -> &'static str + Sync) {
    let first = number("PERMAFROST_SEED", 1);
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    println!("PERMAFROST_SEED={first} PERMAFROST_MALFORMED={cases}");
    let mut counts = std::collections::BTreeMap::new();
    std::thread::scope(|scope| {
        let case = &case;
        let work = |worker| {
            move || {
                let seeds = (first..first + cases).filter(|seed| seed % workers == worker);
                let run = |seed| {
                    let _case = Case(seed);
                    case(&mut ChaCha8Rng::seed_from_u64(seed))
                };
                seeds.map(run).collect::<Vec<_>>()
            }
        };
        let all: Vec<_> = (0..workers).map(|worker| scope.spawn(work(worker))).collect();
        for worker in all {
            for outcome in worker.join().expect("no case panics") {
                *counts.entry(outcome).or_insert(0) += 1;
            }
        }
    });
    println!("{counts:?}");
}

/// Changes some bytes of a file.
fn damage(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.gen_range(1..=3) {
        if bytes.is_empty() {
            return;
        }
        // Half of the places near the start, where lengths and small parts are.
        let end = if rng.gen() { bytes.len() } else { bytes.len().min(4096) };
        let at = rng.gen_range(0..end);
        match rng.gen_range(0..8) {
            0 | 1 => bytes[at] ^= 1 << rng.gen_range(0..8),
            2 => bytes[at] = rng.gen(),
            3 => bytes.truncate(at),
            4 => {
                bytes.remove(at);
            }
            5 => bytes.insert(at, rng.gen()),
            6 => {
                // A length as large as lengths are written.
                let long = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
                let size = rng.gen_range(1..=long.len());
                bytes.splice(at..at, long[long.len() - size..].iter().copied());
            }
            _ => {
                let from = rng.gen_range(0..bytes.len());
                let size = rng.gen_range(1..=64).min(bytes.len() - from).min(bytes.len() - at);
                bytes.copy_within(from..from + size, at);
            }
        }
    }
}

fn files(cases: u64) {
    let good = PROOF.to_bytes().expect("small");
    campaign(cases, |rng| {
        let mut bytes = good.clone();
        damage(&mut bytes, rng);
        match Proof::from_bytes(&bytes) {
            Err(_) => "file",
            Ok(proof) => match verify::chain(&KEY, &proof) {
                Err(error) => {
                    assert!(bytes != good, "the good proof is refused: {error}");
                    if matches!(error, permafrost_zkvm::error::Error::Refused { .. }) {
                        "reference verifier"
                    } else {
                        "checks before"
                    }
                }
                Ok(_) => {
                    assert!(bytes == good, "a damaged proof is accepted");
                    "unchanged"
                }
            },
        }
    });
}

/// Changes a value or the length of a list somewhere in the tree of a proof.
fn distort(value: &mut Value, rng: &mut ChaCha8Rng) {
    match value {
        Value::Array(items) if !items.is_empty() && rng.gen_range(0..4) != 0 => {
            let at = rng.gen_range(0..items.len());
            distort(&mut items[at], rng);
        }
        Value::Array(items) => match rng.gen_range(0..6) {
            0 => items.clear(),
            1 => {
                items.pop();
            }
            2 if !items.is_empty() => {
                items.remove(0);
            }
            3 if !items.is_empty() => items.push(items[items.len() - 1].clone()),
            4 if !items.is_empty() => items.truncate(rng.gen_range(0..items.len())),
            _ => {
                let all = items.clone();
                items.extend(all);
            }
        },
        Value::Object(fields) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = &names[rng.gen_range(0..names.len())];
            if rng.gen_range(0..16) == 0 {
                fields[name] = Value::Null;
            } else {
                distort(&mut fields[name], rng);
            }
        }
        Value::Number(number) => {
            let all = [0, 1, 2, 3, 4, 5, 15, 16, 17, 22, 23, 24, 31, 32, 63, 64, 65, 1 << 20, u64::MAX];
            *number = match rng.gen_range(0..3) {
                0 => all[rng.gen_range(0..all.len())].into(),
                1 => number.as_u64().unwrap_or(0).wrapping_add(1).into(),
                _ => rng.gen_range(0..0x7f00_0001_u64).into(),
            };
        }
        Value::Null => *value = Value::Array(vec![Value::Array(Vec::new())]),
        _ => {}
    }
}

fn trees(cases: u64) {
    let good = &PROOF.segments[0];
    let tree = serde_json::to_value(decode(&good.raw).expect("good")).expect("a tree");
    campaign(cases, |rng| {
        let mut tree = tree.clone();
        distort(&mut tree, rng);
        let Ok(raw) = serde_json::from_value::<RawProof>(tree) else {
            return "tree";
        };
        let proof = SegmentProof { raw: encode(&raw).expect("encoded"), ..good.clone() };
        match verify::segment(&KEY, &proof) {
            Err(permafrost_zkvm::error::Error::Refused { .. }) => "reference verifier",
            Err(_) => "checks before",
            Ok(()) => {
                assert!(proof.raw == good.raw, "a distorted proof is accepted");
                "unchanged"
            }
        }
    });
}

#[test]
fn damaged_files() {
    files(number("PERMAFROST_MALFORMED", 400));
}

#[test]
fn distorted_proofs() {
    trees(number("PERMAFROST_MALFORMED", 400));
}
