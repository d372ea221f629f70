//! Card memory and DMA memory: who holds them, and how long.

use crate::fake::{FakeCard, Fault};
use crate::{nop, open, options, DRAM};
use permafrost_abi::CopyKind;
use permafrost_driver::{Card, CardOptions, DmaPiece, DmaUsage, Error, HostVec, Request};
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
    let (threads, rounds, most) = if cfg!(miri) { (3, 2, 5_000) } else { (6, 60, 40_000) };
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let card = card.clone();
            scope.spawn(move || {
                let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed ^ thread);
                for _ in 0..rounds {
                    let len = rng.gen_range(1..most);
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
    let bytes = if cfg!(miri) { 1 << 14 } else { 1 << 18 };
    let buffer = card.dram().alloc(bytes).unwrap();
    let data = vec![9; bytes as usize];
    std::thread::scope(|scope| {
        for _ in 0..if cfg!(miri) { 3 } else { 12 } {
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
    let own = stranger.dram().alloc(64).unwrap();
    let result = stranger.submit_pieces(1, CopyKind::HostToCard, &own, 0, &[piece(0, 64)]);
    assert!(matches!(result, Err(Error::ForeignMemory { .. })), "{result:?}");
}

/// Huge regions are shared, and given back but for one when they are empty.
#[test]
fn empty_regions_are_given_back() {
    const HUGE: usize = 2 << 20;
    let (fake, card) = open();
    let idle = card.dma_usage();
    assert_eq!((idle.mapped, idle.limit, idle.pinned), (HUGE, 64 << 20, 0));
    assert!(0 < idle.used && idle.used < HUGE);
    let large = card.dma_alloc(HUGE + 1).unwrap();
    assert_eq!(card.dma_usage().mapped, 3 * HUGE, "whole huge pages");
    let more = card.dma_alloc(2 * HUGE).unwrap();
    let small = card.dma_alloc(1).unwrap();
    assert_eq!(card.dma_usage(), DmaUsage { mapped: 5 * HUGE, used: idle.used + 3 * HUGE + 8192, ..idle });
    drop(large);
    assert_eq!(card.dma_usage().mapped, 5 * HUGE, "one empty region is kept");
    drop(more);
    assert_eq!((card.dma_usage().mapped, fake.mapped_regions()), (3 * HUGE, 2));
    drop(small);
    assert_eq!(card.dma_usage(), DmaUsage { mapped: 3 * HUGE, ..idle });
}

#[test]
fn pinned_memory_comes_back_only_from_a_card_that_has_let_go() {
    let (fake, card) = open();
    let data: Vec<u8> = (0..5000).map(|i| i as u8).collect();
    let vec = || HostVec::from_slice(&data).unwrap();
    // Refused by the transport: the memory is there as it was.
    fake.refuse_maps(true);
    let not = card.pin(vec()).unwrap_err();
    assert!(matches!(not.error, Error::Transport(_)), "{not:?}");
    assert_eq!(not.memory.unwrap()[..], data);
    fake.refuse_maps(false);
    // After a bad completion nobody knows what the card does, until the queue was deleted on it.
    let pinned = card.pin(vec()).unwrap();
    fake.script(&[Fault::WrongCid]);
    let ticket = card.submit(1, nop().holding(pinned.piece(0..64).unwrap().buffer)).unwrap();
    while ticket.poll().is_none() {
        std::thread::yield_now();
    }
    let pinned = pinned.into_inner().unwrap_err().pinned.unwrap();
    assert!(matches!(ticket.wait(), Err(Error::BadCompletion { .. })));
    assert_eq!(pinned.into_inner().unwrap()[..], data);
    // A card that is given up never lets go while it is open.
    let pinned = card.pin(vec()).unwrap();
    fake.script(&[Fault::Vanish]);
    assert!(card.run(1, nop().holding(pinned.piece(0..64).unwrap().buffer)).is_err());
    let pinned = pinned.into_inner().unwrap_err().pinned.unwrap();
    assert!(card.pin(HostVec::<u8>::zeroed(1).unwrap()).is_err());
    // The mapping ends with the card; the memory outlives it.
    drop(card);
    assert_eq!(fake.mapped_regions(), 2, "the pinned memory, and the region whose arena it keeps");
    assert_eq!(pinned.into_inner().unwrap()[..], data);
    assert_eq!(fake.mapped_regions(), 0);
}

#[test]
fn forgotten_pins_are_leaked_not_freed() {
    let (fake, card) = open();
    let before = fake.mapped_regions();
    std::mem::forget(card.pin(HostVec::<u64>::zeroed(10).unwrap()).unwrap());
    std::mem::forget(card.pin(HostVec::<u64>::zeroed(0).unwrap()).unwrap().piece(0..0).unwrap());
    assert_eq!((fake.mapped_regions(), card.dma_usage().pinned), (before + 2, 8192));
    drop(card);
    assert!(fake.mapped_regions() >= 2, "what was forgotten stays mapped and allocated");
}
