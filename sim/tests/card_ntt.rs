//! The card with its own NTT engine: transforms of one pass and of several through the queues, beside copies, through
//! errors and controller resets.

mod card_common;

use ark_bn254::Fr;
use ark_ff::{BigInteger, FftField, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use card_common::*;
use num_bigint::BigUint;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, NttCommand},
    counter, DmaRegion, NttParameters, Status, Transport, NTT_REVERSED_IN, NTT_REVERSED_OUT,
};
use permafrost_rtl::{
    card::generate,
    config::CardConfig,
    field::Field,
    ntt::model::{Order, Pass, Residues, Transform},
};
use permafrost_sim::{
    axi::{Access, Fault, Response},
    Side, SimOptions,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Pass i goes from buffer i to the next.
const BUFFERS: [u64; 4] = [0x10_0000, 0x20_0000, 0x30_0000, 0x80_0000];
const PARAMS: u64 = 0x1000;

fn open(options: SimOptions) -> Card {
    let config = CardConfig::sim();
    Card::open_design(&generate(&config).unwrap(), SimOptions { config, ..options }, 16)
}

/// Bytes of a copy of `len` bytes or a few more.
fn rounded(len: usize) -> u64 {
    len.next_multiple_of(64) as u64
}

fn limbs(x: &BigUint) -> [u64; 4] {
    let mut limbs = [0; 4];
    limbs.iter_mut().zip(x.iter_u64_digits()).for_each(|(limb, digit)| *limb = digit);
    limbs
}

fn residue(x: &Fr) -> BigUint {
    BigUint::from_bytes_le(&x.0.to_bytes_le())
}

fn parameters(pass: &Pass) -> NttParameters {
    NttParameters {
        omega: limbs(&pass.omega),
        in_first: limbs(&pass.in_first),
        in_first_step: limbs(&pass.in_first_step),
        in_ratio: limbs(&pass.in_ratio),
        in_ratio_step: limbs(&pass.in_ratio_step),
        out_ratio: limbs(&pass.out_ratio),
    }
}

/// A transform to the values on a coset, as a chain of passes.
struct Problem {
    x: Vec<u8>,
    want: Vec<u8>,
    passes: Vec<Pass>,
}

impl Problem {
    fn new(seed: u64, log_lens: &[u32], orders: [Order; 2]) -> Problem {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let log_n: u32 = log_lens.iter().sum();
        let (n, coset) = (1usize << log_n, Fr::rand(&mut rng));
        let x: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
        let domain = Radix2EvaluationDomain::<Fr>::new(n).unwrap().get_coset(coset).unwrap();
        let want = domain.fft(&x);
        let golden = Residues::new(Field::fr());
        let omega = residue(&Fr::get_root_of_unity(n as u64).unwrap());
        let forward = golden.forward(log_n, &omega, &residue(&coset));
        let passes = golden.plan(&Transform { input: orders[0], output: orders[1], ..forward }, log_lens);
        let bytes = |v: &[Fr], order| -> Vec<u8> {
            let place = |i| match order {
                Order::Natural => i,
                Order::BitReversed => permafrost_rtl::ntt::model::reverse(i, log_n),
            };
            (0..n).flat_map(|i| v[place(i)].0.to_bytes_le()).collect()
        };
        Problem { x: bytes(&x, orders[0]), want: bytes(&want, orders[1]), passes }
    }

    fn commands(&self) -> Vec<Command> {
        let command = |(i, pass): (usize, &Pass)| {
            let reversed = |order: Order, bit| if order == Order::BitReversed { bit } else { 0 };
            Command::new(&NttCommand {
                source: BUFFERS[i],
                destination: BUFFERS[i + 1],
                params: PARAMS + 192 * i as u64,
                batch: 1,
                log_before: pass.log_before as u8,
                log_len: pass.log_len as u8,
                log_after: pass.log_after as u8,
                order: reversed(pass.input, NTT_REVERSED_IN) | reversed(pass.output, NTT_REVERSED_OUT),
                ..Default::default()
            })
        };
        self.passes.iter().enumerate().map(command).collect()
    }

    fn upload(&self, card: &mut Card, host: &DmaRegion) {
        let params: Vec<NttParameters> = self.passes.iter().map(parameters).collect();
        for (to, data) in [(BUFFERS[0], &self.x[..]), (PARAMS, bytemuck::cast_slice(&params))] {
            host.write(0, data);
            let copy = CopyCommand::contiguous(CopyKind::HostToCard, to, host.iova(), rounded(data.len()));
            card.ok(1, Command::new(&copy));
        }
    }

    /// Runs the passes on queue 1; the clocks that they took.
    fn run(&self, card: &mut Card) -> u64 {
        self.commands().into_iter().map(|command| u64::from(card.ok(1, command).cycles)).sum()
    }

    fn check(&self, card: &mut Card, host: &DmaRegion) {
        let (from, len) = (BUFFERS[self.passes.len()], self.want.len());
        host.zero(0, len);
        let copy = CopyCommand::contiguous(CopyKind::CardToHost, from, host.iova(), rounded(len));
        card.ok(2, Command::new(&copy));
        assert!(bytes_of(host, 0, len) == self.want, "{} passes", self.passes.len());
    }
}

/// The longest transform of one pass, two passes and three, in all orders.
#[test]
fn transforms() {
    let mut card = open(options());
    let host = card.sim.dma_alloc(1 << 20).unwrap();
    let (natural, reversed) = (Order::Natural, Order::BitReversed);
    for (i, (lens, orders)) in [
        (&[12][..], [natural, natural]),
        (&[12], [reversed, natural]),
        (&[0], [natural, reversed]),
        (&[7, 7], [natural, natural]),
        (&[11, 2], [natural, reversed]),
        (&[5, 4, 4], [natural, natural]),
        (&[4, 1, 6], [reversed, reversed]),
    ]
    .into_iter()
    .enumerate()
    {
        let problem = Problem::new(i as u64, lens, orders);
        problem.upload(&mut card, &host);
        let butterflies = card.read64(counter::NTT_BUTTERFLIES);
        let cycles = problem.run(&mut card);
        problem.check(&mut card, &host);
        let (n, log_n) = (problem.x.len() / 32, lens.iter().sum::<u32>());
        println!("{lens:?} {orders:?}: {cycles} clocks");
        let done = card.read64(counter::NTT_BUTTERFLIES) - butterflies;
        assert!(done >= (n as u64 / 2) * u64::from(log_n), "{done} butterflies for 2^{log_n} elements");
    }
    assert_eq!(card.read64(counter::ENGINE_OVERLAP), 0);
}

#[test]
fn beside_copies_through_errors_and_resets() {
    let mut rng = Random::new(80);
    let options = rough(&mut rng);
    let mut card = open(options);
    let host = card.sim.dma_alloc(1 << 20).unwrap();
    let problem = Problem::new(81, &[5, 5], [Order::Natural, Order::Natural]);
    problem.upload(&mut card, &host);
    let alone = problem.run(&mut card);
    problem.check(&mut card, &host);

    // Beside copies and fills of the other queue.
    for i in 0..7 {
        let fill = FillCommand { card_addr: 0x40_0000, length: 1 << 15, pattern: i, ..Default::default() };
        card.io[1].put(Command::new(&fill));
        card.io[1].put(Command::new(&CopyCommand::on_card(0x60_0000, 0x40_0000, 1 << 15)));
    }
    for command in problem.commands() {
        card.io[0].put(command);
    }
    card.io[1].ring(&card.sim);
    card.io[0].ring(&card.sim);
    for _ in 0..14 {
        assert_eq!(card.io[1].wait(&card.sim).status(), Ok(Status::Success));
    }
    for _ in problem.commands() {
        assert_eq!(card.io[0].wait(&card.sim).status(), Ok(Status::Success));
    }
    problem.check(&mut card, &host);
    assert!(card.read64(counter::COPY_OVERLAP) > 0);

    // Errors are told apart, and the next transform is right.
    let first = problem.commands()[0];
    let (source, destination) = (BUFFERS[0] + 0x1000, BUFFERS[1] + 0x1000);
    for (access, at, status) in [
        (Access::Read, PARAMS + 64, Status::DramReadError),
        (Access::Read, source, Status::DramReadError),
        (Access::Write, destination, Status::DramWriteError),
    ] {
        let fault = Fault { access, range: at..at + 64, response: Response::SlaveError, times: 1 };
        card.sim.inject(Side::Dram, fault);
        assert_eq!(card.refused(1, first, status).0, 0);
        problem.run(&mut card);
        problem.check(&mut card, &host);
    }
    let pattern = FillCommand { card_addr: PARAMS, length: 64, pattern: u64::MAX, ..Default::default() };
    card.ok(1, Command::new(&pattern));
    let written = card.read64(counter::DRAM_WRITE_BYTES);
    assert_eq!(card.refused(1, first, Status::BadParameter), (0, 0));
    assert_eq!(card.read64(counter::DRAM_WRITE_BYTES), written);
    problem.upload(&mut card, &host);

    // Stopped at random moments of either pass; the next transform begins at once.
    let mut stopped = 0;
    for i in 0..10 {
        let command = problem.commands()[i % 2];
        stopped += u32::from(card.aborted(&mut rng, command, alone / 2));
        problem.run(&mut card);
        problem.check(&mut card, &host);
    }
    println!("{stopped} of 10 were stopped");
    assert!(stopped > 0);

    // Controller resets at random moments of a transform.
    for _ in 0..8 {
        for command in problem.commands() {
            card.io[0].put(command);
        }
        card.io[0].ring(&card.sim);
        let (start, moment) = (card.cycles(), rng.within(0..=alone));
        card.until(|card| card.cycles() - start > moment || card.status().idle());
        card.stop_in_silence();
        card.start(16);
        problem.upload(&mut card, &host);
        problem.run(&mut card);
        problem.check(&mut card, &host);
    }
}
