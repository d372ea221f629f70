//! What is computed for every index: ± a·b ± c.

use ark_bn254::Fr;
use ark_ff::{One, Zero};

use super::{DeviceIndices, DeviceVec};

/// One of the three values of a term.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// Element i of a vector.
    Vector(&'a DeviceVec),
    /// The same for every i.
    Scalar(Fr),
    /// This to the power of i. At most one of the two factors, not the addend.
    Powers(Fr),
    /// Element `indices[i]` of a vector. At most one of the two factors, not the addend.
    Gather(&'a DeviceVec, &'a DeviceIndices),
}

impl<'a> From<&'a DeviceVec> for Operand<'a> {
    fn from(vector: &'a DeviceVec) -> Self {
        Operand::Vector(vector)
    }
}

impl From<Fr> for Operand<'_> {
    fn from(scalar: Fr) -> Self {
        Operand::Scalar(scalar)
    }
}

/// `± a·b ± c` for every index.
///
/// ```no_run
/// # use permafrost_zkal::engine::{DeviceVec, Engine, Operand, Terms};
/// # fn run(engine: &Engine, a: &DeviceVec, b: &DeviceVec, c: &DeviceVec, x: ark_bn254::Fr)
/// #     -> permafrost_zkal::Result<()> {
/// engine.map(c, &Terms::product(a, b).minus(c))?;
/// engine.map(a, &Terms::product(a, Operand::Powers(x)))?;
/// engine.map(a, &Terms::sum(a, b))?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub(super) a: Operand<'a>,
    pub(super) b: Operand<'a>,
    pub(super) c: Operand<'a>,
    pub(super) negate_product: bool,
    pub(super) negate_addend: bool,
}

impl<'a> Terms<'a> {
    /// `a·b`.
    pub fn product(a: impl Into<Operand<'a>>, b: impl Into<Operand<'a>>) -> Self {
        Terms {
            a: a.into(),
            b: b.into(),
            c: Operand::Scalar(Fr::zero()),
            negate_product: false,
            negate_addend: false,
        }
    }

    /// `a` itself.
    pub fn of(a: impl Into<Operand<'a>>) -> Self {
        Self::product(a, Fr::one())
    }

    /// `a + c`.
    pub fn sum(a: impl Into<Operand<'a>>, c: impl Into<Operand<'a>>) -> Self {
        Self::of(a).plus(c)
    }

    /// `a - c`.
    pub fn difference(a: impl Into<Operand<'a>>, c: impl Into<Operand<'a>>) -> Self {
        Self::of(a).minus(c)
    }

    /// This product plus `c` (instead of any addend before).
    #[must_use]
    pub fn plus(self, c: impl Into<Operand<'a>>) -> Self {
        Terms { c: c.into(), negate_addend: false, ..self }
    }

    /// This product minus `c` (instead of any addend before).
    #[must_use]
    pub fn minus(self, c: impl Into<Operand<'a>>) -> Self {
        Terms { c: c.into(), negate_addend: true, ..self }
    }

    /// The negative of the whole.
    #[must_use]
    pub fn negated(self) -> Self {
        Terms { negate_product: !self.negate_product, negate_addend: !self.negate_addend, ..self }
    }
}
