//! The card with the DRAM models behind it: results are right, and the memory was used as the card's counters say.

use std::sync::Arc;

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use permafrost_driver::{Card, CardOptions};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::dram::Preset;
use permafrost_sim::{SimCard, SimOptions};
use permafrost_tests::card::engine_on;
use permafrost_tests::inputs::{Bases, Scalars};
use permafrost_zkal::engine::{MsmPoint, Place, Scalars as CardScalars};

const N: usize = 1 << 8;

/// Clocks of an MSM, which is compared with arkworks.
fn msm(memory: Option<Preset>) -> u64 {
    let options = SimOptions::new(CardConfig::sim());
    let options = match memory {
        Some(preset) => options.with_memory(preset),
        None => options,
    };
    let sim = Arc::new(SimCard::open(options).unwrap());
    let engine = engine_on(Card::open(sim.clone(), CardOptions::default()).unwrap());
    let points: Vec<G1Affine> = Bases::Mixed.generate(N, 5);
    let scalars: Vec<Fr> = Scalars::Uniform.generate(N, 6);
    let set = engine.upload_bases(&points).unwrap();
    let outcome = engine.msm(&set, 0..N, CardScalars::montgomery(&scalars)).unwrap();
    assert_eq!(outcome.operation.place, Place::Card);
    let expected = G1Affine::msm_montgomery(&points, &scalars).into_affine();
    assert_eq!(outcome.point.into_affine(), expected, "{memory:?}");

    let stats = sim.stats();
    assert_eq!(stats.memory.is_some(), memory.is_some());
    if let (Some(seen), Some(preset)) = (stats.memory, memory) {
        // All reads have been answered; a few writes may wait in the controller.
        assert_eq!(seen.reads + seen.forwarded, stats.dram.read_beats);
        assert!(seen.writes <= stats.dram.write_beats && seen.writes + 64 >= stats.dram.write_beats);
        // The memory's time is the simulated clocks, however long the card has slept in between.
        let clocks = stats.clocks * u64::from(preset.khz) / 250_000;
        assert!(seen.clocks.abs_diff(clocks) < 100, "{} and {clocks}", seen.clocks);
        assert!(seen.refreshes.abs_diff(clocks / u64::from(preset.timing.refi)) <= 1, "{seen:?}");
        println!("{}: {seen:?}", preset.name);
    }
    outcome.operation.cycles.unwrap()
}

#[test]
fn results_are_right_and_times_are_those_of_a_memory() {
    let fixed = msm(None);
    for preset in Preset::ALL {
        let clocks = msm(Some(preset));
        println!("{N} points: {clocks} clocks with {}, {fixed} with fixed latencies", preset.name);
        // An MSM of this size waits little for memory: the model may not change its time much.
        assert!(clocks * 10 < fixed * 12, "{clocks} clocks with {}", preset.name);
    }
}
