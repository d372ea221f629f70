//! Memory of the caller that the card reaches without a copy.

use super::driver::{nop, open, random, rng};
use permafrost_abi::{CopyCommand, CopyKind, Transport};
use permafrost_driver::{DramBuf, Error, HostVec, Pinned, Request};
use rand::Rng;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// Odd sizes there and back; what is beside them stays as it is.
pub fn round_trips(t: &Arc<dyn Transport>) {
    let card = open(t);
    let mut rng = rng();
    let buffer = card.dram().alloc(32 << 10).unwrap();
    for len in [1, 63, 64, 65, 4096, 4097, 9001] {
        let data = random(&mut rng, len);
        let offset = rng.gen_range(0..100) * 64;
        let mut seen = vec![0; len];
        let up = card.pin(HostVec::from_slice(&data).unwrap()).unwrap();
        assert_eq!(card.dma_usage().pinned, len.next_multiple_of(4096));
        card.write_pinned(1, &buffer, offset, &up).and_then(|t| t.wait()).unwrap();
        card.read(&buffer, offset, &mut seen).unwrap();
        assert!(seen == data, "{len} bytes up");
        assert_eq!(up.into_inner().unwrap()[..], data);

        let down = card.pin(HostVec::<u8>::zeroed(len).unwrap()).unwrap();
        card.read_pinned(2, &buffer, offset, &down).and_then(|t| t.wait()).unwrap();
        down.read(0, &mut seen).unwrap();
        assert!(seen == data, "{len} bytes down, copied out");
        assert_eq!(down.into_inner().unwrap()[..], data);
    }
    assert_eq!(card.dma_usage().pinned, 0);
    // Pieces of two vectors of other elements than bytes, in another order than on the card.
    let words: Vec<u32> = (0..512).map(|_| rng.gen()).collect();
    let [a, b] = [&words[..256], &words[256..]].map(|half| {
        let pinned = card.pin(HostVec::<u32>::zeroed(256).unwrap()).unwrap();
        pinned.write(0, half).unwrap();
        pinned
    });
    let pieces = [b.piece(32..96).unwrap(), a.piece(0..16).unwrap(), b.piece(240..256).unwrap()];
    card.submit_pieces(1, CopyKind::HostToCard, &buffer, 0, &pieces).and_then(|t| t.wait()).unwrap();
    let mut seen = vec![0u8; 4 * 96];
    card.read(&buffer, 0, &mut seen).unwrap();
    let expected = [&words[288..352], &words[..16], &words[496..]].concat();
    assert!(seen.chunks(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).eq(expected));
    assert!(matches!(a.piece(200..257), Err(Error::OutOfRange { .. })));
    assert!(matches!(a.write(256, &[1]), Err(Error::OutOfRange { .. })));
    assert!(matches!(a.read(usize::MAX, &mut [0; 2]), Err(Error::OutOfRange { .. })));
    let still = b.into_inner().expect_err("a piece holds it");
    assert!(matches!(still.error, Error::PinnedInUse { bytes: 1024 }));
    drop(pieces);
    assert_eq!(still.pinned.unwrap().into_inner().unwrap()[..], words[256..]);
}

/// Commands that use the memory and have not ended: it is not given back, and dropping everything frees nothing early.
pub fn in_flight(t: &Arc<dyn Transport>) {
    let card = open(t);
    let buffer = card.dram().alloc(4096).unwrap();
    card.fill(&buffer, 0, 4096, 0x1111_1111_1111_1111).unwrap();
    let copy = |pinned: &Pinned<u8>, buffer: &DramBuf| {
        let memory = pinned.piece(0..4096).unwrap().buffer;
        let body = CopyCommand::contiguous(CopyKind::CardToHost, buffer.address(), memory.iova(), 4096);
        Request::new(&body).wait(7, 1).using(buffer).holding(memory)
    };
    let pinned = card.pin(HostVec::<u8>::zeroed(4096).unwrap()).unwrap();
    let ticket = card.submit(1, copy(&pinned, &buffer)).unwrap();
    let still = pinned.into_inner().expect_err("a command holds it");
    assert!(matches!(still.error, Error::PinnedInUse { bytes: 4096 }));
    let pinned = still.pinned.expect("to try again");
    card.run(2, nop().signal(7, 1)).unwrap();
    ticket.wait().unwrap();
    assert_eq!(pinned.into_inner().unwrap()[..], [0x11; 4096]);

    card.set_semaphore(7, 0).unwrap();
    let pinned = card.pin(HostVec::<u8>::zeroed(4096).unwrap()).unwrap();
    // As if forgotten for good; only in the end it lets go of the card, which a kernel's VFIO gives to nobody else before.
    let forgotten = ManuallyDrop::new(card.submit(1, copy(&pinned, &buffer)).unwrap());
    drop(pinned);
    assert_eq!(card.dma_usage().pinned, 4096, "the command still has it");
    card.run(2, nop().signal(7, 1)).unwrap();
    card.run(1, nop()).unwrap();
    assert_eq!(card.dma_usage().pinned, 0);
    drop(ManuallyDrop::into_inner(forgotten));
}
