//! Proofs that are Rust: what a check reports, and their list.
//!
//! A check proves one property and tries its mutants. The manifest (`formal/properties/*.toml`) names checks by their name here.

use crate::{
    air,
    arithmetic::{check_butterfly, check_linear, check_montgomery, lemma, small_field, whole, Product},
    field,
    netlist::checks::{self, Unit},
    point,
    tools::Tools,
};
use permafrost_rtl::{
    field::{koala_bear, units, Field},
    ntt::butterfly::butterfly,
    target::Target::{self, Generic, Limbs, Tiles, Xcup},
};
use permafrost_zkvm::air::Kind;

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

impl Report {
    /// This report and `other` as one: proved if both are.
    pub fn and(mut self, other: Report) -> Report {
        self.proved = self.proved.and(other.proved);
        self.killed += other.killed;
        self.equivalent.extend(other.equivalent);
        self.alive.extend(other.alive);
        self
    }
}

/// A check: `Err` is that a tool failed, which is neither proved nor refuted.
pub type Check = fn(&Tools) -> Result<Report, crate::Error>;

/// All checks by name.
pub const CHECKS: &[(&str, Check)] = &[
    ("graph/fr_butterfly/generic", |_| {
        Ok(check_butterfly(&butterfly(&Field::fr(), Target::Generic), &Field::fr()))
    }),
    ("graph/fr_butterfly/xcup", |_| {
        Ok(check_butterfly(&butterfly(&Field::fr(), Target::Xcup), &Field::fr()))
    }),
    ("netlist/fq_mul/generic", |tools| checks::netlist(tools, Unit::FqMul, Target::Generic)),
    ("netlist/fq_mul/xcup", |tools| checks::netlist(tools, Unit::FqMul, Target::Xcup)),
    ("netlist/fr_mul/generic", |tools| checks::netlist(tools, Unit::FrMul, Target::Generic)),
    ("netlist/fr_mul/xcup", |tools| checks::netlist(tools, Unit::FrMul, Target::Xcup)),
    ("netlist/fr_demont/generic", |tools| checks::netlist(tools, Unit::FrDemont, Target::Generic)),
    ("netlist/fr_demont/xcup", |tools| checks::netlist(tools, Unit::FrDemont, Target::Xcup)),
    ("netlist/fq_demont/generic", |tools| checks::netlist(tools, Unit::FqDemont, Target::Generic)),
    ("netlist/fq_demont/xcup", |tools| checks::netlist(tools, Unit::FqDemont, Target::Xcup)),
    ("netlist/fr_butterfly/generic", |tools| checks::netlist(tools, Unit::FrButterfly, Target::Generic)),
    ("netlist/fr_butterfly/xcup", |tools| checks::netlist(tools, Unit::FrButterfly, Target::Xcup)),
    ("timing/fq_mul/generic", |tools| checks::timing(tools, Unit::FqMul, Target::Generic)),
    ("timing/fq_mul/xcup", |tools| checks::timing(tools, Unit::FqMul, Target::Xcup)),
    ("timing/fr_mul/generic", |tools| checks::timing(tools, Unit::FrMul, Target::Generic)),
    ("timing/fr_mul/xcup", |tools| checks::timing(tools, Unit::FrMul, Target::Xcup)),
    ("timing/fr_demont/generic", |tools| checks::timing(tools, Unit::FrDemont, Target::Generic)),
    ("timing/fr_demont/xcup", |tools| checks::timing(tools, Unit::FrDemont, Target::Xcup)),
    ("timing/fq_demont/generic", |tools| checks::timing(tools, Unit::FqDemont, Target::Generic)),
    ("timing/fq_demont/xcup", |tools| checks::timing(tools, Unit::FqDemont, Target::Xcup)),
    ("timing/fr_butterfly/generic", |tools| checks::timing(tools, Unit::FrButterfly, Target::Generic)),
    ("timing/fr_butterfly/xcup", |tools| checks::timing(tools, Unit::FrButterfly, Target::Xcup)),
    ("netlist/kb_mul/generic", |tools| checks::netlist(tools, Unit::KbMul, Target::Generic)),
    ("netlist/kb_mul/xcup", |tools| checks::netlist(tools, Unit::KbMul, Target::Xcup)),
    ("timing/kb_mul/generic", |tools| checks::timing(tools, Unit::KbMul, Target::Generic)),
    ("timing/kb_mul/xcup", |tools| checks::timing(tools, Unit::KbMul, Target::Xcup)),
    ("netlist/kb_add/generic", |tools| checks::netlist(tools, Unit::KbAdd, Target::Generic)),
    ("netlist/kb_add/xcup", |tools| checks::netlist(tools, Unit::KbAdd, Target::Xcup)),
    ("timing/kb_add/generic", |tools| checks::timing(tools, Unit::KbAdd, Target::Generic)),
    ("timing/kb_add/xcup", |tools| checks::timing(tools, Unit::KbAdd, Target::Xcup)),
    ("netlist/kb_sub/generic", |tools| checks::netlist(tools, Unit::KbSub, Target::Generic)),
    ("netlist/kb_sub/xcup", |tools| checks::netlist(tools, Unit::KbSub, Target::Xcup)),
    ("timing/kb_sub/generic", |tools| checks::timing(tools, Unit::KbSub, Target::Generic)),
    ("timing/kb_sub/xcup", |tools| checks::timing(tools, Unit::KbSub, Target::Xcup)),
    ("tile/26x34/plain", |tools| checks::tile(tools, 2, false)),
    ("tile/26x34/dsp48e2", |tools| checks::tile(tools, 2, true)),
    ("tile/26x17/plain", |tools| checks::tile(tools, 1, false)),
    ("tile/26x17/dsp48e2", |tools| checks::tile(tools, 1, true)),
    ("tile/26x68/plain", |tools| checks::tile(tools, 4, false)),
    ("tile/26x68/dsp48e2", |tools| checks::tile(tools, 4, true)),
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
    ("functions/add", field::functions::add),
    ("functions/sub", field::functions::sub),
    ("functions/triple", field::functions::triple),
    ("fq2/product", field::fq2::product),
    ("inverse/steps", field::inverse::check),
    ("vector/mul_add", field::mul_add::check),
    ("point/curves", point::curves::check),
    ("point/order", point::checks::order),
    ("point/inversion", point::checks::inversion),
    ("point/cases", point::checks::cases),
    ("point/chord", point::checks::chord),
    ("point/tangent", point::checks::tangent),
    ("air/range", air::lemmas::entries),
    ("air/euclid", air::lemmas::euclid),
    ("air/add", |tools| air::table(tools, Kind::Add)),
    ("air/addi", |tools| air::table(tools, Kind::AddImmediate)),
    ("air/lt", |tools| air::table(tools, Kind::Less)),
    ("air/lti", |tools| air::table(tools, Kind::LessImmediate)),
    ("air/bitwise", |tools| air::table(tools, Kind::Bitwise)),
    ("air/bitwisei", |tools| air::table(tools, Kind::BitwiseImmediate)),
    ("air/shift", |tools| air::table(tools, Kind::Shift)),
    ("air/shifti", |tools| air::table(tools, Kind::ShiftImmediate)),
    ("air/mul", |tools| air::table(tools, Kind::Multiply)),
    ("air/divide", |tools| air::table(tools, Kind::Divide)),
    ("air/lw", |tools| air::table(tools, Kind::LoadWord)),
    ("air/load", |tools| air::table(tools, Kind::LoadPart)),
    ("air/sw", |tools| air::table(tools, Kind::StoreWord)),
    ("air/store", |tools| air::table(tools, Kind::StorePart)),
    ("air/beq", |tools| air::table(tools, Kind::BranchEqual)),
    ("air/blt", |tools| air::table(tools, Kind::BranchLess)),
    ("air/jal", |tools| air::table(tools, Kind::Jump)),
    ("air/jalr", |tools| air::table(tools, Kind::JumpRegister)),
    ("air/ecall", |tools| air::table(tools, Kind::Ecall)),
];
