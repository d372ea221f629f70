//! Recomputes a dump, stage by stage, each from the stages before as the folder holds them, and compares.
//!
//! The arithmetic is this module's and its neighbours': of the reference prover only the field, Poseidon2's permutation and the
//! seeds of the transcript are used. What is given (traces, the program's columns, public values, constraints) is held by
//! the hashes in the manifest; everything else is held by what is before it.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::eval::{self, Columns, Fingerprint};
use super::folder::Folder;
use super::format::event_rows;
use super::layout::COMMITMENTS;
use super::manifest::{ExtensionShape, Manifest, TableShape};
use super::math::extended_matrix;
use super::merkle::Tree;
use super::program::Programs;
use super::transcript::{play, seeds};
use crate::config::Challenge;
use crate::error::Error;
use crate::F;

/// What was compared.
#[derive(Clone, Debug)]
pub struct Report {
    /// Stages in order: name, elements compared, time.
    pub stages: Vec<(&'static str, usize, Duration)>,
    /// Bytes of the proof, all recomputed.
    pub proof: usize,
}

type Stage = fn(&mut Replay) -> Result<usize, Error>;

/// The stages, in order.
pub const STAGES: [(&str, Stage); 18] = [
    ("given", Replay::given),
    ("trace-lde", |replay| replay.extensions("trace")),
    ("preprocessed-lde", |replay| replay.extensions("preprocessed")),
    ("seed", Replay::seeds),
    ("root/trace", |replay| replay.root("trace")),
    ("root/preprocessed", |replay| replay.root("preprocessed")),
    ("permutation", Replay::permutation),
    ("permutation-lde", |replay| replay.extensions("permutation")),
    ("root/permutation", |replay| replay.root("permutation")),
    ("quotient", Replay::quotient),
    ("quotient-lde", |replay| replay.extensions("quotient")),
    ("root/quotient", |replay| replay.root("quotient")),
    ("opening", Replay::opening),
    ("reduced", Replay::reduced),
    ("fold", Replay::fold),
    ("transcript", Replay::transcript),
    ("query", Replay::query),
    ("tree", Replay::digests),
];

/// Recomputes the dump in a folder and assembles the proof from it.
///
/// # Errors
///
/// The first element that differs: its file, row and column.
pub fn replay(folder: &Path) -> Result<Report, Error> {
    let mut replay = Replay::open(folder)?;
    let mut stages = Vec::new();
    for (name, stage) in STAGES {
        let start = Instant::now();
        let elements = stage(&mut replay)?;
        stages.push((name, elements, start.elapsed()));
    }
    let proof = replay.proof()?;
    Ok(Report { stages, proof })
}

/// A dump being replayed.
#[derive(Debug)]
pub struct Replay {
    pub(super) folder: Folder,
    only: Option<String>,
    trees: HashMap<String, Tree>,
}

impl Replay {
    /// Opens a folder.
    ///
    /// # Errors
    ///
    /// If there is no dump, or one of another version or configuration.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let folder = Folder::open(folder)?;
        Ok(Self { folder, only: None, trees: HashMap::new() })
    }

    /// Lets the stages recompute one file alone, as far as they can.
    #[must_use]
    pub fn only(self, file: &str) -> Self {
        Self { only: Some(file.into()), ..self }
    }

    pub(super) fn wants(&self, file: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == file)
    }

    pub(super) const fn manifest(&self) -> &Manifest {
        &self.folder.manifest
    }

    /// What is not recomputed is as the manifest says.
    fn given(&mut self) -> Result<usize, Error> {
        let mut count = 0;
        for table in &self.manifest().tables {
            let name = &table.name;
            let preprocessed = (!table.preprocessed.is_empty()).then(|| format!("preprocessed/{name}.bin"));
            let given =
                [format!("program/{name}.txt"), format!("trace/{name}.bin"), format!("public/{name}.bin")];
            for file in given.into_iter().chain(preprocessed).filter(|file| self.wants(file)) {
                let bytes = self.folder.bytes(&file)?;
                let hash = self.manifest().files.get(&file).map(|file| file.blake3.as_str());
                if hash != Some(blake3::hash(&bytes).to_hex().as_str()) {
                    let reason = "its bytes are not those that the manifest names".into();
                    return Err(Error::Vectors { file, reason });
                }
                count += bytes.len() / 4;
            }
        }
        Ok(count)
    }

    fn seeds(&mut self) -> Result<usize, Error> {
        let seeds = seeds(self.manifest());
        seeds.iter().map(|(name, seed)| self.folder.check_row(&format!("seed/{name}.bin"), seed)).sum()
    }

    fn extensions(&mut self, stage: &str) -> Result<usize, Error> {
        let prefix = format!("{stage}/");
        let mut count = 0;
        let wanted = |extension: &&ExtensionShape| {
            extension.input.starts_with(&prefix) && self.wants(&extension.output)
        };
        for extension in self.manifest().extensions.iter().filter(wanted) {
            let input = match stage {
                "permutation" | "quotient" => flat(&self.folder.read::<Challenge>(&extension.input)?),
                _ => self.folder.read::<F>(&extension.input)?,
            };
            let output = extended_matrix(&input, extension.added_bits, F::from_u32(extension.shift));
            count += self.folder.check(&extension.output, &output)?;
        }
        Ok(count)
    }

    pub(super) fn extended(&self, stage: &str, name: &str) -> Result<RowMajorMatrix<F>, Error> {
        self.folder.read(&format!("{stage}-lde/{name}.bin"))
    }

    /// The tree over a commitment's matrices.
    pub(super) fn tree(&mut self, stage: &str) -> Result<&Tree, Error> {
        if !self.trees.contains_key(stage) {
            let matrices = self.manifest().committed(stage);
            let matrices = matrices.iter().map(|matrix| self.extended(stage, &matrix.name));
            let matrices = matrices.collect::<Result<Vec<_>, _>>()?;
            self.trees.insert(stage.into(), Tree::new(&matrices.iter().collect::<Vec<_>>()));
        }
        Ok(&self.trees[stage])
    }

    /// Trees' digests, if the dump has them.
    fn digests(&mut self) -> Result<usize, Error> {
        let mut count = 0;
        let folds = (0..self.manifest().folding.len()).map(|round| format!("fold/{round:02}"));
        for stage in COMMITMENTS.map(String::from).into_iter().chain(folds) {
            let prefix = format!("tree/{stage}/");
            let there = |name: &String| name.starts_with(&prefix) && self.wants(name);
            if !self.manifest().files.keys().any(there) {
                continue;
            }
            let tree = match stage.strip_prefix("fold/").and_then(|round| round.parse().ok()) {
                Some(round) => self.fold_tree(round)?,
                None => self.tree(&stage)?,
            };
            let levels = tree.levels.clone();
            for (level, digests) in levels.iter().enumerate() {
                let file = format!("{prefix}{level:02}.bin");
                if self.wants(&file) {
                    count += self.folder.check_column(&file, digests)?;
                }
            }
        }
        Ok(count)
    }

    pub(super) fn fold_tree(&mut self, round: usize) -> Result<&Tree, Error> {
        let stage = format!("fold/{round:02}");
        if !self.trees.contains_key(&stage) {
            let layer = flat(&self.folder.read::<Challenge>(&format!("{stage}.bin"))?);
            self.trees.insert(stage.clone(), Tree::new(&[&layer]));
        }
        Ok(&self.trees[&stage])
    }

    fn root(&mut self, stage: &str) -> Result<usize, Error> {
        let root = self.tree(stage)?.root();
        self.folder.check_column(&format!("root/{stage}.bin"), &[root])
    }

    fn programs(&self, table: &TableShape) -> Result<Programs, Error> {
        let file = format!("program/{}.txt", table.name);
        let bad = |reason: String| Error::Vectors { file: file.clone(), reason };
        let text = String::from_utf8(self.folder.bytes(&file)?).map_err(|error| bad(error.to_string()))?;
        let programs = Programs::parse(&text).map_err(bad)?;
        if programs.fits(table, self.manifest().buses.len()) {
            Ok(programs)
        } else {
            Err(bad("it is not a program of this table: other columns, messages or buses".into()))
        }
    }

    fn fingerprint(&self) -> Result<Fingerprint, Error> {
        let lookup = self.folder.row::<Challenge>("challenge/lookup.bin")?;
        Ok(Fingerprint::new(lookup[0], lookup[1], self.manifest().buses.len(), self.manifest().widest))
    }

    /// A table's columns: those of the trace, or extended ones.
    fn columns(&self, table: &TableShape, suffix: &str) -> Result<Columns, Error> {
        let read = |stage: &str| self.folder.read::<F>(&format!("{stage}{suffix}/{}.bin", table.name));
        let none = RowMajorMatrix::new(Vec::new(), 0);
        Ok(Columns {
            main: read("trace")?,
            preprocessed: if table.preprocessed.is_empty() { none } else { read("preprocessed")? },
            public: self.folder.row(&format!("public/{}.bin", table.name))?,
        })
    }

    fn permutation(&mut self) -> Result<usize, Error> {
        let fingerprint = self.fingerprint()?;
        let (mut count, mut terminals) = (0, Vec::new());
        for table in self.manifest().with_lookups() {
            let file = format!("permutation/{}.bin", table.name);
            if !self.wants("terminals.bin") && !self.wants(&file) {
                continue;
            }
            let (columns, programs) = (self.columns(table, "")?, self.programs(table)?);
            let (values, terminal) = eval::permutation(&programs, &columns, &fingerprint);
            count += self.folder.check(&file, &values)?;
            terminals.push(terminal);
        }
        if !self.wants("terminals.bin") {
            return Ok(count);
        }
        if terminals.iter().copied().sum::<Challenge>() != Challenge::ZERO {
            return Err(Error::Vectors {
                file: "terminals.bin".into(),
                reason: "their sum is not zero".into(),
            });
        }
        Ok(count + self.folder.check_column("terminals.bin", &terminals)?)
    }

    fn quotient(&mut self) -> Result<usize, Error> {
        let fingerprint = self.fingerprint()?;
        let challenge = self.folder.one("challenge/constraint.bin")?;
        let mut terminals = self.folder.row::<Challenge>("terminals.bin")?.into_iter();
        let mut count = 0;
        for table in &self.manifest().tables {
            let terminal = if table.lookups.is_empty() { None } else { terminals.next() };
            if !table.chunk_names().any(|name| self.wants(&format!("quotient/{name}.bin"))) {
                continue;
            }
            let (columns, programs) = (self.columns(table, "-lde")?, self.programs(table)?);
            let permutation = match terminal {
                None => RowMajorMatrix::new(Vec::new(), 0),
                Some(_) => self.extended("permutation", &table.name)?,
            };
            let challenges = (&fingerprint, terminal.unwrap_or_default(), challenge);
            let chunks =
                eval::quotient(&programs, &columns, &permutation, (table.height(), table.chunks), challenges);
            for (name, chunk) in table.chunk_names().zip(&chunks) {
                count += self.folder.check(&format!("quotient/{name}.bin"), chunk)?;
            }
        }
        Ok(count)
    }

    fn transcript(&mut self) -> Result<usize, Error> {
        let played = play(&self.folder)?;
        let challenges = &played.challenges;
        let mut count = self.folder.check_column("challenge/lookup.bin", &challenges[..2])?;
        count += self.folder.check_column("challenge/constraint.bin", &challenges[2..3])?;
        count += self.folder.check_column("challenge/zeta.bin", &challenges[3..4])?;
        count += self.folder.check_column("challenge/batch.bin", &challenges[4..5])?;
        count += self.folder.check_column("challenge/fold.bin", &challenges[5..])?;
        count += self.folder.check_column("challenge/indices.bin", &played.indices)?;
        count += self.folder.check_column("witnesses.bin", &played.witnesses)?;
        Ok(count + self.folder.check("transcript.bin", &event_rows(&played.events))?)
    }

    /// Assembles the proof and compares it, byte by byte. Returns its length.
    ///
    /// # Errors
    ///
    /// If a byte differs.
    pub fn proof(&self) -> Result<usize, Error> {
        let (found, expected) = (self.folder.bytes("proof.bin")?, super::assemble::proof(&self.folder)?);
        let place = found.iter().zip(&expected).position(|(a, b)| a != b);
        match place.or_else(|| (found.len() != expected.len()).then(|| found.len().min(expected.len()))) {
            None => Ok(expected.len()),
            Some(place) => {
                let byte = |bytes: &[u8]| {
                    bytes.get(place).map_or("its end".into(), |byte| format!("byte {byte:#04x}"))
                };
                Err(Error::VectorMismatch {
                    file: "proof.bin".into(),
                    row: 0,
                    column: place,
                    found: byte(&found),
                    expected: byte(&expected),
                })
            }
        }
    }
}

/// The coefficients of extension elements, side by side.
pub(super) fn flat(matrix: &RowMajorMatrix<Challenge>) -> RowMajorMatrix<F> {
    let coefficients = |value: &Challenge| -> Vec<F> { value.as_basis_coefficients_slice().to_vec() };
    RowMajorMatrix::new(matrix.values.iter().flat_map(coefficients).collect(), 4 * matrix.width())
}
