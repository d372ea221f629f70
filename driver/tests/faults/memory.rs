//! Card memory and DMA memory: who holds them, and how long.

use crate::fake::{FakeCard, Fault};
use crate::{nop, open, options, DRAM};
use permafrost_abi::CopyKind;
use permafrost_driver::{Card, CardOptions, DmaPiece, Error, Request};
use rand::{Rng, SeedableRng};
use std::sync::Arc;

#[test]
fn memory_lives_as_long_as_the_card_may_use_it() {
    let (fake, card) = open();
    let hold = |request: Request| {
        let (memory, buffer) = (card.dma_alloc(64).unwrap(), card.dram().alloc(64).unwrap());
        (Arc::downgrade(&memory), request.using(&buffer).holding(memory))
    };
    // Dropping the ticket ends neither the command nor the memory.
    let (memory, request) = hold(nop().wait(2, 1));
    drop(card.submit(1, request).unwrap());
    assert_eq!((memory.strong_count(), card.dram().usage().used), (1, 64));
    card.run(2, nop().signal(2, 1)).unwrap();
    card.run(1, nop()).unwrap();
    assert_eq!((memory.strong_count(), card.dram().usage().used), (0, 0));
    // After a bad completion nobody knows what the card does, until the queue was deleted on it.
    fake.script(&[Fault::WrongCid]);
    let (memory, request) = hold(nop());
    let ticket = card.submit(1, request).unwrap();
    while ticket.poll().is_none() {
        std::thread::yield_now();
    }
    assert_eq!((memory.strong_count(), card.dram().usage().used), (1, 64));
    assert!(matches!(ticket.wait(), Err(Error::BadCompletion { .. })));
    assert_eq!((memory.strong_count(), card.dram().usage().used), (0, 0));
    assert_eq!(card.dram().generation(), 0);
    // Closing the card brings it to rest before its rings are unmapped.
    assert!(fake.enabled());
    drop(card);
    assert!(!fake.enabled());
    assert_eq!(fake.mapped_regions(), 0);
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
    // Room for a single chunk of the transfer: it goes on, one chunk at a time.
    let mut held = Vec::new();
    while let Ok(memory) = card.dma_alloc(4096) {
        held.push(memory);
    }
    held.truncate(held.len() - 2);
    card.write(&buffer, 0, &data).unwrap();
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
