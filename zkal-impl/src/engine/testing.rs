//! A card double for the engine's unit tests: arithmetic by arkworks, memory and failures under the test's control.
//! It stands for no hardware; tests on the simulated card are in the crate's `tests` folder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ff::{BigInt, PrimeField, Zero};
use permafrost_driver::Request;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::device::{Buffer, Device, MemInfo, MsmJob, MsmRun};
use super::point::MsmPoint;
use super::report::{Counters, Group};
use super::window::MsmLimits;
use crate::error::{Error, Result};

/// A generator from a fresh seed, and the seed for messages. `PERMAFROST_SEED` repeats a run.
pub(crate) fn rng() -> (ChaCha20Rng, u64) {
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    (ChaCha20Rng::seed_from_u64(seed), seed)
}

/// The result of one MSM as a card writes it: adder after adder its window sums. `parts[a][w]` is what adder `a` has of
/// window `w`.
pub(crate) fn result_of<P: MsmPoint>(parts: &[Vec<P>], windows: u32) -> Vec<u8> {
    let adders = parts.len() as u32;
    let shared = windows % adders;
    let sums = parts.iter().enumerate().flat_map(|(adder, sums)| {
        let own = (shared..windows).filter(move |w| (w - shared) % adders == adder as u32);
        (0..shared).chain(own).map(|w| sums[w as usize])
    });
    P::bytes(&sums.collect::<Vec<_>>()).into_owned()
}

/// Memory blocks by address.
type Memory = Arc<Mutex<BTreeMap<u64, Vec<u8>>>>;

/// The double.
pub(crate) struct TestDevice {
    memory: Memory,
    total: u64,
    next: AtomicU64,
    limits: MsmLimits,
    knobs: Arc<Knobs>,
}

/// What a test controls and observes.
#[derive(Default)]
pub(crate) struct Knobs {
    /// MSM commands fail as on a lost card.
    pub lost: AtomicBool,
    /// The lowest byte of every window sum is flipped.
    pub corrupt: AtomicBool,
    /// Bytes written to the card.
    pub written: AtomicU64,
    /// Blocks erased.
    pub erased: AtomicU64,
    /// MSMs run.
    pub runs: AtomicU64,
}

impl TestDevice {
    /// `total` bytes of memory, one adder, both groups.
    pub(crate) fn new(total: u64) -> (Box<Self>, Arc<Knobs>) {
        Self::with(total, 1, true)
    }

    pub(crate) fn with(total: u64, adders: u32, g2: bool) -> (Box<Self>, Arc<Knobs>) {
        let knobs = Arc::<Knobs>::default();
        let limits = MsmLimits { adders, min_window: 2, max_window: 13, slots: 1 << 17, g2 };
        let device = TestDevice {
            memory: Memory::default(),
            total,
            next: AtomicU64::new(4096),
            limits,
            knobs: knobs.clone(),
        };
        (Box::new(device), knobs)
    }

    fn used(&self) -> u64 {
        self.memory.lock().expect("not poisoned").values().map(|block| block.len() as u64).sum()
    }

    /// `len` bytes at an address that may lie inside a block.
    fn bytes(&self, address: u64, len: usize) -> Vec<u8> {
        let memory = self.memory.lock().expect("not poisoned");
        let (start, block) = memory.range(..=address).next_back().expect("address is allocated");
        let at = (address - start) as usize;
        block[at..at + len].to_vec()
    }
}

struct TestBuffer {
    memory: Memory,
    address: u64,
    knobs: Arc<Knobs>,
}

impl Buffer for TestBuffer {
    fn address(&self) -> u64 {
        self.address
    }
    fn is_valid(&self) -> bool {
        true
    }
    fn write(&self, bytes: &[u8]) -> Result<()> {
        self.knobs.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let mut memory = self.memory.lock().expect("not poisoned");
        memory.get_mut(&self.address).expect("block is allocated")[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
    fn read(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.copy_from_slice(&self.memory.lock().expect("not poisoned")[&self.address][..bytes.len()]);
        Ok(())
    }
    fn erase(&self) -> Result<()> {
        self.memory.lock().expect("not poisoned").get_mut(&self.address).expect("allocated").fill(0);
        self.knobs.erased.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
    fn attach(&self, request: Request) -> Request {
        request
    }
}

impl Drop for TestBuffer {
    fn drop(&mut self) {
        self.memory.lock().expect("not poisoned").remove(&self.address);
    }
}

impl Device for TestDevice {
    fn name(&self) -> &str {
        "test double"
    }
    fn limits(&self) -> MsmLimits {
        self.limits
    }
    fn memory(&self) -> MemInfo {
        let used = self.used();
        MemInfo { total: self.total, used, free: self.total - used, largest: self.total - used }
    }
    fn alloc(&self, bytes: u64, what: &str) -> Result<Box<dyn Buffer>> {
        let free = self.total - self.used();
        if bytes > free {
            let what = what.to_owned();
            return Err(Error::OutOfCardMemory {
                what,
                needed: bytes,
                free,
                largest: free,
                total: self.total,
            });
        }
        let address = self.next.fetch_add(bytes.next_multiple_of(4096) + 4096, Ordering::Relaxed);
        self.memory.lock().expect("not poisoned").insert(address, vec![0; bytes as usize]);
        Ok(Box::new(TestBuffer { memory: self.memory.clone(), address, knobs: self.knobs.clone() }))
    }
    fn msm(&self, job: &MsmJob<'_>) -> Result<MsmRun> {
        if self.knobs.lost.load(Ordering::Relaxed) {
            return Err(permafrost_driver::Error::CardLost { detail: "unplugged by the test".into() }.into());
        }
        self.knobs.runs.fetch_add(1, Ordering::Relaxed);
        match job.group {
            Group::G1 => self.compute::<G1Affine>(job),
            Group::G2 => self.compute::<G2Affine>(job),
        }
        let additions = u64::from(job.members) * u64::from(job.n) * u64::from(job.plan.windows);
        Ok(MsmRun { cycles: additions + 1, counters: Counters::default() })
    }
}

impl TestDevice {
    /// Writes the results of a job.
    fn compute<P: MsmPoint>(&self, job: &MsmJob<'_>) {
        let adders = self.limits.adders;
        let mut bytes: Vec<u8> = (0..u64::from(job.members))
            .flat_map(|member| {
                let scalars = job.scalars.address() + member * job.scalar_stride;
                let mut sums = vec![vec![P::Group::zero(); job.plan.windows as usize]; adders as usize];
                (0..job.n).for_each(|i| self.add_point::<P>(job, i, scalars, &mut sums));
                let parts: Vec<Vec<P>> = sums.iter().map(|s| P::Group::normalize_batch(s)).collect();
                result_of(&parts, job.plan.windows)
            })
            .collect();
        if self.knobs.corrupt.load(Ordering::Relaxed) {
            bytes.iter_mut().step_by(P::BYTES).for_each(|b| *b ^= 1);
        }
        self.memory.lock().expect("not poisoned").get_mut(&job.result.address()).expect("allocated")
            [..bytes.len()]
            .copy_from_slice(&bytes);
    }

    /// Adds point `i` to the window sums of the adders that the windows belong to.
    fn add_point<P: MsmPoint>(&self, job: &MsmJob<'_>, i: u32, scalars: u64, sums: &mut [Vec<P::Group>]) {
        let (c, windows, adders) = (job.plan.window_bits as usize, job.plan.windows, self.limits.adders);
        let at = job.bases.address() + job.bases_offset + u64::from(i) * P::BYTES as u64;
        let point = P::from_bytes(&self.bytes(at, P::BYTES)).expect("a point of the group");
        let raw = self.bytes(scalars + 32 * u64::from(i), 32);
        let raw = BigInt::<4>(std::array::from_fn(|i| {
            u64::from_le_bytes(raw[8 * i..8 * i + 8].try_into().expect("eight bytes"))
        }));
        let scalar = if job.montgomery { Fr::new_unchecked(raw).into_bigint() } else { raw };
        let bits = num_bigint::BigUint::from(scalar);
        assert!(bits.bits() < u64::from(job.plan.window_bits * windows), "the scalar fits its windows");
        let shared = windows % adders;
        for w in 0..windows {
            // Plain unsigned digits: the split into windows is the device's own affair.
            let digit = (&bits >> (c * w as usize)) & num_bigint::BigUint::from((1u64 << c) - 1);
            let adder = if w < shared { i % adders } else { (w - shared) % adders };
            sums[adder as usize][w as usize] += point * Fr::from(digit);
        }
    }
}
