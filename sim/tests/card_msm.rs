//! The card with its own MSM engine: an MSM through the queues, beside copies, through errors, ABORT and controller resets.

mod card_common;

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{BigInteger, Field, PrimeField, UniformRand};
use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, MsmCommand},
    counter, msm, DmaRegion, Status, Transport,
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
/// MSMs of the batch.
const MEMBERS: usize = 3;
const BASES: u64 = 0;
const SCALARS: u64 = 0x10_0000;
const STRIDE: u64 = 32 * N as u64 + 128;
const RESULT: u64 = 0x20_0000;

fn bytes(limbs: &[u64; 4]) -> Vec<u8> {
    limbs.iter().flat_map(|l| l.to_le_bytes()).collect()
}

/// A batch of MSMs over the same bases in G1.
struct Problem {
    bases: Vec<u8>,
    scalars: Vec<u8>,
    want: Vec<G1Affine>,
}

impl Problem {
    fn new(seed: u64) -> Problem {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let points: Vec<G1Affine> =
            (0..N).map(|_| (G1Projective::generator() * Fr::rand(&mut rng)).into_affine()).collect();
        let (mut bases, mut scalars, mut want) = (vec![], vec![], vec![]);
        for point in &points {
            let (x, y) = point.xy().unwrap();
            bases.extend([bytes(&x.0 .0), bytes(&y.0 .0)].concat());
        }
        for _ in 0..MEMBERS {
            let vector: Vec<Fr> = (0..N).map(|_| Fr::rand(&mut rng)).collect();
            scalars.extend(vector.iter().flat_map(|s| s.into_bigint().to_bytes_le()));
            scalars.resize(STRIDE as usize * (want.len() + 1), 0);
            want.push(G1Projective::msm(&points, &vector).unwrap().into_affine());
        }
        Problem { bases, scalars, want }
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
            more: MEMBERS as u16 - 1,
            scalar_stride: STRIDE,
            ..Default::default()
        };
        Command::new(&body)
    }

    fn upload(&self, card: &mut Card, host: &DmaRegion) {
        for (to, data) in [(BASES, &self.bases), (SCALARS, &self.scalars)] {
            host.write(0, data);
            let copy = CopyCommand::contiguous(CopyKind::HostToCard, to, host.iova(), data.len() as u64);
            card.ok(1, Command::new(&copy));
        }
    }

    /// Reads the window sums back and combines them.
    fn check(&self, card: &mut Card, host: &DmaRegion) {
        let windows = msm::windows(254, C.into()) as usize;
        let len = MEMBERS * windows * 64;
        let read = CopyCommand::contiguous(CopyKind::CardToHost, RESULT, host.iova() + 0x8000, len as u64);
        card.ok(2, Command::new(&read));
        let sums = bytes_of(host, 0x8000, len);
        let r_inv = Fq::from(2u32).pow([256]).inverse().unwrap();
        let fq = |at: usize| Fq::from_le_bytes_mod_order(&sums[at..at + 32]) * r_inv;
        for (k, want) in self.want.iter().enumerate() {
            let mut total = G1Projective::default();
            for w in (0..windows).rev() {
                for _ in 0..C {
                    total += total;
                }
                let at = 64 * (k * windows + w);
                if sums[at..at + 64].iter().any(|b| *b != 0) {
                    total += G1Affine::new(fq(at), fq(at + 32));
                }
            }
            assert_eq!(total.into_affine(), *want, "member {k}");
        }
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
    assert_eq!(card.read64(counter::MSM_POINTS), (MEMBERS * N) as u64);

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
        assert_eq!((info, address), (0, at));
        card.ok(1, Problem::command());
        problem.check(&mut card, &host);
    }

    // Stopped at random moments of an MSM; the next one begins at once.
    let mut stopped = 0;
    for _ in 0..4 {
        stopped += u32::from(card.aborted(&mut rng, Problem::command(), alone.into()));
        card.ok(1, Problem::command());
        problem.check(&mut card, &host);
    }
    println!("{stopped} of 4 were stopped");
    assert!(stopped > 0);

    // Controller resets at random moments of an MSM.
    for _ in 0..8 {
        card.io[0].put(Problem::command());
        card.io[0].ring(&card.sim);
        let start = card.cycles();
        let moment = rng.within(0..=alone.into());
        card.until(|card| card.cycles() - start > moment);
        card.stop_in_silence();
        card.start(16);
        problem.upload(&mut card, &host);
        card.ok(1, Problem::command());
        problem.check(&mut card, &host);
    }
}
