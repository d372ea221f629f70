//! Malformed commands: each is refused with its status, its field and its syndrome, and nothing is touched.

use super::{engines, raw::*};
use permafrost_abi::registers::{CapMsm, ErrSource, ErrStatus};
use permafrost_abi::*;

/// A defect, its command, and what must be said: status, info, address of the syndrome.
pub type Case = (&'static str, Command, Status, u32, u64);

/// Checks one refusal on `queue`, completion and syndrome.
fn check(t: &dyn Transport, queue: &mut Queue<'_>, (what, command, status, info, address): Case) {
    t.write32(reg::ERR_STATUS, 1 << 31).expect("ERR_STATUS");
    let errors = t.read32(reg::ERR_COUNT).expect("ERR_COUNT");
    let done = queue.run(command);
    assert_eq!((done.status(), done.info), (Ok(status), info), "{what}");
    let held = ErrStatus(t.read32(reg::ERR_STATUS).expect("ERR_STATUS"));
    let source = ErrSource(t.read32(reg::ERR_SOURCE).expect("ERR_SOURCE"));
    assert_eq!((held.valid(), held.code()), (true, status as u32), "{what}: syndrome");
    assert_eq!((source.queue(), source.cid()), (queue.id as u32, done.cid as u32), "{what}: source");
    // No word of a register reads all ones; it reads one less.
    let word = |shift: u32| ((address >> shift) as u32).min(u32::MAX - 1) as u64;
    assert_eq!(read64(t, reg::ERR_ADDR), word(32) << 32 | word(0), "{what}: address");
    assert_eq!(t.read32(reg::ERR_COUNT).expect("ERR_COUNT"), errors + 1, "{what}: count");
}

pub fn with(command: Command, edit: impl Fn(&mut Command)) -> Command {
    let mut command = command;
    edit(&mut command);
    command
}

fn headers() -> Vec<Case> {
    use Status::*;
    let opcode = |opcode| with(nop(), |c| c.opcode = opcode);
    let mut cases: Vec<Case> = [0, 6, 0x12, 0x30, 0x40, 0x50, 0xff]
        .into_iter()
        .map(|o| ("unknown opcode", opcode(o), BadOpcode, 0, 0))
        .collect();
    cases.extend([
        ("unknown flag", with(nop(), |c| c.flags = 4), BadFlags, 0, 0),
        ("reserved header bytes", with(nop(), |c| c.reserved = 1), BadFlags, 0, 0),
        ("WAIT semaphore", nop().wait(64, 0), BadFlags, 0, 0),
        ("SIGNAL semaphore", nop().signal(64, 0), BadFlags, 0, 0),
        ("WAIT semaphore without the flag", with(nop(), |c| c.wait_sem = 1), BadFlags, 0, 0),
        ("SIGNAL semaphore without the flag", with(nop(), |c| c.signal_sem = 1), BadFlags, 0, 0),
        ("reserved body byte, first", with(nop(), |c| c.body[0] = 1), BadFlags, 0, 0),
        ("reserved body byte, last", with(nop(), |c| c.body[47] = 0x80), BadFlags, 0, 0),
    ]);
    cases
}

fn copies(dram: u64, iova: u64) -> Vec<Case> {
    use Status::*;
    let up = CopyCommand::contiguous(CopyKind::HostToCard, 0, iova, 64);
    let on = CopyCommand::on_card(0, 4096, 128);
    let cmd = |body: CopyCommand| Command::new(&body);
    vec![
        ("kind", cmd(CopyCommand { kind: 3, ..up }), BadField, 44, 0),
        ("length", cmd(CopyCommand { length: 65, ..up }), BadAddress, 32, 65),
        ("card address unaligned", cmd(CopyCommand { card_addr: 32, ..up }), BadAddress, 16, 32),
        ("card address at the end", cmd(CopyCommand { card_addr: dram, ..up }), BadAddress, 16, dram),
        (
            "across the end",
            cmd(CopyCommand { card_addr: dram - 64, length: 128, ..up }),
            BadAddress,
            16,
            dram - 64,
        ),
        (
            "around the address space",
            cmd(CopyCommand { card_addr: u64::MAX - 63, length: 128, ..up }),
            BadAddress,
            16,
            u64::MAX - 63,
        ),
        ("host address", cmd(CopyCommand { list: iova + 8, ..up }), BadAddress, 24, iova + 8),
        ("list on the card", cmd(CopyCommand { entries: 1, ..on }), BadField, 40, 0),
        ("overlap above", cmd(CopyCommand { card_addr: 4160, ..on }), BadField, 24, 4096),
        ("overlap below", cmd(CopyCommand { card_addr: 4032, ..on }), BadField, 24, 4096),
        ("overlap whole", cmd(CopyCommand { card_addr: 4096, ..on }), BadField, 24, 4096),
        ("source at the end", cmd(CopyCommand { list: dram - 64, ..on }), BadAddress, 24, dram - 64),
        ("reserved byte", with(cmd(up), |c| c.body[47] = 1), BadFlags, 0, 0),
    ]
}

fn fills(dram: u64) -> Vec<Case> {
    use Status::*;
    let fill = FillCommand { card_addr: 0, length: 64, ..Default::default() };
    let cmd = |body: FillCommand| Command::new(&body);
    vec![
        ("fill length", cmd(FillCommand { length: 8, ..fill }), BadAddress, 24, 8),
        ("fill address", cmd(FillCommand { card_addr: 8, ..fill }), BadAddress, 16, 8),
        ("fill at the end", cmd(FillCommand { card_addr: dram, ..fill }), BadAddress, 16, dram),
        ("fill too long", cmd(FillCommand { length: dram + 64, ..fill }), BadAddress, 16, 0),
        ("fill reserved", with(cmd(fill), |c| c.body[30] = 1), BadFlags, 0, 0),
    ]
}

fn msms(dram: u64, caps: CapMsm) -> Vec<Case> {
    use Status::*;
    let (least, most) = (caps.min_window() as u8, caps.max_window() as u8);
    let msm = MsmCommand {
        bases: 0,
        scalars: 4096,
        result: 8192,
        n: 2,
        window_bits: least,
        windows: 1,
        ..Default::default()
    };
    let cmd = |body: MsmCommand| Command::new(&body);
    // One window more than the slots hold, at the widest window; the span must not be what is refused.
    let crowded = ((1u64 << caps.log2_slots()) >> (most - 1)) + 1;
    let mut cases = vec![
        ("window too narrow", cmd(MsmCommand { window_bits: least - 1, ..msm }), BadField, 44, 0),
        ("window too wide", cmd(MsmCommand { window_bits: most + 1, ..msm }), BadField, 44, 0),
        ("no windows", cmd(MsmCommand { windows: 0, ..msm }), BadField, 45, 0),
        ("span", cmd(MsmCommand { windows: (270 / least as u32 + 1) as u8, ..msm }), BadField, 45, 0),
        ("group", cmd(MsmCommand { group: 2, ..msm }), BadField, 46, 0),
        ("stride without a batch", cmd(MsmCommand { scalar_stride: 64, ..msm }), BadField, 56, 0),
        ("stride", cmd(MsmCommand { more: 1, scalar_stride: 96, ..msm }), BadAddress, 56, 96),
        ("format", cmd(MsmCommand { format: 2, ..msm }), BadField, 47, 0),
        ("bases unaligned", cmd(MsmCommand { bases: 32, ..msm }), BadAddress, 16, 32),
        ("bases across the end", cmd(MsmCommand { bases: dram - 64, ..msm }), BadAddress, 16, dram - 64),
        ("scalars unaligned", cmd(MsmCommand { scalars: 4128, ..msm }), BadAddress, 24, 4128),
        ("scalars at the end", cmd(MsmCommand { scalars: dram, ..msm }), BadAddress, 24, dram),
        ("result unaligned", cmd(MsmCommand { result: 8200, ..msm }), BadAddress, 32, 8200),
        ("result at the end", cmd(MsmCommand { result: dram, ..msm }), BadAddress, 32, dram),
        (
            "bases of G2 across the end",
            cmd(MsmCommand { group: 1, bases: dram - 128, ..msm }),
            BadAddress,
            16,
            dram - 128,
        ),
        (
            "last scalars beyond the end",
            cmd(MsmCommand { more: 3, scalar_stride: dram / 2, ..msm }),
            BadAddress,
            24,
            4096,
        ),
        (
            "stride that overflows",
            cmd(MsmCommand { more: u16::MAX, scalar_stride: 1 << 63, ..msm }),
            BadAddress,
            24,
            4096,
        ),
        (
            "last result beyond the end",
            cmd(MsmCommand { more: 60000, scalar_stride: 0, result: dram - 4096, ..msm }),
            BadAddress,
            32,
            dram - 4096,
        ),
        ("more points than memory", cmd(MsmCommand { n: u32::MAX, ..msm }), BadAddress, 16, 0),
        ("msm reserved", with(cmd(msm), |c| c.body[36] = 1), BadFlags, 0, 0),
    ];
    if crowded * most as u64 <= msm::MSM_MAX_SPAN as u64 {
        let body = MsmCommand { window_bits: most, windows: crowded as u8, ..msm };
        cases.push(("more buckets than slots", cmd(body), BadField, 45, 0));
    }
    cases
}

/// Every malformed command, on the I/O queue and, where it applies, on the admin queue.
pub fn refusals(t: &dyn Transport) {
    let dram = read64(t, reg::DRAM_SIZE);
    let caps = CapMsm(t.read32(reg::CAP_MSM).expect("CAP_MSM"));
    let (mut admin, mut io) = enable_io(t, 16, 16);
    let memory = t.dma_alloc(8192).expect("DMA memory");
    // A pattern that no refused command may disturb.
    let pattern =
        FillCommand { card_addr: 0, length: 16384, pattern: 0x1122_3344_5566_7788, ..Default::default() };
    io.must(Command::new(&pattern));

    let mut cases = headers();
    cases.extend(copies(dram, memory.iova()));
    cases.extend(fills(dram));
    cases.extend(msms(dram, caps));
    cases.extend(engines::refusals(t, dram));
    for opcode in [Opcode::CreateQueue, Opcode::DeleteQueue, Opcode::SemaphoreSet] {
        let command = with(nop(), |c| c.opcode = opcode as u8);
        cases.push(("admin command in an I/O queue", command, Status::BadOpcode, 0, 0));
    }
    for case in cases {
        check(t, &mut io, case);
        io.must(nop());
    }
    let mut cases = headers();
    for opcode in [Opcode::Copy, Opcode::Fill, Opcode::Msm, Opcode::Ntt, Opcode::Vector] {
        let command = with(nop(), |c| c.opcode = opcode as u8);
        cases.push(("I/O command in the admin queue", command, Status::BadOpcode, 0, 0));
    }
    for case in cases {
        check(t, &mut admin, case);
    }
    // A refused command does not signal.
    let bad = with(nop().signal(9, 1), |c| c.reserved = 1);
    assert_eq!(io.run(bad).status(), Ok(Status::BadFlags));
    io.push(nop().wait(9, 1));
    io.ring();
    admin.must(nop());
    assert!(io.peek().is_none(), "a refused command has signalled");
    admin.must(Command::new(&SemaphoreSetCommand { sem: 9, value: 1, ..Default::default() }));
    assert_eq!(io.take().status(), Ok(Status::Success));

    let back = t.dma_alloc(16384).expect("DMA memory");
    io.must(Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0, back.iova(), 16384)));
    let mut bytes = vec![0; 16384];
    back.read(0, &mut bytes);
    assert!(bytes.chunks(8).all(|c| c == 0x1122_3344_5566_7788u64.to_le_bytes()), "memory was touched");
    disable(t);
}

/// Lists that do not fit their command, and memory that is not there.
pub fn lists(t: &dyn Transport) {
    use Status::*;
    let (_admin, mut io) = enable_io(t, 8, 8);
    let memory = t.dma_alloc(8192).expect("DMA memory");
    let list = t.dma_alloc(4096).expect("DMA memory");
    let entry = |offset: u64, length: u32| SgEntry { iova: memory.iova() + offset, length, reserved: 0 };
    let cases: [(&str, Vec<SgEntry>, Status, u32); 6] = [
        ("sum too small", vec![entry(0, 64), entry(64, 64)], ListMismatch, 1),
        ("sum too large", vec![entry(0, 128), entry(128, 128), entry(256, 64)], ListMismatch, 1),
        ("entry unaligned", vec![entry(8, 128), entry(512, 64)], BadAddress, 24),
        ("entry length unaligned", vec![entry(0, 32), entry(512, 160)], BadAddress, 24),
        ("entry reserved", vec![SgEntry { reserved: 1, ..entry(0, 192) }], BadField, 24),
        (
            "entry not mapped",
            vec![SgEntry { iova: 0x7fff_0000_0000, length: 192, reserved: 0 }],
            HostReadError,
            0,
        ),
    ];
    for (what, entries, status, info) in cases {
        list.zero(0, 4096);
        list.write(0, bytemuck::cast_slice(&entries));
        let count = entries.len() as u32;
        let body = CopyCommand::scattered(CopyKind::HostToCard, 4096, list.iova(), count, 192);
        let done = io.run(Command::new(&body));
        assert_eq!((done.status(), done.info), (Ok(status), info), "{what}");
    }
    // An address that was never mapped, and one that is no longer.
    let gone = t.dma_alloc(4096).expect("DMA memory").iova();
    for address in [0x7fff_0000_0000, gone] {
        for (what, kind, entries, status) in [
            ("list", CopyKind::HostToCard, 1, HostReadError),
            ("source", CopyKind::HostToCard, 0, HostReadError),
            ("target", CopyKind::CardToHost, 0, HostWriteError),
        ] {
            let body = CopyCommand::scattered(kind, 4096, address, entries, 192);
            let done = io.run(Command::new(&body));
            assert_eq!(done.status(), Ok(status), "{what} at {address:#x}, which is not mapped");
        }
    }
    // The engine works on after each of them.
    let good = [entry(0, 64), entry(4096, 128)];
    list.write(0, bytemuck::cast_slice(&good));
    io.must(Command::new(&CopyCommand::scattered(CopyKind::HostToCard, 4096, list.iova(), 2, 192)));
    disable(t);
}

/// Doorbells outside a ring or of no queue are recorded and ignored; a ring that cannot be read stops the card.
pub fn doorbells(t: &dyn Transport) {
    let (mut admin, mut io) = enable_io(t, 4, 4);
    let absent = MAX_IO_QUEUES as u16;
    for (offset, value) in [
        (sq_doorbell(1), 4),
        (cq_doorbell(1), u32::MAX),
        (sq_doorbell(2), 0),
        (sq_doorbell(absent), 1),
        (cq_doorbell(absent), 0),
    ] {
        t.write32(reg::ERR_STATUS, 1 << 31).expect("ERR_STATUS");
        t.write32(offset, value).expect("doorbell");
        admin.must(nop());
        let held = ErrStatus(t.read32(reg::ERR_STATUS).expect("ERR_STATUS"));
        let source = ErrSource(t.read32(reg::ERR_SOURCE).expect("ERR_SOURCE"));
        assert_eq!((held.valid(), held.code()), (true, Status::BadQueue as u32), "{offset:#x}");
        let queue = (offset / DOORBELL_STRIDE as u64 - 1) as u32;
        assert_eq!((source.queue(), source.cid()), (queue, 0xffff), "{offset:#x}");
        io.must(nop());
    }
    let lost = Queue::new(t, 2, 4, 4);
    let body = CreateQueueCommand { sq_iova: 0x7fff_0000_0000, ..lost.creation() };
    admin.must(Command::new(&body));
    t.write32(sq_doorbell(2), 1).expect("doorbell");
    wait_csts(t, "FATAL", |s| s.fatal());
    disable(t);
    assert!(!csts(t).fatal());
    // The first error is still there after the reset.
    assert!(ErrStatus(t.read32(reg::ERR_STATUS).expect("ERR_STATUS")).valid());
    t.write32(reg::ERR_STATUS, 1 << 31).expect("ERR_STATUS");
    assert!(!ErrStatus(t.read32(reg::ERR_STATUS).expect("ERR_STATUS")).valid());
}
