//! Vector arithmetic on the card, judged by ark-ff.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One, UniformRand};
use permafrost_tests::card;
use permafrost_tests::inputs::rng;
use permafrost_zkal::engine::{DeviceVec, Engine, Operand, Place, Terms};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// An engine on a card that has a VECTOR engine.
fn engine() -> Option<Engine> {
    let engine = card::engine();
    if !engine.has_vector() {
        eprintln!("SKIPPED: THE SIMULATED CARD HAS NO VECTOR ENGINE; NOTHING WAS COMPARED");
        return None;
    }
    Some(engine)
}

/// Random elements with zeros, ones and the largest among them.
fn random(n: usize, rng: &mut ChaCha8Rng) -> Vec<Fr> {
    let mut one = || match rng.gen_range(0..16) {
        0 => Fr::ZERO,
        1 => Fr::one(),
        2 => -Fr::one(),
        _ => Fr::rand(rng),
    };
    (0..n).map(|_| one()).collect()
}

const SIZES: [usize; 9] = [1, 2, 3, 7, 64, 100, 1000, 4096, 5001];

/// A view of `values` in a larger vector: some place, some step.
fn spread(engine: &Engine, values: &[Fr], step: usize, rng: &mut ChaCha8Rng) -> DeviceVec {
    let first = rng.gen_range(0..4);
    let all = engine.zero_vec(first + step * values.len()).unwrap();
    let view = all.every(step, first).unwrap();
    view.write(values).unwrap();
    view
}

#[test]
fn maps_and_sums() {
    let Some(engine) = engine() else { return };
    let (mut rng, seed) = rng();
    for n in SIZES {
        let [a, b, c] = [(); 3].map(|()| random(n, &mut rng));
        let (x, y) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
        let step = rng.gen_range(1..=3);
        let [da, db, dc] = [&a, &b, &c].map(|values| spread(&engine, values, step, &mut rng));
        let places: Vec<u32> = (0..n).map(|_| rng.gen_range(0..n as u32)).collect();
        let indices = engine.upload_indices(&places).unwrap();
        let powers: Vec<Fr> =
            std::iter::successors(Some(Fr::one()), |power| Some(*power * x)).take(n).collect();
        type Case<'a> = (Terms<'a>, Box<dyn Fn(usize) -> Fr + 'a>);
        let cases: Vec<Case<'_>> = vec![
            (Terms::sum(&da, &db), Box::new(|i| a[i] + b[i])),
            (Terms::difference(&da, &db), Box::new(|i| a[i] - b[i])),
            (Terms::product(&da, &db).minus(&dc), Box::new(|i| a[i] * b[i] - c[i])),
            (Terms::product(&da, &db).minus(&dc).negated(), Box::new(|i| c[i] - a[i] * b[i])),
            (Terms::product(&da, y).plus(&dc), Box::new(|i| a[i] * y + c[i])),
            (Terms::product(&da, Operand::Powers(x)).plus(y), Box::new(|i| a[i] * powers[i] + y)),
            (Terms::product(y, Operand::Powers(x)), Box::new(|i| y * powers[i])),
            (Terms::of(Operand::Gather(&da, &indices)), Box::new(|i| a[places[i] as usize])),
            (
                Terms::product(&db, Operand::Gather(&da, &indices)).negated().plus(&dc),
                Box::new(|i| c[i] - a[places[i] as usize] * b[i]),
            ),
        ];
        let d = spread(&engine, &vec![Fr::ZERO; n], step, &mut rng);
        for (case, (terms, right)) in cases.iter().enumerate() {
            let right: Vec<Fr> = (0..n).map(right).collect();
            let case = format!("case {case} of {n} elements, step {step}, seed {seed}");
            let operation = engine.map(&d, terms).unwrap();
            assert!(d.download().unwrap() == right, "{case}");
            assert_eq!(operation.place, Place::Card, "{case}");
            let run = operation.stream.unwrap();
            assert!(run.cycles >= run.bound, "{case}: {run:?}");
            assert_eq!(engine.fold(n, terms).unwrap().value, right.iter().sum(), "sum of {case}");
        }
        engine.map(&da, &Terms::product(&da, &da)).unwrap();
        assert!(da.download().unwrap().iter().eq(a.iter().map(|a| a.square()).collect::<Vec<_>>().iter()));
    }
}

#[test]
fn products_inverses_and_values() {
    let Some(engine) = engine() else { return };
    let (mut rng, seed) = rng();
    for n in SIZES {
        let a = random(n, &mut rng);
        let nonzero: Vec<Fr> = a.iter().map(|v| if *v == Fr::ZERO { Fr::one() } else { *v }).collect();
        let case = format!("{n} elements, seed {seed}");
        let vec = engine.upload_vec(&nonzero).unwrap();
        let d = engine.zero_vec(n).unwrap();
        for exclusive in [false, true] {
            engine.prefix_product(&d, &vec, exclusive).unwrap();
            let mut product = Fr::one();
            let right = nonzero.iter().map(|v| {
                let before = product;
                product *= v;
                if exclusive {
                    before
                } else {
                    product
                }
            });
            assert!(d.download().unwrap() == right.collect::<Vec<_>>(), "{case}");
        }
        let mut inverses = a.clone();
        engine.invert_slice(&mut inverses).unwrap();
        assert!(a.iter().zip(&inverses).all(|(a, b)| a.inverse().unwrap_or_default() == *b), "{case}");
        let x = Fr::rand(&mut rng);
        let horner = a.iter().rev().fold(Fr::ZERO, |sum, c| sum * x + c);
        assert_eq!(engine.evaluate_slice(&a, x).unwrap().value, horner, "{case}");
        let products = a.iter().zip(&nonzero).map(|(a, b)| *a * b).sum();
        assert_eq!(engine.inner_product_slices(&a, &nonzero).unwrap().value, products, "{case}");
    }
}
