//! A job as its producer builds it. Texts are checked against their rules when it is sent.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sealane_api::v1::{RetryIn, UniqueIn};
use sealane_core::id::JobId;
use sealane_core::job::Priority;
use sealane_core::queue::{OnConflict, OnFailure};

use crate::error::Error;
use crate::session_key::SessionKey;
use crate::typed::{self, TypedJob};

/// A job to send.
///
/// Body, content type and attributes travel inside the envelope when the client has keys. Kind,
/// session id and correlation id are readable on the way but bound to the envelope, so none of
/// them can be changed. Subject, tags, priority, times and clear attributes are readable and
/// only hints to whoever receives them.
#[derive(Clone)]
pub struct Job {
    pub(crate) id: Option<JobId>,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) clear_attributes: BTreeMap<String, String>,
    pub(crate) session_id: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) priority: Option<Priority>,
    pub(crate) delay: Option<Duration>,
    pub(crate) run_at: Option<String>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) expires_at: Option<String>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) retry: Option<RetryIn>,
    pub(crate) fair_key: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) unique: Option<UniqueIn>,
    pub(crate) after: Vec<JobId>,
    pub(crate) after_any: Vec<JobId>,
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) clone_of: Option<JobId>,
}

impl Job {
    /// A job of this kind with this body.
    #[must_use]
    pub fn new(kind: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            id: None,
            kind: kind.into(),
            body: body.into(),
            content_type: None,
            attributes: BTreeMap::new(),
            clear_attributes: BTreeMap::new(),
            session_id: None,
            correlation_id: None,
            subject: None,
            tags: Vec::new(),
            priority: None,
            delay: None,
            run_at: None,
            ttl: None,
            expires_at: None,
            max_attempts: None,
            retry: None,
            fair_key: None,
            idempotency_key: None,
            unique: None,
            after: Vec::new(),
            after_any: Vec::new(),
            on_failure: None,
            clone_of: None,
        }
    }

    /// The value as a job, its body written as JSON.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn typed<T: TypedJob>(value: &T) -> Result<Self, Error> {
        Ok(Self::new(T::KIND, typed::write(T::KIND, value)?).content_type(typed::CONTENT_TYPE))
    }

    /// What sort of job it is.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// An id of the caller's own, a UUIDv7 not older than an hour. Made when sending otherwise.
    #[must_use]
    pub fn id(mut self, id: JobId) -> Self {
        self.id = Some(id);
        self
    }

    /// The body's media type.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// An attribute; sealed together with the body.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.clear_attributes.remove(&name);
        self.attributes.insert(name, value.into());
        self
    }

    /// An attribute that everybody on the way may read and nobody vouches for.
    #[must_use]
    pub fn clear_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.attributes.remove(&name);
        self.clear_attributes.insert(name, value.into());
        self
    }

    /// The ordering key.
    #[must_use]
    pub fn session(mut self, session_id: impl Into<String>) -> Self {
        self.session_id = Some(session_id.into());
        self
    }

    /// The ordering key by a rule, from what the job has by now; none where the rule finds none.
    #[must_use]
    pub fn session_by(mut self, key: &SessionKey) -> Self {
        self.session_id = key.of(&self);
        self
    }

    /// Ties this job to others of one business event.
    #[must_use]
    pub fn correlation_id(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }

    /// Whose data it is: an opaque name, readable on the way.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Whose turn it is when this job is next, as a tenant or customer: the keys of a queue take turns, and its
    /// limits per key count by it. The server keeps a token of it, not its text.
    #[must_use]
    pub fn fair_key(mut self, key: impl Into<String>) -> Self {
        self.fair_key = Some(key.into());
        self
    }

    /// A search word, readable on the way.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// How urgent it is.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Wait before the first attempt.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Not before this time (RFC 3339), instead of a delay; a time in the past means at once.
    #[must_use]
    pub fn run_at(mut self, time: impl Into<String>) -> Self {
        self.run_at = Some(time.into());
        self
    }

    /// How long from now the job is worth anything. A sealed body does not open afterwards.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Up to when the job is worth anything (RFC 3339), instead of a time to live. It must lie ahead when the
    /// job is sent. A sealed body does not open afterwards.
    #[must_use]
    pub fn expires_at(mut self, time: impl Into<String>) -> Self {
        self.expires_at = Some(time.into());
        self
    }

    /// Attempts before dead-letter; as the queue says otherwise.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// A repeat under this key is answered as the first one was, for the queue's window, also when its
    /// job is long done. The same key with another kind or body is refused. Yours alone, in this queue.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Of the queue's jobs with this key, whoever sent them, one is on its way at a time: while one has
    /// not completed, expired or been cancelled, this one is refused or merged into it.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>, on_conflict: OnConflict) -> Self {
        self.unique =
            Some(UniqueIn { key: key.into().into(), on_conflict: Some(on_conflict.as_str().to_owned()) });
        self
    }

    /// Run after this job, which was sent before; may be given again. Its result reaches the handler as
    /// one of [`JobContext::parents`](crate::JobContext::parents).
    #[must_use]
    pub fn after(mut self, job: JobId) -> Self {
        self.after.push(job);
        self
    }

    /// Run after one of the jobs that are given like this.
    #[must_use]
    pub fn after_any(mut self, job: JobId) -> Self {
        self.after_any.push(job);
        self
    }

    /// What happens when a job that this one waits for ends otherwise than completed; it fails as well
    /// otherwise.
    #[must_use]
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.on_failure = Some(policy);
        self
    }

    /// Says which job this one repeats. Not for everybody: what it says must be so.
    pub(crate) fn clone_of(mut self, original: JobId) -> Self {
        self.clone_of = Some(original);
        self
    }

    /// How long to wait between attempts; as the queue says otherwise.
    #[must_use]
    pub fn retry(mut self, retry: RetryIn) -> Self {
        self.retry = Some(retry);
        self
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why: everything else is the producer's data.
        f.debug_struct("Job")
            .field("id", &self.id)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
