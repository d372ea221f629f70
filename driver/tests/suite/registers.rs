//! Registers and the controller.

use super::raw::*;
use permafrost_abi::define::Access;
use permafrost_abi::registers::{
    CapEngines, CapMsm, CapNtt, CapQueues, CapVector, DramDirty, ErrStatus, COUNTERS, REGISTERS,
};
use permafrost_abi::*;

/// Every register reads something else than all ones, read-only ones do not change by writing, unlisted ones read 0.
pub fn identity(t: &dyn Transport) {
    disable(t);
    let read = |offset| t.read32(offset).expect("register");
    assert_eq!(read(reg::MAGIC), ABI_MAGIC);
    assert_eq!(read(reg::VERSION), ABI_VERSION);
    let queues = CapQueues(read(reg::CAP_QUEUES));
    assert!(queues.io_queues() >= 2 && queues.semaphores() == SEMAPHORES && queues.log2_entries() >= 3);
    let msm = CapMsm(read(reg::CAP_MSM));
    assert!(msm.adders() >= 1 && msm.min_window() <= msm.max_window());
    let engines = CapEngines(read(reg::CAP_ENGINES));
    let (ntt, vector) = (CapNtt(read(reg::CAP_NTT)), CapVector(read(reg::CAP_VECTOR)));
    assert_eq!((ntt.lanes() > 0, ntt.log2_block() > 0), (engines.ntt(), engines.ntt()));
    assert_eq!(vector.lanes() > 0, engines.vector());
    assert!(read64(t, reg::DRAM_SIZE) >= 1 << 20);
    for r in REGISTERS.iter().chain(COUNTERS) {
        for offset in (r.offset..r.offset + r.bits as u64 / 8).step_by(4) {
            let value = read(offset);
            assert_ne!(value, u32::MAX, "{} at {offset:#x}", r.name);
            let steady = !COUNTERS.iter().any(|c| c.offset == r.offset);
            if r.access == Access::Ro && steady {
                t.write32(offset, !value).expect("write");
                assert_eq!(read(offset), value, "{} is read only", r.name);
            }
        }
    }
    for offset in [0x034, 0x0fc, 0x1d0, 0xffc] {
        t.write32(offset, 0x1234_5678).expect("write");
        assert_eq!(read(offset), 0, "{offset:#x} is not listed");
    }
    for (offset, value) in [(reg::ADMIN_SQ, 0x1234_5678_9abc_d000), (reg::ADMIN_CQ, 0x0fed_cba9_8765_4000)] {
        write64(t, offset, value);
        assert_eq!(read64(t, offset), value);
    }
    for offset in [BAR0_BYTES as u64, 2] {
        assert!(matches!(t.read32(offset), Err(TransportError::BadOffset { .. })), "{offset:#x}");
    }
}

/// What one owner has written is zero for the next, after either reset, and DRAM_DIRTY tells of it.
pub fn zeroed(t: &dyn Transport) {
    let dirty = || DramDirty(t.read32(reg::DRAM_DIRTY).expect("DRAM_DIRTY"));
    let size = read64(t, reg::DRAM_SIZE);
    let memory = t.dma_alloc(4096).expect("DMA memory");
    let places = [0, size / 2 - 64, size - 64];
    for function in [false, true] {
        let (_admin, mut io) = enable_io(t, 8, 8);
        assert_eq!(dirty().regions(), 0, "nothing was written since the reset");
        for card_addr in places {
            let body = FillCommand { card_addr, length: 64, pattern: u64::MAX, ..Default::default() };
            io.must(Command::new(&body));
        }
        let state = dirty();
        assert!((1..=64).contains(&state.regions()), "{} regions", state.regions());
        assert!(state.log2_bytes() >= 12 && 64 << state.log2_bytes() >= size, "2^{}", state.log2_bytes());
        if function {
            t.reset().expect("function level reset");
        } else {
            disable(t);
        }
        // ENABLE takes effect after the zeroing, which `enable` waits for.
        let (_admin, mut io) = enable_io(t, 8, 8);
        assert!(!csts(t).scrubbing());
        assert_eq!(dirty().regions(), 0);
        for card_addr in places {
            memory.write(0, &[0xff; 64]);
            io.must(Command::new(&CopyCommand::contiguous(
                CopyKind::CardToHost,
                card_addr,
                memory.iova(),
                64,
            )));
            let mut seen = [0xff; 64];
            memory.read(0, &mut seen);
            assert_eq!(seen, [0; 64], "left at {card_addr:#x}, function level reset: {function}");
        }
        disable(t);
    }
}

/// READY follows ENABLE; bad admin registers give FATAL, which disabling clears.
pub fn controller(t: &dyn Transport) {
    for _ in 0..3 {
        let mut admin = enable(t);
        admin.must(nop());
        disable(t);
    }
    let ring = t.dma_alloc(4096).expect("DMA memory");
    let cases = [
        ("unaligned submission ring", ring.iova() + 64, ring.iova(), 8 << 16 | 8, Status::BadAddress),
        ("unaligned completion ring", ring.iova(), ring.iova() + 2048, 8 << 16 | 8, Status::BadAddress),
        ("one submission entry", ring.iova(), ring.iova(), 8 << 16 | 1, Status::BadField),
        ("too many completion entries", ring.iova(), ring.iova(), 0xffff << 16 | 8, Status::BadField),
    ];
    for (what, sq, cq, size, status) in cases {
        t.write32(reg::ERR_STATUS, 1 << 31).expect("ERR_STATUS");
        write64(t, reg::ADMIN_SQ, sq);
        write64(t, reg::ADMIN_CQ, cq);
        t.write32(reg::ADMIN_SIZE, size).expect("ADMIN_SIZE");
        t.write32(reg::CC, 1).expect("CC");
        wait_csts(t, "FATAL", |s| s.fatal());
        assert!(!csts(t).ready(), "{what}");
        let held = ErrStatus(t.read32(reg::ERR_STATUS).expect("ERR_STATUS"));
        assert_eq!((held.valid(), held.code()), (true, status as u32), "{what}");
        t.write32(reg::CC, 0).expect("CC");
        wait_csts(t, "FATAL = 0", |s| !s.fatal());
    }
    enable(t).must(nop());
}
