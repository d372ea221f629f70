//! Queues: wrapping, back-pressure, order, concurrency, doorbells of all kinds, failures, controller reset.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, MsmCommand, NopCommand, SemaphoreSetCommand},
    counter, cq_doorbell, reg,
    registers::{AdminSize, Cc},
    sq_doorbell, Status, Transport,
};
use permafrost_sim::{
    axi::{Access, Fault, Response},
    Side,
};
use std::{collections::VecDeque, time::Duration};

fn nop() -> Command {
    Command::new(&NopCommand::default())
}

fn fill(card_addr: u64, length: u64) -> Command {
    Command::new(&FillCommand { card_addr, length, pattern: 5, ..Default::default() })
}

/// Random batches of commands on all queues at once: everything completes once, in order, with rings of every size.
#[test]
fn rings_wrap_in_order() {
    for (seed, entries) in [(1, 2), (2, 3), (3, 8), (4, 64)] {
        let mut rng = Random::new(seed);
        let mut card = Card::open(rough(&mut rng), entries);
        let mut expected = [VecDeque::new(), VecDeque::new()];
        let mut left = [120, 120];
        while left != [0, 0] || expected.iter().any(|e| !e.is_empty()) {
            for q in 0..2 {
                let (rings, expected) = (&mut card.io[q], &mut expected[q]);
                let room = entries as u64 - 1 - expected.len() as u64;
                let batch = rng.within(0..=room).min(left[q]);
                for _ in 0..batch {
                    let command = match rng.within(0..=3) {
                        0 => fill(64 * rng.within(0..=100), 64 * rng.within(0..=20)),
                        _ => nop(),
                    };
                    expected.push_back(rings.put(command));
                }
                left[q] -= batch;
                if batch > 0 || rng.within(0..=9) == 0 {
                    rings.ring(&card.sim);
                    // Doorbells are posted; a read keeps this loop in step with the card.
                    card.sim.read32(reg::CSTS).unwrap();
                }
                while let Some(completion) = rings.poll(&card.sim) {
                    assert_eq!(completion.status(), Ok(Status::Success));
                    assert_eq!(Some(completion.cid), expected.pop_front());
                }
            }
        }
        assert_eq!(card.read64(counter::COMMANDS), 240 + 2);
        assert_eq!(card.read32(reg::ERR_COUNT), 0);
    }
}

/// A full completion ring holds the next completion back until the head doorbell moves.
#[test]
fn full_completion_ring_holds_back() {
    let mut rng = Random::new(5);
    let mut card = Card::open(rough(&mut rng), 8);
    let create = {
        card.admin_ok(permafrost_abi::command::DeleteQueueCommand { queue: 1, ..Default::default() });
        card.io[0] = Rings::new(&card.sim, 1, 64, 4);
        create(&card.io[0])
    };
    card.admin_ok(create);
    card.io[0].hold_head = true;
    let cids: Vec<u16> = (0..20).map(|_| card.io[0].put(nop())).collect();
    card.io[0].ring(&card.sim);
    // Three fit; the fourth command runs, but its completion waits.
    let before: Vec<u16> = (0..3).map(|_| card.io[0].wait(&card.sim).cid).collect();
    for _ in 0..20 {
        card.ok(2, nop());
        assert!(card.io[0].poll(&card.sim).is_none());
    }
    assert!(!card.status().idle());
    let mut seen = before;
    while seen.len() < 20 {
        // Give back one or two at a time.
        let n = rng.within(1..=2).min(20 - seen.len() as u64);
        let head = (card.io[0].head + 4 - 3 + n as u16) % 4;
        card.write32(cq_doorbell(1), head.into());
        for _ in 0..n {
            seen.push(card.io[0].wait(&card.sim).cid);
        }
        assert!(card.io[0].poll(&card.sim).is_none());
    }
    assert_eq!(seen, cids);
}

/// COPY and MSM of different queues run at the same time, ordered only by semaphores.
#[test]
fn queues_run_concurrently() {
    let mut rng = Random::new(6);
    let mut card = Card::open(rough(&mut rng), 16);
    let msm = |n| {
        let body = MsmCommand {
            bases: 0x10_0000,
            scalars: 0x11_0000,
            result: 0x12_0000,
            n,
            window_bits: 4,
            windows: 2,
            ..Default::default()
        };
        Command::new(&body)
    };
    // Alone, the two take so long:
    let long_msm = card.ok(1, msm(5000)).cycles;
    let long_fill = card.ok(2, fill(0, 128 << 10)).cycles;
    let before = card.cycles();
    card.io[0].put(msm(5000));
    card.io[1].put(fill(0, 128 << 10));
    card.io[0].ring(&card.sim);
    card.io[1].ring(&card.sim);
    card.io[0].wait(&card.sim);
    card.io[1].wait(&card.sim);
    let together = card.cycles() - before;
    assert!(
        together < (u64::from(long_msm) + u64::from(long_fill)) * 3 / 4,
        "{together} {long_msm} {long_fill}"
    );

    // A ping-pong of 10 rounds: each command waits for the other queue's last one.
    for round in 0..10u32 {
        card.io[0].put(fill(0x100_000, 640).wait(1, round).signal(2, round + 1));
        card.io[1].put(msm(20).wait(2, round + 1).signal(1, round + 1));
    }
    card.io[1].ring(&card.sim);
    card.ok(0, nop());
    assert!(card.io[1].poll(&card.sim).is_none());
    card.io[0].ring(&card.sim);
    for _ in 0..10 {
        for q in 0..2 {
            assert_eq!(card.io[q].wait(&card.sim).status(), Ok(Status::Success));
        }
    }
    // Two queues that both want one engine take turns and both come to their end.
    for _ in 0..6 {
        card.io[0].put(fill(0, 6400));
        card.io[1].put(fill(0x8000, 6400));
    }
    card.io[0].ring(&card.sim);
    card.io[1].ring(&card.sim);
    for q in [0, 1] {
        for _ in 0..6 {
            assert_eq!(card.io[q].wait(&card.sim).status(), Ok(Status::Success));
        }
    }
    // SIGNAL never lowers a semaphore, SEMAPHORE_SET does.
    card.ok(1, nop().signal(1, 3));
    card.ok(2, nop().wait(1, 10));
    card.admin_ok(SemaphoreSetCommand { sem: 1, value: 9, ..Default::default() });
    card.io[1].put(nop().wait(1, 10));
    card.io[1].ring(&card.sim);
    card.ok(1, nop());
    assert!(card.io[1].poll(&card.sim).is_none());
    card.ok(1, nop().signal(1, u32::MAX));
    card.io[1].wait(&card.sim);
}

#[test]
fn doorbell_storms_and_bad_doorbells() {
    let mut rng = Random::new(7);
    let mut card = Card::open(rough(&mut rng), 32);
    // One command at a time, the doorbell rung again and again.
    for _ in 0..50 {
        for q in 0..2 {
            card.io[q].put(nop());
            for _ in 0..5 {
                card.io[q].ring(&card.sim);
                card.write32(cq_doorbell(card.io[q].id), card.io[q].head.into());
            }
        }
        for q in 0..2 {
            assert_eq!(card.io[q].wait(&card.sim).status(), Ok(Status::Success));
        }
    }
    assert_eq!(card.read64(counter::COMMANDS), 102);
    assert_eq!(card.read32(reg::ERR_STATUS), 0);
    for (doorbell, value) in [
        (sq_doorbell(1), 32),
        (cq_doorbell(2), 32),
        (sq_doorbell(1), 0x1_0000),
        (cq_doorbell(2), u32::MAX),
        (sq_doorbell(0), 16),
    ] {
        card.write32(doorbell, value);
        assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | Status::BadQueue as u32, "{doorbell:#x} {value}");
        let queue = (doorbell as u32 >> 12) - 1;
        assert_eq!(card.read32(reg::ERR_SOURCE), queue << 16 | 0xffff);
        card.write32(reg::ERR_STATUS, 1 << 31);
    }
    // Queues this card does not have.
    for queue in [3, 14] {
        card.write32(cq_doorbell(queue), 1);
        assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | Status::BadQueue as u32);
        assert_eq!(card.read32(reg::ERR_SOURCE), u32::from(queue) << 16 | 0xffff);
        card.write32(reg::ERR_STATUS, 1 << 31);
    }
    card.write32(sq_doorbell(3) + 4, 1);
    assert_eq!(card.read32(reg::ERR_STATUS), 0);
    card.admin_ok(permafrost_abi::command::DeleteQueueCommand { queue: 2, ..Default::default() });
    card.write32(sq_doorbell(2), 1);
    assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | Status::BadQueue as u32);
    card.ok(1, nop());
    // Writes to read-only registers change nothing.
    for offset in [reg::MAGIC, reg::CSTS, reg::DRAM_SIZE, counter::COMMANDS, 0x3f0] {
        let before = card.read32(offset);
        card.write32(offset, 0x1234);
        assert_eq!(card.read32(offset), before);
    }
}

/// Controller reset at random moments of heavy traffic: READY falls, nothing moves afterwards, all is as new.
#[test]
fn reset_with_dma_in_flight() {
    for seed in 30..40 {
        let mut rng = Random::new(seed);
        let mut card = Card::open(rough(&mut rng), 16);
        card.ok(1, nop().signal(4, 7));
        let host = card.sim.dma_alloc(1 << 20).unwrap();
        for _ in 0..4 {
            for q in 0..2u64 {
                for i in 0..4u64 {
                    let command = match (i + q + rng.next()) % 4 {
                        0 => Command::new(&CopyCommand::contiguous(
                            CopyKind::HostToCard,
                            q << 20,
                            host.iova(),
                            1 << 20,
                        )),
                        1 => Command::new(&CopyCommand::contiguous(
                            CopyKind::CardToHost,
                            q << 20,
                            host.iova(),
                            1 << 20,
                        )),
                        2 => Command::new(&MsmCommand {
                            result: 0x20_0000,
                            n: 1000,
                            window_bits: 4,
                            windows: 60,
                            ..Default::default()
                        }),
                        _ => nop().wait(3, 1),
                    };
                    card.io[q as usize].put(command);
                }
                card.io[q as usize].ring(&card.sim);
            }
            // Register reads let some clocks pass.
            for _ in 0..rng.within(0..=60) {
                card.read32(reg::CSTS);
            }
            card.stop_in_silence();
            assert!(card.status().idle());
            card.start(16);
            // Semaphores are 0 again, counters too, and data move as they should.
            card.ok(1, nop().signal(3, 0));
            assert!(card.read64(counter::COMMANDS) == 3);
            let data = rng.bytes(8192);
            host.write(0, &data);
            let there = CopyCommand::contiguous(CopyKind::HostToCard, 0x4_0000, host.iova(), 8192);
            card.ok(1, Command::new(&there));
            let back = CopyCommand::contiguous(CopyKind::CardToHost, 0x4_0000, host.iova() + 0x8000, 8192);
            card.ok(2, Command::new(&back));
            assert!(bytes_of(&host, 0x8000, 8192) == data);
            card.io[1].put(nop().wait(4, 1));
            card.io[1].ring(&card.sim);
            card.ok(1, nop());
            assert!(card.io[1].poll(&card.sim).is_none(), "a semaphore survived the reset");
            card.ok(1, nop().signal(4, 7));
            assert_eq!(card.io[1].wait(&card.sim).status(), Ok(Status::Success));
            card.stop();
            card.start(16);
        }
    }
}

/// Resets among many short commands catch fetches, decoding, completions and interrupts half-way.
#[test]
fn reset_amid_short_commands() {
    for seed in 70..76 {
        let mut rng = Random::new(seed);
        let mut card = Card::open(rough(&mut rng), 64);
        for _ in 0..25 {
            for q in 0..2 {
                for _ in 0..63 {
                    let command = match rng.within(0..=3) {
                        0 => fill(0, 64),
                        1 => Command { opcode: 0xee, ..nop() },
                        _ => nop(),
                    };
                    card.io[q].put(command);
                }
                card.io[q].ring(&card.sim);
            }
            for _ in 0..rng.within(0..=20) {
                card.read32(reg::CSTS);
            }
            card.stop();
            let still = card.sim.stats();
            card.read32(reg::CSTS);
            assert_eq!(still.host, card.sim.stats().host, "DMA after READY = 0");
            card.write32(reg::ERR_STATUS, 1 << 31);
            card.start(64);
            card.ok(1, nop());
            card.ok(2, fill(0, 128));
            assert_eq!(card.read32(reg::ERR_STATUS), 0);
            assert_eq!(card.read64(counter::COMMANDS), 4);
        }
    }
}

/// ENABLE toggled faster than the card resets: it ends in the state asked for last.
#[test]
fn enable_toggled_quickly() {
    let mut card = Card::open(options(), 8);
    for _ in 0..10 {
        card.io[0].put(fill(0, 1 << 20));
        card.io[0].ring(&card.sim);
        card.write32(reg::CC, 0);
        card.write32(reg::CC, 1);
        card.write32(reg::CC, 0);
        card.until(|card| !card.status().ready());
        card.start(8);
        card.ok(1, nop());
    }
}

#[test]
fn unreachable_rings_are_fatal() {
    for seed in 50..53 {
        let mut rng = Random::new(seed);
        let mut card = Card::open(rough(&mut rng), 8);
        for access in [Access::Read, Access::Write] {
            while card.sim.wait_irq(0, Duration::ZERO).unwrap() {}
            let rings = &mut card.io[0];
            let (at, status) = match access {
                Access::Read => (rings.sq.iova() + u64::from(rings.tail) * 64, Status::HostReadError),
                Access::Write => (rings.cq.iova() + u64::from(rings.head) * 16, Status::HostWriteError),
            };
            let range = at & !63..(at & !63) + 64;
            card.sim.inject(Side::Host, Fault { access, range, response: Response::SlaveError, times: 1 });
            rings.put(nop());
            rings.ring(&card.sim);
            assert!(card.sim.wait_irq(0, PATIENCE).unwrap(), "vector 0 tells of a fatal error");
            assert!(card.status().fatal());
            assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | status as u32);
            assert_eq!(card.read32(reg::ERR_SOURCE), 1 << 16 | 0xffff);
            assert_eq!(card.read64(reg::ERR_ADDR), at);
            assert!(card.io[0].poll(&card.sim).is_none());
            // The other queue lives on; a reset heals.
            card.ok(2, nop());
            card.write32(reg::ERR_STATUS, 1 << 31);
            card.stop();
            assert!(!card.status().fatal());
            card.start(8);
            card.ok(1, nop());
        }
    }
}

#[test]
fn bad_admin_registers_are_fatal() {
    let mut card = Card::open(options(), 8);
    for (sq, size, status) in [
        (64, (16, 16), Status::BadAddress),
        (0, (1, 16), Status::BadField),
        (0, (16, 1025), Status::BadField),
        (0, (0, 0), Status::BadField),
    ] {
        card.stop();
        card.write64(reg::ADMIN_SQ, card.admin.sq.iova() + sq);
        card.write32(reg::ADMIN_SIZE, AdminSize::from_fields(size.1, size.0).0);
        card.write32(reg::CC, Cc::from_fields(true).0);
        card.until(|card| card.status().fatal());
        assert!(!card.status().ready());
        assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | status as u32);
        assert_eq!(card.read32(reg::ERR_SOURCE), 0xffff);
        assert_eq!(card.read64(reg::ERR_ADDR), if sq == 0 { 0 } else { card.admin.sq.iova() + sq });
        card.write32(reg::ERR_STATUS, 1 << 31);
    }
    card.stop();
    card.start(8);
    card.ok(1, nop());
}
