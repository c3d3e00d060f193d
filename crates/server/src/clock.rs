//! What time it is, as an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sealane_core::time::{Millis, Time};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
}

/// The machine's clock: the wall clock at the start, carried on by the monotonic one. A step of the
/// wall clock moves no lease.
pub struct MonotonicClock {
    started: Instant,
    started_at: Time,
}

impl MonotonicClock {
    /// Starts from the wall clock, but not before `not_before`: time that was stored does not come again.
    pub fn start(not_before: Time) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Time::from_unix_ms(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX));
        Self { started: Instant::now(), started_at: wall.max(not_before) }
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Time {
        self.started_at
            .plus(Millis::new(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }
}
