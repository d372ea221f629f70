//! Clocks and memory traffic: of a transform in two passes against the bound, and of short commands.
//!
//! The bound of a command is the longer of its butterflies, all lanes busy, and its elements, one a clock. Beyond it a command
//! takes what the first tile needs to enter and the last to leave, and two latencies with the start of the core.

use super::{
    bench::{Bench, Command, Outcome},
    pass, residue, rng, root, Memory,
};
use ark_bn254::Fr;
use ark_ff::UniformRand;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use permafrost_abi::Status;
use permafrost_rtl::{
    field::Field,
    ntt::{
        block::Shape,
        model::{Order, Residues},
    },
    target::Target,
};
use rand::Rng;

const MEMORY: Memory = Memory::latency(60);
/// Clocks of a command that has next to nothing to do, with the memory's latency for the parameters and for the answer.
const START: u64 = 600;

/// Runs `cmd`; tiles have `tile` elements.
fn measure(b: &mut Bench, lanes: u64, cmd: &Command, tile: u64) -> Outcome {
    let logs = [cmd.pass.log_before, cmd.pass.log_len, cmd.pass.log_after];
    let elements = u64::from(cmd.batch) << logs.iter().sum::<u32>();
    let o = b.run(cmd, &MEMORY);
    assert_eq!(o.status, Status::Success as u64);
    assert_eq!(o.butterflies, elements * u64::from(logs[1]) / 2);
    let bound = (o.butterflies / lanes).max(elements);
    println!(
        "{lanes} lanes, {} of {logs:?}: {} clocks, bound {bound}, ratio {:.3}; stall in {}, out {}; beats {} + {}",
        cmd.batch,
        o.clocks,
        bound as f64 / o.clocks as f64,
        o.stall_in,
        o.stall_out,
        o.beats_read,
        o.beats_written
    );
    assert!(o.clocks <= bound + 2 * tile + START, "{logs:?} takes {} clocks, bound {bound}", o.clocks);
    o
}

/// A transform of 2^(2 log_len) elements.
fn two_passes(max_log: usize, lanes: usize, log_len: u32) {
    let (rng, golden) = (&mut rng(), Residues::new(Field::fr()));
    let (log_n, n) = (2 * log_len, 1u64 << (2 * log_len));
    let (buffers, params) = ([0, 32 * n], 64 * n);
    let mut b = Bench::new(&Shape::new(Target::Generic, max_log, lanes), params as usize + 4096, rng.gen());
    let x: Vec<Fr> = (0..n).map(|_| Fr::rand(rng)).collect();
    for (at, x) in (0..).step_by(32).zip(&x) {
        b.put(at, &residue(x));
    }
    let transform = golden.forward(log_n, &root(log_n), &golden.one());
    let mut clocks = 0;
    for (pass, [source, destination]) in
        golden.plan(&transform, &[log_len; 2]).into_iter().zip([buffers, [buffers[1], buffers[0]]])
    {
        b.put_params(params, &pass);
        let cmd = Command { source, destination, params, stride: 0, batch: 1, pass };
        let o = measure(&mut b, lanes as u64, &cmd, 1 << max_log);
        // Every element once in each direction, two a beat, and the parameters.
        assert_eq!((o.beats_read, o.beats_written), (n / 2 + 3, n / 2));
        clocks += o.clocks;
    }
    println!("{lanes} lanes: {clocks} clocks for 2^{log_n}");
    let wanted = Radix2EvaluationDomain::<Fr>::new(n as usize).expect("a domain").fft(&x);
    for (at, y) in (0..).step_by(32).zip(&wanted) {
        assert_eq!(b.element(at), residue(y), "element {}", at / 32);
    }
}

#[test]
fn rate_of_one_lane() {
    two_passes(12, 1, 9);
}

#[test]
fn rate_of_four_lanes() {
    two_passes(12, 4, 9);
}

/// An element a clock is the bound here, in runs of 256 bytes.
#[test]
fn rate_of_eight_lanes() {
    two_passes(11, 8, 8);
}

/// Tiles of 2^10 elements when there are few, of one transform when they are that long.
#[test]
fn rate_of_short_commands() {
    let rng = &mut rng();
    let mut b = Bench::new(&Shape::new(Target::Generic, 12, 1), 1 << 22, rng.gen());
    let (source, destination, params) = (0, 1 << 21, 1 << 20);
    for (kind, batch, tile) in [
        ([0, 0, 0], 1, 1),
        ([0, 0, 0], 4000, 1 << 10),
        ([0, 4, 0], 1024, 1 << 10),
        ([0, 8, 0], 20, 1 << 10),
        ([0, 7, 6], 1, 1 << 10),
        ([7, 6, 0], 1, 1 << 10),
        ([3, 4, 5], 1, 1 << 10),
        ([0, 12, 0], 2, 1 << 12),
    ] {
        let bytes = 32u64 << kind.iter().sum::<u32>();
        let stride = if batch == 1 { 0 } else { bytes.next_multiple_of(64) };
        let pass = pass(rng, kind, [false, false]);
        assert_eq!((pass.input, pass.output), (Order::Natural, Order::Natural));
        b.put_params(params, &pass);
        measure(&mut b, 1, &Command { source, destination, params, stride, batch, pass }, tile);
    }
}
