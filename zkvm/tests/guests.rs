//! The guest programs and the instruction tests in the executor.

use std::collections::BTreeMap;
use std::sync::Arc;

use permafrost_zkvm::elf;
use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::guests::model::{Ledger, Transfer};
use permafrost_zkvm::guests::{Guest, Run, ALL, INSTRUCTIONS};
use permafrost_zkvm::isa::Op;
use permafrost_zkvm::record::{Program, Segment, CYCLE, HALTED_PC, START};

const LIMITS: Limits = Limits { cycles: 2_000_000, segment_log2: 10 };

fn program(elf: &[u8]) -> Arc<Program> {
    Arc::new(elf::load(elf).expect("a program"))
}

fn executor(guest: &Guest, run: &Run) -> Executor {
    Executor::new(program(guest.elf), run.input.clone(), run.hints.clone(), LIMITS)
}

/// Output and exit code, without recording.
fn outcome(guest: &Guest, input: &[u32], hints: &[u32]) -> (Vec<u32>, u32) {
    let mut executor = Executor::new(program(guest.elf), input.to_vec(), hints.to_vec(), LIMITS);
    executor.run_to_end(|_| ()).expect("a run");
    (executor.output().to_vec(), executor.exit().expect("an exit code"))
}

fn guest(name: &str) -> &'static Guest {
    Guest::find(name).expect("a guest")
}

/// Runs to the end with recording.
fn segments(executor: &mut Executor) -> Vec<Segment> {
    std::iter::from_fn(|| executor.next_segment().expect("a segment")).collect()
}

#[test]
fn every_instruction_passes_its_test() {
    assert_eq!(INSTRUCTIONS.len(), 47);
    let mut cycles = 0;
    for (name, elf) in INSTRUCTIONS {
        let mut executor = Executor::new(program(elf), vec![], vec![], LIMITS);
        executor.run_to_end(|_| ()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(executor.exit(), Some(0), "{name}: the case that fails");
        assert!(executor.output().is_empty());
        assert!(executor.cycles() < 1 << 10, "{name} fits a segment of 2^10");
        cycles += executor.cycles();
    }
    println!("{} instruction tests, {cycles} cycles", INSTRUCTIONS.len());
}

/// So that a test is not of another instruction than its name says.
#[test]
fn every_operation_has_a_test() {
    for op in Op::ALL {
        let (_, elf) =
            INSTRUCTIONS.iter().find(|(name, _)| *name == op.mnemonic()).expect("a test of its name");
        let uses = program(elf).code.iter().filter(|(_, instruction)| instruction.op == *op).count();
        // Exits are the only calls that a test makes.
        assert!(uses >= if *op == Op::Ecall { 2 } else { 10 }, "{}: {uses} uses", op.mnemonic());
    }
}

/// Each operation of a test is replaced by each other one of its format: the test must not pass.
#[test]
fn a_wrong_operation_fails_its_test() {
    use Op::*;
    let formats: [&[Op]; 6] = [
        &[Add, Sub, Slt, Sltu, And, Or, Xor, Sll, Srl, Sra, Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu],
        &[Addi, Slti, Sltiu, Andi, Ori, Xori],
        &[Slli, Srli, Srai],
        &[Lw, Lb, Lbu, Lh, Lhu],
        &[Sw, Sb, Sh],
        &[Beq, Bne, Blt, Bge, Bltu, Bgeu],
    ];
    let mut wrong = 0;
    for ops in formats {
        for &right in ops {
            let (_, elf) = INSTRUCTIONS.iter().find(|(name, _)| *name == right.mnemonic()).expect("a test");
            for &other in ops.iter().filter(|op| **op != right) {
                let mut program = elf::load(elf).expect("a program");
                for (_, instruction) in &mut program.code {
                    if instruction.op == right {
                        instruction.op = other;
                    }
                }
                let limits = Limits { cycles: 5_000, ..LIMITS };
                let mut executor = Executor::new(Arc::new(program), vec![], vec![], limits);
                // A fault or a run without end is a failure too.
                let passes = executor.run_to_end(|_| ()).is_ok() && executor.exit() == Some(0);
                assert!(!passes, "{} executed as {} passes", right.mnemonic(), other.mnemonic());
                wrong += 1;
            }
        }
    }
    println!("{wrong} wrong operations fail");
}

#[test]
fn a_wrong_link_fails_its_test() {
    for right in [Op::Jal, Op::Jalr] {
        let (_, elf) = INSTRUCTIONS.iter().find(|(name, _)| *name == right.mnemonic()).expect("a test");
        for (rd, change) in [(1, 4), (1, u32::MAX - 3), (5, 4), (31, 4)] {
            let mut program = elf::load(elf).expect("a program");
            let wrong = program
                .code
                .iter_mut()
                .filter(|(_, instruction)| instruction.op == right && instruction.rd == rd);
            wrong.for_each(|(_, instruction)| instruction.link = instruction.link.wrapping_add(change));
            let mut executor = Executor::new(Arc::new(program), vec![], vec![], LIMITS);
            let passes = executor.run_to_end(|_| ()).is_ok() && executor.exit() == Some(0);
            assert!(!passes, "{} to x{rd}, link {change} off", right.mnemonic());
        }
    }
}

#[test]
fn every_guest_outputs_what_it_must() {
    for guest in ALL {
        let run = guest.small();
        let mut executor = executor(guest, &run);
        let segments = segments(&mut executor);
        assert_eq!(executor.output(), run.output, "{}", guest.name);
        assert_eq!(executor.exit(), Some(run.exit), "{}", guest.name);
        let steps: usize = segments.iter().map(|segment| segment.steps.len()).sum();
        assert_eq!(steps as u64, executor.cycles());
        assert_chained(&segments);
        let mut mix = BTreeMap::new();
        for step in segments.iter().flat_map(|segment| &segment.steps) {
            *mix.entry(step.instruction.op.table().name()).or_insert(0u32) += 1;
        }
        let mut mix: Vec<_> = mix.into_iter().map(|(table, count)| (count, table)).collect();
        mix.sort_unstable_by(|a, b| b.cmp(a));
        let mix: Vec<_> = mix.iter().map(|(count, table)| format!("{table} {count}")).collect();
        let (cycles, blocks) = (executor.cycles(), segments.iter().map(|segment| segment.blocks.len()).max());
        println!(
            "{} {}: {} bytes, {cycles} cycles, {} segments, at most {} blocks; {}",
            guest.name,
            guest.small,
            guest.elf.len(),
            segments.len(),
            blocks.unwrap_or(0),
            mix.join(", ")
        );
    }
}

/// Each segment starts where the one before ended.
fn assert_chained(segments: &[Segment]) {
    for pair in segments.windows(2) {
        let [a, b] = [&pair[0].statement, &pair[1].statement];
        assert_eq!((a.number + 1, a.pc[1], a.memory[1]), (b.number, b.pc[0], b.memory[0]));
        assert_eq!((a.input[1], a.output[1], a.exit), (b.input[0], b.output[0], None));
    }
    let last = segments.last().expect("a segment");
    assert_eq!(last.statement.pc[1], HALTED_PC);
    assert_eq!(last.end, START + CYCLE * last.steps.len() as u32);
}

#[test]
fn every_guest_outputs_what_it_must_at_the_size_for_figures() {
    for guest in ALL {
        let run = guest.scaled();
        let mut executor = executor(guest, &run);
        executor.run_to_end(|_| ()).unwrap_or_else(|error| panic!("{}: {error}", guest.name));
        assert_eq!(
            (executor.output(), executor.exit()),
            (run.output.as_slice(), Some(run.exit)),
            "{}",
            guest.name
        );
        println!("{} {}: {} cycles", guest.name, guest.scaled, executor.cycles());
    }
}

#[test]
fn sizes_of_none_and_one() {
    for guest in ALL {
        for size in [0, 1, 2] {
            let run = guest.run(size);
            assert_eq!(
                outcome(guest, &run.input, &run.hints),
                (run.output, run.exit),
                "{} {size}",
                guest.name
            );
        }
    }
}

#[test]
fn precompiled_tables_agree_with_risc_v() {
    for name in ["sha256", "keccak", "poseidon2"] {
        let (plain, precompiled) = (guest(name), guest(&format!("{name}-pre")));
        for n in [1, 3] {
            let run = plain.run(n);
            assert_eq!(precompiled.run(n), run);
            let outcomes = [plain, precompiled].map(|guest| outcome(guest, &run.input, &run.hints));
            assert_eq!(outcomes[0], outcomes[1], "{name} {n}");
        }
    }
}

#[test]
fn the_sort_refuses_more_words_than_it_has_room_for() {
    assert_eq!(outcome(guest("quicksort"), &[8193, 1], &[]), (vec![], 2));
}

/// The guest refuses what was changed, with this exit code and no output.
fn assert_refused(name: &str, run: &Run, change: impl FnOnce(&mut Run), exit: u32, why: &str) {
    let mut run = run.clone();
    change(&mut run);
    assert_eq!(outcome(guest(name), &run.input, &run.hints), (vec![], exit), "{name}: {why}");
}

#[test]
fn a_leaf_that_is_not_in_the_tree_is_refused() {
    const P: u32 = 0x7f00_0001;
    let run = guest("merkle").small();
    let refused = |change: fn(&mut Run), exit, why| assert_refused("merkle", &run, change, exit, why);
    refused(|run| run.input[0] ^= 1, 1, "another root");
    refused(|run| run.input[10] ^= 1, 1, "another place");
    refused(|run| run.input[12] ^= 1, 1, "another leaf");
    refused(|run| run.hints[79] ^= 1, 1, "another sibling");
    refused(|run| *run.hints.last_mut().expect("hints") ^= 1, 1, "another sibling of the last leaf");
    refused(|run| run.input[8] = 31, 2, "too deep");
    refused(|run| run.input[10] += 1 << 10, 2, "a place outside the tree");
    refused(|run| run.input[12] = P, 2, "a word of the leaf that is no field element");
    refused(|run| run.hints[3] = P, 2, "a sibling that is no field element");
    refused(|run| run.hints[3] = u32::MAX, 2, "a sibling that is no field element");
}

#[test]
fn a_transfer_that_is_not_allowed_is_refused() {
    const P: u32 = 0x7f00_0001;
    let run = guest("transfers").small();
    let refused = |change: fn(&mut Run), exit, why| assert_refused("transfers", &run, change, exit, why);
    refused(|run| run.input[7] ^= 1, 1, "another root before");
    refused(|run| run.input[10] ^= 1, 1, "another account");
    refused(|run| run.hints[0] += 1, 1, "a larger balance");
    refused(|run| run.hints[2 + 63] ^= 1, 1, "another sibling");
    refused(|run| run.input[8] = 31, 2, "too deep");
    refused(|run| run.input[11] = 256, 2, "an account outside the tree");
    refused(|run| run.hints[0] = 1 << 30, 2, "a balance out of range");
    refused(|run| run.hints[2] = P, 2, "a sibling that is no field element");
    refused(|run| run.input[12] = 1 << 20, 3, "overdraft");
    refused(|run| run.input[12] = u32::MAX, 3, "overdraft");
    refused(|run| run.input[13] += 1, 4, "another nonce");

    // Balances at the limits, in a tree of two accounts.
    let apply = |balances: [u32; 2], transfers: &[Transfer]| {
        let mut ledger = Ledger::new(balances.to_vec());
        let (input, hints) = ledger.apply(transfers);
        (outcome(guest("transfers"), &input, &hints), ledger.root().to_vec())
    };
    let transfer = |from, to, amount| Transfer { from, to, amount };
    const TOP: u32 = (1 << 30) - 1;
    let (result, root) = apply([5, TOP - 5], &[transfer(0, 1, 5)]);
    assert_eq!(result, (root, 0), "all of one's money, to the limit");
    assert_eq!(apply([5, TOP - 4], &[transfer(0, 1, 5)]).0, (vec![], 5), "past the limit");
    assert_eq!(apply([5, 0], &[transfer(0, 1, 6)]).0, (vec![], 3), "one more than one has");
    assert_eq!(
        apply([5, 0], &[transfer(1, 0, 0), transfer(0, 0, 6)]).0,
        (vec![], 3),
        "overdraft in favour of oneself"
    );
    let (result, root) = apply([TOP, 0], &[transfer(0, 0, TOP), transfer(0, 0, 0)]);
    assert_eq!(result, (root, 0), "to oneself");
}
