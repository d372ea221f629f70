//! Registers: doorbells that are lost or wrong, and cards that do not answer.

use crate::mischief::{Mischief, Reads, Write};
use crate::{copy, nop, options, sim, works, Rig};
use permafrost_abi::{cq_doorbell, reg, sq_doorbell};
use permafrost_driver::{Card, Error, Recovery, Status};
use std::time::{Duration, Instant};

#[test]
fn a_lost_doorbell_is_a_deadline() {
    let rig = Rig::hasty();
    rig.mischief.writes(sq_doorbell(1), Write::Drop, 1);
    let result = rig.card.run(1, nop());
    assert!(matches!(result, Err(Error::Deadline { queue: 1, .. })), "{result:?}");
    works(&rig.card);
}

#[test]
fn a_lost_doorbell_is_made_good_by_the_next() {
    let rig = Rig::patient();
    rig.mischief.writes(sq_doorbell(1), Write::Drop, 1);
    let first = rig.card.submit(1, nop()).unwrap();
    rig.card.run(1, nop()).expect("the tail covers both");
    first.wait().expect("the first as well");
    works(&rig.card);
}

#[test]
fn doorbells_may_ring_twice() {
    let rig = Rig::patient();
    for queue in [1, 2] {
        rig.mischief.writes(sq_doorbell(queue), Write::Twice, u32::MAX);
        rig.mischief.writes(cq_doorbell(queue), Write::Twice, u32::MAX);
    }
    works(&rig.card);
    assert_eq!(rig.card.syndrome().unwrap(), None);
}

/// The next doorbell makes it good, unless the card has no more room meanwhile.
#[test]
fn a_lost_completion_doorbell_is_made_good_or_a_deadline() {
    let rig = Rig::hasty();
    for queue in [1, 2] {
        rig.mischief.writes(cq_doorbell(queue), Write::Drop, 1);
        match (0..20).try_for_each(|_| rig.card.run(queue, nop()).map(|_| ())) {
            Ok(()) | Err(Error::Deadline { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    works(&rig.card);
}

/// The card fills its completion ring and waits.
#[test]
fn completion_doorbells_that_stay_away_are_a_deadline() {
    let rig = Rig::hasty();
    rig.mischief.writes(cq_doorbell(1), Write::Drop, u32::MAX);
    let failed = (0..40).map(|_| rig.card.run(1, nop())).find_map(Result::err);
    assert!(matches!(failed, Some(Error::Deadline { queue: 1, .. })), "{failed:?}");
    rig.mischief.writes_arrive();
    rig.card.reset().expect("a reset");
    works(&rig.card);
}

#[test]
fn a_doorbell_out_of_range_is_recorded_and_a_deadline() {
    for value in [8, 0xffff, u32::MAX] {
        let rig = Rig::hasty();
        rig.mischief.writes(sq_doorbell(1), Write::Instead(value), 1);
        let result = rig.card.run(1, nop());
        assert!(matches!(result, Err(Error::Deadline { queue: 1, .. })), "{value:#x}: {result:?}");
        let syndrome = rig.card.syndrome().unwrap().expect("held over the reset");
        assert_eq!((syndrome.queue, syndrome.status), (1, Ok(Status::BadQueue)), "{value:#x}");
        works(&rig.card);
    }
}

/// All ones, zeros as after a bus error, and a MAGIC that is another.
#[test]
fn a_card_that_does_not_answer_is_lost() {
    for reads in [Reads::All(u32::MAX), Reads::All(0), Reads::One(reg::MAGIC, 0x1234_5678)] {
        let rig = Rig::patient();
        let buffer = rig.card.dram().alloc(64).unwrap();
        let memory = rig.card.dma_alloc(4096).unwrap();
        let held = std::sync::Arc::downgrade(&memory);
        let waiting = rig.card.submit(1, nop().wait(0, 1).using(&buffer).holding(memory)).unwrap();
        rig.mischief.reads(reads);
        let start = Instant::now();
        let result = waiting.wait();
        assert!(matches!(result, Err(Error::CardLost { .. })), "{reads:?}: {result:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{reads:?}: {:?}", start.elapsed());
        for result in [copy(&rig.card, 64), rig.card.reset(), rig.card.run(2, nop()).map(|_| ())] {
            assert!(matches!(result, Err(Error::CardLost { .. })), "{reads:?}: {result:?}");
        }
        assert_eq!(held.strong_count(), 1, "the card may still write it");
        // It answers again, but this handle has given it up; another one finds it in order.
        rig.mischief.reads(Reads::Sound);
        assert!(matches!(copy(&rig.card, 64), Err(Error::CardLost { .. })));
        drop(rig.card);
        let again = Mischief::new(rig.sim.clone());
        works(&Card::open(again, options(Duration::from_secs(100))).expect("opened again"));
    }
}

#[test]
fn a_card_that_is_none_is_refused() {
    let mischief = Mischief::new(sim());
    let open = || Card::open(mischief.clone(), options(Duration::from_secs(100))).map(|_| ());
    for (reads, lost) in
        [(Reads::All(u32::MAX), true), (Reads::All(0), false), (Reads::One(reg::MAGIC, 1), false)]
    {
        mischief.reads(reads);
        match open() {
            Err(Error::CardLost { .. }) if lost => {}
            Err(Error::NotACard { .. }) if !lost => {}
            other => panic!("{reads:?}: {other:?}"),
        }
        assert_eq!(mischief.memory().1, 0, "nothing stays mapped");
    }
    mischief.reads(Reads::Sound);
    open().expect("the card is there again");
}

/// A disable that the card does not hear of: READY stays 1, and the ladder goes on to the function level reset.
#[test]
fn a_controller_reset_that_is_lost_goes_on_to_a_function_reset() {
    let rig = Rig::hasty();
    rig.mischief.writes(sq_doorbell(1), Write::Drop, 1);
    rig.mischief.writes(reg::CC, Write::Drop, 1);
    let result = rig.card.run(1, nop());
    assert!(matches!(result, Err(Error::Deadline { .. })), "{result:?}");
    if !matches!(result, Err(Error::Deadline { recovery: Recovery::Function, .. })) {
        // A lower rung was enough; the write is still to be lost.
        rig.card.reset().expect("by function level reset");
    }
    works(&rig.card);
}
