//! The driver against a card that misbehaves.

mod fake;
mod suite;

use fake::{FakeCard, Fault, Resets};
use permafrost_abi::{reg, sq_doorbell, CopyKind, FillCommand, NopCommand, Status, Transport};
use permafrost_driver::{Card, CardOptions, DmaPiece, Error, Recovery, Request};
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::{Duration, Instant};

const DRAM: usize = 1 << 22;

fn options() -> CardOptions {
    CardOptions {
        queue_entries: 8,
        command_deadline: Duration::from_millis(300),
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
    fake.set_register(reg::VERSION, 0x0000_0200);
    match open() {
        Err(Error::Version { seen, expected }) => assert_eq!((&*seen, &*expected), ("0.2.0", "0.1.0")),
        other => panic!("{other:?}"),
    }
    fake.set_register(reg::VERSION, permafrost_abi::ABI_VERSION | 7);
    open().expect("another patch level is accepted");
    for queues in [0, 15] {
        fake.set_register(reg::CAP_QUEUES, 10 << 8 | queues);
        assert!(matches!(open(), Err(Error::BadCapability { register: "CAP_QUEUES", .. })));
    }
}

#[test]
fn every_malformed_completion_closes_the_queue() {
    for (fault, detail) in [
        (Fault::WrongCid, "command id"),
        (Fault::WrongQueue, "queue id"),
        (Fault::HeadOutside, "SQ head"),
        (Fault::HeadBehind, "SQ head"),
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
fn a_completion_of_the_wrong_phase_is_not_seen() {
    let (fake, card) = open();
    fake.script(&[Fault::WrongPhase]);
    assert!(matches!(card.run(1, nop()), Err(Error::Deadline { .. })));
    card.run(1, nop()).expect("after recovery");
}

#[test]
fn the_ladder_goes_on_to_a_function_reset() {
    let (fake, card) = open();
    fake.resets(Resets { controller_stuck: true, function_fails: false });
    fake.script(&[Fault::Hang]);
    let result = card.run(2, nop());
    assert!(matches!(result, Err(Error::Deadline { recovery: Recovery::Function, .. })), "{result:?}");
    assert_eq!(fake.function_resets(), 1);
    card.run(2, nop()).expect("after recovery");
}

#[test]
fn a_card_that_cannot_be_reset_is_given_up() {
    let (fake, card) = open();
    fake.resets(Resets { controller_stuck: true, function_fails: true });
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
        let (fake, card) = open();
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
fn a_lost_interrupt_costs_only_a_slice() {
    let (fake, card) = open();
    fake.script(&[Fault::NoInterrupt; 5]);
    for _ in 0..5 {
        card.run(1, nop()).expect("seen by polling");
    }
}

#[test]
fn a_deadline_of_the_request_counts_from_its_turn() {
    let (fake, card) = open();
    let start = Instant::now();
    fake.script(&[Fault::Hang]);
    let result = card.run(1, nop().deadline(Duration::from_millis(50)));
    assert!(matches!(result, Err(Error::Deadline { .. })), "{result:?}");
    assert!(start.elapsed() < Duration::from_millis(290), "{:?}", start.elapsed());
    // A command that waits for another queue's does not hang while that queue goes on.
    let waiting = card.submit(1, nop().wait(3, 1)).unwrap();
    let until = Instant::now() + Duration::from_millis(600);
    while Instant::now() < until {
        card.run(2, nop()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert!(waiting.poll().is_none());
    }
    card.run(2, nop().signal(3, 1)).unwrap();
    waiting.wait().expect("released by the signal");
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

#[test]
fn threads_share_the_card_over_many_wraps() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let (fake, card) = open();
    std::thread::scope(|scope| {
        for thread in 0..6u64 {
            let card = card.clone();
            scope.spawn(move || {
                let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed ^ thread);
                for _ in 0..60 {
                    let len = rng.gen_range(1..40_000);
                    let data: Vec<u8> = (0..len).map(|_| rng.gen()).collect();
                    let buffer = card.dram().alloc(len as u64).unwrap();
                    card.write(&buffer, 0, &data).unwrap();
                    let from = rng.gen_range(0..len) / 64 * 64;
                    let mut back = vec![0; len - from];
                    card.read(&buffer, from as u64, &mut back).unwrap();
                    assert!(back == data[from..], "thread {thread}, {len} bytes from {from}");
                }
            });
        }
    });
    assert_eq!(card.dram().usage().used, 0);
    drop(card);
    assert_eq!(fake.mapped_regions(), 0, "all DMA memory is unmapped");
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

#[test]
fn dma_memory_is_bounded_and_shared() {
    let fake = FakeCard::new(DRAM);
    let card = Card::open(fake, CardOptions { dma_limit: 128 << 10, ..options() }).unwrap();
    assert!(matches!(card.dma_alloc(1 << 20), Err(Error::OutOfDmaMemory { limit: 0x20000, .. })));
    let buffer = card.dram().alloc(1 << 18).unwrap();
    let data = vec![9; 1 << 18];
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| card.write(&buffer, 0, &data).expect("transfers take turns"));
        }
    });
}

#[test]
fn pieces_and_ranges_are_checked_before_the_card_sees_them() {
    let (_fake, card) = open();
    let buffer = card.dram().alloc(256).unwrap();
    let memory = card.dma_alloc(256).unwrap();
    let piece = |offset, len| DmaPiece { buffer: memory.clone(), offset, len };
    let copy = |pieces: &[DmaPiece]| {
        card.submit_pieces(1, CopyKind::HostToCard, &buffer, 0, pieces).and_then(|t| t.wait()).map(|_| ())
    };
    copy(&[piece(0, 64), piece(192, 64)]).unwrap();
    copy(&[]).unwrap();
    assert!(matches!(copy(&[piece(32, 64)]), Err(Error::Unaligned { .. })));
    assert!(matches!(copy(&[piece(0, 63)]), Err(Error::Unaligned { .. })));
    assert!(matches!(copy(&[piece(192, 128)]), Err(Error::OutOfRange { what: "DMA piece", .. })));
    assert!(matches!(copy(&[piece(0, 192), piece(0, 128)]), Err(Error::OutOfRange { what: "copy", .. })));
    assert!(matches!(card.write(&buffer, 0, &[0; 257]), Err(Error::OutOfRange { .. })));
    assert!(matches!(card.fill(&buffer, 0, 63, 0), Err(Error::Unaligned { .. })));
    let (_other, stranger) = open();
    assert!(matches!(stranger.fill(&buffer, 0, 64, 0), Err(Error::ForeignBuffer { .. })));
}
