//! Attempts: how long to wait between them, and what became of them.

use sealane_core::queue::{Attempt, RunBy};
use sealane_core::retry::Backoff;
use sealane_core::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::queues::backoff_shape;
use crate::problem::Problem;
use crate::wire::Timestamp;

/// How long to wait between a job's attempts, where not as its queue says. What is absent takes its
/// default, not the queue's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryIn {
    /// How waits grow: `constant`, `linear` or `exponential` (where absent: doubled each time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<String>,
    /// Wait after the first failed attempt, in milliseconds; 1000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_ms: Option<u64>,
    /// Longest wait between attempts, in milliseconds; 3600000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_ms: Option<u64>,
    /// How far a wait is moved either way, in percent of it; 10 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_percent: Option<u8>,
}

impl TryFrom<&RetryIn> for Backoff {
    type Error = Problem;

    fn try_from(wish: &RetryIn) -> Result<Self, Problem> {
        let fixed = Self::default();
        Ok(Self {
            shape: wish.backoff.as_deref().map_or(Ok(fixed.shape), backoff_shape)?,
            base: wish.base_ms.map_or(fixed.base, Millis::new),
            cap: wish.cap_ms.map_or(fixed.cap, Millis::new),
            jitter_percent: wish.jitter_percent.unwrap_or(fixed.jitter_percent),
        })
    }
}

impl From<&Backoff> for RetryIn {
    fn from(backoff: &Backoff) -> Self {
        Self {
            backoff: Some(backoff.shape.to_string()),
            base_ms: Some(backoff.base.get()),
            cap_ms: Some(backoff.cap.get()),
            jitter_percent: Some(backoff.jitter_percent),
        }
    }
}

/// One attempt that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptOut {
    /// Its number, first = 1. One that did not count has the number of the next.
    pub attempt: u32,
    /// Who ran it.
    pub worker: String,
    /// Which of that one's workers, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Which version of its code that worker ran, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_version: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended: `completed`, `failed`, `released`, `held`, `lost` (its worker went silent), `overrun`
    /// (it ran too long) or `cancelled`.
    pub end: String,
    /// Why it failed, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What its worker calls the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Which worker ran an attempt, where it says so.
pub(super) fn instance(by: &RunBy) -> Option<String> {
    by.runner.as_ref()?.instance().map(ToString::to_string)
}

/// With which version of its code, where it says so.
pub(super) fn code_version(by: &RunBy) -> Option<String> {
    by.runner.as_ref()?.version().map(ToString::to_string)
}

impl From<&Attempt> for AttemptOut {
    fn from(attempt: &Attempt) -> Self {
        Self {
            attempt: attempt.number,
            worker: attempt.by.worker.to_string(),
            instance: instance(&attempt.by),
            code_version: code_version(&attempt.by),
            started_at: Timestamp(attempt.by.started_at),
            ended_at: Timestamp(attempt.ended_at),
            end: attempt.end.to_string(),
            category: attempt.category.map(|category| category.to_string()),
            code: attempt.code.as_ref().map(ToString::to_string),
        }
    }
}
