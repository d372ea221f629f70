//! Hangs, dead cards, and the way back: every rung of the ladder.

use crate::fake::{Aborts, FakeCard, Fault, Resets};
use crate::{nop, open, options, DRAM};
use permafrost_driver::{Card, CardOptions, DramBuf, Error, Recovery, Request};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A command that is over its deadline soon.
fn brief() -> Request {
    nop().deadline(Duration::from_millis(100))
}

/// A buffer full of `byte`.
fn filled(card: &Card, byte: u8) -> DramBuf {
    let buffer = card.dram().alloc(4096).unwrap();
    card.write(&buffer, 0, &[byte; 4096]).unwrap();
    buffer
}

fn holds(card: &Card, buffer: &DramBuf, byte: u8) {
    let mut back = [0; 4096];
    card.read(buffer, 0, &mut back).unwrap();
    assert_eq!(back, [byte; 4096]);
}

#[track_caller]
fn stopped_by(result: Result<permafrost_driver::Completion, Error>, by: Recovery) {
    assert!(matches!(result, Err(Error::Deadline { recovery, .. }) if recovery == by), "{by}: {result:?}");
}

#[test]
fn a_hung_command_is_aborted_and_all_else_goes_on() {
    let (fake, card) = open();
    let buffer = filled(&card, 1);
    let elsewhere = card.submit(2, nop().wait(4, 1).deadline(Duration::from_secs(60))).unwrap();
    fake.script(&[Fault::None, Fault::Hang]);
    let tickets = card.submit_all(1, vec![nop(), brief(), nop()]).unwrap();
    let mut results = tickets.into_iter().map(|t| t.wait());
    assert!(results.next().unwrap().is_ok());
    let hung = results.next().unwrap();
    assert!(matches!(hung, Err(Error::Deadline { queue: 1, opcode: "NOP", .. })), "{hung:?}");
    stopped_by(hung, Recovery::Abort);
    assert!(results.next().unwrap().is_ok(), "the one behind it");
    holds(&card, &buffer, 1);
    card.set_semaphore(4, 1).unwrap();
    elsewhere.wait().expect("the other queue");
    assert_eq!((card.dram().generation(), fake.function_resets()), (0, 0));
    // A command that waits for a semaphore which nobody raises is stopped like any other.
    stopped_by(card.run(1, brief().wait(5, 1)), Recovery::Abort);
    // What it would have signalled, it has not.
    stopped_by(card.run(1, brief().wait(5, 1).signal(6, 1)), Recovery::Abort);
    stopped_by(card.run(1, brief().wait(6, 1)), Recovery::Abort);
}

#[test]
fn a_lost_completion_restarts_the_queue() {
    let (fake, card) = open();
    let buffer = filled(&card, 1);
    let elsewhere = card.submit(2, nop().wait(4, 1).deadline(Duration::from_secs(60))).unwrap();
    for round in 0..3 {
        fake.script(&[Fault::NoCompletion]);
        let held = card.dma_alloc(64).unwrap();
        let memory = Arc::downgrade(&held);
        let ticket = card.submit(1, brief().holding(held)).unwrap();
        assert_eq!(memory.strong_count(), 1);
        stopped_by(ticket.wait(), Recovery::Queue);
        assert_eq!(memory.strong_count(), 0, "freed once the queue was deleted");
        card.run(1, nop()).unwrap_or_else(|e| panic!("round {round}: {e}"));
    }
    holds(&card, &buffer, 1);
    card.set_semaphore(4, 1).unwrap();
    elsewhere.wait().expect("the other queue");
    assert_eq!(card.dram().generation(), 0);
}

/// What the queue still runs is aborted before it is deleted.
#[test]
fn a_bad_completion_restarts_the_queue_with_work_behind_it() {
    let (fake, card) = open();
    let buffer = filled(&card, 1);
    fake.script(&[Fault::WrongCid, Fault::Hang, Fault::None, Fault::Hang]);
    let tickets = card.submit_all(1, vec![nop(); 6]).unwrap();
    for ticket in tickets {
        let result = ticket.wait();
        assert!(matches!(result, Err(Error::BadCompletion { queue: 1, .. })), "{result:?}");
    }
    card.run(1, nop()).expect("the queue is new");
    holds(&card, &buffer, 1);
    assert_eq!(card.dram().generation(), 0);
}

/// ABORTs are repeated until the command ends; that they complete is no progress of the one that waits for a semaphore.
#[test]
fn aborts_that_do_nothing_do_not_put_off_the_deadline() {
    let (fake, card) = open();
    fake.aborts(Aborts::Refuse);
    let start = Instant::now();
    let ticket = card.submit(1, nop().wait(3, 1).deadline(Duration::from_millis(300))).unwrap();
    ticket.abort();
    let result = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| ticket.wait());
        while !waiter.is_finished() && start.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !waiter.is_finished() {
            card.reset().unwrap();
            panic!("still waiting after {:?}", start.elapsed());
        }
        waiter.join().unwrap()
    });
    assert!(
        matches!(result, Err(Error::Aborted { queue: 1, recovery: Recovery::Controller, .. })),
        "{result:?}"
    );
}

/// ABORT that never completes, that does nothing, that says it has no such command: the card is reset, data is lost.
#[test]
fn commands_that_cannot_be_aborted_reset_the_card() {
    for aborts in [Aborts::Hang, Aborts::Ignore, Aborts::Refuse] {
        let (fake, card) = open();
        let buffer = filled(&card, 1);
        fake.aborts(aborts);
        fake.script(&[Fault::None, Fault::Hang]);
        let tickets = card.submit_all(1, vec![nop(), brief(), nop()]).unwrap();
        let mut results = tickets.into_iter().map(|t| t.wait());
        assert!(results.next().unwrap().is_ok());
        stopped_by(results.next().unwrap(), Recovery::Controller);
        let behind = results.next().unwrap();
        assert!(
            matches!(behind, Err(Error::Aborted { queue: 1, recovery: Recovery::Controller, .. })),
            "{behind:?}"
        );
        assert_eq!(fake.function_resets(), 0);

        assert!(!buffer.is_valid());
        let read = card.read(&buffer, 0, &mut [0; 64]);
        assert!(matches!(read, Err(Error::DataLost { buffer: 0, card: 1, .. })));
        assert_eq!(card.dram().usage().used, 0);
        let fresh = card.dram().alloc(4096).unwrap();
        drop(buffer);
        holds(&card, &fresh, 0);
        card.write(&fresh, 0, &[2; 4096]).expect("the card works again");
        assert_eq!(card.dram().usage().used, 4096);
    }
}

/// A controller reset that does not end, or after which the card does not come up, whatever the reason.
#[test]
fn the_ladder_goes_on_to_a_function_reset() {
    let none = Resets::default();
    for resets in [
        Resets { controller_stuck: true, ..none },
        Resets { scrub_stuck: true, ..none },
        Resets { scrub_fails: true, ..none },
        Resets { never_ready: true, ..none },
    ] {
        let (fake, card) = open();
        let buffer = filled(&card, 1);
        fake.aborts(Aborts::Refuse);
        fake.resets(resets);
        fake.script(&[Fault::Hang]);
        stopped_by(card.run(2, brief()), Recovery::Function);
        assert_eq!(fake.function_resets(), 1, "{resets:?}");
        card.run(2, nop()).expect("after recovery");
        assert!(!buffer.is_valid());
        let fresh = card.dram().alloc(4096).unwrap();
        holds(&card, &fresh, 0);
    }
}

#[test]
fn a_card_that_cannot_be_reset_is_given_up() {
    type Test = fn(&Error) -> bool;
    let (none, incurable) = (Resets::default(), Resets { incurable: true, ..Resets::default() });
    let cases: [(Resets, Test); 5] = [
        (Resets { controller_stuck: true, function_fails: true, ..none }, |e| {
            matches!(e, Error::Transport(_))
        }),
        (Resets { controller_stuck: true, ..incurable }, |e| {
            matches!(e, Error::Controller { wanted: false, .. })
        }),
        (Resets { scrub_stuck: true, ..incurable }, |e| matches!(e, Error::Scrub { .. })),
        (Resets { scrub_fails: true, ..incurable }, |e| matches!(e, Error::Fatal { .. })),
        (Resets { never_ready: true, ..incurable }, |e| matches!(e, Error::Controller { wanted: true, .. })),
    ];
    for (resets, expected) in cases {
        let (fake, card) = open();
        let buffer = filled(&card, 1);
        fake.aborts(Aborts::Refuse);
        fake.resets(resets);
        fake.script(&[Fault::Hang]);
        let memory = card.dma_alloc(64).unwrap();
        let held = Arc::downgrade(&memory);
        let ticket = card.submit(1, brief().using(&buffer).holding(memory)).unwrap();
        let waiting = card.submit(2, nop().wait(1, 1)).unwrap();
        for error in [
            ticket.wait().unwrap_err(),
            waiting.wait().unwrap_err(),
            card.run(1, nop()).unwrap_err(),
            card.dma_alloc(64).unwrap_err(),
            card.reset().unwrap_err(),
            card.restart_queue(1).unwrap_err(),
            card.create_queue(Default::default()).unwrap_err(),
        ] {
            assert!(expected(&error), "{resets:?}: {error}");
        }
        assert_eq!(held.strong_count(), 1, "memory that the card may still use is kept");
        drop(card);
        assert_eq!(fake.mapped_regions(), 0, "and unmapped at the end");
    }
}

/// What the last owner left is zeroed before the next gets the card, even when that one comes at once.
#[test]
fn card_memory_is_zeroed_between_owners() {
    let fake = FakeCard::new(DRAM);
    for round in 1..4 {
        let card = Card::open(fake.clone(), options()).unwrap();
        assert!(fake.memory().iter().all(|b| *b == 0), "round {round}");
        let buffer = card.dram().alloc(card.info().dram_bytes).unwrap();
        card.fill(&buffer, 0, buffer.len(), 0x0101_0101_0101_0101 * round).unwrap();
        drop(buffer);
        drop(card);
        assert!(!fake.enabled(), "a closed card is disabled, so that it zeroes its memory");
    }
    let start = Instant::now();
    while fake.memory().iter().any(|b| *b != 0) {
        assert!(start.elapsed() < Duration::from_secs(10), "nothing was zeroed without a next owner");
        std::thread::yield_now();
    }
    // A card that cannot do it is not opened.
    let card = Card::open(fake.clone(), options()).unwrap();
    filled(&card, 1);
    fake.resets(Resets { scrub_stuck: true, incurable: true, ..Resets::default() });
    drop(card);
    let result = Card::open(fake, options());
    assert!(matches!(result, Err(Error::Scrub { .. })), "{result:?}");
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
    stopped_by(card.run(1, nop().deadline(Duration::from_millis(50))), Recovery::Abort);
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

/// Each queue hangs, several threads notice it: every hung command is aborted once, nothing else is lost.
#[test]
fn threads_meet_hangs_together() {
    let (fake, card) = open();
    let buffer = filled(&card, 1);
    for _ in 0..6 {
        fake.script(&[Fault::None; 20]);
        fake.script(&[Fault::Hang]);
    }
    let failed: usize = std::thread::scope(|scope| {
        let run = |thread: u16| (0..40).filter(|_| card.run(1 + thread % 2, brief()).is_err()).count();
        let handles: Vec<_> = (0..6u16).map(|thread| scope.spawn(move || run(thread))).collect();
        handles.into_iter().map(|h| h.join().unwrap()).sum()
    });
    assert_eq!(failed, 6, "those that hung, and no other");
    assert_eq!(card.dram().generation(), 0, "no reset");
    holds(&card, &buffer, 1);
}

/// The same when only a reset helps: it is done once.
#[test]
fn threads_meet_a_reset_together() {
    let (fake, card) = open();
    fake.aborts(Aborts::Refuse);
    fake.script(&[Fault::None; 20]);
    fake.script(&[Fault::Hang]);
    let failed: usize = std::thread::scope(|scope| {
        let run = |thread: u16| (0..50).filter(|_| card.run(1 + thread % 2, brief()).is_err()).count();
        let handles: Vec<_> = (0..4u16).map(|thread| scope.spawn(move || run(thread))).collect();
        handles.into_iter().map(|h| h.join().unwrap()).sum()
    });
    // The hung one, and at most what each other thread had under way or tried while the card was reset.
    assert!((1..=150).contains(&failed), "{failed} commands failed");
    assert_eq!(card.dram().generation(), 1, "reset once");
    card.run(1, nop()).unwrap();
}

/// While one queue hangs, is restarted and gets bad completions, the other one goes on and loses nothing.
#[test]
fn a_queue_in_trouble_leaves_the_other_alone() {
    let (fake, card) = open();
    let buffer = filled(&card, 1);
    let stop = AtomicBool::new(false);
    let ran = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut ran = 0;
            while !stop.load(Ordering::Relaxed) {
                for ticket in card.submit_all(2, vec![nop(); 5]).unwrap() {
                    ticket.wait().expect("the other queue is in order");
                    ran += 1;
                }
            }
            ran
        });
        for round in 1..=5 {
            fake.script_of(1, &[Fault::None, Fault::Hang]);
            let tickets = card.submit_all(1, vec![nop(), brief(), nop()]).unwrap();
            let mut results = tickets.into_iter().map(|ticket| ticket.wait());
            results.next().unwrap().expect("before it");
            stopped_by(results.next().unwrap(), Recovery::Abort);
            results.next().unwrap().unwrap_or_else(|e| panic!("round {round}: {e}"));
            let waiting = card.submit_all(1, vec![nop().wait(2, 1); 4]).unwrap();
            card.restart_queue(1).unwrap();
            for ticket in waiting {
                let result = ticket.wait();
                let expected = matches!(result, Err(Error::Aborted { recovery: Recovery::Queue, .. }));
                assert!(expected, "{result:?}");
            }
            fake.script_of(1, &[Fault::HeadBeyond]);
            assert!(matches!(card.run(1, nop()), Err(Error::BadCompletion { .. })));
            card.run(1, nop()).unwrap();
            if round == 3 {
                fake.script_of(1, &[Fault::NoCompletion]);
                stopped_by(card.run(1, brief()), Recovery::Queue);
            }
        }
        stop.store(true, Ordering::Relaxed);
        other.join().unwrap()
    });
    assert!(ran > 0);
    holds(&card, &buffer, 1);
    assert_eq!((card.dram().generation(), fake.function_resets()), (0, 0));
}

#[test]
fn the_owner_of_a_command_may_abort_it() {
    let (fake, card) = open();
    let patient = || nop().deadline(Duration::from_secs(600));
    let aborted = |result: Result<_, Error>| match result {
        Err(Error::Aborted { queue: 1, opcode: "NOP", recovery: Recovery::Abort, .. }) => {}
        other => panic!("{other:?}"),
    };
    // In hand.
    fake.script(&[Fault::Hang]);
    let ticket = card.submit(1, patient()).unwrap();
    fake.await_script();
    ticket.abort();
    aborted(ticket.wait());
    // The second behind another, which goes on: stopped when it comes to hand, by whoever waits.
    let mut tickets = card.submit_all(1, vec![patient().wait(1, 1); 3]).unwrap().into_iter();
    let (first, second, third) = (tickets.next().unwrap(), tickets.next().unwrap(), tickets.next().unwrap());
    third.abort();
    second.abort();
    second.abort();
    assert!(first.poll().is_none() && second.poll().is_none());
    card.set_semaphore(1, 1).unwrap();
    first.wait().unwrap();
    // The semaphore lets them go, too: either comes first.
    for ticket in [second, third] {
        match ticket.wait() {
            Ok(_) => {}
            other => aborted(other),
        }
    }
    card.set_semaphore(1, 0).unwrap();
    let mut tickets = card.submit_all(1, vec![patient().wait(1, 1), patient().wait(2, 1), nop()]).unwrap();
    tickets[1].abort();
    tickets[0].abort();
    let last = tickets.pop().unwrap();
    last.wait().expect("both before it were stopped by the one who waits");
    tickets.into_iter().for_each(|ticket| aborted(ticket.wait()));
    // Ended before.
    let ticket = card.submit(1, nop()).unwrap();
    while ticket.poll().is_none() {
        std::thread::yield_now();
    }
    ticket.abort();
    ticket.wait().expect("its own result");
    assert_eq!(card.dram().generation(), 0);
}

/// An abort that the card does not carry out harms nobody; one that it does not answer resets it.
#[test]
fn an_abort_that_fails_is_not_the_end_of_the_command() {
    let (fake, card) = open();
    let buffer = filled(&card, 1);
    fake.aborts(Aborts::Refuse);
    let ticket = card.submit(1, nop().wait(1, 1).deadline(Duration::from_secs(60))).unwrap();
    ticket.abort();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| ticket.wait());
        std::thread::sleep(Duration::from_millis(100));
        card.set_semaphore(1, 1).unwrap();
        waiter.join().unwrap().expect("its own result");
    });
    holds(&card, &buffer, 1);
    fake.aborts(Aborts::Hang);
    let ticket = card.submit(1, nop().wait(1, 2)).unwrap();
    ticket.abort();
    let result = ticket.wait();
    assert!(matches!(result, Err(Error::Aborted { recovery: Recovery::Controller, .. })), "{result:?}");
    assert!(!buffer.is_valid());
    fake.aborts(Aborts::Obey);
    card.run(1, nop()).unwrap();
}

/// While one thread resets the card, what the others see of it is no reason to give it up.
#[test]
fn a_card_in_a_reset_is_not_lost() {
    let (fake, card) = open();
    fake.aborts(Aborts::Refuse);
    fake.resets(Resets { controller_stuck: true, dark: true, ..Resets::default() });
    fake.script_of(1, &[Fault::Hang]);
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| card.run(2, nop().wait(1, 1).deadline(Duration::from_secs(60)))))
            .collect();
        stopped_by(card.run(1, brief()), Recovery::Function);
        for other in others {
            let result = other.join().unwrap();
            assert!(matches!(result, Err(Error::Aborted { recovery: Recovery::Function, .. })), "{result:?}");
        }
    });
    assert_eq!(fake.function_resets(), 1);
    card.run(1, nop()).unwrap();
    card.run(2, nop()).unwrap();
}
