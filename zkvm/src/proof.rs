//! A proof as a file.
//!
//! All integers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PFRVPROF` |
//! | 2 | version, [`VERSION`] |
//! | 32 | [`config::fingerprint`]: 8 field elements |
//! | 4 | number of segments, 1 to [`MAX_SEGMENTS`] |
//! | per segment 4 | bytes that follow in it, at most [`MAX_SEGMENT_BYTES`] |
//! | 241 | statement: program, number, pc (2), memory (2), input (2), output (2), 1 byte whether it ended, exit code |
//! | 1 | number of tables |
//! | 2 each | table: kind, log2 of the committed height; kinds ascending, heights of a kind falling |
//! | rest | the reference prover's proof in its own encoding (postcard) |
//!
//! Reading allocates no more than there are bytes in the file. One proof has one encoding: field elements are below p, nothing
//! may follow, and the reference prover's part must be what encoding it again gives.

use p3_field::{PrimeCharacteristicRing, PrimeField32};

use crate::air::trace::{is_cut, MAX_PIECES};
use crate::air::Kind;
use crate::config::{self, RawProof};
use crate::error::Error;
use crate::record::{Statement, HALTED_PC};
use crate::{Digest, F};

/// The first bytes.
pub const MAGIC: [u8; 8] = *b"PFRVPROF";
/// The version of the format.
pub const VERSION: u16 = 1;
/// Most segments in a proof.
pub const MAX_SEGMENTS: usize = 1 << 12;
/// Most bytes of a segment. Proofs have 1 to 6 MB, and below 13 MB with every table in as many pieces as may be (14,100 committed columns of
/// the base field, each opened 204 times); decoding may take about 30 times as much memory.
pub const MAX_SEGMENT_BYTES: usize = 16 << 20;
/// Most bytes of a file; who reads one can compare its size first.
pub const MAX_BYTES: u64 = 1 << 32;
/// Bytes of a statement.
const STATEMENT_BYTES: usize = 4 * (8 + 1 + 2 + 6 * 8) + 5;

/// The tables of a segment and the log2 of their committed heights, in order of kind; the pieces of a table with heights that fall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(Vec<(Kind, usize)>);

impl Shape {
    /// Of tables with the log2 of their heights.
    ///
    /// # Errors
    ///
    /// If the kinds do not ascend, or a table has pieces that it cannot have.
    pub fn new(tables: Vec<(Kind, usize)>) -> Result<Self, Error> {
        let follows = |before: (Kind, usize), table: (Kind, usize)| {
            before.0 < table.0 || before.0 == table.0 && is_cut(table.0) && before.1 >= table.1
        };
        let error =
            |table: Kind, after: Kind| Err(Error::TableOrder { table: table.name(), after: after.name() });
        if let Some(pair) = tables.windows(2).find(|pair| !follows(pair[0], pair[1])) {
            return error(pair[1].0, pair[0].0);
        }
        if let Some(many) = tables.windows(MAX_PIECES + 1).find(|many| many[0].0 == many[MAX_PIECES].0) {
            return error(many[0].0, many[0].0);
        }
        Ok(Self(tables))
    }

    /// The tables.
    pub fn tables(&self) -> &[(Kind, usize)] {
        &self.0
    }

    /// Whether a table is there.
    pub fn has(&self, kind: Kind) -> bool {
        self.0.iter().any(|table| table.0 == kind)
    }
}

/// A segment's proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentProof {
    /// What it says.
    pub statement: Statement,
    /// Its tables.
    pub shape: Shape,
    /// The reference prover's proof, encoded.
    pub raw: Vec<u8>,
}

/// The proof of a run: its segments, chained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The segments, in order.
    pub segments: Vec<SegmentProof>,
}

/// The reference prover's proof, encoded.
///
/// # Errors
///
/// If it cannot be encoded, which does not happen for a proof that was made or decoded here.
pub fn encode(raw: &RawProof) -> Result<Vec<u8>, Error> {
    postcard::to_allocvec(raw).map_err(|error| Error::Encoding { reason: error.to_string() })
}

/// The reference prover's proof that `bytes` encode, and nothing else.
///
/// # Errors
///
/// If they encode none, or are not its only encoding.
pub fn decode(bytes: &[u8]) -> Result<RawProof, Error> {
    check_segment_size(bytes.len())?;
    let (raw, rest) = postcard::take_from_bytes::<RawProof>(bytes)
        .map_err(|error| Error::Encoding { reason: error.to_string() })?;
    if !rest.is_empty() {
        return Err(Error::TrailingBytes { count: rest.len() });
    }
    if encode(&raw)? != bytes {
        return Err(Error::ProofNotCanonical { what: "the reference prover's part" });
    }
    Ok(raw)
}

impl SegmentProof {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let size = STATEMENT_BYTES + 1 + 2 * self.shape.0.len() + self.raw.len();
        check_segment_size(size)?;
        out.extend((size as u32).to_le_bytes());
        let Statement { program, number, pc, memory, input, output, exit } = &self.statement;
        put_digest(out, program);
        for number in [*number, pc[0], pc[1]] {
            out.extend(number.to_le_bytes());
        }
        for digest in memory.iter().chain(input).chain(output) {
            put_digest(out, digest);
        }
        out.push(exit.is_some().into());
        out.extend(exit.unwrap_or(0).to_le_bytes());
        out.push(self.shape.0.len() as u8);
        for (kind, log_height) in &self.shape.0 {
            out.extend([*kind as u8, *log_height as u8]);
        }
        out.extend(&self.raw);
        Ok(())
    }

    fn read(mut bytes: Reader<'_>) -> Result<Self, Error> {
        let program = bytes.digest()?;
        let number = bytes.u32("the segment's number")?;
        let pc = [bytes.pc()?, bytes.pc()?];
        let memory = [bytes.digest()?, bytes.digest()?];
        let input = [bytes.digest()?, bytes.digest()?];
        let output = [bytes.digest()?, bytes.digest()?];
        let exit = match (bytes.u8("whether the program ended")?, bytes.u32("the exit code")?) {
            (0, 0) => None,
            (1, code) => Some(code),
            _ => return Err(Error::ProofNotCanonical { what: "the exit code" }),
        };
        let count = bytes.u8("the number of tables")?;
        let mut tables = Vec::new();
        for _ in 0..count {
            let number = bytes.u8("a table's kind")?;
            let kind = Kind::ALL.get(usize::from(number)).ok_or(Error::UnknownTable { number })?;
            tables.push((*kind, bytes.u8("a table's height")?.into()));
        }
        let statement = Statement { program, number, pc, memory, input, output, exit };
        Ok(Self { statement, shape: Shape::new(tables)?, raw: bytes.0.to_vec() })
    }
}

impl Proof {
    /// The file.
    ///
    /// # Errors
    ///
    /// If the proof is larger than [`Self::from_bytes`] reads.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        check_count(self.segments.len())?;
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        put_digest(&mut out, &config::fingerprint());
        out.extend((self.segments.len() as u32).to_le_bytes());
        for segment in &self.segments {
            segment.write(&mut out)?;
        }
        check_size(out.len())?;
        Ok(out)
    }

    /// The proof that a file holds. The reference prover's parts are only decoded when they are verified.
    ///
    /// # Errors
    ///
    /// If it is no proof, or of another version or configuration, or is not encoded as [`Self::to_bytes`] does.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        check_size(bytes.len())?;
        let mut bytes = Reader(bytes);
        if bytes.take(MAGIC.len(), "the first bytes").ok() != Some(MAGIC.as_slice()) {
            return Err(Error::NotAProof);
        }
        let version = u16::from_le_bytes(bytes.array("the version")?);
        if version != VERSION {
            return Err(Error::ProofVersion { found: version, expected: VERSION });
        }
        if bytes.digest()? != config::fingerprint() {
            return Err(Error::ProofConfiguration);
        }
        let count = bytes.u32("the number of segments")? as usize;
        check_count(count)?;
        let mut segments = Vec::new();
        for _ in 0..count {
            let size = bytes.u32("a segment's size")? as usize;
            check_segment_size(size)?;
            segments.push(SegmentProof::read(Reader(bytes.take(size, "a segment")?))?);
        }
        match bytes.0.len() {
            0 => Ok(Self { segments }),
            count => Err(Error::TrailingBytes { count }),
        }
    }
}

fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes as u64 > MAX_BYTES {
        return Err(Error::ProofTooLarge { bytes, limit: MAX_BYTES });
    }
    Ok(())
}

fn check_count(count: usize) -> Result<(), Error> {
    if !(1..=MAX_SEGMENTS).contains(&count) {
        return Err(Error::SegmentCount { count, limit: MAX_SEGMENTS });
    }
    Ok(())
}

fn check_segment_size(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_SEGMENT_BYTES {
        return Err(Error::ProofSegmentSize { bytes, limit: MAX_SEGMENT_BYTES });
    }
    Ok(())
}

fn put_digest(out: &mut Vec<u8>, digest: &Digest) {
    out.extend(digest.iter().flat_map(|element| element.as_canonical_u32().to_le_bytes()));
}

/// Bytes still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Error::ProofCutShort {
            what,
            needed: count,
            left: self.0.len(),
        })?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, Error> {
        Ok(self.array::<1>(what)?[0])
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn pc(&mut self) -> Result<u32, Error> {
        let pc = self.u32("a program counter")?;
        if pc > HALTED_PC {
            return Err(Error::ProofNotCanonical { what: "a program counter above 2^30" });
        }
        Ok(pc)
    }

    fn digest(&mut self) -> Result<Digest, Error> {
        let mut digest = [F::ZERO; 8];
        for element in &mut digest {
            let value = self.u32("a digest")?;
            if value >= F::ORDER_U32 {
                return Err(Error::ProofNotCanonical { what: "an element of a digest that is not below p" });
            }
            *element = F::from_u32(value);
        }
        Ok(digest)
    }
}
