//! Commands that are to be refused, and how they are tried.

use super::*;
use permafrost_abi::{command::NopCommand, define::Field};

/// A valid command, a change that spoils it, and what is answered: status, info, address.
pub struct Case(pub Command, pub fn(&mut Command), pub Status, pub u32, pub u64);

pub fn put(command: &mut Command, at: usize, bytes: &[u8]) {
    bytemuck::bytes_of_mut(command)[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Byte offset of the field `name`.
pub fn offset(fields: &[Field], name: &str) -> u32 {
    fields.iter().find(|f| f.name == name).unwrap().offset as u32
}

/// Each case is answered as it says, touches no memory and does not signal.
pub fn refuse_all(card: &mut Card, cases: &[Case]) {
    let before = traffic(card);
    let errors = card.read32(reg::ERR_COUNT);
    for (i, Case(command, spoil, status, info, addr)) in cases.iter().enumerate() {
        let mut command = *command;
        spoil(&mut command);
        let command = if *status == Status::BadFlags { command } else { command.signal(9, 1) };
        // No word of a register reads all ones; it reads one less.
        let word = |shift: u32| u64::from(((addr >> shift) as u32).min(u32::MAX - 1)) << shift;
        let want = (*info, word(32) | word(0));
        assert_eq!(card.refused(1 + i % 2, command, *status), want, "case {i}: {command:?}");
    }
    assert_eq!(traffic(card), before, "card memory was touched");
    assert_eq!(card.read32(reg::ERR_COUNT), errors + cases.len() as u32);
    let waiting = Command::new(&NopCommand::default()).wait(9, 1);
    card.io[0].put(waiting);
    card.io[0].ring(&card.sim);
    card.ok(2, Command::new(&NopCommand::default()));
    assert!(card.io[0].poll(&card.sim).is_none(), "a refused command has signalled");
    card.ok(2, Command::new(&NopCommand::default()).signal(9, 1));
    assert_eq!(card.io[0].wait(&card.sim).status(), Ok(Status::Success));
}

fn traffic(card: &Card) -> (u64, u64) {
    (card.read64(counter::DRAM_READ_BYTES), card.read64(counter::DRAM_WRITE_BYTES))
}
