//! `permafrost bench`

mod copy;
mod figures;
pub mod inputs;
mod ntt;
mod stream;
mod sweep;
mod vector;

use ark_bn254::{G1Affine, G2Affine};
use ark_ff::{PrimeField, UniformRand};
use clap::ValueEnum;
use permafrost_zkal::engine::{BaseSet, Engine, Fallback, MsmPoint, Policy, Scalars, Unsupported};

use crate::args::{self, BenchMsm, Group};
use crate::card::{self, Changes, OpenCard};
use crate::error::Error;
use crate::out;
use crate::progress::Progress;
pub use copy::copy;
use figures::{Asked, Figures};
pub use ntt::ntt;
pub use sweep::sweep;
pub use vector::vector;

/// `permafrost bench msm`
pub fn msm(args: &BenchMsm) -> Result<(), Error> {
    let open = card::open_with(&args.card.card, Changes { adders: args.adders, ..Changes::default() })?;
    let case = Case {
        n: args.size.points(),
        batch: args.batch as usize,
        scalars: args.scalars,
        bits: args.bits,
        window: args.window,
        seed: args.seed,
    };
    let figures = match args.group {
        Group::G1 => one::<G1Affine>(&open, &case, args.precompute)?,
        Group::G2 => one::<G2Affine>(&open, &case, args.precompute)?,
    };
    match args.json {
        true => out::json(&figures),
        false => out::text(&figures.table().render()),
    }
}

/// Most scalars of a measurement: 2^26, of 32 bytes in two forms.
const MAX_SCALARS: usize = 1 << 26;

/// One measurement over a base set that is there already.
struct Case {
    n: usize,
    batch: usize,
    scalars: args::Scalars,
    bits: Option<u32>,
    window: Option<u32>,
    seed: u64,
}

fn one<P: MsmPoint>(open: &OpenCard, case: &Case, precompute: u32) -> Result<Figures, Error>
where
    P::Group: UniformRand,
{
    let scalars = case.n.saturating_mul(case.batch);
    if scalars > MAX_SCALARS {
        return Err(Error::TooManyScalars { n: case.n, batch: case.batch, scalars, max: MAX_SCALARS });
    }
    let engine = engine(open)?;
    engine.room_for::<P>(case.n, precompute)?;
    let progress = Progress::start(format!("{} random points", case.n));
    let points = inputs::points::<P>(case.n, case.seed);
    progress.stage("upload the bases");
    let set = engine.upload_precomputed(&points, precompute)?;
    case.measure(open, &engine, &points, &set, &progress)
}

/// An engine that computes on the card or fails: a bench is about the card.
fn engine(open: &OpenCard) -> Result<Engine, Error> {
    let (msm, g2, ntt) = (Fallback::Never, Unsupported::Refuse, Unsupported::Refuse);
    let policy = Policy { msm, g2, ntt };
    Ok(Engine::new(open.card.clone(), policy)?)
}

impl Case {
    /// Measures MSMs over the first `n` points, and checks every result.
    fn measure<P: MsmPoint>(
        &self,
        open: &OpenCard,
        engine: &Engine,
        points: &[P],
        set: &BaseSet<P>,
        progress: &Progress,
    ) -> Result<Figures, Error> {
        let name = name_of(self.scalars);
        let vectors = inputs::scalars(self.n, self.batch, self.scalars, self.bits, self.seed);
        let integers: Vec<Vec<_>> =
            vectors.iter().map(|v| v.iter().map(|s| s.into_bigint()).collect()).collect();
        // With a promise of bits they go as field elements, which the engine cannot measure; otherwise as integers.
        let scalars: Vec<Scalars<'_>> = match self.bits {
            Some(bits) => vectors.iter().map(|v| Scalars::montgomery(v).with_bits(bits)).collect(),
            None => integers.iter().map(|v| Scalars::canonical(v)).collect(),
        };

        progress.stage(format!("{} MSM(s) of {} points on the card ({name})", self.batch, self.n));
        let before = open.simulation();
        engine.take_report();
        let engine = self.window.map_or_else(|| engine.clone(), |c| engine.with_window(c));
        let outcomes = engine.msm_batch(set, 0..self.n, &scalars)?;
        let operations = engine.take_report().operations;
        let speed = open.speed_since(before);

        progress.stage("check against arkworks");
        let wrong = || Error::WrongResult { n: self.n, scalars: name.clone(), seed: self.seed };
        for (outcome, scalars) in outcomes.iter().zip(&vectors) {
            if outcome.point != P::msm_montgomery(&points[..self.n], scalars) {
                return Err(wrong());
            }
        }
        let asked =
            Asked { scalars: name.clone(), bits: self.bits, seed: self.seed, card: engine.name().to_owned() };
        // Only the card may have produced them, so its records are there.
        Figures::new(asked, self.batch, &operations, speed).ok_or_else(wrong)
    }
}

/// What the command line calls this.
fn name_of(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}
