//! Interrupts that go wrong: the rings say what has happened, so none of them matters.

use crate::mischief::Irqs;
use crate::{works, Rig};

fn harmless(irqs: Irqs) {
    let rig = Rig::patient();
    rig.mischief.irqs(irqs);
    works(&rig.card);
    assert_eq!(rig.card.dram().generation(), 0, "no reset was needed");
    rig.mischief.irqs(Irqs::Sound);
    works(&rig.card);
}

#[test]
fn lost_interrupts_cost_only_time() {
    harmless(Irqs::Lost);
}

#[test]
fn interrupts_may_come_twice() {
    harmless(Irqs::Twice);
}

#[test]
fn interrupts_may_come_before_their_completion() {
    harmless(Irqs::Early);
}

#[test]
fn interrupts_may_go_astray() {
    harmless(Irqs::Astray);
}

#[test]
fn interrupts_may_come_without_reason() {
    harmless(Irqs::Storm);
}
