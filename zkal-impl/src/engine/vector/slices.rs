//! Vector operations on the host's memory: up, one command, back; or on the CPU where the policy says so.

use ark_bn254::Fr;
use ark_ff::{batch_inversion, One};
use ark_poly::univariate::DensePolynomial;
use ark_poly::{DenseUVPolynomial, Polynomial};

use super::ops::VectorOutcome;
use super::DeviceVec;
use crate::engine::report::{Op, Operation};
use crate::engine::Engine;
use crate::error::Result;

impl Engine {
    /// Replaces every value by its inverse, and leaves 0.
    ///
    /// # Errors
    /// As [`map`](Self::map), where the policy turns none of them into a computation on the CPU.
    pub fn invert_slice(&self, values: &mut [Fr]) -> Result<Operation> {
        self.replace(values, "inverse", |vec| self.invert(vec, vec), batch_inversion)
    }

    /// Replaces every value by the product of those before it and, unless `exclusive`, itself.
    ///
    /// # Errors
    /// As [`invert_slice`](Self::invert_slice).
    pub fn prefix_product_slice(&self, values: &mut [Fr], exclusive: bool) -> Result<Operation> {
        let on_cpu = |values: &mut [Fr]| {
            let mut product = Fr::one();
            for value in values {
                let before = product;
                product *= *value;
                *value = if exclusive { before } else { product };
            }
        };
        self.replace(values, "prefix product", |vec| self.prefix_product(vec, vec, exclusive), on_cpu)
    }

    /// The sum of all values.
    ///
    /// # Errors
    /// As [`invert_slice`](Self::invert_slice).
    pub fn sum_slice(&self, values: &[Fr]) -> Result<VectorOutcome> {
        self.reduce(values.len(), || self.sum(&self.upload_secret(values)?), || values.iter().sum())
    }

    /// `Σ a[i]·b[i]`.
    ///
    /// # Errors
    /// As [`invert_slice`](Self::invert_slice); [`Error::VectorLength`](crate::Error::VectorLength) for slices of different
    /// length.
    pub fn inner_product_slices(&self, a: &[Fr], b: &[Fr]) -> Result<VectorOutcome> {
        if a.len() != b.len() {
            let what = "second slice of an inner product";
            return Err(crate::Error::VectorLength { what, found: b.len(), expected: a.len() });
        }
        let on_card = || {
            let [a, b] = [self.upload_secret(a)?, self.upload_secret(b)?];
            self.inner_product(&a, &b)
        };
        self.reduce(a.len(), on_card, || a.iter().zip(b).map(|(a, b)| *a * b).sum())
    }

    /// The polynomial with these coefficients, lowest first, at `x`.
    ///
    /// # Errors
    /// As [`invert_slice`](Self::invert_slice).
    pub fn evaluate_slice(&self, coefficients: &[Fr], x: Fr) -> Result<VectorOutcome> {
        let on_card = || self.evaluate(&self.upload_secret(coefficients)?, x);
        let on_cpu = || DensePolynomial::from_coefficients_slice(coefficients).evaluate(&x);
        self.reduce(coefficients.len(), on_card, on_cpu)
    }

    fn reduce(
        &self,
        n: usize,
        on_card: impl FnOnce() -> Result<VectorOutcome>,
        on_cpu: impl FnOnce() -> Fr,
    ) -> Result<VectorOutcome> {
        let card = || on_card().map(|outcome| (outcome.value, outcome.operation));
        let (value, operation) = self.card_or_cpu(Op::Vector, self.has_vector(), n, "sum", card, on_cpu)?;
        Ok(VectorOutcome { value, operation })
    }

    fn replace(
        &self,
        values: &mut [Fr],
        label: &'static str,
        on_card: impl FnOnce(&DeviceVec) -> Result<Operation>,
        on_cpu: impl FnOnce(&mut [Fr]),
    ) -> Result<Operation> {
        let n = values.len();
        let values = std::cell::RefCell::new(values);
        let card = || {
            let vec = self.upload_secret(&values.borrow())?;
            let operation = on_card(&vec)?;
            vec.read(&mut values.borrow_mut())?;
            Ok(((), operation))
        };
        let cpu = || on_cpu(&mut values.borrow_mut());
        Ok(self.card_or_cpu(Op::Vector, self.has_vector(), n, label, card, cpu)?.1)
    }
}
