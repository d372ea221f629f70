//! The tile core in Verilog against the model: every size, order and row mode, stalls on both sides, short last tiles, wrong
//! roots, resets; and the clocks of many tiles against the bound of the butterflies.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::Field,
    hdl::Design,
    ntt::{
        block::{block, Shape},
        model::{reverse, Order, Pass, Residues},
    },
    target::Target,
};
use permafrost_sim::verilated::{Model, PortId};
use rand::{seq::SliceRandom, Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0013);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

fn element(rng: &mut ChaCha8Rng, field: &Field) -> BigUint {
    match rng.gen_range(0..16) {
        0 => BigUint::ZERO,
        1 => &field.p - 1u32,
        2 => field.one(),
        _ => BigUint::from_bytes_le(&rng.gen::<[u8; 32]>()) % &field.p,
    }
}

/// How a side goes through a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Interleaved,
    Contiguous,
    Reversed,
}

impl Side {
    /// Transform and place of each element, in order.
    fn walk(self, transforms: usize, log_len: u32) -> Vec<(usize, usize)> {
        let len = 1 << log_len;
        match self {
            Side::Interleaved => (0..len).flat_map(|l| (0..transforms).map(move |t| (t, l))).collect(),
            Side::Contiguous => (0..transforms).flat_map(|t| (0..len).map(move |l| (t, l))).collect(),
            Side::Reversed => {
                (0..transforms).flat_map(|t| (0..len).map(move |p| (t, reverse(p, log_len)))).collect()
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Set {
    /// Sizes, root and factors; the rest of it is the sides'.
    pass: Pass,
    tile: u32,
    repeat: u32,
    tiles: usize,
    last: usize,
    input: Side,
    output: Side,
    row_mode: u64,
}

impl Set {
    /// Transforms of each tile.
    fn tiles(&self) -> impl Iterator<Item = usize> + '_ {
        (1..=self.tiles).map(|i| if i == self.tiles { self.last } else { 1 << self.tile })
    }

    /// Row of transform `t` of tile `tile`.
    fn row(&self, tile: usize, t: usize) -> usize {
        let unit = match self.row_mode {
            0 => 0,
            1 => (tile << self.tile) + t,
            _ => tile >> self.repeat,
        };
        unit % (1 << self.pass.log_before)
    }

    fn butterflies(&self) -> u64 {
        let size = self.pass.log_len + self.tile;
        let stages = self.tiles as u64 * u64::from(self.pass.log_len);
        (stages << size) / 2
    }
}

/// What became of a set.
struct Run {
    /// Clocks from the one in which it is taken to `done`.
    clocks: u64,
    /// The clock in which each tile's last result was taken.
    ends: Vec<u64>,
}

struct Bench {
    golden: Residues,
    field: Field,
    shape: Shape,
    model: Model,
    rst: PortId,
    set_valid: PortId,
    input: [PortId; 3],
    output: [PortId; 3],
    state: [PortId; 3],
    events: [PortId; 3],
}

impl Bench {
    fn new(target: Target, max_log: usize, lanes: usize) -> Bench {
        let (field, shape) = (Field::fr(), Shape::new(target, max_log, lanes));
        let model = Model::new(&Design::elaborate(&block(&shape)).unwrap()).unwrap();
        let port = |name: &str| model.port(name).unwrap();
        let input = ["in_valid", "in_ready", "in_data"].map(port);
        let output = ["out_valid", "out_ready", "out_data"].map(port);
        let state = ["set_ready", "done", "bad_root"].map(port);
        let events = ["ev_butterflies", "ev_stall_in", "ev_stall_out"].map(port);
        let (rst, set_valid) = (port("rst"), port("set_valid"));
        let golden = Residues::new(field.clone());
        let mut bench = Bench { golden, field, shape, model, rst, set_valid, input, output, state, events };
        bench.reset();
        bench
    }

    fn reset(&mut self) {
        for idle in [self.set_valid, self.input[0], self.output[1]] {
            self.model.set(idle, 0);
        }
        self.model.set(self.rst, 1);
        self.model.tick(3).unwrap();
        self.model.set(self.rst, 0);
        self.model.eval().unwrap();
        assert_eq!([self.state[0], self.state[1], self.output[0]].map(|p| self.model.get(p)), [1, 1, 0]);
    }

    /// A root of order 2^log; `odd` chooses among them.
    fn root(&self, log: u32, odd: usize) -> BigUint {
        // 5 generates the multiplicative group of Fr.
        let five = self.golden.integer(5);
        let exponent = (&self.field.p - 1u32) >> log;
        let root = (0..exponent.bits()).rev().fold(self.golden.one(), |acc, bit| {
            let square = self.golden.mul(&acc, &acc);
            if exponent.bit(bit) {
                self.golden.mul(&square, &five)
            } else {
                square
            }
        });
        let root = self.golden.pow(&root, odd | 1);
        assert!(self.golden.is_root(&root, log));
        root
    }

    /// A set with random factors; each of them may be 1.
    fn set(&self, rng: &mut ChaCha8Rng, log_len: u32, tile: u32) -> Set {
        let mut factor =
            || if rng.gen_range(0..3) == 0 { self.golden.one() } else { element(rng, &self.field) };
        let [in_first, in_first_step, in_ratio, in_ratio_step, out_ratio] = std::array::from_fn(|_| factor());
        let pass = Pass {
            log_before: 0,
            log_len,
            log_after: 0,
            input: Order::Natural,
            output: Order::Natural,
            omega: self.root(log_len, rng.gen_range(0..64)),
            in_first,
            in_first_step,
            in_ratio,
            in_ratio_step,
            out_ratio,
        };
        let (input, output) = (Side::Contiguous, Side::Contiguous);
        Set { pass, tile, repeat: 0, tiles: 1, last: 1 << tile, input, output, row_mode: 0 }
    }

    /// A set of one of the kinds that there are.
    fn random(&self, rng: &mut ChaCha8Rng, log_len: u32, tile: u32) -> Set {
        let sides = [Side::Interleaved, Side::Contiguous, Side::Reversed];
        let mut set = self.set(rng, log_len, tile);
        set.tiles = rng.gen_range(1..=6);
        set.row_mode = rng.gen_range(0..3);
        set.output = *sides.choose(rng).expect("three");
        set.input = match set.row_mode {
            0 => *sides.choose(rng).expect("three"),
            1 => Side::Contiguous,
            _ => Side::Interleaved,
        };
        set.pass.log_before = rng.gen_range(0..4);
        set.repeat = rng.gen_range(0..2);
        if set.input != Side::Interleaved && set.output != Side::Interleaved && rng.gen() {
            set.last = rng.gen_range(1..=1 << tile);
        }
        set
    }

    fn put_set(&mut self, set: &Set) {
        let pass = &set.pass;
        let numbers = [
            ("len", u64::from(pass.log_len)),
            ("tile", u64::from(set.tile)),
            ("before", u64::from(pass.log_before)),
            ("repeat", u64::from(set.repeat)),
            ("tiles", set.tiles as u64),
            ("last", set.last as u64),
            ("in_interleaved", u64::from(set.input == Side::Interleaved)),
            ("in_reversed", u64::from(set.input == Side::Reversed)),
            ("out_interleaved", u64::from(set.output == Side::Interleaved)),
            ("out_reversed", u64::from(set.output == Side::Reversed)),
            ("row_mode", set.row_mode),
        ];
        for (name, value) in numbers {
            let port = self.model.port(&format!("set_{name}")).unwrap();
            self.model.set(port, value);
        }
        let elements = [
            ("omega", &pass.omega),
            ("in_first", &pass.in_first),
            ("in_first_step", &pass.in_first_step),
            ("in_ratio", &pass.in_ratio),
            ("in_ratio_step", &pass.in_ratio_step),
            ("out_ratio", &pass.out_ratio),
        ];
        for (name, value) in elements {
            let port = self.model.port(&format!("set_{name}")).unwrap();
            self.model.set_bytes(port, &value.to_bytes_le());
        }
    }

    /// The set is taken; what is at its inputs afterwards does not matter.
    fn begin(&mut self, rng: &mut ChaCha8Rng, set: &Set) {
        self.put_set(set);
        self.model.set(self.set_valid, 1);
        self.model.eval().unwrap();
        assert_eq!(self.model.get(self.state[0]), 1, "{set:?}: not taken");
        self.model.tick(1).unwrap();
        self.model.set(self.set_valid, 0);
        self.put_set(&self.set(rng, 1, 0));
    }

    /// Runs the set on random elements, each side idle in a clock with probability `stall`, and checks every result. After
    /// `give_up` clocks it is left where it is: no run.
    fn run(&mut self, rng: &mut ChaCha8Rng, set: &Set, stall: [f64; 2], give_up: u64) -> Option<Run> {
        let (mut given, mut expected, mut ends_after) = (vec![], vec![], vec![]);
        for (tile, transforms) in set.tiles().enumerate() {
            let x: Vec<Vec<_>> = (0..transforms)
                .map(|_| (0..1 << set.pass.log_len).map(|_| element(rng, &self.field)).collect())
                .collect();
            let row = |(t, x): (usize, &Vec<_>)| self.golden.row(&set.pass, set.row(tile, t), x);
            let y: Vec<_> = x.iter().enumerate().map(row).collect();
            let walk = |side: Side| side.walk(transforms, set.pass.log_len);
            given.extend(walk(set.input).iter().map(|&(t, l)| x[t][l].to_bytes_le()));
            expected.extend(walk(set.output).iter().map(|&(t, l)| y[t][l].clone()));
            ends_after.push(expected.len());
        }
        let start = self.model.clocks();
        self.begin(rng, set);
        let [in_valid, in_ready, in_data] = self.input;
        let [out_valid, out_ready, out_data] = self.output;
        let (mut taken, mut left, mut butterflies, mut quiet, mut ends) = (0, 0, 0, 0, vec![]);
        self.model.set(in_valid, 0);
        loop {
            // What is offered stays until it is taken; after the last element another is offered, in vain.
            let offered = self.model.get(in_valid) == 1 || !rng.gen_bool(stall[0]);
            if offered && self.model.get(in_valid) == 0 {
                self.model.set_bytes(in_data, given.get(taken).unwrap_or(&vec![7]));
            }
            self.model.set(in_valid, u64::from(offered));
            let taking = !rng.gen_bool(stall[1]);
            self.model.set(out_ready, u64::from(taking));
            self.model.eval().unwrap();
            let [ready, valid] = [in_ready, out_valid].map(|p| self.model.get(p) == 1);
            let events = self.events.map(|p| self.model.get(p));
            assert_eq!(events[1..], [u64::from(ready && !offered), u64::from(valid && !taking)], "{set:?}");
            butterflies += events[0];
            quiet += 1;
            if self.model.get(self.state[1]) == 1 {
                break;
            }
            if valid && taking {
                let mut bytes = [0; 32];
                self.model.get_bytes(out_data, &mut bytes);
                let shape = &self.shape;
                assert_eq!(
                    Some(&BigUint::from_bytes_le(&bytes)),
                    expected.get(left),
                    "{left} of {set:?}, {shape:?}"
                );
                left += 1;
                if ends_after.contains(&left) {
                    ends.push(self.model.clocks());
                }
                quiet = 0;
            }
            assert!(quiet < 200_000, "{:?}: no result for long, {left} of {set:?}", self.shape);
            self.model.tick(1).unwrap();
            if offered && ready {
                taken += 1;
                assert!(taken <= given.len(), "{:?}: an element too many taken: {set:?}", self.shape);
                self.model.set(in_valid, 0);
            }
            if self.model.clocks() - start > give_up {
                return None;
            }
        }
        assert_eq!((taken, left), (given.len(), expected.len()), "{:?}: done: {set:?}", self.shape);
        assert_eq!(self.model.get(self.state[2]), 0, "{set:?}: bad root");
        assert_eq!(butterflies, set.butterflies(), "{set:?}");
        Some(Run { clocks: self.model.clocks() - start, ends })
    }

    /// Omega has another order than 2^len: nothing happens.
    fn refuse(&mut self, rng: &mut ChaCha8Rng, mut set: Set) {
        let log_len = set.pass.log_len;
        let root = |log| self.root(log, 1);
        let mut wrong = vec![root(log_len + 1), BigUint::ZERO, element(rng, &self.field)];
        wrong.extend(log_len.checked_sub(1).map(root));
        wrong.retain(|omega| !self.golden.is_root(omega, log_len));
        set.pass.omega = wrong.choose(rng).expect("one").clone();
        self.begin(rng, &set);
        self.model.set(self.input[0], 1);
        self.model.set(self.output[1], 1);
        for clock in 0.. {
            self.model.eval().unwrap();
            for port in [self.input[1], self.output[0]] {
                assert_eq!(self.model.get(port), 0, "{set:?}: an element in or out");
            }
            if self.model.get(self.state[1]) == 1 {
                break;
            }
            assert!(clock < 2000, "{set:?}: not refused");
            self.model.tick(1).unwrap();
        }
        assert_eq!(self.model.get(self.state[2]), 1, "{set:?}: not refused");
    }
}

/// Every size of tiles of up to 2^max elements, then any; between them wrong roots and resets.
fn everything(bench: &mut Bench, max: u32, sets: usize) {
    let rng = &mut rng();
    let every = (0..=max).flat_map(|len| (0..=max - len).map(move |tile| (len, tile)));
    let mut sizes: Vec<_> = every.collect();
    for _ in 0..sets {
        let len = rng.gen_range(0..=max);
        sizes.push((len, rng.gen_range(0..=max - len)));
    }
    for (len, tile) in sizes {
        let set = bench.random(rng, len, tile);
        let stall = *[[0.0, 0.0], [0.5, 0.2], [0.1, 0.6], [0.8, 0.8]].choose(rng).expect("four");
        match rng.gen_range(0..6) {
            0 => bench.refuse(rng, set.clone()),
            1 => {
                let clocks = rng.gen_range(0..2000);
                if bench.run(rng, &set, stall, clocks).is_none() {
                    bench.reset();
                }
            }
            _ => {}
        }
        bench.run(rng, &set, stall, u64::MAX);
    }
}

/// As few rows as there may be.
#[test]
fn smallest() {
    everything(&mut Bench::new(Target::Generic, 2, 1), 2, 300);
}

#[test]
#[ignore = "builds for a minute: make test-ntt"]
fn eight_lanes() {
    everything(&mut Bench::new(Target::Generic, 5, 8), 5, 300);
}

#[test]
fn two_lanes() {
    everything(&mut Bench::new(Target::Generic, 6, 2), 6, 300);
}

#[test]
#[ignore = "builds for a minute: make test-ntt"]
fn xcup() {
    everything(&mut Bench::new(Target::Xcup, 5, 2), 5, 60);
}

/// Prints the clocks of a set and of its later tiles, against the butterflies' bound; the ratios of both.
fn rate(bench: &mut Bench, what: &str, set: &Set) -> [f64; 2] {
    let Run { clocks, ends } = bench.run(&mut rng(), set, [0.0, 0.0], u64::MAX).expect("a run");
    let bound = set.butterflies() as f64 / bench.shape.lanes as f64 / set.tiles as f64;
    let skip = 3;
    let later = (ends[set.tiles - 1] - ends[skip - 1]) as f64 / (set.tiles - skip) as f64;
    let ratios = [bound * set.tiles as f64 / clocks as f64, bound / later];
    println!(
        "{}, {} lanes, {what}: {} tiles of 2^{} x 2^{}: {clocks} clocks in all, ratio {:.3}; {later:.1} a tile, bound {bound}, \
         ratio {:.3}",
        bench.shape.target.name(),
        bench.shape.lanes,
        set.tiles,
        set.tile,
        set.pass.log_len,
        ratios[0],
        ratios[1],
    );
    ratios
}

/// Sixteen transforms that are a tile each, with tables on both sides.
fn whole(bench: &Bench) -> Set {
    let mut set = bench.set(&mut rng(), 12, 0);
    set.tiles = 16;
    set.pass.in_ratio = bench.golden.integer(7);
    set.pass.out_ratio = bench.golden.integer(11);
    set
}

/// The last pass of a large transform: rows side by side, with factors of their own.
fn rows(bench: &Bench) -> Set {
    let mut set = bench.set(&mut rng(), 9, 3);
    set.tiles = 8;
    set.row_mode = 1;
    set.pass.log_before = 20;
    set.output = Side::Interleaved;
    set
}

/// The pass before: columns side by side.
fn columns(bench: &Bench) -> Set {
    let mut set = rows(bench);
    set.row_mode = 2;
    set.input = Side::Interleaved;
    set
}

#[test]
fn one_lane() {
    let mut bench = Bench::new(Target::Generic, 12, 1);
    everything(&mut bench, 7, 300);
    let rng = &mut rng();
    for (len, tile) in [(12, 0), (7, 5), (0, 12)] {
        let set = bench.random(rng, len, tile);
        bench.run(rng, &set, [0.1, 0.1], u64::MAX);
    }
    let set = whole(&bench);
    assert!(rate(&mut bench, "whole", &set)[0] >= 0.96);
    for (what, set) in [("rows", rows(&bench)), ("columns", columns(&bench))] {
        assert!(rate(&mut bench, what, &set)[1] >= 0.99, "{what}");
    }
}

#[test]
fn four_lanes() {
    let mut bench = Bench::new(Target::Generic, 12, 4);
    everything(&mut bench, 8, 150);
    for (what, mut set) in [("whole", whole(&bench)), ("rows", rows(&bench)), ("columns", columns(&bench))] {
        set.tiles = 6;
        assert!(rate(&mut bench, what, &set)[1] >= 0.99, "{what}");
    }
}
