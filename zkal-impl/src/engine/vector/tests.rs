//! Vector operations on the card double, by arkworks' arithmetic.

use std::sync::atomic::Ordering;

use ark_ff::{AdditiveGroup, Field, One, UniformRand};
use rand::{Rng, RngCore};

use super::*;
use crate::engine::testing::{rng, Knobs, TestDevice};
use crate::engine::{CpuReason, Fallback, Op, Operation, Place, Policy, Unsupported};

fn engine() -> (Engine, Arc<Knobs>) {
    let (device, knobs) = TestDevice::streaming(1 << 20, Some(4));
    let policy = Policy { ntt: Unsupported::Refuse, ..Policy::default() };
    (Engine::on_device(device, policy).expect("layout"), knobs)
}

fn random(n: usize, rng: &mut impl RngCore) -> Vec<Fr> {
    (0..n).map(|_| Fr::rand(rng)).collect()
}

#[test]
fn views_go_up_and_down_and_touch_nothing_else() {
    let (mut rng, seed) = rng();
    let (engine, _) = engine();
    for len in [0usize, 1, 2, 3, 8, 31] {
        let mut mirror = random(len, &mut rng);
        let vec = engine.upload_vec(&mirror).expect("fits");
        assert_eq!((vec.len(), vec.is_empty(), vec.step()), (len, len == 0, 1));
        assert_eq!(vec.download().expect("there"), mirror, "seed {seed}");
        for _ in 0..10 {
            let (step, first) = (rng.gen_range(1..=3), rng.gen_range(0..=len));
            let view = vec.every(step, first).expect("inside");
            let end = rng.gen_range(0..=view.len());
            let start = rng.gen_range(0..=end);
            let view = view.slice(start..end).expect("inside");
            let case = format!("{len} {view:?} seed {seed}");
            let places: Vec<usize> = (start..end).map(|i| first + i * step).collect();
            let right: Vec<Fr> = places.iter().map(|i| mirror[*i]).collect();
            assert_eq!(view.download().expect("there"), right, "{case}");
            let values = random(view.len(), &mut rng);
            view.write(&values).expect("runs");
            places.iter().zip(&values).for_each(|(i, value)| mirror[*i] = *value);
            assert_eq!(vec.download().expect("there"), mirror, "{case}");
        }
    }
    let vec = engine.zero_vec(5).expect("fits");
    assert_eq!(vec.download().expect("there"), [Fr::ZERO; 5]);
    let values = random(5, &mut rng);
    let source = engine.upload_vec(&values).expect("fits");
    vec.copy_from(&source).expect("runs");
    assert_eq!(vec.download().expect("there"), values, "seed {seed}");
    vec.slice(0..2).unwrap().copy_from(&source.slice(3..5).unwrap()).expect("runs");
    assert_eq!(vec.download().expect("there")[..3], [values[3], values[4], values[2]], "seed {seed}");
    assert!(vec.slice(0..2).unwrap().copy_from(&vec.slice(1..3).unwrap()).is_err());
    assert_eq!(vec.slice(2..6).unwrap_err().to_string(), "elements 2..6 lie outside a vector of 5");
    assert!(vec.every(0, 0).is_err() && vec.every(1, 6).is_err());
    let one = vec.every(usize::MAX, 4).expect("inside").every(2, 0).expect("inside");
    assert_eq!(one.download().expect("there"), [values[4]], "seed {seed}");
    for none in [one.slice(1..1).expect("inside"), one.every(1, 1).expect("inside")] {
        assert_eq!(none.download().expect("nothing"), []);
    }
    let error = vec.write(&[Fr::one(); 4]).unwrap_err().to_string();
    assert_eq!(error, "values to be written: 4 elements, expected 5");
}

#[test]
fn maps_and_sums_of_all_operands() {
    let (mut rng, seed) = rng();
    let (engine, _) = engine();
    for n in [0usize, 1, 2, 7, 64] {
        let [a, b, c] = [(); 3].map(|()| random(n, &mut rng));
        let table = random(50, &mut rng);
        let places: Vec<u32> = (0..n).map(|_| rng.gen_range(0..25)).collect();
        let (x, y) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
        let up = |values: &[Fr]| engine.upload_vec(values).expect("fits");
        let (da, db, dc, dtable) = (up(&a), up(&b), up(&c), up(&table));
        let every = dtable.every(2, 0).expect("inside");
        let indices = engine.upload_indices(&places).expect("fits");
        let power = |i: usize| x.pow([i as u64]);
        let gathered = |i: usize| table[2 * places[i] as usize];
        type Case<'a> = (Terms<'a>, Box<dyn Fn(usize) -> Fr + 'a>);
        let cases: Vec<Case<'_>> = vec![
            (Terms::of(&da), Box::new(|i| a[i])),
            (Terms::sum(&da, &db), Box::new(|i| a[i] + b[i])),
            (Terms::difference(&da, y), Box::new(|i| a[i] - y)),
            (Terms::product(&da, &db).minus(&dc), Box::new(|i| a[i] * b[i] - c[i])),
            (Terms::product(&da, &db).minus(&dc).negated(), Box::new(|i| c[i] - a[i] * b[i])),
            (Terms::product(&da, y).negated().plus(&dc), Box::new(|i| c[i] - a[i] * y)),
            (Terms::product(&da, Operand::Powers(x)).plus(y), Box::new(|i| a[i] * power(i) + y)),
            (Terms::product(Operand::Powers(x), y), Box::new(|i| power(i) * y)),
            (Terms::of(Operand::Gather(&every, &indices)), Box::new(gathered)),
            (
                Terms::product(Operand::Gather(&every, &indices), &da).plus(&db),
                Box::new(|i| gathered(i) * a[i] + b[i]),
            ),
        ];
        let d = engine.zero_vec(2 * n + 1).expect("fits");
        for (case, (terms, right)) in cases.iter().enumerate() {
            let right: Vec<Fr> = (0..n).map(right).collect();
            for d in
                [d.slice(0..n).expect("inside"), d.every(2, 1).expect("inside").slice(0..n).expect("inside")]
            {
                let operation = engine.map(&d, terms).expect("runs");
                assert_eq!(d.download().expect("there"), right, "case {case}, {n}, seed {seed}");
                assert_eq!((operation.op, operation.place, operation.n), (Op::Vector, Place::Card, n));
            }
            let outcome = engine.fold(n, terms).expect("runs");
            assert_eq!(outcome.value, right.iter().sum::<Fr>(), "case {case}, {n}, seed {seed}");
        }
        // In place, and between the elements of an operand.
        let spread = engine.upload_vec(&random(2 * n, &mut rng)).expect("fits");
        let odd = spread.every(2, 1.min(2 * n)).expect("inside");
        let even = spread.every(2, 0).expect("inside");
        let before = even.download().expect("there");
        engine.map(&odd, &Terms::product(&even, y)).expect("interleaved");
        engine.map(&even, &Terms::sum(&even, &odd)).expect("in place");
        let right: Vec<Fr> = before.iter().map(|v| *v + *v * y).collect();
        assert_eq!(even.download().expect("there"), right, "{n}, seed {seed}");
    }
}

#[test]
fn products_inverses_powers_and_values() {
    let (mut rng, seed) = rng();
    let (engine, _) = engine();
    for n in [1usize, 2, 9, 40] {
        let mut a = random(n, &mut rng);
        a[n / 2] = Fr::ZERO;
        let b = random(n, &mut rng);
        let (da, db) = (engine.upload_vec(&a).expect("fits"), engine.upload_vec(&b).expect("fits"));
        let d = engine.zero_vec(n).expect("fits");
        let there = || d.download().expect("there");
        engine.invert(&d, &da).expect("runs");
        let inverses: Vec<Fr> = a.iter().map(|v| v.inverse().unwrap_or_default()).collect();
        assert_eq!(there(), inverses, "seed {seed}");
        for exclusive in [false, true] {
            let right: Vec<Fr> = (0..n).map(|i| b[..i + usize::from(!exclusive)].iter().product()).collect();
            engine.prefix_product(&d, &db, exclusive).expect("runs");
            assert_eq!(there(), right, "seed {seed}");
            let mut values = b.clone();
            engine.prefix_product_slice(&mut values, exclusive).expect("runs");
            assert_eq!(values, right, "seed {seed}");
        }
        let x = Fr::rand(&mut rng);
        engine.powers(&d, x, b[0]).expect("runs");
        assert_eq!(there(), (0..n).map(|i| x * b[0].pow([i as u64])).collect::<Vec<_>>(), "seed {seed}");
        let value: Fr = (0..n).map(|i| a[i] * x.pow([i as u64])).sum();
        assert_eq!(engine.evaluate(&da, x).expect("runs").value, value, "seed {seed}");
        assert_eq!(engine.evaluate_slice(&a, x).expect("runs").value, value, "seed {seed}");
        assert_eq!(engine.sum(&da).expect("runs").value, a.iter().sum(), "seed {seed}");
        assert_eq!(engine.sum_slice(&a).expect("runs").value, a.iter().sum(), "seed {seed}");
        let product = a.iter().zip(&b).map(|(a, b)| *a * b).sum();
        assert_eq!(engine.inner_product(&da, &db).expect("runs").value, product, "seed {seed}");
        assert_eq!(engine.inner_product_slices(&a, &b).expect("runs").value, product, "seed {seed}");
        let mut values = a.clone();
        engine.invert_slice(&mut values).expect("runs");
        assert_eq!(values, inverses, "seed {seed}");
        let reverse: Vec<u32> = (0..n as u32).rev().collect();
        engine.gather(&d, &db, &engine.upload_indices(&reverse).expect("fits")).expect("runs");
        assert_eq!(there(), b.iter().rev().copied().collect::<Vec<_>>(), "seed {seed}");
    }
    assert!(engine.take_report().operations.iter().all(|o| o.place == Place::Card && o.cycles > Some(0)));
}

#[test]
fn what_cannot_be_computed_is_named() {
    let (engine, knobs) = engine();
    let vec = engine.zero_vec(16).expect("fits");
    let part = |range| vec.slice(range).expect("inside");
    let other = engine.zero_vec(4).expect("fits");
    let text = |result: Result<Operation>| result.expect_err("refused").to_string();
    let runs = knobs.runs.load(Ordering::Relaxed);
    assert!(text(engine.map(&part(0..4), &Terms::of(&part(1..5)))).contains("overlap"));
    assert!(text(engine.map(&vec.every(4, 0).unwrap(), &Terms::of(&part(0..4)))).contains("overlap"));
    assert!(text(engine.invert(&part(0..4), &part(3..7))).contains("overlap"));
    assert_eq!(text(engine.map(&other, &Terms::of(&vec))), "operand: 16 elements, expected 4");
    let indices = engine.upload_indices(&[0, 3, 4, 1]).expect("fits");
    assert_eq!(text(engine.gather(&part(0..4), &other, &indices)), "elements 4..5 lie outside a vector of 4");
    assert!(text(engine.gather(&part(0..3), &vec, &indices)).contains("indices: 4 elements, expected 3"));
    assert!(text(engine.gather(&part(0..4), &vec, &indices)).contains("overlap"));
    let powers = Operand::Powers(Fr::one());
    assert!(text(engine.map(&other, &Terms::product(powers, powers))).contains("both factors"));
    assert!(text(engine.map(&other, &Terms::sum(Fr::one(), powers))).contains("the addend"));
    let (foreign, _) = self::engine();
    assert!(text(foreign.map(&other, &Terms::of(Fr::one()))).contains("another engine"));
    assert!(engine.inner_product_slices(&[Fr::one()], &[]).is_err());
    assert_eq!(knobs.runs.load(Ordering::Relaxed), runs, "all that was refused before the card was asked");

    knobs.reset.store(true, Ordering::Relaxed);
    assert!(!vec.is_valid());
    assert!(text(engine.map(&other, &Terms::of(Fr::one()))).contains("4 elements was lost in a reset"));
    assert!(matches!(vec.download(), Err(Error::VectorLost { len: 16 })));
    assert!(matches!(vec.write(&[Fr::one(); 16]), Err(Error::VectorLost { .. })));
}

#[test]
fn secrets_are_erased_and_memory_is_counted() {
    let (mut rng, _) = rng();
    let (engine, knobs) = engine();
    let erased = || knobs.erased.load(Ordering::Relaxed);
    let vec = engine.upload_vec(&random(10, &mut rng)).expect("fits");
    let view = vec.slice(3..6).expect("inside");
    assert_eq!((engine.resident_bytes(), vec.card_bytes(), view.card_bytes()), (320, 320, 320));
    drop(vec);
    assert_eq!((engine.resident_bytes(), erased()), (320, 0), "a view keeps the memory");
    drop(view);
    assert_eq!((engine.resident_bytes(), erased()), (0, 0));
    let vec = engine.upload_vec(&random(10, &mut rng)).expect("fits").secret();
    let view = vec.every(3, 1).expect("inside");
    // What reads it on the way to the host is erased, too: the copy, and the command's parameters.
    view.download().expect("there");
    assert_eq!(erased(), 2);
    drop((vec, view));
    assert_eq!((engine.resident_bytes(), erased(), engine.mem_info().used), (0, 3, 0));
}

#[test]
fn an_upload_that_fails_half_way_leaves_no_secret() {
    let (mut rng, _) = rng();
    let (engine, knobs) = engine();
    let mut values = random(10, &mut rng);
    let secret = engine.zero_vec(10).expect("fits").secret();
    let view = secret.every(3, 1).expect("inside");
    knobs.broken_uploads.store(true, Ordering::Relaxed);
    let before = values.clone();
    let failures = [
        engine.upload_secret(&values).map(drop),
        view.write(&values[..3]),
        engine.sum_slice(&values).map(drop),
        engine.inner_product_slices(&values, &values).map(drop),
        engine.evaluate_slice(&values, values[0]).map(drop),
        engine.invert_slice(&mut values).map(drop),
        engine.prefix_product_slice(&mut values, true).map(drop),
    ];
    assert!(failures.iter().all(|result| matches!(result, Err(Error::Driver(_)))), "{failures:?}");
    assert_eq!(knobs.erased.load(Ordering::Relaxed), failures.len() as u64, "each has erased its block");
    assert_eq!(values, before);
}

#[test]
fn a_reset_in_the_middle_of_a_slice_operation_is_a_card_failure() {
    let (device, knobs) = TestDevice::streaming(1 << 16, Some(4));
    let policy = Policy { msm: Fallback::Any { below: 0 }, ..Policy::default() };
    let engine = Engine::on_device(device, policy).expect("layout");
    knobs.reset.store(true, Ordering::Relaxed);
    let mut values = [Fr::from(2u64), Fr::from(3u64)];
    let sum = engine.sum_slice(&values).expect("falls back");
    assert_eq!((sum.value, sum.operation.place), (Fr::from(5u64), Place::Cpu));
    assert!(matches!(&sum.operation.reason, Some(CpuReason::CardFailed(why)) if why.contains("reset")));
    engine.prefix_product_slice(&mut values, false).expect("falls back");
    assert_eq!(values, [Fr::from(2u64), Fr::from(6u64)]);
}

#[test]
fn nothing_runs_on_the_cpu_unasked() {
    let on = |policy| {
        let (device, _) = TestDevice::streaming(1 << 16, None);
        Engine::on_device(device, policy).expect("layout")
    };
    let allowed = on(Policy::default());
    let mut values = [Fr::from(2u64), Fr::from(3u64)];
    allowed.prefix_product_slice(&mut values, false).expect("allowed");
    assert_eq!(values, [Fr::from(2u64), Fr::from(6u64)]);
    assert_eq!(allowed.evaluate_slice(&values, Fr::from(10u64)).expect("allowed").value, Fr::from(62u64));
    let report = allowed.take_report();
    assert_eq!(report.count(Op::Vector, Place::Cpu), 2);
    assert!(report.operations.iter().all(|o| o.reason == Some(CpuReason::NoEngine)));
    let vec = allowed.upload_vec(&values).expect("fits");
    assert!(matches!(allowed.sum(&vec), Err(Error::NotOnCard { .. })), "not for vectors on the card");
    let refuses = on(Policy { ntt: Unsupported::Refuse, ..Policy::default() });
    assert!(matches!(refuses.sum_slice(&values), Err(Error::NotOnCard { op: "vector operations" })));
}
