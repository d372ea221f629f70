//! Steps of a list: what the card is to do, in which lane, and in which order across the lanes.

use permafrost_abi::{NttCommand, VectorCommand, VectorOperation, NTT_REVERSED_IN, NTT_REVERSED_OUT};

use super::device::Buffer;
use super::report::{Group, PORT_BYTES};
use super::scalars::SCALAR_BYTES;
use super::window::WindowPlan;
use crate::error::{Error, Result};

/// A place in card memory: a byte of a block.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub buffer: &'a dyn Buffer,
    /// Bytes from the start of the block.
    pub offset: u64,
}

impl<'a> At<'a> {
    /// The start of a block.
    pub(crate) fn start(buffer: &'a dyn Buffer) -> Self {
        At { buffer, offset: 0 }
    }

    /// `bytes` further on.
    pub(crate) fn plus(self, bytes: u64) -> Self {
        At { offset: self.offset + bytes, ..self }
    }

    /// Its card address.
    pub(crate) fn address(&self) -> u64 {
        self.buffer.address() + self.offset
    }
}

/// One of the two queues of the card that a list uses. The steps of a lane run in the order of the list, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The engines, usually.
    Compute,
    /// Transfers, usually, and whatever is to run beside the other lane.
    Stream,
}

/// A semaphore of a list and a value of it. All of a list's semaphores are 0 when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Below [`SEMAPHORES`].
    pub semaphore: u8,
    /// At least 1.
    pub value: u32,
}

/// Semaphores of a list.
pub(crate) const SEMAPHORES: u8 = 8;

/// One step of a list.
pub(crate) struct Step<'a> {
    pub lane: Lane,
    pub job: Job<'a>,
    /// It starts once the semaphore is at least the value. A step before it in the list has to signal that.
    pub after: Option<Mark>,
    /// On success it raises the semaphore to at least the value.
    pub signals: Option<Mark>,
    /// For messages.
    pub label: &'static str,
}

impl<'a> Step<'a> {
    /// A step that neither waits nor signals.
    pub(crate) fn new(lane: Lane, label: &'static str, job: Job<'a>) -> Self {
        Step { lane, job, after: None, signals: None, label }
    }

    /// The same step, waiting for `mark`, if any.
    #[must_use]
    pub(crate) fn after(self, mark: impl Into<Option<Mark>>) -> Self {
        Step { after: mark.into(), ..self }
    }

    /// The same step, signalling `mark`, if any.
    #[must_use]
    pub(crate) fn signals(self, mark: impl Into<Option<Mark>>) -> Self {
        Step { signals: mark.into(), ..self }
    }
}

/// What a step does. Transfers begin at multiples of 64 bytes in card memory; those of no bytes are steps, too.
pub(crate) enum Job<'a> {
    /// Host bytes to card memory; the last 64-byte unit is filled up with zeros.
    Upload { to: At<'a>, bytes: &'a [u8] },
    /// Card memory to host bytes.
    Download { from: At<'a>, bytes: &'a mut [u8] },
    /// Within card memory; a multiple of 64 bytes, ranges disjoint.
    Copy { to: At<'a>, from: At<'a>, len: u64 },
    /// An 8-byte pattern over a multiple of 64 bytes.
    Fill { to: At<'a>, len: u64, pattern: u64 },
    /// A multi-scalar multiplication.
    Msm(MsmJob<'a>),
    /// A pass of a transform.
    Ntt(NttJob<'a>),
    /// Arithmetic on vectors.
    Vector(VectorJob<'a>),
}

impl<'a> Job<'a> {
    /// Whether an engine does it, and not the copy engine.
    pub(crate) fn computes(&self) -> bool {
        matches!(self, Job::Msm(_) | Job::Ntt(_) | Job::Vector(_))
    }

    /// The blocks it uses.
    pub(crate) fn buffers(&self) -> Vec<At<'a>> {
        match self {
            Job::Upload { to, .. } | Job::Fill { to, .. } => vec![*to],
            Job::Download { from, .. } => vec![*from],
            Job::Copy { to, from, .. } => vec![*to, *from],
            Job::Msm(job) => vec![job.bases, job.scalars, job.result],
            Job::Ntt(job) => vec![job.source, job.destination, job.params],
            Job::Vector(job) => {
                let given = [job.a, job.b, job.c, job.indices];
                given.into_iter().flatten().chain([job.d, job.params]).collect()
            }
        }
    }
}

/// Parameters of one MSM command; all data is in card memory.
#[derive(Clone, Copy)]
pub(crate) struct MsmJob<'a> {
    pub group: Group,
    pub bases: At<'a>,
    /// Scalar vectors, `scalar_stride` bytes from one to the next.
    pub scalars: At<'a>,
    pub scalar_stride: u64,
    /// Results, one after the other.
    pub result: At<'a>,
    /// Points, and scalars of each vector.
    pub n: u32,
    /// Scalar vectors, 1 to [`MAX_BATCH`].
    pub members: u32,
    pub plan: WindowPlan,
    pub montgomery: bool,
    /// Additions of each adder, for the deadline; an estimate from above.
    pub additions: u64,
}

/// Parameters of one NTT command, as [`permafrost_abi::NttCommand`] has them; all data is in card memory.
#[derive(Clone, Copy)]
pub(crate) struct NttJob<'a> {
    pub source: At<'a>,
    pub destination: At<'a>,
    /// [`permafrost_abi::NttParameters`].
    pub params: At<'a>,
    /// Bytes from one transform to the next, in source and destination; of any value with one transform.
    pub stride: u64,
    /// Transforms.
    pub batch: u32,
    pub log_before: u32,
    pub log_len: u32,
    pub log_after: u32,
    pub reversed_in: bool,
    pub reversed_out: bool,
}

impl NttJob<'_> {
    /// log2 of the elements of a transform.
    pub(crate) fn log_n(&self) -> u32 {
        self.log_before + self.log_len + self.log_after
    }

    /// Lower bound in clocks on an engine of `lanes` butterflies a clock: those, and what is moved in each direction.
    pub(crate) fn bound(&self, lanes: u32) -> u64 {
        let elements = u64::from(self.batch) << self.log_n();
        let butterflies = elements / 2 * u64::from(self.log_len);
        butterflies.div_ceil(u64::from(lanes)).max((elements * SCALAR_BYTES as u64).div_ceil(PORT_BYTES))
    }

    /// The command.
    pub(crate) fn command(&self) -> NttCommand {
        let flag = |set, flag| if set { flag } else { 0 };
        NttCommand {
            source: self.source.address(),
            destination: self.destination.address(),
            params: self.params.address(),
            stride: if self.batch > 1 { self.stride } else { 0 },
            batch: self.batch,
            log_before: self.log_before as u8,
            log_len: self.log_len as u8,
            log_after: self.log_after as u8,
            order: flag(self.reversed_in, NTT_REVERSED_IN) | flag(self.reversed_out, NTT_REVERSED_OUT),
            ..Default::default()
        }
    }
}

/// Parameters of one VECTOR command, as [`permafrost_abi::VectorCommand`] has them; all data is in card memory.
#[derive(Clone, Copy)]
pub(crate) struct VectorJob<'a> {
    pub operation: VectorOperation,
    /// `VECTOR_NEGATE_PRODUCT` and so on.
    pub flags: u8,
    /// As [`permafrost_abi::vector::kinds`] gives them.
    pub kinds: u8,
    /// Operands that are read from memory.
    pub a: Option<At<'a>>,
    pub b: Option<At<'a>>,
    pub c: Option<At<'a>>,
    pub d: At<'a>,
    /// [`permafrost_abi::VectorParameters`].
    pub params: At<'a>,
    /// The indices that the parameters name, if they do.
    pub indices: Option<At<'a>>,
    /// Elements.
    pub n: u32,
}

impl VectorJob<'_> {
    /// Lower bound in clocks on an engine of `lanes` elements a clock: those, and what is moved in each direction.
    pub(crate) fn bound(&self, lanes: u32) -> u64 {
        let read = [self.a, self.b, self.c].iter().flatten().count() * SCALAR_BYTES;
        let read = read + if self.indices.is_some() { 4 } else { 0 };
        let n = u64::from(self.n);
        n.div_ceil(u64::from(lanes)).max((n * read.max(SCALAR_BYTES) as u64).div_ceil(PORT_BYTES))
    }

    /// The command.
    pub(crate) fn command(&self) -> VectorCommand {
        let address = |at: Option<At<'_>>| at.map_or(0, |at| at.address());
        VectorCommand {
            a: address(self.a),
            b: address(self.b),
            c: address(self.c),
            d: self.d.address(),
            params: self.params.address(),
            n: self.n,
            operation: self.operation as u8,
            flags: self.flags,
            kinds: self.kinds,
            ..Default::default()
        }
    }
}

/// Most scalar vectors of one MSM command.
pub(crate) const MAX_BATCH: usize = 1 << 16;

/// Checks that every step waits for what a step before it signals. A list for which that holds cannot come to a
/// standstill when it is submitted in its order.
///
/// # Errors
/// [`Error::Schedule`] naming the step for which it does not.
pub(crate) fn check_order(list: &[Step<'_>]) -> Result<()> {
    let mut reached = [0; SEMAPHORES as usize];
    for (index, step) in list.iter().enumerate() {
        let bad = |what| Error::Schedule { index, label: step.label, what };
        let marks = [step.after, step.signals];
        if marks.iter().flatten().any(|mark| mark.semaphore >= SEMAPHORES || mark.value == 0) {
            return Err(bad("it names a semaphore or value that lists do not have"));
        }
        if step.after.is_some_and(|mark| reached[usize::from(mark.semaphore)] < mark.value) {
            return Err(bad("no step before it signals what it waits for"));
        }
        if let Some(Mark { semaphore, value }) = step.signals {
            let reached = &mut reached[usize::from(semaphore)];
            *reached = value.max(*reached);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::TestDevice;
    use crate::engine::Device;

    #[test]
    fn waiting_for_what_comes_later_is_refused() {
        let (device, _) = TestDevice::new(1 << 12);
        let block = device.alloc(64, "a block").expect("fits");
        let step = |lane| Step::new(lane, "fill", Job::Fill { to: At::start(&*block), len: 64, pattern: 0 });
        let mark = |value| Mark { semaphore: 1, value };
        let good = [step(Lane::Compute).signals(mark(2)), step(Lane::Stream).after(mark(1))];
        assert!(check_order(&good).is_ok());
        let bad = [
            [step(Lane::Stream).after(mark(1)), step(Lane::Compute).signals(mark(1))],
            [step(Lane::Compute).signals(mark(1)), step(Lane::Stream).after(mark(2))],
            [step(Lane::Compute), step(Lane::Stream).after(mark(1)).signals(mark(1))],
        ];
        for list in bad {
            let error = check_order(&list).unwrap_err();
            assert!(error.to_string().contains("no step before it signals"), "{error}");
        }
        for mark in [Mark { semaphore: SEMAPHORES, value: 1 }, mark(0)] {
            assert!(check_order(&[step(Lane::Stream).signals(mark)]).is_err());
        }
    }
}
