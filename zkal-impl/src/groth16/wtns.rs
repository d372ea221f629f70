//! Witnesses in iden3's `.wtns` format: section 1 holds the prime and the number of values, section 2 the values,
//! canonical, little-endian. Source: snarkjs `src/wtns_utils.js`.

use std::path::{Path, PathBuf};

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};
use zeroize::Zeroizing;

use super::binfile::BinFile;
use super::field::{expect_prime, limbs};
use crate::error::{Error, Result};

/// The values of all signals of a circuit. Secret; wiped from memory when dropped.
pub struct Witness {
    path: PathBuf,
    values: Zeroizing<Vec<BigInt<4>>>,
}

impl Witness {
    /// Reads a witness and checks its structure, its prime, that every value is below it, and that signal 0 is 1.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotThatFile`], [`Error::Truncated`], [`Error::Damaged`], [`Error::OtherCurve`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let mut file = BinFile::open(path.as_ref(), "wtns", 2..=2)?;
        let mut header = file.section(1, "header")?;
        expect_prime::<Fr>(&mut header, "scalar field")?;
        let count = header.u32()?;
        let mut s = file.section(2, "values")?;
        s.expect_left(u64::from(count) * 32, || format!("{count} values"))?;
        let mut values = Zeroizing::new(Vec::with_capacity(count as usize));
        for i in 0..count {
            let value = limbs(&s.bytes()?);
            if value >= Fr::MODULUS {
                return Err(s.damaged(format!("value {i} is not below r")));
            }
            values.push(value);
        }
        if values.first() != Some(&BigInt::one()) {
            return Err(s.damaged("value 0, the constant signal, is not 1"));
        }
        Ok(Witness { path: path.as_ref().to_owned(), values })
    }

    /// Number of values, the constant 1 included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no values; never for a witness that was opened.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values, canonical: the constant 1, the public signals (outputs first), then the private ones. Secret.
    pub fn values(&self) -> &[BigInt<4>] {
        &self.values
    }

    /// The values as field elements, wiped when dropped.
    pub(crate) fn elements(&self) -> Zeroizing<Vec<Fr>> {
        // Every value is below r (checked when read), so the conversion always succeeds.
        Zeroizing::new(self.values.iter().filter_map(|v| Fr::from_bigint(*v)).collect())
    }

    /// Checks the number of values against a circuit's.
    ///
    /// # Errors
    /// [`Error::OtherCircuit`] when they differ.
    pub(crate) fn check_len(&self, expected: usize) -> Result<()> {
        if self.len() == expected {
            Ok(())
        } else {
            Err(Error::OtherCircuit { path: self.path.clone(), found: self.len(), expected })
        }
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("path", &self.path).field("len", &self.len()).finish_non_exhaustive()
    }
}
