//! Registers: none reads all ones, those that are read only stay as they are, those that are written keep what they take.

use permafrost_abi::define::{Access, Register};
use permafrost_abi::registers::{ErrStatus, COUNTERS, REGISTERS};
use permafrost_abi::{reg, ABI_MAGIC, BAR0_BYTES, DOORBELL_BASE};

use super::{passed, told, Checked};
use crate::ops::bare::Bare;

/// Offsets below the doorbells at which there is nothing.
const UNLISTED: [u64; 3] = [0x0fc, 0x7f8, DOORBELL_BASE as u64 - 4];

pub fn check(bare: &mut Bare) -> Checked {
    bare.rest(false).map_err(told)?;
    bare.scrubbed().map_err(told)?;
    // The words of a register.
    fn words(register: &Register) -> impl Iterator<Item = u64> {
        let (first, words) = (register.offset, u64::from(register.bits) / 32);
        (0..words).map(move |word| first + 4 * word)
    }
    let read = |offset| bare.read(offset).map_err(told);
    let mut count = 0;
    for register in REGISTERS.iter().chain(COUNTERS) {
        for offset in words(register) {
            read(offset).map_err(|e| format!("{}: {e}", register.name))?;
            count += 1;
        }
    }
    for register in REGISTERS.iter().filter(|r| r.access == Access::Ro && !MOVING.contains(&r.name)) {
        for offset in words(register) {
            let before = read(offset)?;
            bare.write(offset, !before).map_err(told)?;
            let after = read(offset)?;
            if after != before {
                return Err(format!(
                    "{} is read only, and a write turned {before:#x} into {after:#x}",
                    register.name
                ));
            }
        }
    }
    // Page aligned addresses in both polarities; the card is off, so that they mean nothing to it.
    for pattern in [0x5555_5000_u32, 0x2aaa_a000, 0] {
        for offset in [reg::ADMIN_SQ, reg::ADMIN_SQ + 4, reg::ADMIN_CQ, reg::ADMIN_CQ + 4] {
            bare.write(offset, pattern).map_err(told)?;
            let seen = read(offset)?;
            if seen != pattern {
                return Err(format!("register {offset:#x} was given {pattern:#x} and reads {seen:#x}"));
            }
        }
    }
    bare.write(reg::ERR_STATUS, ErrStatus::from_fields(true, 0).0).map_err(told)?;
    let held = ErrStatus(read(reg::ERR_STATUS)?);
    if held.valid() {
        return Err(format!("ERR_STATUS reads {:#x} after it was cleared", held.0));
    }
    for offset in UNLISTED {
        let seen = read(offset)?;
        if seen != 0 {
            return Err(format!("there is no register at {offset:#x}, and it reads {seen:#x} instead of 0"));
        }
    }
    match read(reg::MAGIC)? {
        ABI_MAGIC => passed(format!("{count} words of {BAR0_BYTES:#x} bytes")),
        seen => Err(format!("MAGIC now reads {seen:#x}")),
    }
}

/// Read-only registers that change by themselves.
const MOVING: [&str; 2] = ["CSTS", "DRAM_DIRTY"];
