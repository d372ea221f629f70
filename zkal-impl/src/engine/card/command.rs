//! Jobs as the driver's requests.

use std::time::Duration;

use permafrost_abi::{CopyCommand, FillCommand, MsmCommand, NopCommand, MSM_FORMAT_MONTGOMERY};
use permafrost_driver::{Card, Request};

use crate::engine::job::{Job, MsmJob};
use crate::engine::report::{Counters, Group};

/// Time a command may take beyond its work.
const DEADLINE_BASE: Duration = Duration::from_secs(10);
/// A command that takes this many times its work is taken for hung.
const DEADLINE_FACTOR: u64 = 16;
/// Bytes that a copy moves in a clock, an estimate from below.
const COPY_BYTES_PER_CLOCK: u64 = 16;

/// Clocks that an element of a VECTOR command takes, an estimate from above.
const VECTOR_CLOCKS_PER_ELEMENT: u64 = 16;

/// Longest time a job may take at the card's clock: a multiple of its work, and a base.
pub(super) fn limit(card: &Card, job: &Job<'_>) -> Duration {
    let clocks = match job {
        Job::Upload { bytes, .. } => bytes.len() as u64 / COPY_BYTES_PER_CLOCK,
        Job::Download { bytes, .. } => bytes.len() as u64 / COPY_BYTES_PER_CLOCK,
        Job::Copy { len, .. } | Job::Fill { len, .. } => len / COPY_BYTES_PER_CLOCK,
        Job::Msm(job) => job.additions.saturating_mul(u64::from(job.group.clocks_per_addition())),
        // One butterfly a clock, and as many clocks again for memory.
        Job::Ntt(job) => (u64::from(job.batch) * u64::from(job.log_len + 2)) << job.log_n(),
        Job::Vector(job) => u64::from(job.n) * VECTOR_CLOCKS_PER_ELEMENT,
    };
    let milliseconds = clocks / u64::from(card.info().clock_khz);
    DEADLINE_BASE + Duration::from_millis(milliseconds.saturating_mul(DEADLINE_FACTOR))
}

/// The command of a job that is one command. Transfers between host and card, which take as many as they have parts,
/// are only here when they have none.
pub(super) fn request(job: &Job<'_>) -> Request {
    match job {
        Job::Upload { .. } | Job::Download { .. } => Request::new(&NopCommand::default()),
        Job::Copy { to, from, len } => {
            Request::new(&CopyCommand::on_card(to.address(), from.address(), *len))
        }
        Job::Fill { to, len, pattern } => Request::new(&FillCommand {
            card_addr: to.address(),
            length: *len,
            pattern: *pattern,
            ..Default::default()
        }),
        Job::Msm(job) => Request::new(&msm(job)),
        Job::Ntt(job) => Request::new(&job.command()),
        Job::Vector(job) => Request::new(&job.command()),
    }
}

fn msm(job: &MsmJob<'_>) -> MsmCommand {
    let group = match job.group {
        Group::G1 => permafrost_abi::Group::G1,
        Group::G2 => permafrost_abi::Group::G2,
    };
    MsmCommand {
        bases: job.bases.address(),
        scalars: job.scalars.address(),
        result: job.result.address(),
        n: job.n,
        window_bits: job.plan.window_bits as u8,
        windows: job.plan.windows as u8,
        group: group as u8,
        format: if job.montgomery { MSM_FORMAT_MONTGOMERY } else { 0 },
        more: (job.members - 1) as u16,
        scalar_stride: if job.members > 1 { job.scalar_stride } else { 0 },
        ..Default::default()
    }
}

/// The counters that reports have.
pub(super) fn counters(d: &permafrost_driver::Counters) -> Counters {
    Counters {
        cycles: d.cycles,
        host_read_bytes: d.host_read_bytes,
        host_write_bytes: d.host_write_bytes,
        msm_busy: d.msm_busy,
        msm_accumulate: d.msm_accumulate,
        msm_aggregate: d.msm_aggregate,
        msm_additions: d.msm_additions,
        msm_points: d.msm_points,
        msm_stall_feed: d.msm_stall_feed,
        msm_stall_slot: d.msm_stall_slot,
        msm_tail: d.msm_tail,
        msm_queued: d.msm_queued,
        dram_read_bytes: d.dram_read_bytes,
        ntt_busy: d.ntt_busy,
        ntt_butterflies: d.ntt_butterflies,
        ntt_stall_in: d.ntt_stall_in,
        ntt_stall_out: d.ntt_stall_out,
        vector_busy: d.vector_busy,
        vector_elements: d.vector_elements,
        copy_overlap: d.copy_overlap,
        engine_overlap: d.engine_overlap,
        dram_write_bytes: d.dram_write_bytes,
    }
}
