//! Queues.

use sealane_core::job::State;
use sealane_core::queue::{QueueSettings, QueueView, SealingPolicy};
use sealane_core::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::wire::Timestamp;

/// A queue's settings, as wished. What is absent takes its default.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueIn {
    /// `required` (the default), `allowed` or `forbidden`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<String>,
    /// How long a lease lasts, in milliseconds; 30000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
    /// Attempts before dead-letter; 5 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// Wait after the first failed attempt, in milliseconds; 1000 where absent. Doubles each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_base_ms: Option<u64>,
    /// Longest wait between attempts, in milliseconds; 3600000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_cap_ms: Option<u64>,
}

impl TryFrom<&QueueIn> for QueueSettings {
    type Error = Problem;

    fn try_from(queue: &QueueIn) -> Result<Self, Problem> {
        let mut settings = Self::default();
        if let Some(word) = &queue.sealing {
            settings.sealing = SealingPolicy::parse(word)
                .ok_or_else(|| Problem::invalid("sealing must be one of required, allowed, forbidden"))?;
        }
        if let Some(ms) = queue.lease_ms {
            settings.lease = Millis::new(ms);
        }
        if let Some(attempts) = queue.max_attempts {
            settings.retry.max_attempts = attempts;
        }
        if let Some(ms) = queue.retry_base_ms {
            settings.retry.base = Millis::new(ms);
        }
        if let Some(ms) = queue.retry_cap_ms {
            settings.retry.cap = Millis::new(ms);
        }
        Ok(settings)
    }
}

/// A queue as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueOut {
    /// Its name.
    pub name: String,
    /// `required`, `allowed` or `forbidden`.
    pub sealing: String,
    /// How long a lease lasts, in milliseconds.
    pub lease_ms: u64,
    /// Attempts before dead-letter.
    pub max_attempts: u32,
    /// Wait after the first failed attempt, in milliseconds.
    pub retry_base_ms: u64,
    /// Longest wait between attempts, in milliseconds.
    pub retry_cap_ms: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its jobs by state.
    pub jobs: QueueCounts,
}

/// A queue's jobs by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueCounts {
    /// Waiting for their time.
    pub delayed: u64,
    /// Waiting for a worker.
    pub ready: u64,
    /// In the hands of workers.
    pub running: u64,
    /// Waiting for their next attempt.
    pub retrying: u64,
    /// Set aside until a person looks.
    pub held: u64,
    /// In dead-letter.
    pub dead: u64,
    /// Completed since the queue was created.
    pub completed: u64,
    /// Cancelled since the queue was created, and not re-driven.
    pub cancelled: u64,
    /// Expired since the queue was created, and not re-driven.
    pub expired: u64,
}

impl From<QueueView> for QueueOut {
    fn from(queue: QueueView) -> Self {
        let of = |state| queue.counts.of(state);
        Self {
            name: queue.name.to_string(),
            sealing: queue.settings.sealing.to_string(),
            lease_ms: queue.settings.lease.get(),
            max_attempts: queue.settings.retry.max_attempts,
            retry_base_ms: queue.settings.retry.base.get(),
            retry_cap_ms: queue.settings.retry.cap.get(),
            created_at: Timestamp(queue.created_at),
            jobs: QueueCounts {
                delayed: of(State::Delayed),
                ready: of(State::Ready),
                running: of(State::Running),
                retrying: of(State::Retrying),
                held: of(State::Held),
                dead: of(State::Dead),
                completed: of(State::Completed),
                cancelled: of(State::Cancelled),
                expired: of(State::Expired),
            },
        }
    }
}

/// The queues that the caller's key opens, by name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueueList {
    /// The queues.
    pub queues: Vec<QueueOut>,
}
