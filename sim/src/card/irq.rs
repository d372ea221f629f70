//! Interrupt vectors: raised by the card's thread, awaited by the driver's.

use super::locked;
use permafrost_abi::transport::TransportError;
use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

#[derive(Debug, Default)]
pub(super) struct Interrupts {
    /// Events since the last wait, one counter for each enabled vector.
    pending: Mutex<Vec<u64>>,
    changed: Condvar,
}

impl Interrupts {
    /// Enables vectors `0..vectors`, with nothing pending.
    pub fn enable(&self, vectors: u16) {
        *locked(&self.pending) = vec![0; vectors.into()];
    }

    /// An event of `vector`; dropped when the vector is not enabled, as a masked MSI-X entry's is.
    pub fn raise(&self, vector: usize) {
        if let Some(count) = locked(&self.pending).get_mut(vector) {
            *count += 1;
            self.changed.notify_all();
        }
    }

    /// Forgets pending events.
    pub fn clear(&self) {
        locked(&self.pending).fill(0);
    }

    /// Makes every waiter look again.
    pub fn wake_all(&self) {
        // Under the lock, so that no waiter is between its look and its sleep.
        let _pending = locked(&self.pending);
        self.changed.notify_all();
    }

    /// Waits for an event of `vector` or until `gone`; `true`: there was one, and all of its events are consumed.
    pub fn wait(
        &self,
        vector: u16,
        timeout: Duration,
        gone: impl Fn() -> bool,
    ) -> Result<bool, TransportError> {
        let index = usize::from(vector);
        let pending = locked(&self.pending);
        if index >= pending.len() {
            return Err(TransportError::BadVector { vector, enabled: pending.len() as u16 });
        }
        let (mut pending, _) = self
            .changed
            .wait_timeout_while(pending, timeout, |pending| {
                pending.get(index).is_some_and(|count| *count == 0) && !gone()
            })
            .unwrap_or_else(PoisonError::into_inner);
        Ok(pending.get_mut(index).is_some_and(|count| std::mem::take(count) != 0))
    }
}
