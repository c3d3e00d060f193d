//! A job as a handler receives it, and why one could not be handed to a handler.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sealane_core::id::JobId;
use sealane_core::job::Priority;
use sealane_core::name::QueueName;
use sealane_core::time::Time;
use sealane_envelope::OpenError;

use crate::error::Error;
use crate::typed::{self, TypedJob};

/// A job in the hands of a handler: opened, and the same to look at whether it was sealed or not.
#[derive(Clone)]
pub struct Delivery {
    /// The job's id, the same as when it was sent.
    pub id: JobId,
    /// The queue it came from.
    pub queue: QueueName,
    /// What sort of job it is.
    pub kind: String,
    /// The payload, byte by byte as it was sent.
    pub body: Vec<u8>,
    /// Media type of the payload.
    pub content_type: Option<String>,
    /// Attributes. Those of a sealed job were sealed with it.
    pub attributes: BTreeMap<String, String>,
    /// Attributes of a sealed job that travelled in the clear: a hint, not a fact.
    pub clear_attributes: BTreeMap<String, String>,
    /// The ordering key.
    pub session_id: Option<String>,
    /// Ties jobs of one business event together.
    pub correlation_id: Option<String>,
    /// Whose data it is. A hint.
    pub subject: Option<String>,
    /// Search words. A hint.
    pub tags: Vec<String>,
    /// How urgent. A hint.
    pub priority: Priority,
    /// This attempt, first = 1.
    pub attempt: u32,
    /// Attempts before dead-letter, counted from when it was sent or re-driven last.
    pub max_attempts: u32,
    /// Who sent it, as the server says.
    pub owner: String,
    /// When it was accepted, as the server says.
    pub created_at: Time,
    /// When it is worth nothing any more, as the server says.
    pub expires_at: Option<Time>,
    /// The job that it repeats; of a sealed job as its envelope says, otherwise as the server says.
    pub clone_of: Option<JobId>,
    /// Whether it was sealed. Its result and errors are then sealed as well.
    pub sealed: bool,
}

impl Delivery {
    /// The body as a value.
    ///
    /// # Errors
    /// When the job is of another kind or its body is no such value; the text never quotes it.
    pub fn typed<T: TypedJob>(&self) -> Result<T, Error> {
        typed::read_body(self)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("attempt", &self.attempt)
            .field("sealed", &self.sealed)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why a body, result or error was not opened: for the trusted log of whoever holds the keys.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unopenable {
    /// The envelope does not open.
    #[error(transparent)]
    Envelope(Arc<OpenError>),
    /// The server describes the job in a way that cannot be right.
    #[error("the {what} that came with the job is not valid")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// It was moved here from a queue that this worker was not told to accept jobs from.
    #[error(
        "it was moved here from '{origin}', which its seal is bound to; let this worker accept jobs from there"
    )]
    Moved {
        /// The queue that it was sent to.
        origin: String,
    },
    /// It is sealed and there are no keys.
    #[error("it is sealed and there is no keyring; give one with the right root")]
    NoKeys,
    /// It is not sealed and must be.
    #[error("it is not sealed and unsealed ones are refused; have its producer seal it, or allow plaintext")]
    PlaintextRefused,
}

impl Unopenable {
    /// Whether it may open later as it is: the keys were out of reach.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Envelope(error) if matches!(**error, OpenError::Key(_)))
    }
}

impl From<OpenError> for Unopenable {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::PlaintextRefused => Self::PlaintextRefused,
            error => Self::Envelope(Arc::new(error)),
        }
    }
}
