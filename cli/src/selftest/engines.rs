//! Every engine that the card has, with a small problem whose answer arkworks gives.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{Field, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use permafrost_driver::Card;
use permafrost_zkal::engine::{
    Engine, Fallback, MsmPoint, NttAccel, Policy, Scalars as EngineScalars, Terms, Transform, Unsupported,
};

use super::{passed, skipped, told, Checked, Runner};
use crate::args::Scalars;
use crate::bench::inputs;

/// Points in G1 and in G2, log2 of the length of a transform, elements of a vector.
const G1: usize = 64;
const G2: usize = 16;
const LOG_NTT: u32 = 9;
const VECTOR: usize = 300;

pub fn check(runner: &mut Runner, card: &Card, seed: u64) {
    let has = card.info().engines;
    // Nothing may run on the CPU: it is the card that is tested.
    let policy = Policy { msm: Fallback::Never, g2: Unsupported::Refuse, ntt: Unsupported::Refuse };
    let engine = match has.msm_g1() {
        true => Engine::new(card.clone(), policy).map(Some),
        false => Ok(None),
    };
    let engine = match engine {
        Ok(engine) => engine,
        Err(error) => return runner.run("engines", || Err(told(error))),
    };
    let with = |there: bool, test: &dyn Fn(&Engine) -> Checked| match (&engine, there) {
        (_, false) => skipped("the card has no such engine"),
        (None, _) => skipped("this test needs a card with an MSM engine as well"),
        (Some(engine), _) => test(engine),
    };
    runner.run("MSM in G1", || with(has.msm_g1(), &|engine| msm::<G1Affine>(engine, G1, seed)));
    runner.run("MSM in G2", || with(has.msm_g2(), &|engine| msm::<G2Affine>(engine, G2, seed)));
    runner.run("NTT", || with(has.ntt(), &|engine| ntt(engine, seed)));
    runner.run("VECTOR", || with(has.vector(), &|engine| vector(engine, seed)));
}

fn msm<P: MsmPoint>(engine: &Engine, n: usize, seed: u64) -> Checked
where
    P::Group: UniformRand,
{
    let points = inputs::points::<P>(n, seed);
    let scalars = inputs::scalars(n, 1, Scalars::Uniform, None, seed).remove(0);
    let bases = engine.upload_bases(&points).map_err(told)?;
    let outcome = engine.msm(&bases, 0..n, EngineScalars::montgomery(&scalars)).map_err(told)?;
    match outcome.point == P::msm_montgomery(&points, &scalars) {
        true => passed(format!("{n} points, as arkworks")),
        false => Err(format!("the sum of {n} points differs from arkworks' (seed {seed})")),
    }
}

fn ntt(engine: &Engine, seed: u64) -> Checked {
    let n = 1 << LOG_NTT;
    let values = inputs::elements(n, seed);
    let domain = Radix2EvaluationDomain::<Fr>::new(n).ok_or("arkworks has no such domain")?;
    let source = engine.upload_vec(&values).map_err(told)?;
    let destination = engine.zero_vec(n).map_err(told)?;
    let back = engine.zero_vec(n).map_err(told)?;
    let transform = Transform::forward(LOG_NTT).map_err(told)?;
    engine.ntt_resident(&transform, &source, &destination).map_err(told)?;
    if destination.download().map_err(told)? != domain.fft(&values) {
        return Err(format!("a transform of {n} elements differs from arkworks' (seed {seed})"));
    }
    engine.ntt_resident(&transform.inverse(), &destination, &back).map_err(told)?;
    match back.download().map_err(told)? == values {
        true => passed(format!("{n} elements, as arkworks, and back")),
        false => Err(format!("the inverse transform of {n} elements is another vector (seed {seed})")),
    }
}

fn vector(engine: &Engine, seed: u64) -> Checked {
    let (a, b) = (inputs::elements(VECTOR, seed), inputs::elements(VECTOR, !seed));
    let on_card = |values: &[Fr]| engine.upload_vec(values).map_err(told);
    let (da, db, d) = (on_card(&a)?, on_card(&b)?, engine.zero_vec(VECTOR).map_err(told)?);
    let wrong = |what: &str| format!("{what} of {VECTOR} elements differs from arkworks' (seed {seed})");
    engine.map(&d, &Terms::product(&da, &db).minus(&da)).map_err(told)?;
    let expected: Vec<Fr> = a.iter().zip(&b).map(|(a, b)| *a * b - a).collect();
    if d.download().map_err(told)? != expected {
        return Err(wrong("a·b - a"));
    }
    engine.invert(&d, &da).map_err(told)?;
    let expected: Vec<Fr> = a.iter().map(|a| a.inverse().unwrap_or_default()).collect();
    if d.download().map_err(told)? != expected {
        return Err(wrong("the inverse"));
    }
    let sum = engine.inner_product(&da, &db).map_err(told)?.value;
    match sum == a.iter().zip(&b).map(|(a, b)| *a * b).sum::<Fr>() {
        true => passed(format!("{VECTOR} elements: product, inverse, inner product, as arkworks")),
        false => Err(wrong("the inner product")),
    }
}
