//! The emitted inverter against its model, bit for bit and clock for clock, in the configurations of both targets.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::{
        inverse::{self, Inverter},
        Field, FIELD_BITS,
    },
    hdl::Design,
    target::Target,
};
use permafrost_sim::verilated::{build, BuildOptions, Model, PortId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0012);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

struct Bench {
    model: Model,
    rst: PortId,
    start: PortId,
    a: PortId,
    y: PortId,
    latency: usize,
}

impl Bench {
    fn new(inverter: &Inverter) -> Bench {
        let design = Design::elaborate(&inverter.module).expect("design");
        let compiled = build(&design, &BuildOptions::default()).expect("verilator build");
        let mut model = compiled.instantiate().expect("model");
        let port = |name: &str| model.port(name).expect("port");
        let (rst, start, a, y) = (port("rst"), port("start"), port("a"), port("y"));
        model.set(rst, 1);
        model.tick(2).expect("tick");
        model.set(rst, 0);
        Bench { model, rst, start, a, y, latency: inverter.latency }
    }

    /// One clock with `start`; `a` holds something else outside it.
    fn start(&mut self, a: &BigUint) {
        self.model.set_bytes(self.a, &bytes(a));
        self.model.set(self.start, 1);
        self.model.tick(1).expect("tick");
        self.model.set(self.start, 0);
        self.model.set_bytes(self.a, &[0x5a; 32]);
    }

    fn tick(&mut self, n: usize) {
        self.model.tick(n as u64).expect("tick");
    }

    fn y(&self) -> BigUint {
        let mut bytes = [0; 32];
        self.model.get_bytes(self.y, &mut bytes);
        BigUint::from_bytes_le(&bytes)
    }
}

fn bytes(x: &BigUint) -> Vec<u8> {
    let mut bytes = x.to_bytes_le();
    bytes.resize(32, 0);
    bytes
}

fn inputs(rng: &mut ChaCha8Rng, field: &Field) -> Vec<BigUint> {
    let (p, one) = (&field.p, BigUint::from(1u32));
    let mut all: Vec<BigUint> = (0..5u32).map(BigUint::from).collect();
    all.extend([p - 1u32, p - 2u32, p >> 1, (p >> 1) + 1u32, field.one(), p - field.one()]);
    // Not canonical, but taken: p itself and the largest word.
    all.extend([p.clone(), (one.clone() << FIELD_BITS) - 1u32]);
    all.extend([64, 200, 252, 253].map(|k| one.clone() << k));
    for _ in 0..60 {
        let x = BigUint::from_bytes_le(&rng.gen::<[u8; 32]>()) % p;
        let zeros = rng.gen_range(1..FIELD_BITS);
        all.extend([(&x >> zeros) << zeros, &x >> zeros, x]);
    }
    all
}

/// Starts one inversion in the clock in which the one before becomes valid, and looks at `y` in every clock.
fn back_to_back(inverter: &Inverter, field: &Field) {
    let mut bench = Bench::new(inverter);
    let mut previous = None;
    for a in inputs(&mut rng(), field) {
        bench.start(&a);
        // `y` must hold the result before until, and not beyond, the clock of this one.
        for clock in 1..bench.latency {
            if let Some(y) = &previous {
                assert_eq!(&bench.y(), y, "{a:x}: y moved {clock} clocks after start");
            }
            bench.tick(1);
        }
        let expected = inverse::model(field, &a);
        assert_eq!(bench.y(), expected, "inverse of {a:x}");
        previous = Some(expected);
    }
}

#[test]
fn generic_inverts() {
    let inverter = inverse::inverter(Target::Generic);
    assert_eq!(inverter.steps_per_clock, 2);
    back_to_back(&inverter, &Field::fq());
}

#[test]
fn xcup_inverts() {
    let inverter = inverse::inverter(Target::Xcup);
    assert_eq!(inverter.steps_per_clock, 1);
    back_to_back(&inverter, &Field::fq());
}

#[test]
fn other_fields_and_other_steps() {
    back_to_back(&inverse::with_steps(&Field::fr(), 3), &Field::fr());
}

#[test]
fn y_stays_while_idle_and_start_begins_anew() {
    let field = Field::fq();
    let mut rng = rng();
    let mut bench = Bench::new(&inverse::inverter(Target::Generic));
    let (first, last) = (BigUint::from(77u32), &field.p - 12345u32);
    bench.start(&first);
    bench.tick(bench.latency - 1);
    let held = inverse::model(&field, &first);
    assert_eq!(bench.y(), held);
    bench.tick(1000);
    assert_eq!(bench.y(), held, "idle");

    // Restarts at every distance that is shorter than an inversion: none of the abandoned gives a result.
    let expected = inverse::model(&field, &last);
    let latency = bench.latency;
    let gaps: Vec<_> = [1, 2, 3, latency - 3, latency - 2, latency - 1]
        .into_iter()
        .chain((0..20).map(|_| rng.gen_range(1..latency)))
        .collect();
    for gap in gaps {
        bench.start(&BigUint::from(rng.gen::<u128>()));
        for _ in 1..gap {
            assert_eq!(bench.y(), held);
            bench.tick(1);
        }
        assert_eq!(bench.y(), held, "before the restart after {gap}");
    }
    bench.start(&last);
    for _ in 1..latency {
        assert_eq!(bench.y(), held, "an abandoned inversion gave a result");
        bench.tick(1);
    }
    assert_eq!(bench.y(), expected);

    // Reset abandons too.
    bench.start(&first);
    bench.tick(latency / 2);
    bench.model.set(bench.rst, 1);
    bench.tick(1);
    bench.model.set(bench.rst, 0);
    bench.tick(2 * latency);
    assert_eq!(bench.y(), expected, "reset");
}
