//! The card with its own MSM engine: an MSM through the queues, beside copies, through errors and controller resets.

mod card_common;

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{BigInteger, Field, PrimeField, UniformRand};
use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, MsmCommand},
    counter, msm, reg, DmaRegion, Status, Transport,
};
use permafrost_rtl::{card::generate, config::CardConfig};
use permafrost_sim::{
    axi::{Access, Fault, Response},
    Side,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const N: usize = 100;
const C: u8 = 5;
const BASES: u64 = 0;
const SCALARS: u64 = 0x10_0000;
const RESULT: u64 = 0x20_0000;

fn bytes(limbs: &[u64; 4]) -> Vec<u8> {
    limbs.iter().flat_map(|l| l.to_le_bytes()).collect()
}

struct Problem {
    image: Vec<u8>,
    want: G1Affine,
}

impl Problem {
    fn new(seed: u64) -> Problem {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let bases: Vec<G1Affine> =
            (0..N).map(|_| (G1Projective::generator() * Fr::rand(&mut rng)).into_affine()).collect();
        let scalars: Vec<Fr> = (0..N).map(|_| Fr::rand(&mut rng)).collect();
        let mut image = vec![0; N * 96];
        for (i, (base, scalar)) in bases.iter().zip(&scalars).enumerate() {
            let (x, y) = base.xy().unwrap();
            image[64 * i..][..32].copy_from_slice(&bytes(&x.0 .0));
            image[64 * i + 32..][..32].copy_from_slice(&bytes(&y.0 .0));
            image[64 * N + 32 * i..][..32].copy_from_slice(&scalar.into_bigint().to_bytes_le());
        }
        let want = G1Projective::msm(&bases, &scalars).unwrap().into_affine();
        Problem { image, want }
    }

    fn command() -> Command {
        let windows = msm::windows(254, C.into()) as u8;
        let body = MsmCommand {
            bases: BASES,
            scalars: SCALARS,
            result: RESULT,
            n: N as u32,
            window_bits: C,
            windows,
            ..Default::default()
        };
        Command::new(&body)
    }

    fn upload(&self, card: &mut Card, host: &DmaRegion) {
        host.write(0, &self.image);
        let copy = |to, at: usize, len: usize| {
            let from = host.iova() + at as u64;
            Command::new(&CopyCommand::contiguous(CopyKind::HostToCard, to, from, len as u64))
        };
        card.ok(1, copy(BASES, 0, 64 * N));
        card.ok(1, copy(SCALARS, 64 * N, 32 * N));
    }

    /// Reads the window sums back and combines them.
    fn check(&self, card: &mut Card, host: &DmaRegion) {
        let windows = msm::windows(254, C.into()) as usize;
        let len = windows * 128;
        let read = CopyCommand::contiguous(CopyKind::CardToHost, RESULT, host.iova() + 0x8000, len as u64);
        card.ok(2, Command::new(&read));
        let sums = bytes_of(host, 0x8000, len);
        let r_inv = Fq::from(2u32).pow([256]).inverse().unwrap();
        let fq = |at: usize| Fq::from_le_bytes_mod_order(&sums[at..at + 32]) * r_inv;
        let mut total = G1Projective::default();
        for w in (0..windows).rev() {
            for _ in 0..C {
                total += total;
            }
            let (x, y, z) = (fq(128 * w), fq(128 * w + 32), fq(128 * w + 64));
            if let Some(z) = z.inverse() {
                total += G1Affine::new(x * z, y * z);
            }
        }
        assert_eq!(total.into_affine(), self.want);
    }
}

#[test]
fn msm_beside_copies_through_errors_and_resets() {
    let mut rng = Random::new(60);
    let options = rough(&mut rng);
    let mut card = Card::open_design(&generate(&CardConfig::sim()).unwrap(), options, 16);
    let problem = Problem::new(61);
    let host = card.sim.dma_alloc(0x10000).unwrap();
    problem.upload(&mut card, &host);
    let alone = card.ok(1, Problem::command()).cycles;
    problem.check(&mut card, &host);
    assert_eq!(card.read64(counter::MSM_POINTS), N as u64);

    // Beside copies and fills of the other queue.
    for i in 0..7 {
        let fill = FillCommand { card_addr: 0x40_0000, length: 1 << 17, pattern: i, ..Default::default() };
        card.io[1].put(Command::new(&fill));
        card.io[1].put(Command::new(&CopyCommand::on_card(0x60_0000, 0x40_0000, 1 << 17)));
    }
    card.io[0].put(Problem::command());
    card.io[1].ring(&card.sim);
    card.io[0].ring(&card.sim);
    for _ in 0..14 {
        assert_eq!(card.io[1].wait(&card.sim).status(), Ok(Status::Success));
    }
    assert_eq!(card.io[0].wait(&card.sim).status(), Ok(Status::Success));
    problem.check(&mut card, &host);

    // Errors of card memory are told apart, and the next MSM is right.
    let middle = BASES + 64 * 40;
    let faults = [
        (Access::Read, middle..middle + 64, Status::DramReadError),
        (Access::Write, RESULT + 256..RESULT + 320, Status::DramWriteError),
    ];
    for (access, range, status) in faults {
        let at = range.start;
        card.sim.inject(Side::Dram, Fault { access, range, response: Response::SlaveError, times: 1 });
        let (info, address) = card.refused(1, Problem::command(), status);
        assert_eq!((info, address & !4095), (0, at & !4095));
        card.ok(1, Problem::command());
        problem.check(&mut card, &host);
    }

    // Controller resets at random moments of an MSM.
    for _ in 0..8 {
        card.io[0].put(Problem::command());
        card.io[0].ring(&card.sim);
        let start = card.cycles();
        let moment = rng.within(0..=alone.into());
        card.until(|card| card.cycles() - start > moment);
        card.stop();
        let still = card.sim.stats().dram;
        for _ in 0..20 {
            assert_eq!(card.read32(reg::CSTS) & 3, 0);
        }
        assert_eq!(card.sim.stats().dram, still, "DMA after READY = 0");
        card.start(16);
        card.ok(1, Problem::command());
        problem.check(&mut card, &host);
    }
}
