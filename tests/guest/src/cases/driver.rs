//! The driver through VFIO, on a card that behaves.

use crate::error::{expect, Error};
use crate::{pci, suite};
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_std::UniformRand;
use permafrost_driver::{Bdf, Card, CardOptions, Transport};
use permafrost_zkal::engine::{Engine, Place, Policy, Scalars};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::sync::Arc;
use std::time::Instant;

/// Points of an MSM; more take the simulated card minutes.
const POINTS: usize = 256;

/// The way to a card that is bound to vfio-pci.
pub fn reach(card: Bdf) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(permafrost_driver::Vfio::open(card, permafrost_driver::VfioOptions::default())?))
}

/// An open card.
pub fn open(card: Bdf) -> Result<Card, Error> {
    Ok(Card::open(reach(card)?, CardOptions::default())?)
}

/// The conformance suite, unchanged.
pub fn conformance() -> Result<(), Error> {
    suite::conforms(&reach(pci::card(0)?)?);
    Ok(())
}

/// A multi-scalar multiplication through the engine, against arkworks.
pub fn msm() -> Result<(), Error> {
    multiply(open(pci::card(0)?)?, rand::random())
}

/// Two cards side by side: different work at the same time, both right.
pub fn two_cards() -> Result<(), Error> {
    let (first, second) = (open(pci::card(0)?)?, open(pci::card(1)?)?);
    let seed: u64 = rand::random();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| multiply(second, seed ^ 1));
        let result = multiply(first, seed);
        result.and(
            other.join().unwrap_or_else(|_| Err(Error::Wrong("the second card's thread panicked".into()))),
        )
    })
}

fn multiply(card: Card, seed: u64) -> Result<(), Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let bases: Vec<G1Projective> = (0..POINTS).map(|_| G1Projective::rand(&mut rng)).collect();
    let bases: Vec<G1Affine> = G1Projective::normalize_batch(&bases);
    let scalars: Vec<Fr> = (0..POINTS).map(|_| Fr::rand(&mut rng)).collect();
    let engine = Engine::new(card, Policy::default())?;
    let start = Instant::now();
    let outcome = engine.msm_slice(&bases, Scalars::montgomery(&scalars))?;
    println!(
        "MSM of {POINTS} points on the {:?}: {:.1?}, seed {seed}",
        outcome.operation.place,
        start.elapsed()
    );
    expect(outcome.operation.place == Place::Card, "the MSM did not run on the card")?;
    let expected = G1Projective::msm_unchecked(&bases, &scalars);
    expect(
        outcome.point == expected,
        format!("the card's sum is {}, arkworks' {expected}, seed {seed}", outcome.point),
    )
}
