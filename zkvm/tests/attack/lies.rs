//! Lies of several cells, tables, segments and statements that fit each other.

use std::sync::{Arc, LazyLock};

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use permafrost_zkvm::air::trace;
use permafrost_zkvm::air::Kind;
use permafrost_zkvm::config::Config;
use permafrost_zkvm::isa::{service, Op};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::record::{Block, Program, Segment, REGISTER_BASE, START};
use permafrost_zkvm::tree::Tree;
use permafrost_zkvm::{hash, F};

use crate::executor::Liar;
use crate::forge::{Caught, Counts, Forge};
use crate::pointers::pointers;
use crate::program;

/// A lie and what refused it.
#[derive(Debug)]
pub struct Lie {
    /// What it is.
    pub name: String,
    /// Constraints broken and buses out of balance.
    pub wrong: Vec<String>,
    /// What the verifier said; `None` if it believed it. Absent if there was no proof.
    pub caught: Option<Option<Caught>>,
}

impl Lie {
    /// What refused it, in words; `None` if nothing did.
    pub fn verdict(&self) -> Option<String> {
        let wrong = || self.wrong.join(", ");
        match &self.caught {
            None if self.wrong.is_empty() => None,
            None => Some(wrong()),
            Some(None) => None,
            Some(Some(Caught::Constraint(_) | Caught::Sum)) => Some(wrong()),
            Some(Some(Caught::NoProof(what))) => Some(format!("no proof: {what}")),
            Some(Some(Caught::Other(what))) => Some(what.clone()),
        }
    }
}

/// How lies are judged.
#[derive(Clone, Copy)]
pub enum Judge<'a> {
    /// By the constraints and the buses, without a proof.
    Check,
    /// By a proof with this configuration.
    Quick(&'a Config),
    /// By a proof as all others are made.
    Full,
}

impl Judge<'_> {
    /// Judges traces.
    pub fn judge(self, name: impl Into<String>, forge: &Forge<'_>) -> Lie {
        let caught = match self {
            Self::Check => None,
            Self::Quick(config) => Some(forge.refused_by(config)),
            Self::Full => Some(forge.refused()),
        };
        Lie { name: name.into(), wrong: forge.wrong(), caught }
    }
}

/// Every lie. `honest` is a segment that uses every table.
pub fn all(judge: Judge<'_>, honest: &(Key, Segment)) -> Vec<Lie> {
    let forge = Forge::of(&honest.0, &honest.1);
    std::thread::scope(|scope| {
        let executors = scope.spawn(|| executors(judge, |_| true));
        let cells = scope.spawn(|| cells(judge, &forge));
        let tables = scope.spawn(|| tables(judge, &forge));
        let pointers = scope.spawn(|| pointers(judge));
        let mut rest = programs(judge);
        rest.extend(records(judge, honest));
        rest.push(alias(judge));
        let join = |lies: std::thread::ScopedJoinHandle<'_, Vec<Lie>>| lies.join().expect("no panic");
        join(executors)
            .into_iter()
            .chain(rest)
            .chain(join(pointers))
            .chain(join(cells))
            .chain(join(tables))
            .collect()
    })
}

static LIAR: LazyLock<(Liar, Key)> = LazyLock::new(|| {
    let liar = Liar::new();
    let key = Key::new(&liar.program).expect("a key");
    (liar, key)
});

/// The one segment of a run.
pub fn run(program: &Arc<Program>) -> Segment {
    let mut segments = program::segments(program);
    assert_eq!(segments.len(), 1);
    segments.remove(0)
}

/// The program of the executors that lie, executed honestly.
pub fn liar_honest() -> Forge<'static> {
    let (liar, key) = &*LIAR;
    Forge::of(key, &run(&liar.program))
}

/// An instruction executed as another, with all that follows from it.
pub fn executors(judge: Judge<'_>, keep: impl Fn(usize) -> bool) -> Vec<Lie> {
    let (liar, key) = &*LIAR;
    let honest = run(&liar.program);
    let lies = liar.lies.iter().enumerate().filter(|(i, _)| keep(*i));
    lies.map(|(_, &lie)| {
        let executed = run(&liar.executed(lie));
        assert_ne!(
            executed.statement.output,
            honest.statement.output,
            "{}: the lie says nothing",
            liar.name(&lie)
        );
        judge.judge(liar.name(&lie), &Forge::of(key, &liar.called(executed)))
    })
    .collect()
}

/// The rows of another program's run, with the tables and the key of this one.
fn instead(judge: Judge<'_>, name: &str, key: &Key, executed: Program) -> Lie {
    let mut segment = run(&Arc::new(executed));
    segment.program = key.program().clone();
    judge.judge(name, &Forge::of(key, &segment))
}

/// Instructions executed that are not in the program.
pub fn programs(judge: Judge<'_>) -> Vec<Lie> {
    let (liar, key) = &*LIAR;
    let (place, other) = liar.lies[0];
    let mut code = program::Code::default();
    code.set(17, service::EXIT).set(0, 5).op(Op::Add, 10, 0, 0, 0).op(Op::Ecall, 0, 0, 0, 0);
    let mut zero = Program::clone(&code.program());
    let short = Key::new(&code.program()).expect("a key");
    zero.code[1].1.rd = 0;
    let mut another = zero.clone();
    another.code[1].1.rd = 11;
    let mut elsewhere = zero.clone();
    // The same instructions at other addresses.
    elsewhere.entry += 0x100;
    elsewhere
        .code
        .iter_mut()
        .for_each(|(pc, instruction)| (*pc, instruction.rd) = (*pc + 0x100, instruction.rd.max(1)));
    vec![
        instead(
            judge,
            "an instruction that is not in the program",
            key,
            Program::clone(&liar.executed((place, other))),
        ),
        instead(judge, "x0 written", &short, zero),
        instead(judge, "another register written than the program says", &short, another),
        instead(judge, "the program at other addresses", &short, elsewhere),
    ]
}

/// A segment of which something is changed, its traces made of it.
fn segment(judge: Judge<'_>, name: &str, honest: &(Key, Segment), change: impl FnOnce(&mut Segment)) -> Lie {
    let mut segment = honest.1.clone();
    change(&mut segment);
    judge.judge(name, &Forge::of(&honest.0, &segment))
}

/// The memory of a segment as if its blocks were as they say now.
pub fn remember(segment: &mut Segment) {
    let mut tree = Tree::new(segment.program.image.iter().copied());
    segment.nodes = tree.update(&segment.blocks);
    segment.statement.memory[1] = tree.root();
}

/// The block of a word.
pub fn word(segment: &mut Segment, address: u32) -> &mut Block {
    segment.blocks.iter_mut().find(|block| block.index == address / 8).expect("a block touched")
}

/// The records of a segment changed.
pub fn records(judge: Judge<'_>, honest: &(Key, Segment)) -> Vec<Lie> {
    let mut lies = Vec::new();
    let mut lie = |name: &str, change: &dyn Fn(&mut Segment)| lies.push(segment(judge, name, honest, change));
    let digest = |words: &[permafrost_zkvm::record::Word]| {
        words.iter().fold([F::ZERO; 8], |digest, word| hash::absorb(&digest, word.value))
    };

    for (kind, service) in
        [("Poseidon2", service::POSEIDON2), ("SHA-256", service::SHA256), ("Keccak-f", service::KECCAK)]
    {
        lie(&format!("a word of {kind}'s result forged, and what the memory holds at the end"), &|segment| {
            let call = segment.calls.iter_mut().find(|call| call.service == service).expect("a call");
            let access = call.access.last_mut().expect("an access");
            access.new ^= 2;
            let (address, new) = (access.address, access.new);
            word(segment, address).last[address as usize % 8].0 = new;
            remember(segment);
        });
    }
    lie("SHA-256 of another block than the memory's", &|segment| {
        let call = segment.calls.iter_mut().find(|call| call.service == service::SHA256).expect("a call");
        call.access[0].old ^= 1;
        call.access[0].new ^= 1;
    });
    lie("a call of Keccak-f left out", &|segment| {
        segment.calls.retain(|call| call.service != service::KECCAK)
    });
    lie("a call of SHA-256 at another time", &|segment| {
        let call = segment.calls.iter_mut().find(|call| call.service == service::SHA256).expect("a call");
        call.time += 3;
        call.access.iter_mut().for_each(|access| access.time += 3);
    });
    lie("a block of memory twice", &|segment| segment.blocks.push(segment.blocks[0]));
    lie("a block of memory twice, the second time with what the first leaves", &|segment| {
        let mut again = segment.blocks[0];
        again.initial = again.last;
        segment.blocks.push(again);
    });
    lie("a block of memory left out", &|segment| {
        segment.blocks.pop();
    });
    lie("two blocks of memory at each other's place", &|segment| {
        let [first, second] = [segment.blocks[0].index, segment.blocks[1].index];
        (segment.blocks[0].index, segment.blocks[1].index) = (second, first);
    });
    lie("a node of the tree twice", &|segment| segment.nodes.push(segment.nodes[3]));
    lie("a node of the tree left out", &|segment| {
        segment.nodes.remove(3);
    });
    lie("a word that is not the initial memory's, under the honest tree", &|segment| {
        segment.blocks[0].initial[7].0 ^= 1
    });
    lie("a word left that nobody wrote, and the root after", &|segment| {
        word(segment, REGISTER_BASE + 16).last[7].0 ^= 1;
        let (honest, blocks) = (segment.blocks.clone(), segment.blocks.clone());
        segment.blocks = blocks;
        remember(segment);
        segment.blocks = honest;
    });
    lie("the root before", &|segment| segment.statement.memory[0][0] += F::ONE);
    lie("the root after", &|segment| segment.statement.memory[1][7] += F::ONE);
    lie("both roots", &|segment| segment.statement.memory.swap(0, 1));
    lie("the program counter at the start", &|segment| segment.statement.pc[0] += 1);
    lie("the exit code", &|segment| segment.statement.exit = segment.statement.exit.map(|code| code + 1));
    lie("no exit", &|segment| (segment.statement.exit, segment.statement.pc[1]) = (None, 0x500));
    lie("the time of the end", &|segment| segment.end += 3);
    lie("the last instruction left out", &|segment| {
        let last = segment.steps.pop().expect("a step");
        segment.end = last.time;
    });
    lie("the first instruction left out", &|segment| {
        segment.steps.remove(0);
        segment.statement.pc[0] = segment.steps[0].pc / 4;
    });
    lie("an instruction left out", &|segment| {
        segment.steps.remove(40);
    });
    lie("an instruction left out, and the one before goes where it went", &|segment| {
        let out = segment.steps.remove(40);
        segment.steps[39].next = out.next;
        segment.steps[40..].iter_mut().for_each(|step| step.time -= 3);
        segment.end -= 3;
    });
    lie("an instruction twice", &|segment| segment.steps.insert(40, segment.steps[40]));
    lie("time starts again in the middle", &|segment| {
        let middle = segment.steps[60].time - START;
        for step in &mut segment.steps[60..] {
            step.time -= middle;
        }
        segment.end -= middle;
    });
    lie("an output word, and the output's digest", &|segment| {
        segment.outputs[0].value ^= 1;
        segment.statement.output[1] = digest(&segment.outputs);
    });
    lie("an output word left out, and the output's digest", &|segment| {
        segment.outputs.remove(0);
        segment.statement.output[1] = digest(&segment.outputs);
    });
    lie("an output word twice, and the output's digest", &|segment| {
        segment.outputs.insert(0, segment.outputs[0]);
        segment.statement.output[1] = digest(&segment.outputs);
    });
    lie("output words in another order, and the output's digest", &|segment| {
        segment.outputs.swap(0, 1);
        segment.statement.output[1] = digest(&segment.outputs);
    });
    lie("output words exchanged at their times, and the output's digest", &|segment| {
        let [first, second] = [segment.outputs[0].value, segment.outputs[1].value];
        (segment.outputs[0].value, segment.outputs[1].value) = (second, first);
        segment.statement.output[1] = digest(&segment.outputs);
    });
    lie("the output's digest", &|segment| segment.statement.output[1][0] += F::ONE);
    lie("the output's digest before", &|segment| segment.statement.output[0][0] += F::ONE);
    lie("an input word, and the input's digest", &|segment| {
        segment.inputs[0].value ^= 1;
        segment.statement.input[1] = digest(&segment.inputs);
    });
    lie("the input's digest", &|segment| segment.statement.input[1][3] += F::ONE);
    lie("words read claimed as written", &|segment| {
        std::mem::swap(&mut segment.inputs, &mut segment.outputs);
        segment.statement.input[1] = digest(&segment.inputs);
        segment.statement.output[1] = digest(&segment.outputs);
    });
    lie("a hint for an input word, which is not absorbed", &|segment| {
        let read = segment.inputs.remove(0);
        let step = segment.steps.iter_mut().find(|step| step.time == read.time).expect("the call");
        step.access[0].old = service::HINT;
        step.access[0].new = service::HINT;
        segment.statement.input[1] = digest(&segment.inputs);
    });
    lies
}

/// A memory word read under two addresses: 8 * (index + 266338304) + 1 is 8 * index in the field.
pub fn alias(judge: Judge<'_>) -> Lie {
    let mut code = program::Code::default();
    let [operand, ..] = program::OPERANDS;
    code.set(14, operand).op(Op::Lw, 10, 14, 0, 0).service(service::WRITE).exit(0);
    let honest = code.program();
    let key = Key::new(&honest).expect("a key");
    let mut other = Program::clone(&honest);
    other.image.retain(|(address, _)| address / 8 != operand / 32);
    let mut segment = run(&Arc::new(other));
    segment.program = honest;
    let block = word(&mut segment, operand / 4);
    assert_eq!(8 * (266_338_304u64) + 1, u64::from(F::ORDER_U32));
    block.index += 266_338_304;
    // Word j of this block has the address of word j - 1 of the other.
    block.initial.rotate_right(1);
    block.last.rotate_right(1);
    segment.blocks.sort_by_key(|block| block.index);
    segment.statement.memory[0] = key.memory();
    remember(&mut segment);
    judge.judge("a word of memory read from a block at the same address modulo p", &Forge::of(&key, &segment))
}

/// The cells of honest traces changed.
pub fn cells(judge: Judge<'_>, honest: &Forge<'_>) -> Vec<Lie> {
    let mut lies = Vec::new();
    for (table, _) in &honest.traces {
        let kind = table.kind();
        let names = table.names();
        let flags: Vec<usize> = (0..names.len())
            .filter(|&i| names[i].starts_with("flags[") || names[i].starts_with("touched["))
            .collect();
        if let [first, second, ..] = flags[..] {
            let mut lie = honest.clone();
            lie.change(kind, 0, Counts::Matched, |row| (row[first], row[second]) = (F::TWO, F::NEG_ONE));
            lies.push(judge.judge(format!("{}: flags of 2 and p - 1", kind.name()), &lie));
        }
        if let Some(real) = names.iter().position(|name| name == "real" || name == "first") {
            for (what, value) in [("2", F::TWO), ("p - 1", F::NEG_ONE), ("1/2", F::ONE.halve())] {
                let mut lie = honest.clone();
                lie.change(kind, 0, Counts::Matched, |row| row[real] = value);
                lies.push(judge.judge(format!("{}: `real` is {what}", kind.name()), &lie));
            }
        }
        if trace::is_opcode(kind) {
            let mut lie = honest.clone();
            let row = lie.row(kind, 0).to_vec();
            let last = lie.traces[lie.place(kind)].1.values.len() / row.len() - 1;
            lie.change(kind, last, Counts::Matched, |cells| cells.copy_from_slice(&row));
            lies.push(judge.judge(format!("{}: its first row again in its last", kind.name()), &lie));
        }
    }
    // A register's word is read as it was before it was written last: the read takes it from the future, where the write finds it.
    let mut stale = honest.clone();
    let [previous, high] = ["a.previous", "a.high"].map(|name| honest.column(Kind::Add, name));
    for (what, counts) in [("left", Counts::Left), ("adapted", Counts::Matched)] {
        let mut lie = stale.clone();
        lie.change(Kind::Add, 1, counts, |row| {
            row[previous] = row[0] + F::from_u32(30);
            row[high] = F::ZERO;
        });
        lies.push(judge.judge(format!("a read that finds what a later access leaves, counts {what}"), &lie));
    }
    stale.change(Kind::Add, 1, Counts::Matched, |row| row[previous] -= F::from_u32(3));
    lies.push(judge.judge("a read of what an earlier access left", &stale));
    for kind in [Kind::Program, Kind::Range, Kind::Poseidon2] {
        for value in [F::NEG_ONE, F::ONE.halve()] {
            let mut lie = honest.clone();
            let width = lie.row(kind, 5).len();
            lie.row(kind, 5)[width - 1] += value;
            lies.push(judge.judge(format!("{}: a count changed by {value}", kind.name()), &lie));
        }
    }
    lies
}

/// Tables left out.
pub fn tables(judge: Judge<'_>, honest: &Forge<'_>) -> Vec<Lie> {
    let optional = honest
        .traces
        .iter()
        .map(|(table, _)| table.kind())
        .filter(|kind| !permafrost_zkvm::verify::REQUIRED.contains(kind));
    let mut lies: Vec<Lie> = optional
        .map(|kind| {
            let mut lie = honest.clone().without(kind);
            if kind == Kind::Input {
                lie.statement.input[1] = lie.statement.input[0];
            }
            if kind == Kind::Output {
                lie.statement.output[1] = lie.statement.output[0];
            }
            lie.recount();
            judge.judge(format!("{}: the table left out, counts adapted", kind.name()), &lie)
        })
        .collect();
    for kind in [Kind::Add, Kind::Leaf, Kind::Output] {
        let mut lie = honest.clone();
        let place = lie.place(kind);
        let twice = lie.traces[place].clone();
        lie.traces.insert(place, twice);
        let caught = match judge {
            Judge::Check => None,
            _ => Some(lie.refused()),
        };
        lies.push(Lie { name: format!("{}: the table twice", kind.name()), wrong: lie.wrong(), caught });
    }
    lies
}
