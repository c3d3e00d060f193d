//! Jobs as they are sent and as they are shown.

use std::borrow::Cow;
use std::sync::Arc;

use sealane_core::id::JobId;
use sealane_core::job::{JobInput, Priority};
use sealane_core::limits;
use sealane_core::name::{AttributeName, ContentType, CorrelationId, FairKey, Kind, SessionId, Subject, Tag};
use sealane_core::queue::{JobOptions, Lifetime, Start};
use sealane_core::retry::Backoff;
use sealane_core::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attempts::{AttemptOut, RetryIn};
use super::keys::{SentKey, SentUnique, UniqueIn, sent_key, sent_unique};
use super::links::DependenciesOut;
use super::reports::{CheckpointOut, LogOut, ProgressOut};
use super::schedules::FiringOut;
use crate::problem::{Code, ItemError, Problem};
use crate::wire::{Bytes, Id, StringMap, Text, Timestamp, at_most};

/// A job to send.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobIn {
    /// A UUIDv7. Sending the same job again under the same id is harmless. Required for a sealed body,
    /// which is bound to it; made by the server where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What sort of job it is.
    pub kind: Text,
    /// The payload, at most 1 MiB.
    pub body: Bytes,
    /// Media type of the payload; `application/vnd.sealane.qre2` says that it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<Text>,
    /// Attributes in the clear.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub attributes: StringMap,
    /// Ordering key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    /// Ties jobs of one business event together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Text>,
    /// Whose data it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Text>,
    /// Search words.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "at_most::<_, _, { limits::TAGS_MAX }>"
    )]
    pub tags: Vec<Text>,
    /// `critical`, `high`, `normal`, `low` or `bulk`; `normal` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "priority_word")]
    pub priority: Option<String>,
    /// Wait before the first attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Not before this time (RFC 3339), instead of `delay_ms`; a time in the past means at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Timestamp>,
    /// How long the job is worth anything, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Up to when the job is worth anything (RFC 3339), instead of `ttl_ms`. It must lie ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Attempts before dead-letter; as the queue says where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// How long to wait between attempts; as the queue says where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryIn>,
    /// Whose turn it is when the job is next, as a tenant or customer: keys of one queue and class take turns,
    /// and a queue's limits per key count by it. Only a token of it is kept. At most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fair_key: Option<Text>,
    /// A repeat under the same key is answered as the first request was, for the queue's window; also
    /// as the `Idempotency-Key` header. Its sender's own, in this queue. At most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Text>,
    /// What a sealed body is told from others by, 16 bytes; needed with an idempotency key, since two
    /// seals of one body differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_fingerprint: Option<Bytes>,
    /// Refuses or merges it while another job with the same key is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<UniqueIn>,
    /// Run after all of these jobs, at most 1000 together with `after_any`.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "at_most::<_, _, { limits::FLOW_BREADTH_MAX }>"
    )]
    pub after: Vec<Id>,
    /// Run after at least one of these jobs.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "at_most::<_, _, { limits::FLOW_BREADTH_MAX }>"
    )]
    pub after_any: Vec<Id>,
    /// What happens when one of them ends otherwise than completed: `fail` (the default) sends this one to
    /// dead-letter, `cancel` cancels it, `run` runs it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
    /// The job that this one repeats: one that has ended and that the sender may see. Its fair key is this one's as
    /// well, where none is given. A sealed body names the same job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_of: Option<Id>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_empty(map: &StringMap) -> bool {
    map.0.is_empty()
}

fn priority_word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    if word.as_deref().is_none_or(|word| Priority::parse(word).is_some()) {
        return Ok(word);
    }
    Err(serde::de::Error::custom("priority must be one of critical, high, normal, low, bulk"))
}

/// A job to send, every part checked.
#[derive(Clone, Debug)]
pub struct JobParts {
    /// The id, where the producer gave one.
    pub id: Option<JobId>,
    /// What is stored with the job.
    pub input: JobInput,
    /// How urgent.
    pub priority: Priority,
    /// When the first attempt may begin.
    pub start: Start,
    /// How long it is worth anything.
    pub ttl: Option<Lifetime>,
    /// Attempts before dead-letter.
    pub max_attempts: Option<u32>,
    /// What only some jobs are sent with.
    pub options: JobOptions,
    /// What its turns are taken under. The token of it is made by whoever has the key.
    pub fair_key: Option<FairKey>,
    /// What a repeat is told by.
    pub idempotency: Option<SentKey>,
    /// What it is to be the only one with.
    pub unique: Option<SentUnique>,
}

impl TryFrom<JobIn> for JobParts {
    type Error = Problem;

    fn try_from(job: JobIn) -> Result<Self, Problem> {
        let id = job.id.as_deref().map(JobId::parse).transpose().map_err(Problem::invalid)?;
        let body = bounded(job.body, limits::BODY_BYTES_MAX, "body")?;
        if job.tags.len() > limits::TAGS_MAX {
            return Err(Problem::invalid(format!("a job has at most {} tags", limits::TAGS_MAX)));
        }
        let mut attributes = std::collections::BTreeMap::new();
        for (name, value) in job.attributes.0 {
            let name = AttributeName::parse(&name).map_err(Problem::invalid)?;
            if value.len() > limits::ATTRIBUTE_VALUE_BYTES_MAX {
                return Err(Problem::invalid(format!(
                    "an attribute's value has at most {} bytes",
                    limits::ATTRIBUTE_VALUE_BYTES_MAX
                )));
            }
            attributes.insert(name, value);
        }
        let content_type = taken(job.content_type, ContentType::take)?;
        let sealed =
            content_type.as_ref().is_some_and(|name| name.as_str() == sealane_core::sealed::CONTENT_TYPE);
        Ok(Self {
            id,
            input: JobInput {
                kind: Kind::take(job.kind.0).map_err(Problem::invalid)?,
                body,
                content_type,
                attributes,
                session_id: taken(job.session_id, SessionId::take)?,
                correlation_id: taken(job.correlation_id, CorrelationId::take)?,
                subject: taken(job.subject, Subject::take)?,
                tags: job
                    .tags
                    .into_iter()
                    .map(|tag| Tag::take(tag.0))
                    .collect::<Result<_, _>>()
                    .map_err(Problem::invalid)?,
            },
            priority: job.priority.as_deref().and_then(Priority::parse).unwrap_or(Priority::Normal),
            start: start(job.delay_ms, job.run_at)?,
            ttl: lifetime(job.ttl_ms, job.expires_at)?,
            max_attempts: job.max_attempts,
            options: JobOptions {
                backoff: job.retry.as_ref().map(Backoff::try_from).transpose()?,
                clone_of: job.clone_of.map(|original| original.0),
                links: super::links::links(job.after, job.after_any, job.on_failure.as_deref())?,
                ..JobOptions::default()
            },
            fair_key: taken(job.fair_key, FairKey::take)?,
            idempotency: sent_key(job.idempotency_key, job.body_fingerprint, sealed)?,
            unique: sent_unique(job.unique)?,
        })
    }
}

fn start(delay_ms: Option<u64>, run_at: Option<Timestamp>) -> Result<Start, Problem> {
    match (delay_ms, run_at) {
        (Some(_), Some(_)) => Err(Problem::invalid("give delay_ms or run_at, not both")),
        (delay, None) => Ok(Start::After(Millis::new(delay.unwrap_or(0)))),
        (None, Some(time)) => Ok(Start::At(time.0)),
    }
}

fn lifetime(ttl_ms: Option<u64>, expires_at: Option<Timestamp>) -> Result<Option<Lifetime>, Problem> {
    match (ttl_ms, expires_at) {
        (Some(_), Some(_)) => Err(Problem::invalid("give ttl_ms or expires_at, not both")),
        (ttl, None) => Ok(ttl.map(|ttl| Lifetime::For(Millis::new(ttl)))),
        (None, Some(time)) => Ok(Some(Lifetime::Until(time.0))),
    }
}

fn taken<T>(
    text: Option<Text>,
    take: fn(Arc<str>) -> Result<T, sealane_core::name::NameError>,
) -> Result<Option<T>, Problem> {
    text.map(|text| take(text.0)).transpose().map_err(Problem::invalid)
}

/// Refuses bytes beyond their limit.
pub(crate) fn bounded(bytes: Bytes, max: usize, what: &str) -> Result<Vec<u8>, Problem> {
    if bytes.0.len() > max {
        return Err(Problem::new(
            Code::BodyTooLarge,
            format!(
                "the {what} has {} bytes and may have {max}: send a reference to larger data",
                bytes.0.len()
            ),
        ));
    }
    Ok(bytes.into())
}

/// The answer to a job that was accepted, now or by an earlier request with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobAccepted {
    /// The job's id.
    pub id: Id,
    /// Its queue.
    pub queue: Text,
    /// `ready`, `delayed` or `blocked`: the state in which it was accepted.
    pub state: Cow<'static, str>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// True where another job of the same unique key stood in for what was sent: this is that one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
    /// Whether this request accepted it. False for a repeat.
    #[serde(skip)]
    pub fresh: bool,
}

/// Room for a job's texts, beside its body.
pub const JOB_TEXT_BYTES: usize = 512;

/// Jobs to send together. Each is accepted or refused for itself, unless all are to be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobBatchIn {
    /// 1 to 1000 jobs.
    #[serde(deserialize_with = "at_most::<_, _, { limits::BATCH_ITEMS_MAX }>")]
    pub jobs: Vec<JobIn>,
    /// All of them or none: where one is refused, the others are answered `not_done`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub atomic: bool,
}

/// What became of a batch, in the order it was sent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JobBatchOut {
    /// One result per job.
    pub results: Vec<JobBatchResult>,
}

/// What became of one job of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, try_from = "BatchResultFields")]
pub enum JobBatchResult {
    /// It was accepted.
    Accepted(JobAccepted),
    /// It was refused.
    Refused {
        /// The id, where one was given.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Why.
        error: ItemError,
    },
}

/// Both forms of a result in one.
// Why: told apart by their fields, each would be read twice, by way of a copy of everything in it.
#[derive(Deserialize)]
struct BatchResultFields {
    id: Option<String>,
    queue: Option<Text>,
    state: Option<Cow<'static, str>>,
    created_at: Option<Timestamp>,
    merged: Option<bool>,
    error: Option<ItemError>,
}

impl TryFrom<BatchResultFields> for JobBatchResult {
    type Error = &'static str;

    fn try_from(fields: BatchResultFields) -> Result<Self, &'static str> {
        match fields {
            BatchResultFields { id, error: Some(error), .. } => Ok(Self::Refused { id, error }),
            BatchResultFields {
                id: Some(id),
                queue: Some(queue),
                state: Some(state),
                created_at: Some(created_at),
                merged,
                error: None,
            } => {
                let id = Id(JobId::parse(&id).map_err(|_| "an accepted job's id is not a UUID")?);
                Ok(Self::Accepted(JobAccepted {
                    id,
                    queue,
                    state,
                    created_at,
                    merged: merged.unwrap_or(false),
                    fresh: false,
                }))
            }
            _ => Err("a result says neither what was accepted nor why not"),
        }
    }
}

/// The last failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastError {
    /// Which attempt, first = 1: a sealed error is bound to it.
    pub attempt: u32,
    /// Why, in one word.
    pub category: String,
    /// When.
    pub at: Timestamp,
    /// What the worker said, sealed if the job was; for the job's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Bytes>,
}

/// A job as it stands. The body is not shown: it is in leases only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobOut {
    /// The job's id.
    pub id: String,
    /// Its queue.
    pub queue: String,
    /// The queue that it was sent to, where it was moved since: a sealed body is bound to that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_queue: Option<String>,
    /// Where it stands.
    pub state: String,
    /// Whether its worker is asked to stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_requested: bool,
    /// What sort of job it is.
    pub kind: String,
    /// Media type of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Attributes in the clear.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub attributes: StringMap,
    /// Ordering key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Ties jobs of one business event together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Whose data it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Search words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How urgent.
    pub priority: String,
    /// The running attempt, or the last one that counted, over the job's whole life.
    pub attempt: u32,
    /// Attempts before dead-letter, since it was sent or re-driven.
    pub max_attempts: u32,
    /// How often it was re-driven.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redrives: u32,
    /// Who sent it.
    pub owner: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Not before this time.
    pub run_at: Timestamp,
    /// Which firing of which schedule it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firing: Option<FiringOut>,
    /// The job that it repeats. Of a sealed job, the envelope is the judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_of: Option<String>,
    /// When it is worth nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Why it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_because: Option<String>,
    /// Why it is in dead-letter: `permanent`, `attempts_used`, `worker_lost`, `run_too_long` or
    /// `parent_ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_because: Option<String>,
    /// What it waits or waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<DependenciesOut>,
    /// When an attempt of its failed first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failed_at: Option<Timestamp>,
    /// The attempts that are over, the last 20 of them, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptOut>,
    /// What its worker said last about how far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressOut>,
    /// What the next attempt goes on from, where a worker left something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointOut>,
    /// How much log there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogOut>,
    /// The last failed attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// What the worker returned, sealed if the job was; for the job's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Bytes>,
}
