//! Memory that fails: the card's, the host's, and memory that is not to be had.

use crate::mischief::Mischief;
use crate::{copy, msm, nop, options, sim, works, Rig, LIMIT};
use permafrost_abi::{CopyCommand, CopyKind};
use permafrost_driver::{Card, CardOptions, Error, Request, Status, Transport};
use permafrost_sim::axi::{Access, Fault, Response};
use permafrost_sim::Side;
use std::sync::Arc;

/// Every beat of a transfer fails once: the error says that card memory cannot be read, and the syndrome where.
#[test]
fn an_uncorrectable_error_of_card_memory_is_reported_with_its_address() {
    let rig = Rig::patient();
    let buffer = rig.card.dram().alloc(4096).unwrap();
    rig.card.write(&buffer, 0, &[7; 4096]).unwrap();
    for beat in [0, 1, 31, 63] {
        let at = buffer.address() + 64 * beat;
        rig.card.clear_syndrome().unwrap();
        let fault =
            Fault { access: Access::Read, range: at..at + 64, response: Response::SlaveError, times: 1 };
        rig.sim.inject(Side::Dram, fault);
        let result = rig.card.read(&buffer, 0, &mut [0; 4096]);
        assert!(
            matches!(result, Err(Error::CommandFailed { status: Status::DramReadError, .. })),
            "{result:?}"
        );
        let syndrome = rig.card.syndrome().unwrap().expect("held");
        assert_eq!(syndrome.status, Ok(Status::DramReadError));
        let range = buffer.address()..buffer.address() + 4096;
        assert!(range.contains(&syndrome.address), "beat {beat}: {syndrome:x?} not in {range:x?}");
        let mut back = [0; 4096];
        rig.card.read(&buffer, 0, &mut back).expect("once only");
        assert_eq!(back, [7; 4096]);
    }
    works(&rig.card);
}

/// Corrected errors are counted and do not matter.
#[test]
fn corrected_errors_of_card_memory_are_counted() {
    let rig = Rig::patient();
    let before = rig.card.counters().unwrap().dram_corrected;
    rig.sim.correct_dram(3);
    works(&rig.card);
    assert_eq!(rig.card.counters().unwrap().dram_corrected - before, 3);
    assert_eq!(rig.card.syndrome().unwrap(), None);
}

/// Card memory that fails under an MSM, for reads of points and scalars and writes of sums: an error or the right result.
#[test]
fn failing_card_memory_under_an_msm_is_an_error() {
    let rig = Rig::patient();
    let whole = 0..2 << 20;
    let mut errors = 0;
    for (access, status) in [(Access::Read, "DRAM_READ_ERROR"), (Access::Write, "DRAM_WRITE_ERROR")] {
        for times in [1, 5] {
            // Not the uploads before: they go by themselves to the end of a fault.
            let fault = Fault { access, range: whole.clone(), response: Response::SlaveError, times };
            rig.sim.inject(Side::Dram, fault);
            for _ in 0..=times {
                if let Err(error) = msm(&rig.card) {
                    assert!(error.contains(status), "{error}");
                    errors += 1;
                }
            }
        }
        // Whatever has not happened yet.
        while copy(&rig.card, 4096).is_err() {}
    }
    assert!(errors >= 4, "{errors} errors");
    works(&rig.card);
}

/// IOVAs that were never mapped, and one that is no more.
#[test]
fn dma_to_memory_that_is_not_mapped_is_refused() {
    let rig = Rig::patient();
    let gone = rig.sim.dma_alloc(1 << 16).unwrap();
    let stale = gone.iova();
    drop(gone);
    let buffer = rig.card.dram().alloc(1 << 16).unwrap();
    for (kind, status) in
        [(CopyKind::HostToCard, Status::HostReadError), (CopyKind::CardToHost, Status::HostWriteError)]
    {
        for iova in [stale, stale + 4096, 0, 0x1000, 0x7fff_ffff_f000, !0xffff] {
            for (entries, length) in [(0, 4096), (0, 1 << 16), (1, 4096)] {
                let body =
                    CopyCommand { entries, ..CopyCommand::contiguous(kind, buffer.address(), iova, length) };
                let result = rig.card.run(1, Request::new(&body).using(&buffer));
                // A list is read first, whatever the direction.
                let status = if entries == 0 { status } else { Status::HostReadError };
                assert!(
                    matches!(result, Err(Error::CommandFailed { status: seen, .. }) if seen == status),
                    "{kind:?} {iova:#x}, {entries} entries: {result:?}"
                );
            }
        }
    }
    assert_eq!(rig.card.dram().generation(), 0, "no reset was needed");
    works(&rig.card);
}

/// A list in host memory that fails while it is read, and data that fails in the middle.
#[test]
fn failing_host_memory_is_an_error() {
    let rig = Rig::patient();
    let memory = rig.card.dma_alloc(8192).unwrap();
    let buffer = rig.card.dram().alloc(8192).unwrap();
    let host = memory.iova()..memory.iova() + 8192;
    for (kind, access, status) in [
        (CopyKind::HostToCard, Access::Read, Status::HostReadError),
        (CopyKind::CardToHost, Access::Write, Status::HostWriteError),
    ] {
        let body = CopyCommand::contiguous(kind, buffer.address(), memory.iova(), 8192);
        let run = || rig.card.run(1, Request::new(&body).using(&buffer).holding(memory.clone()));
        rig.sim.inject(
            Side::Host,
            Fault { access, range: host.clone(), response: Response::DecodeError, times: 1 },
        );
        let result = run();
        assert!(
            matches!(result, Err(Error::CommandFailed { status: seen, .. }) if seen == status),
            "{result:?}"
        );
        run().expect("once only");
    }
    works(&rig.card);
}

/// The first allocation fails, the second, and so on until none is left: every time a clear error, nothing stays mapped, and
/// the card works afterwards.
#[test]
fn every_allocation_may_fail() {
    let mischief = Mischief::new(sim());
    // Little at a time, so that there are many allocations.
    let options = CardOptions { dma_limit: 96 << 10, ..options(LIMIT) };
    let work = || -> Result<(), String> {
        let text = |e: Error| e.to_string();
        let card = Card::open(mischief.clone(), options.clone()).map_err(text)?;
        copy(&card, 40_000).map_err(text)?;
        let held = card.dma_alloc(10_000).map_err(text)?;
        let buffer = card.dram().alloc(8192).map_err(text)?;
        let piece = |offset| permafrost_driver::DmaPiece { buffer: held.clone(), offset, len: 4096 };
        let pieces = [piece(4096), piece(0)];
        let ticket = card.submit_pieces(1, CopyKind::HostToCard, &buffer, 0, &pieces).map_err(text)?;
        ticket.wait().map_err(text)?;
        msm(&card)
    };
    let mut failing = 0;
    loop {
        mischief.fail_allocation(failing);
        let before = mischief.memory().0;
        let result = work();
        let asked = mischief.memory().0 - before;
        assert_eq!(mischief.memory().1, 0, "allocation {failing}: memory stays mapped after {result:?}");
        match result {
            Err(error) => assert!(error.contains("DMA memory"), "allocation {failing}: {error}"),
            Ok(()) if asked <= failing => break,
            // Done without, which is as good.
            Ok(()) => {}
        }
        failing += 1;
        assert!(failing < 200);
    }
    println!("{failing} allocations");
    mischief.allocate();
    assert!(failing >= 3);
    work().expect("it works afterwards");
}

/// No memory while the card is up: the error names the figures, and what was in use goes on.
#[test]
fn exhausted_dma_memory_is_an_error_and_no_more() {
    let mischief = Mischief::new(sim());
    let options = CardOptions { dma_limit: 256 << 10, ..options(LIMIT) };
    let card = Card::open(mischief.clone(), options).unwrap();
    let mut held = Vec::new();
    let error = loop {
        match card.dma_alloc(8192) {
            Ok(buffer) => held.push(buffer),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::OutOfDmaMemory { .. }), "{error:?}");
    assert!(matches!(card.dma_alloc(1 << 30), Err(Error::OutOfDmaMemory { .. })));
    card.run(1, nop()).expect("commands need none");
    drop(held);
    works(&card);
    let weak = Arc::downgrade(&mischief);
    drop(card);
    assert_eq!(mischief.memory().1, 0);
    drop(mischief);
    assert_eq!(weak.strong_count(), 0, "nobody holds the transport");
}
