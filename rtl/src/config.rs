//! What a card is made of, as data.

use crate::target::Target;
use permafrost_abi::registers::{CapEngines, CapMsm, CapNtt, CapQueues, CapVector};
use permafrost_abi::{MAX_IO_QUEUES, SEMAPHORES};
use sha2::{Digest, Sha256};

/// The parameters of a card. Two cards of equal parameters are the same hardware.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CardConfig {
    /// Name of the preset or board.
    pub name: String,
    /// Point adders in the MSM engine, 1 to 4.
    pub adders: usize,
    /// log2 of the G1 bucket slots of each adder, 10 to 24; G2 has half as many.
    pub log2_slots: u32,
    /// Smallest MSM window width in bits, 2 or more.
    pub min_window: u32,
    /// Largest MSM window width in bits, up to 16.
    pub max_window: u32,
    /// Butterflies of the NTT engine in parallel: 1, 2, 4 or 8; 0 for a card without the engine.
    pub ntt_lanes: usize,
    /// log2 of the elements that the NTT engine transforms on the chip, 4 to 16, 5 or more with 8 lanes.
    pub ntt_log2_block: u32,
    /// Lanes of the VECTOR engine: 1, or 0 for a card without it.
    pub vector_lanes: usize,
    /// I/O queue pairs, 1 to 14.
    pub io_queues: usize,
    /// log2 of the most entries a ring can have, 1 to 15.
    pub log2_queue_entries: u32,
    /// Card memory in bytes, unless the shell straps another size; a multiple of 4 KiB.
    pub dram_bytes: u64,
    /// What the arithmetic is built for.
    pub target: Target,
    /// Nominal clock in kHz.
    pub clock_khz: u32,
}

/// A configuration that cannot be built, or is not known.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A parameter is out of range.
    #[error("card configuration `{config}`: {parameter} = {value} is out of range; it must be {expected}")]
    OutOfRange { config: String, parameter: &'static str, value: u64, expected: String },
    /// No preset has this name.
    #[error("there is no card preset `{name}`; the presets are: {known}")]
    UnknownPreset { name: String, known: String },
}

impl CardConfig {
    /// Names of the presets.
    pub const PRESETS: [&'static str; 1] = ["sim"];

    /// The default simulated card: small enough that its C++ builds in a minute or two.
    pub fn sim() -> Self {
        CardConfig {
            name: "sim".into(),
            adders: 1,
            log2_slots: 17,
            min_window: 2,
            max_window: 13,
            ntt_lanes: 1,
            ntt_log2_block: 12,
            vector_lanes: 1,
            io_queues: 2,
            log2_queue_entries: 10,
            dram_bytes: 256 << 20,
            target: Target::Generic,
            clock_khz: 250_000,
        }
    }

    /// The preset called `name`.
    ///
    /// # Errors
    /// [`ConfigError::UnknownPreset`].
    pub fn preset(name: &str) -> Result<Self, ConfigError> {
        match name {
            "sim" => Ok(Self::sim()),
            _ => Err(ConfigError::UnknownPreset { name: name.into(), known: Self::PRESETS.join(", ") }),
        }
    }

    /// Checks every parameter's range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for the first parameter that is not within the range its field states.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let max_window = u64::from(self.max_window);
        // A buffer has two banks a lane, of two rows or more.
        let min_block = if self.ntt_lanes == 8 { 5 } else { 4 };
        let checks = [
            ("adders", self.adders as u64, 1, 4),
            ("log2_slots", self.log2_slots.into(), 10, 24),
            ("max_window", max_window, 2, 16.min(u64::from(self.log2_slots))),
            ("min_window", self.min_window.into(), 2, max_window),
            ("ntt_lanes", self.ntt_lanes as u64, 0, 8),
            ("ntt_log2_block", self.ntt_log2_block.into(), min_block, 16),
            ("vector_lanes", self.vector_lanes as u64, 0, 1),
            ("io_queues", self.io_queues as u64, 1, MAX_IO_QUEUES.into()),
            ("log2_queue_entries", self.log2_queue_entries.into(), 1, 15),
            ("dram_bytes", self.dram_bytes, 4096, 1 << 48),
            ("clock_khz", self.clock_khz.into(), 1, 4_000_000),
        ];
        for (parameter, value, min, max) in checks {
            if !(min..=max).contains(&value) {
                return Err(self.out_of_range(parameter, value, format!("{min} to {max}")));
            }
        }
        if self.ntt_lanes != 0 && !self.ntt_lanes.is_power_of_two() {
            return Err(self.out_of_range("ntt_lanes", self.ntt_lanes as u64, "0 or a power of two".into()));
        }
        if self.dram_bytes % 4096 != 0 {
            return Err(self.out_of_range("dram_bytes", self.dram_bytes, "a multiple of 4096".into()));
        }
        Ok(())
    }

    fn out_of_range(&self, parameter: &'static str, value: u64, expected: String) -> ConfigError {
        ConfigError::OutOfRange { config: self.name.clone(), parameter, value, expected }
    }

    /// Register CAP_ENGINES.
    pub fn cap_engines(&self) -> CapEngines {
        CapEngines::from_fields(true, true, true, true, self.ntt_lanes > 0, self.vector_lanes > 0, false)
    }

    /// Register CAP_QUEUES.
    pub fn cap_queues(&self) -> CapQueues {
        CapQueues::from_fields(self.io_queues as u32, self.log2_queue_entries, SEMAPHORES)
    }

    /// Register CAP_MSM.
    pub fn cap_msm(&self) -> CapMsm {
        CapMsm::from_fields(self.adders as u32, self.min_window, self.max_window, self.log2_slots)
    }

    /// Register CAP_NTT.
    pub fn cap_ntt(&self) -> CapNtt {
        match self.ntt_lanes {
            0 => CapNtt::default(),
            lanes => CapNtt::from_fields(lanes as u32, self.ntt_log2_block),
        }
    }

    /// Register CAP_VECTOR.
    pub fn cap_vector(&self) -> CapVector {
        CapVector::from_fields(self.vector_lanes as u32)
    }

    /// Register BUILD_ID: the first 31 bits of a hash over everything that shapes the hardware. The memory size does not:
    /// it is strapped by the shell.
    pub fn build_id(&self) -> u32 {
        let shape = CardConfig { name: String::new(), dram_bytes: 0, ..self.clone() };
        let text = format!("{} {shape:?}", env!("CARGO_PKG_VERSION"));
        let hash = Sha256::digest(text.as_bytes());
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) >> 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_found_by_name() {
        for name in CardConfig::PRESETS {
            let config = CardConfig::preset(name).unwrap();
            assert_eq!(config.name, name);
            config.validate().unwrap();
        }
        let e = CardConfig::preset("nonesuch").unwrap_err();
        assert!(e.to_string().contains("the presets are: sim"), "{e}");
    }

    #[test]
    fn out_of_range_parameters_are_named() {
        let (base, mut named) = (CardConfig::sim(), vec![]);
        for config in [
            CardConfig { io_queues: 15, ..base.clone() },
            CardConfig { adders: 5, ..base.clone() },
            CardConfig { ntt_lanes: 3, ..base.clone() },
            CardConfig { ntt_lanes: 8, ntt_log2_block: 4, ..base.clone() },
            CardConfig { vector_lanes: 2, ..base },
        ] {
            named.push(config.validate().unwrap_err().to_string());
        }
        let expected =
            ["io_queues = 15", "adders = 5", "ntt_lanes = 3", "ntt_log2_block = 4", "vector_lanes = 2"];
        assert!(named.iter().zip(expected).all(|(text, part)| text.contains(part)), "{named:?}");
    }

    #[test]
    fn capabilities_are_zero_without_the_engine() {
        let none = CardConfig { ntt_lanes: 0, vector_lanes: 0, ..CardConfig::sim() };
        assert_eq!((none.cap_ntt().0, none.cap_vector().0), (0, 0));
        assert!(!none.cap_engines().ntt() && !none.cap_engines().vector());
        let both = CardConfig { ntt_lanes: 2, ntt_log2_block: 10, vector_lanes: 1, ..none };
        assert_eq!((both.cap_ntt().0, both.cap_vector().0), (0x0a02, 1));
        assert!(both.cap_engines().ntt() && both.cap_engines().vector());
    }

    #[test]
    fn build_id_tells_configurations_apart_and_keeps_bit_31_zero() {
        let (a, b) = (CardConfig::sim(), CardConfig { log2_slots: 16, ..CardConfig::sim() });
        assert_ne!(a.build_id(), b.build_id());
        assert_eq!(a.build_id(), CardConfig { dram_bytes: 1 << 30, ..CardConfig::sim() }.build_id());
        assert_eq!((a.build_id() | b.build_id()) >> 31, 0);
    }
}
