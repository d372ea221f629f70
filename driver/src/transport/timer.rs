//! The time that is left of a wait.

use rustix::event::Timespec;
use std::time::{Duration, Instant};

/// The end of a wait; `None`: so far away that it cannot be stated, and never comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer(Option<Instant>);

impl Timer {
    /// `timeout` from now.
    pub fn new(timeout: Duration) -> Self {
        Self(Instant::now().checked_add(timeout))
    }

    /// What is left, 0 once it is over.
    pub fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }

    /// The same for `poll`; `None`: without end.
    pub fn limit(self) -> Option<Timespec> {
        self.0?;
        let left = self.left();
        let tv_sec = left.as_secs().try_into().unwrap_or(i64::MAX);
        Some(Timespec { tv_sec, tv_nsec: left.subsec_nanos().into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_length() {
        assert_eq!(Timer::new(Duration::ZERO).limit(), Some(Timespec { tv_sec: 0, tv_nsec: 0 }));
        let minute = Timer::new(Duration::from_secs(60));
        assert!(minute.left() <= Duration::from_secs(60) && minute.left() > Duration::from_secs(30));
        assert!(minute.limit().is_some_and(|limit| limit.tv_sec >= 30));
        let ever = Timer::new(Duration::MAX);
        assert_eq!((ever.left(), ever.limit()), (Duration::MAX, None));
    }
}
