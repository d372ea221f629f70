//! A whole run: executed, or proved segment by segment.

use std::num::NonZeroUsize;
use std::sync::{mpsc, Mutex};

use crate::error::Error;
use crate::exec::Executor;
use crate::isa::{service, Op};
use crate::key::Key;
use crate::proof::{Proof, SegmentProof, MAX_SEGMENTS};
use crate::record::Segment;
use crate::{prove, verify};

/// Services with a table of their own, and their names in reports.
pub const PRECOMPILES: [(u32, &str); 3] =
    [(service::POSEIDON2, "poseidon2"), (service::SHA256, "sha256"), (service::KECCAK, "keccak")];

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The exit code.
    pub exit: u32,
    /// Cycles of each segment.
    pub segments: Vec<u64>,
    /// Words written to the output.
    pub output: Vec<u32>,
    /// Words read from the input: the proof's digest is of those, however many there were.
    pub input_read: u64,
    /// How often each operation was executed, in order of [`Op::ALL`].
    pub operations: Vec<u64>,
    /// Calls of the [`PRECOMPILES`].
    pub calls: [u64; 3],
}

impl Report {
    /// Cycles in all.
    pub fn cycles(&self) -> u64 {
        self.segments.iter().sum()
    }

    /// Operations that were executed and how often, most often first.
    pub fn mix(&self) -> Vec<(Op, u64)> {
        let mut mix: Vec<_> =
            Op::ALL.iter().copied().zip(self.operations.iter().copied()).filter(|(_, n)| *n > 0).collect();
        mix.sort_by_key(|&(op, count)| (std::cmp::Reverse(count), op));
        mix
    }
}

/// An executor, and what its segments add up to.
struct Run {
    executor: Executor,
    segments: Vec<u64>,
    input_read: u64,
    operations: Vec<u64>,
    calls: [u64; 3],
}

impl Run {
    fn new(executor: Executor) -> Self {
        let operations = vec![0; Op::ALL.len()];
        Self { executor, segments: Vec::new(), input_read: 0, operations, calls: [0; 3] }
    }

    fn next_segment(&mut self) -> Result<Option<Segment>, Error> {
        let segment = self.executor.next_segment()?;
        if let Some(segment) = &segment {
            self.segments.push(segment.steps.len() as u64);
            self.input_read += segment.inputs.len() as u64;
            for step in &segment.steps {
                self.operations[step.instruction.op as usize] += 1;
            }
            for (calls, (service, _)) in self.calls.iter_mut().zip(PRECOMPILES) {
                *calls += segment.calls.iter().filter(|call| call.service == service).count() as u64;
            }
        }
        Ok(segment)
    }

    fn report(self) -> Result<Report, Error> {
        let exit =
            self.executor.exit().ok_or(Error::Internal { what: "a run that is over has an exit code" })?;
        let Self { executor, segments, input_read, operations, calls } = self;
        Ok(Report { exit, segments, output: executor.output().to_vec(), input_read, operations, calls })
    }
}

/// Executes a run, segment by segment as it would be proved. `progress` gets the cycles so far.
///
/// # Errors
/// As [`Executor::next_segment`].
pub fn execute(executor: Executor, mut progress: impl FnMut(u64)) -> Result<Report, Error> {
    let mut run = Run::new(executor);
    while run.next_segment()?.is_some() {
        progress(run.executor.cycles());
    }
    run.report()
}

/// Executes a run as it would be proved: what stops it, and that a proof has no room for all of its segments, is known before
/// hours of proving. `progress` gets the cycles so far.
///
/// # Errors
/// As [`execute`], and [`Error::SegmentCount`].
pub fn rehearse(executor: Executor, mut progress: impl FnMut(u64)) -> Result<Report, Error> {
    let mut run = Run::new(executor);
    while next(&mut run)?.is_some() {
        progress(run.executor.cycles());
    }
    run.report()
}

/// Proves a run from its start, `jobs` segments at a time, each by the serial reference prover and verified at once. The proof does
/// not depend on `jobs`. `progress` gets the cycles proved so far.
///
/// Memory: `jobs` segments with their traces, and the proofs made.
///
/// # Errors
/// As [`Executor::next_segment`], [`prove::segment`] and [`verify::segment`]; the first that occurs, once the segments under way are
/// done.
pub fn prove(
    key: &Key,
    executor: Executor,
    jobs: NonZeroUsize,
    mut progress: impl FnMut(u64),
) -> Result<(Proof, Report), Error> {
    let run = Mutex::new((Run::new(executor), false));
    let (results, proved) = mpsc::channel();
    let mut segments: Vec<SegmentProof> = Vec::new();
    let mut first_error = None;
    std::thread::scope(|scope| {
        for _ in 0..jobs.get() {
            let results = results.clone();
            scope.spawn(|| work(key, &run, results));
        }
        drop(results);
        let mut cycles = 0;
        for result in proved {
            match result {
                Ok((more, proof)) => {
                    segments.push(proof);
                    cycles += more;
                    progress(cycles);
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
    });
    if let Some(error) = first_error {
        return Err(error);
    }
    // A thread that panicked has been seen by the scope.
    let (run, _) = run.into_inner().map_err(|_| Error::Internal { what: "every thread ends its segment" })?;
    segments.sort_by_key(|proof| proof.statement.number);
    Ok((Proof { segments }, run.report()?))
}

type Results = mpsc::Sender<Result<(u64, SegmentProof), Error>>;

/// Takes segments of the run, which says whether to stop, until there is none, and proves them.
fn work(key: &Key, run: &Mutex<(Run, bool)>, results: Results) {
    loop {
        let segment = {
            let Ok(mut guard) = run.lock() else { return };
            let (run, stop) = &mut *guard;
            if *stop {
                return;
            }
            match next(run) {
                Ok(Some(segment)) => segment,
                Ok(None) => return,
                Err(error) => {
                    *stop = true;
                    let _ = results.send(Err(error)); // the receiver waits for all
                    return;
                }
            }
        };
        let cycles = segment.steps.len() as u64;
        let result = prove::segment(key, &segment).and_then(|proof| {
            drop(segment);
            verify::segment(key, &proof)?;
            Ok((cycles, proof))
        });
        let failed = result.is_err();
        let _ = results.send(result);
        if failed {
            if let Ok(mut guard) = run.lock() {
                guard.1 = true;
            }
            return;
        }
    }
}

/// The next segment, if a proof has room for it.
fn next(run: &mut Run) -> Result<Option<Segment>, Error> {
    let segment = run.next_segment()?;
    match run.segments.len() {
        count if count > MAX_SEGMENTS => Err(Error::SegmentCount { count, limit: MAX_SEGMENTS }),
        _ => Ok(segment),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::exec::Limits;
    use crate::guests::Guest;

    fn executor(guest: &Guest, input: Vec<u32>, hints: Vec<u32>, cycles: u64) -> Executor {
        let program = Arc::new(crate::elf::load(guest.elf).expect("a program"));
        Executor::new(program, input, hints, Limits { cycles, segment_log2: 10 })
    }

    fn guest(name: &str) -> &'static Guest {
        Guest::find(name).expect("a guest")
    }

    #[test]
    fn what_a_run_did() {
        let guest = guest("sha256-pre");
        let run = guest.run(3);
        let mut input = run.input;
        input.extend([1, 2]); // two more than are read
        let mut seen = 0;
        let report =
            execute(executor(guest, input, run.hints, 1 << 20), |cycles| seen = cycles).expect("a run");
        assert_eq!((report.exit, report.output, report.input_read), (0, run.output, 1));
        assert_eq!((report.calls[0], report.calls[2]), (0, 0));
        assert!(report.calls[1] >= 3);
        let cycles: u64 = report.segments.iter().sum();
        assert_eq!((report.operations.iter().sum::<u64>(), seen), (cycles, cycles));
        assert!(report.segments.iter().all(|&cycles| (1..=1 << 10).contains(&cycles)));
    }

    #[test]
    fn the_mix_is_sorted_and_has_what_was_executed() {
        let mut report = Report {
            exit: 0,
            segments: vec![3, 4],
            output: vec![],
            input_read: 0,
            operations: vec![0; Op::ALL.len()],
            calls: [0; 3],
        };
        report.operations[Op::Ecall as usize] = 1;
        report.operations[Op::Addi as usize] = 5;
        report.operations[Op::Add as usize] = 1;
        assert_eq!(report.mix(), [(Op::Addi, 5), (Op::Add, 1), (Op::Ecall, 1)]);
        assert_eq!(report.cycles(), 7);
    }

    #[test]
    fn a_proof_is_the_same_however_many_at_a_time() {
        let guest = guest("fibonacci");
        let program = Arc::new(crate::elf::load(guest.elf).expect("a program"));
        let key = Key::new(&program).expect("a key");
        let run = guest.run(250);
        let proved = [1, 3].map(|jobs| {
            let jobs = NonZeroUsize::new(jobs).expect("not zero");
            let mut seen = vec![];
            let executor = executor(guest, run.input.clone(), vec![], 1 << 20);
            let (proof, report) = prove(&key, executor, jobs, |cycles| seen.push(cycles)).expect("a proof");
            assert_eq!((seen.len(), seen.last()), (report.segments.len(), Some(&report.cycles())));
            assert_eq!(report.output, run.output);
            (proof, report)
        });
        assert_eq!(proved[0], proved[1]);
        let (proof, report) = &proved[0];
        assert!(proof.segments.len() >= 2 && report.segments.len() == proof.segments.len());
        let outcome = verify::chain(&key, proof).expect("the proof is good");
        assert!(outcome.matches_output(&run.output) && outcome.matches_input(&run.input));
    }

    #[test]
    fn the_first_error_comes_back() {
        let guest = guest("fibonacci");
        let program = Arc::new(crate::elf::load(guest.elf).expect("a program"));
        let key = Key::new(&program).expect("a key");
        for jobs in [1, 4] {
            let jobs = NonZeroUsize::new(jobs).expect("not zero");
            // Runs out of input at once, and out of cycles in the second segment.
            let error =
                prove(&key, executor(guest, vec![], vec![], 1 << 20), jobs, |_| {}).expect_err("no input");
            assert!(matches!(error, Error::InputExhausted { count: 0, .. }), "{error}");
            let error =
                prove(&key, executor(guest, vec![500], vec![], 1500), jobs, |_| {}).expect_err("too long");
            assert!(matches!(error, Error::Runaway { limit: 1500, .. }), "{error}");
        }
        let other =
            Arc::new(crate::elf::load(Guest::find("hello").expect("a guest").elf).expect("a program"));
        let key = Key::new(&other).expect("a key");
        let error = prove(&key, executor(guest, vec![9], vec![], 1 << 20), NonZeroUsize::MIN, |_| {});
        assert!(matches!(error, Err(Error::OtherProgram)));
    }

    #[test]
    fn too_long_a_run_is_known_before() {
        let guest = guest("fibonacci");
        let most = (MAX_SEGMENTS as u32) << 10;
        // Five cycles each; the segments are full.
        let run = |n: u32| rehearse(executor(guest, vec![n], vec![], u64::MAX), |_| {});
        assert_eq!(run(most / 5 - 10).expect("as many as may be").segments.len(), MAX_SEGMENTS);
        let error = run(most / 5 + 10).expect_err("one too many");
        assert!(error.to_string().contains("4097 segments"), "{error}");
    }
}
