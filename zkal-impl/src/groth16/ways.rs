//! The two ways of a proof, on a card double: one list of commands, or operation by operation.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::{Groth16, Proof};
use rand_chacha::ChaCha20Rng;
use tempfile::TempDir;

use super::testing::Circuit;
use super::{prove, Blinding, CircomReduction, Proved, Prover, ProvingKey, Step, Witness};
use crate::engine::testing::{rng, Knobs, TestDevice};
use crate::engine::{CpuReason, Engine, Fallback, Op, Operation, Place, Policy, Unsupported};
use crate::Error;

/// A circuit's key and witness, and blinding with the proof that arkworks makes with it.
struct Case {
    key: ProvingKey,
    witness: Witness,
    blinding: (Fr, Fr),
    expected: Proof<Bn254>,
}

impl Case {
    fn new(circuit: &Circuit, rng: &mut ChaCha20Rng) -> Self {
        let dir = TempDir::new().expect("temporary directory");
        let ark = circuit.setup(rng);
        let (zkey, wtns) = circuit.files(&ark);
        let (r, s) = (Fr::rand(rng), Fr::rand(rng));
        let (matrices, values) = circuit.synthesised();
        let expected = Groth16::<Bn254, CircomReduction>::create_proof_with_reduction_and_matrices(
            &ark,
            r,
            s,
            &matrices,
            ark.vk.gamma_abc_g1.len(),
            matrices[0].len(),
            &values,
        )
        .expect("arkworks proves");
        Case {
            key: ProvingKey::open(zkey.write(&dir, "key.zkey")).expect("key"),
            witness: Witness::open(wtns.write(&dir, "witness.wtns")).expect("witness"),
            blinding: (r, s),
            expected,
        }
    }

    fn small() -> Self {
        let (mut rng, _) = rng();
        Self::new(&Circuit::random(2, 5, &mut rng), &mut rng)
    }

    fn blinding(&self) -> Blinding {
        Blinding::explicit(self.blinding.0, self.blinding.1)
    }

    fn prove(&self, engine: &Engine) -> Proved {
        let proved = prove(engine, &self.key, &self.witness, self.blinding()).expect("proves");
        assert_eq!(proved.proof, self.expected);
        proved
    }
}

fn engine((device, knobs): (Box<TestDevice>, Arc<Knobs>), policy: Policy) -> (Engine, Arc<Knobs>) {
    (Engine::on_device(device, policy).expect("layout"), knobs)
}

/// Operations of a kind that ran at a place: label and, of transforms, how many.
fn labels(operations: &[Operation], op: Op, place: Place) -> Vec<(&'static str, usize)> {
    let these = operations.iter().filter(|o| o.place == place && o.op == op);
    these.map(|o| (o.label.unwrap_or(""), o.batch)).collect()
}

fn load(value: &std::sync::atomic::AtomicU64) -> u64 {
    value.load(Ordering::Relaxed)
}

#[test]
fn one_list_makes_arkworks_proof_and_moves_the_witness_and_the_sums_only() {
    let (mut rng, seed) = rng();
    println!("{seed}");
    // Public signals of both parities; one, two and four passes; rows longer than one level of sums; a block of the NTT
    // engine smaller and larger than the domain.
    for (publics, products, terms, log2_block) in
        [(0, 1, 3, 6), (1, 6, 3, 6), (2, 60, 3, 6), (3, 70, 200, 6), (4, 200, 90, 4)]
    {
        let case = Case::new(&Circuit::with_terms(publics, products, terms, &mut rng), &mut rng);
        let (engine, knobs) = engine(TestDevice::streaming(1 << 24, Some(log2_block)), Policy::default());
        let prover = Prover::new(&engine, &case.key, &mut |_| ()).expect("uploads");
        let (key, used) = (load(&knobs.written), engine.mem_info().used);
        // Lists differ in what their lanes prefer.
        for _ in 0..2 {
            let (up, down, erased) = (load(&knobs.written), load(&knobs.read), load(&knobs.erased));
            let lists = load(&knobs.lists);
            let proved = prover.prove(&case.witness, case.blinding(), &mut |_| ()).expect("proves");
            assert_eq!(proved.proof, case.expected, "{publics} publics, {products} products");
            assert_eq!(load(&knobs.lists) - lists, 1);
            let whole = proved.report.whole.as_ref().expect("one list");
            let (witness, sums) = (load(&knobs.written) - up, load(&knobs.read) - down);
            assert_eq!(witness, 32 * case.witness.len() as u64);
            let msms = proved.report.operations.iter().filter_map(|o| o.card.as_ref());
            assert_eq!(sums, msms.clone().map(|run| run.bytes_down).sum::<u64>());
            assert_eq!(msms.map(|run| run.bytes_up).sum::<u64>(), 0);
            assert_eq!((whole.host_to_card.witness, whole.card_to_host.window_sums), (witness, sums));
            assert_eq!(whole.key, key);
            // Witness, sums of the diagonals, values, window sums; in several passes another.
            let several = case.key.domain_size() > 1 << log2_block;
            assert_eq!(load(&knobs.erased) - erased, if several { 5 } else { 4 });
            assert_eq!(engine.mem_info().used, used);
        }
    }
}

#[test]
fn report_names_every_operation_and_its_place() {
    let case = Case::small();
    let run = |device: (Box<TestDevice>, Arc<Knobs>), policy| {
        let (engine, _) = engine(device, policy);
        let mut steps = Vec::new();
        let prover = Prover::new(&engine, &case.key, &mut |s| steps.push(s)).expect("uploads");
        let proved = prover.prove(&case.witness, case.blinding(), &mut |s| steps.push(s)).expect("proves");
        assert_eq!(proved.proof, case.expected);
        assert_eq!(engine.take_report().operations.len(), proved.report.operations.len());
        assert_eq!(steps.iter().filter(|s| matches!(s, Step::Upload { .. })).count(), 5);
        assert_eq!(steps.last(), Some(&Step::Verify));
        let again = prover.prove(&case.witness, Blinding::random(), &mut |_| ()).expect("proves");
        assert_ne!(again.proof, proved.proof, "blinding is fresh");
        (proved.report, steps)
    };
    let msms = |labels: &[&'static str]| -> Vec<_> { labels.iter().map(|label| (*label, 1)).collect() };

    let (report, steps) = run(TestDevice::new(1 << 24), Policy::default());
    assert!(report.operations.iter().all(|o| o.place == Place::Card && o.cycles > Some(0)));
    assert_eq!(labels(&report.operations, Op::Msm, Place::Card), msms(&["A", "B1", "B2", "C", "H"]));
    let transforms = [("ifft a, b, c", 3), ("fft a, b, c", 3)];
    assert_eq!(labels(&report.operations, Op::Ntt, Place::Card), transforms);
    let vectors = [("A·w, B·w", 2), ("a·b", 1), ("a·b - c", 1)];
    assert_eq!(labels(&report.operations, Op::Vector, Place::Card), vectors);
    assert!(steps.iter().any(|s| matches!(s, Step::List { .. })));

    // A card without the engines: the CPU, by policy.
    let (report, _) = run(TestDevice::streaming(1 << 24, None), Policy::default());
    assert_eq!(labels(&report.operations, Op::Msm, Place::Card), msms(&["A", "B1", "C", "H", "B2"]));
    assert_eq!(labels(&report.operations, Op::Ntt, Place::Cpu).len(), 6);
    assert_eq!(labels(&report.operations, Op::Vector, Place::Cpu).len(), 7);
    assert!(report.whole.is_none());

    // Without a G2 engine only that is the CPU's.
    let (report, _) = run(TestDevice::with(1 << 24, 1, false), Policy::default());
    assert_eq!(labels(&report.operations, Op::Msm, Place::Cpu), msms(&["B2"]));
    assert_eq!(report.operations.iter().filter(|o| o.place == Place::Cpu).count(), 1);
    assert!(report.whole.is_some());

    // A small proof is the CPU's as a whole.
    let policy = Policy { msm: Fallback::Small { below: 64 }, ..Policy::default() };
    let (report, _) = run(TestDevice::new(1 << 24), policy);
    let small = Some(CpuReason::Small { below: 64 });
    assert!(report.operations.iter().all(|o| o.place == Place::Cpu && o.reason == small), "{report:?}");
}

#[test]
fn policy_can_refuse_the_cpu() {
    let case = Case::small();
    let refuse = Unsupported::Refuse;
    for (device, policy) in [
        (TestDevice::with(1 << 24, 1, false), Policy { g2: refuse, ..Policy::default() }),
        (TestDevice::streaming(1 << 24, None), Policy { ntt: refuse, ..Policy::default() }),
    ] {
        let (engine, _) = engine(device, policy);
        let error = prove(&engine, &case.key, &case.witness, Blinding::random()).unwrap_err();
        assert!(matches!(error, Error::NotOnCard { .. }), "{error}");
    }
    // With the engines the choices have nothing to say.
    let policy = Policy { g2: refuse, ntt: refuse, ..Policy::default() };
    let report = case.prove(&engine(TestDevice::new(1 << 24), policy).0).report;
    assert!(report.operations.iter().all(|o| o.place == Place::Card));
}

#[test]
fn a_failure_within_the_list_is_an_error_that_leaves_no_secret_or_falls_back() {
    let case = Case::small();
    for fallback in [Fallback::Never, Fallback::Any { below: 0 }] {
        let (engine, knobs) = engine(TestDevice::new(1 << 24), Policy { msm: fallback, ..Policy::default() });
        let prover = Prover::new(&engine, &case.key, &mut |_| ()).expect("uploads");
        let used = engine.mem_info().used;
        for knob in [&knobs.lost, &knobs.corrupt] {
            knob.store(true, Ordering::Relaxed);
            let erased = load(&knobs.erased);
            let result = prover.prove(&case.witness, case.blinding(), &mut |_| ());
            knob.store(false, Ordering::Relaxed);
            assert!(load(&knobs.erased) - erased >= 4, "witness, sums, values, window sums");
            assert_eq!(engine.mem_info().used, used);
            match (result, fallback) {
                (Err(error), Fallback::Never) => assert!(error.is_card_failure(), "{error}"),
                (Ok(proved), Fallback::Any { .. }) => {
                    assert_eq!(proved.proof, case.expected);
                    let failed = |o: &Operation| matches!(o.reason, Some(CpuReason::CardFailed(_)));
                    assert!(proved.report.operations.iter().all(failed), "{:?}", proved.report);
                    assert!(proved.report.whole.is_none());
                }
                (result, _) => panic!("{fallback:?}: {result:?}"),
            }
        }
        let proved = prover.prove(&case.witness, case.blinding(), &mut |_| ()).expect("works again");
        assert!(proved.report.whole.is_some());
    }
}

#[test]
fn a_card_that_holds_the_points_but_not_the_proof_says_so() {
    let case = Case::small();
    let (roomy, _) = engine(TestDevice::new(1 << 24), Policy::default());
    let prover = Prover::new(&roomy, &case.key, &mut |_| ()).expect("uploads");
    let (points, key) = (prover.points_bytes(), roomy.mem_info().used);
    for room in [points + 100, key + 100] {
        let (tight, _) = engine(TestDevice::new(room), Policy::default());
        let error = prove(&tight, &case.key, &case.witness, Blinding::random()).unwrap_err();
        assert!(matches!(error, Error::OutOfCardMemory { .. }), "{error}");
        let any = Policy { msm: Fallback::Any { below: 0 }, ..Policy::default() };
        let report = case.prove(&engine(TestDevice::new(room), any).0).report;
        let memory = |o: &&Operation| o.reason.as_ref().is_some_and(|r| r.to_string().contains("memory"));
        let stream = report.operations.iter().filter(|o| o.op != Op::Msm);
        assert!(stream.clone().count() == 13 && stream.clone().all(|o| memory(&o)), "{report:?}");
    }
}
