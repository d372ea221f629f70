//! A card double for the engine's unit tests: the commands' meaning in plain arithmetic, memory and failures under the
//! test's control. It stands for no hardware; tests on the simulated card are in the crate's `tests` folder.

mod memory;
mod msm;
mod ntt;
mod vector;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use permafrost_driver::Status;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::device::{Buffer, Device, ListRun, MemInfo, NttLimits};
use super::job::{check_order, Job, Lane, Step, SEMAPHORES};
use super::window::MsmLimits;
use crate::error::{Error, Result};
use memory::{Memory, TestBuffer};
pub(crate) use msm::result_of;

/// A generator from a fresh seed, and the seed for messages. `PERMAFROST_SEED` repeats a run.
pub(crate) fn rng() -> (ChaCha20Rng, u64) {
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    (ChaCha20Rng::seed_from_u64(seed), seed)
}

/// The double.
pub(crate) struct TestDevice {
    memory: Arc<Memory>,
    limits: MsmLimits,
    /// log2 of the NTT engine's block; without one there is no VECTOR engine either.
    log2_block: Option<u32>,
    knobs: Arc<Knobs>,
}

/// What a test controls and observes.
#[derive(Default)]
pub(crate) struct Knobs {
    /// Commands of engines fail as on a lost card.
    pub lost: AtomicBool,
    /// Uploads fail after their first unit.
    pub broken_uploads: AtomicBool,
    /// The lowest byte of every window sum is flipped.
    pub corrupt: AtomicBool,
    /// The card was reset: blocks that exist are lost.
    pub reset: AtomicBool,
    /// Bytes written to the card.
    pub written: AtomicU64,
    /// Bytes read from it.
    pub read: AtomicU64,
    /// Blocks erased.
    pub erased: AtomicU64,
    /// Commands of engines run.
    pub runs: AtomicU64,
    /// Lists run; odd ones prefer the other lane than even ones where both could go on.
    pub lists: AtomicU64,
}

impl TestDevice {
    /// `total` bytes of memory, one adder, both groups.
    pub(crate) fn new(total: u64) -> (Box<Self>, Arc<Knobs>) {
        Self::with(total, 1, true)
    }

    /// With an NTT engine of 2^`log2_block` elements, or with neither it nor a VECTOR engine.
    pub(crate) fn streaming(total: u64, log2_block: Option<u32>) -> (Box<Self>, Arc<Knobs>) {
        let (device, knobs) = Self::new(total);
        (Box::new(TestDevice { log2_block, ..*device }), knobs)
    }

    pub(crate) fn with(total: u64, adders: u32, g2: bool) -> (Box<Self>, Arc<Knobs>) {
        let knobs = Arc::<Knobs>::default();
        let limits = MsmLimits { adders, min_window: 2, max_window: 13, slots: 1 << 17, g2 };
        let memory = Arc::new(Memory::new(total));
        let device = TestDevice { memory, limits, log2_block: Some(6), knobs: knobs.clone() };
        (Box::new(device), knobs)
    }

    /// Executes a job; its clocks.
    fn execute(&self, job: Job<'_>, out: &mut ListRun) -> Result<u64> {
        if let Some(lost) = job.buffers().iter().find(|at| !at.buffer.is_valid()) {
            let address = lost.buffer.address();
            return Err(permafrost_driver::Error::DataLost { address, buffer: 0, card: 1 }.into());
        }
        match job {
            Job::Upload { to, bytes } => {
                self.knobs.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                out.bytes_up += bytes.len() as u64;
                let mut bytes = bytes.to_vec();
                if self.knobs.broken_uploads.load(Ordering::Relaxed) {
                    bytes.truncate(64);
                    bytes.resize(64, 0);
                    self.memory.write_aligned(to.address(), &bytes);
                    return Err(refused("COPY", Status::HostReadError, 0));
                }
                bytes.resize(bytes.len().next_multiple_of(64), 0);
                self.memory.write_aligned(to.address(), &bytes);
                return Ok(bytes.len() as u64 / 64);
            }
            Job::Download { from, bytes } => {
                self.knobs.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                out.bytes_down += bytes.len() as u64;
                bytes.copy_from_slice(&self.memory.read_aligned(from.address(), bytes.len()));
                return Ok(bytes.len() as u64 / 64);
            }
            Job::Copy { to, from, len } => {
                let bytes = self.memory.read_aligned(from.address(), len as usize);
                self.memory.write_aligned(to.address(), &bytes);
                return Ok(len / 64);
            }
            Job::Fill { to, len, pattern } => {
                let bytes = pattern.to_le_bytes().repeat(len as usize / 8);
                self.memory.write_aligned(to.address(), &bytes);
                return Ok(len / 64);
            }
            _ => {}
        }
        if self.knobs.lost.load(Ordering::Relaxed) {
            return Err(permafrost_driver::Error::CardLost { detail: "unplugged by the test".into() }.into());
        }
        self.knobs.runs.fetch_add(1, Ordering::Relaxed);
        match job {
            Job::Msm(job) => Ok(self.msm(&job)),
            Job::Ntt(job) => self.ntt_pass(&job),
            Job::Vector(job) => self.vector(&job),
            _ => unreachable!("transfers are done"),
        }
    }
}

/// The error of a command that the card refuses.
fn refused(opcode: &'static str, status: Status, info: u32) -> Error {
    permafrost_driver::Error::CommandFailed { queue: 1, opcode, status, info, field: None }.into()
}

impl Device for TestDevice {
    fn name(&self) -> &str {
        "test double"
    }
    fn limits(&self) -> MsmLimits {
        self.limits
    }
    fn ntt(&self) -> Option<NttLimits> {
        self.log2_block.map(|log2_block| NttLimits { lanes: 1, log2_block })
    }
    fn vector_lanes(&self) -> Option<u32> {
        self.log2_block.map(|_| 1)
    }
    fn memory(&self) -> MemInfo {
        self.memory.info()
    }
    fn alloc(&self, bytes: u64, what: &str) -> Result<Box<dyn Buffer>> {
        let MemInfo { free, largest, total, .. } = self.memory.info();
        if bytes > free {
            let what = what.to_owned();
            return Err(Error::OutOfCardMemory { what, needed: bytes, free, largest, total });
        }
        Ok(Box::new(TestBuffer::new(&self.memory, bytes, self.knobs.clone())))
    }
    /// Every step as soon as its lane and what it waits for allow, the lanes as unevenly as they can: a dependency that
    /// a list does not state is missed in one list of two.
    fn run(&self, list: Vec<Step<'_>>) -> Result<ListRun> {
        check_order(&list)?;
        let even = self.knobs.lists.fetch_add(1, Ordering::Relaxed) % 2 == 0;
        let mut out = ListRun { cycles: vec![0; list.len()], ..ListRun::default() };
        let mut semaphores = [0; SEMAPHORES as usize];
        let (mut compute, mut stream) = (VecDeque::new(), VecDeque::new());
        for (index, step) in list.into_iter().enumerate() {
            match step.lane {
                Lane::Compute => compute.push_back((index, step)),
                Lane::Stream => stream.push_back((index, step)),
            }
        }
        let mut failed: Option<(usize, Error)> = None;
        loop {
            let lanes = if even { [&mut compute, &mut stream] } else { [&mut stream, &mut compute] };
            let ready = |(_, step): &(usize, Step<'_>)| {
                step.after.is_none_or(|mark| semaphores[usize::from(mark.semaphore)] >= mark.value)
            };
            let Some((index, step)) = lanes
                .into_iter()
                .find_map(|lane| lane.front().is_some_and(ready).then(|| lane.pop_front())?)
            else {
                break;
            };
            match self.execute(step.job, &mut out) {
                Ok(cycles) => {
                    out.cycles[index] = cycles;
                    if let Some(mark) = step.signals {
                        let value = &mut semaphores[usize::from(mark.semaphore)];
                        *value = mark.value.max(*value);
                    }
                }
                Err(error) => {
                    semaphores = [u32::MAX; SEMAPHORES as usize];
                    if failed.as_ref().is_none_or(|(first, _)| index < *first) {
                        failed = Some((index, error));
                    }
                }
            }
        }
        match failed {
            Some((_, error)) => Err(error),
            None => Ok(out),
        }
    }
}
