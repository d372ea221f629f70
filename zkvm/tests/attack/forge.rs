//! Traces that lie, and what becomes of them: proved by the reference prover, verified by the unmodified verifier.

use std::collections::{BTreeSet, HashMap};
use std::panic::{catch_unwind, AssertUnwindSafe};

use p3_batch_stark::{prove_batch, verify_batch, StarkInstance};
use p3_field::PrimeCharacteristicRing;
use permafrost_zkvm::air::linear::{messages, Message};
use permafrost_zkvm::air::range::Range;
use permafrost_zkvm::air::trace::{self, Traces};
use permafrost_zkvm::air::{bus, check, lanes, poseidon2, Kind};
use permafrost_zkvm::config::{self, Config};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::record::{Segment, Statement};
use permafrost_zkvm::{prove, verify, F};

/// The buses whose messages a table with free counts takes back.
pub const LOOKUPS: [&str; 4] = [bus::RANGE, bus::PROGRAM, bus::COMPRESS, bus::PERMUTE];

/// What the tables that provide entries say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counts {
    /// What they say of the honest traces.
    Left,
    /// What a prover who adapts them to the lie would say.
    Matched,
}

/// What refused a lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Caught {
    /// A table's constraints at the point outside the domain.
    Constraint(&'static str),
    /// The sum of all messages.
    Sum,
    /// The reference prover made no proof.
    NoProof(String),
    /// Another check of the verifier.
    Other(String),
}

/// A key, and traces for it.
#[derive(Clone)]
pub struct Forge<'k> {
    /// The key.
    pub key: &'k Key,
    /// The traces.
    pub traces: Traces,
    /// What they are to prove.
    pub statement: Statement,
}

/// The configuration with few queries and no grinding. A lie does not get past it any easier: the queries only show that what was committed
/// are polynomials, which the reference prover's are, and the constraints and the sum are checked at the same point.
pub fn quick() -> Config {
    let mut fri = config::fri(config::ChallengeMmcs::new(config::mmcs()));
    fri.num_queries = 2;
    fri.batch_proof_of_work_bits = 0;
    fri.commit_proof_of_work_bits = 0;
    fri.query_proof_of_work_bits = 0;
    let scheme = config::CommitmentScheme::new(config::Dft::default(), config::mmcs(), fri);
    Config::new(scheme, config::Challenger::new(p3_koala_bear::default_koalabear_poseidon2_16()))
}

/// The fields of a message that a row sends.
fn fields(message: &Message, row: &[F]) -> Vec<F> {
    message.fields.iter().map(|field| field.eval(row, &[])).collect()
}

impl<'k> Forge<'k> {
    /// The honest traces of a segment.
    pub fn of(key: &'k Key, segment: &Segment) -> Self {
        let statement = Statement { program: key.digest(), ..segment.statement.clone() };
        Self { key, traces: trace::build(segment), statement }
    }

    /// The place of a table.
    pub fn place(&self, kind: Kind) -> usize {
        self.traces.iter().position(|(table, _)| table.kind() == kind).expect("the segment uses the table")
    }

    /// The place of a column.
    pub fn column(&self, kind: Kind, name: &str) -> usize {
        let names = self.traces[self.place(kind)].0.names();
        names.iter().position(|other| other == name).unwrap_or_else(|| panic!("{}.{name}", kind.name()))
    }

    /// A table's row.
    pub fn row(&mut self, kind: Kind, row: usize) -> &mut [F] {
        let place = self.place(kind);
        let trace = &mut self.traces[place].1;
        &mut trace.values[row * trace.width..(row + 1) * trace.width]
    }

    /// Changes a row, and the counts to match if told to.
    pub fn change(&mut self, kind: Kind, row: usize, counts: Counts, change: impl FnOnce(&mut [F])) {
        let before = self.row(kind, row).to_vec();
        change(self.row(kind, row));
        if counts == Counts::Matched {
            let after = self.row(kind, row).to_vec();
            let table = self.traces[self.place(kind)].0.clone();
            for message in
                messages(&table).iter().filter(|m| !m.provided && LOOKUPS.contains(&m.bus.as_str()))
            {
                self.count(&message.bus, &fields(message, &before), -message.count.eval(&before, &[]));
                self.count(&message.bus, &fields(message, &after), message.count.eval(&after, &[]));
            }
        }
    }

    /// Works all counts out again, from what the other tables ask for.
    pub fn recount(&mut self) {
        for (kind, columns) in [(Kind::Program, 0..1), (Kind::Range, 0..5), (Kind::Poseidon2, 164..166)] {
            let place = self.place(kind);
            let width = self.traces[place].1.width;
            self.traces[place].1.values.chunks_mut(width).for_each(|row| row[columns.clone()].fill(F::ZERO));
        }
        let asking = self.traces.clone();
        for bus in LOOKUPS {
            let mut asked: HashMap<Vec<F>, F> = HashMap::new();
            trace::asked(&asking, bus, &mut |fields, count| {
                *asked.entry(fields.to_vec()).or_default() += count
            });
            for (fields, count) in asked {
                self.count(bus, &fields, count);
            }
        }
    }

    /// Adds to the count of an entry, if there is such an entry or one as near to it as can be.
    fn count(&mut self, bus: &str, fields: &[F], count: F) {
        if count == F::ZERO {
            return;
        }
        match bus {
            bus::RANGE => {
                if let Some((row, column)) = Range::place(fields) {
                    self.row(Kind::Range, row)[column] += count;
                }
            }
            bus::PROGRAM => {
                let place = |(pc, _): &(u32, _)| F::from_u32(pc / 4) == fields[0];
                if let Some(row) = self.key.program().code.iter().position(place) {
                    self.row(Kind::Program, row)[0] += count;
                }
            }
            _ => {
                let table = &self.traces[self.place(Kind::Poseidon2)].1;
                let width = table.width;
                let same = |row: &[F]| row[..16] == fields[..16];
                let unused = |row: &[F]| row[width - 2..] == [F::ZERO; 2];
                let found = table.row_slices().position(same).or_else(|| table.row_slices().position(unused));
                let Some(row) = found else { return };
                let input: [F; 16] = fields[..16].try_into().expect("sixteen elements");
                let filled = poseidon2::trace(&[(input, [0; 2])]);
                let cells = self.row(Kind::Poseidon2, row);
                cells[..width - 2].copy_from_slice(&filled.values[..width - 2]);
                cells[width - 2 + usize::from(bus == bus::PERMUTE)] += count;
            }
        }
    }

    /// Leaves a table out.
    pub fn without(mut self, kind: Kind) -> Self {
        self.traces.retain(|(table, _)| table.kind() != kind);
        self
    }

    /// Proves with the configuration of all proofs and verifies as every verifier does. `None` if the lie is believed.
    pub fn refused(&self) -> Option<Caught> {
        let made = catch_unwind(AssertUnwindSafe(|| prove::traces(self.key, &self.statement, &self.traces)));
        match made {
            Err(_) => Some(Caught::NoProof("the prover stops".into())),
            Ok(Err(error)) => Some(Caught::NoProof(error.to_string())),
            Ok(Ok(proof)) => {
                verify::segment(self.key, &proof).err().map(|error| self.why(&error.to_string()))
            }
        }
    }

    /// The same with another configuration.
    pub fn refused_by(&self, config: &Config) -> Option<Caught> {
        let (tables, matrices) = prove::committed(&self.traces);
        let matrices: Vec<_> = matrices.iter().collect();
        let public = lanes::public_values(&tables, &self.statement);
        let shape = prove::shape(&self.traces).expect("tables in order");
        verify::check_shape(self.key, &shape).expect("a shape that may be");
        let instances = StarkInstance::new_multiple(&tables, &matrices, &public);
        let made =
            catch_unwind(AssertUnwindSafe(|| prove_batch(config, &instances, &self.key.prover_data(&shape))));
        let proof = match made {
            Err(_) => return Some(Caught::NoProof("the prover stops".into())),
            Ok(Err(error)) => return Some(Caught::NoProof(format!("{error:?}"))),
            Ok(Ok(proof)) => proof,
        };
        let verified = verify_batch(config, &tables, &proof, &public, &self.key.common(&shape));
        verified.err().map(|error| self.why(&error.to_string()))
    }

    /// Which check the verifier's message speaks of.
    fn why(&self, message: &str) -> Caught {
        if message.contains("terminal sum") {
            return Caught::Sum;
        }
        if message.contains("out-of-domain evaluation mismatch") {
            let index = message.rsplit(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty());
            if let Some((table, _)) = index.and_then(|index| self.traces.get(index.parse::<usize>().ok()?)) {
                return Caught::Constraint(table.kind().name());
            }
        }
        Caught::Other(message.into())
    }

    /// Every constraint broken and every bus out of balance.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong: BTreeSet<String> = BTreeSet::new();
        for (table, trace) in &self.traces {
            // The tables that are known beforehand have no constraints.
            let known = matches!(table.kind(), Kind::Program | Kind::Range);
            if !known && !check::broken(table, trace, &table.public_values(&self.statement)).is_empty() {
                wrong.insert(format!("constraint of {}", table.kind().name()));
            }
        }
        for line in check::unbalanced(&self.traces) {
            wrong.insert(format!("bus {}", line.split(' ').next().unwrap_or_default()));
        }
        wrong.into_iter().collect()
    }
}
