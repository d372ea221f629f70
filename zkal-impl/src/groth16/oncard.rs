//! The sums of a proof as one list of commands: the witness goes to the card, window sums come back, and everything
//! between stays in card memory.
//!
//! The MSMs run in one lane, the witness map beside them in the other. H comes last: its scalars are the map's result. The
//! other MSMs' sums come back beside it.

use std::thread;

use ark_bn254::{G1Affine, G2Affine};
use zeroize::Zeroizing;

use super::program::{Part, Program, Space};
use super::prover::{Prover, Step as Progress, Sums};
use super::Witness;
use crate::engine::{
    At, Job, Lane, ListRun, Mark, Operation, ResidentMsm, Scalars, Step, StreamRun, Whole, SCALAR_BYTES,
};
use crate::error::Result;

/// The witness is in card memory.
const WITNESS: Mark = Mark { semaphore: 0, value: 1 };
/// The scalars of H are.
const QUOTIENT: Mark = Mark { semaphore: 1, value: 1 };
/// The window sums of all MSMs but H are.
const SUMS: Mark = Mark { semaphore: 2, value: 1 };

/// The MSMs of a proof. B2 is none where its points are not in card memory.
struct Msms<'a> {
    a: ResidentMsm<'a, G1Affine>,
    b1: ResidentMsm<'a, G1Affine>,
    b2: Option<ResidentMsm<'a, G2Affine>>,
    c: ResidentMsm<'a, G1Affine>,
    h: ResidentMsm<'a, G1Affine>,
}

/// What came back.
struct Done {
    run: ListRun,
    /// Of each step its label, the lanes of its engine and the least clocks it takes that.
    steps: Vec<(&'static str, (u32, u64))>,
    /// Window sums: A, B1, B2, C, H.
    sums: Zeroizing<Vec<u8>>,
}

/// The sums. Where the points of B2 are not in card memory the CPU computes it beside the list.
///
/// # Errors
/// The first failure of a step, [`Error::OutOfCardMemory`](crate::Error::OutOfCardMemory), and
/// [`Error::BadWindowSum`](crate::Error::BadWindowSum).
pub(super) fn sums(
    prover: &Prover<'_>,
    program: &Program,
    witness: &Witness,
    progress: &mut dyn FnMut(Progress),
) -> Result<Sums> {
    let engine = &prover.engine;
    let all = Scalars::canonical(witness.values());
    let msms = Msms::plan(prover, witness)?;
    thread::scope(|scope| {
        let on_cpu = || engine.msm_as(Some("B2"), &prover.b2, 0..prover.b2.len(), all);
        let on_cpu = msms.b2.is_none().then(|| scope.spawn(on_cpu));
        let done = msms.run(prover, program, witness, progress)?;

        let mut sums = &done.sums[..];
        let mut take = |bytes| {
            let (first, rest) = sums.split_at(bytes);
            sums = rest;
            first
        };
        let (a, in_a) = msms.a.finish(take(msms.a.result_bytes()), done.cycles("A"))?;
        let (b1, in_b1) = msms.b1.finish(take(msms.b1.result_bytes()), done.cycles("B1"))?;
        let b2 = msms.b2.as_ref().map(|b2| b2.finish(take(b2.result_bytes()), done.cycles("B2")));
        let (c, in_c) = msms.c.finish(take(msms.c.result_bytes()), done.cycles("C"))?;
        let (h, in_h) = msms.h.finish(take(msms.h.result_bytes()), done.cycles("H"))?;

        let (mut operations, mut beside) = (vec![in_a, in_b1], Vec::new());
        let b2 = match (b2, on_cpu) {
            (Some(b2), _) => {
                let (b2, operation) = b2?;
                operations.push(operation);
                b2
            }
            (None, Some(thread)) => {
                let outcome = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                beside.push(outcome.operation);
                outcome.point
            }
            (None, None) => unreachable!("B2 is computed in one place or the other"),
        };
        operations.push(in_c);
        operations.extend(program.parts().map(|part| done.operation(part)));
        operations.push(in_h);
        // What ran on the CPU is in the engine's log already.
        operations.iter().for_each(|operation| engine.log(operation));
        operations.extend(beside);
        let whole = Whole::new(&done.run, program.bytes() as u64 + prover.points_bytes());
        Ok(Sums { a, b1, b2, c, h, operations, whole: Some(whole) })
    })
}

impl<'a> Msms<'a> {
    fn plan(prover: &'a Prover<'_>, witness: &Witness) -> Result<Self> {
        let engine = &prover.engine;
        let values = witness.values();
        let all = Some(Scalars::canonical(values));
        let of_c = Some(Scalars::canonical(&values[prover.key.first_of_c()..]));
        let b2 = prover.b2.is_on_card().then(|| engine.resident_msm("B2", &prover.b2, all));
        Ok(Msms {
            a: engine.resident_msm("A", &prover.a, all)?,
            b1: engine.resident_msm("B1", &prover.b1, all)?,
            b2: b2.transpose()?,
            c: engine.resident_msm("C", &prover.c, of_c)?,
            h: engine.resident_msm("H", &prover.h, None)?,
        })
    }

    /// Runs them and the witness map.
    fn run(
        &self,
        prover: &Prover<'_>,
        program: &Program,
        witness: &Witness,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Done> {
        let engine = &prover.engine;
        let b2_bytes = self.b2.as_ref().map_or(0, ResidentMsm::result_bytes);
        let g1_bytes = [&self.a, &self.b1, &self.c, &self.h].map(ResidentMsm::result_bytes);
        let mut sums = Zeroizing::new(vec![0; b2_bytes + g1_bytes.iter().sum::<usize>()]);

        let _room = engine.exclusive();
        let space = Space::new(engine, program)?;
        let results = engine.secret_block(sums.len(), "window sums")?;
        let mut free = At::start(&*results.0);
        let mut result = |bytes: usize| {
            let at = free;
            free = at.plus(bytes as u64);
            at
        };
        let signals = At::start(&*space.witness.0);
        let bytes = Scalars::canonical(witness.values()).bytes();
        let of_c = signals.plus((prover.key.first_of_c() * SCALAR_BYTES) as u64);
        let msm = |label, job| Step::new(Lane::Compute, label, Job::Msm(job));

        let upload = Job::Upload { to: signals, bytes };
        let mut list = vec![Step::new(Lane::Stream, "witness", upload).signals(WITNESS)];
        list.push(msm("A", self.a.job(signals, result(g1_bytes[0]))).after(WITNESS));
        list.push(msm("B1", self.b1.job(signals, result(g1_bytes[1]))));
        list.extend(self.b2.as_ref().map(|b2| msm("B2", b2.job(signals, result(b2_bytes)))));
        list.push(msm("C", self.c.job(of_c, result(g1_bytes[2]))).signals(SUMS));
        list.extend(program.steps(&space));
        if let Some(last) = list.last_mut() {
            last.signals = Some(QUOTIENT);
        }
        let of_h = result(g1_bytes[3]);
        let (first, last) = sums.split_at_mut(of_h.offset as usize);
        list.push(msm("H", self.h.job(space.h(), of_h)).after(QUOTIENT));
        let first = Job::Download { from: At::start(&*results.0), bytes: first };
        list.push(Step::new(Lane::Stream, "window sums", first).after(SUMS));
        let last = Job::Download { from: of_h, bytes: last };
        list.push(Step::new(Lane::Compute, "window sums of H", last));

        progress(Progress::List { steps: list.len() });
        let steps = list.iter().map(|step| (step.label, engine.bound(&step.job))).collect();
        let run = engine.run_list(list)?;
        Ok(Done { run, steps, sums })
    }
}

impl Done {
    /// Clocks of the steps with this label.
    fn cycles(&self, label: &str) -> u64 {
        let all = self.steps.iter().zip(&self.run.cycles);
        all.filter(|((of, _), _)| *of == label).map(|(_, cycles)| cycles).sum()
    }

    /// The record of a part of the witness map.
    fn operation(&self, part: Part) -> Operation {
        let Part { op, label, n, batch } = part;
        let bounds: Vec<_> =
            self.steps.iter().filter(|(of, _)| *of == label).map(|(_, bound)| *bound).collect();
        let lanes = bounds.first().map_or(1, |(lanes, _)| *lanes);
        let bound = bounds.iter().map(|(_, bound)| bound).sum();
        let run = StreamRun::in_list(bounds.len(), lanes, bound, self.cycles(label));
        Operation { label: Some(label), ..Operation::stream(op, n, batch, run) }
    }
}
