use super::super::recording::{KECCAK_ROWS, SHA256_ROWS};
use super::*;
use crate::air::{Kind, Table};
use crate::isa::service;
use p3_matrix::Matrix;

/// A loop that adds up, stores and loads, `rounds` times around (8 cycles each).
fn looping(rounds: u32) -> Code {
    let mut code = Code::default();
    code.li(1, rounds).li(2, 0x2_0000);
    code.imm(Op::Lw, 3, 2, 0).op(Op::Add, 3, 3, 1, 0).op(Op::Sw, 0, 2, 3, 0).op(Op::Sb, 0, 2, 1, 37);
    code.imm(Op::Addi, 2, 2, 4).imm(Op::Andi, 4, 2, 0x7f).imm(Op::Addi, 1, 1, -1).op(Op::Bne, 0, 1, 0, -28);
    code.output(3).output(4).exit(0);
    code
}

#[test]
fn cut_by_length() {
    for rounds in [1, 126, 127, 128, 500, 1000] {
        let code = looping(rounds);
        let (whole, output) = run(|| code.with(&[], &[], 20));
        assert_eq!(whole.len(), 1);
        let (parts, same) = run(|| code.with(&[], &[], 10));
        assert_eq!(output, same);
        let cycles = whole[0].steps.len();
        assert_eq!(cycles as u32, 4 + 8 * rounds + 3 * 2 + 4);
        assert_eq!(parts.len(), cycles.div_ceil(1 << 10));
        assert!(parts[..parts.len() - 1].iter().all(|part| part.steps.len() == 1 << 10));
        let steps: Vec<_> = parts.iter().flat_map(|part| &part.steps).collect();
        for (one, other) in whole[0].steps.iter().zip(steps) {
            let what = |step: &crate::record::Step| {
                (step.pc, step.next, step.access.map(|access| (access.address, access.old, access.new)))
            };
            assert_eq!(what(one), what(other));
        }
    }
}

/// 1023, 1024 and 1025 cycles: the last segment is full, or has one cycle.
#[test]
fn cut_at_the_end() {
    for (nops, segments) in [(1019, 1), (1020, 1), (1021, 2)] {
        let mut code = Code::default();
        (0..nops).for_each(|_| {
            let _ = code.imm(Op::Addi, 0, 0, 0);
        });
        code.exit(1);
        let (parts, _) = run(|| code.with(&[], &[], 10));
        assert_eq!(parts.len(), segments);
        assert_eq!(parts.iter().map(|part| part.steps.len()).sum::<usize>(), nops + 4);
    }
}

#[test]
fn cut_before_looking_back_too_far() {
    // x5, x6 and a word are accessed once, then not for longer than the reach; each use of one would look back too far.
    let uses: [fn(&mut Code); 5] = [
        |code| {
            let _ = code.imm(Op::Addi, 7, 5, 0);
        },
        |code| {
            let _ = code.op(Op::Add, 7, 1, 5, 0);
        },
        |code| {
            let _ = code.imm(Op::Addi, 5, 1, 0);
        },
        |code| {
            let _ = code.imm(Op::Lw, 1, 2, 0);
        },
        |code| {
            let _ = code.op(Op::Sw, 0, 2, 1, 0);
        },
    ];
    for (i, each) in uses.iter().enumerate() {
        let mut code = Code::default();
        code.li(2, 0x2_0000).imm(Op::Lw, 5, 2, 0).li(1, 360_000);
        code.imm(Op::Addi, 1, 1, -1).op(Op::Bne, 0, 1, 0, -4);
        // The base is used, so that it is not what looks back.
        if i > 2 {
            code.0.truncate(code.0.len() - 1);
            code.imm(Op::Addi, 2, 2, 0).op(Op::Bne, 0, 1, 0, -8);
        }
        each(&mut code);
        code.exit(0);
        let make = || code.with(&[], &[], 20);
        let mut executor = make();
        let first = executor.next_segment().expect("no fault").expect("a segment");
        let before = first.steps.len();
        let rounds = if i > 2 { 3 } else { 2 };
        let expected = 5 + 360_000 * rounds;
        assert!(before == expected || before == 1 << 20, "{before}");
        assert_eq!(before == expected, expected < 1 << 20);
        assert!(3 * before as u32 > REACH - START);
        run(make);
    }
}

/// The longest look back that is allowed is made, a tick more is not: loop lengths around the reach.
#[test]
fn the_reach_to_the_tick() {
    // x5 is written at the third tick of the first cycle and read at the first tick of a later one.
    for nops in 0..4 {
        let mut code = Code::default();
        code.imm(Op::Addi, 5, 0, 1).li(1, 349_523);
        code.imm(Op::Addi, 1, 1, -1).op(Op::Bne, 0, 1, 0, -4);
        (0..nops).for_each(|_| {
            let _ = code.imm(Op::Addi, 1, 1, 0);
        });
        code.imm(Op::Addi, 7, 5, 0).exit(0);
        let cycle = 3 + 2 * 349_523 + nops;
        let gap = 3 * cycle as u32 - 1 - 2;
        let (segments, _) = run(|| code.with(&[], &[], 20));
        // Cut at most two ticks before it has to be.
        assert_eq!(segments.len() == 2, gap + 2 >= REACH, "{gap} {REACH}");
    }
}

/// A loop that calls a service with x5 as the address, then adds x6 to it.
fn calling(number: u32, stride: u32, times: u32) -> Code {
    let mut code = Code::default();
    code.li(5, 0x10_0000).li(6, stride).li(A7, number).li(A1, 0x8_0000).li(1, times);
    code.imm(Op::Addi, A0, 5, 0).op(Op::Ecall, 0, 0, 0, 0).op(Op::Add, 5, 5, 6, 0);
    code.imm(Op::Addi, 1, 1, -1).op(Op::Bne, 0, 1, 0, -16).exit(0);
    code
}

#[test]
fn cut_before_a_table_is_too_high() {
    for (number, rows, log2, height) in [
        (service::SHA256, SHA256_ROWS, 20, 1 << 20),
        (service::KECCAK, KECCAK_ROWS, 20, 1 << 20),
        (service::KECCAK, KECCAK_ROWS, 15, 1 << 15),
        (service::KECCAK, KECCAK_ROWS, 13, 1 << 13),
        (service::SHA256, SHA256_ROWS, 13, 1 << 13),
    ] {
        let limit = height / rows;
        let code = calling(number, 0, limit + 5);
        let mut executor = code.with(&[], &[], log2);
        let first = executor.next_segment().expect("no fault").expect("a segment");
        assert_eq!(first.calls.len() as u32, limit);
        if log2 == 13 {
            let kind = if number == service::SHA256 { Kind::Sha256 } else { Kind::Keccak };
            let trace = Table::of(kind, &first.program).trace(&first).expect("calls");
            assert_eq!(trace.height() as u32, height);
        }
        assert_eq!(first.steps.last().expect("steps").instruction.op, Op::Ecall);
        let second = executor.next_segment().expect("no fault").expect("a segment");
        assert_eq!(second.calls.len(), 5);
        assert_eq!(executor.exit(), Some(0));
        consistent(&[first, second], Some(0));
    }
}

/// Words far apart: the tree above them is what the Poseidon2 table is full of.
#[test]
fn cut_before_the_tree_is_too_high() {
    let mut code = Code::default();
    code.li(5, 0x10_0000).li(6, 0x9e37_79b0).li(1, 70_000);
    code.op(Op::Add, 5, 5, 6, 0).imm(Op::Lw, 2, 5, 0).imm(Op::Addi, 1, 1, -1).op(Op::Bne, 0, 1, 0, -12);
    code.exit(0);
    let mut executor = code.with(&[], &[], 20);
    let mut count = 0;
    while let Some(segment) = executor.next_segment().expect("no fault") {
        let hashed = 2 * (segment.blocks.len() + segment.nodes.len());
        assert!(hashed <= 1 << 20, "{hashed}");
        if executor.exit().is_none() {
            assert!(hashed > (1 << 20) - 1024 && segment.steps.len() < 1 << 20, "{hashed}");
        }
        count += 1;
    }
    assert!(count > 1);
}

/// How fast programs are run and recorded; `cargo test --release -p permafrost-zkvm speed -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn speed() {
    let code = looping(5_000_000);
    let limits = Limits { cycles: 1 << 30, segment_log2: 20 };
    let make = || Executor::new(code.program(&[]), Vec::new(), Vec::new(), limits);
    let report = |what: &str, cycles: u64, start: std::time::Instant| {
        println!(
            "{what}: {:.1} million cycles a second",
            cycles as f64 / start.elapsed().as_secs_f64() / 1e6
        );
    };
    let (mut executor, start) = (make(), std::time::Instant::now());
    executor.run_to_end(|_| ()).expect("no fault");
    report("run", executor.cycles(), start);
    let (mut executor, start) = (make(), std::time::Instant::now());
    while executor.next_segment().expect("no fault").is_some() {}
    report("recorded", executor.cycles(), start);
}
