//! Multi-scalar multiplication on the card, judged by arkworks and by halo2curves.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ff::{PrimeField, UniformRand};
use permafrost_tests::halo2::Judged;
use permafrost_tests::inputs::{Bases, Scalars};
use permafrost_tests::{card, halo2, vectors};
use permafrost_zkal::engine::{MsmPoint, Place, Scalars as CardScalars};

/// How the scalars are handed to the card.
#[derive(Clone, Copy, Debug)]
enum Form {
    Canonical,
    Montgomery,
}

fn on_card<P: MsmPoint>(bases: &[P], scalars: &[Fr], form: Form) -> P {
    let engine = card::engine_on(card::msm_card());
    let set = engine.upload_bases(bases).unwrap();
    let canonical: Vec<_> = scalars.iter().map(|s| s.into_bigint()).collect();
    let scalars = match form {
        Form::Canonical => CardScalars::canonical(&canonical),
        Form::Montgomery => CardScalars::montgomery(scalars),
    };
    let outcome = engine.msm(&set, 0..bases.len(), scalars).unwrap();
    assert_eq!(outcome.operation.place, Place::Card);
    outcome.point.into_affine()
}

/// Compares the card with both references; the message has what it takes to repeat the case.
fn check<P: MsmPoint + Judged>(n: usize, bases: Bases, scalars: Scalars, form: Form)
where
    P::Group: UniformRand,
{
    let seed = 1_000_003 * n as u64 + 17;
    let (points, values) = (bases.generate::<P>(n, seed), scalars.generate(n, seed + 1));
    let case = format!("{}, n = {n}, {bases:?} bases, {scalars:?} scalars ({form:?}), seed {seed}", P::GROUP);
    let ark = P::msm_montgomery(&points, &values).into_affine();
    assert_eq!(ark, halo2::msm(&points, &values), "the references disagree: {case}");
    assert_eq!(on_card(&points, &values, form), ark, "the card is wrong: {case}");
}

fn check_all(n: usize, form: Form) {
    for bases in Bases::ALL {
        for scalars in Scalars::CORNERS {
            check::<G1Affine>(n, bases, scalars, form);
        }
    }
}

/// In G2: identities, P + P, P + (-P), zero, equal and largest scalars, at sizes with and without a remainder.
#[test]
fn g2_small() {
    for (n, form) in [0, 1, 2, 3, 7].into_iter().flat_map(|n| [(n, Form::Montgomery), (n, Form::Canonical)]) {
        for bases in Bases::ALL {
            for scalars in Scalars::CORNERS {
                check::<G2Affine>(n, bases, scalars, form);
            }
        }
    }
}

#[test]
fn g2_64() {
    for bases in Bases::ALL {
        for scalars in Scalars::CORNERS {
            check::<G2Affine>(64, bases, scalars, Form::Montgomery);
        }
    }
}

#[test]
fn g2_1000() {
    for scalars in Scalars::ALL {
        check::<G2Affine>(1000, Bases::Mixed, scalars, Form::Montgomery);
    }
    check::<G2Affine>(1001, Bases::Inverses, Scalars::Equal, Form::Canonical);
    check::<G2Affine>(1001, Bases::Repeats, Scalars::MinusOne, Form::Canonical);
}

#[test]
fn g2_4096() {
    for scalars in Scalars::CORNERS {
        check::<G2Affine>(4096, Bases::Mixed, scalars, Form::Montgomery);
    }
    for bases in Bases::ALL {
        check::<G2Affine>(4096, bases, Scalars::Uniform, Form::Canonical);
    }
}

#[test]
fn g2_32768() {
    let n = 1 << 15;
    check::<G2Affine>(n, Bases::Mixed, Scalars::Uniform, Form::Montgomery);
    check::<G2Affine>(n, Bases::Repeats, Scalars::Equal, Form::Canonical);
    check::<G2Affine>(n, Bases::Inverses, Scalars::Clustered, Form::Montgomery);
}

#[test]
fn n_0() {
    check_all(0, Form::Montgomery);
}

#[test]
fn n_1() {
    check_all(1, Form::Montgomery);
    check_all(1, Form::Canonical);
}

#[test]
fn n_2() {
    check_all(2, Form::Montgomery);
}

#[test]
fn n_3() {
    check_all(3, Form::Montgomery);
}

#[test]
fn n_7() {
    check_all(7, Form::Montgomery);
    check_all(7, Form::Canonical);
}

#[test]
fn n_64() {
    check_all(64, Form::Montgomery);
    check_all(64, Form::Canonical);
}

#[test]
fn n_1000() {
    check_all(1000, Form::Montgomery);
    check_all(1000, Form::Canonical);
}

#[test]
fn n_4096() {
    check_all(4096, Form::Montgomery);
}

/// Every distribution of scalars over the mixed base set, and every base set under uniform scalars; at this size the
/// full product would only repeat what 4096 points show.
#[test]
fn n_32768() {
    let n = 1 << 15;
    for scalars in Scalars::ALL {
        check::<G1Affine>(n, Bases::Mixed, scalars, Form::Montgomery);
    }
    for bases in Bases::ALL.into_iter().filter(|b| *b != Bases::Mixed) {
        check::<G1Affine>(n, bases, Scalars::Uniform, Form::Montgomery);
    }
    // Equal digits for all points, and points that meet themselves and their inverses: the worst for hazards.
    check::<G1Affine>(n, Bases::Repeats, Scalars::Equal, Form::Canonical);
    check::<G1Affine>(n, Bases::Inverses, Scalars::One, Form::Canonical);
}

#[test]
fn point_vectors() {
    let Some(folder) = vectors::folder() else {
        eprintln!("SKIPPED: the point vectors are absent; set PERMAFROST_VECTORS to their folder");
        return;
    };
    for vector in vectors::additions(&folder).iter().chain(&vectors::multiplications(&folder)) {
        for form in [Form::Canonical, Form::Montgomery] {
            let sum = on_card(&vector.bases, &vector.scalars, form);
            assert_eq!(sum, vector.expected, "{} ({form:?})", vector.name);
        }
    }
}
