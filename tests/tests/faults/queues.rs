//! More work than rings hold.

use crate::{msm, nop, works, Rig};
use permafrost_abi::FillCommand;
use permafrost_driver::{Error, Request, Ticket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Eight threads, each with several times what the rings hold, at once and one by one; and an MSM beside them.
#[test]
fn threads_submit_more_than_the_rings_hold() {
    let rig = Rig::patient();
    let room = rig.card.queue_room();
    assert!(room < 8);
    let ended = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (card, ended) = (rig.card.clone(), &ended);
            scope.spawn(move || {
                let buffer = card.dram().alloc(40 * 64).unwrap();
                let fill = |i: u64| {
                    let card_addr = buffer.address() + 64 * i;
                    let body = FillCommand {
                        card_addr,
                        length: 64,
                        pattern: thread << 32 | i,
                        ..Default::default()
                    };
                    Request::new(&body).using(&buffer)
                };
                let queue = 1 + thread as u16 % 2;
                let tickets = match thread % 3 {
                    0 => (0..40).map(|i| card.submit(queue, fill(i)).unwrap()).collect(),
                    _ => card.submit_all(queue, (0..40).map(fill).collect()).unwrap(),
                };
                for ticket in tickets {
                    ticket.wait().unwrap();
                    ended.fetch_add(1, Ordering::Relaxed);
                }
                let mut seen = vec![0; 40 * 64];
                card.read(&buffer, 0, &mut seen).unwrap();
                for (i, line) in (0u64..).zip(seen.chunks(64)) {
                    assert!(line.chunks(8).all(|word| word == (thread << 32 | i).to_le_bytes()));
                }
            });
        }
        scope.spawn(|| msm(&rig.card).expect("beside the others"));
    });
    assert_eq!(ended.into_inner(), 320);
    assert_eq!(rig.card.dram().generation(), 0);
    works(&rig.card);
}

/// A command that waits for what never comes has its deadline; what is behind it runs, or is stopped with it.
#[test]
fn a_command_that_hangs_is_ended() {
    let rig = Rig::hasty();
    let tickets = rig.card.submit_all(1, vec![nop().wait(5, 1), nop(), nop()]).unwrap();
    rig.card.run(2, nop()).expect("the other queue goes on");
    let mut results = tickets.into_iter().map(Ticket::wait);
    let first = results.next().expect("three");
    assert!(matches!(first, Err(Error::Deadline { queue: 1, .. })), "{first:?}");
    assert!(results.all(|r| matches!(r, Ok(_) | Err(Error::Aborted { .. }))));
    works(&rig.card);
}

/// Tickets that nobody waits for fill the rings; those who come later take what has completed.
#[test]
fn tickets_that_nobody_waits_for_do_not_block_the_queue() {
    let rig = Rig::patient();
    for _ in 0..50 {
        drop(rig.card.submit(1, nop()).unwrap());
    }
    rig.card.run(1, nop()).unwrap();
    works(&rig.card);
}
