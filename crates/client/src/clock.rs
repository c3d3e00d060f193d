//! What time it is, as an argument: ids and sealed bodies are dated with it.

pub use sealane_envelope::{Clock, SystemClock};

use tokio::time::Instant;

/// A clock that follows the runtime's timers. Where a test pauses the runtime, time moves for
/// sleeping tasks and for whoever asks this clock together.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeClock {
    began: Instant,
    began_ms: u64,
}

impl RuntimeClock {
    /// A clock that stands at `unix_ms` now. Must be called inside a runtime.
    #[must_use]
    pub fn starting_at(unix_ms: u64) -> Self {
        Self { began: Instant::now(), began_ms: unix_ms }
    }
}

impl Clock for RuntimeClock {
    fn now_ms(&self) -> u64 {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.began_ms.saturating_add(since)
    }
}
