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
    // Keys and proving.
    /// The program does not fit its table.
    #[error("the program has {instructions} instructions, at most {limit} fit its table; link less code")]
    ProgramTooLong {
        /// Instructions.
        instructions: usize,
        /// The bound.
        limit: usize,
    },
    /// The segment was executed from another program than the key's.
    #[error(
        "the segment is of another program than the key; make the key from the program that was executed"
    )]
    OtherProgram,
    /// The reference prover failed.
    #[error("the prover failed: {reason}; report it with the program and the input")]
    Prove {
        /// What it says.
        reason: String,
    },
    /// A mistake here.
    #[error("unexpected: {what} does not hold; report it with the program and the input")]
    Internal {
        /// What should hold.
        what: &'static str,
    },
    // Proofs as files.
    /// Too large to be a proof.
    #[error(
        "{bytes} bytes, a proof has at most {limit}; pass the proof itself, or prove with longer segments"
    )]
    ProofTooLarge {
        /// Bytes.
        bytes: usize,
        /// The bound.
        limit: u64,
    },
    /// Something else.
    #[error("not a proof: the file does not start with PFRVPROF; pass the file that proving wrote")]
    NotAProof,
    /// Another version of the format.
    #[error("the proof's format is version {found}, expected {expected}; verify it with the version that made it, or prove again")]
    ProofVersion {
        /// Its version.
        found: u16,
        /// This version.
        expected: u16,
    },
    /// Another protocol.
    #[error(
        "the proof was made with other parameters or tables than these; verify it with the version that made it, or prove again"
    )]
    ProofConfiguration,
    /// No segments, or too many.
    #[error("{count} segments, expected 1 to {limit}; prove with longer segments")]
    SegmentCount {
        /// Segments.
        count: usize,
        /// The bound.
        limit: usize,
    },
    /// A segment is too large.
    #[error("a segment's proof of {bytes} bytes, expected at most {limit}; the file is damaged")]
    ProofSegmentSize {
        /// Bytes.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The file ends too early.
    #[error("the proof is cut short: {what} needs {needed} bytes, {left} are left; copy the file again")]
    ProofCutShort {
        /// What was to be read.
        what: &'static str,
        /// Its bytes.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// The file goes on after its end.
    #[error("{count} bytes follow the end of the proof; copy the file again")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// Encoded in another way than the only one.
    #[error("the proof is not encoded as proofs are: {what}; the file is damaged")]
    ProofNotCanonical {
        /// What is wrong.
        what: &'static str,
    },
    /// The reference prover's part is damaged.
    #[error("the reference prover's part of the proof cannot be decoded: {reason}; the file is damaged")]
    Encoding {
        /// What the decoder says.
        reason: String,
    },
    /// A number that names no table.
    #[error("table {number} does not exist; the file is damaged")]
    UnknownTable {
        /// The number.
        number: u8,
    },
    // Verifying.
    /// Tables out of order.
    #[error("table {table} comes after {after}, expected ascending order, and pieces only of tables that are cut, at most two, the taller first; the proof is wrong")]
    TableOrder {
        /// The table.
        table: &'static str,
        /// The one before it.
        after: &'static str,
    },
    /// A table that every segment has is missing.
    #[error("table {table} is missing, which every segment has; the proof is wrong")]
    MissingTable {
        /// The table.
        table: &'static str,
    },
    /// A height out of bounds.
    #[error("table {table} has 2^{log_height} rows, expected 2^{least} to 2^{most}; use shorter segments, or the proof is wrong")]
    TableHeight {
        /// The table.
        table: &'static str,
        /// log2 of its height.
        log_height: usize,
        /// log2 of the least height.
        least: usize,
        /// log2 of the largest height.
        most: usize,
    },
    /// The parts of a segment's proof disagree.
    #[error("the proof has {found} tables, {expected} are named; the proof is wrong")]
    TableCount {
        /// Tables proved.
        found: usize,
        /// Tables named.
        expected: usize,
    },
    /// The reference verifier refuses.
    #[error("segment {number} is refused: {reason}; the proof is wrong")]
    Refused {
        /// Its number.
        number: u32,
        /// What the verifier says.
        reason: String,
    },
    /// The proof is of another program.
    #[error("segment {number} is of another program; verify with the program that was proved")]
    ProofOfOtherProgram {
        /// Its number.
        number: u32,
    },
    /// Program counters out of range.
    #[error("segment {number} goes from pc/4 = {pc:#x?}, expected below 2^30 (2^30 only at the end); the proof is wrong")]
    StatementPc {
        /// Its number.
        number: u32,
        /// Program counters divided by 4.
        pc: [u32; 2],
    },
    /// Exit code and program counter disagree.
    #[error("segment {number} ends at pc/4 = {pc:#x} with exit code {exit:?}: a program has a code when and only when it ended; \
             the proof is wrong")]
    StatementExit {
        /// Its number.
        number: u32,
        /// Program counter divided by 4.
        pc: u32,
        /// The exit code.
        exit: Option<u32>,
    },
    /// A digest changes though nothing was read or written.
    #[error("segment {number} changes the {table} digest without the {table} table; the proof is wrong")]
    DigestWithoutTable {
        /// Its number.
        number: u32,
        /// The table.
        table: &'static str,
    },
    /// The first segment is not the program's start.
    #[error(
        "the first segment is not the program's start: its {what}; the proof is wrong or of another program"
    )]
    ChainStart {
        /// What is wrong.
        what: &'static str,
    },
    /// A segment does not go on where the one before ended.
    #[error("segment {number} does not go on where segment {before} ended: its {what}; segments are missing or mixed up")]
    ChainLink {
        /// Its number.
        number: u32,
        /// The number of the one before.
        before: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// The last segment does not end the program.
    #[error(
        "segment {number} is the last but the program has not ended (pc/4 = {pc:#x}); segments are missing"
    )]
    ChainUnfinished {
        /// Its number.
        number: u32,
        /// Program counter divided by 4.
        pc: u32,
    },
    // Vectors for hardware.
    /// A file of a dump cannot be read or written.
    #[error("{}: {source}; give the folder of a dump, or dump again", path.display())]
    VectorFile {
        /// Where it is.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of a dump is malformed.
    #[error("{file}: {reason}; dump again")]
    Vectors {
        /// Which.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// An element of a dump is not what the earlier stages give.
    #[error("{file}: row {row}, column {column} is {found}, the earlier stages give {expected}; this file or one before it is wrong")]
    VectorMismatch {
        /// The file.
        file: String,
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// What it holds.
        found: String,
        /// What was recomputed.
        expected: String,
    },
}
