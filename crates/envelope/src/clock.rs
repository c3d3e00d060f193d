//! The one thing sealing needs of time: the wall clock, handed in.

use std::time::{SystemTime, UNIX_EPOCH};

/// A wall clock. Bodies are dated with it when sealed and judged by it when opened.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        // Why zero for a clock before 1970: everything then seems to come from the future and is
        // refused, which is the safe side.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
    }
}
