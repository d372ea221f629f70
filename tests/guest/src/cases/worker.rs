//! A process of its own that works on a card until it is killed.

use super::driver::open;
use crate::error::Error;
use crate::pci;
use permafrost_driver::{Card, DramBuf};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The argument that makes `/init` a worker.
pub const ARGUMENT: &str = "--work";
/// What it says once it has begun.
const WORKING: &str = "working";
/// Bytes that are copied to the card and back.
pub const BYTES: usize = 64 << 10;

/// Copies back and forth for ever.
pub fn run() -> Result<(), Error> {
    let card = open(pci::card(0)?)?;
    let buffer = card.dram().alloc(BYTES as u64)?;
    copy(&card, &buffer, 1)?;
    println!("{WORKING} {}", buffer.address());
    loop {
        copy(&card, &buffer, 16)?;
    }
}

/// Copies to the card and back, `times` times, and compares.
pub fn copies(card: &Card, times: usize) -> Result<(), Error> {
    copy(card, &card.dram().alloc(BYTES as u64)?, times)
}

fn copy(card: &Card, buffer: &DramBuf, times: usize) -> Result<(), Error> {
    for round in 0..times {
        let data: Vec<u8> = (0..BYTES).map(|i| (i * 7 + round) as u8 ^ (i >> 8) as u8).collect();
        card.write(buffer, 0, &data)?;
        let mut back = vec![0; BYTES];
        card.read(buffer, 0, &mut back)?;
        crate::error::expect(back == data, "what was read back is not what was written")?;
    }
    Ok(())
}

/// A worker that is in the middle of its work, and where in card memory it copies to.
pub fn start() -> Result<(Child, u64), Error> {
    let program = "/proc/self/exe";
    let mut child = Command::new(program)
        .arg(ARGUMENT)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Error::file("start", program))?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line).map_err(Error::file("read from", program))?;
    }
    if let Some(Ok(address)) = line.trim_end().strip_prefix(WORKING).map(|rest| rest.trim_start().parse()) {
        return Ok((child, address));
    }
    let _ = child.kill(); // it has ended, most likely
    let status = child.wait();
    Err(Error::Wrong(format!("the worker does not work: it said `{}`, {status:?}", line.trim_end())))
}
