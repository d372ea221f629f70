//! The witness map as a program for the card: planned once a key, run with every witness.
//!
//! For a witness w: a = A·w and b = B·w, by the diagonals of [`sparse`](super::sparse); c = a∘b; inverse transforms of the
//! three, with 1/n among their factors; transforms to values on the odd coset, with the powers of its shift among theirs;
//! and h = a·b - c, which stays in card memory as the scalars of the H points ([`qap`](super::qap) says why). a, b and c
//! lie one after the other, so that a transform of the three is one batch.
//!
//! Coefficients, indices and all parameters go to the card with the key; of a proof only the witness does.

use ark_bn254::Fr;
use ark_ff::Field;
use permafrost_abi::vector::kinds;
use permafrost_abi::{VectorKind, VectorOperation, VectorParameters, VECTOR_NEGATE_ADDEND};

use super::sparse::{Layout, Source};
use super::ProvingKey;
use crate::engine::ntt::{self, Transform};
use crate::engine::{At, Buffer, Engine, Job, Lane, NttJob, Op, Secret, Step, VectorJob};
use crate::error::Result;

/// Bytes of an element.
const ELEMENT: u64 = permafrost_abi::ELEMENT_BYTES as u64;

/// The blocks of card memory that a program works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// Of the key: coefficients and indices.
    Image,
    Witness,
    /// Of the diagonals.
    Sums,
    /// a, b and c.
    Values,
    /// Of transforms in several passes.
    Scratch,
}

/// A place in a block.
#[derive(Clone, Copy)]
struct Place {
    block: Block,
    /// Bytes.
    offset: u64,
}

impl Block {
    fn element(self, index: usize) -> Place {
        Place { block: self, offset: ELEMENT * index as u64 }
    }
}

/// An operand of a vector command.
#[derive(Clone, Copy)]
enum Operand {
    Zero,
    One,
    Stream(Place),
    /// Of the first `len` elements of a block, by indices in the image.
    Gather {
        from: Block,
        len: usize,
        indices: u64,
    },
}

/// One command.
struct Instruction {
    part: Part,
    /// Where in the key's parameters its own are.
    params: u64,
    command: Command,
}

/// What commands are parts of, for the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub op: Op,
    pub label: &'static str,
    /// Elements.
    pub n: usize,
    /// How many of them.
    pub batch: usize,
}

enum Command {
    Vector { flags: u8, operands: [Operand; 3], d: Place, n: u32 },
    Ntt { from: Block, to: Block, pass: ntt::Pass, batch: u32, stride: u64 },
}

/// A program, and what it needs of its key in card memory.
pub(super) struct Program {
    image: Box<dyn Buffer>,
    params: Box<dyn Buffer>,
    /// Bytes sent for the two.
    bytes: usize,
    instructions: Vec<Instruction>,
    /// Elements of the blocks of a proof.
    variables: usize,
    sums: usize,
    values: usize,
    scratch: usize,
}

impl Program {
    /// Plans the map of a key and uploads what it needs; the card has the engines for it, the NTT engine with blocks of
    /// 2^`log2_block` elements.
    ///
    /// # Errors
    /// [`Error::OutOfCardMemory`](crate::Error::OutOfCardMemory), and those of a transfer.
    pub(super) fn new(engine: &Engine, log2_block: u32, key: &ProvingKey) -> Result<Self> {
        let n = key.domain_size();
        let (inverse, forward) = key.coset.transforms(3);
        // Each of a, b and c begins at a multiple of 64 bytes.
        let apart = inverse.stride();
        let (layout, image_bytes) = Layout::new(&[&key.matrix_a, &key.matrix_b], apart);
        let image = engine.upload_block(&image_bytes, "the constraints' coefficients")?;
        let part = Part { op: Op::Vector, label: "A·w, B·w", n, batch: 2 };
        let mut plan = Plan { image: image.address(), part, params: Vec::new(), instructions: Vec::new() };
        for d in &layout.diagonals {
            let (from, len) = match d.source {
                Source::Signals => (Block::Witness, key.variables),
                Source::Sums(len) => (Block::Sums, len),
            };
            let coefficients =
                d.coefficients.map(|offset| Operand::Stream(Place { block: Block::Image, offset }));
            let sums = Block::Sums.element(d.to);
            let addend = if d.adds { Operand::Stream(sums) } else { Operand::Zero };
            let gathered = Operand::Gather { from, len, indices: d.indices };
            plan.map([coefficients.unwrap_or(Operand::One), gathered, addend], 0, sums, d.n);
        }
        let [a, b, c] = [0, 1, 2].map(|i| Block::Values.element(i * apart));
        let rows = Operand::Gather { from: Block::Sums, len: layout.sums, indices: layout.order };
        plan.map([Operand::One, rows, Operand::Zero], 0, a, layout.rows);
        plan.part = Part { op: Op::Vector, label: "a·b", n, batch: 1 };
        plan.map([Operand::Stream(a), Operand::Stream(b), Operand::Zero], 0, c, n);
        plan.part = Part { op: Op::Ntt, label: "ifft a, b, c", n, batch: 3 };
        let scratch = plan.transform(&inverse, log2_block);
        plan.part = Part { op: Op::Ntt, label: "fft a, b, c", n, batch: 3 };
        plan.transform(&forward, log2_block);
        plan.part = Part { op: Op::Vector, label: "a·b - c", n, batch: 1 };
        plan.map([a, b, c].map(Operand::Stream), VECTOR_NEGATE_ADDEND, a, n);

        let Plan { params, instructions, .. } = plan;
        Ok(Program {
            image,
            bytes: image_bytes.len() + params.len(),
            params: engine.upload_block(&params, "the witness map's parameters")?,
            instructions,
            variables: key.variables,
            sums: layout.sums,
            values: 3 * apart,
            scratch: if scratch { 3 * apart } else { 0 },
        })
    }

    /// Bytes that were sent for the key's part of it.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The parts, in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        self.instructions.chunk_by(|a, b| a.part == b.part).map(|commands| commands[0].part)
    }
}

/// A program under construction.
struct Plan {
    /// Card address of the image.
    image: u64,
    part: Part,
    params: Vec<u8>,
    instructions: Vec<Instruction>,
}

impl Plan {
    /// d = a·b + c for `n` elements.
    fn map(&mut self, [a, b, c]: [Operand; 3], flags: u8, d: Place, n: usize) {
        let (indices, b_len) = match b {
            Operand::Gather { len, indices, .. } => (self.image + indices, len as u32),
            _ => (0, 0),
        };
        let [a_scalar, b_scalar, c_scalar] = [a, b, c].map(Operand::scalar);
        let strides =
            VectorParameters { a_stride: 1, b_stride: 1, c_stride: 1, d_stride: 1, ..Default::default() };
        let params = VectorParameters { a_scalar, b_scalar, c_scalar, indices, b_len, ..strides };
        self.push(
            bytemuck::bytes_of(&params),
            Command::Vector { flags, operands: [a, b, c], d, n: n as u32 },
        );
    }

    /// A transform of the values, in place. Says whether it needs the scratch block.
    fn transform(&mut self, transform: &Transform, log2_block: u32) -> bool {
        let passes = ntt::passes(transform, log2_block);
        let route = ntt::route(passes.len(), false, true);
        let block = |place| match place {
            ntt::Place::Source | ntt::Place::Destination => Block::Values,
            ntt::Place::Scratch(_) => Block::Scratch,
        };
        let stride = transform.stride() as u64 * ELEMENT;
        for (pass, (from, to)) in passes.into_iter().zip(&route) {
            let (from, to, params) = (block(*from), block(*to), pass.params);
            let command = Command::Ntt { from, to, pass, batch: transform.batch as u32, stride };
            self.push(bytemuck::bytes_of(&params), command);
        }
        ntt::scratches(&route) > 0
    }

    fn push(&mut self, params: &[u8], command: Command) {
        let at = self.params.len() as u64;
        self.params.extend_from_slice(params);
        self.instructions.push(Instruction { part: self.part, params: at, command });
    }
}

impl Operand {
    fn scalar(self) -> [u64; 4] {
        if matches!(self, Operand::One) {
            Fr::ONE.0 .0
        } else {
            [0; 4]
        }
    }

    fn kind(self) -> VectorKind {
        match self {
            Operand::Zero | Operand::One => VectorKind::Scalar,
            Operand::Stream(_) => VectorKind::Stream,
            Operand::Gather { .. } => VectorKind::Gather,
        }
    }
}

/// The blocks of one proof. All of them hold the witness or what was made of it, and are erased in the end.
pub(super) struct Space {
    pub witness: Secret,
    sums: Secret,
    values: Secret,
    scratch: Option<Secret>,
}

impl Space {
    /// # Errors
    /// [`Error::OutOfCardMemory`](crate::Error::OutOfCardMemory).
    pub(super) fn new(engine: &Engine, program: &Program) -> Result<Self> {
        let elements = |n: usize, what| engine.secret_block(n * ELEMENT as usize, what);
        Ok(Space {
            witness: elements(program.variables, "the witness")?,
            sums: elements(program.sums, "sums of the constraints")?,
            values: elements(program.values, "the values of the constraints")?,
            scratch: match program.scratch {
                0 => None,
                n => Some(elements(n, "the transforms' intermediate values")?),
            },
        })
    }

    /// The scalars of the H points, once the program has run.
    pub(super) fn h(&self) -> At<'_> {
        At::start(&*self.values.0)
    }
}

impl Program {
    /// The steps, in order; the label of each is its part's.
    pub(super) fn steps<'a>(&'a self, space: &'a Space) -> impl Iterator<Item = Step<'a>> + 'a {
        self.instructions.iter().map(move |instruction| {
            let params = At::start(&*self.params).plus(instruction.params);
            let job = self.job(&instruction.command, params, space);
            Step::new(Lane::Stream, instruction.part.label, job)
        })
    }

    fn job<'a>(&'a self, command: &Command, params: At<'a>, space: &'a Space) -> Job<'a> {
        let block = |block| match (block, &space.scratch) {
            (Block::Image, _) => At::start(&*self.image),
            (Block::Witness, _) => At::start(&*space.witness.0),
            (Block::Sums, _) => At::start(&*space.sums.0),
            (Block::Scratch, Some(scratch)) => At::start(&*scratch.0),
            (Block::Values, _) | (Block::Scratch, None) => At::start(&*space.values.0),
        };
        let place = |place: Place| block(place.block).plus(place.offset);
        match *command {
            Command::Vector { flags, operands, d, n } => {
                let at = |operand| match operand {
                    Operand::Zero | Operand::One => None,
                    Operand::Stream(at) => Some(place(at)),
                    Operand::Gather { from, .. } => Some(block(from)),
                };
                let [a, b, c] = operands;
                let indices = match b {
                    Operand::Gather { indices, .. } => Some(block(Block::Image).plus(indices)),
                    _ => None,
                };
                Job::Vector(VectorJob {
                    operation: VectorOperation::Map,
                    flags,
                    kinds: kinds(a.kind(), b.kind(), c.kind()),
                    a: at(a),
                    b: at(b),
                    c: at(c),
                    d: place(d),
                    params,
                    indices,
                    n,
                })
            }
            Command::Ntt { from, to, ref pass, batch, stride } => Job::Ntt(NttJob {
                source: block(from),
                destination: block(to),
                params,
                stride,
                batch,
                log_before: pass.log_before,
                log_len: pass.log_len,
                log_after: pass.log_after,
                reversed_in: pass.reversed_in,
                reversed_out: pass.reversed_out,
            }),
        }
    }
}
