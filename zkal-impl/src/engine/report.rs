//! The record of what ran where.

use serde::Serialize;

use super::device::ListRun;
use super::policy::CpuReason;
use super::whole::Whole;

/// Kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Multi-scalar multiplication.
    Msm,
    /// Number-theoretic transform, forward or inverse.
    Ntt,
    /// Element-wise work on vectors of field elements.
    Vector,
}

/// Group of an MSM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// BN254 G1.
    G1,
    /// BN254 G2.
    G2,
}

impl Group {
    /// Clocks that one addition takes an adder of the card: a product in G2's field is three in G1's.
    pub const fn clocks_per_addition(self) -> u32 {
        match self {
            Group::G1 => 1,
            Group::G2 => 3,
        }
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Group::G1 => "G1",
            Group::G2 => "G2",
        })
    }
}

/// Where an operation ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// On the card.
    Card,
    /// On the host's processor.
    Cpu,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Place::Card => "card",
            Place::Cpu => "cpu",
        })
    }
}

/// The card's performance counters over one operation: clocks unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Clocks.
    pub cycles: u64,
    /// Bytes read from host memory.
    pub host_read_bytes: u64,
    /// Bytes written to host memory.
    pub host_write_bytes: u64,
    /// MSM engine busy.
    pub msm_busy: u64,
    /// Bucket phase.
    pub msm_accumulate: u64,
    /// Bucket aggregation phase.
    pub msm_aggregate: u64,
    /// Additions issued, all adders.
    pub msm_additions: u64,
    /// Points consumed.
    pub msm_points: u64,
    /// Bucket-phase clocks in which no digit was waiting.
    pub msm_stall_feed: u64,
    /// Clocks a digit waited for a bucket port, all adders.
    pub msm_stall_slot: u64,
    /// Clocks in which only the tail of an MSM ran: the chains of additions after its bucket sums.
    pub msm_tail: u64,
    /// Points in the store queues, summed over clocks and adders.
    pub msm_queued: u64,
    /// NTT engine busy.
    pub ntt_busy: u64,
    /// Butterflies issued, all lanes.
    pub ntt_butterflies: u64,
    /// Clocks in which the NTT engine waited for elements from memory.
    pub ntt_stall_in: u64,
    /// Clocks in which elements left by the NTT engine waited for memory.
    pub ntt_stall_out: u64,
    /// VECTOR engine busy.
    pub vector_busy: u64,
    /// Elements that entered the VECTOR engine.
    pub vector_elements: u64,
    /// Transfers beside at least one busy engine.
    pub copy_overlap: u64,
    /// At least two of the MSM, NTT and VECTOR engines busy.
    pub engine_overlap: u64,
    /// Bytes read from card memory.
    pub dram_read_bytes: u64,
    /// Bytes written to card memory.
    pub dram_write_bytes: u64,
}

/// What only an operation on the card has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CardRun {
    /// Clocks from the command becoming runnable to its completion.
    pub cycles: u64,
    /// Points that cost additions: neither the identity nor with a scalar of zero. Of a batch, all members together.
    pub work: u64,
    /// Lower bound in additions ([`bound`](super::bound)) for the points that cost any; of a batch, the sum of its
    /// members'. It takes every digit of their scalars for nonzero; where many small scalars are mixed with large ones,
    /// fewer additions are needed. Precomputed multiples do not change it: with them the ratio may exceed 1.
    pub bound: u64,
    /// Clocks that an addition takes an adder: 1 in G1, 3 in G2.
    pub clocks_per_addition: u32,
    /// `bound · clocks_per_addition / (adders · cycles)`; 1 is the bound itself.
    pub ratio: f64,
    /// Additions of the bucket phase, nonzero scalars (of precomputed sets: their parts) times `windows`, times
    /// `clocks_per_addition`, by `adders · msm_accumulate`.
    /// None in a list of several steps, whose counters are not each step's.
    pub accumulate_ratio: Option<f64>,
    /// Curve adders of the card.
    pub adders: u32,
    /// Multiples of each point that the base set has in card memory; 1 without precomputation.
    pub precompute: u32,
    /// Bits of the scalars that the window choice assumed; it cuts them into `precompute` parts.
    pub scalar_bits: u32,
    /// Window width, bits.
    pub window_bits: u32,
    /// Windows.
    pub windows: u32,
    /// Bytes sent to the card for this operation: the scalars. An upload of bases is not in it.
    pub bytes_up: u64,
    /// Bytes read back.
    pub bytes_down: u64,
    /// Performance counters over the command; none in a list of several steps.
    pub counters: Option<Counters>,
}

/// Bytes that the card's memory port moves in one clock, in each direction.
pub(crate) const PORT_BYTES: u64 = 64;

/// What only an NTT or a vector operation on the card has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StreamRun {
    /// Clocks of its commands together, each from becoming runnable to its completion.
    pub cycles: u64,
    /// Lower bound in clocks: the larger of the arithmetic (butterflies, or elements) by `lanes`, and of the bytes read or
    /// written by what the card's memory port moves in a clock.
    pub bound: u64,
    /// `bound / cycles`; 1 is the bound itself.
    pub ratio: f64,
    /// Butterflies, or elements, that the engine takes in a clock.
    pub lanes: u32,
    /// Commands: passes of a transform.
    pub commands: usize,
    /// Bytes sent to the card with its commands: parameters and, of a transform of the host's memory, the elements. Vectors
    /// that go up before, as those of the other operations on slices do, are not in it.
    pub bytes_up: u64,
    /// Bytes read back with its commands: the elements of a transform of the host's memory. Vectors and sums that are read
    /// afterwards are not in it.
    pub bytes_down: u64,
    /// Performance counters over its commands and the transfers just named; none in a list of several operations.
    pub counters: Option<Counters>,
}

impl StreamRun {
    /// Of `commands` commands of a list, whose data is in card memory before and after.
    pub(crate) fn in_list(commands: usize, lanes: u32, bound: u64, cycles: u64) -> Self {
        let ratio = bound as f64 / cycles.max(1) as f64;
        StreamRun { cycles, bound, ratio, lanes, commands, ..StreamRun::default() }
    }

    /// Of `commands` commands; the cycles of `run` are theirs.
    pub(crate) fn new(commands: usize, lanes: u32, bound: u64, run: ListRun) -> Self {
        let ListRun { cycles, counters, bytes_up, bytes_down } = run;
        let cycles: u64 = cycles.iter().sum();
        let ratio = bound as f64 / cycles.max(1) as f64;
        StreamRun { cycles, bound, ratio, lanes, commands, bytes_up, bytes_down, counters: Some(counters) }
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    /// Kind.
    pub op: Op,
    /// Group of an MSM, none otherwise.
    pub group: Option<Group>,
    /// What it was for, e.g. `A` for the MSM over a Groth16 key's A query.
    pub label: Option<&'static str>,
    /// Points or elements; of a batch of MSMs, points of the longest; of a batch of transforms, elements of one.
    pub n: usize,
    /// MSMs or transforms in it: more than 1 for a batch that one command of the card computed.
    pub batch: usize,
    /// Where it ran.
    #[serde(rename = "where")]
    pub place: Place,
    /// Why it ran on the CPU, if it did.
    #[serde(serialize_with = "reason_text")]
    pub reason: Option<CpuReason>,
    /// Clocks on the card; none on the CPU.
    pub cycles: Option<u64>,
    /// Ratio to the bound on the card; none on the CPU.
    pub ratio: Option<f64>,
    /// Details of an MSM on the card.
    pub card: Option<CardRun>,
    /// Details of an NTT or a vector operation on the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamRun>,
}

fn reason_text<S: serde::Serializer>(reason: &Option<CpuReason>, s: S) -> Result<S::Ok, S::Error> {
    match reason {
        Some(reason) => s.collect_str(reason),
        None => s.serialize_none(),
    }
}

impl Operation {
    /// An operation that ran on the CPU.
    pub(crate) fn on_cpu(op: Op, group: Option<Group>, n: usize, reason: CpuReason) -> Self {
        Operation {
            op,
            group,
            label: None,
            n,
            batch: 1,
            place: Place::Cpu,
            reason: Some(reason),
            cycles: None,
            ratio: None,
            card: None,
            stream: None,
        }
    }

    /// One MSM command that ran on the card: `batch` MSMs of at most `n` points.
    pub(crate) fn on_card(group: Group, n: usize, batch: usize, run: CardRun) -> Self {
        Operation {
            op: Op::Msm,
            group: Some(group),
            label: None,
            n,
            batch,
            place: Place::Card,
            reason: None,
            cycles: Some(run.cycles),
            ratio: Some(run.ratio),
            card: Some(run),
            stream: None,
        }
    }

    /// An NTT or a vector operation that ran on the card.
    pub(crate) fn stream(op: Op, n: usize, batch: usize, run: StreamRun) -> Self {
        Operation {
            op,
            group: None,
            label: None,
            n,
            batch,
            place: Place::Card,
            reason: None,
            cycles: Some(run.cycles),
            ratio: Some(run.ratio),
            card: None,
            stream: Some(run),
        }
    }
}

/// A list of operations, in the order in which they finished or, of one list of commands, in its order. Serialises as `{"operations": […]}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The operations.
    pub operations: Vec<Operation>,
    /// Where one list of commands made a whole proof: what that took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole: Option<Whole>,
    /// Operations that were dropped because the engine's log was not taken for too long.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Report {
    /// Operations of a kind that ran at a place.
    pub fn count(&self, op: Op, place: Place) -> usize {
        self.operations.iter().filter(|o| o.op == op && o.place == place).count()
    }
}

/// Most operations that an engine's log keeps.
const LOG_LIMIT: usize = 4096;

/// An engine's log: bounded, so that a long-lived process that never reads it does not grow.
#[derive(Default)]
pub(crate) struct Log {
    operations: std::collections::VecDeque<Operation>,
    dropped: u64,
}

impl Log {
    pub(crate) fn push(&mut self, operation: Operation) {
        if self.operations.len() == LOG_LIMIT {
            self.operations.pop_front();
            self.dropped += 1;
        }
        self.operations.push_back(operation);
    }

    pub(crate) fn take(&mut self) -> Report {
        let Log { operations, dropped } = std::mem::take(self);
        Report { operations: operations.into(), dropped, whole: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialises_as_the_command_line_prints_it() {
        let report = Report {
            operations: vec![Operation::on_cpu(Op::Ntt, None, 8, CpuReason::NoEngine)],
            ..Report::default()
        };
        let json: serde_json::Value = serde_json::to_value(&report).expect("serialises");
        let op = &json["operations"][0];
        assert_eq!(op["op"], "ntt");
        assert_eq!(op["where"], "cpu");
        assert_eq!(op["n"], 8);
        assert!(op["group"].is_null() && op["cycles"].is_null() && op["ratio"].is_null());
        assert_eq!(op["reason"], "policy: the card has no engine for it");
        assert!(json.get("dropped").is_none());
    }

    #[test]
    fn log_is_bounded_and_says_what_it_dropped() {
        let mut log = Log::default();
        for n in 0..LOG_LIMIT + 3 {
            log.push(Operation::on_cpu(Op::Ntt, None, n, CpuReason::NoEngine));
        }
        let report = log.take();
        assert_eq!(report.operations.len(), LOG_LIMIT);
        assert_eq!(report.operations[0].n, 3);
        assert_eq!(report.dropped, 3);
        assert!(log.take().operations.is_empty());
    }
}
