//! Queues.

use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::queue::{
    QueueSettings, QueueView, Rate, RootId, RootIds, RunLimit, SealingPolicy, SessionMode,
};
use sealane_core::retry::BackoffShape;
use sealane_core::time::{Millis, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bulk::WorkOut;
use super::rates::StartRate;
use crate::problem::Problem;
use crate::wire::{Text, Timestamp, some_at_most};

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
    /// Wait after the first failed attempt, in milliseconds; 1000 where absent. Grows as `retry_backoff` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_base_ms: Option<u64>,
    /// Longest wait between attempts, in milliseconds; 3600000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_cap_ms: Option<u64>,
    /// How waits grow: `constant`, `linear` or `exponential` (where absent: doubled each time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_backoff: Option<String>,
    /// How far a wait is moved either way, in percent of it; 10 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_jitter_percent: Option<u8>,
    /// The longest run of a job, whatever its heartbeats, in milliseconds; 1800000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_run_ms: Option<u64>,
    /// How far in the future a job may be sent for, in milliseconds; 30 days where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_ms: Option<u64>,
    /// Jobs that may wait at once; 1000000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u64>,
    /// Bytes that a body may have, as stored (a sealed one counts sealed); 1048576 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u32>,
    /// Ids of the roots that sealed bodies may be sealed under, 32 hexadecimal digits each, at most 8; any
    /// where absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some_at_most::<_, _, { limits::ROOT_IDS_MAX }>"
    )]
    pub root_ids: Option<Vec<Text>>,
    /// Whether the jobs of one session are kept in their order: `off` (the default), `on`, or `required`
    /// (jobs without a session are refused). Turned on or off in an empty queue only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<String>,
    /// How long a session's holder may have no job of it and say nothing, in milliseconds; 60000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_idle_ms: Option<u64>,
    /// How long a session is held at most, in milliseconds, however often renewed; 3600000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_hold_ms: Option<u64>,
    /// How many jobs may start in how long; no bound where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<StartRate>,
    /// Jobs that may run at once; no bound where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How many jobs of each fair key may start in how long; no bound where absent. Jobs without a key are
    /// one key together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_key: Option<StartRate>,
    /// Jobs of each fair key that may run at once; no bound where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_per_key: Option<u32>,
    /// How long a job's first answer is kept under its idempotency key, in milliseconds; 86400000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_window_ms: Option<u64>,
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
            settings.retry.backoff.base = Millis::new(ms);
        }
        if let Some(ms) = queue.retry_cap_ms {
            settings.retry.backoff.cap = Millis::new(ms);
        }
        if let Some(word) = &queue.retry_backoff {
            settings.retry.backoff.shape = backoff_shape(word)?;
        }
        if let Some(percent) = queue.retry_jitter_percent {
            settings.retry.backoff.jitter_percent = percent;
        }
        if let Some(ms) = queue.max_run_ms {
            settings.max_run = Millis::new(ms);
        }
        if let Some(ms) = queue.horizon_ms {
            settings.horizon = Millis::new(ms);
        }
        if let Some(jobs) = queue.max_depth {
            settings.max_depth = jobs;
        }
        if let Some(bytes) = queue.max_body_bytes {
            settings.max_body = bytes;
        }
        if let Some(ids) = &queue.root_ids {
            let ids: Vec<RootId> = ids.iter().map(root_id).collect::<Result<_, _>>()?;
            settings.root_ids = RootIds::of(&ids).map_err(Problem::invalid)?;
        }
        if let Some(word) = &queue.sessions {
            settings.sessions.mode = SessionMode::parse(word)
                .ok_or_else(|| Problem::invalid("sessions must be one of off, on, required"))?;
        }
        if let Some(ms) = queue.session_idle_ms {
            settings.sessions.idle = Millis::new(ms);
        }
        if let Some(ms) = queue.session_hold_ms {
            settings.sessions.hold = Millis::new(ms);
        }
        settings.limit = RunLimit { rate: queue.rate.map(Rate::from), concurrency: queue.concurrency };
        settings.limit_per_key =
            RunLimit { rate: queue.rate_per_key.map(Rate::from), concurrency: queue.concurrency_per_key };
        if let Some(ms) = queue.idempotency_window_ms {
            settings.idempotency_window = Millis::new(ms);
        }
        Ok(settings)
    }
}

fn root_id(text: &Text) -> Result<RootId, Problem> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
    bytes.and_then(|bytes| RootId::try_from(bytes).ok()).ok_or_else(|| {
        Problem::invalid("a root id is 32 hexadecimal digits in lower case, as `keyring inspect` shows it")
    })
}

/// Reads how waits grow.
pub(super) fn backoff_shape(word: &str) -> Result<BackoffShape, Problem> {
    BackoffShape::parse(word)
        .ok_or_else(|| Problem::invalid("a back-off is one of constant, linear, exponential"))
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
    /// How waits grow: `constant`, `linear` or `exponential`.
    pub retry_backoff: String,
    /// How far a wait is moved either way, in percent of it.
    pub retry_jitter_percent: u8,
    /// The longest run of a job, whatever its heartbeats, in milliseconds.
    pub max_run_ms: u64,
    /// How far in the future a job may be sent for, in milliseconds.
    pub horizon_ms: u64,
    /// Jobs that may wait at once.
    pub max_depth: u64,
    /// Bytes that a body may have, as stored.
    #[serde(default)]
    pub max_body_bytes: u32,
    /// Ids of the roots that sealed bodies may be sealed under; any where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub root_ids: Vec<String>,
    /// How many jobs may start in how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<StartRate>,
    /// Jobs that may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How many jobs of each fair key may start in how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_key: Option<StartRate>,
    /// Jobs of each fair key that may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_per_key: Option<u32>,
    /// Fair keys that it knows of: those with jobs that have not ended, and those whose rate is not full
    /// again.
    pub fair_keys: u64,
    /// From when on the rates let the next job start, where one is ready and has to wait for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_start_at: Option<Timestamp>,
    /// How long a job's first answer is kept under its idempotency key, in milliseconds.
    pub idempotency_window_ms: u64,
    /// `open`, `paused` (takes jobs and hands none out) or `draining` (hands out and takes no new ones).
    pub mode: String,
    /// Whether the jobs of one session are kept in their order: `off`, `on` or `required`.
    #[serde(default)]
    pub sessions: String,
    /// How long a session's holder may have no job of it and say nothing, in milliseconds.
    #[serde(default)]
    pub session_idle_ms: u64,
    /// How long a session is held at most, in milliseconds, however often renewed.
    #[serde(default)]
    pub session_hold_ms: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Jobs that died in the last hour, to the minute, whatever became of them since.
    #[serde(default)]
    pub died_last_hour: u64,
    /// Bulk work on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkOut>,
    /// Its jobs by state.
    pub jobs: QueueCounts,
    /// Its sessions.
    #[serde(default)]
    pub session_counts: QueueSessions,
}

/// A queue's sessions by what there is of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueSessions {
    /// Those with jobs in line, a holder, or something remembered.
    pub all: u64,
    /// Those that somebody holds.
    pub held: u64,
    /// Those that remember something.
    pub with_state: u64,
}

/// A queue's jobs by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueCounts {
    /// Waiting for other jobs.
    #[serde(default)]
    pub blocked: u64,
    /// Waiting for their time.
    pub delayed: u64,
    /// Waiting for a worker.
    pub ready: u64,
    /// In the hands of workers.
    pub running: u64,
    /// Waiting for their next attempt.
    pub retrying: u64,
    /// All that wait: blocked, delayed, ready and retrying ones.
    #[serde(default)]
    pub waiting: u64,
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

impl QueueOut {
    /// A queue as it stands now.
    pub fn show(queue: &QueueView, now: Time) -> Self {
        let of = |state| queue.counts.of(state);
        Self {
            name: queue.name.to_string(),
            sealing: queue.settings.sealing.to_string(),
            lease_ms: queue.settings.lease.get(),
            max_attempts: queue.settings.retry.max_attempts,
            retry_base_ms: queue.settings.retry.backoff.base.get(),
            retry_cap_ms: queue.settings.retry.backoff.cap.get(),
            retry_backoff: queue.settings.retry.backoff.shape.to_string(),
            retry_jitter_percent: queue.settings.retry.backoff.jitter_percent,
            max_run_ms: queue.settings.max_run.get(),
            horizon_ms: queue.settings.horizon.get(),
            max_depth: queue.settings.max_depth,
            max_body_bytes: queue.settings.max_body,
            root_ids: queue
                .settings
                .root_ids
                .as_slice()
                .iter()
                .map(|id| data_encoding::HEXLOWER.encode(id))
                .collect(),
            rate: queue.settings.limit.rate.map(StartRate::from),
            concurrency: queue.settings.limit.concurrency,
            rate_per_key: queue.settings.limit_per_key.rate.map(StartRate::from),
            concurrency_per_key: queue.settings.limit_per_key.concurrency,
            fair_keys: u64::try_from(queue.fair_keys).unwrap_or(u64::MAX),
            next_start_at: queue.opens_at.map(Timestamp),
            idempotency_window_ms: queue.settings.idempotency_window.get(),
            mode: queue.mode.to_string(),
            sessions: queue.settings.sessions.mode.to_string(),
            session_idle_ms: queue.settings.sessions.idle.get(),
            session_hold_ms: queue.settings.sessions.hold.get(),
            created_at: Timestamp(queue.created_at),
            session_counts: QueueSessions {
                all: queue.sessions.sessions,
                held: queue.sessions.held,
                with_state: queue.sessions.with_state,
            },
            died_last_hour: queue.deaths.within_an_hour(now),
            work: queue.work.as_ref().map(WorkOut::from),
            jobs: QueueCounts {
                blocked: of(State::Blocked),
                delayed: of(State::Delayed),
                ready: of(State::Ready),
                running: of(State::Running),
                retrying: of(State::Retrying),
                waiting: queue.counts.waiting(),
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
