//! Clones: the same once more, as a new job.
//!
//! A completed job is never run again. Whoever wants its work done once more sends the same under another id, and
//! since a sealed body is bound to its job, only somebody with the keys can: the original's body is opened here
//! and sealed anew. The original is read by the id that the caller named, whatever the answer says.

use std::collections::BTreeMap;

use sealane_api::problem::{Code, Problem};
use sealane_api::v1::{JobBodyOut, JobOut};
use sealane_core::id::JobId;
use sealane_core::job::Priority;
use sealane_core::name::QueueName;
use sealane_core::sealed::CONTENT_TYPE;
use sealane_envelope::Content;

use crate::client::Client;
use crate::delivery::Unopenable;
use crate::error::Error;
use crate::job::Job;
use crate::producer::Sent;
use crate::sealing::{Age, Sealed, Sealing};

/// Which job is cloned, and how.
///
/// The clone has what makes the original the job that it is: kind, body, content type, attributes, session id,
/// correlation id, subject, tags, fair key, the priority that it had at last, its number of attempts and its waits
/// between them. It has not what was about that one sending: no delay or time to live, no idempotency or unique
/// key, nothing that it waits for, no flow or schedule. It is owned by whoever clones, and its attempts, results
/// and reports are its own.
#[derive(Clone, Debug)]
#[must_use]
pub struct JobClone {
    original: JobId,
    id: Option<JobId>,
    queue: Option<String>,
    accepts_from: Vec<String>,
    age: Age,
    reason: Option<String>,
}

impl JobClone {
    /// A clone of this job, which has ended, for the queue that it is in.
    pub fn of(original: JobId) -> Self {
        Self { original, id: None, queue: None, accepts_from: Vec::new(), age: Age::Limited, reason: None }
    }

    /// The clone's id, made before: whoever clones once more under the same id gets the same clone.
    pub fn id(mut self, id: JobId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sends it to this queue instead.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Opens the body also where the job was moved from this queue, which its seal is bound to. May be given
    /// again.
    pub fn accept_from(mut self, queue: impl Into<String>) -> Self {
        self.accepts_from.push(queue.into());
        self
    }

    /// Opens the body also where its own expiry has passed. Logs a warning where it has one.
    pub fn accept_expired(mut self) -> Self {
        self.age = Age::Any;
        self
    }

    /// Why somebody else's body is read: one line for the server's audit log, which wants one.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

impl From<JobId> for JobClone {
    fn from(original: JobId) -> Self {
        Self::of(original)
    }
}

impl Client {
    /// Sends what an ended job was sent with once more, as a new job. The original stays as it is.
    ///
    /// A transient failure is tried again with the same id and the same bytes, so there is one clone however often
    /// it was sent. Where the call as a whole may be made again, name the clone beforehand: [`JobClone::id`].
    ///
    /// # Errors
    /// `job_state` when the original has not ended; [`Error::Open`] when its body does not open here; otherwise as
    /// [`Client::job`] and [`Producer::send`](crate::Producer::send).
    pub async fn clone_job(&self, clone: impl Into<JobClone>) -> Result<Sent, Error> {
        let clone = clone.into();
        // Why not by sending it again: two seals of one body differ.
        if let Some(id) = clone.id
            && let Some(known) = self.known_clone(id, clone.original).await?
        {
            return Ok(known);
        }
        let (provider, reason) = (self.provider(), clone.reason.as_deref());
        let source = self.retry("job.body", || provider.job_body(clone.original, reason)).await?;
        let queue = clone.queue.as_deref().unwrap_or(&source.queue);
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        let job = self.sealing().repeat(&clone, source).await?;
        self.producer().send(queue.as_str(), job).await
    }

    /// The clone of this name, where an earlier call has made it.
    async fn known_clone(&self, id: JobId, original: JobId) -> Result<Option<Sent>, Error> {
        match self.job(id).await {
            Ok(JobOut { clone_of: Some(of), queue, state, .. }) if of == original.to_string() => {
                Ok(Some(Sent { id, queue, state, merged: false }))
            }
            Ok(_) => Err(Error::refused(&Problem::new(
                Code::JobIdConflict,
                "a job with this id is there and is no clone of that one: make a new id",
            ))),
            Err(error) if error.code() == Some(Code::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Sealing {
    /// The job that repeats what was sent before.
    async fn repeat(&self, clone: &JobClone, source: JobBodyOut) -> Result<Job, Error> {
        let sealed = source.content_type.as_deref() == Some(CONTENT_TYPE);
        if sealed && self.envelope.is_some() && self.sealing_with().is_none() {
            return Err(Error::invalid(
                "the job is sealed and this client sends plaintext: clone it with one that seals",
            ));
        }
        let content = self.open_source(clone, &source, sealed).await?;
        let mut job = Job::new(source.kind, content.body).clone_of(clone.original);
        job.id = clone.id;
        job.content_type = content.content_type;
        job.attributes = content.attributes;
        if sealed {
            job.clear_attributes = source.attributes.0;
        }
        job.session_id = source.session_id.map(String::from);
        job.correlation_id = source.correlation_id.map(String::from);
        job.subject = source.subject.map(String::from);
        job.tags = source.tags.into_iter().map(String::from).collect();
        let priority = Priority::parse(&source.priority);
        job.priority = Some(priority.ok_or(Unopenable::Malformed { what: "priority" })?);
        job.max_attempts = Some(source.max_attempts);
        job.retry = source.retry;
        Ok(job)
    }

    /// What was inside. A body that is not sealed has all its attributes in the clear.
    async fn open_source(
        &self,
        clone: &JobClone,
        source: &JobBodyOut,
        sealed: bool,
    ) -> Result<Content, Unopenable> {
        let queue = source.origin_queue.as_ref().unwrap_or(&source.queue);
        let queue = QueueName::parse(queue).map_err(|_| Unopenable::Malformed { what: "queue" })?;
        if !sealed {
            self.admit_plaintext(&queue, &clone.original)?;
            return Ok(Content {
                body: source.body.0.to_vec(),
                content_type: source.content_type.clone().map(String::from),
                attributes: BTreeMap::clone(&source.attributes.0),
            });
        }
        let moved = source.origin_queue.as_ref().is_some_and(|origin| *origin != source.queue);
        if moved && !clone.accepts_from.iter().any(|accepted| accepted == queue.as_str()) {
            return Err(Unopenable::Moved { origin: queue.to_string() });
        }
        let opened = self
            .open_sealed(
                &Sealed {
                    queue: &queue,
                    job: clone.original,
                    kind: &source.kind,
                    session_id: source.session_id.as_deref(),
                    correlation_id: source.correlation_id.as_deref(),
                    firing: source.firing.as_ref(),
                    body: &source.body.0,
                },
                clone.age,
            )
            .await?;
        if clone.age == Age::Any
            && let Some(expires_ms) = opened.expires_ms
        {
            tracing::warn!(job = %clone.original, expires_ms, "a body is opened for a clone, expired or not");
        }
        Ok(opened.content)
    }
}
