//! Why a call failed, by who must act: the caller, whoever runs the server, or nobody but time.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use sealane_api::problem::{Code, ItemError, Problem, ProblemDocument};
use sealane_core::id::JobId;
use sealane_crypto::RandomError;
use sealane_envelope::SealError;
use thiserror::Error;

use crate::delivery::Unopenable;

/// Why a call failed. Cheap to clone: every job of a failed batch carries its own.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The answer has another form than this version knows.
    #[error(
        "the answer is not understood ({detail}); check that url leads to a Sealane server of this version"
    )]
    Answer {
        /// The HTTP status, 0 where there is none.
        status: u16,
        /// What is wrong with it. Never holds the answer itself.
        detail: String,
    },
    /// The provider failed again and again and is not asked for a while.
    #[error(
        "the provider '{provider}' failed again and again and is left alone for now; try again in {} ms",
        retry_after.as_millis()
    )]
    CircuitOpen {
        /// Its name.
        provider: &'static str,
        /// When it may be asked again.
        retry_after: Duration,
    },
    /// What the server holds does not open with the keys at hand.
    #[error("it does not open")]
    Open(#[from] Unopenable),
    /// No fresh random bytes.
    #[error("no fresh random bytes")]
    Random(#[from] RandomError),
    /// The request was understood and not done.
    #[error("{}: {}", .0.code, .0.detail)]
    Refused(Box<ProblemDocument>),
    /// The body could not be sealed; nothing was sent.
    #[error("the body could not be sealed; nothing was sent")]
    Seal(#[source] Arc<SealError>),
    /// The client cannot be set up this way.
    #[error("{detail}")]
    Setup {
        /// What to change.
        detail: String,
    },
    /// The credential is not accepted.
    #[error("the access key is not accepted: {}", .0.detail)]
    Unauthenticated(Box<ProblemDocument>),
    /// A session is not held any more: somebody else may hold it. Stop, and accept it anew.
    #[error("{}: {}", .0.code, .0.detail)]
    SessionLockLost(Box<ProblemDocument>),
    /// Bytes are not a value of the type that they were read as.
    #[error("the {what} is no {kind} as this program knows it ({reason}); let both sides use one type")]
    Undecodable {
        /// `body` or `result`.
        what: &'static str,
        /// The kind of job.
        kind: &'static str,
        /// What is wrong and where. Never holds the bytes themselves.
        reason: String,
    },
    /// A value cannot be written as JSON.
    #[error(
        "a value of {kind} cannot be written as JSON; use texts as keys of maps and let nothing fail in Serialize"
    )]
    Unencodable {
        /// The kind of job.
        kind: &'static str,
    },
    /// No answer came.
    #[error("no answer from {place}; check that the server runs and can be reached")]
    Unreachable {
        /// Who was asked.
        place: String,
        /// Whether the request may have been carried out all the same.
        may_have_happened: bool,
        /// What the network said.
        #[source]
        cause: Arc<dyn StdError + Send + Sync>,
    },
    /// Somebody answers who cannot prove to be the server.
    #[error("{place} does not prove to be the server; check url and ca in the context")]
    Untrusted {
        /// Who was asked.
        place: String,
        /// What TLS said.
        #[source]
        cause: Arc<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// A refusal that was found out on this side already.
    pub(crate) fn refused(problem: &Problem) -> Self {
        Self::Refused(Box::new(ProblemDocument::new(problem, "")))
    }

    pub(crate) fn invalid(detail: impl std::fmt::Display) -> Self {
        Self::refused(&Problem::invalid(detail))
    }

    /// A refusal of one item among many.
    pub(crate) fn item(error: &ItemError) -> Self {
        let mut document = ProblemDocument::new(&Problem::from(error.clone()), "");
        // Why again: the code may be one that only a newer server knows.
        document.code.clone_from(&error.code);
        document.type_uri = format!("urn:sealane:problem:{}", error.code);
        document.retryable = error.retryable;
        Self::Refused(Box::new(document))
    }

    /// The same error, by its own name where it says that a session is lost.
    pub(crate) fn of_session(self) -> Self {
        match self {
            Self::Refused(document) if document.code == Code::SessionLockLost.as_str() => {
                Self::SessionLockLost(document)
            }
            other => other,
        }
    }

    /// The code of a refusal, where this version knows it.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(document) | Self::SessionLockLost(document) | Self::Unauthenticated(document) => {
                Code::parse(&document.code)
            }
            _ => None,
        }
    }

    /// The job that is in the way of what was refused, where there is one and it may be seen.
    pub fn conflicting_job(&self) -> Option<JobId> {
        match self {
            Self::Refused(document) => JobId::parse(document.job_id.as_deref()?).ok(),
            _ => None,
        }
    }

    /// Whether the same call may succeed later, without anybody doing anything about it.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(document) => document.retryable,
            Self::CircuitOpen { .. } | Self::Unreachable { .. } => true,
            Self::Answer { status, .. } => matches!(status, 502..=504),
            Self::Open(reason) => reason.is_transient(),
            _ => false,
        }
    }

    /// Whether the call may have been carried out all the same. Repeating is then harmless only
    /// for what can be told to be a repeat.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Unreachable { may_have_happened, .. } => *may_have_happened,
            Self::Answer { .. } => true,
            _ => self.code().is_some_and(Code::may_have_happened),
        }
    }

    /// How long to wait before trying again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CircuitOpen { retry_after, .. } => Some(*retry_after),
            Self::Refused(document) => document.retry_after_ms.map(Duration::from_millis),
            _ => None,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::refused(&problem)
    }
}

impl From<SealError> for Error {
    fn from(cause: SealError) -> Self {
        Self::Seal(Arc::new(cause))
    }
}
