//! Proofs, public signals and verification keys as snarkjs' JSON: numbers as decimal strings, points projective with a
//! third coordinate of 1 (0 for the identity).

use std::fs;
use std::path::Path;

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, Field, One, PrimeField, Zero};
use ark_groth16::{Proof, VerifyingKey};
use num_bigint::BigUint;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};

/// snarkjs' name of the curve.
const CURVE: &str = "bn128";
/// Largest JSON document read, bytes; a verification key of a million public signals is about 200 MB.
const LARGEST: u64 = 1 << 28;

// ---- writing ----

#[derive(Serialize)]
struct ProofJson {
    pi_a: [String; 3],
    pi_b: [[String; 2]; 3],
    pi_c: [String; 3],
    protocol: &'static str,
    curve: &'static str,
}

/// `proof.json` as snarkjs writes it.
pub fn proof_to_json(proof: &Proof<Bn254>) -> String {
    pretty(&ProofJson {
        pi_a: g1(&proof.a),
        pi_b: g2(&proof.b),
        pi_c: g1(&proof.c),
        protocol: "groth16",
        curve: CURVE,
    })
}

/// `public.json` as snarkjs writes it.
pub fn publics_to_json(publics: &[Fr]) -> String {
    pretty(&publics.iter().map(decimal).collect::<Vec<_>>())
}

fn decimal<F: PrimeField>(value: &F) -> String {
    let value: BigUint = (*value).into();
    value.to_string()
}

/// Coordinates of a point, or snarkjs' identity (0, 1, 0).
fn coordinates<P: SWCurveConfig>(point: &Affine<P>) -> [P::BaseField; 3] {
    let (zero, one) = (P::BaseField::ZERO, P::BaseField::ONE);
    if point.is_zero() {
        [zero, one, zero]
    } else {
        [point.x, point.y, one]
    }
}

fn g1(point: &G1Affine) -> [String; 3] {
    coordinates(point).map(|c| decimal(&c))
}

fn g2(point: &G2Affine) -> [[String; 2]; 3] {
    coordinates(point).map(|c| [decimal(&c.c0), decimal(&c.c1)])
}

/// Indented by one space, as snarkjs does.
fn pretty(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, format);
    value.serialize(&mut serializer).expect("strings and arrays always serialise into memory");
    String::from_utf8(out).expect("serde_json writes UTF-8")
}

// ---- reading ----

/// Reads `proof.json`.
///
/// # Errors
/// [`Error::Io`], and [`Error::Json`] for anything that is not a Groth16 proof over BN254 with points in their groups.
pub fn read_proof(path: impl AsRef<Path>) -> Result<Proof<Bn254>> {
    read(path.as_ref(), |doc| {
        protocol_and_curve(doc)?;
        Ok(Proof { a: doc.get("pi_a")?.g1()?, b: doc.get("pi_b")?.g2()?, c: doc.get("pi_c")?.g1()? })
    })
}

/// Reads `public.json`: the public signals.
///
/// # Errors
/// [`Error::Io`], and [`Error::Json`] for anything but a list of numbers below r.
pub fn read_publics(path: impl AsRef<Path>) -> Result<Vec<Fr>> {
    read(path.as_ref(), |doc| doc.items()?.iter().map(Node::number).collect())
}

/// Reads `verification_key.json`. Precomputed pairings in it are not trusted and not read.
///
/// # Errors
/// [`Error::Io`], and [`Error::Json`] for anything that is not a Groth16 key over BN254 with points in their groups, or
/// whose `IC` does not have `nPublic + 1` points.
pub fn read_verifying_key(path: impl AsRef<Path>) -> Result<VerifyingKey<Bn254>> {
    read(path.as_ref(), |doc| {
        protocol_and_curve(doc)?;
        let gamma_abc_g1: Vec<G1Affine> =
            doc.get("IC")?.items()?.iter().map(Node::g1).collect::<Result<_, _>>()?;
        let publics = doc.get("nPublic")?;
        if publics.value.as_u64().and_then(|n| n.checked_add(1)) != Some(gamma_abc_g1.len() as u64) {
            let what = format!(
                "is {}, but IC has {} points (expected nPublic + 1)",
                publics.value,
                gamma_abc_g1.len()
            );
            return Err(publics.error(what));
        }
        Ok(VerifyingKey {
            alpha_g1: doc.get("vk_alpha_1")?.g1()?,
            beta_g2: doc.get("vk_beta_2")?.g2()?,
            gamma_g2: doc.get("vk_gamma_2")?.g2()?,
            delta_g2: doc.get("vk_delta_2")?.g2()?,
            gamma_abc_g1,
        })
    })
}

fn read<T>(path: &Path, parse: impl FnOnce(&Node<'_>) -> Result<T, String>) -> Result<T> {
    let io = |source| Error::Io { path: path.to_owned(), action: "read", source };
    let json = |what| Error::Json { path: path.to_owned(), what };
    let len = fs::metadata(path).map_err(io)?.len();
    if len > LARGEST {
        return Err(json(format!("the file has {len} bytes, at most {LARGEST} are read")));
    }
    let text = fs::read_to_string(path).map_err(io)?;
    let value: Value = serde_json::from_str(&text).map_err(|e| json(format!("it is not valid JSON: {e}")))?;
    parse(&Node { name: String::new(), value: &value }).map_err(json)
}

fn protocol_and_curve(doc: &Node<'_>) -> Result<(), String> {
    for (field, expected) in [("protocol", "groth16"), ("curve", CURVE)] {
        let node = doc.get(field)?;
        if node.value.as_str() != Some(expected) {
            return Err(node.error(format!("is {}, only \"{expected}\" is supported", node.value)));
        }
    }
    Ok(())
}

/// A value and the way to it, for messages.
struct Node<'a> {
    name: String,
    value: &'a Value,
}

impl<'a> Node<'a> {
    fn error(&self, what: impl std::fmt::Display) -> String {
        if self.name.is_empty() {
            format!("the document {what}")
        } else {
            format!("{} {what}", self.name)
        }
    }

    fn get(&self, field: &str) -> Result<Node<'a>, String> {
        let name = if self.name.is_empty() { field.to_owned() } else { format!("{}.{field}", self.name) };
        match self.value.get(field) {
            Some(value) => Ok(Node { name, value }),
            None => Err(self.error(format!("has no field \"{field}\""))),
        }
    }

    fn items(&self) -> Result<Vec<Node<'a>>, String> {
        let list = self.value.as_array().ok_or_else(|| self.error("is not a list"))?;
        let name = |i| format!("{}[{i}]", self.name);
        Ok(list.iter().enumerate().map(|(i, value)| Node { name: name(i), value }).collect())
    }

    fn exactly<const N: usize>(&self) -> Result<[Node<'a>; N], String> {
        let items = self.items()?;
        let found = items.len();
        items.try_into().map_err(|_| self.error(format!("has {found} elements, {N} expected")))
    }

    /// A field element: a decimal or 0x-hexadecimal string, or a JSON integer, below the field's prime.
    fn number<F: PrimeField>(&self) -> Result<F, String> {
        let text = match self.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(self.error("is not a number")),
        };
        // No element has more digits; longer strings are refused before they cost time.
        if text.len() > 80 {
            return Err(self.error(format!("has {} characters, too long for a field element", text.len())));
        }
        let parsed = match text.strip_prefix("0x") {
            Some(hex) => BigUint::parse_bytes(hex.as_bytes(), 16),
            None => BigUint::parse_bytes(text.as_bytes(), 10),
        };
        let value = parsed.ok_or_else(|| self.error(format!("is \"{text}\", not a whole number")))?;
        if value >= F::MODULUS.into() {
            return Err(self.error("is not below the field's prime"));
        }
        Ok(F::from(value))
    }

    fn g1(&self) -> Result<G1Affine, String> {
        let [x, y, z] = self.exactly()?;
        self.point([x.number::<Fq>()?, y.number()?, z.number()?])
    }

    fn g2(&self) -> Result<G2Affine, String> {
        let fq2 = |node: Node<'_>| {
            let [c0, c1] = node.exactly()?;
            Ok::<_, String>(Fq2::new(c0.number()?, c1.number()?))
        };
        let [x, y, z] = self.exactly()?;
        self.point([fq2(x)?, fq2(y)?, fq2(z)?])
    }

    fn point<P: SWCurveConfig>(&self, [x, y, z]: [P::BaseField; 3]) -> Result<Affine<P>, String> {
        if z.is_zero() {
            return Ok(Affine::identity());
        }
        if !z.is_one() {
            return Err(self.error("has a third coordinate other than 1 or 0; normalise the point"));
        }
        let point = Affine::<P>::new_unchecked(x, y);
        if !point.is_on_curve() {
            return Err(self.error("is not a point of the curve"));
        }
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(self.error("is not in the subgroup of order r"));
        }
        Ok(point)
    }
}
