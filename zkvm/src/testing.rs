//! Segments made by hand, for tests: a machine of ADD, SUB and ADDI that records what it does.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use p3_field::PrimeCharacteristicRing;

use crate::air::lanes::{self, Lanes};
use crate::air::linear::messages;
use crate::air::program::RomRow;
use crate::air::range::Range;
use crate::air::{bus, check, trace, Kind, Table};
use crate::hash::permute;
use crate::isa::{Instruction, Op};
use crate::record::{Access, Block, Program, Segment, Statement, Step, BLOCK, CYCLE, REGISTER_BASE, START};
use crate::tree::Tree;
use crate::{Digest, F};

/// Where programs start.
pub const ENTRY: u32 = 0x1000;

/// `op rd, rs1, rs2`.
pub fn register(op: Op, rd: u8, rs1: u8, rs2: u8) -> Instruction {
    Instruction { op, rd, rs1, rs2, imm: 0, link: 0 }
}

/// `addi rd, rs1, imm`.
pub fn addi(rd: u8, rs1: u8, imm: u32) -> Instruction {
    Instruction { op: Op::Addi, rd, rs1, rs2: 0, imm, link: 0 }
}

/// A program of these instructions, one after the other from [`ENTRY`].
pub fn program(code: &[Instruction]) -> Arc<Program> {
    let code = (ENTRY..).step_by(4).zip(code.iter().copied()).collect();
    Arc::new(Program { entry: ENTRY, code, image: vec![(ENTRY / 4, 0x1234_5678), (77, 0xffff_ffff)] })
}

/// Additions and subtractions with carries in either half, with x0 as operand and x32 for what is written to it, and
/// registers in three blocks.
pub fn sums() -> Arc<Program> {
    program(&[
        addi(1, 0, 0xffff_ffff),
        addi(2, 1, 1),
        addi(3, 0, 0x8000),
        register(Op::Add, 4, 3, 3),
        register(Op::Sub, 5, 2, 4),
        register(Op::Sub, 32, 5, 5),
        register(Op::Add, 31, 5, 1),
        register(Op::Sub, 1, 1, 31),
        register(Op::Add, 1, 1, 1),
        addi(17, 31, 0x7fff_ffff),
        addi(17, 17, 0xffff_f800),
        addi(32, 0, 0),
    ])
}

/// What one segment does to each word: its initial value and time, and its last.
type Touched = BTreeMap<u32, [(u32, u32); 2]>;

/// The machine between segments.
pub struct Machine {
    program: Arc<Program>,
    /// The memory.
    pub tree: Tree,
    pc: u32,
    number: u32,
}

impl Machine {
    /// Before the first instruction.
    pub fn new(program: &Arc<Program>) -> Self {
        let tree = Tree::new(program.image.iter().copied());
        Self { program: program.clone(), tree, pc: program.entry, number: 0 }
    }

    /// Executes `cycles` instructions as a segment.
    pub fn segment(&mut self, cycles: usize) -> Segment {
        let mut touched = Touched::new();
        let mut time = START;
        let start = self.pc;
        let steps: Vec<Step> = (0..cycles)
            .map(|_| {
                let step = self.step(time, &mut touched);
                self.pc += 4;
                time += CYCLE;
                step
            })
            .collect();

        let blocks = self.blocks(&touched);
        let before = self.tree.root();
        let nodes = self.tree.update(&blocks);
        let none: Digest = Default::default();
        let statement = Statement {
            program: none,
            number: self.number,
            pc: [start / 4, self.pc / 4],
            memory: [before, self.tree.root()],
            input: [none; 2],
            output: [none; 2],
            exit: None,
        };
        self.number += 1;
        Segment {
            program: self.program.clone(),
            statement,
            steps,
            end: time,
            inputs: Vec::new(),
            outputs: Vec::new(),
            calls: Vec::new(),
            blocks,
            nodes,
        }
    }

    fn step(&self, time: u32, touched: &mut Touched) -> Step {
        let place = (self.pc - ENTRY) as usize / 4;
        let (_, instruction) = self.program.code[place];
        let Instruction { op, rd, rs1, rs2, imm, .. } = instruction;
        let mut access = |register: u8, time, new: Option<u32>| {
            let address = REGISTER_BASE + u32::from(register);
            let tree = &self.tree;
            let [_, last] = touched.entry(address).or_insert_with(|| {
                let words = tree.words(address / BLOCK as u32);
                [(words[address as usize % BLOCK], time - 1); 2]
            });
            let (old, previous) = *last;
            *last = (new.unwrap_or(old), time);
            Access { address, time, previous, old, new: last.0 }
        };
        let a = access(rs1, time, None);
        let (b, y) = match op {
            Op::Addi => (Access::default(), imm),
            _ => {
                let b = access(rs2, time + 1, None);
                (b, b.old)
            }
        };
        let result = match op {
            Op::Add | Op::Addi => a.old.wrapping_add(y),
            Op::Sub => a.old.wrapping_sub(y),
            _ => panic!("{} is not for this machine", op.mnemonic()),
        };
        let write = access(rd, time + 2, Some(result));
        Step { time, pc: self.pc, next: self.pc / 4 + 1, instruction, access: [a, b, write] }
    }

    fn blocks(&self, touched: &Touched) -> Vec<Block> {
        let mut blocks = BTreeMap::new();
        for (&address, &[initial, last]) in touched {
            let index = address / BLOCK as u32;
            let block = blocks.entry(index).or_insert_with(|| {
                let words = self.tree.words(index).map(|word| (word, 0));
                Block { index, initial: words, last: words }
            });
            block.initial[address as usize % BLOCK] = initial;
            block.last[address as usize % BLOCK] = last;
        }
        blocks.into_values().collect()
    }
}

/// What is wrong with the traces of a segment: broken constraints of its tables, then messages that do not cancel.
pub fn wrong(segment: &Segment) -> Vec<String> {
    let traces = trace::build(segment);
    let mut wrong = broken(&traces, segment);
    wrong.extend(check::unbalanced(&traces));
    wrong
}

/// As [`refused_in`], of the traces built from a segment that may be a wrong one.
pub fn refused(segment: &Segment) -> Vec<String> {
    refused_in(&trace::build(segment), segment)
}

/// What is wrong with traces that were tampered with, as those of a segment, if the tables that provide entries count whatever
/// the others ask for: broken constraints, messages that do not cancel, entries that do not exist.
pub fn refused_in(traces: &trace::Traces, segment: &Segment) -> Vec<String> {
    let provides = |kind| matches!(kind, Kind::Range | Kind::Poseidon2 | Kind::Program);
    let traces: trace::Traces = traces.iter().filter(|(table, _)| !provides(table.kind())).cloned().collect();
    let mut wrong = broken(&traces, segment);
    let exchanged = |line: &String| {
        ![bus::RANGE, bus::COMPRESS, bus::PERMUTE, bus::PROGRAM]
            .into_iter()
            .any(|bus| line.strip_prefix(bus).is_some_and(|rest| rest.starts_with(' ')))
    };
    wrong.extend(check::unbalanced(&traces).into_iter().filter(exchanged));

    let mut entry = |bus: &str, exists: &dyn Fn(&[F]) -> bool| {
        trace::asked(&traces, bus, &mut |fields, _| {
            if !exists(fields) {
                wrong.push(format!("{bus} {fields:?}: no such entry"));
            }
        });
    };
    let permuted = |fields: &[F]| {
        let input = fields[..16].try_into().expect("sixteen elements in");
        permute(input).starts_with(&fields[16..])
    };
    entry(bus::RANGE, &|fields| Range::place(fields).is_some());
    entry(bus::COMPRESS, &permuted);
    entry(bus::PERMUTE, &permuted);
    let mut rom = vec![F::ZERO; RomRow::<F>::WIDTH];
    let known: HashSet<Vec<F>> = (segment.program.code.iter())
        .map(|(pc, instruction)| {
            RomRow::of(*pc, instruction).to_cells(&mut rom);
            rom.clone()
        })
        .collect();
    entry(bus::PROGRAM, &|fields| known.contains(fields));
    wrong
}

fn broken(traces: &trace::Traces, segment: &Segment) -> Vec<String> {
    traces
        .iter()
        .flat_map(|(table, trace)| check::broken(table, trace, &table.public_values(&segment.statement)))
        .collect()
}

#[test]
fn whole_segments_hold() {
    let program = sums();
    let mut machine = Machine::new(&program);
    let mut before = machine.tree.root();
    for cycles in [5, 6, 1] {
        let segment = machine.segment(cycles);
        assert_eq!(wrong(&segment), Vec::<String>::new());
        assert_eq!(refused(&segment), Vec::<String>::new());
        assert_eq!(segment.statement.memory[0], before);
        before = segment.statement.memory[1];
    }
    let registers = |i| machine.tree.words(REGISTER_BASE / 8 + i);
    assert_eq!(registers(0)[..6], [0, 0x0002_0000, 0, 0x8000, 0x1_0000, 0xffff_0000]);
    assert_eq!(registers(2)[1], 0x7ffe_f7fe);
    assert_eq!(registers(3)[7], 0xfffe_ffff);
}

#[test]
fn constraints_have_degree_three_at_most() {
    use p3_air::symbolic::AirLayout;
    use p3_batch_stark::symbolic::get_max_constraint_degree;
    use p3_field::extension::BinomialExtensionField;
    use p3_lookup::logup::LogUpGadget;

    let program = sums();
    for &kind in Kind::ALL {
        let table = Table::of(kind, &program);
        let layout = AirLayout::from_air::<F>(&table);
        let degree = get_max_constraint_degree::<F, BinomialExtensionField<F, 4>, _, _>(
            &table,
            layout,
            16,
            &[],
            &LogUpGadget::new(),
        );
        assert!(degree <= 3, "{}: degree {degree}", kind.name());
        messages(&table); // Panics if a field or a count has a degree above 1.
        assert_eq!(table.names().len(), layout.main_width, "{}", kind.name());
        let statement = Machine::new(&program).segment(1).statement;
        let values = lanes::public_values(&[Lanes::from(table)], &statement);
        assert_eq!(values[0].len(), layout.num_public_values, "{}", kind.name());
    }
}
