//! Commands of the NTT and VECTOR engines that follow each other, with their parameters, which are in card memory.

use bytemuck::Pod;
use permafrost_abi::ntt::NTT_PARAMS_BYTES;
use permafrost_abi::vector::VECTOR_PARAMS_BYTES;
use permafrost_abi::VectorParameters;
use zeroize::Zeroizing;

use super::device::{Buffer, Device, ListRun};
use super::job::{At, Job, Lane, NttJob, Step, VectorJob};
use super::ntt::Pass;
use crate::error::Result;

/// Bytes of one command's parameters.
pub(crate) const PARAMS_BYTES: usize = NTT_PARAMS_BYTES as usize;
const _: () =
    assert!(NTT_PARAMS_BYTES == VECTOR_PARAMS_BYTES && NTT_PARAMS_BYTES % permafrost_abi::ALIGN == 0);

/// A sequence under construction: steps of the compute lane, each after the one before.
pub(crate) struct Sequence<'a> {
    block: At<'a>,
    /// What `block` is to hold.
    params: Zeroizing<Vec<u8>>,
    steps: Vec<Step<'a>>,
}

/// Transforms of a batch: where they are read and written, and the bytes from one to the next.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub source: At<'a>,
    pub destination: At<'a>,
    pub stride: u64,
    pub batch: u32,
}

impl<'a> Sequence<'a> {
    /// An empty sequence; `block` has [`PARAMS_BYTES`] for each command.
    pub(crate) fn new(block: &'a dyn Buffer) -> Self {
        let room = block.capacity() as usize;
        Sequence {
            block: At::start(block),
            // Room for all: a vector that grows leaves copies of what it held behind.
            params: Zeroizing::new(Vec::with_capacity(room)),
            steps: Vec::new(),
        }
    }

    fn place(&mut self, params: &impl Pod) -> At<'a> {
        let at = self.block.plus(self.params.len() as u64);
        self.params.extend_from_slice(bytemuck::bytes_of(params));
        at
    }

    /// Adds a pass over a batch of transforms.
    pub(crate) fn pass(&mut self, label: &'static str, pass: &Pass, data: Batch<'a>) {
        let params = self.place(&pass.params);
        let Batch { source, destination, stride, batch } = data;
        let Pass { log_before, log_len, log_after, reversed_in, reversed_out, .. } = *pass;
        let job = NttJob {
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
        };
        self.steps.push(Step::new(Lane::Compute, label, Job::Ntt(job)));
    }

    /// Adds a VECTOR command; `job.params` is set here.
    pub(crate) fn vector(&mut self, label: &'static str, job: VectorJob<'a>, params: &VectorParameters) {
        let params = self.place(params);
        self.steps.push(Step::new(Lane::Compute, label, Job::Vector(VectorJob { params, ..job })));
    }

    /// Runs it: parameters and `up` to the card, the commands, `down` back. The cycles are those of the commands only.
    pub(crate) fn run(
        self,
        device: &dyn Device,
        up: Option<(At<'_>, &[u8])>,
        down: Option<(At<'_>, &mut [u8])>,
    ) -> Result<ListRun> {
        let Sequence { block, params, steps } = self;
        let commands = steps.len();
        let transfer = |label, job| Step::new(Lane::Compute, label, job);
        let mut list = vec![transfer("parameters", Job::Upload { to: block, bytes: &params })];
        list.extend(up.map(|(to, bytes)| transfer("input", Job::Upload { to, bytes })));
        let first = list.len();
        list.extend(steps);
        list.extend(down.map(|(from, bytes)| transfer("output", Job::Download { from, bytes })));
        let mut run = device.run(list)?;
        run.cycles = run.cycles[first..first + commands].to_vec();
        Ok(run)
    }
}
