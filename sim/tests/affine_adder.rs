//! The point adder in Verilog against its model, bit for bit, and the model against arkworks; G1 and G2, streams with gaps,
//! every case of addition, resets and changes of group.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, UniformRand, Zero};
use num_bigint::BigUint;
use permafrost_rtl::{
    hdl::Design,
    point::affine::{
        self,
        model::{Coord, Model as Golden, Point},
        AffineAdder, POINT_BITS,
    },
    target::Target,
};
use permafrost_sim::verilated::{Model, PortId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const TAG_BITS: usize = 23;
const POINT_BYTES: usize = POINT_BITS.div_ceil(8);

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0007);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Montgomery form: what arkworks keeps inside.
fn fq(v: &Fq) -> BigUint {
    BigUint::from_bytes_le(&v.0.to_bytes_le())
}

/// A curve over Fq or Fq2 as the adder's ports carry it.
trait Curve {
    const G2: bool;
    type Affine: AffineRepr;
    fn coords(point: &Self::Affine) -> Option<[Coord; 2]>;
    /// Points that are rare at random: small coordinates, parts that are 0.
    fn corners() -> Vec<Self::Affine>;

    fn point(point: &Self::Affine) -> Point {
        let zero = || Coord { c0: BigUint::ZERO, c1: BigUint::ZERO };
        let [x, y] = Self::coords(point).unwrap_or_else(|| [zero(), zero()]);
        Point { x, y }
    }
}

struct G1;

impl Curve for G1 {
    const G2: bool = false;
    type Affine = G1Affine;
    fn coords(point: &Self::Affine) -> Option<[Coord; 2]> {
        let coord = |v: Fq| Coord { c0: fq(&v), c1: BigUint::ZERO };
        point.xy().map(|(x, y)| [coord(x), coord(y)])
    }
    fn corners() -> Vec<Self::Affine> {
        let xs = (0..20u64).flat_map(|x| [Fq::from(x), -Fq::from(x)]);
        xs.filter_map(|x| G1Affine::get_point_from_x_unchecked(x, false)).collect()
    }
}

struct G2;

impl Curve for G2 {
    const G2: bool = true;
    type Affine = G2Affine;
    fn coords(point: &Self::Affine) -> Option<[Coord; 2]> {
        let coord = |v: Fq2| Coord { c0: fq(&v.c0), c1: fq(&v.c1) };
        point.xy().map(|(x, y)| [coord(x), coord(y)])
    }
    /// Points of the curve, not all in the subgroup; the formulas do not mind.
    fn corners() -> Vec<Self::Affine> {
        let xs = (0..24u64).flat_map(|x| {
            let x = Fq::from(x);
            [Fq2::new(x, Fq::zero()), Fq2::new(Fq::zero(), x), Fq2::new(-x, Fq::from(1u64)), Fq2::new(x, x)]
        });
        let mut points: Vec<_> = xs.filter_map(|x| G2Affine::get_point_from_x_unchecked(x, false)).collect();
        // y with one part 0: x^3 = y^2 - b has a root for a third of them.
        let b = <ark_bn254::g2::Config as ark_ec::short_weierstrass::SWCurveConfig>::COEFF_B;
        let p = ark_bn254::Fq::characteristic()
            .iter()
            .rev()
            .fold(BigUint::ZERO, |a, l| a << 64 | BigUint::from(*l));
        let n = &p * &p - 1u32;
        let ys = (0..60u64).flat_map(|y| [Fq2::new(y.into(), Fq::zero()), Fq2::new(Fq::zero(), y.into())]);
        for y in ys {
            let a = y * y - b;
            // n = 3^s m; for a cube whose 3-part is trivial, a^(3^-1 mod m) is a root.
            let (mut m, three) = (n.clone(), BigUint::from(3u32));
            while (&m % &three) == BigUint::ZERO {
                m /= &three;
            }
            let root = a.pow(three.modinv(&m).expect("m is prime to 3").to_u64_digits());
            if root * root * root == a {
                points.push(G2Affine::new_unchecked(root, y));
            }
        }
        points
    }
}

/// One place of a stream.
type Place = Option<(Point, Point)>;

fn pairs<C: Curve>(rng: &mut ChaCha8Rng, pool: &[C::Affine], count: usize, idle: f64) -> Vec<Place> {
    let pick = |rng: &mut ChaCha8Rng| pool[rng.gen_range(0..pool.len())];
    (0..count)
        .map(|_| {
            let (a, b) = (pick(rng), pick(rng));
            let none = C::Affine::zero();
            let minus = (-a.into_group()).into_affine();
            let pair = match rng.gen_range(0..12) {
                0 => (a, a),
                1 => (a, minus),
                2 => (a, none),
                3 => (none, b),
                4 => (none, none),
                _ => (a, b),
            };
            (!rng.gen_bool(idle)).then(|| (C::point(&pair.0), C::point(&pair.1)))
        })
        .collect()
}

fn pool<C: Curve>(rng: &mut ChaCha8Rng) -> Vec<C::Affine> {
    let corners = C::corners();
    assert!(corners.len() > 10, "corner points");
    let mut pool: Vec<C::Affine> =
        (0..60).map(|_| <C::Affine as AffineRepr>::Group::rand(rng).into_affine()).collect();
    pool.extend(corners);
    pool
}

/// The model on a whole stream: what is in a frame does not matter to its results.
fn golden(model: &Golden, places: &[Place]) -> Vec<Option<Point>> {
    let zero = || Coord { c0: BigUint::ZERO, c1: BigUint::ZERO };
    let none = Point { x: zero(), y: zero() };
    let mut out = vec![];
    for frame in places.chunks(8) {
        let mut operands: Vec<_> =
            frame.iter().map(|p| p.clone().unwrap_or((none.clone(), none.clone()))).collect();
        operands.resize(8, (none.clone(), none.clone()));
        out.extend(frame.iter().zip(model.frame(&operands)).map(|(p, sum)| p.as_ref().map(|_| sum)));
    }
    out
}

struct Bench {
    adder: AffineAdder,
    model: Model,
    ports: [PortId; 11],
    group: usize,
    next_tag: u64,
}

impl Bench {
    fn new(target: Target) -> Bench {
        let adder = affine::adder(target, TAG_BITS);
        println!(
            "{}: latency {:?} ticks, {} elements a frame, {} inverters",
            target.name(),
            adder.latency,
            adder.batch,
            adder.inverters
        );
        let design = Design::elaborate(&adder.module).unwrap();
        let model = Model::new(&design).unwrap();
        let ports = [
            "rst",
            "g2",
            "tick",
            "in_valid",
            "p",
            "q",
            "tag",
            "early_valid",
            "early_tag",
            "out_valid",
            "out_tag",
        ]
        .map(|name| model.port(name).unwrap());
        let mut bench = Bench { adder, model, ports, group: 0, next_tag: 1 };
        bench.reset();
        bench
    }

    fn set(&mut self, name: usize, value: u64) {
        self.model.set(self.ports[name], value);
    }

    fn get(&self, name: usize) -> u64 {
        self.model.get(self.ports[name])
    }

    fn reset(&mut self) {
        self.set(0, 1);
        self.set(2, 0);
        self.set(3, 0);
        self.model.tick(2).unwrap();
        self.set(0, 0);
    }

    fn select<C: Curve>(&mut self) {
        self.group = usize::from(C::G2);
        self.set(1, u64::from(C::G2));
        self.set(2, 0);
        self.set(3, 0);
        self.model.tick(1).unwrap();
    }

    /// One tick with `place` at the inputs; what the outputs show from then on.
    fn tick(&mut self, place: Option<(&(Point, Point), u64)>) {
        self.set(3, u64::from(place.is_some()));
        if let Some(((p, q), tag)) = place {
            self.model.set_bytes(self.ports[4], &p.pack().to_bytes_le());
            self.model.set_bytes(self.ports[5], &q.pack().to_bytes_le());
            self.set(6, tag);
        }
        if self.group == 1 {
            self.set(2, 0);
            self.model.tick(2).unwrap();
        }
        self.set(2, 1);
        self.model.tick(1).unwrap();
    }

    fn result(&self) -> Point {
        let mut bytes = [0; POINT_BYTES];
        self.model.get_bytes(self.model.port("r").unwrap(), &mut bytes);
        Point::unpack(&BigUint::from_bytes_le(&bytes))
    }

    /// Streams `places` and checks every tick's outputs.
    fn run(&mut self, places: &[Place], expected: &[Option<Point>]) {
        let latency = self.adder.latency[self.group];
        let first = self.next_tag;
        self.next_tag += places.len() as u64;
        let tag = |i: usize| (first + i as u64) * 0x9e37 % (1 << TAG_BITS);
        // After the tick in which place i enters, the outputs are those of tick i + 1.
        for t in 0..places.len() + latency {
            let place = places.get(t).and_then(|p| p.as_ref());
            self.tick(place.map(|p| (p, tag(t))));
            let at = |delay: usize| (t + 1).checked_sub(delay).filter(|&i| i < places.len());
            let early = at(latency - 1).filter(|&i| places[i].is_some());
            assert_eq!(self.get(7) == 1, early.is_some(), "early_valid after tick {t}");
            if let Some(i) = early {
                assert_eq!(self.get(8), tag(i), "early_tag of {i}");
            }
            let out = at(latency).filter(|&i| places[i].is_some());
            assert_eq!(self.get(9) == 1, out.is_some(), "out_valid after tick {t}");
            if let Some(i) = out {
                assert_eq!(self.get(10), tag(i), "out_tag of {i}");
                assert_eq!(Some(&self.result()), expected[i].as_ref(), "sum of {i}: {:?}", places[i]);
            }
        }
    }
}

fn model_is_the_curve<C: Curve>(rng: &mut ChaCha8Rng) {
    let model = Golden::new();
    let pool = pool::<C>(rng);
    for _ in 0..8 {
        let operands: Vec<(C::Affine, C::Affine)> = (0..32)
            .map(|_| {
                let (a, b) = (pool[rng.gen_range(0..pool.len())], pool[rng.gen_range(0..pool.len())]);
                match rng.gen_range(0..8) {
                    0 => (a, a),
                    1 => (a, (-a.into_group()).into_affine()),
                    2 => (a, C::Affine::zero()),
                    3 => (C::Affine::zero(), b),
                    4 => (C::Affine::zero(), C::Affine::zero()),
                    _ => (a, b),
                }
            })
            .collect();
        let points: Vec<_> = operands.iter().map(|(a, b)| (C::point(a), C::point(b))).collect();
        for ((a, b), sum) in operands.iter().zip(model.frame(&points)) {
            assert_eq!(sum, C::point(&(a.into_group() + b).into_affine()), "{a} + {b}");
        }
    }
}

#[test]
fn model_agrees_with_arkworks() {
    let mut rng = rng();
    model_is_the_curve::<G1>(&mut rng);
    model_is_the_curve::<G2>(&mut rng);
}

fn streams<C: Curve>(bench: &mut Bench, rng: &mut ChaCha8Rng) {
    let model = Golden::new();
    bench.select::<C>();
    let pool = pool::<C>(rng);
    let batch = bench.adder.batch;
    let mut check = |places: &[Place]| bench.run(places, &golden(&model, places));
    // A single one, at several places of a frame.
    for gap in [0, 1, 5, batch / 2 - 1] {
        let mut places = vec![None; gap];
        places.extend(pairs::<C>(rng, &pool, 1, 0.0));
        check(&places);
    }
    for idle in [0.0, 0.1, 0.5, 0.97] {
        check(&pairs::<C>(rng, &pool, 6 * batch + 17, idle));
    }
    let a = pool[0];
    let (zero, minus) = (C::Affine::zero(), (-a.into_group()).into_affine());
    for (p, q) in [(a, a), (zero, zero), (a, minus), (a, zero), (zero, a)] {
        check(&vec![Some((C::point(&p), C::point(&q))); 2 * batch + 3]);
    }
}

#[test]
fn generic_g1() {
    streams::<G1>(&mut Bench::new(Target::Generic), &mut rng());
}

#[test]
fn generic_g2() {
    streams::<G2>(&mut Bench::new(Target::Generic), &mut rng());
}

#[test]
fn xcup() {
    let mut bench = Bench::new(Target::Xcup);
    let mut rng = rng();
    streams::<G2>(&mut bench, &mut rng);
    streams::<G1>(&mut bench, &mut rng);
}
