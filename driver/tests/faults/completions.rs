//! Completions, good and bad.

use crate::fake::Fault;
use crate::{nop, open};
use permafrost_abi::{cq_doorbell, sq_doorbell, FillCommand, Status};
use permafrost_driver::{Error, Request};

#[test]
fn every_malformed_completion_closes_the_queue() {
    for (fault, detail) in [
        (Fault::WrongCid, "command id"),
        (Fault::WrongQueue, "queue id"),
        (Fault::HeadOutside, "SQ head"),
        (Fault::HeadBehind, "SQ head"),
        (Fault::HeadBeyond, "SQ head"),
        (Fault::StrayInfo, "info 0x1 of a NOP"),
        (Fault::UnknownStatus, "unknown status code 99"),
    ] {
        let (fake, card) = open();
        card.run(1, nop()).expect("a good one first");
        fake.script(&[Fault::None, fault]);
        let tickets = card.submit_all(1, vec![nop(), nop(), nop()]).unwrap();
        let mut results = tickets.into_iter().map(|t| t.wait());
        assert!(results.next().unwrap().is_ok(), "{fault:?}: the one before is good");
        for result in results {
            match result {
                Err(Error::BadCompletion { queue: 1, detail: seen, .. }) => {
                    assert!(seen.contains(detail), "{fault:?}: {seen}")
                }
                other => panic!("{fault:?}: {other:?}"),
            }
        }
        card.run(2, nop()).expect("the other queue works on");
        card.run(1, nop()).expect("the queue was made anew");
        assert_eq!(card.dram().generation(), 0, "the card was not reset");
    }
}

#[test]
fn a_bad_completion_in_the_admin_queue_resets_the_card() {
    let (fake, card) = open();
    let buffer = card.dram().alloc(64).unwrap();
    fake.script_of(0, &[Fault::WrongCid]);
    assert!(matches!(card.set_semaphore(1, 1), Err(Error::BadCompletion { queue: 0, .. })));
    assert!(!buffer.is_valid());
    card.set_semaphore(1, 1).expect("after the reset");
    card.run(1, nop()).unwrap();
}

#[test]
fn a_duplicate_completion_is_refused() {
    let (fake, card) = open();
    fake.script(&[Fault::Duplicate]);
    let created = || fake.doorbells().iter().filter(|d| d.0 == sq_doorbell(0)).count();
    let before = created();
    let _ = card.run(1, nop());
    // The second copy arrives with the first, with nothing outstanding, or with another command.
    let again = card.run(1, nop());
    assert!(matches!(again, Ok(_) | Err(Error::BadCompletion { .. })), "{again:?}");
    card.run(1, nop()).expect("the queue was made anew");
    assert!(created() >= before + 2, "DELETE_QUEUE and CREATE_QUEUE");
}

#[test]
fn the_reported_head_may_run_ahead_but_not_back() {
    let (fake, card) = open();
    fake.script(&[Fault::HeadAhead; 3]);
    for ticket in card.submit_all(1, vec![nop(); 3]).unwrap() {
        ticket.wait().expect("commands may be fetched ahead");
    }
    fake.script(&[Fault::HeadAhead, Fault::None]);
    let mut results = card.submit_all(1, vec![nop(); 3]).unwrap().into_iter().map(|t| t.wait());
    assert!(results.next().unwrap().is_ok());
    assert!(matches!(results.next().unwrap(), Err(Error::BadCompletion { .. })));
}

#[test]
fn a_completion_from_before_a_reset_is_refused() {
    let (fake, card) = open();
    fake.script(&[Fault::Late]);
    assert!(matches!(card.run(1, nop()), Err(Error::Deadline { .. })));
    let result = card.run(1, nop());
    assert!(
        matches!(&result, Err(Error::BadCompletion { detail, .. }) if detail.contains("command id")),
        "{result:?}"
    );
}

#[test]
fn a_completion_of_the_wrong_phase_is_not_seen() {
    let (fake, card) = open();
    fake.script(&[Fault::WrongPhase]);
    assert!(matches!(card.run(1, nop()), Err(Error::Deadline { .. })));
    card.run(1, nop()).expect("after recovery");
}

#[test]
fn a_lost_interrupt_costs_only_a_slice() {
    let (fake, card) = open();
    fake.script(&[Fault::NoInterrupt; 5]);
    for _ in 0..5 {
        card.run(1, nop()).expect("seen by polling");
    }
}

#[test]
fn refusals_name_the_field() {
    let (_fake, card) = open();
    let body = FillCommand { card_addr: 8, length: 64, ..Default::default() };
    match card.run(1, Request::new(&body)) {
        Err(
            e @ Error::CommandFailed {
                status: Status::BadAddress, info: 16, field: Some("card_addr"), ..
            },
        ) => {
            assert!(e.to_string().contains("card_addr (byte 16)"), "{e}")
        }
        other => panic!("{other:?}"),
    }
    let syndrome = card.syndrome().unwrap().expect("held");
    assert_eq!((syndrome.queue, syndrome.status, syndrome.address), (1, Ok(Status::BadAddress), 8));
    card.clear_syndrome().unwrap();
    assert_eq!(card.syndrome().unwrap(), None);
    assert!(matches!(card.run(3, nop()), Err(Error::NoSuchQueue { queue: 3, available: 2 })));
    assert!(matches!(card.run(0, nop()), Err(Error::NoSuchQueue { queue: 0, .. })));
}

#[test]
fn batches_share_doorbells() {
    let (fake, card) = open();
    let before = fake.doorbells().len();
    let tickets = card.submit_all(1, vec![nop(); 7]).unwrap();
    let tails: Vec<_> =
        fake.doorbells()[before..].iter().filter(|(at, _)| *at == sq_doorbell(1)).map(|(_, v)| *v).collect();
    assert_eq!(tails, [7], "one doorbell for seven commands");
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    // Completions are acknowledged when the ring needs the room, not one by one.
    let acknowledged =
        |from: usize| fake.doorbells()[from..].iter().filter(|d| d.0 == cq_doorbell(1)).count();
    assert_eq!(acknowledged(before), 0, "7 of 8 entries");
    let before = fake.doorbells().len();
    let rooms = if cfg!(miri) { 2 } else { 10 };
    for _ in 0..7 * rooms {
        card.run(1, nop()).unwrap();
    }
    assert_eq!(acknowledged(before), rooms, "rooms of 7 entries");
    // More than the ring holds: several doorbells, all commands complete.
    for ticket in card.submit_all(1, vec![nop(); 10 * rooms]).unwrap() {
        ticket.wait().unwrap();
    }
}
