use super::super::{Instruction, Op, SINK};
use super::decode;

const PC: u32 = 0x0001_0000;

fn row(op: Op, rd: u8, rs1: u8, rs2: u8, imm: u32) -> Instruction {
    let link = if matches!(op, Op::Jal | Op::Jalr) { PC + 4 } else { 0 };
    Instruction { op, rd, rs1, rs2, imm, link }
}

/// Encodings as GNU as 2.42 makes them; the comment is its input.
#[test]
fn known_encodings() {
    let neg = |n: u32| n.wrapping_neg();
    let to = |offset: u32| PC.wrapping_add(offset) / 4;
    let all = [
        (0xfffff2b7, row(Op::Addi, 5, 0, 0, 0xffff_f000)), // lui x5, 0xfffff
        (0x00001037, row(Op::Addi, SINK, 0, 0, 0x1000)),   // lui x0, 1
        (0x80000317, row(Op::Addi, 6, 0, 0, 0x8000_0000 + PC)), // auipc x6, 0x80000
        (0x00000f97, row(Op::Addi, 31, 0, 0, PC)),         // auipc x31, 0
        (0xffdff0ef, row(Op::Jal, 1, 0, 0, to(neg(4)))),   // jal x1, .-4
        (0x7fc0006f, row(Op::Jal, SINK, 0, 0, to(2044))),  // jal x0, .+2044
        (0x7fdff0ef, row(Op::Jal, 1, 0, 0, to(0xffffc))),  // jal x1, .+0xffffc
        (0x800000ef, row(Op::Jal, 1, 0, 0, to(neg(0x10_0000)))), // jal x1, .-0x100000
        (0xfff100e7, row(Op::Jalr, 1, 2, 0, neg(1))),      // jalr x1, -1(x2)
        (0x00008067, row(Op::Jalr, SINK, 1, 0, 0)),        // jalr x0, 0(x1)
        (0xfe208ce3, row(Op::Beq, 0, 1, 2, to(neg(8)))),   // beq x1, x2, .-8
        (0x7e419ee3, row(Op::Bne, 0, 3, 4, to(0xffc))),    // bne x3, x4, .+0xffc
        (0x8062c063, row(Op::Blt, 0, 5, 6, to(neg(0x1000)))), // blt x5, x6, .-0x1000
        (0x0083d263, row(Op::Bge, 0, 7, 8, to(4))),        // bge x7, x8, .+4
        (0x00a4e0e3, row(Op::Bltu, 0, 9, 10, to(0x800))),  // bltu x9, x10, .+0x800
        (0x80c5f0e3, row(Op::Bgeu, 0, 11, 12, to(neg(0x800)))), // bgeu x11, x12, .-0x800
        (0x80010083, row(Op::Lb, 1, 2, 0, neg(2048))),     // lb x1, -2048(x2)
        (0x7ff21183, row(Op::Lh, 3, 4, 0, 2047)),          // lh x3, 2047(x4)
        (0x0042a003, row(Op::Lw, SINK, 5, 0, 4)),          // lw x0, 4(x5)
        (0x0003c303, row(Op::Lbu, 6, 7, 0, 0)),            // lbu x6, 0(x7)
        (0xfff4d403, row(Op::Lhu, 8, 9, 0, neg(1))),       // lhu x8, -1(x9)
        (0x80110023, row(Op::Sb, 0, 2, 1, neg(2048))),     // sb x1, -2048(x2)
        (0x7e321fa3, row(Op::Sh, 0, 4, 3, 2047)),          // sh x3, 2047(x4)
        (0xffff2e23, row(Op::Sw, 0, 30, 31, neg(4))),      // sw x31, -4(x30)
        (0xfff10093, row(Op::Addi, 1, 2, 0, neg(1))),      // addi x1, x2, -1
        (0x00000013, row(Op::Addi, SINK, 0, 0, 0)),        // addi x0, x0, 0
        (0x80022193, row(Op::Slti, 3, 4, 0, neg(2048))),   // slti x3, x4, -2048
        (0x7ff33293, row(Op::Sltiu, 5, 6, 0, 2047)),       // sltiu x5, x6, 2047
        (0xfff44393, row(Op::Xori, 7, 8, 0, neg(1))),      // xori x7, x8, -1
        (0x55556493, row(Op::Ori, 9, 10, 0, 1365)),        // ori x9, x10, 1365
        (0x0ff67593, row(Op::Andi, 11, 12, 0, 255)),       // andi x11, x12, 255
        (0x00071693, row(Op::Slli, 13, 14, 0, 0)),         // slli x13, x14, 0
        (0x01f85793, row(Op::Srli, 15, 16, 0, 31)),        // srli x15, x16, 31
        (0x41f95893, row(Op::Srai, 17, 18, 0, 31)),        // srai x17, x18, 31
        (0x003100b3, row(Op::Add, 1, 2, 3, 0)),            // add x1, x2, x3
        (0x40628233, row(Op::Sub, 4, 5, 6, 0)),            // sub x4, x5, x6
        (0x009413b3, row(Op::Sll, 7, 8, 9, 0)),            // sll x7, x8, x9
        (0x00c5a533, row(Op::Slt, 10, 11, 12, 0)),         // slt x10, x11, x12
        (0x00f736b3, row(Op::Sltu, 13, 14, 15, 0)),        // sltu x13, x14, x15
        (0x0128c833, row(Op::Xor, 16, 17, 18, 0)),         // xor x16, x17, x18
        (0x015a59b3, row(Op::Srl, 19, 20, 21, 0)),         // srl x19, x20, x21
        (0x418bdb33, row(Op::Sra, 22, 23, 24, 0)),         // sra x22, x23, x24
        (0x01bd6cb3, row(Op::Or, 25, 26, 27, 0)),          // or x25, x26, x27
        (0x01eefe33, row(Op::And, 28, 29, 30, 0)),         // and x28, x29, x30
        (0x023100b3, row(Op::Mul, 1, 2, 3, 0)),            // mul x1, x2, x3
        (0x02629233, row(Op::Mulh, 4, 5, 6, 0)),           // mulh x4, x5, x6
        (0x029423b3, row(Op::Mulhsu, 7, 8, 9, 0)),         // mulhsu x7, x8, x9
        (0x02c5b533, row(Op::Mulhu, 10, 11, 12, 0)),       // mulhu x10, x11, x12
        (0x02f746b3, row(Op::Div, 13, 14, 15, 0)),         // div x13, x14, x15
        (0x0328d833, row(Op::Divu, 16, 17, 18, 0)),        // divu x16, x17, x18
        (0x035a69b3, row(Op::Rem, 19, 20, 21, 0)),         // rem x19, x20, x21
        (0x038bf033, row(Op::Remu, SINK, 23, 24, 0)),      // remu x0, x23, x24
        (0x0ff0000f, row(Op::Addi, SINK, 0, 0, 0)),        // fence
        (0x8330000f, row(Op::Addi, SINK, 0, 0, 0)),        // fence.tso
        (0x0100000f, row(Op::Addi, SINK, 0, 0, 0)),        // pause
        (0x00000073, row(Op::Ecall, 0, 0, 0, 0)),          // ecall
    ];
    for (word, expected) in all {
        assert_eq!(decode(word, PC), Some(expected), "{word:#010x}");
    }
    for op in Op::ALL {
        assert!(all.iter().any(|(_, row)| row.op == *op), "{} has no encoding here", op.mnemonic());
    }
}

#[test]
fn what_cannot_be_executed() {
    let all = [
        0x0000_0000, // defined illegal
        0xffff_ffff, // defined illegal
        0x0010_0073, // ebreak
        0x3020_0073, // mret
        0x1050_0073, // wfi
        0x0000_100f, // fence.i
        0xc000_2573, // csrrs a0, cycle, x0
        0x0000_8073, // ecall with rs1
        0x0000_00f3, // ecall with rd
        0x0020_9093, // slli x1, x1, 2: decodes, see below
        0x0220_9093, // slli with bit 25: RV64
        0x4000_1013, // slli with funct7 0x20
        0x0000_9067, // jalr with funct3 1
        0x0000_3003, // ld
        0x0000_6003, // lwu
        0x0000_3023, // sd
        0x0000_2063, // branch with funct3 2
        0x0000_001b, // addiw
        0x0000_003b, // addw
        0x1000_202f, // lr.w
        0x0000_0053, // fadd.s
        0x0000_0001, // c.nop
        0x0000_0163, // beq x0, x0, .+2
        0x0020_006f, // jal x0, .+2
    ];
    for word in all {
        assert_eq!(decode(word, PC).is_some(), word == 0x0020_9093, "{word:#010x}");
    }
}

#[test]
fn targets_wrap_around() {
    let jal = decode(0xffdff0ef, 0).expect("jal x1, .-4");
    assert_eq!((jal.imm, jal.link), (0x3fff_ffff, 4));
    let jal = decode(0x7fc0006f, 0xffff_fffc).expect("jal x0, .+2044");
    assert_eq!((jal.imm, jal.link), (2040 / 4, 0));
    let beq = decode(0xfe208ce3, 4).expect("beq x1, x2, .-8");
    assert_eq!(beq.imm, 0xffff_fffc / 4);
    let auipc = decode(0x80000317, 0x8000_0000).expect("auipc x6, 0x80000");
    assert_eq!(auipc.imm, 0);
}

/// Masks and matches from the instruction set listings of the ISA manual, chapter 34.
const LISTING: [(u32, u32, Op); 47] = [
    (0x0000_007f, 0x0000_0037, Op::Addi),   // lui
    (0x0000_007f, 0x0000_0017, Op::Addi),   // auipc
    (0x0000_007f, 0x0000_006f, Op::Jal),    // jal
    (0x0000_707f, 0x0000_0067, Op::Jalr),   // jalr
    (0x0000_707f, 0x0000_0063, Op::Beq),    // beq
    (0x0000_707f, 0x0000_1063, Op::Bne),    // bne
    (0x0000_707f, 0x0000_4063, Op::Blt),    // blt
    (0x0000_707f, 0x0000_5063, Op::Bge),    // bge
    (0x0000_707f, 0x0000_6063, Op::Bltu),   // bltu
    (0x0000_707f, 0x0000_7063, Op::Bgeu),   // bgeu
    (0x0000_707f, 0x0000_0003, Op::Lb),     // lb
    (0x0000_707f, 0x0000_1003, Op::Lh),     // lh
    (0x0000_707f, 0x0000_2003, Op::Lw),     // lw
    (0x0000_707f, 0x0000_4003, Op::Lbu),    // lbu
    (0x0000_707f, 0x0000_5003, Op::Lhu),    // lhu
    (0x0000_707f, 0x0000_0023, Op::Sb),     // sb
    (0x0000_707f, 0x0000_1023, Op::Sh),     // sh
    (0x0000_707f, 0x0000_2023, Op::Sw),     // sw
    (0x0000_707f, 0x0000_0013, Op::Addi),   // addi
    (0x0000_707f, 0x0000_2013, Op::Slti),   // slti
    (0x0000_707f, 0x0000_3013, Op::Sltiu),  // sltiu
    (0x0000_707f, 0x0000_4013, Op::Xori),   // xori
    (0x0000_707f, 0x0000_6013, Op::Ori),    // ori
    (0x0000_707f, 0x0000_7013, Op::Andi),   // andi
    (0xfe00_707f, 0x0000_1013, Op::Slli),   // slli
    (0xfe00_707f, 0x0000_5013, Op::Srli),   // srli
    (0xfe00_707f, 0x4000_5013, Op::Srai),   // srai
    (0xfe00_707f, 0x0000_0033, Op::Add),    // add
    (0xfe00_707f, 0x4000_0033, Op::Sub),    // sub
    (0xfe00_707f, 0x0000_1033, Op::Sll),    // sll
    (0xfe00_707f, 0x0000_2033, Op::Slt),    // slt
    (0xfe00_707f, 0x0000_3033, Op::Sltu),   // sltu
    (0xfe00_707f, 0x0000_4033, Op::Xor),    // xor
    (0xfe00_707f, 0x0000_5033, Op::Srl),    // srl
    (0xfe00_707f, 0x4000_5033, Op::Sra),    // sra
    (0xfe00_707f, 0x0000_6033, Op::Or),     // or
    (0xfe00_707f, 0x0000_7033, Op::And),    // and
    (0x0000_707f, 0x0000_000f, Op::Addi),   // fence
    (0xffff_ffff, 0x0000_0073, Op::Ecall),  // ecall
    (0xfe00_707f, 0x0200_0033, Op::Mul),    // mul
    (0xfe00_707f, 0x0200_1033, Op::Mulh),   // mulh
    (0xfe00_707f, 0x0200_2033, Op::Mulhsu), // mulhsu
    (0xfe00_707f, 0x0200_3033, Op::Mulhu),  // mulhu
    (0xfe00_707f, 0x0200_4033, Op::Div),    // div
    (0xfe00_707f, 0x0200_5033, Op::Divu),   // divu
    (0xfe00_707f, 0x0200_6033, Op::Rem),    // rem
    (0xfe00_707f, 0x0200_7033, Op::Remu),   // remu
];

/// Every opcode, funct3 and funct7 with several fillings of the other fields, and every single bit.
#[test]
fn the_listing_and_the_decoder_agree() {
    let check = |word: u32| {
        let mut rows = LISTING.iter().filter(|(mask, matched, _)| word & mask == *matched);
        let expected = rows.next().map(|(_, _, op)| *op);
        assert!(rows.next().is_none(), "{word:#010x} has two rows");
        let found = decode(word, PC);
        // Bit 1 of the offset makes a target that is no multiple of 4: bit 21 of JAL, bit 8 of a branch.
        let misaligned = match word & 0x7f {
            0x6f => word >> 21 & 1 == 1,
            0x63 => word >> 8 & 1 == 1,
            _ => false,
        };
        let expected = if misaligned { None } else { expected };
        assert_eq!(found.map(|found| found.op), expected, "{word:#010x}");
        let Some(found) = found else { return };
        let writes = !matches!(word & 0x7f, 0x63 | 0x23 | 0x73);
        let rd = word >> 7 & 31;
        let rd = if word & 0x7f == 0x0f || rd == 0 { 32 } else { rd };
        assert_eq!(u32::from(found.rd), if writes { rd } else { 0 }, "{word:#010x}");
        let rs1 = matches!(word & 0x7f, 0x67 | 0x63 | 0x03 | 0x23 | 0x13 | 0x33);
        assert_eq!(u32::from(found.rs1), if rs1 { word >> 15 & 31 } else { 0 }, "{word:#010x}");
        let rs2 = matches!(word & 0x7f, 0x63 | 0x23 | 0x33);
        assert_eq!(u32::from(found.rs2), if rs2 { word >> 20 & 31 } else { 0 }, "{word:#010x}");
    };
    for fixed in 0..1u32 << 17 {
        let word = fixed & 0x7f | (fixed >> 7 & 7) << 12 | (fixed >> 10) << 25;
        for free in [0, 0x01f0_8f80 ^ 0x0000_0100, 0x01ff_8f80, 0x0010_0080, 0x0000_8000, 0x0155_0a80] {
            check(word | free);
        }
    }
    for bit in 0..32 {
        check(1 << bit);
        for (_, matched, _) in LISTING {
            check(matched ^ 1 << bit);
        }
    }
}
