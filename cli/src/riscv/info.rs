//! `permafrost riscv info`

use std::collections::BTreeMap;
use std::path::Path;

use permafrost_zkvm::config::{MAX_LOG_HEIGHT, MIN_LOG_HEIGHT};
use permafrost_zkvm::error as zkvm;
use permafrost_zkvm::hash::hex;
use permafrost_zkvm::key::Key;
use permafrost_zkvm::proof::{Proof, MAGIC, VERSION};
use permafrost_zkvm::record::{Statement, HALTED_PC};
use serde_json::{json, Value};

use super::args::Info;
use super::files;
use super::tables::{Bits, Tables};
use crate::error::Error;
use crate::out;
use crate::table::{bytes, thousands, Table};

pub fn info(args: &Info) -> Result<(), Error> {
    let contents = files::program_or_proof(&args.file)?;
    if contents.starts_with(&MAGIC) {
        let (proof, bytes) = files::proof_of(&args.file, &contents)?;
        check_heights(&proof).map_err(|source| Error::Riscv { path: args.file.clone(), source })?;
        return about_proof(args, &proof, bytes);
    }
    about_program(args, &args.file, &contents)
}

fn about_program(args: &Info, path: &Path, contents: &[u8]) -> Result<(), Error> {
    let program = files::program_of(path, contents)?;
    let key = Key::new(&program)?;
    let tables = Tables::all();
    let bits = Bits::worst();
    let (code, image) = (program.code.len() as u64, program.image.len() as u64);
    if args.json {
        return out::json(&json!({
            "kind": "program",
            "entry": program.entry,
            "instructions": code,
            "image_words": image,
            "program": hex(&key.digest()),
            "memory": hex(&key.memory()),
            "tables": tables.json(),
            "security": bits.json(),
        }));
    }
    out::text(&format!(
        "a program for RV32IM\nentry: {:#010x}\ninstructions: {}\nwords of memory that are not zero at the start: {}\n\
         program: {}\nsecurity of any proof: at least {bits}\n\n{}",
        program.entry,
        thousands(code),
        thousands(image),
        hex(&key.digest()),
        tables.render(false),
    ))
}

/// The heights are bounded before anything is worked out of them: whoever wrote the file chose them.
fn check_heights(proof: &Proof) -> Result<(), zkvm::Error> {
    let (least, most) = (MIN_LOG_HEIGHT, MAX_LOG_HEIGHT);
    let mut tables = proof.segments.iter().flat_map(|segment| segment.shape.tables());
    match tables.find(|(_, log_height)| !(least..=most).contains(log_height)) {
        Some(&(kind, log_height)) => {
            Err(zkvm::Error::TableHeight { table: kind.name(), log_height, least, most })
        }
        None => Ok(()),
    }
}

/// What a proof says; nothing of it is verified here.
fn about_proof(args: &Info, proof: &Proof, size: usize) -> Result<(), Error> {
    let shapes = || proof.segments.iter().map(|segment| &segment.shape);
    let tables = Tables::of(shapes());
    let bits = tables.bits(shapes());
    if args.json {
        let segments = proof.segments.iter().map(|segment| {
            let mut object = statement(&segment.statement);
            object["bytes"] = json!(segment.raw.len());
            let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (kind, log_height) in segment.shape.tables() {
                rows.entry(kind.name()).or_default().push(*log_height);
            }
            object["log2_rows"] = json!(rows);
            object
        });
        return out::json(&json!({
            "kind": "proof",
            "version": VERSION,
            "bytes": size,
            "segments": segments.collect::<Vec<_>>(),
            "tables": tables.json(),
            "security": bits.json(),
            "verified": false,
        }));
    }
    let mut table = Table::new(&["segment", "from", "to", ">bytes", ">tables", ">tallest"]);
    for segment in &proof.segments {
        let Statement { number, pc, exit, .. } = &segment.statement;
        let tallest = segment.shape.tables().iter().map(|(_, log_height)| log_height).max();
        table.row(vec![
            number.to_string(),
            format!("{:#010x}", u64::from(pc[0]) * 4),
            exit.map_or_else(|| format!("{:#010x}", u64::from(pc[1]) * 4), |code| format!("exit {code}")),
            thousands(segment.raw.len() as u64),
            segment.shape.tables().len().to_string(),
            tallest.map_or_else(String::new, |log_height| format!("2^{log_height}")),
        ]);
    }
    let mut text = format!(
        "a proof of a run, not verified\nversion: {VERSION}\nsize: {}\nsegments: {}\nsecurity: {bits}\n",
        bytes(size as u64),
        proof.segments.len(),
    );
    if let (Some(first), Some(last)) = (proof.segments.first(), proof.segments.last()) {
        text.push_str(&format!(
            "program: {}\ninput: {}\noutput: {}\n",
            hex(&first.statement.program),
            hex(&last.statement.input[1]),
            hex(&last.statement.output[1])
        ));
    }
    text.push_str(&format!("\n{}\n{}", table.render(), tables.render(true)));
    out::text(&text)
}

/// A segment's statement as JSON; program counters are byte addresses, null after the end.
fn statement(statement: &Statement) -> Value {
    let Statement { program, number, pc, memory, input, output, exit } = statement;
    let address = |pc: u32| (pc < HALTED_PC).then_some(u64::from(pc) * 4);
    json!({
        "number": number,
        "program": hex(program),
        "pc": pc.map(address),
        "memory": memory.each_ref().map(hex),
        "input": input.each_ref().map(hex),
        "output": output.each_ref().map(hex),
        "exit_code": exit,
    })
}
