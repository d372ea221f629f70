//! Servers that die or hang under a driver in another process, and drivers that say so.

mod common;

use common::serving::{card, Serving};
use common::{permafrost, Prove};
use permafrost_driver::{Card, CardOptions, Error, VfioUser};
use rand::{Rng, RngCore};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the server may keep the driver waiting.
const LIMIT: Duration = Duration::from_secs(3);

fn open(socket: &Path) -> Card {
    let transport = VfioUser::connect_within(socket, LIMIT).expect("the server answers");
    let options = CardOptions { staging_bytes: 16 << 10, ..CardOptions::default() };
    Card::open(Arc::new(transport), options).expect("the card comes up")
}

/// Random bytes to the card and back.
fn copy(card: &Card) -> Result<(), Error> {
    let mut data = vec![0; 200_000];
    rand::thread_rng().fill_bytes(&mut data);
    let buffer = card.dram().alloc(data.len() as u64)?;
    card.write(&buffer, 0, &data)?;
    let mut back = vec![0; data.len()];
    card.read(&buffer, 0, &mut back)?;
    assert!(back == data, "what came back is wrong");
    Ok(())
}

/// Transfers of three threads until `strike` has struck and each has an error, which is that the card is lost.
fn lost(socket: &Path, strike: impl FnOnce()) {
    let card = open(socket);
    copy(&card).expect("before");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| loop {
                    if let Err(error) = copy(&card) {
                        return error;
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(rand::thread_rng().gen_range(0..150)));
        let start = Instant::now();
        strike();
        for thread in threads {
            let error = thread.join().expect("no panic");
            assert!(matches!(error, Error::CardLost { .. }), "{error:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    });
    assert!(matches!(copy(&card), Err(Error::CardLost { .. })));
    assert!(matches!(card.reset(), Err(Error::CardLost { .. })));
}

#[test]
fn a_server_that_is_killed_is_a_lost_card() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    for _ in 0..4 {
        let mut serving = Serving::start(&[&socket]);
        lost(&socket, || serving.kill());
        assert!(VfioUser::connect(&socket).is_err(), "nobody is there");
    }
    let _serving = Serving::start(&[&socket]);
    copy(&open(&socket)).expect("a new server on the same socket");
}

#[test]
fn a_server_that_hangs_is_a_lost_card() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    let serving = Serving::start(&[&socket]);
    let signal = |name: &str| {
        let done = Command::new("kill").args([name, &serving.pid().to_string()]).status().expect("kill runs");
        assert!(done.success());
    };
    for _ in 0..2 {
        lost(&socket, || signal("-STOP"));
        // Nobody can be served meanwhile, and is told so in time.
        let start = Instant::now();
        assert!(VfioUser::connect_within(&socket, LIMIT).is_err());
        assert!(start.elapsed() < 10 * LIMIT);
        signal("-CONT");
        // It finds that its client has gone, and serves the next.
        copy(&open(&socket)).expect("after it has woken up");
    }
}

/// The command itself: one clear message, and no file.
#[test]
fn a_proof_ends_with_an_error_when_the_server_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    let mut serving = Serving::start(&[&socket]);
    let prove = Prove::new();
    let server = card(&socket);
    std::thread::scope(|scope| {
        let proof = scope.spawn(|| permafrost(prove.args(&["--card", &server])));
        let start = Instant::now();
        while serving.holds().shared == 0 {
            assert!(start.elapsed() < Duration::from_secs(120), "the driver has not connected");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(rand::thread_rng().gen_range(0..2000)));
        serving.kill();
        let output = proof.join().expect("no panic");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("error:") && stderr.contains("lost"), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    });
    assert!(!prove.proof.exists() && !prove.public.exists());
}
