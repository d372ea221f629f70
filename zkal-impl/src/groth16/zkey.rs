//! Groth16 proving keys in snarkjs' `.zkey` format.
//!
//! Sections: 1 protocol; 2 primes, sizes and the verification key's points; 3 IC; 4 coefficients of A and B; 5 A, 6 B1
//! (G1), 7 B2 (G2), 8 C and 9 H points; 10 contributions, not read here. Points are affine, Montgomery form,
//! little-endian, the identity all zero. Source: snarkjs `src/zkey_utils.js`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{FftField, Zero};
use ark_groth16::VerifyingKey;
use ark_poly::Radix2EvaluationDomain;
use rayon::prelude::*;

use super::binfile::{BinFile, Section};
use super::field::{expect_prime, fq_from_montgomery, fr_from_double_montgomery};
use super::matrix::{Entry, SparseMatrix};
use super::qap::OddCoset;
use crate::error::{Error, Result};

/// A Groth16 proving key whose every point is known to be in its group.
pub struct ProvingKey {
    /// Where it was read from, for messages.
    pub(crate) path: PathBuf,
    /// Signals of the circuit, the constant 1 included.
    pub(crate) variables: usize,
    /// Public signals, without the constant 1.
    pub(crate) publics: usize,
    /// The evaluation domain.
    pub(crate) coset: OddCoset<Fr, Radix2EvaluationDomain<Fr>>,
    pub(crate) vk: VerifyingKey<Bn254>,
    pub(crate) beta_g1: G1Affine,
    pub(crate) delta_g1: G1Affine,
    /// Constraint matrices, `domain` rows each; the rows of the public signals are part of A.
    pub(crate) matrix_a: SparseMatrix,
    pub(crate) matrix_b: SparseMatrix,
    /// One point a variable.
    pub(crate) a: Arc<[G1Affine]>,
    pub(crate) b1: Arc<[G1Affine]>,
    pub(crate) b2: Arc<[G2Affine]>,
    /// One point a private variable; before them the identity when the first private variable has an odd number, so that
    /// the scalars begin at a variable with an even one: in card memory scalars are aligned to two.
    pub(crate) c: Arc<[G1Affine]>,
    /// One point a domain element, in Lagrange form over the odd coset.
    pub(crate) h: Arc<[G1Affine]>,
}

struct Header {
    variables: usize,
    publics: usize,
    coset: OddCoset<Fr, Radix2EvaluationDomain<Fr>>,
    alpha_g1: G1Affine,
    beta_g1: G1Affine,
    beta_g2: G2Affine,
    gamma_g2: G2Affine,
    delta_g1: G1Affine,
    delta_g2: G2Affine,
}

impl ProvingKey {
    /// Reads and validates a key: structure, sizes, curve, and for every point that it is on the curve (and, in G2,
    /// in the subgroup of order r).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotThatFile`], [`Error::Truncated`], [`Error::Damaged`], [`Error::OtherProtocol`],
    /// [`Error::OtherCurve`], [`Error::BadPoint`], [`Error::CircuitTooLarge`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let mut file = BinFile::open(path.as_ref(), "zkey", 1..=2)?;
        check_protocol(&mut file)?;
        let header = read_header(&mut file)?;
        let (variables, publics, domain) = (header.variables, header.publics, header.coset.size());
        // Points first: their sections must be as long as the sizes in the header say, so that a small file with large
        // sizes in it is refused before memory is allocated by them.
        let ic = read_points(file.section(3, "IC points")?, publics + 1)?;
        let a = read_points(file.section(5, "A points")?, variables)?;
        let b1 = read_points(file.section(6, "B1 points")?, variables)?;
        let b2 = read_points(file.section(7, "B2 points")?, variables)?;
        let mut c = read_points(file.section(8, "C points")?, variables - publics - 1)?;
        if (publics + 1) % 2 == 1 {
            c.insert(0, G1Affine::identity());
        }
        let h = read_points(file.section(9, "H points")?, domain)?;
        let (matrix_a, matrix_b) = read_coefficients(file.section(4, "coefficients")?, &header)?;
        Ok(ProvingKey {
            path: path.as_ref().to_owned(),
            variables,
            publics,
            coset: header.coset,
            vk: VerifyingKey {
                alpha_g1: header.alpha_g1,
                beta_g2: header.beta_g2,
                gamma_g2: header.gamma_g2,
                delta_g2: header.delta_g2,
                gamma_abc_g1: ic,
            },
            beta_g1: header.beta_g1,
            delta_g1: header.delta_g1,
            matrix_a,
            matrix_b,
            a: a.into(),
            b1: b1.into(),
            b2: b2.into(),
            c: c.into(),
            h: h.into(),
        })
    }

    /// Signals of the circuit, the constant 1 included: the length of a witness.
    pub fn num_variables(&self) -> usize {
        self.variables
    }

    /// Public signals, without the constant 1.
    pub fn num_public(&self) -> usize {
        self.publics
    }

    /// Size of the evaluation domain, a power of two above the number of constraints plus public signals.
    pub fn domain_size(&self) -> usize {
        self.coset.size()
    }

    /// The variable that the first of `c` is for.
    pub(crate) fn first_of_c(&self) -> usize {
        self.variables - self.c.len()
    }

    /// The verification key in this proving key.
    pub fn verifying_key(&self) -> &VerifyingKey<Bn254> {
        &self.vk
    }
}

impl std::fmt::Debug for ProvingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProvingKey")
            .field("variables", &self.variables)
            .field("publics", &self.publics)
            .field("domain", &self.domain_size())
            .finish_non_exhaustive()
    }
}

fn check_protocol(file: &mut BinFile) -> Result<()> {
    let id = file.section(1, "protocol")?.u32()?;
    let found = match id {
        1 => return Ok(()),
        2 => "PLONK (protocol 2)".to_owned(),
        10 => "FFLONK (protocol 10)".to_owned(),
        other => format!("an unknown protocol ({other})"),
    };
    Err(Error::OtherProtocol { path: file.path().to_owned(), found })
}

fn read_header(file: &mut BinFile) -> Result<Header> {
    let path = file.path().to_owned();
    let mut s = file.section(2, "header")?;
    expect_prime::<Fq>(&mut s, "base field")?;
    expect_prime::<Fr>(&mut s, "scalar field")?;
    let variables = s.u32()? as usize;
    let publics = s.u32()? as usize;
    let domain = s.u32()? as usize;
    if variables <= publics {
        return Err(s.damaged(format!("{variables} variables cannot include 1 and {publics} public signals")));
    }
    if !domain.is_power_of_two() {
        return Err(s.damaged(format!("the domain size {domain} is not a power of two")));
    }
    let coset = OddCoset::new(domain).ok_or(Error::CircuitTooLarge {
        path,
        log_size: domain.ilog2(),
        max: Fr::TWO_ADICITY - 1,
    })?;
    Ok(Header {
        variables,
        publics,
        coset,
        alpha_g1: header_point(&mut s, 0)?,
        beta_g1: header_point(&mut s, 1)?,
        beta_g2: header_point(&mut s, 2)?,
        gamma_g2: header_point(&mut s, 3)?,
        delta_g1: header_point(&mut s, 4)?,
        delta_g2: header_point(&mut s, 5)?,
    })
}

/// Coefficients of A and B. A row is a constraint, and after the constraints come the rows of the public signals.
fn read_coefficients(mut s: Section<'_>, header: &Header) -> Result<(SparseMatrix, SparseMatrix)> {
    let count = s.u32()?;
    s.expect_left(u64::from(count) * (12 + 32), || format!("{count} coefficients"))?;
    let mut matrices = [Vec::new(), Vec::new()];
    for i in 0..count {
        let (matrix, row, signal) = (s.u32()?, s.u32()?, s.u32()?);
        let bytes = s.bytes::<32>()?;
        let refuse = |what: String| Err(s.damaged(format!("coefficient {i}: {what}")));
        let Some(list) = matrices.get_mut(matrix as usize) else {
            return refuse(format!("matrix {matrix}, expected 0 (A) or 1 (B)"));
        };
        if row as usize >= header.coset.size() {
            return refuse(format!("row {row} lies outside the domain of {}", header.coset.size()));
        }
        if signal as usize >= header.variables {
            return refuse(format!("signal {signal} of a circuit with {} variables", header.variables));
        }
        let Some(value) = fr_from_double_montgomery(&bytes) else {
            return refuse("its value is not below r".to_owned());
        };
        list.push((row, Entry { signal, value }));
    }
    let [a, b] = matrices;
    let rows = header.coset.size();
    Ok((SparseMatrix::new(rows, &a), SparseMatrix::new(rows, &b)))
}

/// A coordinate as the file holds it: Montgomery form.
trait Coordinate: Sized {
    /// Bytes in the file.
    const BYTES: u64;
    /// None when the bytes are not below q.
    fn read(s: &mut Section<'_>) -> Result<Option<Self>>;
}

impl Coordinate for Fq {
    const BYTES: u64 = 32;
    fn read(s: &mut Section<'_>) -> Result<Option<Self>> {
        Ok(fq_from_montgomery(&s.bytes()?))
    }
}

impl Coordinate for Fq2 {
    const BYTES: u64 = 64;
    fn read(s: &mut Section<'_>) -> Result<Option<Self>> {
        let (c0, c1) = (Fq::read(s)?, Fq::read(s)?);
        Ok(c0.zip(c1).map(|(c0, c1)| Fq2::new(c0, c1)))
    }
}

fn bad_point(s: &Section<'_>, index: usize, what: &'static str) -> Error {
    Error::BadPoint { path: s.path().to_owned(), section: s.title(), index, what }
}

/// A point that is not checked yet.
fn read_point<P: SWCurveConfig<BaseField: Coordinate>>(
    s: &mut Section<'_>,
    index: usize,
) -> Result<Affine<P>> {
    let (x, y) = (P::BaseField::read(s)?, P::BaseField::read(s)?);
    match x.zip(y) {
        Some((x, y)) if x.is_zero() && y.is_zero() => Ok(Affine::identity()),
        Some((x, y)) => Ok(Affine::new_unchecked(x, y)),
        None => Err(bad_point(s, index, "a coordinate is not below the field prime")),
    }
}

/// Why a point is not in its group.
fn outside_group<P: SWCurveConfig>(point: &Affine<P>) -> Option<&'static str> {
    if !point.is_on_curve() {
        Some("it is not on the curve")
    } else if !point.is_in_correct_subgroup_assuming_on_curve() {
        Some("it is not in the subgroup of order r")
    } else {
        None
    }
}

fn header_point<P: SWCurveConfig<BaseField: Coordinate>>(
    s: &mut Section<'_>,
    index: usize,
) -> Result<Affine<P>> {
    let point = read_point(s, index)?;
    match outside_group(&point) {
        Some(what) => Err(bad_point(s, index, what)),
        None => Ok(point),
    }
}

/// All points of a section that must hold exactly `count`.
fn read_points<P>(mut s: Section<'_>, count: usize) -> Result<Vec<Affine<P>>>
where
    P: SWCurveConfig<BaseField: Coordinate>,
{
    s.expect_left(count as u64 * 2 * P::BaseField::BYTES, || format!("{count} points"))?;
    let points = (0..count).map(|i| read_point(&mut s, i)).collect::<Result<Vec<_>>>()?;
    let bad = points.par_iter().enumerate().find_map_first(|(i, p)| outside_group(p).map(|what| (i, what)));
    match bad {
        Some((index, what)) => Err(bad_point(&s, index, what)),
        None => Ok(points),
    }
}
