//! Keys and witnesses for the tests: a random circuit, set up by arkworks, written in snarkjs' formats.

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ff::{BigInt, PrimeField, UniformRand};
use ark_groth16::{Groth16, ProvingKey};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, LinearCombination, Matrix, SynthesisError,
    Variable, R1CS_PREDICATE_LABEL,
};
use num_bigint::BigUint;
use rand::Rng;

use super::CircomReduction;

/// A circuit of random products: constraint i says that a new variable is the product of two random combinations of
/// earlier ones.
#[derive(Clone)]
pub(crate) struct Circuit {
    publics: Vec<Fr>,
    private: Vec<Fr>,
    products: Vec<[Vec<(Fr, usize)>; 2]>,
}

impl Circuit {
    pub(crate) fn random(publics: usize, products: usize, rng: &mut impl Rng) -> Self {
        Self::with_terms(publics, products, 3, rng)
    }

    /// Combinations of up to `terms` terms.
    pub(crate) fn with_terms(publics: usize, products: usize, terms: usize, rng: &mut impl Rng) -> Self {
        let inputs = 1 + publics + 2;
        let combination = |known: usize, rng: &mut _| -> Vec<(Fr, usize)> {
            (0..Rng::gen_range(rng, 1..=terms))
                .map(|_| (Fr::rand(rng), Rng::gen_range(rng, 0..known)))
                .collect()
        };
        let product = |i: usize, rng: &mut _| {
            let mut sides = [combination(inputs + i, rng), combination(inputs + i, rng)];
            // No input is left without a constraint, given enough products.
            sides[0].push((Fr::rand(rng), i % inputs));
            sides
        };
        Circuit {
            publics: (0..publics).map(|_| Fr::rand(rng)).collect(),
            private: vec![Fr::rand(rng), Fr::from(2u64)],
            products: (0..products).map(|i| product(i, rng)).collect(),
        }
    }

    /// arkworks' key with circom's reduction.
    pub(crate) fn setup(&self, rng: &mut impl Rng) -> ProvingKey<Bn254> {
        Groth16::<Bn254, CircomReduction>::generate_random_parameters_with_reduction(self.clone(), rng)
            .expect("the circuit has a setup")
    }

    /// Public inputs, the constant 1 included.
    pub(crate) fn inputs(&self) -> usize {
        1 + self.publics.len()
    }

    /// A and B, and the values of all variables.
    pub(crate) fn synthesised(&self) -> (Vec<Matrix<Fr>>, Vec<Fr>) {
        let cs = ConstraintSystem::new_ref();
        self.clone().generate_constraints(cs.clone()).expect("synthesis");
        cs.finalize();
        assert!(cs.is_satisfied().expect("values are assigned"));
        let matrices = cs.to_matrices().expect("matrices")[R1CS_PREDICATE_LABEL].clone();
        let cs = cs.borrow().expect("borrow");
        let values =
            [cs.instance_assignment().expect("values"), cs.witness_assignment().expect("values")].concat();
        (matrices, values)
    }

    /// The `.zkey` of a key for this circuit, and the `.wtns` of its values.
    pub(crate) fn files(&self, key: &ProvingKey<Bn254>) -> (Container, Container) {
        let (matrices, values) = self.synthesised();
        (zkey(key, &matrices, values.len()), wtns(&values))
    }
}

impl ConstraintSynthesizer<Fr> for Circuit {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let mut known = vec![(Variable::One, Fr::from(1u64))];
        for value in self.publics {
            known.push((cs.new_input_variable(|| Ok(value))?, value));
        }
        for value in self.private {
            known.push((cs.new_witness_variable(|| Ok(value))?, value));
        }
        for sides in self.products {
            let value: Fr =
                sides.iter().map(|s| s.iter().map(|(c, i)| *c * known[*i].1).sum::<Fr>()).product();
            let product = cs.new_witness_variable(|| Ok(value))?;
            let [a, b] = sides
                .map(|side| side.iter().fold(LinearCombination::zero(), |lc, (c, i)| lc + (*c, known[*i].0)));
            cs.enforce_r1cs_constraint(|| a, || b, || LinearCombination::zero() + product)?;
            known.push((product, value));
        }
        Ok(())
    }
}

/// An iden3 container under construction, so that tests can damage it in known places.
#[derive(Clone)]
pub(crate) struct Container {
    pub magic: [u8; 4],
    pub version: u32,
    pub sections: Vec<(u32, Vec<u8>)>,
}

impl Container {
    pub(crate) fn section(&mut self, id: u32) -> &mut Vec<u8> {
        &mut self.sections.iter_mut().find(|s| s.0 == id).expect("section exists").1
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = [&self.magic[..], &self.version.to_le_bytes()].concat();
        out.extend((self.sections.len() as u32).to_le_bytes());
        for (id, data) in &self.sections {
            out.extend(id.to_le_bytes());
            out.extend((data.len() as u64).to_le_bytes());
            out.extend(data);
        }
        out
    }

    /// Writes the file into a directory.
    pub(crate) fn write(&self, directory: &tempfile::TempDir, name: &str) -> std::path::PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, self.bytes()).expect("writes");
        path
    }
}

fn words(values: &[usize]) -> Vec<u8> {
    values.iter().flat_map(|v| (*v as u32).to_le_bytes()).collect()
}

fn limb_bytes(value: BigInt<4>) -> Vec<u8> {
    value.0.iter().flat_map(|limb| limb.to_le_bytes()).collect()
}

fn prime<F: PrimeField<BigInt = BigInt<4>>>() -> Vec<u8> {
    [words(&[32]), limb_bytes(F::MODULUS)].concat()
}

fn g1(points: &[G1Affine]) -> Vec<u8> {
    // The identity is (0, 0) in memory, and so it is in the file.
    points.iter().flat_map(|p| [p.x, p.y]).flat_map(|c| limb_bytes(c.0)).collect()
}

fn g2(points: &[G2Affine]) -> Vec<u8> {
    points.iter().flat_map(|p| [p.x.c0, p.x.c1, p.y.c0, p.y.c1]).flat_map(|c| limb_bytes(c.0)).collect()
}

fn zkey(key: &ProvingKey<Bn254>, matrices: &[Matrix<Fr>], variables: usize) -> Container {
    let inputs = key.vk.gamma_abc_g1.len();
    let constraints = matrices[0].len();
    let mut coefficients = Vec::new();
    let mut coefficient = |matrix: usize, row: usize, signal: usize, value: Fr| {
        let r = BigUint::from(Fr::MODULUS);
        let twice = (BigUint::from(value.into_bigint()) << 512usize) % r;
        coefficients
            .push([words(&[matrix, row, signal]), limb_bytes(BigInt::try_from(twice).expect("below r"))]);
    };
    for (row, (a, b)) in matrices[0].iter().zip(&matrices[1]).enumerate() {
        for (matrix, terms) in [(0, a), (1, b)] {
            for &(value, signal) in terms {
                coefficient(matrix, row, signal, value);
            }
        }
    }
    for i in 0..inputs {
        coefficient(0, constraints + i, i, Fr::from(1u64));
    }
    let vk = &key.vk;
    let header = [
        prime::<ark_bn254::Fq>(),
        prime::<Fr>(),
        words(&[variables, inputs - 1, key.h_query.len()]),
        g1(&[vk.alpha_g1, key.beta_g1]),
        g2(&[vk.beta_g2, vk.gamma_g2]),
        g1(&[key.delta_g1]),
        g2(&[vk.delta_g2]),
    ];
    let coefficients = [words(&[coefficients.len()]), coefficients.concat().concat()].concat();
    Container {
        magic: *b"zkey",
        version: 1,
        sections: vec![
            (1, words(&[1])),
            (2, header.concat()),
            // snarkjs, too, writes section 4 before section 3.
            (4, coefficients),
            (3, g1(&vk.gamma_abc_g1)),
            (9, g1(&key.h_query)),
            (8, g1(&key.l_query)),
            (5, g1(&key.a_query)),
            (6, g1(&key.b_g1_query)),
            (7, g2(&key.b_g2_query)),
            (10, vec![0; 68]),
        ],
    }
}

fn wtns(values: &[Fr]) -> Container {
    Container {
        magic: *b"wtns",
        version: 2,
        sections: vec![
            (1, [prime::<Fr>(), words(&[values.len()])].concat()),
            (2, values.iter().flat_map(|v| limb_bytes(v.into_bigint())).collect()),
        ],
    }
}
