//! Arithmetic on vectors in card memory: one VECTOR command each.

use ark_bn254::Fr;
use ark_ff::Zero;
use permafrost_abi::vector::kinds;
use permafrost_abi::{
    VectorKind, VectorOperation, VectorParameters, VECTOR_EXCLUSIVE, VECTOR_NEGATE_ADDEND,
    VECTOR_NEGATE_PRODUCT,
};

use super::{DeviceIndices, DeviceVec, Operand, Terms};
use crate::engine::job::{At, VectorJob};
use crate::engine::report::{Op, Operation, StreamRun, PORT_BYTES};
use crate::engine::scalars::SCALAR_BYTES;
use crate::engine::secret::Secret;
use crate::engine::sequence::{Sequence, PARAMS_BYTES};
use crate::engine::{lock, Engine};
use crate::error::{Error, Result};

/// A value made of whole vectors, and the record of how.
#[derive(Clone, Debug)]
pub struct VectorOutcome<T = Fr> {
    /// The value.
    pub value: T,
    /// Where it was computed, and in how many clocks.
    pub operation: Operation,
}

/// An operand as a command has it.
struct Encoded<'a> {
    kind: VectorKind,
    at: Option<At<'a>>,
    scalar: Fr,
    stride: u32,
}

/// A command to be.
struct Command<'a> {
    label: &'static str,
    operation: VectorOperation,
    flags: u8,
    n: usize,
    a: Encoded<'a>,
    b: Encoded<'a>,
    c: Encoded<'a>,
    indices: Option<(&'a DeviceIndices, u32)>,
}

impl Engine {
    /// Whether the card has a VECTOR engine.
    pub fn has_vector(&self) -> bool {
        self.shared.device.vector_lanes().is_some()
    }

    /// `d[i] = terms[i]`: sums, differences, products and their combinations, elementwise; scaling, adding a constant,
    /// powers of an element, gathering. `d` may be one of the operands.
    ///
    /// # Errors
    /// [`Error::VectorLength`] when a vector is not of `d`'s length; [`Error::VectorOverlap`] when `d` overlaps an operand
    /// otherwise than in place; [`Error::Terms`] for operands that the card does not combine; [`Error::NotOnCard`] for a
    /// card without a VECTOR engine; [`Error::ForeignVector`], [`Error::VectorLost`], [`Error::OutOfCardMemory`], and any
    /// card failure.
    pub fn map(&self, d: &DeviceVec, terms: &Terms<'_>) -> Result<Operation> {
        let command = self.command("map", VectorOperation::Map, Some(d), d.len(), terms)?;
        self.run_vector(&command, d)
    }

    /// `Σ terms[i]` for i from 0 to `n` - 1.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn fold(&self, n: usize, terms: &Terms<'_>) -> Result<VectorOutcome> {
        let command = self.command("sum", VectorOperation::Reduce, None, n, terms)?;
        // One element is half a unit of memory.
        let result = self.new_vec(2)?.secret().slice(0..1)?;
        let operation = self.run_vector(&command, &result)?;
        let value = if n == 0 { Fr::zero() } else { result.download()?[0] };
        Ok(VectorOutcome { value, operation })
    }

    /// The sum of all elements.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn sum(&self, vec: &DeviceVec) -> Result<VectorOutcome> {
        self.fold(vec.len(), &Terms::of(vec))
    }

    /// `Σ a[i]·b[i]`.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn inner_product(&self, a: &DeviceVec, b: &DeviceVec) -> Result<VectorOutcome> {
        self.fold(a.len(), &Terms::product(a, b))
    }

    /// The polynomial with these coefficients, lowest first, at `x`.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn evaluate(&self, coefficients: &DeviceVec, x: Fr) -> Result<VectorOutcome> {
        self.fold(coefficients.len(), &Terms::product(coefficients, Operand::Powers(x)))
    }

    /// `d[i] = first · base^i`.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn powers(&self, d: &DeviceVec, first: Fr, base: Fr) -> Result<Operation> {
        self.map(d, &Terms::product(first, Operand::Powers(base)))
    }

    /// `d[i] = source[indices[i]]`.
    ///
    /// # Errors
    /// As [`map`](Self::map); [`Error::ElementRange`] for an index outside `source`.
    pub fn gather(&self, d: &DeviceVec, source: &DeviceVec, indices: &DeviceIndices) -> Result<Operation> {
        self.map(d, &Terms::of(Operand::Gather(source, indices)))
    }

    /// `d[i] = source[0] · … · source[i]`; if `exclusive`, `d[0] = 1` and `d[i] = source[0] · … · source[i-1]`.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn prefix_product(&self, d: &DeviceVec, source: &DeviceVec, exclusive: bool) -> Result<Operation> {
        let flags = if exclusive { VECTOR_EXCLUSIVE } else { 0 };
        self.unary("prefix product", VectorOperation::PrefixProduct, flags, d, source)
    }

    /// `d[i] = 1 / source[i]`, and 0 for 0.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn invert(&self, d: &DeviceVec, source: &DeviceVec) -> Result<Operation> {
        self.unary("inverse", VectorOperation::Inverse, 0, d, source)
    }

    fn unary(
        &self,
        label: &'static str,
        operation: VectorOperation,
        flags: u8,
        d: &DeviceVec,
        source: &DeviceVec,
    ) -> Result<Operation> {
        let none = || Encoded { kind: VectorKind::Stream, at: None, scalar: Fr::zero(), stride: 0 };
        let a = self.encode(d.len(), Some(d), &Operand::Vector(source))?;
        let command = Command { label, operation, flags, n: d.len(), a, b: none(), c: none(), indices: None };
        self.run_vector(&command, d)
    }

    /// The command for a map to `d`, or for a sum.
    fn command<'a>(
        &self,
        label: &'static str,
        operation: VectorOperation,
        d: Option<&DeviceVec>,
        n: usize,
        terms: &Terms<'a>,
    ) -> Result<Command<'a>> {
        let plain = |operand: &Operand<'_>| matches!(operand, Operand::Vector(_) | Operand::Scalar(_));
        let (a, b) = if plain(&terms.a) { (terms.a, terms.b) } else { (terms.b, terms.a) };
        if !plain(&a) {
            return Err(Error::Terms { what: "both factors are powers or gathered" });
        }
        if !plain(&terms.c) {
            return Err(Error::Terms { what: "the addend is powers or gathered" });
        }
        let flag = |set, flag| if set { flag } else { 0 };
        let indices = match b {
            Operand::Gather(source, indices) => Some((indices, count(source.len())?)),
            _ => None,
        };
        Ok(Command {
            label,
            operation,
            flags: flag(terms.negate_product, VECTOR_NEGATE_PRODUCT)
                | flag(terms.negate_addend, VECTOR_NEGATE_ADDEND),
            n,
            a: self.encode(n, d, &a)?,
            b: self.encode(n, d, &b)?,
            c: self.encode(n, d, &terms.c)?,
            indices,
        })
    }

    /// Checks an operand of a command of `n` elements that writes `d`.
    fn encode<'a>(&self, n: usize, d: Option<&DeviceVec>, operand: &Operand<'a>) -> Result<Encoded<'a>> {
        let element = |kind, scalar| Ok(Encoded { kind, at: None, scalar, stride: 0 });
        let (vec, kind) = match *operand {
            Operand::Scalar(scalar) => return element(VectorKind::Scalar, scalar),
            Operand::Powers(base) => return element(VectorKind::Powers, base),
            Operand::Vector(vec) => {
                vec.check_is(n)?;
                (vec, VectorKind::Stream)
            }
            Operand::Gather(vec, indices) => {
                if indices.engine != self.shared.id {
                    return Err(Error::ForeignVector);
                }
                if indices.len() != n {
                    let what = "indices";
                    return Err(Error::VectorLength { what, found: indices.len(), expected: n });
                }
                if indices.bound() > vec.len() as u64 {
                    let end = indices.bound() as usize;
                    return Err(Error::ElementRange { start: end - 1, end, len: vec.len() });
                }
                (vec, VectorKind::Gather)
            }
        };
        self.check_vec(vec)?;
        if let Some(d) = d.filter(|d| vec.meets(d)) {
            let together = vec.step() == d.step() && vec.first.abs_diff(d.first) < d.step();
            if kind == VectorKind::Gather || !together {
                return Err(Error::VectorOverlap {
                    what: "the result of a vector operation and one of its operands",
                });
            }
        }
        Ok(Encoded { kind, at: Some(vec.at()), scalar: Fr::zero(), stride: stride(vec)? })
    }

    /// Runs a command that writes `d`.
    fn run_vector(&self, command: &Command<'_>, d: &DeviceVec) -> Result<Operation> {
        let lanes = self.shared.device.vector_lanes().ok_or(Error::NotOnCard { op: "vector operations" })?;
        self.check_vec(d)?;
        let Command { operation, flags, n, a, b, c, indices, .. } = command;
        let mut run = StreamRun { lanes, ..StreamRun::default() };
        if *n > 0 {
            let limbs = |value: Fr| value.0 .0;
            let map = matches!(operation, VectorOperation::Map | VectorOperation::Reduce);
            let params = VectorParameters {
                a_scalar: limbs(a.scalar),
                b_scalar: limbs(b.scalar),
                c_scalar: limbs(c.scalar),
                a_stride: a.stride,
                b_stride: b.stride,
                c_stride: c.stride,
                d_stride: stride(d)?,
                indices: indices.map_or(0, |(indices, _)| indices.buffer.address()),
                b_len: indices.map_or(0, |(_, len)| len),
                ..Default::default()
            };
            let _running = lock(&self.shared.running);
            let block = Secret(self.alloc(PARAMS_BYTES, || "parameters of a command".to_owned())?);
            let mut sequence = Sequence::new(&*block.0);
            let job = VectorJob {
                operation: *operation,
                flags: *flags,
                kinds: if map { kinds(a.kind, b.kind, c.kind) } else { 0 },
                a: a.at,
                b: b.at,
                c: c.at,
                d: d.at(),
                params: At::start(&*block.0),
                indices: indices.map(|(indices, _)| At::start(&*indices.buffer)),
                n: count(*n)?,
            };
            sequence.vector(command.label, job, &params);
            let read = [a, b, c].iter().filter(|operand| operand.at.is_some()).count() * n * SCALAR_BYTES
                + indices.map_or(0, |_| 4 * n);
            let written = if *operation == VectorOperation::Reduce { 1 } else { *n } * SCALAR_BYTES;
            let bytes = read.max(written) as u64;
            let bound = (*n as u64).div_ceil(u64::from(lanes)).max(bytes.div_ceil(PORT_BYTES));
            run = StreamRun::new(1, lanes, bound, sequence.run(&*self.shared.device, Vec::new())?);
        }
        let mut operation = Operation::stream(Op::Vector, *n, 1, run);
        operation.label = Some(command.label);
        self.log(&operation);
        Ok(operation)
    }
}

impl DeviceVec {
    fn check_is(&self, n: usize) -> Result<()> {
        match self.len() == n {
            true => Ok(()),
            false => Err(Error::VectorLength { what: "operand", found: self.len(), expected: n }),
        }
    }
}

/// Elements as a command counts them.
fn count(len: usize) -> Result<u32> {
    u32::try_from(len).map_err(|_| Error::VectorTooLong { len, max: u32::MAX as usize })
}

/// Distance of elements as a command has it.
fn stride(vec: &DeviceVec) -> Result<u32> {
    // With at most one element it is of no use.
    if vec.len() <= 1 {
        Ok(1)
    } else {
        count(vec.step())
    }
}
