//! The sums of a proof operation by operation: the MSMs on the engine one after the other, the witness map on the CPU beside
//! them. For cards that have no engine for the witness map, and for what the policy gives to the CPU.

use std::thread;

use ark_bn254::G1Projective;

use super::prover::{Prover, Step, Sums};
use super::{qap, Witness};
use crate::engine::{BaseSet, CpuReason, Scalars};
use crate::error::Result;

/// The sums, with the quotient computed on the CPU for the reason `why`.
///
/// # Errors
/// Whatever the engine's policy does not allow or cannot mend.
pub(super) fn sums(
    prover: &Prover<'_>,
    witness: &Witness,
    why: &CpuReason,
    progress: &mut dyn FnMut(Step),
) -> Result<Sums> {
    let Prover { engine, key, .. } = prover;
    let all = witness.values();
    let of_c = &all[key.first_of_c()..];
    let mut operations = Vec::new();
    // The card takes one MSM at a time, in the order in which they come; meanwhile the CPU makes the quotient. The G2 MSM
    // has a thread of its own for the cards that have no engine for it.
    thread::scope(|scope| {
        let quotient = scope.spawn(|| qap::h_scalars(engine, key, &witness.elements(), why));
        let b2 = scope
            .spawn(|| engine.msm_as(Some("B2"), &prover.b2, 0..prover.b2.len(), Scalars::canonical(all)));
        let mut g1 = |label, bases: &BaseSet, scalars| -> Result<G1Projective> {
            progress(Step::Msm { label, points: bases.len() });
            let outcome = engine.msm_as(Some(label), bases, 0..bases.len(), scalars)?;
            operations.push(outcome.operation);
            Ok(outcome.point)
        };
        let a = g1("A", &prover.a, Scalars::canonical(all))?;
        let b1 = g1("B1", &prover.b1, Scalars::canonical(all))?;
        let c = g1("C", &prover.c, Scalars::canonical(of_c))?;
        let (h_scalars, steps) = joined(quotient)?;
        let h = g1("H", &prover.h, Scalars::montgomery(&h_scalars))?;
        operations.extend(steps);
        progress(Step::G2 { points: key.b2.len() });
        let b2 = joined(b2)?;
        operations.push(b2.operation);
        Ok(Sums { a, b1, b2: b2.point, c, h, operations, whole: None })
    })
}

/// The result of a thread; a panic in it goes on in this one.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
