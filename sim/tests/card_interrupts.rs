//! Interrupts gathered by number and by time, and the depth of queues.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{Command, CreateQueueCommand, DeleteQueueCommand, NopCommand, SemaphoreSetCommand},
    counter, queue_depth, Status, Transport,
};
use std::time::Duration;

/// So long that it does not pass while a test looks.
const FOREVER: u32 = u32::MAX;

fn nop() -> Command {
    Command::new(&NopCommand::default())
}

/// Queue 1 made again with these limits; its interrupts so far are taken.
fn recreate(card: &mut Card, irq_count: u16, irq_clocks: u32) {
    card.admin_ok(DeleteQueueCommand { queue: 1, ..Default::default() });
    card.io[0] = Rings::new(&card.sim, 1, 32, 32);
    let body = CreateQueueCommand { irq_count, irq_clocks, ..create(&card.io[0]) };
    card.admin_ok(body);
    while card.sim.wait_irq(1, Duration::ZERO).unwrap() {}
}

/// Puts `n` NOPs into queue 1 and takes their completions without waiting for an interrupt.
fn nops(card: &mut Card, n: usize) {
    let cids: Vec<u16> = (0..n).map(|_| card.io[0].put(nop())).collect();
    card.io[0].ring(&card.sim);
    for cid in cids {
        let mut seen = None;
        while seen.is_none() {
            seen = card.io[0].poll(&card.sim);
        }
        let completion = seen.unwrap();
        assert_eq!((completion.cid, completion.status()), (cid, Ok(Status::Success)));
    }
}

/// Interrupts of queue 1 since `before`; reads of registers let clocks pass, so one on its way is counted.
fn raised(card: &Card, before: u64) -> u64 {
    (0..8).for_each(|_| assert!(card.status().ready()));
    card.read64(counter::INTERRUPTS) - before
}

#[test]
fn gathered_by_number() {
    for seed in 1..4 {
        let mut rng = Random::new(seed);
        let mut card = Card::open(rough(&mut rng), 8);
        for count in [0, 1, 2, 5, 16] {
            recreate(&mut card, count, if count > 1 { FOREVER } else { 0 });
            let each = usize::from(count.max(1));
            let (mut done, before) = (0, card.read64(counter::INTERRUPTS));
            for _ in 0..8 {
                let n = rng.within(1..=20) as usize;
                nops(&mut card, n);
                done += n;
                let seen = raised(&card, before);
                if count > 1 {
                    assert_eq!(seen, (done / each) as u64, "{done} completions, {each} an interrupt");
                    assert_eq!(card.status().idle(), done % each == 0, "idle while a completion waits");
                } else {
                    assert_eq!(seen, done as u64);
                }
                let any = card.sim.wait_irq(1, Duration::ZERO).unwrap();
                assert!(any || done / each * each <= done - n, "the host has seen no interrupt");
            }
        }
    }
}

#[test]
fn gathered_by_time() {
    let mut card = Card::open(options(), 8);
    for clocks in [1, 2, 700, 40_000] {
        recreate(&mut card, 1000, clocks);
        for n in [1, 3] {
            let (before, start) = (card.read64(counter::INTERRUPTS), card.cycles());
            nops(&mut card, n);
            card.until(|card| card.status().idle());
            let took = card.cycles() - start;
            assert_eq!(
                raised(&card, before),
                if clocks > 100 { 1 } else { n as u64 },
                "{clocks} clocks, {n} NOPs"
            );
            assert!(card.sim.wait_irq(1, Duration::ZERO).unwrap());
            assert!((clocks.into()..u64::from(clocks) + 4000).contains(&took), "{took} clocks for {clocks}");
        }
    }
}

/// What is gathered is announced when the queue goes, and forgotten by a reset. Limits do not outlive their queue.
#[test]
fn gathered_at_the_end_of_a_queue() {
    let mut card = Card::open(options(), 8);
    recreate(&mut card, 10, FOREVER);
    nops(&mut card, 3);
    assert!(!card.sim.wait_irq(1, Duration::ZERO).unwrap());
    card.admin_ok(DeleteQueueCommand { queue: 1, ..Default::default() });
    card.until(|card| card.status().idle());
    assert!(card.sim.wait_irq(1, Duration::ZERO).unwrap(), "the deletion announces");
    card.io[0] = Rings::new(&card.sim, 1, 8, 8);
    let again = create(&card.io[0]);
    card.admin_ok(again);
    card.ok(1, nop());
    card.until(|card| card.status().idle());
    recreate(&mut card, 10, FOREVER);
    nops(&mut card, 3);
    card.stop_in_silence();
    card.start(8);
    card.until(|card| card.status().idle());
    assert_eq!(card.read64(counter::INTERRUPTS), 2, "one for each queue that was made");
}

#[test]
fn gathering_without_a_limit_of_time_is_refused() {
    let mut card = Card::open(options(), 8);
    card.admin_ok(DeleteQueueCommand { queue: 1, ..Default::default() });
    let good = CreateQueueCommand { irq_count: 2, irq_clocks: 1, ..create(&card.io[0]) };
    let endless = CreateQueueCommand { irq_clocks: 0, ..good };
    assert_eq!(card.refused(0, Command::new(&endless), Status::BadField), (44, 0));
    let reserved = CreateQueueCommand { reserved0: 1, ..good };
    assert_eq!(card.refused(0, Command::new(&reserved), Status::BadFlags), (0, 0));
    card.admin_ok(good);
}

#[test]
fn depth_counts_what_is_not_completed() {
    let mut card = Card::open(options(), 8);
    let depth = |card: &Card, queue| card.read32(queue_depth(queue));
    assert_eq!([0, 1, 2, 3, 14].map(|queue| depth(&card, queue)), [0; 5]);
    let mut value = 0;
    // Around the ring, with some commands already completed.
    for round in 0..12 {
        for waiting in [1, 3, 7] {
            value += 1;
            card.io[0].put(nop().wait(1, value));
            for _ in 1..waiting {
                card.io[0].put(nop());
            }
            card.io[0].ring(&card.sim);
            card.admin_ok(NopCommand::default());
            assert_eq!(depth(&card, 1), waiting, "round {round}");
            assert_eq!(depth(&card, 2), 0);
            card.write32(queue_depth(1), 5); // read-only
            assert_eq!(depth(&card, 1), waiting);
            card.admin_ok(SemaphoreSetCommand { sem: 1, value, ..Default::default() });
            for _ in 0..waiting {
                card.io[0].wait(&card.sim);
            }
            assert_eq!(depth(&card, 1), 0, "all have completed");
        }
        card.ok(1, nop());
    }
    card.io[0].put(nop().wait(1, u32::MAX));
    card.io[0].ring(&card.sim);
    assert_eq!(depth(&card, 1), 1);
    card.stop();
    assert_eq!(depth(&card, 1), 0, "no queue");
    assert_eq!(depth(&card, 0), 0);
}
