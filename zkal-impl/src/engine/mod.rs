//! The engine: multi-scalar multiplication on a card, base sets in card memory, and the record of what ran where.

mod bases;
mod cache;
mod card;
mod device;
mod finish;
mod layout;
mod msm;
mod policy;
mod report;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod window;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ark_bn254::G1Affine;
use permafrost_driver::Card;

pub use bases::BaseSet;
pub use device::MemInfo;
pub use layout::Scalars;
pub use msm::MsmOutcome;
pub use policy::{CpuReason, Fallback, Policy, Unsupported};
pub use report::{CardRun, Counters, Group, Op, Operation, Place, Report};
pub use window::{bound, plan, MsmLimits, WindowPlan, SCALAR_BITS};

use crate::error::{Error, Result};
use bases::Residence;
use cache::{BaseCache, Key};
use device::{Buffer, Device};
use layout::POINT_BYTES;
use report::Log;

/// Multi-scalar multiplication on one card. Clones share the card, the cache and the log; all methods may be called
/// from several threads (the card runs one MSM of an engine at a time).
///
/// Keep to one engine a card and clone it: two engines on one card compute correctly, but their commands wait for each
/// other and the card's counters, hence the figures in the reports, mix.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    /// Tells base sets of different engines apart.
    id: u64,
    device: Box<dyn Device>,
    policy: Policy,
    cache: Mutex<BaseCache>,
    log: Mutex<Log>,
    /// Held while data moves or a command runs, so that the counters' differences belong to that command. Taken before
    /// `cache` where both are.
    running: Mutex<()>,
}

/// The data behind these locks stays consistent when a holder panics: each is changed by single pushes and takes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine on an open card.
    ///
    /// # Errors
    /// [`Error::NoMsmEngine`] when the card has no G1 MSM engine, [`Error::Layout`] when this build's memory layout
    /// is not the card's.
    pub fn new(card: Card, policy: Policy) -> Result<Self> {
        Self::on_device(Box::new(card::CardDevice::new(card)?), policy)
    }

    pub(crate) fn on_device(device: Box<dyn Device>, policy: Policy) -> Result<Self> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        layout::self_test()?;
        Ok(Engine {
            shared: Arc::new(Shared {
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
                device,
                policy,
                cache: Mutex::default(),
                log: Mutex::default(),
                running: Mutex::default(),
            }),
        })
    }

    /// Name of the card.
    pub fn name(&self) -> &str {
        self.shared.device.name()
    }

    /// The policy in force.
    pub fn policy(&self) -> Policy {
        self.shared.policy
    }

    /// Limits of the card's MSM engine.
    pub fn limits(&self) -> MsmLimits {
        self.shared.device.limits()
    }

    /// Card memory: base sets, cached slices and the operations under way.
    pub fn mem_info(&self) -> MemInfo {
        self.shared.device.memory()
    }

    /// Takes the operations logged since the last call. The log keeps the most recent 4096.
    pub fn take_report(&self) -> Report {
        lock(&self.shared.log).take()
    }

    /// Drops all slices that [`msm_slice`](Self::msm_slice) keeps in card memory.
    pub fn clear_cache(&self) {
        lock(&self.shared.cache).clear();
    }

    /// Number of slices that [`msm_slice`](Self::msm_slice) keeps in card memory.
    pub fn cached_slices(&self) -> usize {
        lock(&self.shared.cache).len()
    }

    /// Uploads points (64 bytes each in card memory) for repeated use. Cached slices are evicted when room is needed. A
    /// copy stays on the host only if the policy may need it ([`Policy::g1`]).
    ///
    /// # Errors
    /// [`Error::OutOfCardMemory`] when the card cannot hold them, [`Error::Driver`] when the transfer fails; under
    /// [`Fallback::Any`] neither is an error, and MSMs over the set run on the CPU with that reason in the report.
    pub fn upload_bases(&self, points: &[G1Affine]) -> Result<BaseSet> {
        self.upload(points, || Arc::from(points))
    }

    /// Like [`upload_bases`](Self::upload_bases) for points that are shared already: the host copy is that one.
    ///
    /// # Errors
    /// As [`upload_bases`](Self::upload_bases).
    pub fn upload_shared(&self, points: &Arc<[G1Affine]>) -> Result<BaseSet> {
        self.upload(points, || points.clone())
    }

    fn upload(&self, points: &[G1Affine], share: impl Fn() -> Arc<[G1Affine]>) -> Result<BaseSet> {
        let policy = self.policy().g1;
        let residence = match self.upload_to_card(points) {
            Ok(buffer) => {
                Residence::Card { buffer: buffer.into(), copy: (policy != Fallback::Never).then(share) }
            }
            Err(error) if policy.on_error() && error.is_card_failure() => {
                tracing::warn!(points = points.len(), %error, "bases stay on the host");
                Residence::Host { points: share(), why: error.to_string() }
            }
            Err(error) => return Err(error),
        };
        Ok(BaseSet::new(self.shared.id, points, residence))
    }

    fn upload_to_card(&self, points: &[G1Affine]) -> Result<Box<dyn Buffer>> {
        let buffer = self.alloc(points.len() * POINT_BYTES, || format!("{} base points", points.len()))?;
        let _running = lock(&self.shared.running);
        buffer.write(&layout::point_bytes(points))?;
        Ok(buffer)
    }

    /// Allocates card memory, evicting cached slices, least recently used first, until there is room.
    fn alloc(&self, bytes: usize, what: impl Fn() -> String) -> Result<Box<dyn Buffer>> {
        loop {
            match self.shared.device.alloc(bytes as u64, &what()) {
                Err(Error::OutOfCardMemory { .. }) if lock(&self.shared.cache).evict() => continue,
                result => return result,
            }
        }
    }

    /// The cached upload of these points, made if it is not there.
    fn cached(&self, points: &[G1Affine]) -> Result<Arc<dyn Buffer>> {
        let key = Key::of(points.len(), &layout::point_bytes(points));
        if let Some(buffer) = lock(&self.shared.cache).get(&key) {
            return Ok(buffer);
        }
        let buffer: Arc<dyn Buffer> = self.upload_to_card(points)?.into();
        lock(&self.shared.cache).insert(key, buffer.clone());
        Ok(buffer)
    }

    /// Checks that the policy lets the CPU do what the card has no engine for.
    ///
    /// # Errors
    /// [`Error::NotOnCard`] when it does not.
    pub(crate) fn allow_cpu(&self, choice: Unsupported, op: &'static str) -> Result<()> {
        match choice {
            Unsupported::Cpu => Ok(()),
            Unsupported::Refuse => Err(Error::NotOnCard { op }),
        }
    }

    pub(crate) fn log(&self, operation: &Operation) {
        lock(&self.shared.log).push(operation.clone());
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("card", &self.name()).field("policy", &self.policy()).finish()
    }
}
