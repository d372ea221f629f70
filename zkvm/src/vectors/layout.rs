//! Which file holds what: names and dimensions follow from the tables.

use std::collections::HashMap;

use p3_field::{Field, PrimeCharacteristicRing, PrimeField32, TwoAdicField};

use super::manifest::{ExtensionShape, Manifest, TableShape};
use super::math::log2;
use crate::F;

/// Commitments in the order in which they are opened.
pub const COMMITMENTS: [&str; 4] = ["trace", "quotient", "preprocessed", "permutation"];

/// A matrix that is committed to.
#[derive(Clone, Debug)]
pub struct Committed<'a> {
    /// The stem of its files.
    pub name: String,
    /// Its table.
    pub table: &'a TableShape,
    /// Whether it is a chunk of the table's quotient.
    pub quotient: bool,
    /// Which.
    pub chunk: usize,
    /// Columns of base elements.
    pub width: usize,
    /// Points at which it is opened: ζ, and ζ times the generator of the table's subgroup.
    pub points: usize,
}

impl Committed<'_> {
    /// The first point of the domain on which its values are known: 1, and for chunk j of a quotient 3 ω^j, ω of order
    /// chunks · height.
    pub fn shift(&self) -> F {
        if !self.quotient {
            return F::ONE;
        }
        let root = F::two_adic_generator(self.table.log_height + log2(self.table.chunks));
        F::GENERATOR * root.exp_u64(self.chunk as u64)
    }
}

impl Manifest {
    /// A commitment's matrices in the batch's order.
    pub fn committed(&self, commitment: &str) -> Vec<Committed<'_>> {
        fn of(table: &TableShape, width: usize, points: usize) -> Committed<'_> {
            Committed { name: table.name.clone(), table, quotient: false, chunk: 0, width, points }
        }
        let tables = self.tables.iter();
        match commitment {
            "trace" => tables.map(|t| of(t, t.columns.len(), 1 + usize::from(t.next))).collect(),
            "preprocessed" => self.preprocessed().map(|t| of(t, t.preprocessed.len(), 1)).collect(),
            "permutation" => self.with_lookups().map(|t| of(t, 4 * t.permutation_width(), 2)).collect(),
            _ => {
                let chunk = |t, (chunk, name)| Committed { name, quotient: true, chunk, ..of(t, 4, 1) };
                tables.flat_map(|t| t.chunk_names().enumerate().map(move |c| chunk(t, c))).collect()
            }
        }
    }

    /// The low-degree extensions, in order of the stages.
    pub fn expected_extensions(&self) -> Vec<ExtensionShape> {
        let mut extensions = Vec::new();
        for stage in ["trace", "preprocessed", "permutation", "quotient"] {
            for matrix in self.committed(stage) {
                let shift = F::GENERATOR / matrix.shift();
                extensions.push(ExtensionShape::new(
                    stage,
                    &matrix.name,
                    self.configuration.log_blowup,
                    shift,
                ));
            }
        }
        extensions
    }

    /// Rows and columns of each file whose dimensions the tables say.
    pub fn dimensions(&self) -> HashMap<String, (usize, usize)> {
        let parameters = &self.configuration;
        let mut all = HashMap::new();
        let mut file = |name: String, rows: usize, columns: usize| all.insert(name, (rows, columns));
        for table in &self.tables {
            let public = table.public_values;
            file(format!("public/{}.bin", table.name), public.min(1), public.max(1));
        }
        for stage in COMMITMENTS {
            for Committed { name, table, width, points, .. } in self.committed(stage) {
                let extension = matches!(stage, "permutation" | "quotient");
                file(
                    format!("{stage}/{name}.bin"),
                    table.height(),
                    if extension { width / 4 } else { width },
                );
                file(format!("{stage}-lde/{name}.bin"), table.height() << parameters.log_blowup, width);
                file(format!("opening/{stage}/{name}.bin"), points, width);
                file(format!("query/{stage}/{name}.bin"), parameters.queries, width);
            }
            file(format!("root/{stage}.bin"), 1, 1);
        }
        let rounds = self.folding.len();
        let mut height = self.heights().first().copied().unwrap_or_default();
        for (round, log_arity) in self.folding.iter().enumerate() {
            height -= log_arity;
            file(format!("fold/{round:02}.bin"), 1 << height, 1 << log_arity);
            file(format!("query/fold/{round:02}.bin"), parameters.queries, (1 << log_arity) - 1);
        }
        for height in self.heights() {
            file(format!("reduced/{height:02}.bin"), 1 << height, 1);
        }
        file("root/fold.bin".into(), rounds, 1);
        file("terminals.bin".into(), self.with_lookups().count(), 1);
        file("final.bin".into(), 1 << parameters.log_final_polynomial, 1);
        file("witnesses.bin".into(), 4 + rounds, 1);
        file("challenge/lookup.bin".into(), 2, 1);
        for challenge in ["constraint", "zeta", "batch"] {
            file(format!("challenge/{challenge}.bin"), 1, 1);
        }
        file("challenge/fold.bin".into(), rounds, 1);
        file("challenge/indices.bin".into(), parameters.queries, 1);
        all
    }

    /// Tables that send or receive.
    pub fn with_lookups(&self) -> impl Iterator<Item = &TableShape> {
        self.tables.iter().filter(|table| !table.lookups.is_empty())
    }
}

impl ExtensionShape {
    /// Of a matrix of a stage.
    pub fn new(stage: &str, name: &str, added_bits: usize, shift: F) -> Self {
        let (input, output) = (format!("{stage}/{name}.bin"), format!("{stage}-lde/{name}.bin"));
        Self { input, output, added_bits, shift: shift.as_canonical_u32() }
    }
}
