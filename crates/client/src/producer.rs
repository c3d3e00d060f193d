//! Sending jobs, one or many.

use sealane_api::v1::{JobAccepted, JobBatchIn, JobBatchResult, JobIn};
use sealane_core::id::JobId;
use sealane_core::limits;
use sealane_core::name::QueueName;

use crate::client::Client;
use crate::error::Error;
use crate::job::Job;

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
}

impl Producer {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Sends one job. When this returns, the job is as safe as the provider keeps jobs.
    ///
    /// A transient failure is tried again with the same id and the same bytes, so the job is
    /// accepted once however often it was sent.
    ///
    /// # Errors
    /// When the job breaks a rule, could not be sealed, was refused, or no answer came in time. In
    /// the last case [`Error::may_have_happened`] tells whether it may have been accepted.
    pub async fn send(&self, queue: &str, job: Job) -> Result<Sent, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        let job = self.client.sealing().prepare(&queue, job).await?;
        let provider = self.client.provider();
        let accepted = self.client.retry("job.enqueue", || provider.enqueue(&queue, &job)).await?;
        Sent::from_wire(accepted)
    }

    /// Sends many jobs, each accepted or refused for itself, in as few requests as the limits
    /// allow. The results come in the order of the jobs.
    ///
    /// # Errors
    /// Only when the queue's name is not one; everything else is told per job.
    pub async fn send_batch(&self, queue: &str, jobs: Vec<Job>) -> Result<Vec<Result<Sent, Error>>, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        let mut results: Vec<Option<Result<Sent, Error>>> = Vec::with_capacity(jobs.len());
        let mut request = Request::default();
        for (place, job) in jobs.into_iter().enumerate() {
            results.push(None);
            match self.client.sealing().prepare(&queue, job).await {
                Err(error) => results[place] = Some(Err(error)),
                Ok(job) => {
                    if !request.has_room_for(&job) {
                        self.send_request(&queue, std::mem::take(&mut request), &mut results).await;
                    }
                    request.push(place, job);
                }
            }
        }
        self.send_request(&queue, request, &mut results).await;
        Ok(results
            .into_iter()
            .map(|result| result.expect("every job is either refused when prepared or part of a request"))
            .collect())
    }

    async fn send_request(
        &self,
        queue: &QueueName,
        request: Request,
        results: &mut [Option<Result<Sent, Error>>],
    ) {
        if request.places.is_empty() {
            return;
        }
        let provider = self.client.provider();
        let batch = JobBatchIn { jobs: request.jobs };
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
            }
            Ok(answers) => {
                for (place, answer) in request.places.into_iter().zip(answers) {
                    results[place] = Some(match answer {
                        JobBatchResult::Accepted(accepted) => Sent::from_wire(accepted),
                        JobBatchResult::Refused { error, .. } => Err(Error::item(&error)),
                    });
                }
            }
        }
    }
}

impl Sent {
    fn from_wire(accepted: JobAccepted) -> Result<Self, Error> {
        let id = JobId::parse(&accepted.id)
            .map_err(|error| Error::Answer { status: 0, detail: error.to_string() })?;
        Ok(Self { id, queue: accepted.queue, state: accepted.state })
    }
}

/// Jobs of one request, and their places in the caller's list.
#[derive(Default)]
struct Request {
    jobs: Vec<JobIn>,
    places: Vec<usize>,
    json_bytes: usize,
}

impl Request {
    fn has_room_for(&self, job: &JobIn) -> bool {
        self.jobs.len() < limits::BATCH_ITEMS_MAX
            && self.json_bytes.saturating_add(json_bytes_max(job)) < limits::REQUEST_BYTES_MAX
    }

    fn push(&mut self, place: usize, job: JobIn) {
        self.json_bytes = self.json_bytes.saturating_add(json_bytes_max(&job));
        self.jobs.push(job);
        self.places.push(place);
    }
}

/// The most bytes that a job takes in JSON: base64 for the body, six bytes for each byte of text
/// (an escaped control character), and the field names.
fn json_bytes_max(job: &JobIn) -> usize {
    const FIELD_NAMES_AND_NUMBERS: usize = 512;
    let option = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let attributes: usize = job.attributes.0.iter().map(|(name, value)| name.len() + value.len() + 1).sum();
    let tags: usize = job.tags.iter().map(|tag| tag.len() + 1).sum();
    let texts = job.kind.len()
        + option(&job.id)
        + option(&job.content_type)
        + option(&job.session_id)
        + option(&job.correlation_id)
        + option(&job.subject)
        + option(&job.run_at)
        + job.retry.as_ref().map_or(0, |retry| option(&retry.backoff))
        + attributes
        + tags;
    job.body.0.len().div_ceil(3) * 4 + texts * 6 + FIELD_NAMES_AND_NUMBERS
}

#[cfg(test)]
mod tests {
    use sealane_api::v1::RetryIn;
    use sealane_api::wire::{Bytes, StringMap};

    use super::*;

    #[test]
    fn no_job_is_longer_in_json_than_reckoned() {
        let worst = "\u{1}".repeat(256);
        let (worst_word, worst_time) = (worst.clone(), worst.clone());
        let job = JobIn {
            id: Some("0".repeat(36)),
            kind: worst.clone(),
            body: Bytes(vec![0; 1000]),
            content_type: Some(worst.clone()),
            attributes: StringMap((0..64).map(|n| (format!("{n}{worst}"), worst.clone())).collect()),
            session_id: Some(worst.clone()),
            correlation_id: Some(worst.clone()),
            subject: Some(worst.clone()),
            tags: vec![worst; 16],
            priority: Some("critical".to_owned()),
            delay_ms: Some(u64::MAX),
            run_at: Some(worst_time),
            ttl_ms: Some(u64::MAX),
            max_attempts: Some(u32::MAX),
            retry: Some(RetryIn {
                backoff: Some(worst_word),
                base_ms: Some(u64::MAX),
                cap_ms: Some(u64::MAX),
                jitter_percent: Some(u8::MAX),
            }),
        };
        let actual = serde_json::to_vec(&job).unwrap().len() + 1;
        assert!(actual <= json_bytes_max(&job), "{actual} > {}", json_bytes_max(&job));
    }
}
