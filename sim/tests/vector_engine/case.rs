//! A VECTOR command for the benches: into card memory, and what memory is after it by the golden model.

use crate::common::{element, vector};
use num_bigint::BigUint;
use permafrost_abi::{
    vector::kinds, VectorKind, VectorOperation, VectorParameters, VECTOR_EXCLUSIVE, VECTOR_NEGATE_ADDEND,
    VECTOR_NEGATE_PRODUCT,
};
use permafrost_rtl::vector::model::{Model as Golden, Operand, Prefix, Signs};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Where d is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Apart,
    /// At the operand's own address.
    On(usize),
    /// Between the operand's elements.
    Between(usize),
}

/// A command, its parameters, and what is in memory before it. Operands 0 to 3 are a, b, c, d.
#[derive(Clone, Debug)]
pub struct Case {
    pub operation: VectorOperation,
    pub flags: u8,
    pub kinds: [VectorKind; 3],
    pub n: usize,
    pub addresses: [u64; 4],
    pub strides: [u32; 4],
    pub params: u64,
    pub scalars: [BigUint; 3],
    pub indices_at: u64,
    pub indices: Vec<u32>,
    pub b_len: u32,
    /// Elements of a, b, c in memory.
    pub vectors: [Vec<BigUint>; 3],
}

pub fn is_map(operation: VectorOperation) -> bool {
    matches!(operation, VectorOperation::Map | VectorOperation::Reduce)
}

impl Case {
    /// Random elements, strides up to `max_stride` and places: operands follow each other with a little room between them.
    pub fn random(
        rng: &mut ChaCha8Rng,
        operation: VectorOperation,
        kinds: [VectorKind; 3],
        n: usize,
        max_stride: u32,
        place: Place,
    ) -> Case {
        let mut strides = [(); 4].map(|_| rng.gen_range(1..=max_stride));
        if let Place::On(x) | Place::Between(x) = place {
            if place != Place::On(x) {
                strides[x] = strides[x].max(2);
            }
            strides[3] = strides[x];
        }
        let gathers = kinds[1] == VectorKind::Gather;
        let b_len = if gathers { rng.gen_range(1..2 * n as u32 + 2) } else { 0 };
        let lengths = [n, if gathers { b_len as usize } else { n }, n];
        let reads = |x: usize| {
            matches!(kinds[x], VectorKind::Stream | VectorKind::Gather) && (is_map(operation) || x == 0)
        };
        let mut next = 32 * rng.gen_range(0..300u64);
        let mut room = |rng: &mut ChaCha8Rng, bytes: u64, align: u64| {
            let at = (next + 32 * rng.gen_range(0..4)).next_multiple_of(align);
            next = at + bytes;
            at
        };
        let params = room(rng, 192, 64);
        let mut addresses = [0; 4];
        let mut vectors = [vec![], vec![], vec![]];
        for x in (0..3).filter(|&x| reads(x)) {
            addresses[x] = room(rng, 32 * lengths[x] as u64 * u64::from(strides[x]), 32);
            vectors[x] = vector(rng, lengths[x]);
        }
        let results = if operation == VectorOperation::Reduce { 1 } else { n };
        addresses[3] = match place {
            Place::Apart => room(rng, 32 * results as u64 * u64::from(strides[3]), 32),
            Place::On(x) => addresses[x],
            Place::Between(x) => addresses[x] + 32 * rng.gen_range(1..u64::from(strides[x])),
        };
        let indices_at = if gathers { room(rng, 4 * n as u64, 64) } else { 0 };
        let indices = if gathers { (0..n).map(|_| rng.gen_range(0..b_len)).collect() } else { vec![] };
        let used = |x: usize| match kinds[x] {
            VectorKind::Scalar | VectorKind::Powers => is_map(operation),
            _ => false,
        };
        let scalars = [0, 1, 2].map(|x| if used(x) { vector(rng, 1).remove(0) } else { BigUint::ZERO });
        let flags = match operation {
            VectorOperation::PrefixProduct => [0, VECTOR_EXCLUSIVE][rng.gen_range(0..2)],
            VectorOperation::Inverse => 0,
            _ => rng.gen_range(0..=VECTOR_NEGATE_PRODUCT | VECTOR_NEGATE_ADDEND),
        };
        let case = Case {
            operation,
            flags,
            kinds,
            n,
            addresses,
            strides,
            params,
            scalars,
            indices_at,
            indices,
            b_len,
            vectors,
        };
        // A zero would end every product behind it.
        match operation {
            VectorOperation::PrefixProduct if rng.gen() => {
                let a =
                    case.vectors[0]
                        .iter()
                        .map(|x| if *x == BigUint::ZERO { element(rng) } else { x.clone() });
                Case { vectors: [a.collect(), vec![], vec![]], ..case.clone() }
            }
            _ => case,
        }
    }

    /// d = a b + c, say, on streams that lie in memory one after another.
    pub fn contiguous(
        rng: &mut ChaCha8Rng,
        operation: VectorOperation,
        kinds: [VectorKind; 3],
        n: usize,
    ) -> Case {
        Case::random(rng, operation, kinds, n, 1, Place::Apart)
    }

    pub fn kinds_byte(&self) -> u8 {
        kinds(self.kinds[0], self.kinds[1], self.kinds[2])
    }

    pub fn parameters(&self) -> VectorParameters {
        let [a_stride, b_stride, c_stride, d_stride] = self.strides;
        let limbs = |x: &BigUint| {
            let mut limbs = x.to_u64_digits();
            limbs.resize(4, 0);
            limbs.try_into().expect("four")
        };
        VectorParameters {
            a_scalar: limbs(&self.scalars[0]),
            b_scalar: limbs(&self.scalars[1]),
            c_scalar: limbs(&self.scalars[2]),
            a_stride,
            b_stride,
            c_stride,
            d_stride,
            indices: self.indices_at,
            b_len: self.b_len,
            reserved: [0; 68],
        }
    }

    fn at(&self, x: usize, i: usize) -> usize {
        (self.addresses[x] + 32 * u64::from(self.strides[x]) * i as u64) as usize
    }

    /// One byte behind the highest one that the case uses.
    pub fn end(&self) -> usize {
        let vector = |x: usize| self.vectors[x].len().checked_sub(1).map_or(0, |i| self.at(x, i) + 32);
        let results = if self.operation == VectorOperation::Reduce { 1 } else { self.n };
        let d = results.checked_sub(1).map_or(0, |i| self.at(3, i) + 32);
        let indices = self.indices_at as usize + 4 * self.n;
        [vector(0), vector(1), vector(2), d, indices, self.params as usize + 192]
            .into_iter()
            .max()
            .expect("six of them")
    }

    /// Card memory before the command; everything but its data is rubbish.
    pub fn memory(&self, bytes: usize) -> Vec<u8> {
        let mut memory = vec![0xee; bytes];
        for (x, vector) in self.vectors.iter().enumerate() {
            for (i, value) in vector.iter().enumerate() {
                put(&mut memory, self.at(x, i), value);
            }
        }
        for (i, index) in self.indices.iter().enumerate() {
            let at = self.indices_at as usize + 4 * i;
            memory[at..at + 4].copy_from_slice(&index.to_le_bytes());
        }
        let params = self.params as usize;
        memory[params..params + 192].copy_from_slice(bytemuck::bytes_of(&self.parameters()));
        memory
    }

    /// The elements that are written.
    pub fn results(&self, golden: &Golden) -> Vec<BigUint> {
        let gathered: Vec<BigUint>;
        let vectors = match self.kinds[1] {
            VectorKind::Gather => {
                gathered = self.indices.iter().map(|&i| self.vectors[1][i as usize].clone()).collect();
                [&self.vectors[0], &gathered, &self.vectors[2]]
            }
            _ => [&self.vectors[0], &self.vectors[1], &self.vectors[2]],
        };
        let operand = |x: usize| match self.kinds[x] {
            VectorKind::Stream | VectorKind::Gather => Operand::Vector(vectors[x]),
            VectorKind::Scalar => Operand::Scalar(&self.scalars[x]),
            VectorKind::Powers => Operand::Powers(&self.scalars[x]),
        };
        let signs = Signs {
            negate_product: self.flags & VECTOR_NEGATE_PRODUCT != 0,
            negate_addend: self.flags & VECTOR_NEGATE_ADDEND != 0,
        };
        let map = || golden.map(self.n, operand(0), operand(1), operand(2), signs);
        match self.operation {
            VectorOperation::Map => map(),
            VectorOperation::Reduce => vec![golden.sum(&map())],
            VectorOperation::PrefixProduct if self.flags & VECTOR_EXCLUSIVE != 0 => {
                golden.prefix_product(vectors[0], Prefix::Exclusive)
            }
            VectorOperation::PrefixProduct => golden.prefix_product(vectors[0], Prefix::Inclusive),
            VectorOperation::Inverse => golden.batch_inverse(vectors[0]),
        }
    }

    /// `memory` after the command.
    pub fn after(&self, golden: &Golden, mut memory: Vec<u8>) -> Vec<u8> {
        for (i, value) in self.results(golden).iter().enumerate() {
            put(&mut memory, self.at(3, i), value);
        }
        memory
    }
}

fn put(memory: &mut [u8], at: usize, value: &BigUint) {
    let mut bytes = value.to_bytes_le();
    bytes.resize(32, 0);
    memory[at..at + 32].copy_from_slice(&bytes);
}
