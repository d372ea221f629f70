//! Clocks and memory traffic of a transform of 2^18 elements in two passes of 2^9.

use super::{bench::Outcome, residue, rng, root, Bench, Command};
use crate::ports::Memory;
use ark_bn254::Fr;
use ark_ff::UniformRand;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use permafrost_abi::Status;
use permafrost_rtl::{
    field::Field,
    ntt::{block::Shape, model::Residues},
    target::Target,
};
use rand::Rng;

const LOG_N: u32 = 18;
const N: u64 = 1 << LOG_N;

fn two_passes(lanes: usize, least: f64) {
    let (rng, golden) = (&mut rng(), Residues::new(Field::fr()));
    let buffers = [0, 32 * N];
    let params = 64 * N;
    let mut b = Bench::new(&Shape::new(Target::Generic, 12, lanes), params as usize + 4096, rng.gen());
    let x: Vec<Fr> = (0..N).map(|_| Fr::rand(rng)).collect();
    for (at, x) in (0..).step_by(32).zip(&x) {
        b.put(at, &residue(x));
    }
    let transform = golden.forward(LOG_N, &root(LOG_N), &golden.one());
    let m = Memory::latency(60);
    let mut total = Outcome::default();
    for (pass, [source, destination]) in
        golden.plan(&transform, &[9, 9]).into_iter().zip([buffers, [buffers[1], buffers[0]]])
    {
        b.put_params(params, &pass);
        let logs = [pass.log_before, pass.log_len, pass.log_after];
        let o = b.run(&Command { source, destination, params, stride: 0, batch: 1, pass }, &m);
        assert_eq!(o.status, Status::Success as u64);
        assert_eq!(o.butterflies, N / 2 * 9);
        let bound = (o.butterflies / lanes as u64).max(N);
        let ratio = bound as f64 / o.clocks as f64;
        println!(
            "{lanes} lanes, {logs:?}: {} clocks, bound {bound}, ratio {ratio:.3}; stall in {}, out {}; beats {} + {}",
            o.clocks, o.stall_in, o.stall_out, o.beats_read, o.beats_written
        );
        assert!(ratio >= least, "{logs:?}: {ratio}");
        // Every element once in each direction, two a beat, and the parameters.
        assert_eq!((o.beats_read, o.beats_written), (N / 2 + 3, N / 2));
        total.clocks += o.clocks;
    }
    println!("{lanes} lanes: {} clocks together", total.clocks);
    let wanted = Radix2EvaluationDomain::<Fr>::new(N as usize).expect("a domain").fft(&x);
    for (at, y) in (0..).step_by(32).zip(&wanted) {
        assert_eq!(b.element(at), residue(y), "element {}", at / 32);
    }
}

#[test]
fn rate_of_one_lane() {
    two_passes(1, 0.95);
}

#[test]
fn rate_of_four_lanes() {
    two_passes(4, 0.90);
}
