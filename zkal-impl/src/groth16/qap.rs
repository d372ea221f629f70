//! The quotient polynomial as circom's tools compute it.
//!
//! With `a`, `b`, `c` the polynomials through the constraint values on a domain of size n, snarkjs does not divide by
//! the vanishing polynomial: it evaluates `a·b - c` on the odd coset (the domain times the 2n-th root of unity ω),
//! where the vanishing polynomial is the constant -2, and the key's H points are Lagrange polynomials over that coset
//! which carry the constant. Sources: snarkjs `src/groth16_prove.js`; `CircomReduction` of ark-circom.

use ark_bn254::Fr;
use ark_ff::{FftField, PrimeField};
use ark_groth16::r1cs_to_qap::{evaluate_constraint, LibsnarkReduction, R1CSToQAP};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use ark_relations::gr1cs::{ConstraintSystemRef, Matrix, SynthesisError};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::zkey::ProvingKey;
use crate::engine::ntt::Transform;
use crate::engine::{CpuReason, Engine, Op, Operation};
use crate::error::Result;

/// A domain and its odd coset.
pub(crate) struct OddCoset<F: FftField, D: EvaluationDomain<F>> {
    domain: D,
    /// The 2n-th root of unity ω.
    shift: F,
}

impl<F: PrimeField, D: EvaluationDomain<F>> OddCoset<F, D> {
    /// For a domain of `size` elements; none when the field has no root of unity of twice that order.
    pub(crate) fn new(size: usize) -> Option<Self> {
        let domain = D::new(size)?;
        let shift = F::get_root_of_unity(2 * domain.size() as u64)?;
        Some(OddCoset { domain, shift })
    }

    /// Number of elements of the domain.
    pub(crate) fn size(&self) -> usize {
        self.domain.size()
    }

    /// Values of `a·b - c` on the odd coset, given the values of `a` and `b` on the domain (`c = a·b` there): three
    /// inverse and three forward NTTs of the domain's size. `log` is told of every step.
    fn quotient(
        &self,
        mut a: Zeroizing<Vec<F>>,
        mut b: Zeroizing<Vec<F>>,
        mut log: impl FnMut(Op, &'static str),
    ) -> Zeroizing<Vec<F>> {
        let mut c = Zeroizing::new(a.par_iter().zip(&*b).map(|(a, b)| *a * b).collect::<Vec<F>>());
        log(Op::Vector, "a·b");
        let names =
            [("ifft a", "shift a", "fft a"), ("ifft b", "shift b", "fft b"), ("ifft c", "shift c", "fft c")];
        for (values, (ifft, shift, fft)) in [&mut a, &mut b, &mut c].into_iter().zip(names) {
            self.domain.ifft_in_place(&mut **values);
            log(Op::Ntt, ifft);
            D::distribute_powers_and_mul_by_const(values, self.shift, F::one());
            log(Op::Vector, shift);
            self.domain.fft_in_place(&mut **values);
            log(Op::Ntt, fft);
        }
        a.par_iter_mut().zip(&*b).zip(&*c).for_each(|((a, b), c)| *a = *a * b - c);
        log(Op::Vector, "a·b - c");
        a
    }
}

impl OddCoset<Fr, Radix2EvaluationDomain<Fr>> {
    /// A batch of transforms from values on the domain to coefficients, and from there to values on the odd coset.
    pub(crate) fn transforms(&self, batch: usize) -> (Transform, Transform) {
        let domain = &self.domain;
        let forward = Transform::with_omega(domain.log_size_of_group, domain.group_gen).batch(batch);
        (forward.inverse(), forward.on_coset(self.shift))
    }
}

/// The scalars of the H points, from the constraint matrices and the witness, and the record of the steps. On the CPU,
/// for the reason `why`.
///
/// # Errors
/// [`Error::NotOnCard`](crate::Error::NotOnCard) when the card has no engine for it and the policy forbids the CPU.
pub(crate) fn h_scalars(
    engine: &Engine,
    key: &ProvingKey,
    witness: &[Fr],
    why: &CpuReason,
) -> Result<(Zeroizing<Vec<Fr>>, Vec<Operation>)> {
    if *why == CpuReason::NoEngine {
        engine.allow_cpu(engine.policy().ntt, "NTTs and vector operations")?;
    }
    let mut operations = Vec::new();
    let mut log = |op, label| {
        let mut operation = Operation::on_cpu(op, None, key.coset.size(), why.clone());
        operation.label = Some(label);
        engine.log(&operation);
        operations.push(operation);
    };
    let a = Zeroizing::new(key.matrix_a.times(witness));
    log(Op::Vector, "A·w");
    let b = Zeroizing::new(key.matrix_b.times(witness));
    log(Op::Vector, "B·w");
    let h = key.coset.quotient(a, b, &mut log);
    Ok((h, operations))
}

/// arkworks' interface to circom's quotient, so that `ark_groth16::Groth16<_, CircomReduction>` makes and uses keys in
/// snarkjs' form.
///
/// As in snarkjs the value of `c` in a constraint is taken to be `a·b`: a witness that violates a constraint gives a
/// proof that does not verify.
pub struct CircomReduction;

impl R1CSToQAP for CircomReduction {
    fn instance_map_with_evaluation<F: PrimeField, D: EvaluationDomain<F>>(
        cs: ConstraintSystemRef<F>,
        t: &F,
    ) -> Result<(Vec<F>, Vec<F>, Vec<F>, F, usize, usize), SynthesisError> {
        LibsnarkReduction::instance_map_with_evaluation::<F, D>(cs, t)
    }

    fn witness_map_from_matrices<F: PrimeField, D: EvaluationDomain<F>>(
        matrices: &[Matrix<F>],
        num_inputs: usize,
        num_constraints: usize,
        full_assignment: &[F],
    ) -> Result<Vec<F>, SynthesisError> {
        let coset = OddCoset::<F, D>::new(num_constraints + num_inputs)
            .ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let values = |matrix: &Matrix<F>| {
            let rows = matrix[..num_constraints].par_iter();
            let mut v: Vec<F> = rows.map(|row| evaluate_constraint(row, full_assignment)).collect();
            v.resize(coset.size(), F::zero());
            Zeroizing::new(v)
        };
        let (mut a, b) = (values(&matrices[0]), values(&matrices[1]));
        a[num_constraints..][..num_inputs].copy_from_slice(&full_assignment[..num_inputs]);
        Ok(std::mem::take(&mut *coset.quotient(a, b, |_, _| ())))
    }

    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        max_power: usize,
        t: F,
        _: F,
        delta_inverse: F,
    ) -> Result<Vec<F>, SynthesisError> {
        // Lagrange polynomials of the domain of twice the size, at t; the odd ones belong to the odd coset.
        let double = 2 * max_power + 1;
        let powers = std::iter::successors(Some(delta_inverse), |power| Some(*power * t));
        let mut scalars: Vec<F> = powers.take(double).collect();
        let domain = D::new(double).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        domain.ifft_in_place(&mut scalars);
        Ok(scalars.into_iter().skip(1).step_by(2).collect())
    }
}
