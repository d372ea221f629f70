//! What can go wrong, and what to do about it.

/// Why a program cannot be loaded, run, proved or verified.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // The program's file.
    /// The file is no ELF.
    #[error("not an ELF file: it starts with {start:02x?}, expected [7f, 45, 4c, 46]; pass the linked program itself")]
    NotElf {
        /// The first bytes, at most four.
        start: Vec<u8>,
    },
    /// The ELF ends before its headers do.
    #[error("the ELF is cut short: {what} ends at byte {end}, the file has {size}; copy or link it again")]
    Truncated {
        /// Which header.
        what: &'static str,
        /// The byte after it.
        end: u64,
        /// Bytes in the file.
        size: u64,
    },
    /// ELF class other than 32-bit.
    #[error(
        "ELF class {class} (2 is 64-bit, RV64), expected 1 (32-bit); build for riscv32im-unknown-none-elf"
    )]
    NotElf32 {
        /// EI_CLASS.
        class: u8,
    },
    /// ELF data other than little-endian.
    #[error("ELF data encoding {data} (2 is big-endian), expected 1 (little-endian); build for riscv32im-unknown-none-elf")]
    NotLittleEndian {
        /// EI_DATA.
        data: u8,
    },
    /// Another machine.
    #[error("ELF machine {machine}, expected 243 (RISC-V); build for riscv32im-unknown-none-elf")]
    NotRiscV {
        /// e_machine.
        machine: u16,
    },
    /// The program has compressed instructions.
    #[error(
        "the program is built with compressed instructions (ELF flags {flags:#x}, bit 0 is RVC), which are not proved; \
         build without the C extension: riscv32im, -march=rv32im"
    )]
    Compressed {
        /// e_flags.
        flags: u32,
    },
    /// Not a linked executable.
    #[error(
        "ELF type {kind} (1 is a relocatable object, 3 a shared object or position-independent executable), expected 2 (executable); \
         link statically at fixed addresses (relocation-model=static, no -pie)"
    )]
    NotExecutable {
        /// e_type.
        kind: u16,
    },
    /// Program headers of a size other than 32 bytes, or too many of them.
    #[error("{count} program headers of {size} bytes, expected at most 65534 of 32; link again")]
    ProgramHeaders {
        /// e_phnum.
        count: u16,
        /// e_phentsize.
        size: u16,
    },
    /// A segment's bytes are not in the file.
    #[error("the segment at {address:#010x} has bytes {start} to {end} of the file, which has {size}; copy or link it again")]
    SegmentOutsideFile {
        /// p_vaddr.
        address: u32,
        /// p_offset.
        start: u64,
        /// The byte after its last.
        end: u64,
        /// Bytes in the file.
        size: u64,
    },
    /// A segment has more bytes in the file than in memory.
    #[error(
        "the segment at {address:#010x} has {file} bytes in the file but only {memory} in memory; link again"
    )]
    SegmentTooSmall {
        /// p_vaddr.
        address: u32,
        /// p_filesz.
        file: u32,
        /// p_memsz.
        memory: u32,
    },
    /// A segment ends after the address space.
    #[error("the segment at {address:#010x} of {memory} bytes ends after address 2^32; link it lower")]
    SegmentPastEnd {
        /// p_vaddr.
        address: u32,
        /// p_memsz.
        memory: u32,
    },
    /// The segments are larger than what is loaded.
    #[error(
        "the program's segments have {size} bytes in memory, at most {limit} are loaded; \
         leave large buffers out of the image (memory that no segment names is zero and usable)"
    )]
    ImageTooLarge {
        /// Sum of p_memsz.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// Two segments share bytes.
    #[error("the segments at {first:#010x} and {second:#010x} overlap; link again")]
    SegmentsOverlap {
        /// p_vaddr of the lower.
        first: u32,
        /// p_vaddr of the other.
        second: u32,
    },
    /// Nothing to load.
    #[error("the ELF has no segment to load (PT_LOAD with bytes in memory); link it as an executable")]
    NoSegment,
    /// The entry is not a multiple of 4.
    #[error("the entry {entry:#010x} is not a multiple of 4; build without the C extension: riscv32im, -march=rv32im")]
    EntryMisaligned {
        /// e_entry.
        entry: u32,
    },
    /// No instruction at the entry.
    #[error(
        "the entry {entry:#010x} is no instruction of an executable segment; \
         give the linker the start symbol (ENTRY(_start)) and keep its section"
    )]
    EntryNotCode {
        /// e_entry.
        entry: u32,
    },
    /// More instructions than the program table has rows.
    #[error("the program has {count} instructions, at most {limit} fit the program table; build for size (opt-level \"s\")")]
    TextTooLarge {
        /// Instructions in executable segments.
        count: u64,
        /// The bound.
        limit: u64,
    },
    /// Code in the last word of the address space.
    #[error(
        "an executable segment has the word at 0xfffffffc, after which no instruction can follow (that address stands for the \
         program's end); link it lower"
    )]
    CodeAtTop,

    // The run.
    /// The segment size asked for is not one of those that can be proved.
    #[error("segments of 2^{log2} cycles asked for, from 2^{} to 2^{} can be proved", .range[0], .range[1])]
    SegmentSize {
        /// What was asked for.
        log2: u32,
        /// Smallest and largest.
        range: [u32; 2],
    },
    /// The program runs on.
    #[error("runaway program: still running at {pc:#010x} after {limit} cycles; raise the cycle limit if it is meant to take longer")]
    Runaway {
        /// Where it is.
        pc: u32,
        /// The limit.
        limit: u64,
    },
    /// No instruction there.
    #[error("executing at {pc:#010x}, where there is no instruction: the word {word:#010x} {why}")]
    NotAnInstruction {
        /// Byte address.
        pc: u32,
        /// What memory holds there.
        word: u32,
        /// What that is.
        why: &'static str,
    },
    /// A load from, or store to, an address that is no multiple of its size.
    #[error("misaligned {what} at {pc:#010x}: address {address:#010x} is not a multiple of {size}")]
    Misaligned {
        /// The instruction's mnemonic.
        what: &'static str,
        /// Byte address of the instruction.
        pc: u32,
        /// The address.
        address: u32,
        /// Bytes accessed.
        size: u32,
    },
    /// JALR to an address that is no multiple of 4.
    #[error("misaligned jump at {pc:#010x}: the target {target:#010x} is not a multiple of 4")]
    MisalignedTarget {
        /// Byte address of the instruction.
        pc: u32,
        /// The target.
        target: u32,
    },
    /// A store to an instruction.
    #[error(
        "self-modifying code: the instruction at {pc:#010x} writes to {address:#010x}, which is an instruction of the program; code is \
         fixed when the program is committed (if this is data, link it into a segment that is not executable)"
    )]
    SelfModifying {
        /// Byte address of the instruction.
        pc: u32,
        /// Where it writes.
        address: u32,
    },
    /// An ECALL with a number that is no service.
    #[error(
        "unknown service {number} (a7) of the ecall at {pc:#010x}; see isa::service for those there are"
    )]
    UnknownService {
        /// a7.
        number: u32,
        /// Byte address of the ECALL.
        pc: u32,
    },
    /// The program reads more input words than there are.
    #[error("the program reads past its input at {pc:#010x}: there were {count} words; give it more input")]
    InputExhausted {
        /// Byte address of the ECALL.
        pc: u32,
        /// Words there were.
        count: usize,
    },
    /// The program asks for more hints than there are.
    #[error("the program reads past its hints at {pc:#010x}: there were {count} words; give it more hints")]
    HintsExhausted {
        /// Byte address of the ECALL.
        pc: u32,
        /// Words there were.
        count: usize,
    },
    /// A precompile's operand is not at a multiple of 4, or too close to the end of memory.
    #[error(
        "{service} called at {pc:#010x} with address {address:#010x}: its {size} bytes must start at a multiple of 4, at most {limit:#x}"
    )]
    Operand {
        /// Which precompile.
        service: &'static str,
        /// Byte address of the ECALL.
        pc: u32,
        /// The address.
        address: u32,
        /// Bytes of the operand.
        size: u32,
        /// The last address it may have.
        limit: u32,
    },
    /// A word for Poseidon2 that is no canonical field element.
    #[error(
        "poseidon2 called at {pc:#010x}: the word {word:#010x} at {address:#010x} is not below the modulus 0x7f000001; \
         reduce it first"
    )]
    NotCanonical {
        /// Byte address of the ECALL.
        pc: u32,
        /// Where the word is.
        address: u32,
        /// The word.
        word: u32,
    },
}
