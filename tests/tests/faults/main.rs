//! The fault campaign: a sound card, the RTL itself, and mischief between it and the driver; commands that make no sense;
//! resets in the middle of DMA. Whatever happens, a result is right or there is an error.
//!
//! What was found is in `docs/faults.md`, which also names the tests elsewhere: `driver/tests/faults` with a card in software
//! that misbehaves by itself, `cli/tests` with cards and drivers in other processes.

mod completions;
mod interrupts;
mod malformed;
mod memory;
mod mischief;
mod queues;
#[allow(dead_code)] // the conformance suite's rings by hand
#[path = "../../../driver/tests/suite/raw.rs"]
mod raw;
mod registers;
mod resets;
mod socket;
mod table;

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use mischief::{Mischief, SCALE};
use permafrost_driver::{Card, CardOptions, Error, Transport};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::{SimCard, SimOptions};
use permafrost_tests::card::engine_on;
use permafrost_tests::inputs::{rng, Bases, Scalars};
use permafrost_zkal::engine::{MsmPoint, Place, Scalars as CardScalars};
use rand::RngCore;
use std::sync::Arc;
use std::time::Duration;

/// Longest time for anything that must happen.
const LIMIT: Duration = Duration::from_secs(120);
/// Points of an MSM: enough for chains of additions, few enough to be cheap.
const POINTS: usize = 48;

/// The card without the engines for transforms and vectors, which is faster to simulate.
fn sim_options() -> SimOptions {
    let config = CardConfig { ntt_lanes: 0, vector_lanes: 0, ..CardConfig::sim() };
    SimOptions { dram_bytes: Some(2 << 20), ..SimOptions::new(config) }
}

fn sim() -> Arc<SimCard> {
    Arc::new(SimCard::open(sim_options()).unwrap_or_else(|e| panic!("simulated card: {e}")))
}

/// A card with mischief before it.
struct Rig {
    card: Card,
    mischief: Arc<Mischief>,
    sim: Arc<SimCard>,
}

impl Rig {
    /// For faults that must not matter: hardly any deadline.
    fn patient() -> Self {
        Self::new(LIMIT)
    }

    /// For faults that make a command hang.
    fn hasty() -> Self {
        Self::new(Duration::from_secs(3))
    }

    fn new(deadline: Duration) -> Self {
        let sim = sim();
        let mischief = Mischief::new(sim.clone());
        let card = Card::open(mischief.clone(), options(deadline)).expect("the card comes up");
        Rig { card, mischief, sim }
    }
}

/// Small rings and chunks, so that everything wraps and is split; the deadline is in seconds of this host.
fn options(deadline: Duration) -> CardOptions {
    CardOptions {
        queue_entries: 8,
        staging_bytes: 8192,
        command_deadline: deadline / SCALE,
        ..CardOptions::default()
    }
}

/// Random bytes to the card and back.
fn copy(card: &Card, len: usize) -> Result<(), Error> {
    let mut data = vec![0; len];
    rand::thread_rng().fill_bytes(&mut data);
    let buffer = card.dram().alloc(len as u64)?;
    card.write(&buffer, 0, &data)?;
    let mut back = vec![0; len];
    card.read(&buffer, 0, &mut back)?;
    assert!(back == data, "{len} bytes came back changed");
    Ok(())
}

/// An MSM on the card, compared with arkworks; an error as text.
fn msm(card: &Card) -> Result<(), String> {
    let (_, seed) = rng();
    let (points, scalars): (Vec<G1Affine>, Vec<Fr>) =
        (Bases::Mixed.generate(POINTS, seed), Scalars::Uniform.generate(POINTS, seed));
    let engine = engine_on(card.clone());
    let set = engine.upload_bases(&points).map_err(|e| e.to_string())?;
    let outcome =
        engine.msm(&set, 0..POINTS, CardScalars::montgomery(&scalars)).map_err(|e| e.to_string())?;
    assert_eq!(outcome.operation.place, Place::Card);
    let expected = G1Affine::msm_montgomery(&points, &scalars).into_affine();
    assert_eq!(outcome.point.into_affine(), expected, "the card differs from arkworks, seed {seed}");
    Ok(())
}

/// That the card works: transfers and an MSM.
fn works(card: &Card) {
    copy(card, 40_000).expect("a transfer");
    msm(card).expect("an MSM");
}

fn nop() -> permafrost_driver::Request {
    permafrost_driver::Request::new(&permafrost_abi::NopCommand::default())
}

/// Between the driver and a sound card without a fault nothing is different.
#[test]
fn without_a_fault_all_is_well() {
    let rig = Rig::patient();
    works(&rig.card);
    rig.card.reset().expect("a reset");
    works(&rig.card);
    let Rig { card, mischief, .. } = rig;
    drop(card);
    assert_eq!(mischief.memory().1, 0, "all DMA memory is unmapped");
    assert_eq!(mischief.name(), "mischief");
}
