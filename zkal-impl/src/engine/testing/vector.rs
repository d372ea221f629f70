//! The VECTOR command as the double does it: the contract's meaning, element by element.

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use permafrost_abi::vector::{VECTOR_KIND_A, VECTOR_KIND_B, VECTOR_KIND_C};
use permafrost_abi::{
    VectorKind, VectorOperation, VectorParameters, VECTOR_EXCLUSIVE, VECTOR_NEGATE_ADDEND,
    VECTOR_NEGATE_PRODUCT,
};
use permafrost_driver::Status;

use super::{refused, TestDevice};
use crate::engine::job::VectorJob;
use crate::error::{Error, Result};

fn bad(status: Status, info: usize) -> Error {
    refused("VECTOR", status, info as u32)
}

/// An operand by its kind.
struct Operand {
    kind: VectorKind,
    address: u64,
    scalar: Fr,
    stride: u32,
}

impl Operand {
    /// First byte and one past the last.
    fn span(&self, n: u32) -> (u64, u64) {
        (self.address, self.address + 32 * (u64::from(self.stride) * u64::from(n.max(1) - 1) + 1))
    }
}

impl TestDevice {
    /// Runs a job; its clocks, one an element.
    pub(super) fn vector(&self, job: &VectorJob<'_>) -> Result<u64> {
        self.log2_block.ok_or_else(|| bad(Status::BadOpcode, 0))?;
        let command = job.command();
        let map = matches!(job.operation, VectorOperation::Map | VectorOperation::Reduce);
        let allowed = match job.operation {
            VectorOperation::PrefixProduct => VECTOR_EXCLUSIVE,
            VectorOperation::Inverse => 0,
            _ => VECTOR_NEGATE_PRODUCT | VECTOR_NEGATE_ADDEND,
        };
        if job.flags & !allowed != 0 {
            return Err(bad(Status::BadField, 61));
        }
        let kind = |shift| VectorKind::try_from(command.kinds >> shift & 3).expect("two bits");
        let kinds = [kind(VECTOR_KIND_A), kind(VECTOR_KIND_B), kind(VECTOR_KIND_C)];
        let reads = |kind| matches!(kind, VectorKind::Stream | VectorKind::Gather);
        let addresses = [command.a, command.b, command.c];
        if command.kinds >> 6 != 0 || !map && command.kinds != 0 || [0, 2].iter().any(|i| kinds[*i] as u8 > 1)
        {
            return Err(bad(Status::BadField, 62));
        }
        for (i, (kind, address)) in kinds.into_iter().zip(addresses).enumerate() {
            if address != 0 && !(reads(kind) && (map || i == 0)) {
                return Err(bad(Status::BadField, 16 + 8 * i));
            }
            assert!(!reads(kind) || !map || address != 0, "a stream has an address");
        }
        if addresses.iter().chain([&command.d]).any(|address| address % 32 != 0) || command.params % 64 != 0 {
            return Err(bad(Status::BadAddress, 16));
        }
        let bytes = self.memory.read(command.params, 192);
        let params: VectorParameters = bytemuck::pod_read_unaligned(&bytes);
        if params.reserved.iter().any(|byte| *byte != 0) {
            return Err(bad(Status::BadParameter, 124));
        }
        let strides = [params.a_stride, params.b_stride, params.c_stride];
        let mut operands = Vec::new();
        for (i, ((kind, address), stride)) in kinds.into_iter().zip(addresses).zip(strides).enumerate() {
            let at = 32 * i;
            let scalar = self.memory.element(command.params + at as u64);
            let scalar = scalar.ok_or_else(|| bad(Status::BadParameter, at))?;
            if !scalar.is_zero() && reads(kind) {
                return Err(bad(Status::BadParameter, at));
            }
            if stride == 0 && reads(kind) && (map || i == 0) {
                return Err(bad(Status::BadParameter, 96 + 4 * i));
            }
            operands.push(Operand { kind, address, scalar, stride });
        }
        let gathers = kinds[1] == VectorKind::Gather;
        if params.indices % 64 != 0 || !gathers && (params.indices, params.b_len) != (0, 0) {
            return Err(bad(Status::BadParameter, 112));
        }
        let d = Operand {
            kind: VectorKind::Stream,
            address: command.d,
            scalar: Fr::zero(),
            stride: if job.operation == VectorOperation::Reduce { 1 } else { params.d_stride },
        };
        if d.stride == 0 {
            return Err(bad(Status::BadParameter, 108));
        }
        self.check_overlap(job, &operands, &d, &params)?;
        let values = self.values(job, &operands, &params)?;
        for (i, value) in values.into_iter().enumerate() {
            self.memory.write_element(d.address + 32 * u64::from(d.stride) * i as u64, value);
        }
        Ok(u64::from(job.n) + 1)
    }

    fn check_overlap(
        &self,
        job: &VectorJob<'_>,
        operands: &[Operand],
        d: &Operand,
        params: &VectorParameters,
    ) -> Result<()> {
        let map = matches!(job.operation, VectorOperation::Map | VectorOperation::Reduce);
        let results = if job.operation == VectorOperation::Reduce { 1 } else { job.n };
        let meet = |(a, b): (u64, u64), (c, d): (u64, u64)| a < d && c < b;
        for operand in operands.iter().take(if map { 3 } else { 1 }) {
            let (n, together) = match operand.kind {
                VectorKind::Stream => {
                    let apart = operand.address.abs_diff(d.address);
                    let reduce = job.operation == VectorOperation::Reduce;
                    (job.n, !reduce && operand.stride == d.stride && apart < 32 * u64::from(d.stride))
                }
                VectorKind::Gather => (params.b_len, false),
                _ => continue,
            };
            if n > 0 && results > 0 && meet(operand.span(n), d.span(results)) && !together {
                return Err(bad(Status::BadField, 40));
            }
        }
        let indices = (params.indices, params.indices + 4 * u64::from(job.n));
        if params.indices != 0 && meet(indices, d.span(results)) {
            return Err(bad(Status::BadField, 40));
        }
        Ok(())
    }

    /// The elements to be written.
    fn values(
        &self,
        job: &VectorJob<'_>,
        operands: &[Operand],
        params: &VectorParameters,
    ) -> Result<Vec<Fr>> {
        let get = |operand: &Operand, i: u32| {
            let at = |index: u32| {
                let address = operand.address + 32 * u64::from(operand.stride) * u64::from(index);
                self.memory.element(address).expect("an element below r")
            };
            Ok(match operand.kind {
                VectorKind::Stream => at(i),
                VectorKind::Scalar => operand.scalar,
                VectorKind::Powers => operand.scalar.pow([u64::from(i)]),
                VectorKind::Gather => {
                    let bytes = self.memory.read(params.indices + 4 * u64::from(i), 4);
                    let index = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
                    if index >= params.b_len {
                        return Err(bad(Status::BadParameter, 120));
                    }
                    at(index)
                }
            })
        };
        let sign = |flag, value: Fr| if job.flags & flag != 0 { -value } else { value };
        let terms = || {
            (0..job.n).map(|i| {
                let product = get(&operands[0], i)? * get(&operands[1], i)?;
                let addend = get(&operands[2], i)?;
                Ok(sign(VECTOR_NEGATE_PRODUCT, product) + sign(VECTOR_NEGATE_ADDEND, addend))
            })
        };
        let first = || (0..job.n).map(|i| get(&operands[0], i));
        match job.operation {
            VectorOperation::Map => terms().collect(),
            VectorOperation::Reduce => Ok(vec![terms().sum::<Result<Fr>>()?]),
            VectorOperation::Inverse => first().map(|a| Ok(a?.inverse().unwrap_or_default())).collect(),
            VectorOperation::PrefixProduct => {
                let mut product = Fr::one();
                first()
                    .map(|a| {
                        let before = product;
                        product *= a?;
                        Ok(if job.flags & VECTOR_EXCLUSIVE != 0 { before } else { product })
                    })
                    .collect()
            }
        }
    }
}
