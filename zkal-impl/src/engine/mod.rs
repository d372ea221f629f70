//! The engine: multi-scalar multiplication, transforms and vector arithmetic on a card, base sets and vectors in card
//! memory, and the record of what ran where.

mod bases;
mod cache;
mod card;
mod device;
mod fallback;
mod finish;
mod job;
mod msm;
pub(crate) mod ntt;
#[allow(unsafe_code)]
mod point;
mod policy;
mod precompute;
mod report;
mod resident;
#[allow(unsafe_code)]
mod scalars;
mod secret;
mod sequence;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod vector;
mod whole;
mod window;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use permafrost_driver::Card;

pub use bases::BaseSet;
pub(crate) use device::{Buffer, ListRun};
pub use device::{MemInfo, NttLimits};
pub use msm::MsmOutcome;
pub use ntt::{NttAccel, Order, Transform};
pub use point::MsmPoint;
pub use policy::{CpuReason, Fallback, Policy, Unsupported};
pub use precompute::MAX_PRECOMPUTE;
pub use report::{CardRun, Counters, Group, Op, Operation, Place, Report, StreamRun};
pub(crate) use resident::ResidentMsm;
pub use scalars::Scalars;
pub(crate) use scalars::SCALAR_BYTES;
pub(crate) use secret::Secret;
pub use vector::{DeviceIndices, DeviceVec, Operand, Terms, VectorOutcome};
pub use whole::{Traffic, Whole};
pub use window::{bound, plan, MsmLimits, WindowPlan, SCALAR_BITS};

use crate::error::{Error, Result};
use bases::Residence;
use cache::{BaseCache, Key};
use device::Device;
pub(crate) use job::{At, Job, Lane, Mark, NttJob, Step, VectorJob};
use report::Log;

/// Multi-scalar multiplications, transforms ([`NttAccel`]) and vector arithmetic on one card. Clones share the card, the cache and the log; all methods may be called
/// from several threads (the card runs one operation of an engine at a time).
///
/// Keep to one engine a card and clone it: two engines on one card compute correctly, but their commands wait for each
/// other and the card's counters, hence the figures in the reports, mix.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    /// Window width to use instead of the best.
    window: Option<u32>,
}

struct Shared {
    /// Tells base sets of different engines apart.
    id: u64,
    device: Box<dyn Device>,
    policy: Policy,
    cache: Mutex<BaseCache>,
    log: Mutex<Log>,
    /// Bytes of card memory that vectors hold.
    resident: AtomicU64,
    /// Held while an operation has its scalars and results in card memory, so that those of several threads do not
    /// take each other's room. Taken before `cache` where both are.
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
        point::self_test()?;
        scalars::self_test()?;
        Ok(Engine {
            window: None,
            shared: Arc::new(Shared {
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
                device,
                policy,
                cache: Mutex::default(),
                log: Mutex::default(),
                resident: AtomicU64::new(0),
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

    /// Whether the card has an engine for MSMs in `group`.
    pub fn has(&self, group: Group) -> bool {
        group == Group::G1 || self.limits().g2
    }

    /// This engine with windows of `bits` bits, whatever the best width is: for measurements and tests. MSMs for which the
    /// card does not take that width end with [`Error::Window`].
    #[must_use]
    pub fn with_window(&self, bits: u32) -> Self {
        Engine { window: Some(bits), ..self.clone() }
    }

    /// Uploads points for repeated use, 64 bytes each in card memory for G1, 128 for G2. Cached slices are evicted when
    /// room is needed. A copy stays on the host only if the policy may need it ([`Policy::msm`]). Points of G2 stay
    /// altogether when the card has no G2 engine and [`Policy::g2`] lets the CPU do its work.
    ///
    /// # Errors
    /// [`Error::OutOfCardMemory`] when the card cannot hold them, [`Error::Driver`] when the transfer fails; under
    /// [`Fallback::Any`] neither is an error, and MSMs over the set run on the CPU with that reason in the report.
    /// [`Error::NotOnCard`] for G2 when neither card nor policy provide for it.
    pub fn upload_bases<P: MsmPoint>(&self, points: &[P]) -> Result<BaseSet<P>> {
        self.upload(points, 1, || Arc::from(points))
    }

    /// Like [`upload_bases`](Self::upload_bases) for points that are shared already: the host copy is that one.
    ///
    /// # Errors
    /// As [`upload_bases`](Self::upload_bases).
    pub fn upload_shared<P: MsmPoint>(&self, points: &Arc<[P]>) -> Result<BaseSet<P>> {
        self.upload(points, 1, || points.clone())
    }

    /// Like [`upload_bases`](Self::upload_bases) with `factor` multiples of each point, P, 2^k·P, 2^2k·P, … with
    /// k = ceil(254 / factor), computed here: MSMs over the set have a `factor`th of the windows, hence of the buckets to
    /// sum up, for `factor` times the card memory. It pays for sets that are used often; the result is the same.
    ///
    /// # Errors
    /// As [`upload_bases`](Self::upload_bases); [`Error::Precompute`] for a factor that is not 1 to [`MAX_PRECOMPUTE`].
    pub fn upload_precomputed<P: MsmPoint>(&self, points: &[P], factor: u32) -> Result<BaseSet<P>> {
        precompute::check(factor)?;
        self.upload(points, factor, || Arc::from(points))
    }

    /// Whether a set of `points` points with `factor` multiples each fits card memory as it is, cached slices kept:
    /// before the points are made.
    ///
    /// # Errors
    /// [`Error::OutOfCardMemory`] if not; [`Error::Precompute`].
    pub fn room_for<P: MsmPoint>(&self, points: usize, factor: u32) -> Result<()> {
        precompute::check(factor)?;
        let needed = (points as u64).saturating_mul(u64::from(factor) * P::BYTES as u64);
        let MemInfo { total, free, largest, .. } = self.mem_info();
        match needed <= largest {
            true => Ok(()),
            false => {
                let what = set_of::<P>(points, factor);
                Err(Error::OutOfCardMemory { what, needed, free, largest, total })
            }
        }
    }

    fn upload<P: MsmPoint>(
        &self,
        points: &[P],
        factor: u32,
        share: impl Fn() -> Arc<[P]>,
    ) -> Result<BaseSet<P>> {
        let policy = self.policy().msm;
        let residence = if let Some(why) = self.without_engine(P::GROUP)? {
            Residence::Host { points: share(), why }
        } else {
            match self.upload_to_card(points, factor) {
                Ok(buffer) => {
                    Residence::Card { buffer: buffer.into(), copy: (policy != Fallback::Never).then(share) }
                }
                Err(error) if policy.on_error() && error.is_card_failure() => {
                    tracing::warn!(points = points.len(), %error, "bases stay on the host");
                    Residence::Host { points: share(), why: CpuReason::CardFailed(error.to_string()) }
                }
                Err(error) => return Err(error),
            }
        };
        Ok(BaseSet::new(self.shared.id, points, factor, residence))
    }

    fn upload_to_card<P: MsmPoint>(&self, points: &[P], factor: u32) -> Result<Box<dyn Buffer>> {
        let stored = points.len() * factor as usize;
        let buffer = self.alloc(stored * P::BYTES, || set_of::<P>(points.len(), factor))?;
        let multiples = (factor > 1).then(|| precompute::multiples(points, factor));
        let bytes = P::bytes(multiples.as_deref().unwrap_or(points));
        let job = Job::Upload { to: At::start(&*buffer), bytes: &bytes };
        self.shared.device.run(vec![Step::new(Lane::Stream, "bases", job)])?;
        Ok(buffer)
    }

    /// Why MSMs in `group` run on the CPU, if the card has no engine for them.
    ///
    /// # Errors
    /// [`Error::NotOnCard`] when the policy forbids that.
    fn without_engine(&self, group: Group) -> Result<Option<CpuReason>> {
        if self.has(group) {
            return Ok(None);
        }
        self.allow_cpu(self.policy().g2, "G2 multi-scalar multiplication")?;
        Ok(Some(CpuReason::NoEngine))
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
    fn cached<P: MsmPoint>(&self, points: &[P]) -> Result<Arc<dyn Buffer>> {
        let key = Key::of(points.len(), &P::bytes(points));
        if let Some(buffer) = lock(&self.shared.cache).get(&key) {
            return Ok(buffer);
        }
        let buffer: Arc<dyn Buffer> = self.upload_to_card(points, 1)?.into();
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

/// A base set, for error messages.
fn set_of<P: MsmPoint>(points: usize, factor: u32) -> String {
    match factor {
        1 => format!("{points} base points of {}", P::GROUP),
        _ => format!("{points} base points of {}, {factor} multiples each", P::GROUP),
    }
}
