//! The transform engine in Verilog against its model: every size, both forms, factors, stalls on both sides, tables of several
//! roots; and the clocks of a stream of blocks against the bound.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::Field,
    hdl::Design,
    ntt::{
        block::{block, Shape},
        model::{Powers, Residues},
    },
    target::Target,
};
use permafrost_sim::verilated::{Model, PortId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

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

/// What the engine is told and given.
enum Command {
    /// Twiddles of a root of order 2^log.
    Table {
        omega: BigUint,
        log: u32,
    },
    Block {
        dit: bool,
        log: u32,
        factors: Powers,
        data: Vec<BigUint>,
    },
}

struct Bench {
    golden: Residues,
    field: Field,
    shape: Shape,
    model: Model,
    rst: PortId,
    cmd: [PortId; 7],
    input: [PortId; 3],
    output: [PortId; 4],
}

impl Bench {
    fn new(target: Target, max_log: usize, lanes: usize) -> Bench {
        let (field, shape) = (Field::fr(), Shape::new(target, max_log, lanes));
        let model = Model::new(&Design::elaborate(&block(&shape)).unwrap()).unwrap();
        let port = |name: &str| model.port(name).unwrap();
        let cmd =
            ["cmd_valid", "cmd_ready", "cmd_table", "cmd_dit", "cmd_log", "cmd_first", "cmd_ratio"].map(port);
        let input = ["in_valid", "in_ready", "in_data"].map(port);
        let output = ["out_valid", "out_ready", "out_data", "out_last"].map(port);
        let rst = port("rst");
        let golden = Residues::new(field.clone());
        let mut bench = Bench { golden, field, shape, model, rst, cmd, input, output };
        bench.reset();
        bench
    }

    fn reset(&mut self) {
        for idle in [self.cmd[0], self.input[0], self.output[1]] {
            self.model.set(idle, 0);
        }
        self.model.set(self.rst, 1);
        self.model.tick(3).unwrap();
        self.model.set(self.rst, 0);
    }

    /// Blocks of 2^log elements for `clocks` clocks, then a reset.
    fn abort(&mut self, log: u64, clocks: u64) {
        self.put_command(Some(&self.table(2, 1)));
        self.model.set(self.cmd[0], 1);
        self.model.tick(1).unwrap();
        self.model.set(self.cmd[2], 0);
        self.model.set(self.cmd[4], log);
        self.model.set(self.input[0], 1);
        self.model.set(self.output[1], clocks & 1);
        self.model.tick(clocks).unwrap();
        self.reset();
    }

    /// A root of order 2^log; `odd` chooses among them.
    fn root(&self, log: u32, odd: usize) -> BigUint {
        // 5 generates the multiplicative group of Fr.
        let five = self.golden.integer(5);
        let exponent = (&self.field.p - 1u32) >> log;
        let one = self.golden.one();
        let root = (0..exponent.bits()).rev().fold(one, |acc, bit| {
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

    fn table(&self, log: u32, odd: usize) -> Command {
        Command::Table { omega: self.root(log, odd), log }
    }

    fn random(&self, rng: &mut ChaCha8Rng, dit: bool, log: u32) -> Command {
        let [first, ratio] = [(); 2].map(|_| element(rng, &self.field));
        let data = (0..1 << log).map(|_| element(rng, &self.field)).collect();
        Command::Block { dit, log, factors: Powers { first, ratio }, data }
    }

    /// Runs the commands, each side idle in a clock with probability `stall`; checks every result; the clock of each block's
    /// last result.
    fn run(&mut self, rng: &mut ChaCha8Rng, commands: &[Command], stall: [f64; 2]) -> Vec<u64> {
        let mut table = (BigUint::ZERO, 0);
        let mut expected = VecDeque::new();
        for command in commands {
            match command {
                Command::Table { omega, log } => table = (omega.clone(), *log),
                Command::Block { dit, log, factors, data } => {
                    let omega = self.golden.pow(&table.0, 1 << (table.1 - log));
                    let block = if *dit {
                        self.golden.dit(&omega, factors, data)
                    } else {
                        self.golden.dif(&omega, factors, data)
                    };
                    let end = block.len() - 1;
                    expected.extend(block.into_iter().enumerate().map(|(i, v)| (v, i == end)));
                }
            }
        }
        let mut data = commands
            .iter()
            .filter_map(|c| match c {
                Command::Block { data, .. } => Some(data),
                Command::Table { .. } => None,
            })
            .flatten();
        let (mut pending, mut commands) = (data.next(), commands.iter());
        let mut command = commands.next();
        self.put_command(command);
        self.put_element(pending);
        let [in_valid, in_ready, _] = self.input;
        let [out_valid, out_ready, out_data, out_last] = self.output;
        let (mut ends, mut quiet) = (vec![], 0);
        while !expected.is_empty() {
            // What is offered stays until it is taken.
            let offered = pending.is_some() && (self.model.get(in_valid) == 1 || !rng.gen_bool(stall[0]));
            self.model.set(in_valid, u64::from(offered));
            self.model.set(self.cmd[0], u64::from(command.is_some()));
            let taking = !rng.gen_bool(stall[1]);
            self.model.set(out_ready, u64::from(taking));
            self.model.eval().unwrap();
            let took_command = command.is_some() && self.model.get(self.cmd[1]) == 1;
            let took_element = offered && self.model.get(in_ready) == 1;
            quiet += 1;
            if self.model.get(out_valid) == 1 && taking {
                let mut bytes = [0; 32];
                self.model.get_bytes(out_data, &mut bytes);
                let (value, last) = expected.pop_front().expect("results are left");
                let left = expected.len();
                assert_eq!(BigUint::from_bytes_le(&bytes), value, "{:?}, {left} after it", self.shape);
                assert_eq!(self.model.get(out_last) == 1, last, "{:?}: last, {left} after it", self.shape);
                if last {
                    ends.push(self.model.clocks());
                }
                quiet = 0;
            }
            assert!(quiet < 200_000, "{:?}: no result for long, {} left", self.shape, expected.len());
            self.model.tick(1).unwrap();
            if took_command {
                command = commands.next();
                self.put_command(command);
            }
            if took_element {
                pending = data.next();
                self.put_element(pending);
                self.model.set(in_valid, 0);
            }
        }
        self.model.set(self.cmd[0], 0);
        self.model.set(out_ready, 1);
        for _ in 0..50 {
            self.model.eval().unwrap();
            assert_eq!(self.model.get(out_valid), 0, "{:?}: a result too many", self.shape);
            self.model.tick(1).unwrap();
        }
        ends
    }

    fn put_command(&mut self, command: Option<&Command>) {
        let [_, _, table, dit, log, first, ratio] = self.cmd;
        let mut put = |flags: [bool; 2], bits: u32, values: [&BigUint; 2]| {
            self.model.set(table, u64::from(flags[0]));
            self.model.set(dit, u64::from(flags[1]));
            self.model.set(log, u64::from(bits));
            self.model.set_bytes(first, &values[0].to_bytes_le());
            self.model.set_bytes(ratio, &values[1].to_bytes_le());
        };
        match command {
            Some(Command::Table { omega, log }) => put([true, false], *log, [&self.field.one(), omega]),
            Some(Command::Block { dit, log, factors, .. }) => {
                put([false, *dit], *log, [&factors.first, &factors.ratio])
            }
            None => {}
        }
    }

    fn put_element(&mut self, element: Option<&BigUint>) {
        if let Some(value) = element {
            self.model.set_bytes(self.input[2], &value.to_bytes_le());
        }
    }
}

/// Every size in both forms, alone, back to back and mixed, under stalls; then another root, of smaller order; then a
/// reset at any time.
fn everything(target: Target, max_log: usize, lanes: usize) {
    let (mut bench, rng) = (Bench::new(target, max_log, lanes), &mut rng());
    let max = max_log as u32;
    for (stall, small) in [([0.0, 0.0], false), ([0.5, 0.2], true), ([0.1, 0.6], true), ([0.9, 0.9], false)] {
        let order = if small { max - 1 } else { max };
        let mut commands = vec![bench.table(order, rng.gen_range(0..1 << max))];
        for log in 0..=order {
            for dit in [false, true, true, false] {
                commands.push(bench.random(rng, dit, log));
            }
        }
        for _ in 0..24 {
            let (dit, log) = (rng.gen(), rng.gen_range(0..=order));
            commands.push(bench.random(rng, dit, log));
        }
        // A new root while blocks of the old one are under way.
        commands.push(bench.table(2, 3));
        for log in [2, 0, 1, 2] {
            commands.push(bench.random(rng, log == 1, log));
        }
        bench.run(rng, &commands, stall);
        bench.abort(u64::from(order), rng.gen_range(0..1500));
    }
}

/// Clocks a block in a stream of blocks of one size, against n/2 log2(n) / lanes.
fn rate(bench: &mut Bench, log: u32, dit: bool) -> f64 {
    let rng = &mut rng();
    let mut commands = vec![bench.table(log.max(1), 1)];
    let blocks = 7;
    commands.extend((0..blocks).map(|_| bench.random(rng, dit, log)));
    let ends = bench.run(rng, &commands, [0.0, 0.0]);
    let clocks = (ends[blocks - 1] - ends[2]) as f64 / (blocks - 3) as f64;
    let bound = ((1u64 << log) / 2 * u64::from(log)) as f64 / bench.shape.lanes as f64;
    let form = if dit { "DIT" } else { "DIF" };
    let (target, lanes) = (bench.shape.target.name(), bench.shape.lanes);
    println!(
        "{target}, {lanes} lanes, {form} 2^{log}: {clocks} clocks a block, bound {bound}, ratio {:.3}",
        bound / clocks
    );
    bound / clocks
}

#[test]
fn one_lane() {
    everything(Target::Generic, 7, 1);
}

/// As few rows as there may be.
#[test]
fn smallest() {
    everything(Target::Generic, 2, 1);
    everything(Target::Generic, 5, 8);
}

#[test]
fn two_lanes() {
    everything(Target::Generic, 8, 2);
}

#[test]
fn four_lanes() {
    everything(Target::Generic, 9, 4);
}

#[test]
fn rate_of_one_lane() {
    let mut bench = Bench::new(Target::Generic, 12, 1);
    for log in 1..=12 {
        let ratios = [false, true].map(|dit| rate(&mut bench, log, dit));
        assert!(log < 8 || ratios.iter().all(|r| *r >= 0.95), "2^{log}: {ratios:?}");
    }
}

#[test]
fn rate_of_four_lanes() {
    let mut bench = Bench::new(Target::Generic, 12, 4);
    for log in [6, 8, 9, 10, 11, 12] {
        let ratios = [false, true].map(|dit| rate(&mut bench, log, dit));
        assert!(log < 10 || ratios.iter().all(|r| *r >= 0.95), "2^{log}: {ratios:?}");
    }
}

#[test]
fn xcup() {
    everything(Target::Xcup, 6, 2);
}
