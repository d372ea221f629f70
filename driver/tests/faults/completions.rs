//! Completions, good and bad.

use crate::fake::Fault;
use crate::{nop, open};
use permafrost_abi::{sq_doorbell, FillCommand, Status};
use permafrost_driver::{Error, Request};

#[test]
fn every_malformed_completion_closes_the_queue() {
    for (fault, detail) in [
        (Fault::WrongCid, "command id"),
        (Fault::WrongQueue, "queue id"),
        (Fault::HeadOutside, "SQ head"),
        (Fault::HeadBehind, "SQ head"),
        (Fault::HeadBeyond, "SQ head"),
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
        assert!(matches!(card.run(1, nop()), Err(Error::Quarantined { queue: 1, .. })), "{fault:?}");
        card.run(2, nop()).expect("the other queue works on");
        card.reset().expect("a reset opens the queue again");
        card.run(1, nop()).expect("after the reset");
    }
}

#[test]
fn a_duplicate_completion_is_refused() {
    let (fake, card) = open();
    fake.script(&[Fault::Duplicate]);
    let _ = card.run(1, nop());
    // The second copy arrives with nothing, or with another command, outstanding.
    let again = card.run(1, nop());
    assert!(matches!(again, Err(Error::BadCompletion { .. } | Error::Quarantined { .. })), "{again:?}");
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
    // More than the ring holds: several doorbells, all commands complete.
    for ticket in card.submit_all(1, vec![nop(); 100]).unwrap() {
        ticket.wait().unwrap();
    }
}
