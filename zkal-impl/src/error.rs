//! The crate's errors.

use std::path::PathBuf;

/// What went wrong in the acceleration layer. Every message says what was seen, what was expected and, where the
/// caller can act on it, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // ---- card and engine ----
    /// The card offers no G1 MSM engine.
    #[error("card `{card}` has no G1 MSM engine (engine word {engines:#x}); use another card or card configuration")]
    NoMsmEngine {
        /// Name of the card's transport.
        card: String,
        /// The engine word the card reports.
        engines: u32,
    },
    /// The host's memory layout of field elements is not the card's.
    #[error("host library layout check failed: {0}; this build cannot exchange data with a card")]
    Layout(&'static str),
    /// Card memory is exhausted, and nothing more can be evicted.
    #[error(
        "the card's memory cannot hold {what}: {needed} bytes needed, {free} free of {total} (largest free block \
         {largest}); drop base sets, use a smaller input or a card with more memory"
    )]
    OutOfCardMemory {
        /// What was to be stored.
        what: String,
        /// Bytes asked for.
        needed: u64,
        /// Bytes free in total.
        free: u64,
        /// Largest contiguous free block, bytes.
        largest: u64,
        /// Size of card memory, bytes.
        total: u64,
    },
    /// More points than one command can address.
    #[error("an MSM of {n} points is too large: a card command takes at most {max}; split the input")]
    TooManyPoints {
        /// Points asked for.
        n: usize,
        /// Largest count.
        max: u32,
    },
    /// No window width fits the card.
    #[error(
        "no window width suits this card: scalars of {bits} bits, windows of {min} to {max} bits, {slots} bucket slots \
         an adder"
    )]
    NoWindow {
        /// Bits of the scalars.
        bits: u32,
        /// Narrowest window of the card, bits.
        min: u32,
        /// Widest window of the card, bits.
        max: u32,
        /// Bucket slots of each adder, for points of the group.
        slots: u64,
    },
    /// The card does not take the window width that was asked for.
    #[error(
        "windows of {window} bits do not suit this card for scalars of {bits} bits: it takes {min} to {max} bits and has \
         {slots} bucket slots an adder"
    )]
    Window {
        /// Window width asked for, bits.
        window: u32,
        /// Bits of the scalars.
        bits: u32,
        /// Narrowest window of the card, bits.
        min: u32,
        /// Widest window of the card, bits.
        max: u32,
        /// Bucket slots of each adder, for points of the group.
        slots: u64,
    },
    /// A precomputation factor is out of range.
    #[error(
        "{factor} multiples of each base cannot be precomputed; the factor is 1 (none but the base) to {max}"
    )]
    Precompute {
        /// Factor asked for.
        factor: u32,
        /// Largest factor.
        max: u32,
    },
    /// A range lies outside a base set.
    #[error("range {start}..{end} lies outside a base set of {len} points")]
    BaseRange {
        /// First point.
        start: usize,
        /// One past the last point.
        end: usize,
        /// Points in the set.
        len: usize,
    },
    /// A base set was used with an engine that did not upload it.
    #[error("this base set belongs to another engine; upload the bases with the engine that uses them")]
    ForeignBases,
    /// A scalar is not below 2^254, hence no BN254 scalar.
    #[error(
        "a scalar has {bits} bits, a canonical BN254 scalar has at most 254; reduce scalars modulo r first"
    )]
    ScalarTooWide {
        /// Width of the widest scalar, bits.
        bits: u32,
    },
    /// A window sum read back from the card is not a point of the curve.
    #[error(
        "the card returned a bad window sum (window {window} of {windows}): {what}; do not trust this card"
    )]
    BadWindowSum {
        /// Index of the window, 0 = least significant.
        window: usize,
        /// Windows of this MSM.
        windows: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The policy forbids computing on the CPU what the card cannot compute.
    #[error(
        "the card has no engine for {op} and the policy forbids computing it on the CPU; allow it in `Policy` or use \
         a card that has one"
    )]
    NotOnCard {
        /// Name of the operation.
        op: &'static str,
    },
    /// A list of steps for the card contradicts itself.
    #[error("step {index} (`{label}`) of a list for the card: {what}; this is a bug, please report it")]
    Schedule {
        /// Place in the list, from 0.
        index: usize,
        /// What the step is for.
        label: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The driver refused or lost an operation.
    #[error(transparent)]
    Driver(#[from] permafrost_driver::Error),

    // ---- vectors and transforms ----
    /// A transform's size is not a power of two.
    #[error(
        "a transform of {n} elements: the size must be a power of two; pad the vector with zeros to {next}"
    )]
    NotAPowerOfTwo {
        /// Size asked for.
        n: usize,
        /// The next power of two.
        next: usize,
    },
    /// The field has no root of unity of a transform's size.
    #[error("a transform of 2^{log_n} elements: the field has roots of unity up to order 2^{max}; split the vector")]
    TransformTooLarge {
        /// log2 of the size asked for.
        log_n: u32,
        /// log2 of the largest.
        max: u32,
    },
    /// A transform's root of unity has another order than its size.
    #[error("omega = {omega} is no root of unity of order 2^{log_n}; take one of exactly that order")]
    RootOfUnity {
        /// The root given.
        omega: String,
        /// log2 of the size.
        log_n: u32,
    },
    /// A vector or slice has the wrong length.
    #[error("{what}: {found} elements, expected {expected}")]
    VectorLength {
        /// Which one.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
    /// A vector is longer than a command can name.
    #[error("{len} elements are too many: a card command takes at most {max}; split the vector")]
    VectorTooLong {
        /// Elements, or distance of elements, or transforms asked for.
        len: usize,
        /// The most.
        max: usize,
    },
    /// A range or index lies outside a vector.
    #[error("elements {start}..{end} lie outside a vector of {len}")]
    ElementRange {
        /// First element.
        start: usize,
        /// One past the last element.
        end: usize,
        /// Elements of the vector.
        len: usize,
    },
    /// Two vectors share memory in a way that the operation does not allow.
    #[error("{what} overlap without being the same elements; use a vector of its own for the result")]
    VectorOverlap {
        /// Which two.
        what: &'static str,
    },
    /// A transform needs neighbouring elements.
    #[error(
        "{what}: a view with gaps between its elements or that begins at an odd element; copy it with `Engine::map` to a \
         vector of its own"
    )]
    NotContiguous {
        /// Which vector.
        what: &'static str,
    },
    /// The card cannot combine these operands in one command.
    #[error("a vector operation cannot be one command: {what}; compute one of them to a vector first")]
    Terms {
        /// What stands in the way.
        what: &'static str,
    },
    /// A vector was used with an engine that did not make it.
    #[error("this vector belongs to another engine; upload it with the engine that uses it")]
    ForeignVector,
    /// A vector's elements went with a reset of the card.
    #[error("a vector of {len} elements was lost in a reset of the card; upload it again")]
    VectorLost {
        /// Elements it had.
        len: usize,
    },
    /// A value read back from the card is not a field element.
    #[error("the card returned a value that is not below the field's prime (element {index}); do not trust this card")]
    NotAnElement {
        /// Its index.
        index: usize,
    },

    // ---- files ----
    /// A file cannot be opened, read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// An output path names something that cannot be replaced by a file.
    #[error("cannot write {}: {what}", path.display())]
    Output {
        /// The path.
        path: PathBuf,
        /// What stands in the way.
        what: String,
    },
    /// A file is of another kind.
    #[error("{} is not a {expected} file: {found}", path.display())]
    NotThatFile {
        /// The file.
        path: PathBuf,
        /// Kind of file expected.
        expected: &'static str,
        /// What its beginning says.
        found: String,
    },
    /// A file ends early.
    #[error(
        "{} is truncated: {what} at offset {offset} needs {needed} bytes, the file ends at {len}; get a complete copy",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The item that is cut.
        what: String,
        /// Where the item begins, bytes from the start of the file.
        offset: u64,
        /// Bytes the item needs.
        needed: u64,
        /// Length of the file.
        len: u64,
    },
    /// A file contradicts its format.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was seen and what was expected.
        what: String,
    },
    /// A file is for another proof system.
    #[error("{} is a key for {found}; only Groth16 keys (protocol 1) can be used here", path.display())]
    OtherProtocol {
        /// The file.
        path: PathBuf,
        /// Name or number of the protocol found.
        found: String,
    },
    /// A file is for another curve.
    #[error(
        "{} is for another curve: its {field} prime is that of {found}; only BN254 (bn128) is supported",
        path.display()
    )]
    OtherCurve {
        /// The file.
        path: PathBuf,
        /// `base field` or `scalar field`.
        field: &'static str,
        /// Name of the curve, where known, and the prime.
        found: String,
    },
    /// A point in a key is not a point of its group.
    #[error("{}: {section}, point {index}: {what}; do not use this key", path.display())]
    BadPoint {
        /// The file.
        path: PathBuf,
        /// Section of the file that holds the point.
        section: String,
        /// Index within the section, from 0.
        index: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The circuit is larger than this crate supports.
    #[error("{}: domain of 2^{log_size} is larger than the largest supported, 2^{max}", path.display())]
    CircuitTooLarge {
        /// The file.
        path: PathBuf,
        /// log2 of the domain size found.
        log_size: u32,
        /// log2 of the largest supported.
        max: u32,
    },
    /// The witness does not belong to the key's circuit.
    #[error(
        "{} is a witness of another circuit: it has {found} values, the key's circuit has {expected} variables",
        path.display()
    )]
    OtherCircuit {
        /// The witness file.
        path: PathBuf,
        /// Values in the witness.
        found: usize,
        /// Variables of the circuit.
        expected: usize,
    },
    /// The proof made from this witness does not verify.
    #[error(
        "the witness does not satisfy the key's circuit (the proof made from it does not verify against the key); \
         generate the witness with the circuit this key was made for"
    )]
    Unsatisfied,
    /// A JSON document is not what it should be.
    #[error("{}: {what}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where in the document, what was seen and what was expected.
        what: String,
    },
    /// The number of public signals differs from the verification key's.
    #[error("{found} public signals given, the verification key is for {expected}")]
    PublicCount {
        /// Signals given.
        found: usize,
        /// Signals the key is for.
        expected: usize,
    },
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the card, rather than the caller's input, is the cause, so that the same operation may succeed on the
    /// CPU. A fallback policy applies to these errors only. A broken promise of bits
    /// ([`Scalars::with_bits`](crate::engine::Scalars::with_bits)), which the card notices, is the caller's.
    pub fn is_card_failure(&self) -> bool {
        use permafrost_abi::Status::ScalarRange;
        if let Error::Driver(permafrost_driver::Error::CommandFailed { status: ScalarRange, .. }) = self {
            return false;
        }
        matches!(
            self,
            Error::OutOfCardMemory { .. }
                | Error::NoWindow { .. }
                | Error::TooManyPoints { .. }
                | Error::BadWindowSum { .. }
                | Error::NotAnElement { .. }
                | Error::VectorLost { .. }
                | Error::Driver(_)
        )
    }
}
