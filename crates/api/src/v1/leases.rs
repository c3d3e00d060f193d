//! Leases: taking jobs, keeping them, saying what became of them.

use std::borrow::Cow;
use std::sync::Arc;

use sealane_core::job::Category;
use sealane_core::limits;
use sealane_core::name::{CodeVersion, ErrorCode, InstanceName};
use sealane_core::queue::Runner;
use sealane_core::token::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dead_filter::{read_category, read_fingerprint};
use super::jobs::{bounded, is_zero};
use super::links::ParentOut;
use super::reports::LeasedCheckpoint;
use super::schedules::FiringOut;
use crate::problem::{ItemError, Problem};
use crate::wire::{Bytes, Id, StringMap, Text, Timestamp, at_most};

/// A wish for work.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseIn {
    /// At most so many jobs, 1 to 1000; 1 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// For how long, in milliseconds; as the queue says where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
    /// How long to wait for work where there is none, in milliseconds, at most 300000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
    /// Of this session only: the receipt that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_receipt: Option<String>,
    /// Which of its principal's workers asks, in its own words, at most 64 characters, in the clear: shown
    /// with the attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Which version of its code it runs, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_version: Option<String>,
}

impl LeaseIn {
    /// The same wish, from a worker that says this of itself.
    #[must_use]
    pub fn run_by(self, runner: Option<&Runner>) -> Self {
        let instance = runner.and_then(Runner::instance).map(ToString::to_string);
        let code_version = runner.and_then(Runner::version).map(ToString::to_string);
        Self { instance, code_version, ..self }
    }

    /// What the worker says of itself.
    pub fn runner(&self) -> Result<Option<Arc<Runner>>, Problem> {
        let instance = self.instance.as_deref().map(InstanceName::parse).transpose();
        let version = self.code_version.as_deref().map(CodeVersion::parse).transpose();
        let runner = Runner::new(instance.map_err(Problem::invalid)?, version.map_err(Problem::invalid)?);
        Ok(runner.map(Arc::new))
    }
}

impl std::fmt::Debug for LeaseIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Why without the receipt: it acts for its holder.
        f.debug_struct("LeaseIn")
            .field("max", &self.max)
            .field("lease_ms", &self.lease_ms)
            .field("wait_ms", &self.wait_ms)
            .finish_non_exhaustive()
    }
}

/// Jobs handed out. Empty when there was no work in the time given.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LeaseOut {
    /// The jobs.
    pub jobs: Vec<LeasedJob>,
}

/// One job in the hands of a worker.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LeasedJob {
    /// The job's id.
    pub id: Id,
    /// Its queue.
    pub queue: Text,
    /// The queue that it was sent to, where it was moved since: a sealed body is bound to that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_queue: Option<Text>,
    /// What sort of job it is.
    pub kind: Text,
    /// The payload, as it was sent.
    pub body: Bytes,
    /// Media type of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<Text>,
    /// Attributes in the clear.
    #[serde(default, skip_serializing_if = "no_attributes")]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Text>,
    /// How urgent.
    pub priority: Cow<'static, str>,
    /// This attempt, first = 1, counted over the job's whole life.
    pub attempt: u32,
    /// Attempts before dead-letter, counted from when it was sent or re-driven last.
    pub max_attempts: u32,
    /// Who sent it.
    pub owner: Text,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it is worth nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Which firing of which schedule it is; a sealed body is then the schedule's template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firing: Option<FiringOut>,
    /// The job that it repeats. Of a sealed job, the envelope is the judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_of: Option<Id>,
    /// Proof of this lease: good for this attempt and this worker's principal only.
    pub receipt: String,
    /// When the lease ends unless extended.
    pub lease_expires_at: Timestamp,
    /// How long that is from now, in milliseconds: shorter than wished where the queue's longest run
    /// ends the lease sooner.
    pub lease_ms: u64,
    /// The jobs that it waited for, in the order of their ids, with what they came to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentOut>,
    /// What a former attempt left to go on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<LeasedCheckpoint>,
    /// The number of this attempt's next report. Not 0 where the job was handed back and comes again under
    /// the same attempt.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub next_report: u32,
}

impl std::fmt::Debug for LeasedJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Why: the receipt acts for its worker, and attributes are the producer's data.
        f.debug_struct("LeasedJob")
            .field("id", &self.id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

fn no_attributes(map: &StringMap) -> bool {
    map.0.is_empty()
}

macro_rules! settle_request {
    ($(#[$doc:meta])* $name:ident $([$atomic:ident])? { $(#[$item_doc:meta])* $item:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty),* $(,)? } }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// 1 to 1000 items.
            #[serde(deserialize_with = "at_most::<_, _, { limits::BATCH_ITEMS_MAX }>")]
            pub items: Vec<$item>,
            $(
                /// All of them or none: where one is refused, the others are answered `not_done`.
                #[serde(default, skip_serializing_if = "std::ops::Not::not")]
                pub $atomic: bool,
            )?
        }

        $(#[$item_doc])*
        #[derive(Clone, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $item {
            /// The receipt that came with the lease.
            pub receipt: String,
            $($(#[$fdoc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        impl std::fmt::Debug for $item {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // Why: a receipt acts for its worker.
                f.debug_struct(stringify!($item)).finish_non_exhaustive()
            }
        }
    };
}

settle_request! {
    /// Jobs that are done.
    Complete [atomic] {
        /// One job that is done.
        CompleteItem {
            /// What to keep as its result, at most 1 MiB, sealed if the job was.
            result: Bytes,
        }
    }
}

settle_request! {
    /// Attempts that failed.
    Fail [atomic] {
        /// One attempt that failed.
        FailItem {
            /// What went wrong, at most 1 MiB, sealed if the job was.
            error: Bytes,
            /// `temporary` (the default), `permanent`, `timeout`, `cancelled` or `system`.
            category: String,
            /// What the worker calls the error, at most 64 characters, in the clear: for counting.
            code: String,
            /// Tells equal errors of a queue without saying what they are: 16 bytes, a keyed hash of what
            /// went wrong.
            error_fingerprint: Bytes,
            /// Wait before the next attempt, in milliseconds; as the queue says where absent.
            retry_after_ms: u64,
        }
    }
}

settle_request! {
    /// Jobs handed back; the attempts do not count.
    Release [atomic] {
        /// One job handed back.
        ReleaseItem {
            /// Wait before the next attempt, in milliseconds.
            delay_ms: u64,
        }
    }
}

settle_request! {
    /// Leases to make longer.
    Extend {
        /// One lease to make longer.
        ExtendItem {
            /// From now on for how long, in milliseconds; as the queue says where absent.
            lease_ms: u64,
        }
    }
}

settle_request! {
    /// Jobs to set aside for a person; the attempts do not count.
    Hold [atomic] {
        /// One job that its worker cannot open.
        HoldItem {}
    }
}

impl CompleteItem {
    /// The result's bytes, within their limit.
    pub fn take_result(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        self.result.take().map(|bytes| bounded(bytes, limits::OUTCOME_BYTES_MAX, "result")).transpose()
    }
}

impl FailItem {
    /// The error's bytes, within their limit.
    pub fn take_error(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        self.error.take().map(|bytes| bounded(bytes, limits::OUTCOME_BYTES_MAX, "error")).transpose()
    }

    /// The code.
    pub fn code(&self) -> Result<Option<ErrorCode>, Problem> {
        self.code.as_deref().map(ErrorCode::parse).transpose().map_err(Problem::invalid)
    }

    /// The category.
    pub fn category(&self) -> Result<Category, Problem> {
        match &self.category {
            None => Ok(Category::Temporary),
            Some(word) => read_category(word),
        }
    }

    /// What tells equal errors.
    pub fn fingerprint(&self) -> Result<Option<Token>, Problem> {
        self.error_fingerprint.as_ref().map(read_fingerprint).transpose()
    }
}

/// What became of each item, in order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Settled {
    /// One result per item.
    pub results: Vec<SettleResult>,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettleResult {
    /// The job, where the receipt named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// True where it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<bool>,
    /// Where the job stands now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Cow<'static, str>>,
    /// When the lease ends now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_expires_at: Option<Timestamp>,
    /// How long that is from now, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
    /// True where the job is not wanted any more: its worker should stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<bool>,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}
