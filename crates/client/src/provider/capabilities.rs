//! What a provider can do and how far.

use std::time::Duration;

/// What a provider can do and how far. A client that would need more fails when it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Its name, for logs and tables.
    pub name: &'static str,
    /// Whether an accepted job survives the end of the process that accepted it.
    pub durable: bool,
    /// The longest lease.
    pub lease_max: Duration,
    /// The longest a lease request may wait for work.
    pub lease_wait_max: Duration,
    /// The longest delay before a job's first attempt.
    pub delay_max: Duration,
    /// The longest body, sealed.
    pub body_bytes_max: usize,
}
