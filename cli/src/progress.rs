//! Progress on a terminal; nothing in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner with the name of the stage, on standard error. Hidden when standard error is not a terminal.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn start(stage: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(stage.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// A bar of `total` cycles.
    pub fn cycles(stage: impl Into<String>, total: u64) -> Self {
        let bar = ProgressBar::new(total);
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} cycles ({elapsed}, {eta} left)")
        {
            bar.set_style(style);
        }
        bar.set_message(stage.into());
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    /// How many are done.
    pub fn done(&self, cycles: u64) {
        self.0.set_position(cycles);
    }

    pub fn stage(&self, stage: impl Into<String>) {
        self.0.set_message(stage.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
