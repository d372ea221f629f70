use super::*;
use crate::air::{check, Kind};
use crate::isa::SINK;
use crate::record::testing::corners;

/// What the instruction set says, with the operands of [`corners`]; `alu` has an oracle of its own.
fn expected(op: Op, a: u32, b: u32) -> u32 {
    super::super::alu::result(op, a, b)
}

#[test]
fn operations_on_registers() {
    for &op in Op::ALL.iter().filter(|op| **op <= Op::Sra || (Op::Mul..=Op::Remu).contains(*op)) {
        let mut code = Code::default();
        for (a, b) in corners() {
            code.li(1, a).li(2, b).op(op, 3, 1, 2, 0).output(3);
        }
        code.exit(0);
        let (segments, output) = run(|| code.executor());
        let all: Vec<_> = corners().into_iter().map(|(a, b)| expected(op, a, b)).collect();
        assert_eq!(output, all, "{}", op.mnemonic());
        assert_eq!(
            segments[0].steps.iter().filter(|step| step.instruction.op == op).count(),
            corners().len() + if op == Op::Addi { 1 } else { 0 }
        );
    }
}

#[test]
fn operations_with_immediates() {
    for &op in Op::ALL.iter().filter(|op| (Op::Addi..=Op::Srai).contains(*op)) {
        let shift = op >= Op::Slli;
        let amounts = if shift { [0, 1, 15, 16, 31] } else { [0, 1, -1, 2047, -2048] };
        let mut code = Code::default();
        let mut all = Vec::new();
        for (a, b) in corners().into_iter().filter(|(_, b)| *b == 0) {
            assert_eq!(b, 0);
            for imm in amounts {
                code.li(1, a).imm(op, 3, 1, imm).output(3);
                all.push(expected(op, a, imm as u32));
            }
        }
        code.exit(0);
        assert_eq!(run(|| code.executor()).1, all, "{}", op.mnemonic());
    }
}

#[test]
fn one_register_for_everything() {
    // rd = rs1 = rs2: three accesses to one word in a cycle.
    let mut code = Code::default();
    code.li(5, 3).op(Op::Mul, 5, 5, 5, 0).op(Op::Add, 5, 5, 5, 0).output(5).exit(0);
    let (segments, output) = run(|| code.executor());
    assert_eq!(output, [18]);
    let step = segments[0].steps[2];
    assert_eq!(step.access.map(|access| access.previous), [step.time - 1, step.time, step.time + 1]);
    assert_eq!(step.access.map(|access| (access.old, access.new)), [(3, 3), (3, 3), (3, 9)]);
}

#[test]
fn writes_to_x0_go_to_the_sink() {
    let mut code = Code::default();
    code.li(1, 7).op(Op::Add, 0, 1, 1, 0).imm(Op::Addi, 0, 1, 1).output(0);
    code.li(2, 0x2_0000)
        .imm(Op::Lw, 0, 2, 0)
        .op(Op::Jal, 0, 0, 0, 8)
        .imm(Op::Addi, 1, 0, 0)
        .output(0)
        .output(1)
        .exit(0);
    let (segments, output) = run(|| code.executor());
    assert_eq!(output, [0, 0, 7]);
    let sink = REGISTER_BASE + u32::from(SINK);
    let written: Vec<_> = segments[0].steps.iter().flat_map(|step| step.access).collect();
    assert_eq!(written.iter().filter(|access| access.address == sink).count(), 4);
    assert!(written.iter().all(|access| access.address != REGISTER_BASE || access.new == 0));
}

#[test]
fn loads_and_stores() {
    // Base + offset wraps around; what was never written is zero; the ends of memory are memory.
    for (base, offset) in
        [(0x2_0000, 0), (0, 0), (0, -4), (4, -4), (0xffff_f7fc, 2047 - 3), (0x8000_0000, -2048)]
    {
        let mut code = Code::default();
        code.li(1, base).li(2, 0x8182_f3f4).imm(Op::Lw, 3, 1, offset).output(3);
        code.op(Op::Sw, 0, 1, 2, offset);
        let mut expected = vec![0];
        for (op, part, value) in [
            (Op::Lw, 0, 0x8182_f3f4),
            (Op::Lb, 0, 0xffff_fff4),
            (Op::Lbu, 1, 0xf3),
            (Op::Lb, 3, 0xffff_ff81),
            (Op::Lh, 0, 0xffff_f3f4),
            (Op::Lhu, 2, 0x8182),
        ] {
            code.imm(op, 3, 1, offset + part).output(3);
            expected.push(value);
        }
        code.op(Op::Sb, 0, 1, 0, offset + 2)
            .op(Op::Sh, 0, 1, 2, offset)
            .imm(Op::Lw, 1, 1, offset)
            .output(1)
            .exit(0);
        expected.push(0x8100_f3f4);
        assert_eq!(run(|| code.executor()).1, expected, "{base:#x} {offset}");
    }
}

#[test]
fn branches() {
    for &op in Op::ALL.iter().filter(|op| (Op::Beq..=Op::Bgeu).contains(*op)) {
        let mut code = Code::default();
        code.li(6, 0);
        for (a, b) in corners() {
            code.li(1, a).li(2, b).imm(Op::Addi, 3, 0, 0).op(op, 0, 1, 2, 8).imm(Op::Addi, 3, 3, 1).output(3);
        }
        code.exit(0);
        let all: Vec<_> =
            corners().into_iter().map(|(a, b)| u32::from(!super::super::alu::taken(op, a, b))).collect();
        assert_eq!(run(|| code.executor()).1, all, "{}", op.mnemonic());
    }
}

#[test]
fn jumps() {
    let mut code = Code::default();
    // A loop backwards by a branch, a jump through the register that it links, with bit 0 set, and a jump over what is no instruction.
    let at = |place: u32| ENTRY + 4 * place;
    code.li(1, 5).imm(Op::Addi, 2, 2, 3).imm(Op::Addi, 1, 1, -1).op(Op::Bne, 0, 1, 0, -8).output(2);
    code.li(5, at(15) + 1).imm(Op::Jalr, 5, 5, 0).exit(1);
    assert_eq!(code.0.len(), 15);
    code.output(5).op(Op::Jal, 6, 0, 0, 8);
    code.0.push(0);
    code.output(6).exit(0);
    let (segments, output) = run(|| code.executor());
    assert_eq!(output, [15, at(11), at(19)]);
    assert_eq!(segments[0].statement.exit, Some(0));
}

#[test]
fn fence_does_nothing() {
    let mut code = Code::default();
    code.li(1, 9);
    code.0.push(0x0ff0_000f);
    code.0.push(0x8330_008f); // fence.tso with rd = x1, which is ignored
    code.output(1).exit(0);
    assert_eq!(run(|| code.executor()).1, [9]);
}

#[test]
fn rows_of_the_tables() {
    let mut code = Code::default();
    for (a, b) in corners() {
        code.li(1, a).li(2, b).op(Op::Add, 3, 1, 2, 0).op(Op::Sub, 0, 3, 2, 0).op(Op::Sub, 2, 2, 2, 0);
    }
    code.exit(0);
    for segment in run(|| code.with(&[], &[], 10)).0 {
        for kind in [Kind::Add, Kind::AddImmediate] {
            let steps: Vec<_> = segment.steps_of(kind).copied().collect();
            assert!(!steps.is_empty());
            assert_eq!(check::steps(kind, &steps), Vec::<String>::new());
        }
    }
}
