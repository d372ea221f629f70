//! The order of things in the transcript.

use p3_batch_stark::BatchShape;
use p3_challenger::CanObserve;
use p3_fri::{FriShape, PcsShape};

use super::folder::Folder;
use super::layout::COMMITMENTS;
use super::manifest::Manifest;
use super::sponge::Sponge;
use super::spy::Event;
use crate::config::Challenge;
use crate::error::Error;
use crate::{Digest, F};

#[derive(Default)]
struct Elements(Vec<F>);

impl CanObserve<F> for Elements {
    fn observe(&mut self, value: F) {
        self.0.push(value);
    }
}

/// What the three protocols start with: names them, their parameters and the shape of what follows. For a given shape these are
/// constants.
pub fn seeds(manifest: &Manifest) -> [(&'static str, Vec<F>); 3] {
    let parameters = &manifest.configuration;
    let batch = BatchShape {
        trace_widths: manifest.tables.iter().map(|table| table.columns.len()).collect(),
        public_value_counts: manifest.tables.iter().map(|table| table.public_values).collect(),
        preprocessed_widths: manifest.tables.iter().map(|table| table.preprocessed.len()).collect(),
        has_preprocessed_commitment: true,
        num_lookup_instances: manifest.tables.iter().filter(|table| !table.lookups.is_empty()).count(),
        lookup_pow_bits: parameters.lookup_grinding,
        has_randomization_commitment: false,
        ood_pow_bits: parameters.out_of_domain_grinding,
    };
    let counts = |commitment| -> Vec<Vec<usize>> {
        manifest.committed(commitment).iter().map(|matrix| vec![matrix.width; matrix.points]).collect()
    };
    let opening = PcsShape {
        claimed_evaluation_counts: COMMITMENTS.map(counts).to_vec(),
        batch_pow_bits: parameters.batch_grinding,
    };
    let fri = FriShape {
        log_arities: manifest.folding.clone(),
        final_poly_len: 1 << parameters.log_final_polynomial,
        commit_pow_bits: parameters.commit_grinding,
        query_pow_bits: parameters.query_grinding,
        num_queries: parameters.queries,
        index_bits: manifest.heights().first().copied().unwrap_or_default(),
        log_blowup: parameters.log_blowup,
        max_log_arity: parameters.max_log_arity,
    };
    let mut seeds = [("batch", Vec::new()), ("opening", Vec::new()), ("fri", Vec::new())];
    let separators = [
        batch.domain_separator::<F, Challenge>(),
        opening.domain_separator::<F, Challenge>(),
        fri.domain_separator::<F, Challenge>(),
    ];
    for ((_, seed), separator) in seeds.iter_mut().zip(separators) {
        let mut elements = Elements::default();
        separator.seed(&mut elements);
        *seed = elements.0;
    }
    seeds
}

/// A transcript, played from what the stages hold.
#[derive(Debug)]
pub struct Played {
    /// Its calls.
    pub events: Vec<Event>,
    /// Witnesses of the work, in order.
    pub witnesses: Vec<F>,
    /// α, β, of the constraints, ζ, of the batch, of each folding.
    pub challenges: Vec<Challenge>,
    /// Rows queried of the tallest matrix.
    pub indices: Vec<u32>,
}

/// Plays the transcript.
///
/// # Errors
///
/// If a file cannot be read.
pub fn play(folder: &Folder) -> Result<Played, Error> {
    let manifest = &folder.manifest;
    let parameters = &manifest.configuration;
    let mut sponge = Sponge::default();
    let (mut witnesses, mut challenges) = (Vec::new(), Vec::new());
    let root = |stage: &str| -> Result<Vec<F>, Error> {
        Ok(folder.row::<Digest>(&format!("root/{stage}.bin"))?.into_iter().flatten().collect())
    };

    sponge.observe_slice(&folder.row::<F>("seed/batch.bin")?);
    for table in &manifest.tables {
        sponge.observe_all(&[Challenge::from(F::new(table.log_height as u32))]);
    }
    sponge.observe_slice(&root("trace")?);
    for table in &manifest.tables {
        sponge.observe_slice(&folder.row::<F>(&format!("public/{}.bin", table.name))?);
    }
    sponge.observe_slice(&root("preprocessed")?);
    witnesses.push(sponge.grind(parameters.lookup_grinding));
    challenges.extend([sponge.challenge(), sponge.challenge()]);
    sponge.observe_slice(&root("permutation")?);
    sponge.observe_all(&folder.row::<Challenge>("terminals.bin")?);
    challenges.push(sponge.challenge());
    sponge.observe_slice(&root("quotient")?);
    witnesses.push(sponge.grind(parameters.out_of_domain_grinding));
    challenges.push(sponge.challenge());

    sponge.observe_slice(&folder.row::<F>("seed/opening.bin")?);
    for commitment in COMMITMENTS {
        for matrix in manifest.committed(commitment) {
            let file = format!("opening/{commitment}/{}.bin", matrix.name);
            sponge.observe_all(&folder.row::<Challenge>(&file)?);
        }
    }
    witnesses.push(sponge.grind(parameters.batch_grinding));
    challenges.push(sponge.challenge());

    sponge.observe_slice(&folder.row::<F>("seed/fri.bin")?);
    for root in folder.row::<Digest>("root/fold.bin")? {
        sponge.observe_slice(&root);
        witnesses.push(sponge.grind(parameters.commit_grinding));
        challenges.push(sponge.challenge());
    }
    sponge.observe_all(&folder.row::<Challenge>("final.bin")?);
    witnesses.push(sponge.grind(parameters.query_grinding));
    let bits = manifest.heights().first().copied().unwrap_or_default();
    let indices = (0..parameters.queries).map(|_| sponge.bits(bits) as u32).collect();
    Ok(Played { events: sponge.events, witnesses, challenges, indices })
}
