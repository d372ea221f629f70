//! The quotient polynomial of arkworks' Groth16 on the engine.

use std::any::Any;

use ark_bn254::Fr;
use ark_ff::PrimeField;
use ark_groth16::r1cs_to_qap::{evaluate_constraint, LibsnarkReduction, R1CSToQAP};
use ark_poly::EvaluationDomain;
use ark_relations::gr1cs::{ConstraintSystemRef, Matrix, SynthesisError};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::domain::transform;
use super::scope::on_engine;
use crate::engine::{Engine, NttAccel, Op, Terms, Transform};
use crate::error::Result;

/// arkworks' reduction ([`LibsnarkReduction`]: same keys, same proofs), whose seven transforms and the steps between them
/// run on the engine in force (see the [module](super)): the values of the constraints go up, the quotient's
/// coefficients come down. It is for proofs over BN254's Fr; over another field everything is arkworks' own.
///
/// A card without NTT or VECTOR engine, or without room for six vectors of the domain's size, leaves the single steps to
/// the engine's policy.
///
/// ```no_run
/// use ark_groth16::Groth16;
/// use permafrost_zkal::ark::{with_engine, AccelBn254, AccelReduction};
/// # fn run<C>(engine: permafrost_zkal::Engine, pk: ark_groth16::ProvingKey<AccelBn254>, circuit: C)
/// #     -> permafrost_zkal::Result<()>
/// # where C: ark_relations::gr1cs::ConstraintSynthesizer<ark_bn254::Fr> {
/// # let mut rng = rand::rngs::OsRng;
/// let proof = with_engine(&engine, || {
///     Groth16::<AccelBn254, AccelReduction>::create_random_proof_with_reduction(circuit, &pk, &mut rng)
/// })?;
/// # Ok(()) }
/// ```
pub struct AccelReduction;

impl R1CSToQAP for AccelReduction {
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
        let domain = D::new(num_constraints + num_inputs).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let n = domain.size();
        if typeid::of::<F>() != typeid::of::<Fr>() || !n.is_power_of_two() {
            return LibsnarkReduction::witness_map_from_matrices::<F, D>(
                matrices,
                num_inputs,
                num_constraints,
                full_assignment,
            );
        }
        // a, b and c one after the other.
        let mut values = Zeroizing::new(vec![F::zero(); 3 * n]);
        for (matrix, values) in matrices.iter().zip(values.chunks_exact_mut(n)) {
            let rows = matrix[..num_constraints].par_iter();
            values
                .par_iter_mut()
                .zip(rows)
                .for_each(|(v, row)| *v = evaluate_constraint(row, full_assignment));
        }
        values[num_constraints..][..num_inputs].copy_from_slice(&full_assignment[..num_inputs]);

        let coset = domain.get_coset(F::GENERATOR).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let vanishing = domain.evaluate_vanishing_polynomial(F::GENERATOR);
        let Some(vanishing) = vanishing.inverse() else { unreachable!("a coset misses the domain") };
        let steps = Steps {
            interpolate: transform(&domain).inverse(),
            evaluate: transform(&coset),
            quotient: transform(&coset).inverse().scaled(vanishing),
        };
        let (Some(steps), Some(values)) = (same::<_, Steps<Fr>>(steps), same(std::mem::take(&mut *values)))
        else {
            unreachable!("F is Fr")
        };
        let quotient = on_engine(|engine| witness_map(engine, &steps, Zeroizing::new(values)));
        same(quotient).ok_or_else(|| unreachable!("F is Fr"))
    }

    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        max_power: usize,
        t: F,
        zt: F,
        delta_inverse: F,
    ) -> Result<Vec<F>, SynthesisError> {
        LibsnarkReduction::h_query_scalars::<F, D>(max_power, t, zt, delta_inverse)
    }
}

/// `value` as the type that it is.
fn same<T: 'static, U: 'static>(value: T) -> Option<U> {
    let value: Box<dyn Any> = Box::new(value);
    value.downcast().ok().map(|value| *value)
}

/// The transforms of one vector each.
struct Steps<F> {
    /// Values on the domain to coefficients.
    interpolate: Transform<F>,
    /// Coefficients to values on the coset.
    evaluate: Transform<F>,
    /// Values on the coset to coefficients, by the vanishing polynomial's value there, which is one for all.
    quotient: Transform<F>,
}

/// The quotient's coefficients from the values of a, b and c on the domain.
fn witness_map(engine: &Engine, steps: &Steps<Fr>, values: Zeroizing<Vec<Fr>>) -> Result<Vec<Fr>> {
    let able = engine.ntt_limits().is_some() && engine.has_vector();
    match if able { resident(engine, steps, &values).map(Some) } else { Ok(None) } {
        Ok(Some(quotient)) => Ok(quotient),
        Err(error) if !(engine.policy().msm.on_error() && error.is_card_failure()) => Err(error),
        _ => step_by_step(engine, steps, values),
    }
}

/// In card memory from the first step to the last.
fn resident(engine: &Engine, steps: &Steps<Fr>, values: &[Fr]) -> Result<Vec<Fr>> {
    let (n, stride) = (steps.quotient.size(), steps.quotient.stride());
    let all = match n == stride {
        true => engine.upload_secret(values)?,
        false => {
            let spread =
                |(i, value): (usize, &Fr)| std::iter::repeat_n(*value, if i < 2 { stride } else { n });
            let spread: Vec<Fr> = values.iter().enumerate().flat_map(spread).collect();
            engine.upload_secret(&Zeroizing::new(spread))?
        }
    };
    for transform in [&steps.interpolate, &steps.evaluate] {
        engine.ntt_resident(&transform.batch(3), &all, &all)?;
    }
    let part = |i: usize| all.slice(i * stride..i * stride + n);
    let (a, b, c) = (part(0)?, part(1)?, part(2)?);
    engine.map(&a, &Terms::product(&a, &b).minus(&c))?;
    engine.ntt_resident(&steps.quotient, &a, &a)?;
    a.download()
}

/// Each step on its own, where the policy puts it.
fn step_by_step(engine: &Engine, steps: &Steps<Fr>, mut values: Zeroizing<Vec<Fr>>) -> Result<Vec<Fr>> {
    for transform in [&steps.interpolate, &steps.evaluate] {
        engine.ntt(&transform.batch(3), &mut values)?;
    }
    let n = steps.quotient.size();
    let (a, rest) = values.split_at(n);
    let (b, c) = rest.split_at(n);
    let on_card = || {
        let up = |values| engine.upload_secret(values);
        let (a, b, c) = (up(a)?, up(b)?, up(c)?);
        let operation = engine.map(&a, &Terms::product(&a, &b).minus(&c))?;
        Ok((a.download()?, operation))
    };
    let on_cpu = || a.par_iter().zip(b).zip(c).map(|((a, b), c)| *a * b - c).collect();
    let (mut quotient, _) =
        engine.card_or_cpu(Op::Vector, engine.has_vector(), n, "a·b - c", on_card, on_cpu)?;
    engine.ntt(&steps.quotient, &mut quotient)?;
    Ok(quotient)
}
