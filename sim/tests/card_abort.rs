//! ABORT: of commands that wait, for a semaphore or for their engine, and of running ones, at random moments and with
//! memories that hold everything up. The queue goes on, the other queue notices nothing, engines work at once again.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{
        AbortCommand, Command, CopyCommand, CopyKind, DeleteQueueCommand, FillCommand, MsmCommand,
        NopCommand, NttCommand, SemaphoreSetCommand, VectorCommand,
    },
    counter, reg, Status, Transport,
};
use permafrost_sim::{axi::Timing, SimOptions};

const MIB: u64 = 1 << 20;

fn nop() -> Command {
    Command::new(&NopCommand::default())
}

fn fill(card_addr: u64, length: u64, pattern: u64) -> Command {
    Command::new(&FillCommand { card_addr, length, pattern, ..Default::default() })
}

fn msm(n: u32) -> Command {
    let body = MsmCommand {
        bases: 8 * MIB,
        scalars: 8 * MIB,
        result: 9 * MIB,
        n,
        window_bits: 4,
        windows: 8,
        ..Default::default()
    };
    Command::new(&body)
}

/// Works for `clocks` clocks.
fn ntt(clocks: u32) -> Command {
    let body = NttCommand {
        source: 8 * MIB,
        destination: 10 * MIB,
        params: 8 * MIB,
        batch: clocks,
        stride: if clocks > 1 { 192 } else { 0 },
        log_len: 2,
        ..Default::default()
    };
    Command::new(&body)
}

fn vector(n: u32) -> Command {
    let at = 8 * MIB;
    let body = VectorCommand { a: at, b: at, c: at, d: 11 * MIB, params: at, n, ..Default::default() };
    Command::new(&body)
}

/// Waits until queue `queue` is not in the middle of its last completion, so that it can be asked for its command.
fn settle(card: &mut Card) {
    card.admin_ok(NopCommand::default());
    card.admin_ok(NopCommand::default());
}

/// What the queue does not have in hand is not stopped, whatever its id; queues that are not there are refused.
#[test]
fn nothing_to_stop() {
    let mut card = Card::open(options(), 8);
    for queue in [0, 3, 14, 0xffff] {
        let body = AbortCommand { queue, ..Default::default() };
        assert_eq!(card.refused(0, Command::new(&body), Status::BadQueue), (0, 0), "queue {queue}");
    }
    card.ok(1, nop());
    let last = card.io[0].next_cid.wrapping_sub(1);
    for cid in [last, last + 1, 0, 0xffff] {
        assert!(!card.abort(1, cid), "the queue has nothing in hand");
    }
    let waiting = card.io[0].put(nop().wait(3, 1));
    let behind = card.io[0].put(nop());
    card.io[0].ring(&card.sim);
    settle(&mut card);
    for cid in [behind, last, waiting ^ 0x8000] {
        assert!(!card.abort(1, cid), "the queue has another command in hand");
    }
    assert!(!card.abort(2, waiting), "it is of another queue");
    assert!(card.io[0].poll(&card.sim).is_none());
    card.admin_ok(SemaphoreSetCommand { sem: 3, value: 1, ..Default::default() });
    card.ends(1, waiting, false);
    card.ends(1, behind, false);
    card.admin_ok(DeleteQueueCommand { queue: 2, ..Default::default() });
    let body = AbortCommand { queue: 2, ..Default::default() };
    assert_eq!(card.refused(0, Command::new(&body), Status::BadQueue), (0, 0));
    let mut bytes = [0; 44];
    bytes[43] = 1;
    let body = AbortCommand { queue: 1, reserved: bytes, ..Default::default() };
    assert_eq!(card.refused(0, Command::new(&body), Status::BadFlags), (0, 0));
    let body = AbortCommand { queue: 1, ..Default::default() };
    assert_eq!(card.refused(1, Command::new(&body), Status::BadOpcode), (0, 0));
}

/// Commands of every kind that wait for a semaphore end at once, do not signal, and let the next ones run.
#[test]
fn waiting_for_a_semaphore() {
    for seed in [1, 2] {
        let mut rng = Random::new(seed);
        let mut card = Card::open(rough(&mut rng), 16);
        for (i, command) in [nop(), fill(0, 4096, 1), msm(10), ntt(10), vector(10)].into_iter().enumerate() {
            let sem = i as u8 + 1;
            let stuck = card.io[0].put(command.wait(sem, 5).signal(40, 1 + i as u32));
            let next = card.io[0].put(nop().signal(41, 1 + i as u32));
            card.io[0].ring(&card.sim);
            card.ok(2, nop());
            settle(&mut card);
            assert!(card.io[0].poll(&card.sim).is_none());
            card.write32(reg::ERR_STATUS, 1 << 31);
            assert!(card.abort(1, stuck), "{command:?}");
            card.ends(1, stuck, true);
            assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | Status::Aborted as u32);
            assert_eq!(card.read32(reg::ERR_SOURCE), 1 << 16 | u32::from(stuck));
            card.ends(1, next, false);
            // The signal of the next one has come, that of the stopped one has not.
            card.ok(2, nop().wait(41, 1 + i as u32));
            let waiter = card.io[1].put(nop().wait(40, 1));
            card.io[1].ring(&card.sim);
            settle(&mut card);
            assert!(card.io[1].poll(&card.sim).is_none(), "the stopped command has signalled");
            assert!(card.abort(2, waiter));
            card.ends(2, waiter, true);
            // Raised later, the semaphore wakes nobody up.
            card.admin_ok(SemaphoreSetCommand { sem, value: 5, ..Default::default() });
            card.ok(1, nop());
        }
    }
}

/// Host memory so slow that copies of some KiB take thousands of clocks.
fn slow_host(rng: &mut Random) -> SimOptions {
    let host = Timing { read_latency: 600, write_latency: 300, jitter: 100, stall: 200, outstanding: 2 };
    SimOptions { host, ..rough(rng) }
}

/// Waiting for an engine that the other queue keeps busy: the running command is not touched.
#[test]
fn waiting_for_a_busy_engine() {
    let mut rng = Random::new(10);
    // Room for commands that do not end by themselves while this test looks.
    let mut card = Card::open(SimOptions { dram_bytes: Some(4 << 30), ..options() }, 16);
    let host = card.sim.dma_alloc(1 << 16).unwrap();
    let (source, destination) = (1 << 30, 2 << 30);
    let body =
        NttCommand { source, destination, batch: 4 << 20, stride: 192, log_len: 2, ..Default::default() };
    let engines = [fill(0, 256 * MIB, 3), msm(4 << 20), Command::new(&body), vector(4 << 20)];
    for (i, long) in engines.into_iter().enumerate() {
        let short = [fill(4 * MIB, MIB, 3), msm(100), ntt(100), vector(100)][i];
        let running = card.io[1].put(long);
        card.io[1].ring(&card.sim);
        settle(&mut card);
        let waiting = card.io[0].put(match rng.within(0..=1) {
            0 => long,
            _ => long.signal(9, 1),
        });
        let next = card.io[0].put(short);
        card.io[0].ring(&card.sim);
        settle(&mut card);
        assert!(card.abort(1, waiting));
        card.ends(1, waiting, true);
        settle(&mut card);
        assert!(card.io[1].poll(&card.sim).is_none(), "{long:?} ran too short for this test");
        // Then the one that runs: the next one, which waited behind it, gets the engine.
        assert!(card.abort(2, running));
        card.ends(2, running, true);
        card.ends(1, next, false);
    }
    // Two made the queues; each round has three, two ABORTs and three times two NOPs.
    assert_eq!(card.read64(counter::COMMANDS), 2 + 4 * (3 + 2 + 6));
    let back = CopyCommand::contiguous(CopyKind::CardToHost, 5 * MIB - 64, host.iova(), 64);
    card.ok(1, Command::new(&back));
    assert_eq!(
        bytes_of(&host, 0, 64),
        3u64.to_le_bytes().repeat(8),
        "the whole of a fill that was not stopped"
    );
}

/// Long commands of each engine stopped at random moments, some after they have ended; the other queue moves data back
/// and forth meanwhile, and every byte of it is right.
#[test]
fn running_at_random_moments() {
    let (mut stopped, mut ended) = (0, 0);
    for seed in 20..26 {
        let mut rng = Random::new(seed);
        let options = if seed % 2 == 0 { slow_host(&mut rng) } else { rough(&mut rng) };
        let mut card = Card::open(options, 16);
        let host = card.sim.dma_alloc(1 << 18).unwrap();
        for round in 0..24 {
            let data = rng.bytes(4096);
            host.write(1 << 17, &data);
            let (at, card_at) = (host.iova() + (1 << 17), 12 * MIB + 4096 * round);
            let up = CopyCommand::contiguous(CopyKind::HostToCard, card_at, at, 4096);
            let down = CopyCommand::contiguous(CopyKind::CardToHost, card_at, at + 8192, 4096);
            let mine = [card.io[1].put(Command::new(&up)), card.io[1].put(Command::new(&down))];
            let n = rng.within(1..=2000) as u32;
            let bytes = 64 * rng.within(1..=600);
            let command = match round % 6 {
                0 => Command::new(&CopyCommand::contiguous(CopyKind::HostToCard, 0, host.iova(), bytes)),
                1 => Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0, host.iova(), bytes)),
                2 => Command::new(&CopyCommand::on_card(MIB, 0, bytes)),
                3 => msm(n),
                4 => ntt(n),
                _ => vector(n),
            };
            let behind = card.io[0].next_cid.wrapping_add(1);
            card.io[1].ring(&card.sim);
            let cid = card.io[0].put(command.signal(round as u8, 1));
            card.io[0].put(command);
            card.io[0].ring(&card.sim);
            for _ in 0..rng.within(0..=1) * rng.within(0..=150) {
                card.read32(reg::CSTS);
            }
            let was_stopped = card.abort(1, cid);
            *(if was_stopped { &mut stopped } else { &mut ended }) += 1;
            // The engine takes the same command again at once.
            card.ends(1, cid, was_stopped);
            card.ends(1, behind, false);
            mine.iter().for_each(|cid| card.ends(2, *cid, false));
            assert!(
                bytes_of(&host, (1 << 17) + 8192, 4096) == data,
                "data of the other queue in round {round}"
            );
            let signal = card.io[1].put(nop().wait(round as u8, 1));
            card.io[1].ring(&card.sim);
            if was_stopped {
                settle(&mut card);
                assert!(card.abort(2, signal), "the stopped command has signalled");
            }
            card.ends(2, signal, was_stopped);
        }
        card.until(|card| card.status().idle());
        assert!(!card.status().fatal());
    }
    println!("{stopped} stopped, {ended} ended by themselves");
    assert!(stopped > 20 && ended > 5, "{stopped} stopped, {ended} ended");
}

/// ABORT at about the clock at which the command ends by itself, to hit every order of the two.
#[test]
fn races_with_the_end() {
    let (mut stopped, mut ended) = (0, 0);
    let mut card = Card::open(options(), 16);
    for command in [nop(), fill(0, 640, 1), msm(60), ntt(60), vector(60)] {
        for _ in 0..40 {
            // One doorbell for both; the admin queue's comes first or last, with some clocks in between.
            let cid = card.io[0].put(command.wait(1, 0));
            let body = AbortCommand { queue: 1, cid, ..Default::default() };
            card.io[0].ring(&card.sim);
            for _ in 0..(stopped + ended) % 8 {
                card.read32(reg::CSTS);
            }
            let completion = card.run(0, Command::new(&body));
            assert_eq!(completion.status(), Ok(Status::Success));
            card.ends(1, cid, completion.info == 1);
            *(if completion.info == 1 { &mut stopped } else { &mut ended }) += 1;
            card.ok(2, command);
        }
    }
    println!("{stopped} stopped, {ended} ended by themselves");
    assert!(stopped > 5 && ended > 5, "{stopped} stopped, {ended} ended");
}

/// A controller reset while a command is being stopped, with host memory that does not hurry.
#[test]
fn reset_amid_an_abort() {
    for seed in 40..44 {
        let mut rng = Random::new(seed);
        let mut card = Card::open(slow_host(&mut rng), 16);
        let host = card.sim.dma_alloc(1 << 18).unwrap();
        for _ in 0..5 {
            let copy = CopyCommand::contiguous(CopyKind::HostToCard, 0, host.iova(), 1 << 18);
            let cid = card.io[0].put(Command::new(&copy));
            card.io[0].ring(&card.sim);
            settle(&mut card);
            card.admin.put(Command::new(&AbortCommand { queue: 1, cid, ..Default::default() }));
            card.admin.ring(&card.sim);
            for _ in 0..rng.within(0..=300) {
                card.read32(reg::CSTS);
            }
            card.stop_in_silence();
            card.write32(reg::ERR_STATUS, 1 << 31);
            card.start(16);
            card.ok(1, fill(0, 6400, 1));
            card.ok(2, nop());
        }
    }
}
