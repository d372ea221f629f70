//! How many bits a proof has, by the reference prover's own accounting (`p3-security`), from the shape of the tables.
//!
//! Proven: round by round, at the better of the unique-decoding and the list-decoding regime. Conjectured: under the
//! random-words conjecture. Neither says anything of Poseidon2, which is taken for a random oracle with digests of 8 elements.

use std::sync::Arc;

use p3_air::symbolic::AirLayout;
use p3_air::BaseAir;
use p3_batch_stark::num_batched_openings;
use p3_batch_stark::symbolic::{get_max_constraint_degree, get_symbolic_constraints};
use p3_lookup::LogUpGadget;
use p3_security::logup::{self, LogUpAir};
use p3_security::stark::{conjectured_security_report, proven_security_report};
use p3_security::{InstanceShape, RegimeReport, SecurityReport, StarkAirParams};
use p3_uni_stark::OpeningShape;

use crate::air::lanes::Lanes;
use crate::air::linear::messages;
use crate::air::{trace, Kind};
use crate::config::{self, Challenge};
use crate::key::lookups;
use crate::proof::Shape;
use crate::record::Program;
use crate::F;

/// Bits of the challenges' field, rounded down: p^4 is 2^123.96.
pub const FIELD_BITS: usize = 123;
/// Bits of work for a collision of two digests of 8 elements, rounded down.
pub const COLLISION_BITS: usize = 123;
/// Base field elements in a challenge.
const DIMENSION: usize = 4;

/// What a table contributes.
#[derive(Clone, Debug)]
pub struct TableShape {
    /// Which table.
    pub kind: Kind,
    /// Main columns.
    pub width: usize,
    /// Preprocessed columns.
    pub preprocessed: usize,
    /// Whether the main trace is opened at the next row too.
    pub next: bool,
    /// Messages a row.
    pub messages: usize,
    /// Fields of the widest message.
    pub message_width: usize,
    /// Extension columns of fractions; one more holds their running sum.
    pub fractions: usize,
    /// Constraints, with those of the lookups.
    pub constraints: usize,
    /// Their largest degree.
    pub degree: usize,
}

impl TableShape {
    /// Of a table.
    pub fn of(table: &Lanes) -> Self {
        let packed = lookups(table);
        let gadget = LogUpGadget::new();
        let layout = AirLayout::from_air::<F>(table);
        let (base, extension) =
            get_symbolic_constraints::<F, Challenge, Lanes, _>(table, layout, &packed, &gadget);
        // Periodic columns have their full degree only in tables taller than their period.
        let rows = 1 << config::MAX_LOG_HEIGHT;
        let degree =
            get_max_constraint_degree::<F, Challenge, Lanes, _>(table, layout, rows, &packed, &gadget);
        let messages = messages(table.table());
        Self {
            kind: table.kind(),
            width: BaseAir::<F>::width(table),
            preprocessed: table.preprocessed_width(),
            next: !table.main_next_row_columns().is_empty(),
            messages: messages.len() * table.count(),
            message_width: messages.iter().map(|message| message.fields.len()).max().unwrap_or(0),
            fractions: packed.len(),
            constraints: base.len() + extension.len(),
            degree,
        }
    }

    /// Of a kind of table: nothing of it depends on the program.
    pub fn of_kind(kind: Kind) -> Self {
        let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
        Self::of(&Lanes::of(kind, &program))
    }

    /// Quotient chunks.
    pub fn chunks(&self) -> usize {
        (self.degree.max(2) - 1).next_power_of_two()
    }

    /// Extension columns.
    pub const fn extension_columns(&self) -> usize {
        if self.fractions == 0 {
            0
        } else {
            self.fractions + 1
        }
    }

    fn openings(&self) -> usize {
        let shape = OpeningShape::new();
        num_batched_openings(
            self.width,
            self.next,
            self.preprocessed,
            false,
            self.chunks(),
            self.fractions,
            DIMENSION,
            shape,
        )
    }
}

/// The bits of a proof.
#[derive(Clone, Debug)]
pub struct Security {
    /// Proven.
    pub proven: SecurityReport,
    /// Conjectured.
    pub conjectured: RegimeReport,
}

impl Security {
    /// Of a proof with these tables and log2 of heights.
    pub fn of(tables: &[(TableShape, usize)]) -> Self {
        let log_height = tables.iter().map(|(_, log_height)| *log_height).max().unwrap_or(0);
        let most = |f: fn(&TableShape) -> usize| tables.iter().map(|(table, _)| f(table)).max().unwrap_or(1);
        // Messages of all rows, as so many for each row of the tallest table.
        let messages: usize = tables.iter().map(|(table, log_height)| table.messages << log_height).sum();
        let air = StarkAirParams {
            num_constraints: tables.iter().map(|(table, _)| table.constraints).sum::<usize>().max(1),
            max_constraint_degree: most(|table| table.degree),
            num_quotient_chunks: most(TableShape::chunks),
            max_combo: 2,
        };
        let shape = InstanceShape {
            log_trace_length: log_height,
            modulus_bits: FIELD_BITS,
            collision_resistance: COLLISION_BITS,
            num_batched_functions: tables.iter().map(|(table, _)| table.openings()).sum(),
        };
        let lookups = LogUpAir {
            num_interactions: messages.div_ceil(1 << log_height),
            max_message_width: most(|table| table.message_width),
        };
        let grinding = config::grinding();
        let extras: Vec<_> = logup::security_term(&lookups, &shape, &grinding).into_iter().collect();
        let test = config::fri(()).security_regime();
        Self {
            proven: proven_security_report(&test, &air, &shape, &extras, &grinding),
            conjectured: conjectured_security_report(&test, &air, &shape, &extras, &grinding),
        }
    }

    /// Of a segment's proof.
    pub fn of_segment(program: &Arc<Program>, shape: &Shape) -> Self {
        let tables: Vec<_> = shape
            .tables()
            .iter()
            .map(|&(kind, log_height)| (TableShape::of(&Lanes::of(kind, program)), log_height))
            .collect();
        Self::of(&tables)
    }

    /// Of all tables at once, each in as many pieces as may be and each of 2^`log_height` rows: no proof of that height is worse.
    pub fn worst(log_height: usize) -> Self {
        let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
        let tables: Vec<_> = Kind::ALL
            .iter()
            .flat_map(|&kind| {
                let pieces = if trace::is_cut(kind) { trace::MAX_PIECES } else { 1 };
                vec![(TableShape::of(&Lanes::of(kind, &program)), log_height); pieces]
            })
            .collect();
        Self::of(&tables)
    }

    /// Proven bits.
    pub fn proven_bits(&self) -> f64 {
        self.proven.security_bits()
    }

    /// Conjectured bits.
    pub fn conjectured_bits(&self) -> f64 {
        self.conjectured.security_bits()
    }
}

impl std::fmt::Display for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (regime, binding) = self.proven.binding();
        writeln!(f, "proven {:.1} bits ({regime:?}), bound by {}", self.proven_bits(), binding.label)?;
        let regimes = std::iter::once(&self.proven.udr).chain(&self.proven.ldr).chain([&self.conjectured]);
        for regime in regimes {
            write!(f, "{:?}:", regime.regime)?;
            for term in regime.terms() {
                write!(f, " {} {:.1}", term.label, term.bits.bits())?;
            }
            writeln!(f)?;
        }
        let binding = self.conjectured.binding();
        write!(f, "conjectured {:.1} bits, bound by {}", self.conjectured_bits(), binding.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_height_has_a_hundred_proven_bits() {
        for log_height in config::MIN_LOG_HEIGHT..=config::MAX_LOG_HEIGHT {
            let security = Security::worst(log_height);
            assert!(security.proven_bits() >= 100.0, "2^{log_height} rows: {security}");
            assert!(security.conjectured_bits() >= security.proven_bits(), "2^{log_height} rows: {security}");
        }
    }

    #[test]
    fn no_table_needs_more_quotient_than_the_blowup() {
        let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
        for &kind in Kind::ALL {
            let shape = TableShape::of(&Lanes::of(kind, &program));
            assert!(shape.chunks() <= 1 << config::LOG_BLOWUP, "{shape:?}");
        }
    }

    #[test]
    fn a_taller_or_wider_proof_has_no_more_bits() {
        let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
        let table = TableShape::of(&Lanes::of(Kind::Add, &program));
        let low = Security::of(&[(table.clone(), 10)]).proven_bits();
        let tall = Security::of(&[(table.clone(), 24)]).proven_bits();
        assert!(tall < low, "{tall} {low}");
        let wide = TableShape { messages: 1 << 20, ..table };
        assert!(Security::of(&[(wide, 20)]).proven_bits() < 100.0, "the lookups' error counts");
    }

    /// `cargo test -p permafrost-zkvm security -- --ignored --nocapture` prints the figures.
    #[test]
    #[ignore = "prints figures"]
    fn figures() {
        let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
        for &kind in Kind::ALL {
            println!("{:?}", TableShape::of(&Lanes::of(kind, &program)));
        }
        for log_height in [16, 20, config::MAX_LOG_HEIGHT] {
            println!("2^{log_height} rows: {}", Security::worst(log_height));
        }
    }
}
