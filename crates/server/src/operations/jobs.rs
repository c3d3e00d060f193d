//! Jobs: accept them, show them.

use std::sync::Arc;

use sealane_api::operation::{JobEnqueue, JobEnqueueBatch, JobGet, JobLogs, JobWait};
use sealane_api::problem::{Code, ItemError, Problem};
use sealane_api::v1::{
    JobAccepted, JobBatchOut, JobBatchResult, JobIn, JobLogOut, JobOut, JobParts, LogEntry, WorkerSaid,
};
use sealane_core::control::AccessKey;
use sealane_core::id::JobId;
use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::JobView;
use sealane_core::record::{RecordRef, RecordSlice};
use sealane_storage::ReadError;

use crate::authz::{Authorized, Standing, sees};
use crate::boundary::{Door, Handle};
use crate::runtime::{Fault, NewJob};

impl Handle<JobEnqueue> for Door {
    async fn handle(&self, asked: Authorized<JobEnqueue>) -> Result<JobAccepted, Problem> {
        let (JobEnqueue { queue, job }, key) = asked.into_parts();
        let key = Arc::new(key);
        let job = self.new_job(job, &queue, &key)?;
        let principal = key.principal.clone();
        let mut results = self.engine.enqueue(queue.clone(), principal, vec![job], false).await?;
        let accepted = results.pop().expect("one job, one result");
        let accepted = accepted.map_err(|fault| self.told(&key, fault))?;
        Ok(JobAccepted::answer(&accepted.acceptance, &queue, accepted.fresh))
    }
}

impl Handle<JobEnqueueBatch> for Door {
    async fn handle(&self, asked: Authorized<JobEnqueueBatch>) -> Result<JobBatchOut, Problem> {
        let (JobEnqueueBatch { queue, batch }, key) = asked.into_parts();
        within_batch(batch.jobs.len())?;
        // Each job is judged for itself: what cannot be read is refused in its place.
        let mut results: Vec<Option<JobBatchResult>> = Vec::with_capacity(batch.jobs.len());
        let mut jobs = Vec::with_capacity(batch.jobs.len());
        let key = Arc::new(key);
        for job in batch.jobs {
            let id = job.id.clone();
            match self.new_job(job, &queue, &key) {
                Ok(job) => {
                    results.push(None);
                    jobs.push(job);
                }
                Err(problem) => results.push(Some(refused(id, &problem))),
            }
        }
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let judged = if batch.atomic && jobs.len() < results.len() {
            jobs.iter().map(|_| Err(Fault::NotDone)).collect()
        } else {
            self.engine.enqueue(queue.clone(), key.principal.clone(), jobs, batch.atomic).await?
        };
        let mut judged = ids.into_iter().zip(judged);
        for place in results.iter_mut().filter(|place| place.is_none()) {
            let (id, result) = judged.next().expect("one result for each job that was handed over");
            *place = Some(match result {
                Ok(accepted) => JobBatchResult::Accepted(JobAccepted::answer(
                    &accepted.acceptance,
                    &queue,
                    accepted.fresh,
                )),
                Err(fault) => refused(Some(id.to_string()), &self.told(&key, fault)),
            });
        }
        Ok(JobBatchOut { results: results.into_iter().flatten().collect() })
    }
}

impl Handle<JobGet> for Door {
    async fn handle(&self, asked: Authorized<JobGet>) -> Result<JobOut, Problem> {
        let view = asked.job().expect("the authoriser looks up the job of every operation about one").clone();
        self.show(view, asked.key()).await
    }
}

impl Handle<JobWait> for Door {
    async fn handle(&self, asked: Authorized<JobWait>) -> Result<JobOut, Problem> {
        let (JobWait { job, wish }, key) = asked.into_parts();
        self.engine.await_end(job, wish.wait()?).await?;
        // Why again: the wait may have been long, and the key may be revoked by now.
        if !self.access_keys.is_live(&key.id, self.clock.now()) {
            return Err(Problem::new(
                Code::Unauthenticated,
                "the access key was revoked or expired meanwhile",
            ));
        }
        let namespace = self.namespace.clone();
        let view = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                shard.job(&job).map(|view| (shard.queue_name(view.queue).clone(), view))
            })
            .await?;
        // Why again as well: the job may have been moved out of what the key opens, or have died.
        let seen = view.filter(|(queue, view)| sees(&key, Standing::of(view, queue)));
        let (_, view) = seen.ok_or_else(Problem::not_found)?;
        self.show(view, &key).await
    }
}

impl Door {
    async fn show(&self, view: JobView, key: &AccessKey) -> Result<JobOut, Problem> {
        let namespace = self.namespace.clone();
        let (number, id) = (view.queue, view.id);
        let sight = key.clone();
        let (queue, attempts, dependencies) = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let dependencies = super::flows::dependencies(shard, &id, &sight);
                (shard.queue_name(number).clone(), shard.attempts(&id), dependencies)
            })
            .await?;
        let owner = view.owner == key.principal;
        // Why only the owner: results and errors are bodies, and metadata is what this right is about.
        let outcome = |record: Option<RecordRef>| -> Result<Option<Vec<u8>>, Problem> {
            let Some(record) = record.filter(|_| owner) else { return Ok(None) };
            Ok(self.readable(self.records.read_outcome(record))?.flatten())
        };
        let message = view.reported.progress.and_then(|progress| progress.message).filter(|_| owner);
        let said = WorkerSaid {
            result: outcome(view.result)?,
            error: outcome(view.last_failure.and_then(|failure| failure.record))?,
            message: message.map(|slice| self.slice(&slice)).transpose()?.flatten(),
        };
        let input = self.readable(self.records.read_job(view.input))?;
        let shown = JobOut::show(&view, &queue, &attempts, input.as_deref(), said);
        Ok(JobOut { dependencies, ..shown })
    }
}

impl Handle<JobLogs> for Door {
    async fn handle(&self, asked: Authorized<JobLogs>) -> Result<JobLogOut, Problem> {
        let owner = asked.job().expect("the authoriser looks up the job of every operation about one").owner
            == asked.key().principal;
        let (JobLogs { job, page }, _) = asked.into_parts();
        let (max, after, namespace) = (page.max()?, page.after(), self.namespace.clone());
        let (mut found, dropped) = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let dropped = shard.job(&job).map_or(0, |view| view.reported.log_dropped);
                (shard.job_log(&job, after, max + 1), dropped)
            })
            .await?;
        let more = found.len() > max;
        found.truncate(max);
        let mut entries = Vec::with_capacity(found.len());
        for entry in &found {
            // Why only the owner: what a worker writes about a job is as much the owner's as the result.
            let bytes = if owner { self.slice(&entry.bytes)? } else { None };
            entries.push(LogEntry::show(entry, bytes));
        }
        Ok(JobLogOut { entries, dropped, more })
    }
}

/// Refuses batches of none or too many.
pub(super) fn within_batch(items: usize) -> Result<(), Problem> {
    if (1..=limits::BATCH_ITEMS_MAX).contains(&items) {
        return Ok(());
    }
    Err(Problem::invalid(format!("a batch has 1 to {} items", limits::BATCH_ITEMS_MAX)))
}

fn refused(id: Option<String>, problem: &Problem) -> JobBatchResult {
    JobBatchResult::Refused { id, error: ItemError::from(problem) }
}

impl Door {
    fn new_job(&self, job: JobIn, queue: &QueueName, key: &Arc<AccessKey>) -> Result<NewJob, Problem> {
        self.job_of(JobParts::try_from(job)?, queue, key)
    }

    pub(super) fn job_of(
        &self,
        parts: JobParts,
        queue: &QueueName,
        key: &Arc<AccessKey>,
    ) -> Result<NewJob, Problem> {
        let digest = self.job_digests.of(queue, &key.principal, &parts);
        let options = self.options(&parts, queue, &key.principal).boxed();
        let id = match parts.id {
            Some(id) => id,
            None => self.new_job_id()?,
        };
        Ok(NewJob {
            id,
            id_given: parts.id.is_some(),
            input: Arc::new(parts.input),
            priority: parts.priority,
            start: parts.start,
            ttl: parts.ttl,
            max_attempts: parts.max_attempts,
            sight: parts.options.names_others().then(|| Arc::clone(key)),
            options,
            digest,
        })
    }

    pub(super) fn new_job_id(&self) -> Result<JobId, Problem> {
        let mut random = [0; 10];
        self.random.fill(&mut random).map_err(|_| {
            Problem::new(Code::StorageFailed, "the system gave no random bytes for a job id: try again")
        })?;
        Ok(JobId::v7(self.clock.now().unix_ms(), random))
    }

    /// Some of the bytes that were supplied with a record; nothing where it does not open.
    pub(super) fn slice(&self, slice: &RecordSlice) -> Result<Option<Vec<u8>>, Problem> {
        let supplied = self.readable(self.records.read_outcome(slice.record))?.flatten();
        Ok(supplied.and_then(|supplied| slice.of(&supplied).map(<[u8]>::to_vec)))
    }

    /// Separates a record that does not open (`None`: that job's own trouble) from a disk that cannot
    /// be trusted (the server stops).
    pub(crate) fn readable<T>(&self, read: Result<T, ReadError>) -> Result<Option<T>, Problem> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error) if !error.holds_the_job() => {
                tracing::error!(error = %error, "a stored record is damaged: the server stops");
                self.damaged.notify_one();
                Err(Problem::new(Code::StorageFailed, "a stored record is damaged and the server stops"))
            }
            Err(error) => {
                tracing::error!(error = %error, "a stored record cannot be opened");
                Ok(None)
            }
        }
    }
}
