//! The card's curve adder alone, in Verilog, one addition a clock: the vectors of another project, and random points in
//! every special case.

use ark_bn254::{Fq, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField, UniformRand, Zero};
use permafrost_rtl::hdl::Design;
use permafrost_rtl::point::g1_adder::{self, POINT_BITS};
use permafrost_rtl::target::Target;
use permafrost_sim::verilated::{Model, PortId};
use permafrost_tests::vectors;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

const COORDINATE_BITS: usize = POINT_BITS / 3;
const LIMBS: usize = POINT_BITS.div_ceil(64);

/// Homogeneous projective: x = X/Z, y = Y/Z; the identity is (0 : 1 : 0).
#[derive(Clone, Copy, Debug)]
struct Point([Fq; 3]);

impl Point {
    fn identity() -> Self {
        Point([Fq::ZERO, Fq::ONE, Fq::ZERO])
    }

    /// With a random scale, since the adder has to take any.
    fn lift(point: &G1Affine, rng: &mut impl RngCore) -> Self {
        let scale = loop {
            let scale = Fq::rand(rng);
            if !scale.is_zero() {
                break scale;
            }
        };
        let [x, y, z] = match point.xy() {
            Some((x, y)) => [x, y, Fq::ONE],
            None => Self::identity().0,
        };
        Point([x * scale, y * scale, z * scale])
    }

    fn lower(&self) -> G1Affine {
        let [x, y, z] = self.0;
        match z.inverse() {
            Some(inverse) => G1Affine::new(x * inverse, y * inverse),
            None => {
                assert!(x.is_zero() && !y.is_zero(), "neither a point nor the identity: {self:?}");
                G1Affine::identity()
            }
        }
    }

    /// As the ports carry it: X lowest, the Montgomery form's bits side by side.
    fn pack(&self) -> [u64; LIMBS] {
        let bits: Vec<bool> =
            self.0.iter().flat_map(|v| v.0.to_bits_le().into_iter().take(COORDINATE_BITS)).collect();
        let limb =
            |i: usize| (0..64).filter(|j| bits.get(64 * i + j) == Some(&true)).fold(0, |l, j| l | 1 << j);
        std::array::from_fn(limb)
    }

    fn unpack(limbs: &[u64; LIMBS]) -> Self {
        let bit = |at: usize| limbs[at / 64] >> (at % 64) & 1 == 1;
        Point(std::array::from_fn(|i| {
            let bits: Vec<bool> = (0..COORDINATE_BITS).map(|j| bit(COORDINATE_BITS * i + j)).collect();
            let montgomery = BigInt::<4>::from_bits_le(&bits);
            assert!(montgomery < Fq::MODULUS, "coordinate {i} is not canonical");
            Fq::new_unchecked(montgomery)
        }))
    }
}

struct Adder {
    model: Model,
    latency: usize,
    p: PortId,
    q: PortId,
    r: PortId,
}

impl Adder {
    fn new() -> Self {
        let pipeline = g1_adder::pipeline(Target::Generic);
        let design = Design::elaborate(&pipeline.module()).unwrap();
        let model = Model::new(&design).unwrap();
        let [p, q, r] = ["p", "q", "r"].map(|name| model.port(name).unwrap());
        Self { latency: pipeline.latency, model, p, q, r }
    }

    /// All sums; an addition enters in every clock.
    fn add(&mut self, pairs: &[(Point, Point)]) -> Vec<Point> {
        let mut sums = Vec::with_capacity(pairs.len());
        for clock in 0..pairs.len() + self.latency {
            if let Some((p, q)) = pairs.get(clock) {
                self.model.set_limbs(self.p, &p.pack());
                self.model.set_limbs(self.q, &q.pack());
            }
            self.model.tick(1).unwrap();
            if clock + 1 >= self.latency && sums.len() < pairs.len() {
                sums.push(Point::unpack(&self.model.get_limbs(self.r)));
            }
        }
        sums
    }
}

#[test]
fn point_vectors_pass_through_the_adder() {
    let Some(folder) = vectors::folder() else {
        eprintln!("SKIPPED: the point vectors are absent; set PERMAFROST_VECTORS to their folder");
        return;
    };
    let seed = 11;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut adder = Adder::new();

    let additions = vectors::additions(&folder);
    let pairs: Vec<_> = additions
        .iter()
        .map(|v| (Point::lift(&v.bases[0], &mut rng), Point::lift(&v.bases[1], &mut rng)))
        .collect();
    for (vector, sum) in additions.iter().zip(adder.add(&pairs)) {
        assert_eq!(sum.lower(), vector.expected, "{}, seed {seed}", vector.name);
    }

    // Multiplications by doubling and adding, all vectors side by side in the pipeline.
    let multiplications = vectors::multiplications(&folder);
    let bases: Vec<_> = multiplications.iter().map(|v| Point::lift(&v.bases[0], &mut rng)).collect();
    let scalars: Vec<_> = multiplications.iter().map(|v| v.scalars[0].into_bigint()).collect();
    let mut sums = vec![Point::identity(); bases.len()];
    for bit in (0..256).rev() {
        let doubled: Vec<_> = sums.iter().map(|s| (*s, *s)).collect();
        sums = adder.add(&doubled);
        let operand = |i: usize| if scalars[i].get_bit(bit) { bases[i] } else { Point::identity() };
        let added: Vec<_> = sums.iter().enumerate().map(|(i, s)| (*s, operand(i))).collect();
        sums = adder.add(&added);
    }
    for (vector, product) in multiplications.iter().zip(sums) {
        assert_eq!(product.lower(), vector.expected, "{}, seed {seed}", vector.name);
    }
}

#[test]
fn every_case_of_addition() {
    let seed = 12;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut adder = Adder::new();
    let mut points = Vec::new();
    for _ in 0..50 {
        let (a, b) = (G1Affine::rand(&mut rng), G1Affine::rand(&mut rng));
        let none = G1Affine::identity();
        points.extend([(a, b), (a, a), (a, -a), (a, none), (none, a), (none, none)]);
    }
    let pairs: Vec<_> =
        points.iter().map(|(a, b)| (Point::lift(a, &mut rng), Point::lift(b, &mut rng))).collect();
    for ((a, b), sum) in points.iter().zip(adder.add(&pairs)) {
        let expected = (G1Projective::from(*a) + b).into_affine();
        assert_eq!(sum.lower(), expected, "{a} + {b}, seed {seed}");
    }
}
