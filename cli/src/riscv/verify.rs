//! `permafrost riscv verify`

use permafrost_zkvm::hash::{absorb, hex};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::proof::Proof;
use permafrost_zkvm::verify::{chain, digest};
use permafrost_zkvm::Digest;
use serde_json::json;

use super::args::Verify;
use super::files;
use crate::error::Error;
use crate::out;
use crate::progress::Progress;

pub fn verify(args: &Verify) -> Result<(), Error> {
    let program = files::program(&args.elf)?;
    let (proof, bytes) = files::proof(&args.proof)?;
    let input = if args.input.is_given() { Some(args.input.words()?) } else { None };
    let output = args.output()?;

    let progress = Progress::start("commit to the program");
    let key = Key::new(&program)?;
    same_program(args, &key, &proof)?;
    progress.stage(format!("verify {} segments", proof.segments.len()));
    let outcome =
        chain(&key, &proof).map_err(|source| Error::InvalidRun { proof: args.proof.clone(), source })?;
    drop(progress);

    if let Some(words) = &input {
        same_words("input", words, &outcome.input)?;
    }
    if let Some(words) = &output {
        same_words("output", words, &outcome.output)?;
    }
    if let Some(expected) = args.exit_code.filter(|expected| *expected != outcome.exit) {
        return Err(Error::OtherExit { proved: outcome.exit, expected });
    }

    if args.json {
        return out::json(&json!({
            "valid": true,
            "exit_code": outcome.exit,
            "segments": outcome.segments,
            "program": hex(&key.digest()),
            "input": hex(&outcome.input),
            "output": hex(&outcome.output),
            "input_checked": input.is_some(),
            "output_checked": output.is_some(),
            "exit_code_checked": args.exit_code.is_some(),
            "proof_bytes": bytes,
        }));
    }
    let words = |words: &Option<Vec<u32>>| match words {
        Some(words) if words.len() == 1 => "the digest of the word given".to_owned(),
        Some(words) => format!("the digest of the {} words given", words.len()),
        None => "compared with no words".to_owned(),
    };
    out::text(&format!(
        "the proof is valid\nexit code: {}\nsegments: {}\nprogram: {}\ninput: {}, {}\noutput: {}, {}\n",
        outcome.exit,
        outcome.segments,
        hex(&key.digest()),
        hex(&outcome.input),
        words(&input),
        hex(&outcome.output),
        words(&output),
    ))
}

/// A proof of another program would be refused for what differs first; that it is of another is the better message.
fn same_program(args: &Verify, key: &Key, proof: &Proof) -> Result<(), Error> {
    match proof.segments.first() {
        Some(first) if first.statement.program != key.digest() => Err(Error::OtherProgram {
            proof: args.proof.clone(),
            elf: args.elf.clone(),
            proved: hex(&first.statement.program),
            given: hex(&key.digest()),
        }),
        _ => Ok(()),
    }
}

/// Whether these are the words whose digest was proved.
fn same_words(what: &'static str, words: &[u32], proved: &Digest) -> Result<(), Error> {
    let given = digest(words);
    if given == *proved {
        return Ok(());
    }
    Err(Error::OtherWords {
        what,
        proved: hex(proved),
        given: hex(&given),
        count: words.len(),
        hint: beginning(words, proved)
            .map(|count| format!("; it is the digest of the first {count} of them"))
            .unwrap_or_default(),
    })
}

/// How many of the first words have the digest that was proved, if any do: a program need not read all its input.
fn beginning(words: &[u32], proved: &Digest) -> Option<usize> {
    let mut digest = Digest::default();
    if digest == *proved {
        return Some(0);
    }
    words
        .iter()
        .position(|&word| {
            digest = absorb(&digest, word);
            digest == *proved
        })
        .map(|place| place + 1)
}
