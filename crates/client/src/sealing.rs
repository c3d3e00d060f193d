//! Between jobs as people write them and jobs as they travel: every body that leaves or enters a
//! client passes here, and here alone plaintext turns into envelopes and back.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use sealane_api::problem::{Code, Problem};
use sealane_api::v1::{FiringOut, JobIn, JobOut, JobParts, LeasedCheckpoint, LeasedJob, ParentOut};
use sealane_api::wire::{Bytes, Id, StringMap, Text, Timestamp, from_rfc3339};
use sealane_core::id::{JobId, ScheduleId};
use sealane_core::job::{Priority, State};
use sealane_core::limits;
use sealane_core::name::{AttributeName, Namespace, QueueName};
use sealane_core::queue::Firing;
use sealane_core::sealed::CONTENT_TYPE;
use sealane_envelope::{
    BodyContext, Content, Envelope, Opened, Part, PartContext, SealError, TemplateContext,
};

use crate::clock::Clock;
use crate::delivery::{Delivery, Unopenable};
use crate::error::Error;
use crate::job::Job;
use crate::job_ids::JobIds;
use crate::parent::Parent;
use crate::plaintext::PlaintextPolicy;
use crate::tally::{Counters, count};

pub(crate) struct Sealing {
    pub(crate) namespace: Namespace,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) reading: Option<PlaintextPolicy>,
    pub(crate) sends_plaintext: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: JobIds,
    pub(crate) counters: Counters,
}

impl Sealing {
    /// Makes a job ready to travel. What comes back can be sent any number of times: same id,
    /// same bytes.
    pub(crate) async fn prepare(&self, queue: &QueueName, job: Job) -> Result<JobIn, Error> {
        let id = job.id.map_or_else(|| self.ids.next(), Ok)?;
        let (mut wire, content) = self.unsealed(job)?;
        wire.id = Some(id.to_string());
        // Why before the body is in: the rules for texts are checked without copying a megabyte. Why without
        // the policy: in a flow it may be about other nodes, which the job does not know of.
        JobParts::try_from(JobIn { on_failure: None, ..wire.clone() })?;
        if let Some(envelope) = self.sealing_with() {
            let context = BodyContext {
                namespace: self.namespace.as_str(),
                queue: queue.as_str(),
                job_id: *id.as_bytes(),
                kind: &wire.kind,
                session_id: wire.session_id.as_deref(),
                correlation_id: wire.correlation_id.as_deref(),
            };
            let ttl = wire.ttl_ms.map(|ttl| self.clock.now_ms().saturating_add(ttl));
            let expires_ms = wire.expires_at.map(|end| end.0.unix_ms()).or(ttl);
            let sealed = match wire.clone_of {
                Some(Id(original)) => {
                    envelope.seal_clone(&context, *original.as_bytes(), &content, expires_ms).await?
                }
                None => envelope.seal_body(&context, &content, expires_ms).await?,
            };
            if wire.idempotency_key.is_some() {
                let (namespace, queue) = (self.namespace.as_str(), queue.as_str());
                let print = envelope.fingerprint(namespace, queue, &wire.kind, &content.body).await?;
                wire.body_fingerprint = Some(print.to_vec().into());
            }
            self.put_sealed(&mut wire, sealed);
        } else {
            self.put_plain(&mut wire, content, &id.to_string(), queue);
        }
        within_limit(wire)
    }

    /// Makes the job of a schedule ready to travel: sealed once, for all firings of this schedule.
    pub(crate) async fn prepare_template(
        &self,
        queue: &QueueName,
        schedule: ScheduleId,
        job: Job,
    ) -> Result<JobIn, Error> {
        if job.id.is_some() || job.delay.is_some() || job.run_at.is_some() {
            return Err(Error::invalid("a schedule's jobs have neither an id nor a time of their own"));
        }
        let (mut wire, content) = self.unsealed(job)?;
        JobParts::try_from(wire.clone())?;
        if let Some(envelope) = self.sealing_with() {
            let context = TemplateContext {
                namespace: self.namespace.as_str(),
                queue: queue.as_str(),
                schedule,
                kind: &wire.kind,
                session_id: wire.session_id.as_deref(),
                correlation_id: wire.correlation_id.as_deref(),
            };
            let sealed = envelope.seal_template(&context, &content).await?;
            self.put_sealed(&mut wire, sealed);
        } else {
            self.put_plain(&mut wire, content, &schedule.to_string(), queue);
        }
        within_limit(wire)
    }

    /// What travels in the clear either way, and what may be sealed.
    fn unsealed(&self, job: Job) -> Result<(JobIn, Content), Error> {
        check_attributes(&job)?;
        let content =
            Content { body: job.body, content_type: job.content_type.clone(), attributes: job.attributes };
        let wire = JobIn {
            id: None,
            kind: job.kind.into(),
            session_id: job.session_id.map(Text::from),
            correlation_id: job.correlation_id.map(Text::from),
            subject: job.subject.map(Text::from),
            tags: job.tags.into_iter().map(Text::from).collect(),
            priority: job.priority.map(|priority| priority.as_str().to_owned()),
            delay_ms: job.delay.map(millis),
            run_at: job.run_at.as_deref().map(|text| time("run_at", text)).transpose()?,
            ttl_ms: job.ttl.map(millis),
            expires_at: job.expires_at.as_deref().map(|text| time("expires_at", text)).transpose()?,
            max_attempts: job.max_attempts,
            retry: job.retry,
            fair_key: job.fair_key.map(Text::from),
            after: job.after.into_iter().map(Id).collect(),
            after_any: job.after_any.into_iter().map(Id).collect(),
            on_failure: job.on_failure.map(|policy| policy.to_string()),
            clone_of: job.clone_of.map(Id),
            content_type: job.content_type.map(Text::from),
            attributes: StringMap(job.clear_attributes),
            body: Bytes::default(),
            idempotency_key: job.idempotency_key.map(Text::from),
            body_fingerprint: None,
            unique: job.unique,
        };
        Ok((wire, content))
    }

    pub(crate) fn sealing_with(&self) -> Option<&Envelope> {
        self.envelope.as_ref().filter(|_| !self.sends_plaintext)
    }

    fn put_sealed(&self, wire: &mut JobIn, sealed: Vec<u8>) {
        wire.body = sealed.into();
        wire.content_type = Some(CONTENT_TYPE.into());
        count(&self.counters.sealed);
    }

    fn put_plain(&self, wire: &mut JobIn, content: Content, what: &str, queue: &QueueName) {
        if self.envelope.is_some() {
            tracing::warn!(job = what, %queue, "a body leaves unsealed although there are keys");
        }
        wire.attributes.0.extend(content.attributes);
        wire.body = content.body.into();
        count(&self.counters.sent_plain);
    }

    /// Opens a leased job. `queue` is where the caller took it from: the message has no say in it.
    pub(crate) async fn open(&self, queue: &QueueName, leased: LeasedJob) -> Result<Delivery, Unopenable> {
        let opened = self.open_leased(queue, leased).await;
        match &opened {
            Ok(delivery) if delivery.sealed => count(&self.counters.opened),
            Ok(_) => count(&self.counters.taken_plain),
            Err(_) => count(&self.counters.unopenable),
        }
        opened
    }

    async fn open_leased(&self, queue: &QueueName, leased: LeasedJob) -> Result<Delivery, Unopenable> {
        let malformed = |what| Unopenable::Malformed { what };
        let id = leased.id.0;
        let sealed = leased.content_type.as_deref() == Some(CONTENT_TYPE);
        let mut delivery = Delivery {
            id,
            queue: queue.clone(),
            kind: leased.kind.into(),
            body: Vec::new(),
            content_type: leased.content_type.map(String::from),
            attributes: leased.attributes.0,
            clear_attributes: Default::default(),
            session_id: leased.session_id.map(String::from),
            correlation_id: leased.correlation_id.map(String::from),
            subject: leased.subject.map(String::from),
            tags: leased.tags.into_iter().map(String::from).collect(),
            priority: Priority::parse(&leased.priority).ok_or_else(|| malformed("priority"))?,
            attempt: leased.attempt,
            max_attempts: leased.max_attempts,
            owner: leased.owner.into(),
            created_at: leased.created_at.0,
            expires_at: leased.expires_at.map(|at| at.0),
            clone_of: leased.clone_of.map(|original| original.0),
            sealed,
        };
        if !sealed {
            self.admit_plaintext(queue, &id)?;
            delivery.body = leased.body.into();
            return Ok(delivery);
        }
        let sealed = Sealed {
            queue,
            job: id,
            kind: &delivery.kind,
            session_id: delivery.session_id.as_deref(),
            correlation_id: delivery.correlation_id.as_deref(),
            firing: leased.firing.as_ref(),
            body: &leased.body.0,
        };
        let opened = self.open_sealed(&sealed, Age::Limited).await?;
        // Why: of a sealed job its envelope is the judge, whatever the server says.
        delivery.clone_of = opened.clone_of.map(JobId::from_bytes);
        delivery.body = opened.content.body;
        delivery.content_type = opened.content.content_type;
        delivery.clear_attributes = std::mem::replace(&mut delivery.attributes, opened.content.attributes);
        Ok(delivery)
    }

    /// Opens a sealed body. Where it belongs is the caller's word: the message has no say in it.
    pub(crate) async fn open_sealed(&self, sealed: &Sealed<'_>, age: Age) -> Result<Opened, Unopenable> {
        let context = BodyContext {
            namespace: self.namespace.as_str(),
            queue: sealed.queue.as_str(),
            job_id: *sealed.job.as_bytes(),
            kind: sealed.kind,
            session_id: sealed.session_id,
            correlation_id: sealed.correlation_id,
        };
        let envelope = self.envelope.as_ref().ok_or(Unopenable::NoKeys)?;
        let firing = sealed.firing.map(read_firing).transpose()?;
        // A template does not expire.
        Ok(match (&firing, age) {
            (Some(firing), _) => envelope.open_firing(&context, firing, sealed.body).await?,
            (None, Age::Limited) => envelope.open_body(&context, sealed.body).await?,
            (None, Age::Any) => envelope.open_expired_body(&context, sealed.body).await?,
        })
    }

    /// Opens what the jobs that a leased one waited for came to.
    pub(crate) async fn open_parents(&self, parents: Vec<ParentOut>) -> Result<Vec<Parent>, Unopenable> {
        let malformed = |what| Unopenable::Malformed { what };
        let mut opened = Vec::with_capacity(parents.len());
        for parent in parents {
            let id = parent.job_id.0;
            let queue = QueueName::parse(&parent.origin_queue).map_err(|_| malformed("parent's queue"))?;
            let state = State::parse(&parent.state).ok_or_else(|| malformed("parent's state"))?;
            let result = match parent.result {
                None => None,
                Some(bytes) if parent.sealed => {
                    let envelope = self.envelope.as_ref().ok_or(Unopenable::NoKeys)?;
                    let part = Part::Result;
                    let place = PartPlace { queue: &queue, job: id, part, attempt: parent.attempt };
                    let content = envelope.open_part(&place.context(&self.namespace), &bytes.0).await?;
                    Some(content.content.body)
                }
                Some(bytes) => {
                    self.admit_plaintext(&queue, &id)?;
                    Some(bytes.into())
                }
            };
            let (attempt, result_left_out) = (parent.attempt, parent.result_left_out);
            opened.push(Parent { id, queue, attempt, state, result, result_left_out });
        }
        Ok(opened)
    }

    /// Judges what is not sealed by the policy of whoever reads it.
    pub(crate) fn admit_plaintext(&self, queue: &QueueName, what: &dyn Display) -> Result<(), Unopenable> {
        match (self.reading, &self.envelope) {
            (Some(PlaintextPolicy::Reject), _) | (None, Some(_)) => Err(Unopenable::PlaintextRefused),
            (Some(PlaintextPolicy::Allow), _) => {
                tracing::warn!(job = %what, %queue, "an unsealed body is taken");
                Ok(())
            }
            (Some(PlaintextPolicy::AllowWithAlert), _) => {
                tracing::error!(job = %what, %queue, "an unsealed body is taken");
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// Seals what a worker reports about a sealed job.
    pub(crate) async fn seal_part(
        &self,
        place: &PartPlace<'_>,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, SealError> {
        let envelope = self.envelope.as_ref().expect("a sealed job was opened with this very envelope");
        envelope.seal_part(&place.context(&self.namespace), &Content::from_body(bytes)).await
    }

    /// Opens what a former attempt left. It is sealed if the job is, or it does not open.
    pub(crate) async fn open_checkpoint(
        &self,
        queue: &QueueName,
        job: JobId,
        sealed: bool,
        checkpoint: Option<LeasedCheckpoint>,
    ) -> Result<Option<Vec<u8>>, Unopenable> {
        let Some(LeasedCheckpoint { attempt, seq, bytes }) = checkpoint else { return Ok(None) };
        if !sealed {
            return Ok(Some(bytes.into()));
        }
        let envelope = self.envelope.as_ref().ok_or(Unopenable::NoKeys)?;
        let place = PartPlace { queue, job, part: Part::Checkpoint { seq }, attempt };
        Ok(Some(envelope.open_part(&place.context(&self.namespace), &bytes.0).await?.content.body))
    }

    /// Tells the errors of a queue apart without saying what they are. `None` where the keys are out of
    /// reach: the failure is reported without it.
    pub(crate) async fn error_fingerprint(&self, queue: &QueueName, error: &[u8]) -> Option<[u8; 16]> {
        let envelope = self.envelope.as_ref()?;
        let made = envelope.error_fingerprint(self.namespace.as_str(), queue.as_str(), error).await;
        made.inspect_err(|error| tracing::debug!(%queue, %error, "an error has no fingerprint")).ok()
    }

    /// Opens what a worker reported. Whether it must be sealed follows from the job, and from the
    /// policy where the job claims not to be.
    pub(crate) async fn open_part(
        &self,
        job: &JobOut,
        part: Part,
        attempt: u32,
        bytes: &[u8],
    ) -> Result<Vec<u8>, Unopenable> {
        let malformed = |what| Unopenable::Malformed { what };
        let id = JobId::parse(&job.id).map_err(|_| malformed("id"))?;
        let queue = QueueName::parse(job.origin_queue.as_ref().unwrap_or(&job.queue))
            .map_err(|_| malformed("queue"))?;
        if job.content_type.as_deref() != Some(CONTENT_TYPE) {
            self.admit_plaintext(&queue, &id)?;
            return Ok(bytes.to_vec());
        }
        let envelope = self.envelope.as_ref().ok_or(Unopenable::NoKeys)?;
        let place = PartPlace { queue: &queue, job: id, part, attempt };
        Ok(envelope.open_part(&place.context(&self.namespace), bytes).await?.content.body)
    }
}

/// A sealed body, and where it belongs.
pub(crate) struct Sealed<'a> {
    pub(crate) queue: &'a QueueName,
    pub(crate) job: JobId,
    pub(crate) kind: &'a str,
    pub(crate) session_id: Option<&'a str>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) firing: Option<&'a FiringOut>,
    pub(crate) body: &'a [u8],
}

/// How old a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// Up to its own expiry.
    Limited,
    /// As old as it is.
    Any,
}

/// Which report of which attempt.
pub(crate) struct PartPlace<'a> {
    pub(crate) queue: &'a QueueName,
    pub(crate) job: JobId,
    pub(crate) part: Part,
    pub(crate) attempt: u32,
}

impl PartPlace<'_> {
    fn context<'a>(&'a self, namespace: &'a Namespace) -> PartContext<'a> {
        PartContext {
            namespace: namespace.as_str(),
            queue: self.queue.as_str(),
            job_id: *self.job.as_bytes(),
            part: self.part,
            attempt: self.attempt,
        }
    }
}

fn within_limit(wire: JobIn) -> Result<JobIn, Error> {
    let bytes = wire.body.0.len();
    if bytes <= limits::BODY_BYTES_MAX {
        return Ok(wire);
    }
    let detail = format!(
        "the body takes {bytes} bytes as it travels and may take {}: send a reference to larger data",
        limits::BODY_BYTES_MAX
    );
    Err(Error::refused(&Problem::new(Code::BodyTooLarge, detail)))
}

fn read_firing(told: &FiringOut) -> Result<Firing, Unopenable> {
    let schedule = ScheduleId::parse(&told.schedule_id);
    let schedule = schedule.map_err(|_| Unopenable::Malformed { what: "firing" })?;
    Ok(Firing { schedule, due: told.due_at.0 })
}

fn time(name: &str, text: &str) -> Result<Timestamp, Error> {
    let time = from_rfc3339(text).map(Timestamp);
    time.ok_or_else(|| Error::invalid(format!("{name} must be a time as in 2026-01-31T09:30:00Z")))
}

/// The same rules for attributes inside and outside of the envelope: they look the same.
fn check_attributes(job: &Job) -> Result<(), Error> {
    if job.attributes.len() + job.clear_attributes.len() > limits::ATTRIBUTES_MAX {
        return Err(Error::invalid(format!("a job has at most {} attributes", limits::ATTRIBUTES_MAX)));
    }
    for (name, value) in &job.attributes {
        AttributeName::parse(name).map_err(Error::invalid)?;
        if value.len() > limits::ATTRIBUTE_VALUE_BYTES_MAX {
            let detail =
                format!("an attribute's value has at most {} bytes", limits::ATTRIBUTE_VALUE_BYTES_MAX);
            return Err(Error::invalid(detail));
        }
    }
    Ok(())
}

fn millis(length: Duration) -> u64 {
    // Why the upper end: the limits refuse it, where a wrapped number might pass.
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
