//! The server's clock. It follows the runtime's timers, which stand still until everybody waits.

use std::sync::Arc;

use sealane_core::time::{Millis, Time};
use sealane_server::clock::Clock;
use tokio::time::Instant;

/// What the wall clocks show when a run begins.
pub(crate) const WALL_MS: u64 = 1_800_000_000_000;

/// A clock that shows `at_start` when it is made.
struct HostClock {
    began: Instant,
    at_start: Time,
}

impl Clock for HostClock {
    fn now(&self) -> Time {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at_start.plus(Millis::new(since))
    }
}

/// The clock of a start at this moment of the run, behind by so much, and not before `not_before`: as the
/// product's own.
pub(super) fn start(run_ms: u64, behind_ms: u64, not_before: Time) -> Arc<dyn Clock> {
    let wall = Time::from_unix_ms(WALL_MS + run_ms - behind_ms);
    Arc::new(HostClock { began: Instant::now(), at_start: wall.max(not_before) })
}
