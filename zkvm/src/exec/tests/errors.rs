use super::*;
use crate::error::Error;
use crate::isa::service;

/// Both ways of running give this error, twice, and the message says these things.
#[track_caller]
fn fails(make: impl Fn() -> Executor, variant: &str, says: &[&str]) {
    let mut executor = make();
    let recorded: [Error; 2] = [(); 2].map(|()| loop {
        match executor.next_segment() {
            Ok(segment) => assert!(segment.is_some(), "the program ended"),
            Err(error) => break error,
        }
    });
    let mut executor = make();
    let plain = [(); 2].map(|()| executor.run_to_end(|_| ()).expect_err("the program ended"));
    for error in recorded.iter().chain(&plain) {
        assert!(format!("{error:?}").starts_with(variant), "{error:?}");
        let message = error.to_string();
        for part in says {
            assert!(message.contains(part), "\"{message}\" does not say {part}");
        }
    }
}

#[track_caller]
fn code_fails(code: &Code, variant: &str, says: &[&str]) {
    fails(|| code.executor(), variant, says);
}

#[test]
fn no_instruction() {
    let mut code = Code::default();
    code.0.push(0x0010_0073);
    code_fails(&code, "NotAnInstruction", &["0x00010000", "0x00100073", "EBREAK"]);
    // Off the end of the program, and a jump to data.
    code_fails(Code::default().li(1, 5), "NotAnInstruction", &["0x00010008", "0x00000000"]);
    let mut code = Code::default();
    code.li(1, 0x2_0000).op(Op::Sw, 0, 1, 1, 0).imm(Op::Jalr, 0, 1, 0);
    code_fails(&code, "NotAnInstruction", &["executing at 0x00020000", "0x00020000 is a compressed"]);
    let mut code = Code::default();
    code.op(Op::Jal, 0, 0, 0, 6);
    code_fails(&code, "NotAnInstruction", &["0x00010000", "0x0060006f", "multiple of 4"]);
    for (word, says) in [
        (0, "end of the code"),
        (0xc000_1073, "gave up"),
        (0x3020_0073, "privileged"),
        (0x0000_100f, "FENCE.I"),
        (0x0000_2063, "reserved"),
        (0x0000_4501, "compressed"),
        (0x0000_3003, "rv32im"),
    ] {
        let mut code = Code::default();
        code.0.push(word);
        code_fails(&code, "NotAnInstruction", &[&format!("{word:#010x}"), says]);
    }
    let mut code = Code::default();
    code.li(1, 0x2_0000).li(2, 0x13).op(Op::Sw, 0, 1, 2, 0).imm(Op::Jalr, 0, 1, 0);
    code_fails(&code, "NotAnInstruction", &["executing at 0x00020000", "0x00000013 would be one"]);
    fails(
        || {
            let program = Program { entry: 0, code: Vec::new(), image: Vec::new() };
            Executor::new(Arc::new(program), Vec::new(), Vec::new(), Limits { cycles: 1, segment_log2: 10 })
        },
        "NotAnInstruction",
        &["0x00000000"],
    );
}

#[test]
fn misaligned() {
    for (op, size) in [(Op::Lw, 4), (Op::Lh, 2), (Op::Lhu, 2), (Op::Sw, 4), (Op::Sh, 2)] {
        for offset in (1..4).filter(|offset| offset % size != 0) {
            let mut code = Code::default();
            code.li(1, 0x2_0000).op(op, if op >= Op::Sw { 0 } else { 3 }, 1, 0, offset);
            let address = format!("{:#010x}", 0x2_0000 + offset);
            code_fails(
                &code,
                "Misaligned {",
                &[op.mnemonic(), "at 0x00010008", &address, &format!("of {size}")],
            );
        }
    }
    let mut code = Code::default();
    code.li(1, 0x2_0000).imm(Op::Jalr, 0, 1, 3);
    code_fails(&code, "MisalignedTarget", &["0x00010008", "0x00020002"]);
}

#[test]
fn self_modifying() {
    for (op, offset) in [(Op::Sw, 0), (Op::Sh, 2), (Op::Sb, 7)] {
        let mut code = Code::default();
        code.li(1, ENTRY).op(op, 0, 1, 0, offset);
        let address = format!("{:#010x}", ENTRY + offset as u32);
        code_fails(&code, "SelfModifying", &["0x00010008", &address]);
    }
    for (number, last) in [(service::POSEIDON2, 60), (service::SHA256, 28), (service::KECCAK, 196)] {
        let mut code = Code::default();
        code.li(A0, ENTRY - last).li(A1, ENTRY).service(number);
        code_fails(&code, "SelfModifying", &["0x00010014", "0x00010000"]);
    }
    // The word after the code is not code.
    let mut code = Code::default();
    code.li(1, ENTRY + 7 * 4).op(Op::Sw, 0, 1, 0, 0).exit(0);
    assert_eq!(code.0.len(), 7);
    run(|| code.executor());
}

#[test]
fn services() {
    code_fails(Code::default().service(0), "UnknownService", &["service 0", "0x00010004"]);
    code_fails(Code::default().service(94), "UnknownService", &["service 94"]);
    let mut code = Code::default();
    code.service(service::READ).service(service::READ);
    code_fails(&code, "InputExhausted", &["0x00010004", "0 words"]);
    fails(|| code.with(&[5], &[6, 7], 10), "InputExhausted", &["0x0001000c", "1 words"]);
    let mut code = Code::default();
    code.service(service::HINT).service(service::HINT);
    fails(|| code.with(&[6, 7], &[5], 10), "HintsExhausted", &["0x0001000c", "1 words"]);
}

#[test]
fn operands() {
    for (number, name, size) in [
        (service::POSEIDON2, "poseidon2", 64),
        (service::SHA256, "sha256", 32),
        (service::KECCAK, "keccak", 200),
    ] {
        for address in [0x2_0001, 0x2_0002, 0xffff_0000, 0xffff_fffc] {
            let mut code = Code::default();
            code.li(A0, address).li(A1, 0x3_0000).service(number);
            code_fails(
                &code,
                "Operand",
                &[name, "0x00010014", &format!("{address:#010x}"), &size.to_string()],
            );
        }
        let mut code = Code::default();
        code.li(A0, 0xfffe_fffc).li(A1, 0xfffe_f000).service(number).exit(0);
        run(|| code.executor());
    }
    for address in [0x2_0003, 0xffff_0000] {
        let mut code = Code::default();
        code.li(A0, 0x2_0000).li(A1, address).service(service::SHA256);
        code_fails(&code, "Operand", &["sha256", &format!("{address:#010x}"), "64 bytes"]);
    }
    for word in [0x7f00_0001, u32::MAX] {
        let mut code = Code::default();
        code.li(A0, 0x2_0000).li(1, word).op(Op::Sw, 0, A0, 1, 60).service(service::POSEIDON2);
        code_fails(&code, "NotCanonical", &["0x00010018", "0x0002003c", &format!("{word:#010x}")]);
    }
}

#[test]
fn limits() {
    let mut code = Code::default();
    code.op(Op::Jal, 0, 0, 0, 0);
    let with = |cycles, segment_log2| {
        Executor::new(code.program(&[]), Vec::new(), Vec::new(), Limits { cycles, segment_log2 })
    };
    fails(|| with(5000, 10), "Runaway", &["0x00010000", "5000", "raise the cycle limit"]);
    fails(|| with(0, 10), "Runaway", &["after 0 cycles"]);
    for log2 in [0, 9, 21, u32::MAX] {
        let error = with(5000, log2).next_segment().expect_err("refused");
        assert!(matches!(error, Error::SegmentSize { .. }), "{error:?}");
        assert!(
            error.to_string().contains(&log2.to_string()) && error.to_string().contains("2^10 to 2^20"),
            "{error}"
        );
    }
    // A program that ends with the last cycle allowed has not run away.
    let mut code = Code::default();
    code.exit(3);
    let mut executor =
        Executor::new(code.program(&[]), Vec::new(), Vec::new(), Limits { cycles: 4, segment_log2: 10 });
    executor.run_to_end(|_| ()).expect("four cycles");
    assert_eq!((executor.exit(), executor.cycles()), (Some(3), 4));
}
