//! The way of NTT and VECTOR commands through the card, with stand-ins for their engines: words, answers, counters,
//! engines beside each other, controller resets.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, MsmCommand, NttCommand, VectorCommand},
    counter, reg, Status, Transport,
};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::{
    axi::{Access, Fault, Response},
    Side, SimOptions,
};

const PARAMS: u64 = 0x1000;
const A: u64 = 0x2000;
const B: u64 = 0x3000;
const C: u64 = 0x4000;
const RESULT: u64 = 0x8000;

fn ntt(batch: u32) -> NttCommand {
    let stride = if batch > 1 { 192 } else { 0 };
    NttCommand {
        source: A,
        destination: 0x80_0000,
        params: PARAMS,
        batch,
        stride,
        log_len: 2,
        ..Default::default()
    }
}

fn vector(n: u32) -> VectorCommand {
    VectorCommand { a: A, b: B, c: C, d: RESULT, params: PARAMS, n, ..Default::default() }
}

fn fill(card: &mut Card, card_addr: u64, pattern: u64) {
    card.ok(1, Command::new(&FillCommand { card_addr, length: 64, pattern, ..Default::default() }));
}

/// One beat of card memory.
fn beat(card: &mut Card, address: u64) -> Vec<u8> {
    let host = card.sim.dma_alloc(4096).unwrap();
    let copy = CopyCommand::contiguous(CopyKind::CardToHost, address, host.iova(), 64);
    card.ok(1, Command::new(&copy));
    bytes_of(&host, 0, 64)
}

#[test]
fn commands_reach_their_engine() {
    let mut card = Card::open(options(), 8);
    for (address, pattern) in [(PARAMS, 1), (A, 0x10), (B, 0x100), (C, 0x1000)] {
        fill(&mut card, address, pattern);
    }
    let body =
        NttCommand { log_before: 1, log_len: 3, log_after: 0, order: 2, destination: 0xa000, ..ntt(5) };
    card.ok(1, Command::new(&NttCommand { stride: 0x400, ..body }));
    let got = beat(&mut card, 0xa000);
    let mut want = 0x10u64.to_le_bytes().repeat(8);
    let words = [2, 0, 3, 1].into_iter().chain(0x400u64.to_le_bytes()).chain(PARAMS.to_le_bytes());
    want[44..].iter_mut().zip(words).for_each(|(byte, word)| *byte ^= word);
    assert_eq!(got, want);
    let ntt_counters = |card: &Card| {
        [counter::NTT_BUTTERFLIES, counter::NTT_STALL_IN, counter::NTT_STALL_OUT].map(|at| card.read64(at))
    };
    assert_eq!(ntt_counters(&card), [15, 5, 0]);
    let busy = card.read64(counter::NTT_BUSY);
    assert!((5..200).contains(&busy), "busy for {busy} clocks");
    assert_eq!((card.read64(counter::VECTOR_BUSY), card.read64(counter::VECTOR_ELEMENTS)), (0, 0));

    card.ok(2, Command::new(&VectorCommand { operation: 1, flags: 3, ..vector(7) }));
    let got = beat(&mut card, RESULT);
    let mut want = 0x1111u64.to_le_bytes().repeat(8);
    let words = [0, 3, 1].into_iter().chain((16u64 << 20).to_le_bytes());
    want[53..].iter_mut().zip(words).for_each(|(byte, word)| *byte ^= word);
    assert_eq!(got, want);
    assert_eq!(card.read64(counter::VECTOR_ELEMENTS), 7);
    let vector_busy = card.read64(counter::VECTOR_BUSY);
    assert!((7..200).contains(&vector_busy), "busy for {vector_busy} clocks");
    assert_eq!(card.read64(counter::NTT_BUSY), busy);

    // One after the other, nothing was at work with anything else.
    assert_eq!((card.read64(counter::COPY_OVERLAP), card.read64(counter::ENGINE_OVERLAP)), (0, 0));
    // No transforms, no engine; no elements, the engine.
    card.ok(1, Command::new(&NttCommand { batch: 0, stride: 0, ..body }));
    assert_eq!(card.read64(counter::NTT_BUSY), busy);
    card.ok(1, Command::new(&vector(0)));
    assert!(card.read64(counter::VECTOR_BUSY) > vector_busy);
    assert_eq!(card.read64(counter::VECTOR_ELEMENTS), 7);
}

#[test]
fn answers_reach_their_queue() {
    let mut card = Card::open(options(), 8);
    fill(&mut card, A, 120 << 32 | 0xbad);
    for (queue, command) in
        [(1, Command::new(&ntt(2))), (2, Command::new(&VectorCommand { b: A, a: B, ..vector(2) }))]
    {
        // Beats of two that cancel out are zero.
        fill(&mut card, B, 0);
        fill(&mut card, C, 0);
        fill(&mut card, PARAMS, 0);
        let at = if queue == 1 { 0x80_0000 } else { RESULT };
        assert_eq!(card.refused(queue, command, Status::BadParameter), (120, at));
    }
    fill(&mut card, A, 7);
    let faults = [
        (Access::Read, A, Status::DramReadError),
        (Access::Write, 0x80_0000, Status::DramWriteError),
        (Access::Write, RESULT, Status::DramWriteError),
    ];
    for (access, at, status) in faults {
        let fault = Fault { access, range: at..at + 64, response: Response::SlaveError, times: 1 };
        card.sim.inject(Side::Dram, fault);
        let command = if at == RESULT { Command::new(&vector(1)) } else { Command::new(&ntt(1)) };
        assert_eq!(card.refused(1, command, status).0, 0);
        card.ok(1, command);
    }
}

/// A queue for each engine.
#[test]
fn engines_run_beside_each_other() {
    let config = CardConfig { io_queues: 4, ..options().config };
    let mut card = Card::open(SimOptions { config, ..options() }, 8);
    let n = 5000;
    let work = [
        Command::new(&FillCommand {
            card_addr: 0x10_0000,
            length: 64 * 5000,
            pattern: 3,
            ..Default::default()
        }),
        Command::new(&MsmCommand {
            bases: A,
            scalars: B,
            result: 0xc0_0000,
            n,
            window_bits: 4,
            windows: 64,
            ..Default::default()
        }),
        Command::new(&ntt(n)),
        Command::new(&vector(n)),
    ];
    let busy = [counter::COPY_BUSY, counter::MSM_BUSY, counter::NTT_BUSY, counter::VECTOR_BUSY];
    let alone: Vec<u32> = (0..4).map(|i| card.ok(i + 1, work[i]).cycles).collect();
    assert_eq!((card.read64(counter::COPY_OVERLAP), card.read64(counter::ENGINE_OVERLAP)), (0, 0));
    let before = busy.map(|at| card.read64(at));

    for (rings, command) in card.io.iter_mut().zip(work) {
        rings.put(command);
    }
    for rings in &card.io {
        rings.ring(&card.sim);
    }
    for (i, rings) in card.io.iter_mut().enumerate() {
        let completion = rings.wait(&card.sim);
        assert_eq!(completion.status(), Ok(Status::Success));
        assert!(
            completion.cycles < alone[i] * 3 / 2,
            "engine {i}: {} clocks, alone {}",
            completion.cycles,
            alone[i]
        );
    }
    let busy = [0, 1, 2, 3].map(|i| card.read64(busy[i]) - before[i]);
    let (copy, engine) = (card.read64(counter::COPY_OVERLAP), card.read64(counter::ENGINE_OVERLAP));
    assert!(copy > 4000 && copy <= busy[0], "{copy} of {busy:?}");
    assert!(engine > 4000 && engine <= busy[1] + busy[2] + busy[3], "{engine} of {busy:?}");

    // Two queues that want one engine take turns.
    for i in [0, 1] {
        card.io[i].put(Command::new(&ntt(100)));
        card.io[i].put(Command::new(&vector(100)));
        card.io[i].ring(&card.sim);
    }
    for i in [0, 1, 0, 1] {
        assert_eq!(card.io[i].wait(&card.sim).status(), Ok(Status::Success));
    }
}

/// Controller resets at random moments of engines at work.
#[test]
fn resets_stop_them() {
    for seed in 0..3 {
        let mut rng = Random::new(seed);
        let mut card = Card::open(rough(&mut rng), 16);
        let most = card.ok(1, Command::new(&ntt(40))).cycles;
        for _ in 0..15 {
            for q in 0..2 {
                for _ in 0..8 {
                    let n = rng.within(0..=40) as u32;
                    let which = rng.within(0..=1) == 0;
                    card.io[q].put(if which { Command::new(&ntt(n)) } else { Command::new(&vector(n)) });
                }
                card.io[q].ring(&card.sim);
            }
            let (start, moment) = (card.cycles(), rng.within(0..=u64::from(most) * 6));
            card.until(|card| card.cycles() - start >= moment || card.status().idle());
            card.stop_in_silence();
            assert_eq!(card.read32(reg::ERR_STATUS), 0);
            card.start(16);
            for at in [counter::NTT_BUSY, counter::VECTOR_BUSY, counter::ENGINE_OVERLAP] {
                assert_eq!(card.read64(at), 0);
            }
            for (address, pattern) in [(PARAMS, 1), (A, rng.next()), (B, 2), (C, 4)] {
                fill(&mut card, address, pattern);
            }
            card.ok(1, Command::new(&ntt(3)));
            card.ok(2, Command::new(&vector(3)));
            let (source, result) = (beat(&mut card, A), beat(&mut card, RESULT));
            assert_eq!(result[0], source[0] ^ 7);
            assert_eq!(beat(&mut card, 0x80_0000)[..44], source[..44]);
        }
    }
}
