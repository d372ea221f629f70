//! The card with its own VECTOR engine: each operation through the queues, beside the other engines, through errors and
//! controller resets.

mod card_common;

use ark_bn254::Fr;
use ark_ff::{Field, UniformRand, Zero};
use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, MsmCommand, NttCommand, VectorCommand},
    counter,
    vector::kinds,
    DmaRegion, Status, Transport, VectorKind, VectorOperation, VectorParameters, VECTOR_EXCLUSIVE,
    VECTOR_NEGATE_ADDEND, VECTOR_NEGATE_PRODUCT,
};
use permafrost_rtl::{card::generate, config::CardConfig};
use permafrost_sim::{
    axi::{Access, Fault, Response},
    Side, SimOptions,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use VectorKind::{Gather, Powers, Scalar, Stream};

const N: usize = 200;
/// Elements of b that indices name.
const TABLE: usize = 50;
const PARAMS: u64 = 0x1000;
const A: u64 = 0x1_0000;
const B: u64 = 0x2_0000;
const C: u64 = 0x3_0000;
const D: u64 = 0x4_0000;
const INDICES: u64 = 0x5_0000;
const DRAM: u64 = 16 << 20;

fn open(options: SimOptions) -> Card {
    let config = CardConfig::sim();
    Card::open_design(&generate(&config).unwrap(), SimOptions { config, ..options }, 16)
}

fn limbs(x: &Fr) -> [u64; 4] {
    x.0 .0
}

fn bytes(v: &[Fr]) -> Vec<u8> {
    v.iter().flat_map(|x| limbs(x).map(u64::to_le_bytes).concat()).collect()
}

/// Operands in card memory, one element after another.
struct Problem {
    rng: ChaCha8Rng,
    a: Vec<Fr>,
    b: Vec<Fr>,
    c: Vec<Fr>,
    scalars: [Fr; 3],
    indices: Vec<u32>,
}

impl Problem {
    fn new(seed: u64) -> Problem {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut vector = || -> Vec<Fr> { (0..N).map(|_| Fr::rand(&mut rng)).collect() };
        let (mut a, b, c) = (vector(), vector(), vector());
        a[N / 2] = Fr::zero();
        let scalars = [(); 3].map(|()| Fr::rand(&mut rng));
        let indices = (0..N).map(|_| rng.gen_range(0..TABLE as u32)).collect();
        Problem { rng, a, b, c, scalars, indices }
    }

    fn upload(&self, card: &mut Card, host: &DmaRegion) {
        let indices = bytemuck::cast_slice(&self.indices).to_vec();
        for (to, data) in [(A, bytes(&self.a)), (B, bytes(&self.b)), (C, bytes(&self.c)), (INDICES, indices)]
        {
            put(card, host, to, &data);
        }
    }

    /// A command of these operands, its parameters, and what it gives.
    fn case(&self, operation: VectorOperation, k: [VectorKind; 3], flags: u8) -> Case {
        let linear = matches!(operation, VectorOperation::Map | VectorOperation::Reduce);
        let address = |at, kind| if matches!(kind, Stream | Gather) { at } else { 0 };
        let command = VectorCommand {
            a: address(A, k[0]),
            b: if linear { address(B, k[1]) } else { 0 },
            c: if linear { address(C, k[2]) } else { 0 },
            d: D,
            params: PARAMS,
            n: N as u32,
            operation: operation as u8,
            flags,
            kinds: kinds(k[0], k[1], k[2]),
            ..Default::default()
        };
        let scalar = |i: usize, used: bool| if used { limbs(&self.scalars[i]) } else { [0; 4] };
        let params = VectorParameters {
            a_scalar: scalar(0, k[0] == Scalar),
            b_scalar: scalar(1, matches!(k[1], Scalar | Powers)),
            c_scalar: scalar(2, k[2] == Scalar),
            a_stride: 1,
            b_stride: 1,
            c_stride: 1,
            d_stride: 1,
            indices: if k[1] == Gather { INDICES } else { 0 },
            b_len: if k[1] == Gather { TABLE as u32 } else { 0 },
            ..Default::default()
        };
        let term = |i: usize| {
            let a = if k[0] == Scalar { self.scalars[0] } else { self.a[i] };
            let b = match k[1] {
                Stream => self.b[i],
                Scalar => self.scalars[1],
                Powers => self.scalars[1].pow([i as u64]),
                Gather => self.b[self.indices[i] as usize],
            };
            let c = if k[2] == Scalar { self.scalars[2] } else { self.c[i] };
            let product = if flags & VECTOR_NEGATE_PRODUCT != 0 { -(a * b) } else { a * b };
            if flags & VECTOR_NEGATE_ADDEND != 0 {
                product - c
            } else {
                product + c
            }
        };
        let want: Vec<Fr> = match operation {
            VectorOperation::Map => (0..N).map(term).collect(),
            VectorOperation::Reduce => vec![(0..N).map(term).sum()],
            VectorOperation::PrefixProduct => {
                let skip = usize::from(flags & VECTOR_EXCLUSIVE != 0);
                (0..N).map(|i| self.a[..i + 1 - skip].iter().product()).collect()
            }
            VectorOperation::Inverse => self.a.iter().map(|x| x.inverse().unwrap_or_default()).collect(),
        };
        Case { command, params, want }
    }
}

struct Case {
    command: VectorCommand,
    params: VectorParameters,
    want: Vec<Fr>,
}

fn put(card: &mut Card, host: &DmaRegion, to: u64, data: &[u8]) {
    host.write(0, data);
    let length = data.len().next_multiple_of(64) as u64;
    card.ok(1, Command::new(&CopyCommand::contiguous(CopyKind::HostToCard, to, host.iova(), length)));
}

fn check(card: &mut Card, host: &DmaRegion, want: &[Fr]) {
    let length = (want.len() * 32).next_multiple_of(64);
    host.zero(0, length);
    card.ok(2, Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, D, host.iova(), length as u64)));
    assert!(bytes_of(host, 0, want.len() * 32) == bytes(want));
}

impl Case {
    /// Its parameters are put into card memory; the command.
    fn prepare(&self, card: &mut Card, host: &DmaRegion) -> Command {
        put(card, host, PARAMS, bytemuck::bytes_of(&self.params));
        Command::new(&self.command)
    }

    fn run(&self, card: &mut Card, host: &DmaRegion) -> u32 {
        let command = self.prepare(card, host);
        let fill =
            FillCommand { card_addr: D, length: 32 * N as u64, pattern: u64::MAX, ..Default::default() };
        card.ok(2, Command::new(&fill));
        let cycles = card.ok(1, command).cycles;
        check(card, host, &self.want);
        cycles
    }

    /// Runs a spoilt copy of it, which must be refused without a trace: (info, address).
    fn refused(
        &self,
        card: &mut Card,
        host: &DmaRegion,
        status: Status,
        spoil: impl Fn(&mut VectorCommand, &mut VectorParameters),
    ) -> (u32, u64) {
        let (mut command, mut params) = (self.command, self.params);
        spoil(&mut command, &mut params);
        put(card, host, PARAMS, bytemuck::bytes_of(&params));
        let written = card.read64(counter::DRAM_WRITE_BYTES);
        let refused = card.refused(1, Command::new(&command), status);
        assert_eq!(card.read64(counter::DRAM_WRITE_BYTES), written, "something was written");
        refused
    }
}

#[test]
fn operations() {
    use VectorOperation::*;
    let mut card = open(options());
    let host = card.sim.dma_alloc(1 << 16).unwrap();
    let problem = Problem::new(90);
    problem.upload(&mut card, &host);
    let plain = [Stream; 3];
    for (operation, kinds, flags) in [
        (Map, plain, 0),
        (Map, plain, VECTOR_NEGATE_PRODUCT | VECTOR_NEGATE_ADDEND),
        (Map, [Scalar, Powers, Scalar], VECTOR_NEGATE_ADDEND),
        (Map, [Stream, Gather, Stream], VECTOR_NEGATE_PRODUCT),
        (Reduce, plain, 0),
        (Reduce, [Scalar, Gather, Scalar], VECTOR_NEGATE_PRODUCT),
        (Reduce, [Stream, Powers, Scalar], 0),
        (PrefixProduct, plain, 0),
        (PrefixProduct, plain, VECTOR_EXCLUSIVE),
        (Inverse, plain, 0),
    ] {
        let elements = card.read64(counter::VECTOR_ELEMENTS);
        let cycles = problem.case(operation, kinds, flags).run(&mut card, &host);
        println!("{operation} {kinds:?}: {cycles} clocks for {N} elements");
        assert_eq!(card.read64(counter::VECTOR_ELEMENTS) - elements, N as u64);
    }
    assert_eq!(card.read64(counter::ENGINE_OVERLAP), 0);
    // No elements: the sum is 0, nothing else is written.
    let mut sum = problem.case(Reduce, plain, 0);
    sum.command.n = 0;
    sum.want = vec![Fr::zero()];
    sum.run(&mut card, &host);
    let mut none = problem.case(Map, plain, 0);
    none.command.n = 0;
    let command = none.prepare(&mut card, &host);
    card.ok(1, command);
    check(&mut card, &host, &sum.want);
}

/// What the command's 64 bytes do not show.
#[test]
fn refusals() {
    use Status::*;
    let mut card = open(options());
    let host = card.sim.dma_alloc(1 << 16).unwrap();
    let problem = Problem::new(91);
    problem.upload(&mut card, &host);
    let map = problem.case(VectorOperation::Map, [Scalar, Gather, Stream], 0);
    let mut no = |status, spoil: &dyn Fn(&mut VectorCommand, &mut VectorParameters)| {
        map.refused(&mut card, &host, status, spoil)
    };
    assert_eq!(no(BadParameter, &|_, p| p.a_scalar = [u64::MAX; 4]), (0, 0));
    assert_eq!(no(BadParameter, &|_, p| p.b_stride = 0), (100, 0));
    assert_eq!(no(BadParameter, &|_, p| p.reserved[67] = 1), (124, 0));
    assert_eq!(no(BadParameter, &|_, p| p.indices += 32), (112, 0));
    assert_eq!(no(BadParameter, &|_, p| p.indices = DRAM - 64), (112, 0));
    assert_eq!(no(BadAddress, &|c, _| c.c = DRAM - 32), (32, DRAM - 32));
    assert_eq!(no(BadAddress, &|_, p| p.c_stride = u32::MAX), (32, C));
    let last = DRAM - 32 * N as u64;
    assert_eq!(no(BadAddress, &|c, _| c.d = last + 32), (40, last + 32));
    assert_eq!(no(BadField, &|c, _| c.d = C + 32), (40, C + 32));
    assert_eq!(no(BadField, &|c, _| c.d = B), (40, B));
    assert_eq!(no(BadField, &|c, _| c.d = INDICES), (40, INDICES));
    // An index is seen when it is its turn.
    let mut few = problem.case(VectorOperation::Reduce, [Scalar, Gather, Stream], 0);
    few.params.b_len = *problem.indices.iter().max().unwrap();
    let command = few.prepare(&mut card, &host);
    assert_eq!(card.refused(1, command, BadParameter), (120, 0));
    map.run(&mut card, &host);
}

#[test]
fn through_errors_and_resets() {
    let mut rng = Random::new(92);
    let mut card = open(rough(&mut rng));
    let host = card.sim.dma_alloc(1 << 16).unwrap();
    let problem = Problem::new(93);
    problem.upload(&mut card, &host);
    let gather = problem.case(VectorOperation::Map, [Stream, Gather, Stream], 0);
    for (access, at) in [
        (Access::Read, PARAMS + 64),
        (Access::Read, A + 0x400),
        (Access::Read, B + 0x100),
        (Access::Read, C + 0x1000),
        (Access::Read, INDICES + 0x40),
        (Access::Write, D + 0x400),
    ] {
        let status = if access == Access::Read { Status::DramReadError } else { Status::DramWriteError };
        let command = gather.prepare(&mut card, &host);
        let fault = Fault { access, range: at..at + 64, response: Response::SlaveError, times: 1 };
        card.sim.inject(Side::Dram, fault);
        assert_eq!(card.refused(1, command, status).0, 0);
        gather.run(&mut card, &host);
    }
    let alone = gather.run(&mut card, &host);
    // First stopped by ABORT, where the next command begins at once, then by controller resets.
    let mut stopped = 0;
    for i in 0..24 {
        let case = match i % 3 {
            0 => problem.case(VectorOperation::Inverse, [Stream; 3], 0),
            1 => problem.case(VectorOperation::Reduce, [Stream; 3], 0),
            _ => problem.case(VectorOperation::Map, [Stream, Gather, Stream], 0),
        };
        let command = case.prepare(&mut card, &host);
        if i < 12 {
            stopped += u32::from(card.aborted(&mut rng, command, u64::from(alone)));
            card.ok(1, command);
            check(&mut card, &host, &case.want);
            continue;
        }
        card.io[0].put(command);
        card.io[0].ring(&card.sim);
        let (start, moment) = (card.cycles(), rng.within(0..=2 * u64::from(alone)));
        card.until(|card| card.cycles() - start > moment || card.status().idle());
        card.stop_in_silence();
        card.start(16);
        problem.upload(&mut card, &host);
        case.run(&mut card, &host);
    }
    println!("{stopped} of 12 were stopped");
    assert!(stopped > 0);
}

/// All three engines at once, on data that none of them may disturb for another.
#[test]
fn beside_msm_ntt_and_copies() {
    let mut rng = Random::new(94);
    let config = CardConfig { io_queues: 4, ..CardConfig::sim() };
    let options = SimOptions { config: config.clone(), ..rough(&mut rng) };
    let mut card = Card::open_design(&generate(&config).unwrap(), options, 64);
    let host = card.sim.dma_alloc(1 << 16).unwrap();
    let mut problem = Problem::new(95);
    problem.upload(&mut card, &host);
    let case = problem.case(VectorOperation::Map, [Stream; 3], 0);
    let vector = case.prepare(&mut card, &host);
    // A transform of 2^8 elements with omega of that order, there and back: the data are what they were, times 2^8.
    let (there, back, data, params) = (0x20_0000, 0x28_0000, 0x30_0000, 0x38_0000);
    let omega = <Fr as ark_ff::FftField>::get_root_of_unity(256).unwrap();
    let x: Vec<Fr> = (0..256).map(|_| Fr::rand(&mut problem.rng)).collect();
    put(&mut card, &host, data, &bytes(&x));
    let one = Fr::from(1u32);
    for (at, root) in [(params, omega), (params + 256, omega.inverse().unwrap())] {
        put(&mut card, &host, at, &bytes(&[root, one, one, one, one, one]));
    }
    let ntt = |source, destination, params| {
        let body = NttCommand { source, destination, params, batch: 1, log_len: 8, ..Default::default() };
        Command::new(&body)
    };
    let msm =
        MsmCommand { bases: 0x40_0000, scalars: 0x50_0000, result: 0x60_0000, n: 600, ..Default::default() };
    for round in 0..6 {
        card.io[0].put(Command::new(&MsmCommand { window_bits: 6, windows: 43, ..msm }));
        card.io[1].put(ntt(data, there, params));
        card.io[1].put(ntt(there, back, params + 256));
        for _ in 0..4 {
            card.io[2].put(vector);
            card.io[3].put(Command::new(&CopyCommand::on_card(0x80_0000, 0x70_0000, 1 << 15)));
        }
        for rings in &card.io {
            rings.ring(&card.sim);
        }
        for (q, count) in [(0, 1), (1, 2), (2, 4), (3, 4)] {
            for _ in 0..count {
                assert_eq!(
                    card.io[q].wait(&card.sim).status(),
                    Ok(Status::Success),
                    "round {round}, queue {q}"
                );
            }
        }
        check(&mut card, &host, &case.want);
        card.ok(1, Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, back, host.iova(), 256 * 32)));
        let times: Vec<Fr> = x.iter().map(|x| *x * Fr::from(256u32)).collect();
        assert!(bytes_of(&host, 0, 256 * 32) == bytes(&times), "round {round}");
        card.ok(1, Command::new(&FillCommand { card_addr: D, length: 0x2000, ..Default::default() }));
        card.ok(1, Command::new(&FillCommand { card_addr: there, length: 0x2000, ..Default::default() }));
        card.ok(1, Command::new(&FillCommand { card_addr: back, length: 0x2000, ..Default::default() }));
    }
    let busy = [counter::MSM_BUSY, counter::NTT_BUSY, counter::VECTOR_BUSY].map(|at| card.read64(at));
    let (copy, engines) = (card.read64(counter::COPY_OVERLAP), card.read64(counter::ENGINE_OVERLAP));
    println!("busy {busy:?}, copies beside them {copy}, beside each other {engines}");
    assert!(copy > 0 && engines > busy[2] / 2 && engines <= busy.iter().sum::<u64>());
}
