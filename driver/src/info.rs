//! What a card says about itself: capabilities, counters, error syndrome.

use crate::mmio::Mmio;
use crate::Error;
use permafrost_abi::ntt::NTT_MAX_LOG;
use permafrost_abi::registers::{
    CapEngines, CapMsm, CapNtt, CapQueues, CapVector, ErrSource, ErrStatus, Version,
};
use permafrost_abi::{counter, reg, Status, ABI_MAGIC, ABI_VERSION, DEADLINE_UNIT, MAX_IO_QUEUES};
use std::time::Duration;

/// Longest deadline that a card may ask for at its nominal clock: a card that asks for years would hold its opener as long.
const LONGEST_DEADLINE: Duration = Duration::from_secs(60);

/// Capabilities of a card, read once when it is opened.
#[derive(Clone, Debug)]
pub struct CardInfo {
    /// Name of the transport it is reached by.
    pub transport: String,
    /// Version of the contract it speaks.
    pub version: Version,
    /// Engines it has.
    pub engines: CapEngines,
    /// I/O queue pairs it has; the driver may have created fewer.
    pub io_queues: u16,
    /// Most entries of a ring.
    pub max_entries: u32,
    /// Timeline semaphores.
    pub semaphores: u32,
    /// MSM engine, if there is one.
    pub msm: Option<MsmInfo>,
    /// NTT engine, if there is one.
    pub ntt: Option<NttInfo>,
    /// VECTOR engine, if there is one.
    pub vector: Option<VectorInfo>,
    /// Bytes of card memory.
    pub dram_bytes: u64,
    /// Nominal clock in kHz.
    pub clock_khz: u32,
    /// Hash of the card's configuration.
    pub build_id: u32,
    /// Longest time the controller takes to follow CC.ENABLE, at the nominal clock.
    pub controller_deadline: Duration,
}

/// MSM engine of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsmInfo {
    /// Point adders working in parallel.
    pub adders: u32,
    /// Smallest window width in bits.
    pub min_window: u32,
    /// Largest window width in bits.
    pub max_window: u32,
    /// log2 of the bucket slots of each adder.
    pub log2_slots: u32,
}

/// NTT engine of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NttInfo {
    /// Butterflies working in parallel.
    pub lanes: u32,
    /// log2 of the longest transform in one pass.
    pub log2_block: u32,
}

/// VECTOR engine of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorInfo {
    /// Elements it takes in one clock.
    pub lanes: u32,
}

fn version_text(v: Version) -> String {
    format!("{}.{}.{}", v.major(), v.minor(), v.patch())
}

impl CardInfo {
    /// Checks that this is a card of our contract and reads what it can do.
    pub(crate) fn read(mmio: &Mmio) -> Result<Self, Error> {
        let seen = mmio.read32(reg::MAGIC)?;
        if seen != ABI_MAGIC {
            return Err(Error::NotACard { seen, expected: ABI_MAGIC });
        }
        let (version, ours) = (Version(mmio.read32(reg::VERSION)?), Version(ABI_VERSION));
        // While the major version is 0 a minor version may break the contract.
        if version.major() != ours.major() || (ours.major() == 0 && version.minor() != ours.minor()) {
            return Err(Error::Version { seen: version_text(version), expected: version_text(ours) });
        }
        let engines = CapEngines(mmio.read32(reg::CAP_ENGINES)?);
        let queues = CapQueues(mmio.read32(reg::CAP_QUEUES)?);
        let bad = |register, value: u64, detail: String| Error::BadCapability { register, value, detail };
        if !(1..=MAX_IO_QUEUES).contains(&queues.io_queues()) || !(1..=15).contains(&queues.log2_entries()) {
            let detail = format!("expected 1 to {MAX_IO_QUEUES} I/O queues and rings of 2^1 to 2^15 entries");
            return Err(bad("CAP_QUEUES", queues.0 as u64, detail));
        }
        let msm = CapMsm(mmio.read32(reg::CAP_MSM)?);
        if (engines.msm_g1() || engines.msm_g2())
            && !(msm.adders() >= 1 && (1..=msm.max_window()).contains(&msm.min_window()))
        {
            return Err(bad("CAP_MSM", msm.0 as u64, "expected an adder and a range of windows".into()));
        }
        let ntt = CapNtt(mmio.read32(reg::CAP_NTT)?);
        if engines.ntt() && !(ntt.lanes() >= 1 && (1..=NTT_MAX_LOG).contains(&ntt.log2_block())) {
            let detail = format!("expected a lane and a block of 2^1 to 2^{NTT_MAX_LOG} elements");
            return Err(bad("CAP_NTT", ntt.0 as u64, detail));
        }
        let vector = CapVector(mmio.read32(reg::CAP_VECTOR)?);
        if engines.vector() && vector.lanes() == 0 {
            return Err(bad("CAP_VECTOR", vector.0 as u64, "expected a lane".into()));
        }
        let dram_bytes = mmio.read64(reg::DRAM_SIZE)?;
        if dram_bytes >> 56 != 0 {
            return Err(bad("DRAM_SIZE", dram_bytes, "expected at most 2^56 bytes".into()));
        }
        let clock_khz = mmio.read32(reg::CLOCK_KHZ)?;
        if clock_khz == 0 {
            return Err(bad("CLOCK_KHZ", 0, "expected a clock".into()));
        }
        let deadline = mmio.read32(reg::CAP_DEADLINE)?;
        let controller_deadline =
            Duration::from_micros(deadline as u64 * DEADLINE_UNIT as u64 * 1000 / clock_khz as u64);
        if controller_deadline > LONGEST_DEADLINE {
            let detail =
                format!("{controller_deadline:?} to follow CC.ENABLE, expected at most {LONGEST_DEADLINE:?}");
            return Err(bad("CAP_DEADLINE", deadline.into(), detail));
        }
        Ok(Self {
            transport: mmio.0.name().to_owned(),
            version,
            engines,
            io_queues: queues.io_queues() as u16,
            max_entries: 1 << queues.log2_entries(),
            semaphores: queues.semaphores(),
            msm: (engines.msm_g1() || engines.msm_g2()).then(|| MsmInfo {
                adders: msm.adders(),
                min_window: msm.min_window(),
                max_window: msm.max_window(),
                log2_slots: msm.log2_slots(),
            }),
            ntt: engines.ntt().then(|| NttInfo { lanes: ntt.lanes(), log2_block: ntt.log2_block() }),
            vector: engines.vector().then(|| VectorInfo { lanes: vector.lanes() }),
            dram_bytes,
            clock_khz,
            build_id: mmio.read32(reg::BUILD_ID)?,
            controller_deadline,
        })
    }
}

/// States the counters' fields; the text of each is in the contract's manual.
macro_rules! counters {
    ($( $field:ident = $register:ident ),* $(,)?) => {
        /// The performance counters at one moment, 64 bits each, counted from the last reset. What each counts is in
        /// `docs/abi.md`; the names are the same.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub struct Counters { $( pub $field: u64 ),* }

        impl Counters {
            pub(crate) fn read(mmio: &Mmio) -> Result<Self, Error> {
                Ok(Self { $( $field: mmio.read_counter(counter::$register)? ),* })
            }

            /// What was counted since `earlier`, provided that the card was not reset in between.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $( $field: self.$field.wrapping_sub(earlier.$field) ),* }
            }

            /// Names, as in the manual, with values.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![ $( (stringify!($register), self.$field) ),* ]
            }
        }
    };
}

counters! {
    cycles = CYCLES,
    host_read_bytes = HOST_READ_BYTES,
    host_write_bytes = HOST_WRITE_BYTES,
    dram_read_bytes = DRAM_READ_BYTES,
    dram_write_bytes = DRAM_WRITE_BYTES,
    commands = COMMANDS,
    copy_busy = COPY_BUSY,
    msm_busy = MSM_BUSY,
    msm_accumulate = MSM_ACCUMULATE,
    msm_aggregate = MSM_AGGREGATE,
    msm_additions = MSM_ADDITIONS,
    msm_points = MSM_POINTS,
    msm_stall_feed = MSM_STALL_FEED,
    msm_stall_slot = MSM_STALL_SLOT,
    msm_tail = MSM_TAIL,
    msm_queued = MSM_QUEUED,
    ntt_busy = NTT_BUSY,
    ntt_butterflies = NTT_BUTTERFLIES,
    ntt_stall_in = NTT_STALL_IN,
    ntt_stall_out = NTT_STALL_OUT,
    vector_busy = VECTOR_BUSY,
    vector_elements = VECTOR_ELEMENTS,
    copy_overlap = COPY_OVERLAP,
    engine_overlap = ENGINE_OVERLAP,
    dram_corrected = DRAM_CORRECTED,
    interrupts = INTERRUPTS,
}

/// The first error since it was last cleared, as the card holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syndrome {
    /// Queue of the command, 0 = admin.
    pub queue: u16,
    /// Id of the command.
    pub cid: u16,
    /// Status code; the number when this driver does not know it.
    pub status: Result<Status, u16>,
    /// Address the error is about, or 0.
    pub address: u64,
}

impl Syndrome {
    /// The held error, if any.
    pub(crate) fn read(mmio: &Mmio) -> Result<Option<Self>, Error> {
        let status = ErrStatus(mmio.read32(reg::ERR_STATUS)?);
        if !status.valid() {
            return Ok(None);
        }
        let source = ErrSource(mmio.read32(reg::ERR_SOURCE)?);
        Ok(Some(Self {
            queue: source.queue() as u16,
            cid: source.cid() as u16,
            status: Status::try_from(status.code() as u16),
            address: mmio.read64(reg::ERR_ADDR)?,
        }))
    }

    /// Clears the held error.
    pub(crate) fn clear(mmio: &Mmio) -> Result<(), Error> {
        mmio.write32(reg::ERR_STATUS, ErrStatus::from_fields(true, 0).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_the_contract_is_read() {
        let ours: Vec<&str> = Counters::default().named().into_iter().map(|(name, _)| name).collect();
        let all: Vec<&str> = permafrost_abi::registers::COUNTERS.iter().map(|c| c.name).collect();
        assert_eq!(ours, all);
    }
}
