//! Commands of the NTT and VECTOR engines that follow each other, with their parameters, which are in card memory.

use bytemuck::Pod;
use permafrost_abi::ntt::NTT_PARAMS_BYTES;
use permafrost_abi::vector::VECTOR_PARAMS_BYTES;
use permafrost_abi::VectorParameters;
use zeroize::Zeroizing;

use super::device::{Buffer, Device, ListRun};
use super::job::{At, Job, Lane, Mark, NttJob, Step, VectorJob};
use super::ntt::Pass;
use crate::error::Result;

/// Bytes of one command's parameters.
pub(crate) const PARAMS_BYTES: usize = NTT_PARAMS_BYTES as usize;
const _: () =
    assert!(NTT_PARAMS_BYTES == VECTOR_PARAMS_BYTES && NTT_PARAMS_BYTES % permafrost_abi::ALIGN == 0);

/// A sequence under construction: steps of the compute lane, each after the one before, in one part or several. Where
/// there are several, each with data from the host and to it, that of one part moves while another is computed.
pub(crate) struct Sequence<'a> {
    block: At<'a>,
    /// What `block` is to hold.
    params: Zeroizing<Vec<u8>>,
    parts: Vec<Vec<Step<'a>>>,
}

/// Transforms of a batch: where they are read and written, and the bytes from one to the next.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub source: At<'a>,
    pub destination: At<'a>,
    pub stride: u64,
    pub batch: u32,
}

/// What moves before and after a part: to the card, and back.
pub(crate) struct Transfers<'t> {
    pub up: (At<'t>, &'t [u8]),
    pub down: (At<'t>, &'t mut [u8]),
}

/// Semaphore of parts that are on the card.
const UP: u8 = 0;
/// Semaphore of parts that are computed.
const DONE: u8 = 1;

impl<'a> Sequence<'a> {
    /// A sequence of one empty part; `block` has [`PARAMS_BYTES`] for each command's parameters.
    pub(crate) fn new(block: &'a dyn Buffer) -> Self {
        let room = block.capacity() as usize;
        Sequence {
            block: At::start(block),
            // Room for all: a vector that grows leaves copies of what it held behind.
            params: Zeroizing::new(Vec::with_capacity(room)),
            parts: vec![Vec::new()],
        }
    }

    /// A place with these parameters.
    pub(crate) fn place(&mut self, params: &impl Pod) -> At<'a> {
        let at = self.block.plus(self.params.len() as u64);
        self.params.extend_from_slice(bytemuck::bytes_of(params));
        at
    }

    /// Begins another part.
    pub(crate) fn next_part(&mut self) {
        self.parts.push(Vec::new());
    }

    /// Adds a pass, whose parameters are at `params`, over a batch of transforms.
    pub(crate) fn pass(&mut self, label: &'static str, pass: &Pass, params: At<'a>, data: Batch<'a>) {
        let Batch { source, destination, stride, batch } = data;
        let Pass { log_before, log_len, log_after, reversed_in, reversed_out, .. } = *pass;
        self.push(
            label,
            Job::Ntt(NttJob {
                source,
                destination,
                params,
                stride,
                batch,
                log_before,
                log_len,
                log_after,
                reversed_in,
                reversed_out,
            }),
        );
    }

    /// Adds a VECTOR command; `job.params` is set here.
    pub(crate) fn vector(&mut self, label: &'static str, job: VectorJob<'a>, params: &VectorParameters) {
        let params = self.place(params);
        self.push(label, Job::Vector(VectorJob { params, ..job }));
    }

    fn push(&mut self, label: &'static str, job: Job<'a>) {
        if let Some(part) = self.parts.last_mut() {
            part.push(Step::new(Lane::Compute, label, job));
        }
    }

    /// Runs it, with `transfers` for every part or for none. The cycles are those of the commands, transfers left out.
    pub(crate) fn run(self, device: &dyn Device, transfers: Vec<Transfers<'_>>) -> Result<ListRun> {
        let Sequence { block, params, parts } = self;
        let several = parts.len() > 1;
        // One part needs no second lane.
        let lane = if several { Lane::Stream } else { Lane::Compute };
        let mark = |semaphore, part: usize| several.then_some(Mark { semaphore, value: part as u32 + 1 });
        let mut list = vec![Step::new(lane, "parameters", Job::Upload { to: block, bytes: &params })];
        let (mut ups, mut downs) = (Vec::new(), Vec::new());
        for (part, Transfers { up: (to, bytes), down: (from, back) }) in transfers.into_iter().enumerate() {
            let (up, down) = (Job::Upload { to, bytes }, Job::Download { from, bytes: back });
            ups.push(Step::new(lane, "input", up).signals(mark(UP, part)));
            downs.push(Step::new(lane, "output", down).after(mark(DONE, part)));
        }
        let (mut ups, mut downs) = (ups.into_iter(), downs.into_iter());
        let mut commands = Vec::new();
        list.extend(ups.next());
        for (part, steps) in parts.into_iter().enumerate() {
            // In the stream lane the next input goes before this output, which waits for what is computed meanwhile.
            list.extend(ups.next());
            let count = steps.len();
            for (i, step) in steps.into_iter().enumerate() {
                commands.push(list.len());
                let (first, last) = (i == 0, i + 1 == count);
                let step = step.after(mark(UP, part).filter(|_| first));
                list.push(step.signals(mark(DONE, part).filter(|_| last)));
            }
            list.extend(downs.next());
        }
        let mut run = device.run(list)?;
        run.cycles = commands.into_iter().map(|index| run.cycles[index]).collect();
        Ok(run)
    }
}
