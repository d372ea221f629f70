//! The command line of `permafrost riscv`, as data.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::files;
use crate::error::Error;

#[derive(Debug, Subcommand)]
pub enum Riscv {
    /// Execute a program; exit code 0 when it ended, whatever its own exit code
    Run(Run),
    /// Prove a run: program and input in, a proof of all its segments out
    Prove(Prove),
    /// Verify a proof with the program's ELF file alone; exit code 0 only if it is valid and of the words given
    Verify(Verify),
    /// What is in a program or in a proof
    Info(Info),
    /// Prove one segment of a run and write every stage of its proof to a folder: vectors for hardware
    Vectors(Vectors),
    /// Recompute a folder of vectors, each stage from those before; exit code 0 only if nothing differs
    Replay(Replay),
}

/// A program with its input.
#[derive(Debug, Args)]
pub struct Job {
    /// The program: a statically linked executable for RV32IM, without compressed instructions
    pub elf: PathBuf,
    #[command(flatten)]
    pub input: Input,
    /// Private hints for the program: words of 32 bits, little-endian. Whatever they are, the proof holds
    #[arg(long, value_name = "FILE")]
    pub hints: Option<PathBuf>,
    /// Cycles after which a program that still runs is given up
    #[arg(long, value_name = "N", default_value_t = 1 << 30)]
    pub max_cycles: u64,
    /// log2 of the most cycles in a segment, 10 to 20: what is proved at a time
    #[arg(long, value_name = "K", default_value_t = 18)]
    pub segment_log2: u32,
}

/// The public input: a file, words, or both, the file first.
#[derive(Debug, Args)]
pub struct Input {
    /// Public input of the program: words of 32 bits, little-endian
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Public input as numbers, as in 1,2,0x3; they follow those of --input
    #[arg(long, value_name = "WORDS")]
    pub input_words: Option<Words>,
}

impl Input {
    /// Whether there is any, be it of no words.
    pub const fn is_given(&self) -> bool {
        self.input.is_some() || self.input_words.is_some()
    }

    pub fn words(&self) -> Result<Vec<u32>, Error> {
        joined(self.input.as_deref(), self.input_words.as_ref())
    }
}

/// The words of a file and those of the command line after them.
fn joined(file: Option<&Path>, more: Option<&Words>) -> Result<Vec<u32>, Error> {
    let mut words = file.map_or_else(|| Ok(Vec::new()), files::words)?;
    words.extend(more.iter().flat_map(|words| &words.0));
    Ok(words)
}

/// Numbers separated by commas, each decimal, or hexadecimal after 0x; none in an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<u32>);

impl FromStr for Words {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        text.split(',').map(word).collect::<Result<_, _>>().map(Self)
    }
}

fn word(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| {
        format!("`{text}` is no word; expected numbers from 0 to 4294967295, or 0x0 to 0xffffffff, separated by commas")
    })
}

#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub job: Job,
    /// Where to write the program's output: words of 32 bits, little-endian
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Prove {
    #[command(flatten)]
    pub job: Job,
    /// Where to write the proof
    #[arg(long, short, value_name = "PROOF")]
    pub out: PathBuf,
    /// Where to write the program's output: words of 32 bits, little-endian
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Segments that are proved at once, each on one thread and with memory of its own
    #[arg(long, value_name = "N", default_value = "1")]
    pub jobs: NonZeroUsize,
    /// Where to prove: `none` is the CPU. No card has engines for these proofs yet
    #[arg(long, value_name = "CARD", default_value = "none")]
    pub card: String,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The program that was proved (ELF)
    pub elf: PathBuf,
    /// The proof
    pub proof: PathBuf,
    #[command(flatten)]
    pub input: Input,
    /// What the program is said to have written: words of 32 bits, little-endian
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What the program is said to have written, as numbers; they follow those of --output. "" is nothing
    #[arg(long, value_name = "WORDS")]
    pub output_words: Option<Words>,
    /// The exit code that the program is said to have ended with
    #[arg(long, value_name = "CODE")]
    pub exit_code: Option<u32>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

impl Verify {
    /// The output that is claimed, if one is.
    pub fn output(&self) -> Result<Option<Vec<u32>>, Error> {
        if self.output.is_none() && self.output_words.is_none() {
            return Ok(None);
        }
        joined(self.output.as_deref(), self.output_words.as_ref()).map(Some)
    }
}

#[derive(Debug, Args)]
pub struct Info {
    /// A program (ELF) or a proof
    #[arg(value_name = "ELF|PROOF")]
    pub file: PathBuf,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Vectors {
    #[command(flatten)]
    pub job: Job,
    /// The segment, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub segment: u32,
    /// Where to write: a folder that does not exist
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Also every digest of every Merkle tree
    #[arg(long)]
    pub digests: bool,
    /// Print one JSON object instead of a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Replay {
    /// What `permafrost riscv vectors` wrote
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn words() {
        let words = |text: &str| text.parse::<Words>().map(|words| words.0);
        assert_eq!(words(""), Ok(vec![]));
        assert_eq!(words("0"), Ok(vec![0]));
        assert_eq!(words("1,0x0,4294967295,0xFFFFffff"), Ok(vec![1, 0, u32::MAX, u32::MAX]));
        for wrong in
            [",", "1,", "1,,2", "4294967296", "0x100000000", "-1", "0x", "0x-1", "+", "ten", "1 2", "1, 2"]
        {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }
}
