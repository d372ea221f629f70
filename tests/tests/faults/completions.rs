//! Completions that go wrong on their way from the card.

use crate::mischief::{Fault, TORN};
use crate::{copy, nop, works, Rig};
use permafrost_driver::{Card, Error, Ticket};
use std::time::Duration;

/// Three commands of which the first meets `fault`.
fn three(rig: &Rig, fault: Fault) -> Vec<Result<(), Error>> {
    rig.mischief.script(&[fault]);
    let tickets = rig.card.submit_all(1, vec![nop(); 3]).expect("the ring has room");
    let results = tickets.into_iter().map(Ticket::wait).map(|r| r.map(|_| ())).collect();
    assert!(rig.mischief.played(), "{fault:?} has not happened");
    results
}

/// A fault that is noticed: whoever waits gets an error, and afterwards the card works.
fn refused(fault: Fault, what: &str) {
    let rig = Rig::patient();
    let results = three(&rig, fault);
    let said = results
        .iter()
        .any(|r| matches!(r, Err(Error::BadCompletion { queue: 1, detail, .. }) if detail.contains(what)));
    assert!(said, "{fault:?}: {results:?}");
    rig.card.run(2, nop()).expect("the other queue goes on");
    recovered(&rig.card);
}

/// A fault that looks like a command which hangs.
fn hangs(fault: Fault) {
    let rig = Rig::hasty();
    let results = three(&rig, fault);
    assert!(matches!(results[0], Err(Error::Deadline { queue: 1, .. })), "{fault:?}: {results:?}");
    recovered(&rig.card);
}

/// The card works, if need be after a reset: how far the ladder went is not the point here.
fn recovered(card: &Card) {
    if card.run(1, nop()).is_err() {
        card.reset().expect("a reset");
    }
    works(card);
}

#[test]
fn a_lost_completion_is_a_deadline() {
    hangs(Fault::Lost);
}

#[test]
fn a_completion_of_the_wrong_phase_is_a_deadline() {
    hangs(Fault::WrongPhase);
}

#[test]
fn delayed_completions_only_take_time() {
    let rig = Rig::patient();
    rig.mischief.script(&[Fault::Delayed(Duration::from_millis(150)), Fault::None, Fault::Delayed(TORN)]);
    works(&rig.card);
    assert_eq!(rig.card.dram().generation(), 0);
}

#[test]
fn a_completion_that_comes_twice_is_refused() {
    refused(Fault::Twice, "command id");
}

#[test]
fn completions_that_change_places_are_refused() {
    refused(Fault::Swapped, "command id");
}

/// The phase first, which no card does that writes a completion at once: in a new ring the rest reads zero.
#[test]
fn a_torn_completion_in_a_new_ring_is_refused() {
    refused(Fault::PhaseFirst, "queue id");
}

/// In a ring that has wrapped the rest reads as it did one pass ago: the id, which comes with the phase, is right, so the
/// command has ended; only the figures are old.
#[test]
fn a_torn_completion_in_a_used_ring_does_no_harm() {
    let rig = Rig::patient();
    for _ in 0..11 {
        rig.card.run(1, nop()).unwrap();
        rig.card.run(2, nop()).unwrap();
    }
    for round in 0..10 {
        rig.mischief.script(&[Fault::PhaseFirst]);
        match copy(&rig.card, 4096) {
            Ok(()) => {}
            // As if the ring were new, which it may be by now.
            Err(Error::BadCompletion { .. } | Error::Quarantined { .. } | Error::Aborted { .. }) => {
                recovered(&rig.card);
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
    works(&rig.card);
}

#[test]
fn a_completion_that_comes_word_by_word_is_seen_whole() {
    let rig = Rig::patient();
    rig.mischief.script(&[Fault::WordByWord; 3]);
    copy(&rig.card, 20_000).expect("the phase comes last");
    assert_eq!(rig.card.dram().generation(), 0);
    works(&rig.card);
}

#[test]
fn a_completion_for_a_command_that_the_card_has_not_seen_is_refused() {
    let rig = Rig::patient();
    rig.card.run(1, nop()).unwrap();
    rig.mischief.forge();
    let result = rig.card.run(1, nop());
    assert!(
        matches!(&result, Err(Error::BadCompletion { detail, .. }) if detail.contains("SQ head")),
        "{result:?}"
    );
    recovered(&rig.card);
}

#[test]
fn a_completion_from_before_recovery_is_refused() {
    let rig = Rig::hasty();
    rig.card.run(1, nop()).unwrap();
    rig.mischief.script(&[Fault::Late]);
    let result = rig.card.run(1, nop());
    assert!(matches!(result, Err(Error::Deadline { .. })), "{result:?}");
    if rig.mischief.late() {
        // The queue has not been made anew.
        rig.card.reset().expect("a reset");
    }
    // Whether it is noticed before the next command is there, or with it: it does not end that one.
    match rig.card.run(1, nop()) {
        Ok(_) => {}
        Err(Error::BadCompletion { detail: what, .. } | Error::Quarantined { reason: what, .. }) => {
            assert!(what.contains("command id"), "{what}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!rig.mischief.late(), "it has arrived");
    recovered(&rig.card);
}

/// Each bit of the completion of a transfer: what comes back is right, or there is an error.
#[test]
fn every_wrong_bit_of_a_completion() {
    let rig = Rig::new(Duration::from_secs(2));
    let (mut noticed, mut harmless) = (0, 0);
    for bit in 0..128 {
        rig.card.run(1, nop()).unwrap();
        rig.mischief.script(&[Fault::Flip(bit)]);
        match copy(&rig.card, 256) {
            Ok(()) => harmless += 1,
            Err(error) => {
                let expected = match bit {
                    // cycles: a figure that nothing depends on.
                    0..32 => false,
                    112 => matches!(error, Error::Deadline { .. }),
                    // An error code, or none that there is.
                    113..128 => matches!(error, Error::CommandFailed { .. } | Error::BadCompletion { .. }),
                    _ => matches!(error, Error::BadCompletion { .. }),
                };
                assert!(expected, "bit {bit}: {error:?}");
                noticed += 1;
                rig.card.reset().expect("a reset");
            }
        }
        assert!(rig.mischief.played());
    }
    println!("{noticed} noticed, {harmless} harmless");
    assert_eq!((noticed, harmless), (96, 32));
    works(&rig.card);
}
