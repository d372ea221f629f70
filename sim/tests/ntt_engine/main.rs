//! The NTT engine in Verilog: passes against the model, chains of passes against arkworks, errors and cancellation, and
//! its rate.

mod bench;
mod errors;
#[path = "../ports/mod.rs"]
mod ports;
mod rate;

use ark_bn254::Fr;
use ark_ff::{BigInteger, FftField, One, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use bench::{Bench, Command, Outcome};
use num_bigint::BigUint;
use permafrost_abi::Status;
use permafrost_rtl::{
    field::Field,
    ntt::{
        block::Shape,
        model::{Order, Pass, Residues, Transform},
    },
    target::Target,
};
use ports::Memory;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BYTES: usize = 1 << 18;
/// Where the sources, the destinations and the parameters are: there is room before and behind each.
const SOURCE: u64 = 0x1000;
const DESTINATION: u64 = 0x20040;
const PARAMS: u64 = 0x3f000;

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0022);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

fn residue(x: &Fr) -> BigUint {
    BigUint::from_bytes_le(&x.0.to_bytes_le())
}

fn element(rng: &mut ChaCha8Rng) -> BigUint {
    match rng.gen_range(0..12) {
        0 => BigUint::ZERO,
        1 => Field::fr().p - 1u32,
        2 => Field::fr().one(),
        _ => residue(&Fr::rand(rng)),
    }
}

fn root(log: u32) -> BigUint {
    residue(&Fr::get_root_of_unity(1 << log).expect("2-adicity 28"))
}

/// A pass with factors of all kinds; `reversed` in and out are taken where the pass allows them.
fn pass(rng: &mut ChaCha8Rng, [log_before, log_len, log_after]: [u32; 3], reversed: [bool; 2]) -> Pass {
    let order = |reversed| if reversed { Order::BitReversed } else { Order::Natural };
    let plain = rng.gen_bool(0.3);
    let mut factor = || if plain { Field::fr().one() } else { element(rng) };
    Pass {
        log_before,
        log_len,
        log_after,
        omega: root(log_len),
        in_first: factor(),
        in_first_step: factor(),
        in_ratio: factor(),
        in_ratio_step: factor(),
        out_ratio: factor(),
        input: order(reversed[0] && log_before == 0),
        output: order(reversed[1] && log_after == 0),
    }
}

fn memory(rng: &mut ChaCha8Rng) -> Memory {
    [Memory::latency(1), Memory::latency(60), Memory::ROUGH, Memory { jitter: 2, ..Memory::ROUGH }]
        [rng.gen_range(0..4)]
}

/// A command for `pass` with a source of random elements and everything else at random; not enough room: a smaller batch.
fn command(rng: &mut ChaCha8Rng, b: &mut Bench, pass: Pass, batch: u32) -> Command {
    rng.fill_bytes(&mut b.memory);
    let n = 1u64 << (pass.log_before + pass.log_len + pass.log_after);
    let stride = (32 * n).next_multiple_of(64) + 64 * rng.gen_range(0..3);
    let batch = batch.min(((PARAMS - DESTINATION) / stride) as u32);
    assert!(batch > 0, "2^{} elements are too many", n.ilog2());
    let in_place = pass.log_before == 0 && (pass.log_after == 0 || pass.input == Order::Natural);
    let destination = if in_place && rng.gen() { SOURCE } else { DESTINATION };
    let stride = if batch == 1 { 0 } else { stride };
    for k in 0..u64::from(batch) {
        for i in 0..n {
            b.put(SOURCE + k * stride + 32 * i, &element(rng));
        }
    }
    b.put_params(PARAMS, &pass);
    Command { source: SOURCE, destination, params: PARAMS, stride, batch, pass }
}

/// Memory after `cmd`.
fn expected(b: &mut Bench, golden: &Residues, cmd: &Command) -> Vec<u8> {
    let before = b.memory.clone();
    let n = 1u64 << (cmd.pass.log_before + cmd.pass.log_len + cmd.pass.log_after);
    for k in 0..u64::from(cmd.batch) {
        let x: Vec<_> = (0..n).map(|i| b.element(cmd.source + k * cmd.stride + 32 * i)).collect();
        for (i, y) in (0..).zip(golden.pass(&cmd.pass, &x)) {
            b.put(cmd.destination + k * cmd.stride + 32 * i, &y);
        }
    }
    std::mem::replace(&mut b.memory, before)
}

fn check(b: &mut Bench, golden: &Residues, cmd: &Command, m: &Memory) -> Outcome {
    let after = expected(b, golden, cmd);
    let o = b.run(cmd, m);
    assert_eq!((o.status, o.addr, o.info), (Status::Success as u64, 0, 0), "{cmd:?}");
    if let Some(at) = (0..after.len()).find(|&i| after[i] != b.memory[i]) {
        panic!("memory differs first at {at:#x}: {m:?} {cmd:?}");
    }
    o
}

/// Every kind of pass, in every order, in batches of 1 to 5.
fn passes(max_log: usize, lanes: usize) {
    let (rng, golden) = (&mut rng(), Residues::new(Field::fr()));
    let mut b = Bench::new(&Shape::new(Target::Generic, max_log, lanes), BYTES, rng.gen());
    let most = max_log as u32;
    let mut kinds: Vec<[u32; 3]> = (0..=most).map(|len| [0, len, 0]).collect();
    for len in 1..most {
        let other = |rng: &mut ChaCha8Rng| rng.gen_range(1..=most.min(9 - len));
        kinds.extend([[0, len, other(rng)], [other(rng), len, 0]]);
        let before = rng.gen_range(1..=3);
        kinds.push([before, len, rng.gen_range(1..=(11 - len - before).min(4))]);
    }
    for kind in kinds {
        for reversed in [[false, false], [true, false], [false, true], [true, true]] {
            let batch = rng.gen_range(1..=5);
            let pass = pass(rng, kind, reversed);
            let cmd = command(rng, &mut b, pass, batch);
            let m = memory(rng);
            check(&mut b, &golden, &cmd, &m);
        }
    }
    // Batches of short ones: several tiles, the last one partial.
    for (len, batch) in [(0, 1), (0, 5), (0, 100), (1, 77), (2, 33), (3, 16), (3, 21)] {
        let reversed = [rng.gen(), rng.gen()];
        let pass = pass(rng, [0, len, 0], reversed);
        let cmd = command(rng, &mut b, pass, batch);
        let m = memory(rng);
        check(&mut b, &golden, &cmd, &m);
    }
}

#[test]
fn passes_of_one_lane() {
    passes(6, 1);
}

#[test]
fn passes_of_two_lanes() {
    passes(7, 2);
}

/// Forward, inverse and coset transforms, whole and in two and three passes, equal arkworks'.
#[test]
fn chains_of_passes_are_transforms() {
    let (rng, golden) = (&mut rng(), Residues::new(Field::fr()));
    let mut b = Bench::new(&Shape::new(Target::Generic, 6, 1), BYTES, rng.gen());
    for lens in [&[6][..], &[4, 4], &[5, 3], &[1, 5], &[3, 3, 4], &[1, 2, 1], &[2, 5, 3]] {
        let log_n: u32 = lens.iter().sum();
        let shift = Fr::rand(rng);
        for coset in [Fr::one(), shift] {
            let domain =
                Radix2EvaluationDomain::<Fr>::new(1usize << log_n).unwrap().get_coset(coset).unwrap();
            let x: Vec<Fr> = (0..1 << log_n).map(|_| Fr::rand(rng)).collect();
            let (omega, shift) = (root(log_n), residue(&coset));
            let forward = (golden.forward(log_n, &omega, &shift), domain.fft(&x));
            let inverse = (golden.backward(log_n, &omega, &shift), domain.ifft(&x));
            for (transform, wanted) in [forward, inverse] {
                let orders = [Order::Natural, Order::BitReversed];
                let (input, output) = (orders[rng.gen_range(0..2)], orders[rng.gen_range(0..2)]);
                let t = Transform { input, output, ..transform };
                chain(rng, &mut b, &golden, &t, lens, [&x, &wanted]);
            }
        }
    }
}

fn chain(
    rng: &mut ChaCha8Rng,
    b: &mut Bench,
    golden: &Residues,
    t: &Transform,
    lens: &[u32],
    [x, wanted]: [&[Fr]; 2],
) {
    let place = |order, i: usize| {
        32 * match order {
            Order::Natural => i,
            Order::BitReversed => permafrost_rtl::ntt::model::reverse(i, t.log_n),
        } as u64
    };
    for (i, x) in x.iter().enumerate() {
        b.put(SOURCE + place(t.input, i), &residue(x));
    }
    let mut buffers = [SOURCE, DESTINATION];
    for pass in golden.plan(t, lens) {
        b.put_params(PARAMS, &pass);
        let cmd = Command {
            source: buffers[0],
            destination: buffers[1],
            params: PARAMS,
            stride: 0,
            batch: 1,
            pass,
        };
        let o = b.run(&cmd, &memory(rng));
        assert_eq!(o.status, Status::Success as u64);
        buffers.swap(0, 1);
    }
    for (i, y) in wanted.iter().enumerate() {
        assert_eq!(b.element(buffers[0] + place(t.output, i)), residue(y), "{i} of {lens:?} {t:?}");
    }
}
