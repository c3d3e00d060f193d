//! Errors as callers see them: problem documents as RFC 9457 describes them, with a code that stays.

use std::fmt;

use sealane_core::control::ControlRefusal;
use sealane_core::id::JobId;
use sealane_core::queue::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $status:literal, $title:literal, retry: $retry:literal, unsure: $unsure:literal;)*) => {
        /// What went wrong, in one word that never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant),* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }

            /// The same for every error of this code.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }

            /// Whether the same request may succeed later.
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$variant => $retry),* }
            }

            /// Whether the request may have been carried out all the same.
            pub const fn may_have_happened(self) -> bool {
                match self { $(Self::$variant => $unsure),* }
            }
        }
    };
}

codes! {
    /// The body or an outcome is larger than allowed.
    BodyTooLarge = "body_too_large", 413, "too large", retry: false, unsure: false;
    /// The server is about to stop.
    Draining = "draining", 503, "the server is stopping", retry: true, unsure: false;
    /// The id's time is too old to recognise a repeat.
    IdTooOld = "id_too_old", 422, "the job id is too old", retry: false, unsure: false;
    /// The idempotency key came with other content before.
    IdempotencyConflict = "idempotency_conflict", 409, "the idempotency key was used for something else", retry: false, unsure: false;
    /// The request breaks a rule.
    InvalidRequest = "invalid_request", 400, "the request is not valid", retry: false, unsure: false;
    /// The id belongs to a job with other content.
    JobIdConflict = "job_id_conflict", 409, "the job id is taken", retry: false, unsure: false;
    /// The job stands where this cannot be done to it.
    JobState = "job_state", 409, "the job is in another state", retry: false, unsure: false;
    /// The receipt holds no job any more.
    LeaseLost = "lease_lost", 409, "the lease is lost", retry: false, unsure: false;
    /// A bound of the server is reached.
    LimitExceeded = "limit_exceeded", 429, "a limit is reached", retry: true, unsure: false;
    /// It was to be done with others or not at all, and one of them was refused.
    NotDone = "not_done", 409, "nothing of it was done", retry: false, unsure: false;
    /// There is no such thing, or not for this caller.
    NotFound = "not_found", 404, "not found", retry: false, unsure: false;
    /// The report's number is not the next one of its attempt.
    ReportOrder = "report_order", 409, "the report is out of order", retry: false, unsure: false;
    /// The schedule stands where this cannot be done to it, or its name or id is taken.
    ScheduleState = "schedule_state", 409, "the schedule is in another state", retry: false, unsure: false;
    /// The queue takes sealed bodies only.
    SealingRequired = "sealing_required", 422, "the body must be sealed", retry: false, unsure: false;
    /// The session is not held any more with this receipt.
    SessionLockLost = "session_lock_lost", 409, "the session is lost", retry: false, unsure: false;
    /// The queue takes no jobs without a session.
    SessionRequired = "session_required", 422, "the job must have a session", retry: false, unsure: false;
    /// The journal could not be written.
    StorageFailed = "storage_failed", 503, "the journal failed", retry: true, unsure: true;
    /// There is no room for new work.
    StorageFull = "storage_full", 507, "no room for new work", retry: true, unsure: false;
    /// The setting is changed in an empty queue only.
    QueueInUse = "queue_in_use", 409, "the queue is in use", retry: false, unsure: false;
    /// The queue takes no new jobs until it is resumed.
    QueueDraining = "queue_draining", 503, "the queue drains", retry: true, unsure: false;
    /// No valid credential came with the request.
    Unauthenticated = "unauthenticated", 401, "not authenticated", retry: false, unsure: false;
    /// Another job on its way has the unique key.
    UniqueConflict = "unique_conflict", 409, "the unique key is taken", retry: false, unsure: false;
    /// The request names a field that does not exist.
    UnknownField = "unknown_field", 400, "unknown field", retry: false, unsure: false;
}

/// An error, ready to be told to a caller: nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    /// What to do about it.
    pub detail: String,
    /// How long to wait before trying again, where that is known.
    pub retry_after_ms: Option<u64>,
    /// The job that is in the way, where there is one and the caller may see it.
    pub job_id: Option<JobId>,
}

impl Problem {
    /// An error with words of its own.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None, job_id: None }
    }

    /// A rule was broken.
    pub fn invalid(detail: impl fmt::Display) -> Self {
        Self::new(Code::InvalidRequest, detail.to_string())
    }

    /// The one answer for everything that is not there or not to be seen.
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "there is nothing here for this key: check the name, the namespace and the key's grants",
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            // Why: unknown and forbidden look alike, to the letter.
            Refusal::QueueUnknown | Refusal::JobUnknown | Refusal::ScheduleUnknown => {
                return Self::not_found();
            }
            Refusal::ParentUnknown { .. } | Refusal::CloneUnknown { .. } => Code::NotFound,
            Refusal::TooManyQueues
            | Refusal::TooManySchedules
            | Refusal::TooManyLinks
            | Refusal::TooManyFairKeys
            | Refusal::TooManyJobs
            | Refusal::TooManyJobsOfPrincipal
            | Refusal::QueueFull { .. }
            | Refusal::SweepRunning
            | Refusal::TooManySessions
            | Refusal::TooManySessionStates => Code::LimitExceeded,
            Refusal::TooManyKeys | Refusal::TooManyKeysOfPrincipal => Code::LimitExceeded,
            Refusal::IdempotencyConflict => Code::IdempotencyConflict,
            Refusal::UniqueTaken { .. } => Code::UniqueConflict,
            Refusal::QueueDraining => Code::QueueDraining,
            Refusal::JobState { .. }
            | Refusal::ParentEnded { .. }
            | Refusal::RedrivesUsed
            | Refusal::RedriveCompleted
            | Refusal::CloneNotEnded { .. }
            | Refusal::ReportsUsed
            | Refusal::SealExpired => Code::JobState,
            Refusal::JobIdConflict | Refusal::FlowIdTaken => Code::JobIdConflict,
            Refusal::ScheduleOtherId { .. } | Refusal::ScheduleIdTaken | Refusal::ScheduleSkips { .. } => {
                Code::ScheduleState
            }
            Refusal::IdTooOld => Code::IdTooOld,
            Refusal::SessionCircle => Code::JobState,
            Refusal::SealingRequired | Refusal::StateSealingRequired => Code::SealingRequired,
            Refusal::LeaseLost => Code::LeaseLost,
            Refusal::QueueInUse => Code::QueueInUse,
            Refusal::SessionLockLost => Code::SessionLockLost,
            Refusal::SessionRequired => Code::SessionRequired,
            Refusal::SessionState | Refusal::BodyTooLarge { .. } => Code::BodyTooLarge,
            Refusal::ReportTooLarge { .. } => Code::BodyTooLarge,
            Refusal::ReportOrder { .. } => Code::ReportOrder,
            Refusal::Settings(_)
            | Refusal::ParentTwice { .. }
            | Refusal::FlowBreadth
            | Refusal::FlowDepth
            | Refusal::IdAhead
            | Refusal::IdVersion
            | Refusal::Delay
            | Refusal::Horizon { .. }
            | Refusal::Ttl
            | Refusal::ExpiresAt
            | Refusal::ExpiresBeforeRun
            | Refusal::MaxAttempts
            | Refusal::LeaseTime
            | Refusal::SessionsOff
            | Refusal::SessionHold
            | Refusal::RetryAfter
            | Refusal::ReportEmpty
            | Refusal::ReportPercent
            | Refusal::SealingForbidden
            | Refusal::Sealed(_)
            | Refusal::RootNotPublished
            | Refusal::SealedForOther
            | Refusal::CloneSealedOtherwise
            | Refusal::Schedule(_)
            | Refusal::NotItsTemplate
            | Refusal::SealedNeedsId => Code::InvalidRequest,
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<ControlRefusal> for Problem {
    fn from(refusal: ControlRefusal) -> Self {
        let code = match refusal {
            ControlRefusal::KeyUnknown => return Self::not_found(),
            ControlRefusal::TooManyKeys => Code::LimitExceeded,
            ControlRefusal::KeyIdTaken
            | ControlRefusal::LastAdmin
            | ControlRefusal::Queues
            | ControlRefusal::Expiry => Code::InvalidRequest,
        };
        Self::new(code, refusal.to_string())
    }
}

/// The problem document (`application/problem+json`).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// A URI that stands for the code.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The same for every error of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, in one word.
    pub code: String,
    /// What to do about it.
    pub detail: String,
    /// Names this request in the server's log.
    pub request_id: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// How long to wait before trying again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The job that is in the way, where there is one and the caller may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
}

impl ProblemDocument {
    /// The document's media type.
    pub const CONTENT_TYPE: &'static str = "application/problem+json";

    /// Makes the document.
    pub fn new(problem: &Problem, request_id: &str) -> Self {
        Self {
            type_uri: format!("urn:sealane:problem:{}", problem.code.as_str()),
            title: problem.code.title().to_owned(),
            status: problem.code.status(),
            code: problem.code.as_str().to_owned(),
            detail: problem.detail.clone(),
            request_id: request_id.to_owned(),
            retryable: problem.code.is_retryable(),
            retry_after_ms: problem.retry_after_ms,
            job_id: problem.job_id.map(|id| id.to_string()),
        }
    }
}

/// An error of one item in a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemError {
    /// What went wrong, in one word.
    pub code: String,
    /// What to do about it.
    pub detail: String,
    /// Whether the same item may succeed later.
    pub retryable: bool,
    /// The job that is in the way, where there is one and the caller may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
}

impl From<&Problem> for ItemError {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code.as_str().to_owned(),
            detail: problem.detail.clone(),
            retryable: problem.code.is_retryable(),
            job_id: problem.job_id.map(|id| id.to_string()),
        }
    }
}

impl From<ItemError> for Problem {
    fn from(error: ItemError) -> Self {
        // Why InvalidRequest: an unknown word comes from a newer server; nobody should retry it blindly.
        let job_id = error.job_id.and_then(|id| JobId::parse(&id).ok());
        Self { job_id, ..Self::new(Code::parse(&error.code).unwrap_or(Code::InvalidRequest), error.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers JOB-7 (a clear 429 when full)
    // attack 59
    #[test]
    fn what_is_full_is_to_be_tried_again_later_and_says_what_else_to_do() {
        for (full, advice) in [
            (Refusal::TooManyKeys, "idempotency_window_ms"),
            (Refusal::TooManyKeysOfPrincipal, "idempotency_window_ms"),
            (Refusal::QueueFull { max_depth: 7 }, "7"),
        ] {
            let problem = Problem::from(full);
            assert_eq!((problem.code, problem.code.status()), (Code::LimitExceeded, 429));
            assert!(problem.code.is_retryable() && problem.detail.contains(advice), "{problem}");
        }
    }
}
