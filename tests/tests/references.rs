//! The references agree with each other, so that a disagreement with the card is the card's.

use ark_bn254::{G1Projective, G2Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use permafrost_tests::inputs::{Bases, Scalars};
use permafrost_tests::{halo2, vectors};

#[test]
fn arkworks_and_halo2curves_agree() {
    for bases in Bases::ALL {
        for scalars in Scalars::ALL {
            let values = scalars.generate(50, 2);
            let points = bases.generate(50, 1);
            let ark = G1Projective::msm(&points, &values).unwrap().into_affine();
            assert_eq!(ark, halo2::msm(&points, &values), "{bases:?} bases, {scalars:?} scalars");
            let points = bases.generate(50, 1);
            let ark = G2Projective::msm(&points, &values).unwrap().into_affine();
            assert_eq!(ark, halo2::msm(&points, &values), "{bases:?} bases, {scalars:?} scalars, G2");
        }
    }
}

#[test]
fn arkworks_agrees_with_the_vectors() {
    let Some(folder) = vectors::folder() else {
        eprintln!("SKIPPED: the point vectors are absent; set PERMAFROST_VECTORS to their folder");
        return;
    };
    for vector in vectors::additions(&folder).iter().chain(&vectors::multiplications(&folder)) {
        let sum = G1Projective::msm(&vector.bases, &vector.scalars).unwrap().into_affine();
        assert_eq!(sum, vector.expected, "{}", vector.name);
    }
}
