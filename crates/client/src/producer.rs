//! Sending jobs, one or many.

use sealane_api::problem::{Code, Problem};
use sealane_api::v1::{FlowIn, FlowNodeIn, JobAccepted, JobBatchIn, JobBatchResult, JobIn};
use sealane_api::wire::Text;
use sealane_core::id::{FlowId, JobId};
use sealane_core::limits;
use sealane_core::name::QueueName;

use crate::client::Client;
use crate::error::Error;
use crate::flow::{Flow, FlowSent};
use crate::job::Job;
use crate::typed::TypedJob;

/// Sends jobs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Producer {
    client: Client,
}

/// A job that was accepted, now or by an earlier try whose answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The job's id.
    pub id: JobId,
    /// Its queue.
    pub queue: String,
    /// `ready` or `delayed`: the state in which it was accepted.
    pub state: String,
    /// Whether another job of the same unique key stood in for what was sent: this is that one.
    pub merged: bool,
}

impl Producer {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Sends one job. When this returns, the job is as safe as the provider keeps jobs.
    ///
    /// A transient failure is tried again with the same id and the same bytes, so the job is
    /// accepted once however often it was sent. Calls on one client that meet share a request, see
    /// [`ClientBuilder::one_request_per_call`](crate::ClientBuilder::one_request_per_call).
    ///
    /// Dropped before it returns, the job may or may not have been accepted; sent again under the same
    /// [`Job::id`] with the same content it is accepted once.
    ///
    /// # Errors
    /// When the job breaks a rule, could not be sealed, was refused, or no answer came in time. In
    /// the last case [`Error::may_have_happened`] tells whether it may have been accepted.
    pub async fn send(&self, queue: &str, job: Job) -> Result<Sent, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        let job = self.client.sealing().prepare(&queue, job).await?;
        let sends = &self.client.gathering().sends;
        let accepted = self.client.retry_gathered("job.enqueue", || sends.join(&queue, job.clone())).await?;
        Ok(Sent::from_wire(accepted))
    }

    /// Sends a value as a job, as [`Producer::send`] does. For more about the job begin with
    /// [`Job::typed`].
    ///
    /// # Errors
    /// As [`Producer::send`], and when the value cannot be written as JSON.
    pub async fn send_typed<T: TypedJob + Sync>(&self, queue: &str, value: &T) -> Result<Sent, Error> {
        self.send(queue, Job::typed(value)?).await
    }

    /// Sends many jobs, each accepted or refused for itself, in as few requests as the limits
    /// allow, one behind the other. The results come in the order of the jobs.
    ///
    /// Where a request as a whole comes to nothing, the rest is not tried, so that no job of a session is
    /// accepted while one in front of it was not. What was not sent has the same error; where that is a
    /// missing answer, [`Error::may_have_happened`] tells both apart.
    ///
    /// # Errors
    /// Only when the queue's name is not one; everything else is told per job.
    pub async fn send_batch(&self, queue: &str, jobs: Vec<Job>) -> Result<Vec<Result<Sent, Error>>, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        let mut results: Vec<Option<Result<Sent, Error>>> = Vec::with_capacity(jobs.len());
        let mut request = Request::default();
        let mut stopped = None;
        for (place, job) in jobs.into_iter().enumerate() {
            results.push(stopped.clone().map(Err));
            if stopped.is_some() {
                continue;
            }
            match self.client.sealing().prepare(&queue, job).await {
                Err(error) => results[place] = Some(Err(error)),
                Ok(job) => {
                    if !request.has_room_for(&job) {
                        let full = std::mem::take(&mut request);
                        let sent = self.send_request(&queue, full, false, &mut results).await;
                        stopped = sent.err().map(of_the_rest);
                    }
                    match &stopped {
                        Some(error) => results[place] = Some(Err(error.clone())),
                        None => request.push(place, job),
                    }
                }
            }
        }
        // Why ignored: each of its jobs says so.
        let _ = self.send_request(&queue, request, false, &mut results).await;
        Ok(in_order(results))
    }

    /// Sends many jobs, all of them or none: where one is refused it says why, and the others say
    /// `not_done`.
    ///
    /// # Errors
    /// When the queue's name is not one, or the jobs are more than one request can hold: they could
    /// not be sent together.
    pub async fn send_batch_atomic(
        &self,
        queue: &str,
        jobs: Vec<Job>,
    ) -> Result<Vec<Result<Sent, Error>>, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        let mut results: Vec<Option<Result<Sent, Error>>> = Vec::with_capacity(jobs.len());
        let mut request = Request::default();
        for (place, job) in jobs.into_iter().enumerate() {
            match self.client.sealing().prepare(&queue, job).await {
                Err(error) => results.push(Some(Err(error))),
                Ok(job) if request.has_room_for(&job) => {
                    results.push(None);
                    request.push(place, job);
                }
                Ok(_) => {
                    return Err(Error::invalid(format!(
                        "an atomic batch is one request, of at most {} jobs and {} bytes: send fewer together",
                        limits::BATCH_ITEMS_MAX,
                        limits::REQUEST_BYTES_MAX
                    )));
                }
            }
        }
        if request.places.len() < results.len() {
            for result in results.iter_mut().filter(|result| result.is_none()) {
                *result = Some(Err(Error::refused(&Problem::new(
                    Code::NotDone,
                    "another job of this batch could not be sent, so none was",
                ))));
            }
        } else {
            // Why ignored: each of its jobs says so.
            let _ = self.send_request(&queue, request, true, &mut results).await;
        }
        Ok(in_order(results))
    }

    /// Submits a flow: all of its jobs are accepted, or none. Each is sealed for itself, like a job that
    /// is sent alone. A transient failure is tried again with the same ids and the same bytes.
    ///
    /// # Errors
    /// As [`Producer::send`], and when the flow breaks a rule: nodes that wait for each other in a
    /// circle, a name that is no node's, more nodes than a flow may have. The text names the node.
    pub async fn submit(&self, flow: Flow) -> Result<FlowSent, Error> {
        let sealing = self.client.sealing();
        let id = match flow.id {
            Some(id) => id,
            None => FlowId::from_bytes(*sealing.ids.next()?.as_bytes()),
        };
        let texts = |names: Vec<String>| names.into_iter().map(Text::from).collect();
        let mut nodes = Vec::with_capacity(flow.nodes.len());
        for node in flow.nodes {
            let queue = QueueName::parse(&node.queue).map_err(Error::invalid)?;
            nodes.push(FlowNodeIn {
                name: node.name.into(),
                queue: node.queue.into(),
                after: texts(node.after),
                after_any: texts(node.after_any),
                children: texts(node.children),
                job: sealing.prepare(&queue, node.job).await?,
            });
        }
        let flow = FlowIn { id: id.to_string(), nodes };
        let provider = self.client.provider();
        let accepted = self.client.retry("flow.submit", || provider.submit_flow(&flow)).await?;
        let sent = accepted.nodes.into_iter().map(|node| {
            let (id, state) = (node.id.0, node.state.into_owned());
            let sent = Sent { id, queue: node.queue.into(), state, merged: false };
            (node.name.into(), sent)
        });
        Ok(FlowSent { id, jobs: sent.collect() })
    }

    /// Sends one request, and notes what became of its jobs; fails when it came to nothing as a whole.
    async fn send_request(
        &self,
        queue: &QueueName,
        request: Request,
        atomic: bool,
        results: &mut [Option<Result<Sent, Error>>],
    ) -> Result<(), Error> {
        if request.places.is_empty() {
            return Ok(());
        }
        let provider = self.client.provider();
        let batch = JobBatchIn { jobs: request.jobs, atomic };
        let answer = self.client.retry("job.enqueue_batch", || provider.enqueue_batch(queue, &batch)).await;
        let answer = answer.and_then(|answer| {
            if answer.results.len() == batch.jobs.len() {
                return Ok(answer.results);
            }
            Err(Error::Answer { status: 0, detail: "it has not one result per job".to_owned() })
        });
        match answer {
            Err(error) => {
                for place in request.places {
                    results[place] = Some(Err(error.clone()));
                }
                Err(error)
            }
            Ok(answers) => {
                for (place, answer) in request.places.into_iter().zip(answers) {
                    results[place] = Some(match answer {
                        JobBatchResult::Accepted(accepted) => Ok(Sent::from_wire(accepted)),
                        JobBatchResult::Refused { error, .. } => Err(Error::item(&error)),
                    });
                }
                Ok(())
            }
        }
    }
}

/// Why what stood behind a request was not sent.
fn of_the_rest(error: Error) -> Error {
    match error {
        Error::Unreachable { place, cause, .. } => {
            Error::Unreachable { place, may_have_happened: false, cause }
        }
        other => other,
    }
}

fn in_order(results: Vec<Option<Result<Sent, Error>>>) -> Vec<Result<Sent, Error>> {
    let told =
        |result: Option<_>| result.expect("every job is either refused when prepared or part of a request");
    results.into_iter().map(told).collect()
}

impl Sent {
    fn from_wire(accepted: JobAccepted) -> Self {
        Self {
            id: accepted.id.0,
            queue: accepted.queue.into(),
            state: accepted.state.into_owned(),
            merged: accepted.merged,
        }
    }
}

/// Jobs of one request, and their places in the caller's list.
#[derive(Default)]
struct Request {
    jobs: Vec<JobIn>,
    places: Vec<usize>,
    bytes: usize,
}

impl Request {
    fn has_room_for(&self, job: &JobIn) -> bool {
        self.jobs.len() < limits::BATCH_ITEMS_MAX
            && self.bytes.saturating_add(bytes_max(job)) < limits::REQUEST_BYTES_MAX
    }

    fn push(&mut self, place: usize, job: JobIn) {
        self.bytes = self.bytes.saturating_add(bytes_max(&job));
        self.jobs.push(job);
        self.places.push(place);
    }
}

/// The most bytes that a job takes as it is sent: its body and texts as they are, the length in front
/// of each, field names and numbers.
pub(crate) fn bytes_max(job: &JobIn) -> usize {
    const FIELD_NAMES_AND_NUMBERS: usize = 640;
    const LENGTH: usize = 5;
    let option = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.len());
    let attributes: usize =
        job.attributes.0.iter().map(|(name, value)| name.len() + value.len() + 2 * LENGTH).sum();
    let tags: usize = job.tags.iter().map(|tag| tag.len() + LENGTH).sum();
    let texts = job.kind.len()
        + job.id.as_ref().map_or(0, String::len)
        + option(&job.content_type)
        + option(&job.session_id)
        + option(&job.correlation_id)
        + option(&job.subject)
        + option(&job.fair_key)
        + job.retry.as_ref().and_then(|retry| retry.backoff.as_ref()).map_or(0, String::len)
        + option(&job.idempotency_key)
        + job.body_fingerprint.as_ref().map_or(0, |print| print.0.len())
        + job.unique.as_ref().map_or(0, |unique| {
            unique.key.len() + unique.on_conflict.as_ref().map_or(0, String::len) + 2 * LENGTH
        })
        + attributes
        + tags;
    // A UUID in text and the byte or three around it.
    let jobs = (job.after.len() + job.after_any.len() + usize::from(job.clone_of.is_some())) * 40;
    job.body.0.len() + texts + jobs + FIELD_NAMES_AND_NUMBERS
}

#[cfg(test)]
mod tests {
    use sealane_api::format::Format;
    use sealane_api::v1::{RetryIn, UniqueIn};
    use sealane_api::wire::{Id, StringMap, Timestamp};
    use sealane_core::time::Time;

    use super::*;

    #[test]
    fn no_job_is_longer_than_reckoned() {
        let worst = "\u{1}".repeat(256);
        let worst_word = worst.clone();
        let job = JobIn {
            id: Some("0".repeat(36)),
            kind: worst.as_str().into(),
            body: vec![0; 1000].into(),
            content_type: Some(worst.as_str().into()),
            attributes: StringMap((0..64).map(|n| (format!("{n}{worst}"), worst.clone())).collect()),
            session_id: Some(worst.as_str().into()),
            correlation_id: Some(worst.as_str().into()),
            subject: Some(worst.as_str().into()),
            tags: vec![worst.into(); 16],
            priority: Some("critical".to_owned()),
            delay_ms: Some(u64::MAX),
            run_at: Some(Timestamp(Time::from_unix_ms(u64::MAX))),
            ttl_ms: Some(u64::MAX),
            expires_at: None,
            max_attempts: Some(u32::MAX),
            fair_key: Some("\u{1}".repeat(256).into()),
            retry: Some(RetryIn {
                backoff: Some(worst_word),
                base_ms: Some(u64::MAX),
                cap_ms: Some(u64::MAX),
                jitter_percent: Some(u8::MAX),
            }),
            idempotency_key: Some("\u{1}".repeat(256).into()),
            body_fingerprint: Some(vec![0; 16].into()),
            unique: Some(UniqueIn {
                key: "\u{1}".repeat(256).into(),
                on_conflict: Some("\u{1}".repeat(256)),
            }),
            after: vec![Id(JobId::from_bytes([255; 16])); 600],
            after_any: vec![Id(JobId::from_bytes([255; 16])); 400],
            on_failure: Some("cancel".to_owned()),
            clone_of: Some(Id(JobId::from_bytes([255; 16]))),
        };
        let actual = Format::Cbor.write(&job, 0).len();
        assert!(actual <= bytes_max(&job), "{actual} > {}", bytes_max(&job));
    }
}
