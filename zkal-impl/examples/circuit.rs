//! `circuit CONSTRAINTS FOLDER`: a random circuit's `circuit.zkey` and `circuit.wtns`, set up by arkworks, for proofs of any
//! size. Whoever has the seed, which is printed, can forge proofs: for measurements and tests only.

// The generator that the unit tests have, too.
#[allow(dead_code)]
#[path = "../src/groth16/testing.rs"]
mod testing;

use std::path::Path;
use std::process::ExitCode;

use permafrost_zkal::groth16::CircomReduction;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Public signals.
const PUBLICS: usize = 3;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [constraints, folder] = &args[..] else { return usage() };
    let Ok(constraints) = constraints.parse() else { return usage() };
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let circuit = testing::Circuit::random(PUBLICS, constraints, &mut rng);
    if let Err(error) = std::fs::create_dir_all(folder) {
        eprintln!("{folder}: {error}");
        return ExitCode::FAILURE;
    }
    let (zkey, wtns) = circuit.files(&circuit.setup(&mut rng));
    for (name, file) in [("circuit.zkey", zkey), ("circuit.wtns", wtns)] {
        let path = Path::new(folder).join(name);
        if let Err(error) = std::fs::write(&path, file.bytes()) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: circuit CONSTRAINTS FOLDER");
    ExitCode::from(2)
}
