//! What a dump says of itself.

use std::collections::BTreeMap;

use p3_air::BaseAir;
use serde::{Deserialize, Serialize};

use super::format::VERSION;
use super::program::Buses;
use crate::air::lanes::Lanes;
use crate::config;
use crate::key::Key;
use crate::proof::Shape;
use crate::F;

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Of the format.
    pub version: u16,
    /// The parameters.
    pub configuration: Configuration,
    /// Buses by number.
    pub buses: Vec<String>,
    /// Fields of the widest message.
    pub widest: usize,
    /// Tables in the proof's order.
    pub tables: Vec<TableShape>,
    /// log2 of what each round of FRI folds by.
    pub folding: Vec<usize>,
    /// The low-degree extensions, in no order that matters.
    pub extensions: Vec<ExtensionShape>,
    /// Permutations that the Merkle trees of a segment take: leaves (width 24), nodes (width 16).
    pub permutations: [u64; 2],
    /// Every other file, by name.
    pub files: BTreeMap<String, File>,
}

/// What [`Manifest::format`] says.
pub const FORMAT: &str = "permafrost segment vectors";

/// The parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named as in config")]
pub struct Configuration {
    pub prover: String,
    pub modulus: u32,
    pub generator: u32,
    pub extension: String,
    pub log_blowup: usize,
    pub max_log_arity: usize,
    pub log_final_polynomial: usize,
    pub queries: usize,
    pub query_grinding: usize,
    pub commit_grinding: usize,
    pub batch_grinding: usize,
    pub lookup_grinding: usize,
    pub out_of_domain_grinding: usize,
    pub cap_height: usize,
    pub lookup_degree: usize,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// Place and name: the stem of its files.
    pub name: String,
    /// Number of its kind.
    pub kind: u8,
    /// log2 of its height.
    pub log_height: usize,
    /// Names of its columns, with the lane after `@` where several rows of the table are one.
    pub columns: Vec<String>,
    /// Names of its preprocessed columns.
    pub preprocessed: Vec<String>,
    /// Its public values.
    pub public_values: usize,
    /// Its LogUp columns' buses; the accumulator comes before them.
    pub lookups: Vec<LookupShape>,
    /// Chunks of its quotient.
    pub chunks: usize,
    /// Whether the main columns are opened at the next row, too.
    pub next: bool,
}

/// A LogUp column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupShape {
    /// Number of its bus.
    pub bus: usize,
    /// Messages that share it.
    pub messages: usize,
}

/// A low-degree extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionShape {
    /// The file of its input: values on a domain, in natural order.
    pub input: String,
    /// The file of its output: values on 3 times the larger subgroup, rows in bit-reversed order.
    pub output: String,
    /// log2 of how much larger that is.
    pub added_bits: usize,
    /// Factor of the coefficients: 3 divided by the input domain's shift.
    pub shift: u32,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its bytes.
    pub bytes: usize,
    /// Their hash, hexadecimal.
    pub blake3: String,
}

impl Manifest {
    /// Its file.
    pub const FILE: &'static str = "manifest.json";

    /// Of tables with these numbers of quotient chunks; no files yet.
    pub fn new(key: &Key, shape: &Shape, tables: &[Lanes], chunks: &[usize], buses: &Buses) -> Self {
        let table = |(i, table): (usize, &Lanes)| TableShape {
            name: format!("{i:02}-{}", table.kind().name()),
            kind: table.kind() as u8,
            log_height: shape.tables()[i].1,
            columns: table.names(),
            preprocessed: table.preprocessed_names(),
            public_values: BaseAir::<F>::num_public_values(table),
            lookups: (key.lookups(table.kind()).iter())
                .map(|lookup| LookupShape { bus: buses.number(lookup), messages: lookup.elements.len() })
                .collect(),
            chunks: chunks[i],
            next: !table.main_next_row_columns().is_empty(),
        };
        let mut manifest = Self {
            format: FORMAT.into(),
            version: VERSION,
            configuration: Configuration::current(),
            buses: buses.names.clone(),
            widest: buses.widest,
            tables: tables.iter().enumerate().map(table).collect(),
            folding: Vec::new(),
            extensions: Vec::new(),
            permutations: [0; 2],
            files: BTreeMap::new(),
        };
        manifest.folding = super::math::schedule(
            &manifest.heights(),
            config::LOG_BLOWUP + config::LOG_FINAL_POLYNOMIAL,
            config::MAX_LOG_ARITY,
        );
        manifest
    }

    /// Whether it is of this version and configuration, and does not contradict itself.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        if (self.format.as_str(), self.version) != (FORMAT, VERSION) {
            return Err("it is of another format or version");
        }
        if self.configuration != Configuration::current() {
            return Err("its configuration is not this version's");
        }
        let last = config::LOG_BLOWUP + config::LOG_FINAL_POLYNOMIAL;
        let heights = config::MIN_LOG_HEIGHT..=config::MAX_LOG_HEIGHT;
        if self.tables.is_empty() || !self.tables.iter().all(|table| heights.contains(&table.log_height)) {
            return Err("it has no tables, or tables of heights that no proof has");
        }
        let chunks =
            |table: &TableShape| table.chunks.is_power_of_two() && table.chunks <= 1 << config::LOG_BLOWUP;
        if !self.tables.iter().all(|table| chunks(table) && !table.columns.is_empty()) {
            return Err("it has a table without columns, or with more chunks of a quotient than the blowup");
        }
        if self.tables.iter().flat_map(|table| &table.lookups).any(|lookup| lookup.bus >= self.buses.len()) {
            return Err("it has a message on a bus that it has not");
        }
        if self.folding != super::math::schedule(&self.heights(), last, config::MAX_LOG_ARITY) {
            return Err("its foldings are not those of its tables' heights");
        }
        if self.extensions != self.expected_extensions() {
            return Err("its extensions are not those of its tables");
        }
        Ok(())
    }

    /// log2 of the extended heights, falling, each once: those of FRI's inputs.
    pub fn heights(&self) -> Vec<usize> {
        let mut heights: Vec<usize> =
            self.tables.iter().map(|table| table.log_height + self.configuration.log_blowup).collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        heights.dedup();
        heights
    }

    /// Tables with preprocessed columns.
    pub fn preprocessed(&self) -> impl Iterator<Item = &TableShape> {
        self.tables.iter().filter(|table| !table.preprocessed.is_empty())
    }
}

impl TableShape {
    /// Its rows.
    pub const fn height(&self) -> usize {
        1 << self.log_height
    }

    /// Its LogUp columns, the accumulator among them.
    pub fn permutation_width(&self) -> usize {
        if self.lookups.is_empty() {
            0
        } else {
            1 + self.lookups.len()
        }
    }

    /// Names of its quotient's chunks.
    pub fn chunk_names(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.chunks).map(|j| format!("{}.{j}", self.name))
    }
}

impl Configuration {
    /// This version's.
    pub fn current() -> Self {
        use p3_field::{Field, PrimeField32};
        Self {
            prover: "plonky3 0.9.0-rc.2".into(),
            modulus: F::ORDER_U32,
            generator: F::GENERATOR.as_canonical_u32(),
            extension: "X^4 - 3".into(),
            log_blowup: config::LOG_BLOWUP,
            max_log_arity: config::MAX_LOG_ARITY,
            log_final_polynomial: config::LOG_FINAL_POLYNOMIAL,
            queries: config::QUERIES,
            query_grinding: config::QUERY_GRINDING,
            commit_grinding: config::COMMIT_GRINDING,
            batch_grinding: config::BATCH_GRINDING,
            lookup_grinding: config::LOOKUP_GRINDING,
            out_of_domain_grinding: config::OUT_OF_DOMAIN_GRINDING,
            cap_height: config::CAP_HEIGHT,
            lookup_degree: config::LOOKUP_DEGREE,
        }
    }
}
