//! The driver against a card that misbehaves.

mod completions;
mod fake;
mod memory;
mod queues;
mod recovery;
#[path = "../suite/mod.rs"]
mod suite;

use fake::FakeCard;
use permafrost_abi::registers::{CapEngines, CapNtt};
use permafrost_abi::{reg, NopCommand, Transport};
use permafrost_driver::{Card, CardOptions, Error, NttInfo, Request, VectorInfo};
use std::sync::Arc;
use std::time::Duration;

const DRAM: usize = if cfg!(miri) { 1 << 16 } else { 1 << 22 };

fn options() -> CardOptions {
    CardOptions {
        queue_entries: 8,
        // An interpreter is slow.
        command_deadline: Duration::from_secs(if cfg!(miri) { 10 } else { 1 }),
        staging_bytes: 8192,
        ..CardOptions::default()
    }
}

fn open() -> (Arc<FakeCard>, Card) {
    let fake = FakeCard::new(DRAM);
    let card = Card::open(fake.clone(), options()).expect("the fake card comes up");
    (fake, card)
}

fn nop() -> Request {
    Request::new(&NopCommand::default())
}

/// The misbehaving card is a proper one when it is not told to misbehave.
#[test]
fn fake_card_conforms() {
    let card: Arc<dyn Transport> = FakeCard::new(1 << 20);
    suite::conforms(&card);
}

#[test]
fn refuses_what_is_not_a_card_of_this_contract() {
    let fake = FakeCard::new(DRAM);
    let open = || Card::open(fake.clone(), options()).map(|_| ());
    fake.set_register(reg::MAGIC, 0x1234);
    assert!(matches!(open(), Err(Error::NotACard { seen: 0x1234, .. })));
    fake.set_register(reg::MAGIC, u32::MAX);
    assert!(matches!(open(), Err(Error::CardLost { .. })));
    fake.set_register(reg::MAGIC, permafrost_abi::ABI_MAGIC);
    fake.set_register(reg::VERSION, 0x0000_0100);
    match open() {
        Err(Error::Version { seen, expected }) => assert_eq!((&*seen, &*expected), ("0.1.0", "0.4.0")),
        other => panic!("{other:?}"),
    }
    fake.set_register(reg::VERSION, permafrost_abi::ABI_VERSION | 7);
    open().expect("another patch level is accepted");
    for queues in [0, 15] {
        fake.set_register(reg::CAP_QUEUES, 10 << 8 | queues);
        assert!(matches!(open(), Err(Error::BadCapability { register: "CAP_QUEUES", .. })));
    }
    fake.set_register(reg::CAP_QUEUES, 10 << 8 | 2);
    // A card that asks for years is not waited for.
    fake.set_register(reg::CAP_DEADLINE, u32::MAX - 1);
    assert!(matches!(open(), Err(Error::BadCapability { register: "CAP_DEADLINE", .. })));
    fake.set_register(reg::CAP_DEADLINE, 1);
    let engines = CapEngines::from_fields(true, true, true, true, true, true, false);
    fake.set_register(reg::CAP_ENGINES, engines.0);
    fake.set_register(reg::CAP_VECTOR, 1);
    for (lanes, log2_block) in [(0, 12), (1, 0), (1, 29)] {
        fake.set_register(reg::CAP_NTT, CapNtt::from_fields(lanes, log2_block).0);
        assert!(matches!(open(), Err(Error::BadCapability { register: "CAP_NTT", .. })));
    }
    fake.set_register(reg::CAP_NTT, CapNtt::from_fields(2, 28).0);
    let card = Card::open(fake.clone(), options()).expect("capabilities at their limits");
    assert_eq!(card.info().ntt, Some(NttInfo { lanes: 2, log2_block: 28 }));
    assert_eq!(card.info().vector, Some(VectorInfo { lanes: 1 }));
    drop(card);
    fake.set_register(reg::CAP_VECTOR, 0);
    assert!(matches!(open(), Err(Error::BadCapability { register: "CAP_VECTOR", .. })));
}
