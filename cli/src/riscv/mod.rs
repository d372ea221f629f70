//! `permafrost riscv`: programs for RV32IM run, proved and verified.

pub mod args;
mod files;
mod info;
mod prove;
mod run;
mod tables;
mod vectors;
mod verify;

use std::sync::Arc;

use permafrost_zkvm::error as zkvm;
use permafrost_zkvm::exec::{Executor, Limits, SEGMENT_LOG2};
use permafrost_zkvm::record::Program;

use crate::error::Error;
use args::Riscv;

/// Words that are shown of a longer list.
const SHOWN: usize = 16;

pub fn command(command: &Riscv) -> Result<(), Error> {
    match command {
        Riscv::Run(args) => run::run(args),
        Riscv::Prove(args) => prove::prove(args),
        Riscv::Verify(args) => verify::verify(args),
        Riscv::Info(args) => info::info(args),
        Riscv::Vectors(args) => vectors::vectors(args),
        Riscv::Replay(args) => vectors::replay(args),
    }
}

/// A program with its input, not yet executed.
struct Job {
    program: Arc<Program>,
    input: Vec<u32>,
    hints: Vec<u32>,
    limits: Limits,
}

impl Job {
    /// Reads the files, after checking what needs none.
    fn read(args: &args::Job) -> Result<Self, Error> {
        let limits = Limits { cycles: args.max_cycles, segment_log2: args.segment_log2 };
        if !(SEGMENT_LOG2[0]..=SEGMENT_LOG2[1]).contains(&limits.segment_log2) {
            let log2 = limits.segment_log2;
            return Err(of_run(zkvm::Error::SegmentSize { log2, range: SEGMENT_LOG2 }));
        }
        let program = files::program(&args.elf)?;
        let input = args.input.words()?;
        let hints = args.hints.as_ref().map_or_else(|| Ok(Vec::new()), |path| files::words(path))?;
        Ok(Self { program, input, hints, limits })
    }

    /// The run, at its start.
    fn executor(&self) -> Executor {
        Executor::new(self.program.clone(), self.input.clone(), self.hints.clone(), self.limits)
    }
}

/// An error of a run, with the option that would help.
fn of_run(source: zkvm::Error) -> Error {
    let option = match &source {
        zkvm::Error::Runaway { .. } => "--max-cycles",
        zkvm::Error::InputExhausted { .. } => "--input, --input-words",
        zkvm::Error::HintsExhausted { .. } => "--hints",
        zkvm::Error::SegmentSize { .. } | zkvm::Error::SegmentCount { .. } => "--segment-log2",
        _ => return source.into(),
    };
    Error::Run { source, option }
}

/// Words for people: those that fit a line or two, and how many more there are.
fn shown(words: &[u32]) -> String {
    let mut text: Vec<String> = words.iter().take(SHOWN).map(|word| format!("{word:#010x}")).collect();
    match words.len() {
        0 => "no words".to_owned(),
        count if count > SHOWN => {
            text.push(format!("… ({count} words; --json shows all, --output writes them)"));
            text.join(" ")
        }
        _ => text.join(" "),
    }
}
