use super::*;
use crate::air::{check, Kind, Table};
use crate::isa::service;
use crate::record::{Call, HALTED_PC};
use p3_field::{PrimeCharacteristicRing, PrimeField32};

#[test]
fn words_in_and_out() {
    let mut code = Code::default();
    code.service(service::READ).service(service::WRITE).service(service::HINT).service(service::WRITE);
    code.service(service::READ).service(service::WRITE).exit(0xffff_ffff);
    let (segments, output) = run(|| code.with(&[0xdead_beef, 2, 3], &[0xffff_ffff, 9], 10));
    assert_eq!(output, [0xdead_beef, 0xffff_ffff, 2]);
    let segment = &segments[0];
    let words =
        |words: &[crate::record::Word]| words.iter().map(|word| (word.time, word.value)).collect::<Vec<_>>();
    let ecalls: Vec<_> = segment.steps.iter().filter(|step| step.instruction.op == Op::Ecall).collect();
    assert_eq!(words(&segment.inputs), [(ecalls[0].time, 0xdead_beef), (ecalls[4].time, 2)]);
    let outputs = [(ecalls[1].time, 0xdead_beef), (ecalls[3].time, 0xffff_ffff), (ecalls[5].time, 2)];
    assert_eq!(words(&segment.outputs), outputs);
    assert_eq!(segment.statement.exit, Some(u32::MAX));
    assert_eq!(segment.statement.pc[1], HALTED_PC);
    let [a7, a0, a1] = ecalls[2].access;
    assert_eq!([a7, a0, a1].map(|access| access.address - REGISTER_BASE), [A7, A0, A1]);
    assert_eq!((a7.old, a7.new, a0.old, a0.new, a1.old, a1.new), (3, 3, 0xdead_beef, u32::MAX, 0, 0));
}

/// Calls a precompile with this memory and returns the call and the memory after.
fn call(number: u32, a0: u32, a1: u32, data: &[(u32, u32)]) -> (Call, BTreeMap<u32, u32>) {
    let mut code = Code::default();
    code.li(A0, a0).li(A1, a1).service(number).exit(0);
    let program = code.program(data);
    let limits = Limits { cycles: 100, segment_log2: 10 };
    let (mut segments, _) = run(|| Executor::new(program.clone(), Vec::new(), Vec::new(), limits));
    let segment = segments.remove(0);
    let step = segment.steps.iter().find(|step| step.instruction.op == Op::Ecall).expect("the call");
    let call = segment.calls[0].clone();
    for kind in [Kind::Poseidon2Call, Kind::Sha256, Kind::Keccak] {
        let table = Table::of(kind, &program);
        let rows = table.trace(&segment).map_or_else(Vec::new, |trace| check::broken(&table, &trace, &[]));
        assert_eq!(rows, Vec::<String>::new());
    }
    assert_eq!((call.service, call.time, call.first), (number, step.time, a0 / 4));
    let mut memory: BTreeMap<u32, u32> = data.iter().copied().collect();
    memory.extend(call.access.iter().map(|access| (access.address, access.new)));
    // Recorded or not, the words are there afterwards.
    let mut plain = Executor::new(program, Vec::new(), Vec::new(), limits);
    plain.run_to_end(|_| ()).expect("a program without fault");
    memory.iter().for_each(|(address, word)| assert_eq!(plain.memory.word(*address), *word));
    (call, memory)
}

fn data(first: u32, count: u32, bound: u32) -> Vec<(u32, u32)> {
    (0..count).map(|i| (first + i, (i + 1).wrapping_mul(0x9e37_79b9) % bound)).collect()
}

#[test]
fn poseidon2() {
    let p = crate::F::ORDER_U32;
    let mut words = data(0x8003, 16, p);
    words[15].1 = p - 1;
    let (call, memory) = call(service::POSEIDON2, 4 * 0x8003, 7, &words);
    let state = hash::permute(std::array::from_fn(|i| crate::F::from_u32(words[i].1)));
    for (i, access) in call.access.iter().enumerate() {
        assert_eq!((access.address, access.time), (words[i].0, call.time));
        assert_eq!((access.old, access.new), (words[i].1, state[i].as_canonical_u32()));
    }
    assert_eq!((call.access.len(), call.second, memory.len()), (16, 0, 16));
}

#[test]
fn sha256() {
    // State and block apart, touching, the same, overlapping both ways.
    for (state, block) in
        [(0x8000, 0x9000), (0x8000, 0x8008), (0x8000, 0x8000), (0x8004, 0x8000), (0x8000, 0x8003)]
    {
        let mut words: BTreeMap<u32, u32> = data(state, 8, u32::MAX).into_iter().collect();
        words.extend(data(block, 16, 0xffff_fff1));
        let all: Vec<_> = words.iter().map(|(address, word)| (*address, *word)).collect();
        let (call, memory) = call(service::SHA256, 4 * state, 4 * block, &all);
        assert_eq!((call.second, call.access.len()), (block, 24));
        let old = std::array::from_fn(|i| words[&(state + i as u32)]);
        let expected =
            super::super::sha256::compress(old, &std::array::from_fn(|i| words[&(block + i as u32)]));
        for i in 0..16 {
            let access = call.access[i];
            assert_eq!((access.address, access.time), (block + i as u32, call.time));
            assert_eq!(access.old, access.new);
        }
        for i in 0..8 {
            let access = call.access[16 + i];
            assert_eq!((access.address, access.time), (state + i as u32, call.time + 1));
            assert_eq!((access.old, access.new), (old[i], expected[i]));
            // Either the block's access to the same word, or the tick before the first.
            assert_eq!(access.previous, call.time);
            assert_eq!(memory[&(state + i as u32)], expected[i]);
        }
    }
}

#[test]
fn keccak() {
    let words = data(0x8001, 50, u32::MAX);
    let (call, _) = call(service::KECCAK, 4 * 0x8001, 0, &words);
    let mut lanes: [u64; 25] =
        std::array::from_fn(|i| u64::from(words[2 * i].1) | u64::from(words[2 * i + 1].1) << 32);
    super::super::keccak::permute(&mut lanes);
    assert_eq!(call.access.len(), 50);
    for (i, access) in call.access.iter().enumerate() {
        assert_eq!((access.address, access.time, access.old), (words[i].0, call.time, words[i].1));
        assert_eq!(access.new, (lanes[i / 2] >> (32 * (i % 2))) as u32);
    }
}
