//! A card double for the engine's unit tests: arithmetic by arkworks, memory and failures under the test's control.
//! It stands for no hardware; tests on the simulated card are in the crate's `tests` folder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField, UniformRand, Zero};
use permafrost_driver::Request;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::device::{Buffer, Device, MemInfo, MsmJob, MsmRun};
use super::report::Counters;
use super::window::MsmLimits;
use crate::error::{Error, Result};

/// A generator from a fresh seed, and the seed for messages. `PERMAFROST_SEED` repeats a run.
pub(crate) fn rng() -> (ChaCha20Rng, u64) {
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    (ChaCha20Rng::seed_from_u64(seed), seed)
}

/// A window sum as a card writes it: homogeneous projective with a random Z.
pub(crate) fn sum_bytes(point: &G1Projective, rng: &mut impl RngCore) -> [u8; 128] {
    let (x, y, z) = if point.is_zero() {
        (Fq::ZERO, Fq::ONE, Fq::ZERO)
    } else {
        let affine = point.into_affine();
        let z = Fq::rand(rng);
        (affine.x * z, affine.y * z, z)
    };
    let mut bytes = [0; 128];
    for (slot, limb) in bytes.chunks_exact_mut(8).zip([x, y, z].iter().flat_map(|f| f.0 .0)) {
        slot.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}

/// Memory blocks by address.
type Memory = Arc<Mutex<BTreeMap<u64, Vec<u8>>>>;

/// The double.
pub(crate) struct TestDevice {
    memory: Memory,
    total: u64,
    next: AtomicU64,
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
    pub(crate) fn new(total: u64) -> (Box<Self>, Arc<Knobs>) {
        let knobs = Arc::<Knobs>::default();
        let device =
            TestDevice { memory: Memory::default(), total, next: AtomicU64::new(4096), knobs: knobs.clone() };
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
        MsmLimits { adders: 1, min_window: 2, max_window: 13, slots: 1 << 17 }
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
        let (c, windows) = (job.plan.window_bits as usize, job.plan.windows as usize);
        let limbs = |bytes: &[u8]| {
            BigInt::<4>(std::array::from_fn(|i| {
                u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight bytes"))
            }))
        };
        let mut sums = vec![G1Projective::zero(); windows];
        for i in 0..u64::from(job.n) {
            let p = self.bytes(job.bases.address() + job.bases_offset + 64 * i, 64);
            let (x, y) = (Fq::new_unchecked(limbs(&p[..32])), Fq::new_unchecked(limbs(&p[32..])));
            let point =
                if x.is_zero() && y.is_zero() { G1Affine::identity() } else { G1Affine::new_unchecked(x, y) };
            let raw = limbs(&self.bytes(job.scalars.address() + 32 * i, 32));
            let scalar = if job.montgomery { Fr::new_unchecked(raw).into_bigint() } else { raw };
            let bits = num_bigint::BigUint::from(scalar);
            for (w, sum) in sums.iter_mut().enumerate() {
                // Plain unsigned digits: the split into windows is the device's own affair.
                let digit = (&bits >> (c * w)) & num_bigint::BigUint::from((1u64 << c) - 1);
                *sum += point * Fr::from(digit);
            }
        }
        let mut rng = ChaCha20Rng::seed_from_u64(rand::thread_rng().gen());
        let mut bytes: Vec<u8> = sums.iter().flat_map(|sum| sum_bytes(sum, &mut rng)).collect();
        if self.knobs.corrupt.load(Ordering::Relaxed) {
            bytes.iter_mut().step_by(128).for_each(|b| *b ^= 1);
        }
        self.memory.lock().expect("not poisoned").get_mut(&job.result.address()).expect("allocated")
            [..bytes.len()]
            .copy_from_slice(&bytes);
        Ok(MsmRun { cycles: u64::from(job.n) * windows as u64 + 1, counters: Counters::default() })
    }
}
