//! Hangs, dead cards, and the way back.

use crate::fake::{FakeCard, Fault, Resets};
use crate::{nop, open, options, DRAM};
use permafrost_driver::{Card, CardOptions, Error, Recovery};
use std::time::{Duration, Instant};

#[test]
fn a_hung_command_is_recovered_and_data_declared_lost() {
    let (fake, card) = open();
    let buffer = card.dram().alloc(4096).unwrap();
    card.write(&buffer, 0, &[1; 4096]).unwrap();
    fake.script(&[Fault::None, Fault::Hang]);
    let tickets = card.submit_all(1, vec![nop(), nop(), nop()]).unwrap();
    let results: Vec<_> = tickets.into_iter().map(|t| t.wait()).collect();
    assert!(results[0].is_ok());
    assert!(
        matches!(
            results[1],
            Err(Error::Deadline { queue: 1, opcode: "NOP", recovery: Recovery::Controller, .. })
        ),
        "{:?}",
        results[1]
    );
    assert!(matches!(results[2], Err(Error::Aborted { queue: 1, .. })), "{:?}", results[2]);
    assert_eq!(fake.function_resets(), 0);

    assert!(!buffer.is_valid());
    assert!(matches!(card.read(&buffer, 0, &mut [0; 64]), Err(Error::DataLost { buffer: 0, card: 1, .. })));
    assert_eq!(card.dram().usage().used, 0);
    let fresh = card.dram().alloc(4096).unwrap();
    drop(buffer);
    card.write(&fresh, 0, &[2; 4096]).expect("the card works again");
    assert_eq!(card.dram().usage().used, 4096);
}

#[test]
fn the_ladder_goes_on_to_a_function_reset() {
    let (fake, card) = open();
    fake.resets(Resets { controller_stuck: true, ..Resets::default() });
    fake.script(&[Fault::Hang]);
    let result = card.run(2, nop());
    assert!(matches!(result, Err(Error::Deadline { recovery: Recovery::Function, .. })), "{result:?}");
    assert_eq!(fake.function_resets(), 1);
    card.run(2, nop()).expect("after recovery");
}

#[test]
fn a_card_that_cannot_be_reset_is_given_up() {
    let (fake, card) = open();
    fake.resets(Resets { controller_stuck: true, function_fails: true, ..Resets::default() });
    fake.script(&[Fault::Hang]);
    let buffer = card.dram().alloc(64).unwrap();
    let ticket = card.submit(1, nop().using(&buffer)).unwrap();
    assert!(matches!(ticket.wait(), Err(Error::Transport(_))));
    assert!(matches!(card.run(1, nop()), Err(Error::Transport(_))));
    assert!(matches!(card.dma_alloc(64), Err(Error::Transport(_))));
}

#[test]
fn a_vanished_card_is_lost_in_bounded_time() {
    for fault in [Fault::Vanish, Fault::ReadZero] {
        let fake = FakeCard::new(DRAM);
        let options = CardOptions { command_deadline: Duration::from_secs(60), ..options() };
        let card = Card::open(fake.clone(), options).unwrap();
        fake.script(&[fault]);
        let start = Instant::now();
        let tickets = card.submit_all(1, vec![nop(), nop()]).unwrap();
        for ticket in tickets {
            let result = ticket.wait();
            assert!(matches!(result, Err(Error::CardLost { .. })), "{fault:?}: {result:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(3), "{fault:?} took {:?}", start.elapsed());
        assert!(matches!(card.run(2, nop()), Err(Error::CardLost { .. })), "{fault:?}");
        assert!(matches!(card.reset(), Err(Error::CardLost { .. })), "{fault:?}");
    }
}

#[test]
fn a_fatal_error_resets_the_card() {
    let fake = FakeCard::new(DRAM);
    let options = CardOptions { command_deadline: Duration::from_secs(60), ..options() };
    let card = Card::open(fake.clone(), options).unwrap();
    fake.script(&[Fault::Fatal]);
    assert!(matches!(card.run(1, nop()), Err(Error::Fatal { .. })));
    card.run(1, nop()).expect("after the reset");
}

#[test]
fn a_deadline_of_the_request_counts_from_its_turn() {
    let fake = FakeCard::new(DRAM);
    let patient = CardOptions { command_deadline: Duration::from_secs(60), ..options() };
    let card = Card::open(fake.clone(), patient).unwrap();
    let start = Instant::now();
    fake.script(&[Fault::Hang]);
    let result = card.run(1, nop().deadline(Duration::from_millis(50)));
    assert!(matches!(result, Err(Error::Deadline { .. })), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    // A command that waits for another queue's does not hang while that queue goes on.
    let waiting = card.submit(1, nop().wait(3, 1).deadline(Duration::from_secs(1))).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| waiting.wait());
        let until = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < until {
            card.run(2, nop()).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        card.run(2, nop().signal(3, 1)).unwrap();
        waiter.join().unwrap().expect("released by the signal");
    });
}

#[test]
fn a_busy_queue_does_not_hang() {
    let (fake, card) = open();
    fake.script(&[Fault::Slow; 5]);
    let start = Instant::now();
    for ticket in card.submit_all(1, vec![nop(); 5]).unwrap() {
        ticket.wait().expect("each has its own time");
    }
    assert!(start.elapsed() > options().command_deadline);
}

#[test]
fn threads_meet_a_hang_together() {
    let (fake, card) = open();
    fake.script(&[Fault::None; 20]);
    fake.script(&[Fault::Hang]);
    let failed: usize = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..4u16)
            .map(|thread| {
                let card = card.clone();
                scope.spawn(move || (0..50).filter(|_| card.run(1 + thread % 2, nop()).is_err()).count())
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap()).sum()
    });
    // The hung one, and at most what each other thread had under way or tried while the card was reset.
    assert!((1..=150).contains(&failed), "{failed} commands failed");
    assert_eq!(card.dram().generation(), 1, "reset once");
    card.run(1, nop()).unwrap();
}
