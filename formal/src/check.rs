//! Proofs that are Rust: what a check reports, and their list.
//!
//! A check proves one property and tries its mutants. The manifest (`formal/properties/*.toml`) names checks by their name here.

use crate::{
    arithmetic::{check_linear, check_montgomery, lemma, small_field, whole, Product},
    tools::Tools,
};
use permafrost_rtl::{
    field::{koala_bear, units, Field},
    target::Target::{Generic, Limbs, Tiles, Xcup},
};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `Ok`: proved, without a bound. Otherwise what could not be shown.
    pub proved: Result<(), String>,
    /// Mutants that were refuted.
    pub killed: usize,
    /// Mutants that compute the same as the design, each with the reason.
    pub equivalent: Vec<String>,
    /// Mutants that were not refuted and for which there is no reason: the runner ends with an error.
    pub alive: Vec<String>,
}

/// A check: `Err` is that a tool failed, which is neither proved nor refuted.
pub type Check = fn(&Tools) -> Result<Report, crate::Error>;

/// All checks by name.
pub const CHECKS: &[(&str, Check)] = &[
    ("graph/fq_mul/generic", |_| Ok(check_montgomery(&units::mul(&Field::fq(), Generic), &Field::fq()))),
    ("graph/fq_mul/xcup", |_| Ok(check_montgomery(&units::mul(&Field::fq(), Xcup), &Field::fq()))),
    ("graph/fr_mul/generic", |_| Ok(check_montgomery(&units::mul(&Field::fr(), Generic), &Field::fr()))),
    ("graph/fr_mul/xcup", |_| Ok(check_montgomery(&units::mul(&Field::fr(), Xcup), &Field::fr()))),
    ("graph/fr_demont/generic", |_| {
        Ok(check_montgomery(&units::demont(&Field::fr(), Generic), &Field::fr()))
    }),
    ("graph/fr_demont/xcup", |_| Ok(check_montgomery(&units::demont(&Field::fr(), Xcup), &Field::fr()))),
    ("graph/kb_mul/generic", |_| Ok(check_montgomery(&koala_bear::mul(Generic), &Field::koala_bear()))),
    ("graph/kb_mul/xcup", |_| Ok(check_montgomery(&koala_bear::mul(Xcup), &Field::koala_bear()))),
    ("graph/kb_add/generic", |_| {
        Ok(check_linear(&koala_bear::add(Generic), &Field::koala_bear(), |a, b| a + b))
    }),
    ("graph/kb_add/xcup", |_| Ok(check_linear(&koala_bear::add(Xcup), &Field::koala_bear(), |a, b| a + b))),
    ("graph/kb_sub/generic", |_| {
        Ok(check_linear(&koala_bear::sub(Generic), &Field::koala_bear(), |a, b| a - b))
    }),
    ("graph/kb_sub/xcup", |_| Ok(check_linear(&koala_bear::sub(Xcup), &Field::koala_bear(), |a, b| a - b))),
    ("lemma/bound/fq", |tools| lemma(tools, &Field::fq(), "bound")),
    ("lemma/divisible/fq", |tools| lemma(tools, &Field::fq(), "divisible")),
    ("lemma/final/fq", |tools| lemma(tools, &Field::fq(), "final")),
    ("lemma/carry/fq", |tools| lemma(tools, &Field::fq(), "carry")),
    ("lemma/bound/fr", |tools| lemma(tools, &Field::fr(), "bound")),
    ("lemma/divisible/fr", |tools| lemma(tools, &Field::fr(), "divisible")),
    ("lemma/final/fr", |tools| lemma(tools, &Field::fr(), "final")),
    ("lemma/carry/fr", |tools| lemma(tools, &Field::fr(), "carry")),
    ("lemma/bound/kb", |tools| lemma(tools, &Field::koala_bear(), "bound")),
    ("lemma/divisible/kb", |tools| lemma(tools, &Field::koala_bear(), "divisible")),
    ("lemma/final/kb", |tools| lemma(tools, &Field::koala_bear(), "final")),
    ("lemma/carry/kb", |tools| lemma(tools, &Field::koala_bear(), "carry")),
    ("lemma/difference/kb", |tools| lemma(tools, &Field::koala_bear(), "difference")),
    ("small/8/generic", |tools| whole(tools, &small_field(8), Limbs { radix: 3 }, Product::Nodes)),
    ("small/8/xcup", |tools| whole(tools, &small_field(8), Tiles { a: 3, b: 2 }, Product::Nodes)),
    ("small/8/generic/bits", |tools| whole(tools, &small_field(8), Limbs { radix: 3 }, Product::Bits)),
    ("small/8/xcup/bits", |tools| whole(tools, &small_field(8), Tiles { a: 3, b: 2 }, Product::Bits)),
    ("small/12/generic", |tools| whole(tools, &small_field(12), Limbs { radix: 5 }, Product::Nodes)),
    ("small/12/xcup", |tools| whole(tools, &small_field(12), Tiles { a: 5, b: 3 }, Product::Nodes)),
    ("small/14/xcup", |tools| whole(tools, &small_field(14), Tiles { a: 3, b: 2 }, Product::Nodes)),
    ("small/16/generic", |tools| whole(tools, &small_field(16), Limbs { radix: 6 }, Product::Nodes)),
    ("small/16/xcup", |tools| whole(tools, &small_field(16), Tiles { a: 6, b: 4 }, Product::Nodes)),
];
