//! Programs from ELF files: statically linked RV32IM executables, little-endian, without compressed instructions.
//!
//! What counts is the program headers; sections and symbols are not looked at. The file is the user's, so no size in it
//! is believed before it is compared with the file's own.

use std::ops::Range;

use object::elf;

use crate::error::Error;
use crate::isa;
use crate::record::Program;

/// Bytes of memory that the segments of a program may take together.
pub const MAX_IMAGE: u64 = 256 << 20;
/// Instructions of a program: the height of the largest program table.
pub const MAX_INSTRUCTIONS: u64 = 1 << 20;

const HEADER: usize = 52;
const PROGRAM_HEADER: usize = 32;

/// A program header of type PT_LOAD.
struct Load {
    address: u32,
    memory: u32,
    file: Range<usize>,
    executable: bool,
}

impl Load {
    /// The byte after its last in memory.
    fn end(&self) -> u64 {
        u64::from(self.address) + u64::from(self.memory)
    }
}

/// The program in an ELF file.
///
/// Words of the executable segments that do not decode are not code (they may be constants); words that are zero, like .bss,
/// are not stored.
///
/// # Errors
/// Each reason for which a file is no such program is an error of its own, which says what to do.
pub fn load(bytes: &[u8]) -> Result<Program, Error> {
    let entry = header(bytes)?;
    let mut loads = program_headers(bytes)?;
    if loads.is_empty() {
        return Err(Error::NoSegment);
    }
    let size = loads.iter().map(|load| u64::from(load.memory)).sum();
    if size > MAX_IMAGE {
        return Err(Error::ImageTooLarge { size, limit: MAX_IMAGE });
    }
    loads.sort_by_key(|load| load.address);
    for pair in loads.windows(2) {
        if pair[0].end() > u64::from(pair[1].address) {
            return Err(Error::SegmentsOverlap { first: pair[0].address, second: pair[1].address });
        }
    }

    let code = code(bytes, &loads)?;
    if code.binary_search_by_key(&entry, |(pc, _)| *pc).is_err() {
        return Err(Error::EntryNotCode { entry });
    }
    Ok(Program { entry, code, image: image(bytes, &loads) })
}

/// Checks the file's header and returns the entry.
fn header(bytes: &[u8]) -> Result<u32, Error> {
    if bytes.get(..4) != Some(&elf::ELFMAG) {
        return Err(Error::NotElf { start: bytes[..bytes.len().min(4)].to_vec() });
    }
    // The class and the encoding stand in the same place in every class, and say how to read the rest.
    match bytes.get(4) {
        Some(&class) if class != elf::ELFCLASS32 => return Err(Error::NotElf32 { class }),
        _ => {}
    }
    match bytes.get(5) {
        Some(&data) if data != elf::ELFDATA2LSB => return Err(Error::NotLittleEndian { data }),
        _ => {}
    }
    if bytes.len() < HEADER {
        return Err(truncated("its header", HEADER as u64, bytes));
    }
    let machine = half(bytes, 18);
    if machine != elf::EM_RISCV {
        return Err(Error::NotRiscV { machine });
    }
    let kind = half(bytes, 16);
    if kind != elf::ET_EXEC {
        return Err(Error::NotExecutable { kind });
    }
    let flags = word(bytes, 36);
    if flags & elf::EF_RISCV_RVC != 0 {
        return Err(Error::Compressed { flags });
    }
    let entry = word(bytes, 24);
    if entry % 4 != 0 {
        return Err(Error::EntryMisaligned { entry });
    }
    Ok(entry)
}

/// The segments to load, in the file's order, each within the file and the address space. The file's header is there.
fn program_headers(bytes: &[u8]) -> Result<Vec<Load>, Error> {
    let (offset, size, count) = (word(bytes, 28), half(bytes, 42), half(bytes, 44));
    if count == 0 {
        return Err(Error::NoSegment);
    }
    // With PN_XNUM the count is elsewhere; no program has that many.
    if usize::from(size) != PROGRAM_HEADER || count == elf::PN_XNUM {
        return Err(Error::ProgramHeaders { count, size });
    }
    let end = u64::from(offset) + u64::from(count) * PROGRAM_HEADER as u64;
    let table = usize::try_from(end)
        .ok()
        .and_then(|end| bytes.get(offset as usize..end))
        .ok_or_else(|| truncated("its table of program headers", end, bytes))?;
    let mut loads = Vec::new();
    for header in table.chunks_exact(PROGRAM_HEADER) {
        if word(header, 0) != elf::PT_LOAD || word(header, 20) == 0 && word(header, 16) == 0 {
            continue;
        }
        let [offset, address, _, file, memory, flags] = [4, 8, 12, 16, 20, 24].map(|at| word(header, at));
        let start = u64::from(offset);
        let end = start + u64::from(file);
        if end > bytes.len() as u64 {
            return Err(Error::SegmentOutsideFile { address, start, end, size: bytes.len() as u64 });
        }
        if memory < file {
            return Err(Error::SegmentTooSmall { address, file, memory });
        }
        let load =
            Load { address, memory, file: start as usize..end as usize, executable: flags & elf::PF_X != 0 };
        if load.end() > 1 << 32 {
            return Err(Error::SegmentPastEnd { address, memory });
        }
        loads.push(load);
    }
    Ok(loads)
}

/// The instructions: words wholly in the file's part of an executable segment.
fn code(bytes: &[u8], loads: &[Load]) -> Result<Vec<(u32, isa::Instruction)>, Error> {
    let mut code = Vec::new();
    for load in loads.iter().filter(|load| load.executable) {
        let skip = load.address.wrapping_neg() as usize % 4;
        let part = &bytes[load.file.clone()];
        let words = part.get(skip..).unwrap_or(&[]).chunks_exact(4);
        // An address below 2^32, or there are no words.
        let first = load.address.wrapping_add(skip as u32);
        for (i, bytes) in words.enumerate() {
            let pc = first + 4 * i as u32;
            if pc == u32::MAX - 3 {
                return Err(Error::CodeAtTop);
            }
            code.extend(isa::decode(word(bytes, 0), pc).map(|instruction| (pc, instruction)));
        }
        if code.len() as u64 > MAX_INSTRUCTIONS {
            return Err(Error::TextTooLarge { count: code.len() as u64, limit: MAX_INSTRUCTIONS });
        }
    }
    Ok(code)
}

/// The words that are not zero, by word address. Segments are in order of address; two may have bytes in one word.
fn image(bytes: &[u8], loads: &[Load]) -> Vec<(u32, u32)> {
    let mut image: Vec<(u32, u32)> = Vec::new();
    for load in loads {
        for (i, &byte) in bytes[load.file.clone()].iter().enumerate().filter(|(_, byte)| **byte != 0) {
            let address = load.address + i as u32;
            let part = u32::from(byte) << (address % 4 * 8);
            match image.last_mut() {
                Some((place, word)) if *place == address / 4 => *word |= part,
                _ => image.push((address / 4, part)),
            }
        }
    }
    image
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn truncated(what: &'static str, end: u64, bytes: &[u8]) -> Error {
    Error::Truncated { what, end, size: bytes.len() as u64 }
}

#[cfg(test)]
mod tests;
