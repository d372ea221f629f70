//! The pairing: arkworks' BN254 between the newtypes.

use ark_bn254::{Bn254, Fq, Fr};
use ark_ec::bn;
use ark_ec::pairing::{MillerLoopOutput, Pairing, PairingOutput};

use super::{AccelG1, AccelG1Affine, AccelG2, AccelG2Affine};

type G1Prepared = bn::G1Prepared<ark_bn254::Config>;
type G2Prepared = bn::G2Prepared<ark_bn254::Config>;

/// BN254 whose multi-scalar multiplications run on an engine; see the [module](super). Same curve, same pairing, same
/// bytes as [`ark_bn254::Bn254`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccelBn254;

macro_rules! prepared {
    ($($from:ty => $prepared:ty),*) => { $(
        impl From<$from> for $prepared {
            fn from(point: $from) -> Self {
                point.0.into()
            }
        }
    )* };
}
prepared!(AccelG1 => G1Prepared, AccelG1Affine => G1Prepared, AccelG2 => G2Prepared, AccelG2Affine => G2Prepared);

impl Pairing for AccelBn254 {
    type BaseField = Fq;
    type ScalarField = Fr;
    type G1 = AccelG1;
    type G1Affine = AccelG1Affine;
    type G1Prepared = G1Prepared;
    type G2 = AccelG2;
    type G2Affine = AccelG2Affine;
    type G2Prepared = G2Prepared;
    type TargetField = <Bn254 as Pairing>::TargetField;

    fn multi_miller_loop(
        a: impl IntoIterator<Item = impl Into<Self::G1Prepared>>,
        b: impl IntoIterator<Item = impl Into<Self::G2Prepared>>,
    ) -> MillerLoopOutput<Self> {
        MillerLoopOutput(Bn254::multi_miller_loop(a, b).0)
    }

    fn final_exponentiation(f: MillerLoopOutput<Self>) -> Option<PairingOutput<Self>> {
        Bn254::final_exponentiation(MillerLoopOutput(f.0)).map(|out| PairingOutput(out.0))
    }
}
