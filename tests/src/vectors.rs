//! The BN254 precompile vectors (EIP-196) of go-ethereum, which are not part of this repository.

use std::path::{Path, PathBuf};

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ff::{PrimeField, Zero};
use serde::Deserialize;

/// Their folder: `PERMAFROST_VECTORS`, or `../shared/vectors` beside the repository. `None` when it is not there.
pub fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("PERMAFROST_VECTORS") {
        Some(folder) => PathBuf::from(folder),
        None => crate::root().parent()?.join("shared/vectors"),
    };
    folder.is_dir().then_some(folder)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    name: String,
    input: String,
    expected: String,
}

/// One vector: Σ scalar·point = expected. An addition has two points and the scalars 1.
pub struct Vector {
    pub name: String,
    pub bases: Vec<G1Affine>,
    pub scalars: Vec<Fr>,
    pub expected: G1Affine,
}

/// `bn256Add.json`
pub fn additions(folder: &Path) -> Vec<Vector> {
    entries(&folder.join("bn256Add.json"), 4, |words| {
        (vec![point(&words[0..2]), point(&words[2..4])], vec![Fr::from(1u64); 2])
    })
}

/// `bn256ScalarMul.json`; scalars above the group order are reduced.
pub fn multiplications(folder: &Path) -> Vec<Vector> {
    entries(&folder.join("bn256ScalarMul.json"), 3, |words| {
        (vec![point(&words[0..2])], vec![Fr::from_be_bytes_mod_order(&words[2])])
    })
}

type Word = [u8; 32];

fn entries(file: &Path, words: usize, read: impl Fn(&[Word]) -> (Vec<G1Affine>, Vec<Fr>)) -> Vec<Vector> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let entries: Vec<Entry> =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    assert!(!entries.is_empty(), "{}: no vectors", file.display());
    entries
        .into_iter()
        .map(|entry| {
            let (bases, scalars) = read(&split(&entry.input, words));
            Vector { name: entry.name, bases, scalars, expected: point(&split(&entry.expected, 2)) }
        })
        .collect()
}

/// Hex to 32-byte words; short input is padded with zeros at the end and longer input is cut, as the precompile does.
fn split(hex: &str, words: usize) -> Vec<Word> {
    let mut bytes: Vec<u8> =
        (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect();
    bytes.resize(32 * words, 0);
    bytes.chunks_exact(32).map(|word| word.try_into().expect("32 bytes")).collect()
}

fn point(words: &[Word]) -> G1Affine {
    let coordinate = |word: &Word| Fq::from_be_bytes_mod_order(word);
    let (x, y) = (coordinate(&words[0]), coordinate(&words[1]));
    if x.is_zero() && y.is_zero() {
        return G1Affine::identity();
    }
    let point = G1Affine::new_unchecked(x, y);
    assert!(point.is_on_curve(), "a vector's point is not on the curve");
    point
}
