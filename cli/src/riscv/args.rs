//! The command line of `permafrost riscv`, as data.

use std::num::NonZeroUsize;
use std::path::PathBuf;

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
}

#[derive(Debug, Args)]
pub struct RunArgs {
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
    /// Where to write the program's output: words of 32 bits, little-endian
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// The public input: a file, words, or both, the file first.
#[derive(Debug, Args)]
pub struct Input {
    /// Public input of the program: words of 32 bits, little-endian
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Public input as numbers, as in 1,2,0x3; they follow those of --input
    #[arg(long, value_name = "WORDS", value_delimiter = ',', value_parser = word)]
    pub input_words: Option<Vec<u32>>,
}

impl Input {
    /// Whether there is any, be it of no words.
    pub const fn is_given(&self) -> bool {
        self.input.is_some() || self.input_words.is_some()
    }

    pub fn words(&self) -> Result<Vec<u32>, Error> {
        let mut words = self.input.as_ref().map_or_else(|| Ok(Vec::new()), |path| files::words(path))?;
        words.extend(self.input_words.iter().flatten());
        Ok(words)
    }
}

/// A word: decimal, or hexadecimal after 0x.
fn word(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| {
        "expected numbers from 0 to 4294967295, or 0x0 to 0xffffffff, separated by commas".to_owned()
    })
}

#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Args)]
pub struct Prove {
    #[command(flatten)]
    pub run: RunArgs,
    /// Where to write the proof
    #[arg(long, short, value_name = "PROOF")]
    pub out: PathBuf,
    /// Segments that are proved at once, each on one thread and with memory of its own
    #[arg(long, value_name = "N", default_value = "1")]
    pub jobs: NonZeroUsize,
    /// Where to prove: `none` is the CPU. No card has engines for these proofs yet
    #[arg(long, value_name = "CARD", default_value = "none")]
    pub card: String,
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
    /// What the program is said to have written, as numbers; they follow those of --output
    #[arg(long, value_name = "WORDS", value_delimiter = ',', value_parser = word)]
    pub output_words: Option<Vec<u32>>,
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
        let mut words = self.output.as_ref().map_or_else(|| Ok(Vec::new()), |path| files::words(path))?;
        words.extend(self.output_words.iter().flatten());
        Ok(Some(words))
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

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words() {
        assert_eq!(word("0"), Ok(0));
        assert_eq!(word("4294967295"), Ok(u32::MAX));
        assert_eq!(word("0xFFFFffff"), Ok(u32::MAX));
        assert_eq!(word("0x0"), Ok(0));
        for wrong in ["", "4294967296", "0x100000000", "-1", "0x", "ten", "1 2", "0x-1"] {
            assert!(word(wrong).is_err(), "{wrong}");
        }
    }
}
