//! Applying: what was judged and stored becomes so. Cannot fail, draws nothing, asks nothing: the
//! same events always make the same shard.

use super::event::{Event, JobEnqueued, Next};
use super::finished::FinishedJob;
use super::job::{Failure, Job, Phase, Settled};
use super::shard::{Queue, QueueCounts, Shard};
use crate::id::{JobId, LeaseId};
use crate::job::{Category, State};
use crate::record::RecordRef;
use crate::time::Time;

impl Shard {
    /// Applies an event that stands in the journal at `record`.
    pub fn evolve(&mut self, event: &Event, record: RecordRef) {
        let at = event.at();
        match event {
            Event::QueueCreated { number: _, queue, settings, at } => {
                let number = super::event::QueueNumber(
                    u32::try_from(self.queues.len()).expect("QUEUES_MAX is far below u32::MAX"),
                );
                self.names.insert(queue.clone(), number);
                self.queues.push(Queue {
                    name: queue.clone(),
                    settings: *settings,
                    created_at: *at,
                    ready: Default::default(),
                    counts: QueueCounts::default(),
                });
            }
            Event::QueueChanged { number, settings, .. } => self.queue_at_mut(*number).settings = *settings,
            Event::JobEnqueued(enqueued) => self.enqueued(enqueued, record),
            Event::JobDue { job, .. } => self.change(job, |job| job.phase = Phase::Ready),
            Event::JobLeased { job, lease, holder, until, .. } => self.change(job, |job| {
                job.attempt = job.attempt.saturating_add(1);
                job.phase = Phase::Running { lease: *lease, holder: holder.clone(), until: *until };
            }),
            Event::LeaseExtended { job, until, .. } => self.change(job, |job| {
                if let Phase::Running { until: end, .. } = &mut job.phase {
                    *end = *until;
                }
            }),
            Event::LeaseExpired { job, next, .. } => {
                self.change(job, |job| job.failed(Category::Timeout, at, record, next));
            }
            Event::JobReleased { job, run_at, .. } => self.change(job, |job| {
                job.set_aside(Settled::Released);
                job.run_at = *run_at;
                job.phase = if *run_at > at { Phase::Delayed } else { Phase::Ready };
            }),
            Event::JobCompleted { job, .. } => self.finish(job, State::Completed, at, Some(record)),
            Event::JobFailed { job, category, next, .. } => {
                self.change(job, |job| {
                    job.settled = job.lease().map(|lease| (lease, Settled::Failed));
                    job.failed(*category, at, record, next);
                });
            }
            Event::JobHeld { job, reason, .. } => self.change(job, |job| {
                job.set_aside(Settled::Held);
                job.phase = Phase::Held { reason: *reason };
            }),
            Event::JobExpired { job, .. } => self.finish(job, State::Expired, at, None),
            Event::ServerStarted { at } => self.started(*at),
        }
        self.last_at = self.last_at.max(at);
    }

    fn enqueued(&mut self, event: &JobEnqueued, record: RecordRef) {
        let job = Job {
            queue: event.queue,
            owner: event.owner.clone(),
            priority: event.priority,
            sequence: self.next_sequence,
            phase: if event.run_at > event.at { Phase::Delayed } else { Phase::Ready },
            attempt: 0,
            max_attempts: event.max_attempts,
            created_at: event.at,
            run_at: event.run_at,
            delayed_at_first: event.run_at > event.at,
            expires_at: event.expires_at,
            digest: event.digest,
            input: record,
            last_failure: None,
            settled: None,
        };
        self.next_sequence += 1;
        self.insert(event.job, job);
    }

    fn finish(&mut self, id: &JobId, state: State, at: Time, result: Option<RecordRef>) {
        let Some(job) = self.remove(id) else { return };
        let counts = &mut self.queue_at_mut(job.queue).counts;
        match state {
            State::Completed => counts.completed += 1,
            _ => counts.expired += 1,
        }
        let completed = job.lease().map(|lease| (lease, Settled::Completed));
        let settled = completed.or(job.settled);
        let mut view = job.view(*id);
        view.state = state;
        view.finished_at = Some(at);
        view.lease_expires_at = None;
        view.holder = None;
        view.result = result;
        self.finished.insert(at, FinishedJob { view, digest: job.digest, settled });
    }

    /// Leases go on for as long as they had left when the server stopped: its absence is not the
    /// workers' silence.
    fn started(&mut self, at: Time) {
        let away = at.since(self.last_at);
        let running: Vec<JobId> =
            self.jobs.iter().filter(|(_, job)| job.state() == State::Running).map(|(id, _)| *id).collect();
        for id in running {
            self.change(&id, |job| {
                if let Phase::Running { until, .. } = &mut job.phase {
                    *until = until.plus(away);
                }
            });
        }
    }
}

impl Job {
    fn lease(&self) -> Option<LeaseId> {
        match &self.phase {
            Phase::Running { lease, .. } => Some(*lease),
            _ => None,
        }
    }

    fn failed(&mut self, category: Category, at: Time, record: RecordRef, next: &Next) {
        self.last_failure = Some(Failure { attempt: self.attempt, category, at, record });
        self.phase = match next {
            Next::Dead => Phase::Dead { at },
            Next::Retry(until) if *until > at => Phase::Retrying { until: *until },
            Next::Retry(_) => Phase::Ready,
        };
    }

    /// Takes back an attempt that does not count.
    fn set_aside(&mut self, how: Settled) {
        if let Some(lease) = self.lease() {
            self.settled = Some((lease, how));
            self.attempt = self.attempt.saturating_sub(1);
        }
    }
}
