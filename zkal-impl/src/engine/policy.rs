//! Who may compute what: the caller's explicit choice.

use serde::Serialize;

/// When an MSM for which the card has an engine may run on the CPU instead. Whatever the choice, the report names each operation that
/// did, and why.
///
/// A Groth16 proof from a `.zkey` on a card with all engines is one operation here, of as many points as its domain has
/// elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Never: a card failure is the caller's error.
    #[default]
    Never,
    /// MSMs of fewer than `below` points run on the CPU; a card failure is the caller's error.
    Small {
        /// Fewest points that go to the card.
        below: usize,
    },
    /// MSMs of fewer than `below` points run on the CPU, and so does any operation on the host's data that the card failed
    /// at, NTTs and vector operations included.
    Any {
        /// Fewest points that go to the card.
        below: usize,
    },
}

impl Fallback {
    /// Fewest points that go to the card.
    pub fn below(self) -> usize {
        match self {
            Fallback::Never => 0,
            Fallback::Small { below } | Fallback::Any { below } => below,
        }
    }

    /// Whether a card failure leads to the CPU.
    pub fn on_error(self) -> bool {
        matches!(self, Fallback::Any { .. })
    }
}

/// What to do with operations for which the card has no engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// Compute them on the CPU, and report it.
    #[default]
    Cpu,
    /// Refuse them with [`Error::NotOnCard`](crate::Error::NotOnCard).
    Refuse,
}

/// The policy of an engine. The default sends every MSM to the card without fallback, and computes on the CPU what the
/// card has no engine for: NTTs and the vector steps between them and, on a card without a G2 engine, MSMs in G2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// MSMs in the groups that the card has an engine for.
    pub msm: Fallback,
    /// MSMs in G2 on a card without a G2 engine.
    pub g2: Unsupported,
    /// NTTs and vector operations on the host's data on a card without an engine for them. On vectors in card memory the CPU
    /// does nothing.
    pub ntt: Unsupported,
}

/// Why an operation ran on the CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CpuReason {
    /// The card has no engine for it, and the policy allows the CPU.
    NoEngine,
    /// Fewer points than the policy sends to the card.
    Small {
        /// Fewest points that go to the card.
        below: usize,
    },
    /// The card failed; the policy allows the CPU then.
    CardFailed(
        /// The card's error.
        String,
    ),
}

impl std::fmt::Display for CpuReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CpuReason::NoEngine => f.write_str("policy: the card has no engine for it"),
            CpuReason::Small { below } => write!(f, "policy: fewer than {below} points"),
            CpuReason::CardFailed(error) => write!(f, "policy: after a card failure: {error}"),
        }
    }
}
