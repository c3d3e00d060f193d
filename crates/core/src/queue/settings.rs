//! What can be set on a queue.

use super::root_ids::RootIds;
use super::run_limit::RunLimit;
use super::session::SessionSettings;
use crate::job::words;
use crate::limits;
use crate::retry::{Backoff, RetryPolicy};
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
    /// The longest run, whatever its heartbeats.
    pub max_run: Millis,
    /// How far in the future a job may be sent for.
    pub horizon: Millis,
    /// Jobs that may wait at once: blocked, delayed, ready and retrying ones.
    pub max_depth: u64,
    /// Bytes that a body may have, as stored.
    pub max_body: u32,
    /// Roots that sealed bodies may be sealed under.
    pub root_ids: RootIds,
    /// What may run of it, all together.
    pub limit: RunLimit,
    /// What may run of each fair key.
    pub limit_per_key: RunLimit,
    /// Whether and how the jobs of one session are kept in order.
    pub sessions: SessionSettings,
    /// How long a job's first answer is kept under its idempotency key.
    pub idempotency_window: Millis,
}

words! {
    /// What a queue does besides what its settings say.
    QueueMode {
        /// Takes jobs and hands them out.
        Open = "open" / 1,
        /// Takes jobs and hands none out.
        Paused = "paused" / 2,
        /// Takes no new jobs and hands out what there is.
        Draining = "draining" / 3,
    }
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            sealing: SealingPolicy::Required,
            lease: Millis::from_secs(30),
            retry: RetryPolicy::default(),
            max_run: Millis::from_secs(30 * 60),
            horizon: Millis::new(limits::DELAY_MS_MAX),
            max_depth: limits::QUEUE_DEPTH_MAX,
            max_body: limits::QUEUE_BODY_BYTES_MAX,
            root_ids: RootIds::default(),
            limit: RunLimit::default(),
            limit_per_key: RunLimit::default(),
            sessions: SessionSettings::default(),
            idempotency_window: Millis::from_secs(24 * 3_600),
        }
    }
}

/// A setting is out of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// The lease time.
    Lease,
    /// The back-off.
    Retry,
    /// The longest run.
    Run,
    /// The lease time is longer than the longest run.
    LeaseBeyondRun {
        /// The lease time.
        lease: Millis,
        /// The longest run.
        max_run: Millis,
    },
    /// The horizon.
    Horizon,
    /// The depth.
    Depth,
    /// The size of bodies.
    Body,
    /// The roots.
    RootIds,
    /// The number of attempts.
    Attempts,
    /// How long a session's holder may be idle.
    SessionIdle,
    /// The longest hold of a session.
    SessionHold,
    /// A rate.
    Rate,
    /// How many may run at once.
    Concurrency,
    /// The window of idempotency keys.
    IdempotencyWindow,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease => write!(f, "lease_ms must be {} to {}", limits::LEASE_MS_MIN, limits::LEASE_MS_MAX),
            Self::Retry => write!(
                f,
                "a back-off's base and cap must be 1 to {} ms, the base not above the cap, its jitter at most {} percent",
                limits::DELAY_MS_MAX,
                limits::RETRY_JITTER_PERCENT_MAX
            ),
            Self::Depth => write!(f, "max_depth must be 1 to {}", limits::QUEUE_DEPTH_MAX),
            Self::Body => write!(f, "max_body_bytes must be 1 to {}", limits::QUEUE_BODY_BYTES_MAX),
            Self::RootIds => write!(f, "at most {} different root_ids", limits::ROOT_IDS_MAX),
            Self::Horizon => write!(f, "horizon_ms must be at most {}", limits::HORIZON_MS_MAX),
            Self::Run => write!(f, "max_run_ms must be {} to {}", limits::LEASE_MS_MIN, limits::RUN_MS_MAX),
            Self::LeaseBeyondRun { lease, max_run } => write!(
                f,
                "lease_ms ({}) must be at most max_run_ms ({}): lower the one or raise the other",
                lease.get(),
                max_run.get()
            ),
            Self::SessionIdle => write!(
                f,
                "session_idle_ms must be {} to {}",
                limits::LEASE_MS_MIN,
                limits::SESSION_IDLE_MS_MAX
            ),
            Self::SessionHold => write!(
                f,
                "session_hold_ms must be {} to {}",
                limits::LEASE_MS_MIN,
                limits::SESSION_HOLD_MS_MAX
            ),
            Self::IdempotencyWindow => write!(
                f,
                "idempotency_window_ms must be {} to {}",
                limits::IDEMPOTENCY_WINDOW_MS_MIN,
                limits::IDEMPOTENCY_WINDOW_MS_MAX
            ),
            Self::Attempts => write!(f, "max_attempts must be 1 to {}", limits::ATTEMPTS_MAX),
            Self::Rate => write!(
                f,
                "a rate's starts and burst must be 1 to {}, its period 1 to {} ms",
                limits::RATE_STARTS_MAX,
                limits::RATE_PERIOD_MS_MAX
            ),
            Self::Concurrency => write!(f, "a concurrency must be 1 to {}", limits::CONCURRENCY_MAX),
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
        check_backoff(&self.retry.backoff)?;
        if !(limits::LEASE_MS_MIN..=limits::RUN_MS_MAX).contains(&self.max_run.get()) {
            return Err(SettingsError::Run);
        }
        if self.lease > self.max_run {
            return Err(SettingsError::LeaseBeyondRun { lease: self.lease, max_run: self.max_run });
        }
        if self.horizon.get() > limits::HORIZON_MS_MAX {
            return Err(SettingsError::Horizon);
        }
        if !(1..=limits::QUEUE_DEPTH_MAX).contains(&self.max_depth) {
            return Err(SettingsError::Depth);
        }
        if !(1..=limits::QUEUE_BODY_BYTES_MAX).contains(&self.max_body) {
            return Err(SettingsError::Body);
        }
        if !(1..=limits::ATTEMPTS_MAX).contains(&self.retry.max_attempts) {
            return Err(SettingsError::Attempts);
        }
        if !(limits::IDEMPOTENCY_WINDOW_MS_MIN..=limits::IDEMPOTENCY_WINDOW_MS_MAX)
            .contains(&self.idempotency_window.get())
        {
            return Err(SettingsError::IdempotencyWindow);
        }
        self.limit.check()?;
        self.limit_per_key.check()?;
        self.sessions.check()
    }
}

/// Refuses a back-off out of its bounds: a queue's or a job's own.
pub(super) fn check_backoff(backoff: &Backoff) -> Result<(), SettingsError> {
    let (base, cap) = (backoff.base.get(), backoff.cap.get());
    let in_order = base > 0 && base <= cap && cap <= limits::DELAY_MS_MAX;
    if in_order && backoff.jitter_percent <= limits::RETRY_JITTER_PERCENT_MAX {
        return Ok(());
    }
    Err(SettingsError::Retry)
}
