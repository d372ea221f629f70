//! Card memory: address lines, data lines, random places.

use permafrost_driver::{Card, DramBuf};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{passed, told, Checked};

/// Bytes that the card moves at once.
const UNIT: usize = 64;
/// Random regions: of a simulated card, which afterwards zeroes what was written clock by clock, and of others.
const FEW: usize = 4;
const MANY: usize = 256;
/// Bytes of a region.
const REGION: usize = 4096;

/// Memory that is tested.
pub trait Memory {
    fn len(&self) -> u64;
    fn write(&mut self, at: u64, data: &[u8]) -> Result<(), String>;
    fn read(&mut self, at: u64, data: &mut [u8]) -> Result<(), String>;
}

/// All of a card's memory that nobody holds.
struct Dram<'a> {
    card: &'a Card,
    buffer: DramBuf,
}

impl Memory for Dram<'_> {
    fn len(&self) -> u64 {
        self.buffer.len()
    }

    fn write(&mut self, at: u64, data: &[u8]) -> Result<(), String> {
        self.card.write(&self.buffer, at, data).map(|_| ()).map_err(told)
    }

    fn read(&mut self, at: u64, data: &mut [u8]) -> Result<(), String> {
        self.card.read(&self.buffer, at, data).map(|_| ()).map_err(told)
    }
}

pub fn check(card: &Card, simulated: bool, seed: u64) -> Checked {
    let regions = if simulated { FEW } else { MANY };
    let bytes = card.dram().usage().largest;
    let buffer = card.dram().alloc(bytes).map_err(told)?;
    let places = test(&mut Dram { card, buffer }, regions, seed)?;
    passed(format!(
        "{places} address lines and {} data lines in both polarities, {regions} random regions",
        8 * UNIT
    ))
}

/// The tests; gives the number of address lines.
pub fn test(memory: &mut dyn Memory, regions: usize, seed: u64) -> Result<usize, String> {
    let lines = address_lines(memory)?;
    data_lines(memory)?;
    random(memory, regions, seed)?;
    Ok(lines)
}

/// What goes to the unit at `at`: no two places have the same, nor one the inverse of another's.
fn mark(at: u64, inverted: bool) -> [u8; UNIT] {
    let mut unit = [0; UNIT];
    for (i, word) in unit.chunks_exact_mut(8).enumerate() {
        let value = (at ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(2 * i as u64 + 1);
        word.copy_from_slice(&if inverted { !value } else { value }.to_le_bytes());
    }
    unit
}

/// Every address line by itself: 0 and each power of two. All are written before any is read, so that places that are one are
/// noticed.
fn address_lines(memory: &mut dyn Memory) -> Result<usize, String> {
    let powers = (UNIT.ilog2()..64).map(|line| 1u64 << line);
    let places: Vec<u64> =
        std::iter::once(0).chain(powers.take_while(|at| at + UNIT as u64 <= memory.len())).collect();
    for inverted in [false, true] {
        for at in &places {
            memory.write(*at, &mark(*at, inverted))?;
        }
        for at in &places {
            let mut seen = [0; UNIT];
            memory.read(*at, &mut seen)?;
            if seen != mark(*at, inverted) {
                let other = places.iter().find(|other| seen == mark(**other, inverted));
                return Err(match other {
                    Some(other) => format!(
                        "address {at:#x} reads what was written to {other:#x}: an address line is stuck"
                    ),
                    None => differs(*at, &seen, &mark(*at, inverted)),
                });
            }
        }
    }
    Ok(places.len() - 1)
}

/// Every data line by itself: one bit in a unit set, then one clear.
fn data_lines(memory: &mut dyn Memory) -> Result<(), String> {
    let bits = (memory.len() as usize / UNIT).min(8 * UNIT);
    for background in [0x00, 0xff] {
        let mut data = vec![background; bits * UNIT];
        for bit in 0..bits {
            data[bit * UNIT + bit / 8] ^= 1 << (bit % 8);
        }
        there_and_back(memory, 0, &data)?;
    }
    Ok(())
}

fn random(memory: &mut dyn Memory, regions: usize, seed: u64) -> Result<(), String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let room = (memory.len() as usize).saturating_sub(REGION) / UNIT;
    for _ in 0..regions {
        let at = rng.gen_range(0..=room) * UNIT;
        let mut data = vec![0; REGION.min(memory.len() as usize)];
        rng.fill_bytes(&mut data);
        there_and_back(memory, at as u64, &data)?;
    }
    Ok(())
}

fn there_and_back(memory: &mut dyn Memory, at: u64, data: &[u8]) -> Result<(), String> {
    memory.write(at, data)?;
    let mut seen = vec![0; data.len()];
    memory.read(at, &mut seen)?;
    if seen == data {
        Ok(())
    } else {
        Err(differs(at, &seen, data))
    }
}

/// Where two runs of bytes first differ.
pub fn differs(at: u64, seen: &[u8], expected: &[u8]) -> String {
    let first = seen.iter().zip(expected).position(|(seen, expected)| seen != expected).unwrap_or(0);
    let byte = |bytes: &[u8]| bytes.get(first).copied().unwrap_or(0);
    format!("address {:#x} reads {:#04x}, {:#04x} was written", at + first as u64, byte(seen), byte(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory with one fault.
    struct Faulty {
        bytes: Vec<u8>,
        /// Address bits that read 0.
        stuck: usize,
        /// A bit of each unit, and whether it is stuck at 1.
        data: Option<(usize, bool)>,
        /// A unit that takes nothing.
        dead: usize,
    }

    impl Memory for Faulty {
        fn len(&self) -> u64 {
            self.bytes.len() as u64
        }
        fn write(&mut self, at: u64, data: &[u8]) -> Result<(), String> {
            for (i, unit) in data.chunks(UNIT).enumerate() {
                let at = (at as usize + i * UNIT) & !self.stuck;
                if at != self.dead {
                    self.bytes[at..at + unit.len()].copy_from_slice(unit);
                }
            }
            Ok(())
        }
        fn read(&mut self, at: u64, data: &mut [u8]) -> Result<(), String> {
            for (i, unit) in data.chunks_mut(UNIT).enumerate() {
                let at = (at as usize + i * UNIT) & !self.stuck;
                unit.copy_from_slice(&self.bytes[at..at + unit.len()]);
                if let Some((bit, one)) = self.data {
                    let mask = 1 << (bit % 8);
                    unit[bit / 8] = if one { unit[bit / 8] | mask } else { unit[bit / 8] & !mask };
                }
            }
            Ok(())
        }
    }

    fn sound() -> Faulty {
        Faulty { bytes: vec![0; 1 << 17], stuck: 0, data: None, dead: usize::MAX }
    }

    #[test]
    fn sound_memory_passes_and_faults_are_found() {
        assert_eq!(test(&mut sound(), FEW, 1), Ok(11));
        for line in 6..17 {
            let message = test(&mut Faulty { stuck: 1 << line, ..sound() }, FEW, 1).unwrap_err();
            assert!(message.contains("address line"), "{line}: {message}");
        }
        for bit in [0, 9, 511] {
            for one in [false, true] {
                let fault = Faulty { data: Some((bit, one)), ..sound() };
                assert!(test(&mut { fault }, FEW, 1).unwrap_err().contains("was written"), "{bit} {one}");
            }
        }
        for line in 6..17 {
            assert!(test(&mut Faulty { dead: 1 << line, ..sound() }, FEW, 1).is_err(), "{line}");
        }
    }
}
