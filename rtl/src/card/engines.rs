//! The engines behind the dispatcher, as data: what each takes of a command, and how it reaches card memory.

use super::copy::copy_engine;
use crate::{
    config::CardConfig,
    hdl::Module,
    msm,
    ntt::{self, block::Shape},
    vector,
};
use std::sync::Arc;

/// An engine that runs commands of the I/O queues, one at a time. Beside the ports stated here it has `cmd_valid`/`cmd_ready`,
/// `done_valid` with `done_status`, `done_info`, `done_addr`, `cancel` and `busy`.
pub struct Engine {
    /// Instance in the card, and prefix of the dispatcher's ports.
    pub name: &'static str,
    /// What it takes of a command: (port, bits, expression of `cmd`).
    pub words: &'static [(&'static str, usize, &'static str)],
    /// Prefixes of its read and write ports to card memory.
    pub reads: &'static [&'static str],
    pub writes: &'static [&'static str],
    /// What it counts: (counter, its port).
    pub counters: &'static [(&'static str, &'static str)],
    /// What else it is told: (port, expression in the card).
    pub levels: &'static [(&'static str, &'static str)],
}

impl Engine {
    /// Where the decoder sends its commands.
    pub fn route(&self) -> String {
        format!("TO_{}", self.name.to_uppercase())
    }
}

/// COPY and FILL.
pub const COPY: Engine = Engine {
    name: "copy",
    words: &[
        ("cmd_fill", 1, "cmd$[CMD_OPCODE] == OP_FILL"),
        (
            "cmd_card_addr",
            64,
            "cmd$[CMD_OPCODE] == OP_FILL ? cmd$[CMD_FILL_CARD_ADDR] : cmd$[CMD_COPY_CARD_ADDR]",
        ),
        ("cmd_list", 64, "cmd$[CMD_COPY_LIST]"),
        ("cmd_length", 64, "cmd$[CMD_OPCODE] == OP_FILL ? cmd$[CMD_FILL_LENGTH] : cmd$[CMD_COPY_LENGTH]"),
        ("cmd_entries", 32, "cmd$[CMD_COPY_ENTRIES]"),
        ("cmd_kind", 8, "cmd$[CMD_COPY_KIND]"),
        ("cmd_pattern", 64, "cmd$[CMD_FILL_PATTERN]"),
    ],
    reads: &["dr_"],
    writes: &["dw_"],
    counters: &[("copy_busy", "busy")],
    levels: &[],
};

/// MSM.
pub const MSM: Engine = Engine {
    name: "msm",
    words: &[
        ("cmd_bases", 64, "cmd$[CMD_MSM_BASES]"),
        ("cmd_scalars", 64, "cmd$[CMD_MSM_SCALARS]"),
        ("cmd_result", 64, "cmd$[CMD_MSM_RESULT]"),
        ("cmd_n", 32, "cmd$[CMD_MSM_N]"),
        ("cmd_window_bits", 8, "cmd$[CMD_MSM_WINDOW_BITS]"),
        ("cmd_windows", 8, "cmd$[CMD_MSM_WINDOWS]"),
        ("cmd_group", 1, "cmd$[CMD_MSM_GROUP] == GROUP_G2"),
        ("cmd_more", 16, "cmd$[CMD_MSM_MORE]"),
        ("cmd_stride", 64, "cmd$[CMD_MSM_SCALAR_STRIDE]"),
        ("cmd_montgomery", 1, "(cmd$[CMD_MSM_FORMAT] & MSM_FORMAT_MONTGOMERY) != 0"),
    ],
    reads: &["pt_", "sc_"],
    writes: &["rs_"],
    counters: &[
        ("msm_busy", "busy"),
        ("msm_accumulate", "ev_accumulate"),
        ("msm_aggregate", "ev_aggregate"),
        ("msm_additions", "ev_additions"),
        ("msm_points", "ev_point"),
        ("msm_stall_feed", "ev_stall_feed"),
        ("msm_stall_slot", "ev_stall_slot"),
        ("msm_tail", "ev_tail"),
        ("msm_queued", "ev_queued"),
    ],
    levels: &[],
};

/// NTT.
pub const NTT: Engine = Engine {
    name: "ntt",
    words: &[
        ("cmd_source", 64, "cmd$[CMD_NTT_SOURCE]"),
        ("cmd_destination", 64, "cmd$[CMD_NTT_DESTINATION]"),
        ("cmd_params", 64, "cmd$[CMD_NTT_PARAMS]"),
        ("cmd_stride", 64, "cmd$[CMD_NTT_STRIDE]"),
        ("cmd_batch", 32, "cmd$[CMD_NTT_BATCH]"),
        ("cmd_before", 8, "cmd$[CMD_NTT_LOG_BEFORE]"),
        ("cmd_len", 8, "cmd$[CMD_NTT_LOG_LEN]"),
        ("cmd_after", 8, "cmd$[CMD_NTT_LOG_AFTER]"),
        ("cmd_reversed_in", 1, "(cmd$[CMD_NTT_ORDER] & NTT_REVERSED_IN) != 0"),
        ("cmd_reversed_out", 1, "(cmd$[CMD_NTT_ORDER] & NTT_REVERSED_OUT) != 0"),
    ],
    reads: &["in_"],
    writes: &["out_"],
    counters: &[
        ("ntt_busy", "busy"),
        ("ntt_butterflies", "ev_butterflies"),
        ("ntt_stall_in", "ev_stall_in"),
        ("ntt_stall_out", "ev_stall_out"),
    ],
    levels: &[],
};

/// VECTOR.
pub const VECTOR: Engine = Engine {
    name: "vector",
    words: &[
        ("cmd_a", 64, "cmd$[CMD_VECTOR_A]"),
        ("cmd_b", 64, "cmd$[CMD_VECTOR_B]"),
        ("cmd_c", 64, "cmd$[CMD_VECTOR_C]"),
        ("cmd_d", 64, "cmd$[CMD_VECTOR_D]"),
        ("cmd_params", 64, "cmd$[CMD_VECTOR_PARAMS]"),
        ("cmd_n", 32, "cmd$[CMD_VECTOR_N]"),
        ("cmd_operation", 8, "cmd$[CMD_VECTOR_OPERATION]"),
        ("cmd_flags", 8, "cmd$[CMD_VECTOR_FLAGS]"),
        ("cmd_kinds", 8, "cmd$[CMD_VECTOR_KINDS]"),
    ],
    reads: &["a_", "b_", "c_", "ix_"],
    writes: &["d_"],
    counters: &[("vector_busy", "busy"), ("vector_elements", "ev_element")],
    levels: &[("dram_bytes", "cfg_dram_bytes")],
};

/// Every engine there is, in the order of their ports at the arbiters of card memory.
pub const ALL: [&Engine; 4] = [&COPY, &MSM, &NTT, &VECTOR];

/// The engines that a card of `config` has.
pub fn present(config: &CardConfig) -> Vec<&'static Engine> {
    let there = [true, true, config.ntt_lanes > 0, config.vector_lanes > 0];
    ALL.into_iter().zip(there).filter_map(|(engine, there)| there.then_some(engine)).collect()
}

/// The modules of a card's engines beside its own copy engine; `None` where it has none.
pub struct Engines {
    pub msm: Arc<Module>,
    pub ntt: Option<Arc<Module>>,
    pub vector: Option<Arc<Module>>,
}

impl Engines {
    /// The engines of `config`.
    pub fn new(config: &CardConfig) -> Engines {
        let ntt = |lanes| ntt::engine(&Shape::new(config.target, config.ntt_log2_block as usize, lanes));
        Engines {
            msm: msm::engine(config),
            ntt: (config.ntt_lanes > 0).then(|| ntt(config.ntt_lanes)),
            vector: (config.vector_lanes > 0).then(|| vector::engine::engine(config.target)),
        }
    }

    /// The engines with their modules.
    pub(super) fn modules(&self) -> Vec<(&'static Engine, Arc<Module>)> {
        let modules = [Some(copy_engine()), Some(self.msm.clone()), self.ntt.clone(), self.vector.clone()];
        ALL.into_iter().zip(modules).filter_map(|(engine, module)| Some((engine, module?))).collect()
    }

    /// Whether these are the engines of `config`.
    pub(super) fn are_of(&self, config: &CardConfig) -> bool {
        self.ntt.is_some() == (config.ntt_lanes > 0) && self.vector.is_some() == (config.vector_lanes > 0)
    }
}
