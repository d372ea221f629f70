//! What the prover and the verifier know of a program before there is a proof: the commitment to its table and to the range
//! table, and each table's messages as they are laid out in columns.
//!
//! The commitment depends on the program alone: its two tables are in every proof and come first, and the others have no
//! columns known in advance. So a key serves segments of every shape.

use std::sync::Arc;

use p3_air::BaseAir;
use p3_batch_stark::common::{GlobalPreprocessed, PreprocessedInstanceMeta};
use p3_batch_stark::{CommonData, ProverData, ProverOnlyData};
use p3_commit::{Pcs, UnivariateStarkPcs};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_lookup::{LogUpGadget, Lookups};
use p3_matrix::Matrix;
use p3_uni_stark::StarkGenericConfig;

use crate::air::lanes::Lanes;
use crate::air::{Kind, Table};
use crate::config::{self, Challenge, Challenger, Commitment, CommitmentScheme, Committed, Config};
use crate::error::Error;
use crate::proof::Shape;
use crate::record::Program;
use crate::{Digest, F};

/// Word that starts the hash of a key, so that it is no other hash: "pkey" and the version of the protocol.
const DOMAIN: [u32; 2] = [0x706b_6579, 1];

/// A program's key.
pub struct Key {
    program: Arc<Program>,
    config: Config,
    /// Root of the memory's tree at the start.
    memory: Digest,
    /// Program and range table: log2 of the height, width.
    preprocessed: [(usize, usize); 2],
    commitment: Commitment,
    committed: Committed,
    /// Of every kind of table, in order.
    lookups: Vec<Lookups<F>>,
    digest: Digest,
}

impl Key {
    /// The key of a program.
    ///
    /// # Errors
    ///
    /// If the program has too many instructions for a table, or one in the last word of the address space.
    pub fn new(program: &Arc<Program>) -> Result<Self, Error> {
        let limit = 1 << config::MAX_LOG_HEIGHT;
        if program.code.len() > limit {
            return Err(Error::ProgramTooLong { instructions: program.code.len(), limit });
        }
        // The next program counter would be that of a program that has ended.
        if program.code.last().is_some_and(|(pc, _)| *pc == u32::MAX - 3) {
            return Err(Error::CodeAtTop);
        }
        let config = config::config();
        let scheme: &CommitmentScheme = config.pcs();
        let mut preprocessed = [(0, 0); 2];
        let mut traces = Vec::new();
        for (shape, kind) in preprocessed.iter_mut().zip([Kind::Program, Kind::Range]) {
            let trace = Table::of(kind, program)
                .preprocessed_trace()
                .ok_or(Error::Internal { what: "the program and range tables have preprocessed columns" })?;
            *shape = (trace.height().ilog2() as usize, trace.width());
            let domain = <CommitmentScheme as Pcs<Challenge, Challenger>>::natural_domain_for_degree(
                scheme,
                trace.height(),
            );
            traces.push((domain, trace));
        }
        let (commitment, committed) =
            <CommitmentScheme as UnivariateStarkPcs<Challenge, Challenger>>::commit_preprocessing(
                scheme, traces,
            )
            .map_err(|error| Error::Prove { reason: error.to_string() })?;
        let lookups = Kind::ALL.iter().map(|&kind| lookups(&Lanes::of(kind, program))).collect();
        let memory = crate::tree::Tree::new(program.image.iter().copied()).root();
        let digest = digest(program.entry, preprocessed[0].0, &memory, &commitment);
        Ok(Self {
            program: program.clone(),
            config,
            memory,
            preprocessed,
            commitment,
            committed,
            lookups,
            digest,
        })
    }

    /// The program.
    pub const fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The program's commitment: what a proof says was executed. Poseidon2 over the entry, the initial memory's root and the
    /// commitment to the program and range tables.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Root of the memory's tree at the start.
    pub const fn memory(&self) -> Digest {
        self.memory
    }

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// log2 of the height that a table of this kind must have, if the program says.
    pub fn height(&self, kind: Kind) -> Option<usize> {
        self.preprocessed.get(kind as usize).map(|(log_height, _)| *log_height)
    }

    /// A table's messages as they share columns.
    pub fn lookups(&self, kind: Kind) -> &Lookups<F> {
        &self.lookups[kind as usize]
    }

    /// What prover and verifier share for a segment of this shape.
    pub fn common(&self, shape: &Shape) -> CommonData<Config> {
        let instances =
            shape
                .tables()
                .iter()
                .map(|(kind, _)| {
                    self.preprocessed.get(*kind as usize).map(|&(degree_bits, width)| {
                        PreprocessedInstanceMeta { matrix_index: *kind as usize, width, degree_bits }
                    })
                })
                .collect();
        let preprocessed = GlobalPreprocessed {
            commitment: self.commitment.clone(),
            instances,
            matrix_to_instance: (0..self.preprocessed.len()).collect(),
        };
        let lookups = shape.tables().iter().map(|(kind, _)| self.lookups(*kind).clone()).collect();
        CommonData::new(Some(preprocessed), lookups)
    }

    /// What the prover needs for a segment of this shape.
    pub fn prover_data(&self, shape: &Shape) -> ProverData<Config> {
        let preprocessed_prover_data = Some(self.committed.clone());
        ProverData { common: self.common(shape), prover_only: ProverOnlyData { preprocessed_prover_data } }
    }
}

/// A table's messages, two of a bus in a column where the degree allows.
pub fn lookups(table: &Lanes) -> Lookups<F> {
    let gadget = LogUpGadget::new();
    // 0: the transition selector of a two-adic domain does not count.
    Lookups::from_air::<Challenge, Lanes>(table).pack_same_bus_with_degree(config::LOOKUP_DEGREE, |lookup| {
        gadget.constraint_degree_with_transition(lookup, 0)
    })
}

fn digest(entry: u32, log_height: usize, memory: &Digest, commitment: &Commitment) -> Digest {
    let numbers = [DOMAIN[0], DOMAIN[1], entry & 0xffff, entry >> 16, log_height as u32].map(F::from_u32);
    config::hash(numbers.into_iter().chain(*memory).chain(commitment.roots().iter().flatten().copied()))
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("digest", &self.digest.map(|x| x.as_canonical_u32()))
            .finish_non_exhaustive()
    }
}
