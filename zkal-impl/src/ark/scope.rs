//! Which engine an operation uses, and how its error gets past arkworks' signatures.

use std::cell::RefCell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::{PoisonError, RwLock};

use crate::engine::Engine;
use crate::error::{Error, Result};

thread_local! {
    /// Engines of the `with_engine` calls of this thread, innermost last.
    static SCOPES: RefCell<Vec<Engine>> = const { RefCell::new(Vec::new()) };
}

/// The engine of the whole process.
static INSTALLED: RwLock<Option<Engine>> = RwLock::new(None);

/// An error on its way from an operation to [`with_engine`].
struct Escape(Error);

/// Runs `work`; MSMs and transforms that it makes on this thread use `engine`. One that fails ends `work` at once, and its error is
/// returned: no value computed without it gets out. (The way out is unwinding, so `work`'s destructors run; a
/// program built with `panic = "abort"` ends instead.)
///
/// Those that `work` makes on *other* threads do not see this engine; for those use [`install`].
///
/// # Errors
/// The error of the first operation that failed under the engine's policy.
pub fn with_engine<T>(engine: &Engine, work: impl FnOnce() -> T) -> Result<T> {
    struct Scope;
    impl Drop for Scope {
        fn drop(&mut self) {
            SCOPES.with_borrow_mut(Vec::pop);
        }
    }
    SCOPES.with_borrow_mut(|scopes| scopes.push(engine.clone()));
    let scope = Scope;
    let result = catch_unwind(AssertUnwindSafe(work));
    drop(scope);
    result.map_err(|panic| match panic.downcast::<Escape>() {
        Ok(escape) => escape.0,
        Err(other) => resume_unwind(other),
    })
}

/// Makes `engine` the one that all threads use outside [`with_engine`], until the returned value is dropped; then the
/// engine before it is in force again. Drop several in the reverse order of their making.
///
/// A failing operation unwinds (panics) through arkworks; [`with_engine`] turns that into an error.
pub fn install(engine: Engine) -> Installed {
    let mut current = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
    Installed { before: current.replace(engine) }
}

/// Keeps an engine installed; see [`install`].
#[must_use = "dropping this uninstalls the engine"]
pub struct Installed {
    before: Option<Engine>,
}

impl Drop for Installed {
    fn drop(&mut self) {
        *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = self.before.take();
    }
}

/// Runs one operation on the engine in force.
///
/// # Panics
/// When there is none, and, outside [`with_engine`], when the operation fails.
pub(super) fn on_engine<T>(operation: impl FnOnce(&Engine) -> Result<T>) -> T {
    let scoped = SCOPES.with_borrow(|scopes| scopes.last().cloned());
    let in_scope = scoped.is_some();
    let engine = scoped.or_else(|| INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone());
    let Some(engine) = engine else {
        panic!(
            "permafrost has no engine on this thread: wrap the call in permafrost_zkal::ark::with_engine, or call \
             permafrost_zkal::ark::install first"
        );
    };
    match operation(&engine) {
        Ok(value) => value,
        // Without the panic hook: `with_engine` reports it.
        Err(error) if in_scope => resume_unwind(Box::new(Escape(error))),
        Err(error) => panic!("an operation on {} failed: {error}", engine.name()),
    }
}
