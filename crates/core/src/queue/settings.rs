//! What can be set on a queue.

use crate::job::words;
use crate::limits;
use crate::retry::RetryPolicy;
use crate::time::Millis;
use std::fmt;

words! {
    /// Whether bodies must, may or must not be sealed.
    SealingPolicy {
        /// Only sealed bodies are taken. The default.
        Required = "required" / 1,
        /// Sealed and plain bodies are taken.
        Allowed = "allowed" / 2,
        /// Only plain bodies are taken.
        Forbidden = "forbidden" / 3,
    }
}

/// A queue's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Whether bodies must be sealed.
    pub sealing: SealingPolicy,
    /// How long a lease lasts when the worker does not say.
    pub lease: Millis,
    /// When failed jobs are tried again.
    pub retry: RetryPolicy,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { sealing: SealingPolicy::Required, lease: Millis::from_secs(30), retry: RetryPolicy::default() }
    }
}

/// A setting is out of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// The lease time.
    Lease,
    /// The retry base or cap.
    Retry,
    /// The number of attempts.
    Attempts,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease => write!(f, "lease_ms must be {} to {}", limits::LEASE_MS_MIN, limits::LEASE_MS_MAX),
            Self::Retry => write!(
                f,
                "retry_base_ms and retry_cap_ms must be 1 to {}, the base not above the cap",
                limits::DELAY_MS_MAX
            ),
            Self::Attempts => write!(f, "max_attempts must be 1 to {}", limits::ATTEMPTS_MAX),
        }
    }
}

impl std::error::Error for SettingsError {}

impl QueueSettings {
    /// Refuses settings out of their bounds.
    pub fn check(&self) -> Result<(), SettingsError> {
        if !(limits::LEASE_MS_MIN..=limits::LEASE_MS_MAX).contains(&self.lease.get()) {
            return Err(SettingsError::Lease);
        }
        let (base, cap) = (self.retry.base.get(), self.retry.cap.get());
        if base == 0 || base > cap || cap > limits::DELAY_MS_MAX {
            return Err(SettingsError::Retry);
        }
        if !(1..=limits::ATTEMPTS_MAX).contains(&self.retry.max_attempts) {
            return Err(SettingsError::Attempts);
        }
        Ok(())
    }
}
