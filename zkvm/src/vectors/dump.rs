//! Writes a dump: proves a segment with the wrappers in place and files what they saw.

use std::path::Path;

use p3_batch_stark::common::GlobalPreprocessed;
use p3_batch_stark::{prove_batch, BatchProof, CommonData, ProverData, ProverOnlyData, StarkInstance};
use p3_commit::Mmcs;
use p3_field::{BasedVectorSpace, Field, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::folder::Writer;
use super::format::{event_rows, Element};
use super::layout::{Committed, COMMITMENTS};
use super::manifest::{ExtensionShape, Manifest};
use super::math::{folded, log2, reversed};
use super::merkle::Tree;
use super::program::{Buses, Programs};
use super::spy::{self, Event, Record, SpyConfig};
use crate::air::lanes::{self, Lanes};
use crate::air::trace;
use crate::config::{self, Challenge};
use crate::error::Error;
use crate::key::Key;
use crate::proof::SegmentProof;
use crate::record::{Segment, Statement};
use crate::{prove, verify, Digest, F};

/// A proof made with the wrappers, and what they saw.
pub struct Recorded {
    /// The proof.
    pub proof: SegmentProof,
    tables: Vec<Lanes>,
    traces: Vec<RowMajorMatrix<F>>,
    public: Vec<Vec<F>>,
    raw: BatchProof<SpyConfig>,
    record: Record,
    preprocessed: Vec<RowMajorMatrix<F>>,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("shape", &self.proof.shape).finish_non_exhaustive()
    }
}

/// Proves a segment with the wrappers in place. The proof is that of [`prove::segment`].
///
/// # Errors
///
/// Those of [`prove::segment`].
pub fn record(key: &Key, segment: &Segment) -> Result<Recorded, Error> {
    if !prove::same_program(key, segment) {
        return Err(Error::OtherProgram);
    }
    let traces = trace::build(segment);
    let mut statement: Statement = segment.statement.clone();
    statement.program = key.digest();
    let shape = prove::shape(&traces)?;
    verify::check_shape(key, &shape)?;
    let (tables, traces) = prove::committed(&traces);
    let public = lanes::public_values(&tables, &statement);
    let references: Vec<&RowMajorMatrix<F>> = traces.iter().collect();
    let instances = StarkInstance::new_multiple(&tables, &references, &public);

    let ProverData { common, prover_only } = key.prover_data(&shape);
    let committed = prover_only.preprocessed_prover_data;
    let trees = config::mmcs();
    let preprocessed = committed.iter().flat_map(|data| trees.get_matrices(data)).cloned().collect();
    let global = common.preprocessed.map(|global| GlobalPreprocessed {
        commitment: global.commitment,
        instances: global.instances,
        matrix_to_instance: global.matrix_to_instance,
    });
    let data = ProverData::<SpyConfig> {
        common: CommonData::new(global, common.lookups),
        prover_only: ProverOnlyData { preprocessed_prover_data: committed },
    };
    let (config, recorder) = spy::config();
    let raw = prove_batch(&config, &instances, &data)
        .map_err(|error| Error::Prove { reason: format!("{error:?}") })?;
    let bytes = postcard::to_allocvec(&raw).map_err(|error| Error::Encoding { reason: error.to_string() })?;
    let proof = SegmentProof { statement, shape, raw: bytes };
    Ok(Recorded { proof, tables, traces, public, raw, record: recorder.take(), preprocessed })
}

/// What a dump may leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Every digest of every Merkle tree, level by level.
    pub digests: bool,
}

/// Proves a segment and writes every stage of it to the folder `out`, which must not exist.
///
/// # Errors
///
/// Those of [`prove::segment`]; if the folder exists or cannot be written.
pub fn dump(key: &Key, segment: &Segment, out: &Path) -> Result<SegmentProof, Error> {
    dump_with(key, segment, out, Options::default())
}

/// [`dump`] with more than that.
///
/// # Errors
///
/// See [`dump`].
pub fn dump_with(key: &Key, segment: &Segment, out: &Path, options: Options) -> Result<SegmentProof, Error> {
    if out.exists() {
        return Err(Error::Vectors {
            file: out.display().to_string(),
            reason: "it exists already; give a folder that does not".into(),
        });
    }
    let recorded = record(key, segment)?;
    let mut name = out.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = out.with_file_name(name);
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::VectorFile { path, source }
    };
    let written =
        recorded.write(key, &part, options).and_then(|()| std::fs::rename(&part, out).map_err(failed(out)));
    if written.is_err() {
        // What was written is of no use; the first error says more than this one could.
        let _ = std::fs::remove_dir_all(&part);
    }
    written.map(|()| recorded.proof)
}

impl Recorded {
    fn write(&self, key: &Key, root: &Path, options: Options) -> Result<(), Error> {
        let Self { proof, tables, public, raw, record, .. } = self;
        let chunks: Vec<usize> =
            raw.opened_values.instances.iter().map(|i| i.base_opened_values.quotient_chunks.len()).collect();
        let buses = Buses::new(tables.iter().map(|table| key.lookups(table.kind())));
        let mut manifest = Manifest::new(key, &proof.shape, tables, &chunks, &buses);
        let mut out = Writer::new(root);
        for ((shape, table), (trace, public)) in
            manifest.tables.iter().zip(tables).zip(self.traces.iter().zip(public))
        {
            let programs = Programs::new(table, key.lookups(table.kind()), &buses);
            out.bytes(&format!("program/{}.txt", shape.name), programs.to_text().as_bytes())?;
            out.matrix(&format!("trace/{}.bin", shape.name), trace)?;
            if let Some(preprocessed) = p3_air::BaseAir::<F>::preprocessed_trace(table) {
                out.matrix(&format!("preprocessed/{}.bin", shape.name), &preprocessed)?;
            }
            out.row(&format!("public/{}.bin", shape.name), public)?;
        }
        self.write_commitments(key, &manifest, &mut out)?;
        self.write_openings(&manifest, &mut out)?;
        self.write_transcript(&manifest, &mut out)?;
        self.write_folding(&manifest, &mut out)?;
        self.write_queries(&manifest, &mut out)?;
        if options.digests {
            self.write_digests(&mut out)?;
        }
        out.bytes("proof.bin", &proof.raw)?;

        manifest.permutations = record.permutations;
        (manifest.files, manifest.extensions) = (out.files, out.extensions);
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| Error::Encoding { reason: error.to_string() })?;
        let path = root.join(Manifest::FILE);
        std::fs::write(&path, text).map_err(|source| Error::VectorFile { path, source })
    }

    /// Extensions, LogUp columns, quotients and roots.
    fn write_commitments(&self, key: &Key, manifest: &Manifest, out: &mut Writer) -> Result<(), Error> {
        let [main, permutation, quotient, ..] = self.record.commits.as_slice() else {
            return Err(Error::Internal {
                what: "the prover commits to traces, LogUp columns and quotients",
            });
        };
        for ((table, input), output) in manifest.tables.iter().zip(&self.traces).zip(&main.matrices) {
            let (_, added_bits, shift) = self.extension(out, output)?;
            self.write_extension(out, "trace", &table.name, (added_bits, shift), input, output)?;
        }
        for (table, output) in manifest.preprocessed().zip(&self.preprocessed) {
            let stage = "preprocessed";
            out.matrix(&format!("{stage}-lde/{}.bin", table.name), output)?;
            out.extensions.push(ExtensionShape::new(stage, &table.name, config::LOG_BLOWUP, F::GENERATOR));
        }
        for (table, output) in manifest.with_lookups().zip(&permutation.matrices) {
            let (input, added_bits, shift) = self.extension(out, output)?;
            let elements = extension_elements(input);
            self.write_extension(out, "permutation", &table.name, (added_bits, shift), &elements, output)?;
        }
        let names = manifest.tables.iter().flat_map(|table| table.chunk_names());
        for (name, output) in names.zip(&quotient.matrices) {
            let (input, added_bits, shift) = self.extension(out, output)?;
            let elements = extension_elements(input);
            self.write_extension(out, "quotient", &name, (added_bits, shift), &elements, output)?;
        }
        let terminals: Vec<Challenge> =
            self.raw.lookup_terminals.iter().flatten().map(|terminal| terminal.0).collect();
        out.column("terminals.bin", &terminals)?;
        let commitment =
            key.prover_data(&self.proof.shape).common.preprocessed.map(|global| global.commitment);
        let preprocessed: Vec<Digest> = commitment.iter().flat_map(|cap| cap.roots().to_vec()).collect();
        let caps = [
            ("trace", &main.cap),
            ("preprocessed", &preprocessed),
            ("permutation", &permutation.cap),
            ("quotient", &quotient.cap),
        ];
        for (stage, cap) in caps {
            out.column(&format!("root/{stage}.bin"), cap)?;
        }
        let folds: Vec<Digest> =
            self.record.commits[3..].iter().flat_map(|commit| commit.cap.clone()).collect();
        out.column("root/fold.bin", &folds)
    }

    /// The extension whose output was committed to as `committed`: its input, added bits and shift. Two chunks of a quotient may be
    /// one polynomial (then it has no more coefficients than a chunk) and so have one output; extensions are used in order.
    fn extension(
        &self,
        out: &mut Writer,
        committed: &RowMajorMatrix<F>,
    ) -> Result<(&RowMajorMatrix<F>, usize, F), Error> {
        let (height, width) = (committed.height(), committed.width());
        let same = |output: &RowMajorMatrix<F>| {
            (output.height(), output.width()) == (height, width)
                && (0..height).all(|i| {
                    let j = reversed(i, log2(height));
                    output.values[i * width..(i + 1) * width] == committed.values[j * width..(j + 1) * width]
                })
        };
        let mut all = self.record.extensions.iter().enumerate();
        let found = all.find(|(place, extension)| !out.used.contains(place) && same(&extension.output));
        let (place, extension) =
            found.ok_or(Error::Internal { what: "what is committed to was extended before" })?;
        out.used.insert(place);
        Ok((&extension.input, extension.added_bits, extension.shift))
    }

    fn write_extension<T: Element>(
        &self,
        out: &mut Writer,
        stage: &str,
        name: &str,
        (added_bits, shift): (usize, F),
        input: &RowMajorMatrix<T>,
        output: &RowMajorMatrix<F>,
    ) -> Result<(), Error> {
        out.matrix(&format!("{stage}-lde/{name}.bin"), output)?;
        out.extensions.push(ExtensionShape::new(stage, name, added_bits, shift));
        if stage == "trace" {
            return Ok(());
        }
        out.matrix(&format!("{stage}/{name}.bin"), input)
    }

    /// Values opened: a row for ζ, another for ζ times the subgroup's generator where that is opened, too.
    fn write_openings(&self, manifest: &Manifest, out: &mut Writer) -> Result<(), Error> {
        for (table, instance) in manifest.tables.iter().zip(&self.raw.opened_values.instances) {
            let values = &instance.base_opened_values;
            let name = &table.name;
            out.rows(
                &format!("opening/trace/{name}.bin"),
                std::iter::once(&values.trace_local).chain(&values.trace_next),
            )?;
            for (chunk, name) in values.quotient_chunks.iter().zip(table.chunk_names()) {
                out.rows(&format!("opening/quotient/{name}.bin"), [chunk])?;
            }
            if let Some(values) = &values.preprocessed {
                let rows = std::iter::once(&values.local).chain(&values.next);
                out.rows(&format!("opening/preprocessed/{name}.bin"), rows)?;
            }
            if !table.lookups.is_empty() {
                let rows = [&instance.permutation_local, &instance.permutation_next];
                out.rows(&format!("opening/permutation/{name}.bin"), rows)?;
            }
        }
        Ok(())
    }

    fn write_transcript(&self, manifest: &Manifest, out: &mut Writer) -> Result<(), Error> {
        let events = &self.record.events;
        for (name, seed) in super::transcript::seeds(manifest) {
            out.row(&format!("seed/{name}.bin"), &seed)?;
        }
        out.matrix("transcript.bin", &event_rows(events))?;
        let witnesses: Vec<F> = (events.iter())
            .filter_map(|event| if let Event::Grind(_, witness) = event { Some(*witness) } else { None })
            .collect();
        out.column("witnesses.bin", &witnesses)?;
        let indices = (events.iter()).filter_map(|event| {
            if let Event::Bits(_, index) = event {
                Some(*index as u32)
            } else {
                None
            }
        });
        out.column("challenge/indices.bin", &indices.collect::<Vec<_>>())?;
        let challenges = self.challenges();
        let [alpha, beta, constraint, zeta, batch, folds @ ..] = challenges.as_slice() else {
            return Err(Error::Internal { what: "the transcript has five challenges and those of FRI" });
        };
        out.column("challenge/lookup.bin", &[*alpha, *beta])?;
        out.column("challenge/constraint.bin", &[*constraint])?;
        out.column("challenge/zeta.bin", &[*zeta])?;
        out.column("challenge/batch.bin", &[*batch])?;
        out.column("challenge/fold.bin", folds)
    }

    /// α, β, of the constraints, ζ, of the batch, of each folding.
    fn challenges(&self) -> Vec<Challenge> {
        let sampled = |event: &Event| if let Event::Sample(value) = event { Some(*value) } else { None };
        let samples: Vec<F> = self.record.events.iter().filter_map(sampled).collect();
        samples.chunks(4).map(|c| Challenge::from_basis_coefficients_fn(|i| c[i])).collect()
    }

    /// FRI's layers and inputs. The prover shows only the layers; the inputs after the first are what a layer has more than the
    /// folding of the one before.
    fn write_folding(&self, manifest: &Manifest, out: &mut Writer) -> Result<(), Error> {
        let layers: Vec<RowMajorMatrix<Challenge>> = self.record.commits[3..]
            .iter()
            .flat_map(|commit| commit.matrices.iter().map(extension_elements))
            .collect();
        let betas = &self.challenges()[5..];
        let mut heights = manifest.heights().into_iter().peekable();
        let mut input = layers.first().map(|layer| layer.values.clone());
        for (round, layer) in layers.iter().enumerate() {
            let (log_arity, beta) = (manifest.folding[round], betas[round]);
            if let Some(values) = &input {
                let height = heights.next().unwrap_or_default();
                out.column(&format!("reduced/{height:02}.bin"), values)?;
            }
            out.matrix(&format!("fold/{round:02}.bin"), layer)?;
            let folded = folded(&layer.values, log_arity, beta);
            input = (heights.peek() == Some(&log2(folded.len())))
                .then_some(())
                .zip(layers.get(round + 1))
                .map(|((), next)| {
                    let factor = beta.exp_power_of_2(log_arity).inverse();
                    next.values.iter().zip(&folded).map(|(&sum, &folded)| (sum - folded) * factor).collect()
                });
        }
        if heights.next().is_some() {
            return Err(Error::Internal { what: "every input joins FRI before its last layer" });
        }
        out.column("final.bin", &self.raw.opening_proof.final_poly)
    }

    /// The prover shows only a tree's root and what it opens: these are of a tree of the same matrices.
    fn write_digests(&self, out: &mut Writer) -> Result<(), Error> {
        let stages = ["trace", "permutation", "quotient"].map(String::from).into_iter();
        let stages = stages.chain((0..).map(|round| format!("fold/{round:02}")));
        let commits = self.record.commits.iter().map(|commit| &commit.matrices);
        let all = stages.zip(commits).chain([("preprocessed".into(), &self.preprocessed)]);
        for (stage, matrices) in all {
            let tree = Tree::new(&matrices.iter().collect::<Vec<_>>());
            for (level, digests) in tree.levels.iter().enumerate() {
                out.column(&format!("tree/{stage}/{level:02}.bin"), digests)?;
            }
        }
        Ok(())
    }

    fn write_queries(&self, manifest: &Manifest, out: &mut Writer) -> Result<(), Error> {
        for (stage, opening) in COMMITMENTS.into_iter().zip(&self.record.openings) {
            for (m, Committed { name, .. }) in manifest.committed(stage).iter().enumerate() {
                out.rows(&format!("query/{stage}/{name}.bin"), opening.rows.iter().map(|row| &row[m]))?;
            }
            out.column(&format!("query/{stage}-path.bin"), &opening.path)?;
        }
        let steps = &self.raw.opening_proof.commit_phase_openings;
        for (round, step) in steps.iter().enumerate() {
            out.rows(&format!("query/fold/{round:02}.bin"), &step.sibling_values)?;
            out.column(&format!("query/fold-path/{round:02}.bin"), &step.opening_proof.sibling_hashes)?;
        }
        Ok(())
    }
}

fn extension_elements(matrix: &RowMajorMatrix<F>) -> RowMajorMatrix<Challenge> {
    let values = matrix.values.chunks(4).map(|c| Challenge::from_basis_coefficients_fn(|i| c[i])).collect();
    RowMajorMatrix::new(values, matrix.width() / 4)
}
