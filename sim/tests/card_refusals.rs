//! Every malformed command is refused with its status and the field's offset, and touches nothing.

mod card_common;

use card_common::{refusals::*, *};
use permafrost_abi::{
    command::{
        Command, CommandBody, CopyCommand, CopyKind, CreateQueueCommand, DeleteQueueCommand, FillCommand,
        MsmCommand, NopCommand, SemaphoreSetCommand,
    },
    reg, Status,
};

const DRAM: u64 = 16 << 20;

fn copy(kind: CopyKind) -> Command {
    Command::new(&CopyCommand::contiguous(kind, 0x1000, 0x20_0000, 0x1000))
}

fn msm() -> Command {
    let body = MsmCommand {
        bases: 0x1000,
        scalars: 0x10_0000,
        result: 0x20_0000,
        n: 3,
        window_bits: 8,
        windows: 32,
        ..Default::default()
    };
    Command::new(&body)
}

fn g2() -> Command {
    let mut command = msm();
    put(&mut command, 46, &[1]);
    command
}

/// Four MSMs, scalar vectors of three 128 bytes apart.
fn batch() -> Command {
    let mut command = msm();
    stride(&mut command, 3, 128);
    command
}

fn stride(command: &mut Command, more: u16, stride: u64) {
    put(command, 48, &more.to_le_bytes());
    put(command, 56, &stride.to_le_bytes());
}

fn io_cases() -> Vec<Case> {
    use Status::*;
    let nop = Command::new(&NopCommand::default());
    let fill = Command::new(&FillCommand { card_addr: 0x40, length: 0x40, pattern: 7, ..Default::default() });
    let on_card = Command::new(&CopyCommand::on_card(0x1000, 0x4000, 0x1000));
    let c = |name| offset(<CopyCommand as CommandBody>::FIELDS, name);
    let f = |name| offset(<FillCommand as CommandBody>::FIELDS, name);
    let m = |name| offset(<MsmCommand as CommandBody>::FIELDS, name);
    let h2c = copy(CopyKind::HostToCard);
    let c2h = copy(CopyKind::CardToHost);
    vec![
        // Opcodes: unknown, reserved for later, admin only.
        Case(nop, |k| k.opcode = 0, BadOpcode, 0, 0),
        Case(nop, |k| k.opcode = 0xff, BadOpcode, 0, 0),
        Case(nop, |k| k.opcode = 0x30, BadOpcode, 0, 0),
        Case(nop, |k| k.opcode = CreateQueueCommand::OPCODE as u8, BadOpcode, 0, 0),
        Case(nop, |k| k.opcode = DeleteQueueCommand::OPCODE as u8, BadOpcode, 0, 0),
        Case(nop, |k| k.opcode = SemaphoreSetCommand::OPCODE as u8, BadOpcode, 0, 0),
        // Header.
        Case(nop, |k| k.flags = 4, BadFlags, 0, 0),
        Case(nop, |k| k.flags = 0x80, BadFlags, 0, 0),
        Case(nop, |k| *k = k.wait(64, 0), BadFlags, 0, 0),
        Case(nop, |k| *k = k.signal(64, 0), BadFlags, 0, 0),
        Case(nop, |k| *k = k.signal(255, 0), BadFlags, 0, 0),
        Case(nop, |k| k.wait_sem = 1, BadFlags, 0, 0),
        Case(nop, |k| k.signal_sem = 1, BadFlags, 0, 0),
        Case(nop, |k| put(k, 6, &[1]), BadFlags, 0, 0),
        Case(nop, |k| put(k, 7, &[0x80]), BadFlags, 0, 0),
        // Reserved bytes of the bodies, first and last.
        Case(nop, |k| put(k, 16, &[1]), BadFlags, 0, 0),
        Case(nop, |k| put(k, 63, &[1]), BadFlags, 0, 0),
        Case(h2c, |k| put(k, 45, &[1]), BadFlags, 0, 0),
        Case(h2c, |k| put(k, 63, &[1]), BadFlags, 0, 0),
        Case(fill, |k| put(k, 40, &[1]), BadFlags, 0, 0),
        Case(fill, |k| put(k, 63, &[1]), BadFlags, 0, 0),
        Case(msm(), |k| put(k, 50, &[1]), BadFlags, 0, 0),
        Case(msm(), |k| put(k, 55, &[0x80]), BadFlags, 0, 0),
        // COPY.
        Case(h2c, |k| put(k, 44, &[3]), BadField, c("kind"), 0),
        Case(h2c, |k| put(k, 32, &[1]), BadAddress, c("length"), 0x1001),
        Case(h2c, |k| put(k, 16, &[32]), BadAddress, c("card_addr"), 0x1020),
        Case(h2c, |k| put(k, 24, &[16]), BadAddress, c("list"), 0x20_0010),
        Case(h2c, |k| put(k, 16, &(DRAM - 0xfc0).to_le_bytes()), BadAddress, c("card_addr"), DRAM - 0xfc0),
        Case(c2h, |k| put(k, 16, &DRAM.to_le_bytes()), BadAddress, c("card_addr"), DRAM),
        Case(c2h, |k| put(k, 16, &(1u64 << 63).to_le_bytes()), BadAddress, c("card_addr"), 1 << 63),
        Case(c2h, |k| put(k, 32, &(!63u64).to_le_bytes()), BadAddress, c("card_addr"), 0x1000),
        Case(on_card, |k| put(k, 24, &(DRAM - 64).to_le_bytes()), BadAddress, c("list"), DRAM - 64),
        Case(on_card, |k| put(k, 40, &[1]), BadField, c("entries"), 0),
        Case(on_card, |k| put(k, 24, &0x1fc0u64.to_le_bytes()), BadField, c("list"), 0x1fc0),
        Case(on_card, |k| put(k, 24, &0x40u64.to_le_bytes()), BadField, c("list"), 0x40),
        Case(on_card, |k| put(k, 24, &0x1000u64.to_le_bytes()), BadField, c("list"), 0x1000),
        // FILL.
        Case(fill, |k| put(k, 24, &[0x41]), BadAddress, f("length"), 0x41),
        Case(fill, |k| put(k, 16, &[8]), BadAddress, f("card_addr"), 8),
        Case(fill, |k| put(k, 16, &DRAM.to_le_bytes()), BadAddress, f("card_addr"), DRAM),
        // MSM.
        Case(msm(), |k| put(k, 44, &[1]), BadField, m("window_bits"), 0),
        Case(msm(), |k| put(k, 44, &[14]), BadField, m("window_bits"), 0),
        Case(msm(), |k| put(k, 45, &[0]), BadField, m("windows"), 0),
        // 34 windows of 8 bits span 272 bits; 22 of 13 bits need 2^16.4 slots but span 286.
        Case(msm(), |k| put(k, 45, &[34]), BadField, m("windows"), 0),
        Case(msm(), |k| put(k, 44, &[13, 22]), BadField, m("windows"), 0),
        // G2 has 2^16 slots: 16 windows of 13 bits, 17 in G1.
        Case(msm(), |k| put(k, 44, &[13, 17, 1]), BadField, m("windows"), 0),
        Case(msm(), |k| put(k, 46, &[2]), BadField, m("group"), 0),
        Case(msm(), |k| put(k, 47, &[2]), BadField, m("format"), 0),
        Case(msm(), |k| put(k, 16, &[1]), BadAddress, m("bases"), 0x1001),
        Case(msm(), |k| put(k, 16, &(DRAM - 128).to_le_bytes()), BadAddress, m("bases"), DRAM - 128),
        Case(msm(), |k| put(k, 24, &[32]), BadAddress, m("scalars"), 0x10_0020),
        // Three scalars take two beats.
        Case(msm(), |k| put(k, 24, &(DRAM - 64).to_le_bytes()), BadAddress, m("scalars"), DRAM - 64),
        Case(msm(), |k| put(k, 32, &[8]), BadAddress, m("result"), 0x20_0008),
        Case(msm(), |k| put(k, 32, &(DRAM - 31 * 64).to_le_bytes()), BadAddress, m("result"), DRAM - 31 * 64),
        Case(msm(), |k| put(k, 40, &u32::MAX.to_le_bytes()), BadAddress, m("bases"), 0x1000),
        // G2: points of 128 bytes.
        Case(g2(), |k| put(k, 16, &(DRAM - 320).to_le_bytes()), BadAddress, m("bases"), DRAM - 320),
        Case(g2(), |k| put(k, 32, &(DRAM - 32 * 64).to_le_bytes()), BadAddress, m("result"), DRAM - 32 * 64),
        // Batches: the stride, the last vector, the last result, and products that do not fit 64 bits.
        Case(msm(), |k| put(k, 56, &[64]), BadField, m("scalar_stride"), 0),
        Case(msm(), |k| put(k, 56, &[1]), BadField, m("scalar_stride"), 0),
        Case(batch(), |k| put(k, 56, &[96]), BadAddress, m("scalar_stride"), 96),
        Case(batch(), |k| put(k, 63, &[0x80]), BadAddress, m("scalars"), 0x10_0000),
        Case(batch(), |k| put(k, 24, &(DRAM - 448).to_le_bytes()), BadAddress, m("scalars"), DRAM - 448),
        Case(batch(), |k| stride(k, u16::MAX, !63), BadAddress, m("scalars"), 0x10_0000),
        // 65536 times 2^48 and 4 times 2^62 are 0 modulo 2^64.
        Case(batch(), |k| stride(k, 4, 1 << 62), BadAddress, m("scalars"), 0x10_0000),
        Case(batch(), |k| stride(k, 1 << 15, 1 << 49), BadAddress, m("scalars"), 0x10_0000),
        Case(
            batch(),
            |k| put(k, 32, &(DRAM - 4 * 2048 + 64).to_le_bytes()),
            BadAddress,
            m("result"),
            DRAM - 4 * 2048 + 64,
        ),
        Case(batch(), |k| stride(k, u16::MAX, 0), BadAddress, m("result"), 0x20_0000),
    ]
}

#[test]
fn io_commands() {
    let mut card = Card::open(options(), 8);
    refuse_all(&mut card, &io_cases());
    // All of them are accepted unspoilt.
    for command in [msm(), g2(), batch()] {
        card.ok(1, command);
    }
    card.ok(1, Command::new(&CopyCommand::on_card(0x1000, 0x2000, 0x1000)));
}

#[test]
fn limits_are_accepted() {
    let mut card = Card::open(options(), 8);
    let fill = |card_addr, length| {
        Command::new(&FillCommand { card_addr, length, pattern: 1, ..Default::default() })
    };
    card.ok(1, fill(DRAM - 64, 64));
    card.ok(1, fill(DRAM, 0));
    card.ok(1, Command::new(&CopyCommand::on_card(0, 64, 64)));
    card.ok(1, Command::new(&CopyCommand::on_card(64, 64, 0)));
    card.ok(1, Command::new(&CopyCommand::scattered(CopyKind::HostToCard, 0, 0, 5, 0)));
    let edge = MsmCommand {
        bases: DRAM - 64,
        scalars: DRAM - 64,
        result: DRAM - 64,
        n: 1,
        window_bits: 13,
        windows: 1,
        ..Default::default()
    };
    card.ok(2, Command::new(&edge));
    card.ok(2, Command::new(&MsmCommand { windows: 20, result: 0, ..edge }));
    card.ok(2, Command::new(&MsmCommand { window_bits: 2, windows: 128, result: 0, format: 1, ..edge }));
    card.ok(2, Command::new(&MsmCommand { n: 0, bases: DRAM, scalars: DRAM, ..edge }));
    let wide = MsmCommand { group: 1, bases: DRAM - 128, result: DRAM - 128, ..edge };
    card.ok(2, Command::new(&wide));
    card.ok(2, Command::new(&MsmCommand { windows: 16, result: DRAM - 16 * 128, ..wide }));
    let batch = MsmCommand { n: 3, more: 3, bases: 0, scalar_stride: 128, scalars: DRAM - 512, ..edge };
    card.ok(2, Command::new(&MsmCommand { result: DRAM - 256, ..batch }));
    let longest = MsmCommand { more: u16::MAX, scalars: DRAM - 64 * 65537, scalar_stride: 64, ..batch };
    card.ok(2, Command::new(&MsmCommand { result: DRAM - 64 * 65536, ..longest }));
    assert_eq!(card.read32(reg::ERR_STATUS), 0);
}

#[test]
fn admin_commands() {
    let mut card = Card::open(options(), 8);
    let good = CreateQueueCommand { queue: 1, ..create(&card.io[0]) };
    card.admin_ok(DeleteQueueCommand { queue: 1, ..Default::default() });
    let at = |name| offset(<CreateQueueCommand as CommandBody>::FIELDS, name);
    use Status::*;
    let create = |spoil: fn(&mut CreateQueueCommand)| {
        let mut body = good;
        spoil(&mut body);
        Command::new(&body)
    };
    let sem = |spoil: fn(&mut Command)| {
        let mut command = Command::new(&SemaphoreSetCommand { sem: 1, value: 1, ..Default::default() });
        spoil(&mut command);
        command
    };
    let cases = [
        (create(|b| b.sq_iova += 64), BadAddress, at("sq_iova"), good.sq_iova + 64),
        (create(|b| b.cq_iova += 2048), BadAddress, at("cq_iova"), good.cq_iova + 2048),
        (create(|b| b.sq_entries = 1), BadField, at("sq_entries"), 0),
        (create(|b| b.sq_entries = 1025), BadField, at("sq_entries"), 0),
        (create(|b| b.cq_entries = 0), BadField, at("cq_entries"), 0),
        (create(|b| b.cq_entries = 0xffff), BadField, at("cq_entries"), 0),
        (create(|b| b.irq_vector = 3), BadField, at("irq_vector"), 0),
        (create(|b| b.irq_vector = 0x100), BadField, at("irq_vector"), 0),
        (create(|b| b.queue = 0), BadQueue, 0, 0),
        (create(|b| b.queue = 2), BadQueue, 0, 0),
        (create(|b| b.queue = 3), BadQueue, 0, 0),
        (create(|b| b.queue = 0x8001), BadQueue, 0, 0),
        (Command::new(&DeleteQueueCommand { queue: 0, ..Default::default() }), BadQueue, 0, 0),
        (Command::new(&DeleteQueueCommand { queue: 1, ..Default::default() }), BadQueue, 0, 0),
        (sem(|k| put(k, 16, &[64])), BadFlags, 0, 0),
        (sem(|k| put(k, 17, &[1])), BadFlags, 0, 0),
        (sem(|k| put(k, 24, &[1])), BadFlags, 0, 0),
        (sem(|k| k.opcode = CopyCommand::OPCODE as u8), BadOpcode, 0, 0),
        (sem(|k| k.opcode = FillCommand::OPCODE as u8), BadOpcode, 0, 0),
        (sem(|k| k.opcode = MsmCommand::OPCODE as u8), BadOpcode, 0, 0),
    ];
    for (command, status, info, addr) in cases {
        assert_eq!(card.refused(0, command, status), (info, addr), "{command:?}");
    }
    card.io[0] = Rings::new(&card.sim, 1, 1024, 1024);
    let create = card_common::create(&card.io[0]);
    card.admin_ok(create);
    card.ok(1, Command::new(&NopCommand::default()));
}

#[test]
fn the_first_error_is_held_until_acknowledged() {
    let mut card = Card::open(options(), 8);
    let bad = |opcode| Command { opcode, ..Default::default() };
    let first = card.run(1, bad(0x77));
    let unaligned = Command::new(&FillCommand { card_addr: 8, length: 64, ..Default::default() });
    assert_eq!(card.run(2, unaligned).status(), Ok(Status::BadAddress));
    assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | Status::BadOpcode as u32);
    assert_eq!(card.read32(reg::ERR_SOURCE), 1 << 16 | u32::from(first.cid));
    assert_eq!((card.read64(reg::ERR_ADDR), card.read32(reg::ERR_COUNT)), (0, 2));
    // Other bits of the register do not acknowledge; a controller reset leaves the error but not the count.
    card.write32(reg::ERR_STATUS, !(1 << 31));
    card.stop();
    card.start(8);
    assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | Status::BadOpcode as u32);
    assert_eq!(card.read32(reg::ERR_COUNT), 0);
    card.write32(reg::ERR_STATUS, 1 << 31);
    assert_eq!(card.refused(2, unaligned, Status::BadAddress), (16, 8));
}
