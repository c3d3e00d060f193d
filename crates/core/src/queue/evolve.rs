//! Applying: what was judged and stored becomes so. Cannot fail, draws nothing, asks nothing: the
//! same events always make the same shard.

use std::sync::Arc;

use super::attempt::AttemptEnd;
use super::death::{DeadReason, Death};
use super::event::{CancelReason, Event, JobEnqueued, Next, QueueNumber, ReleaseReason};
use super::finished::FinishedJob;
use super::job::{Ended, Expiry, Failure, Job, Past, Phase, Running, Settled};
use super::live_options::LiveOptions;
use super::ready::Ready;
use super::settings::QueueMode;
use super::shard::{Queue, QueueCounts, Shard};
use super::transitions::Cause;
use crate::id::JobId;
use crate::job::Category;
use crate::name::{ErrorCode, Principal};
use crate::record::RecordRef;
use crate::time::{Millis, Time};
use crate::token::Token;

/// Senders whose name is kept once for all their jobs.
const OWNERS_SHARED_MAX: usize = 4_096;

impl Shard {
    /// Applies an event that stands in the journal at `record`.
    pub fn evolve(&mut self, event: &Event, record: RecordRef) {
        let at = event.at();
        self.sessions.at = at;
        match event {
            Event::QueueCreated { number: _, queue, settings, at } => {
                let number =
                    QueueNumber(u32::try_from(self.queues.len()).expect("QUEUES_MAX is far below u32::MAX"));
                self.names.insert(queue.clone(), number);
                let mut ready = Ready::default();
                ready.set_limits(settings, *at);
                self.queues.push(Queue {
                    name: queue.clone(),
                    settings: **settings,
                    mode: QueueMode::Open,
                    created_at: *at,
                    ready,
                    dead: Default::default(),
                    held: Default::default(),
                    unique: Default::default(),
                    died: Default::default(),
                    counts: QueueCounts::default(),
                });
            }
            Event::QueueChanged { number, settings, .. } => {
                let queue = self.queue_at_mut(*number);
                queue.settings = **settings;
                queue.ready.set_limits(settings, at);
            }
            Event::JobEnqueued(enqueued) => self.enqueued(enqueued, record),
            Event::JobDue { job, .. } => self.change(job, |job| job.enter(Cause::Due, Phase::Ready)),
            Event::JobLeased { job, lease, holder, runner, lock, until, .. } => {
                let found = self.jobs.get(job).map(|job| (job.queue, job.priority, job.fair_key()));
                let max_run =
                    found.map_or_else(Millis::default, |(queue, ..)| self.queue_at(queue).settings.max_run);
                let running = Running {
                    lease: *lease,
                    // Why not the event's: read from the journal, each would be a text of its own.
                    holder: Principal::clone(&self.shared_name(holder)),
                    runner: runner.as_ref().map(|runner| self.shared_runner(runner)),
                    lock: *lock,
                    until: *until,
                    started_at: at,
                    run_until: at.plus(max_run),
                    cancel_requested: false,
                };
                self.change(job, |job| {
                    job.attempt = job.attempt.saturating_add(1);
                    job.enter(Cause::Lease, Phase::Running(Box::new(running)));
                });
                if let Some((queue, priority, key)) = found {
                    let ready = &mut self.queue_at_mut(queue).ready;
                    // What its session's holder takes did not wait for its turn.
                    match lock {
                        None => ready.served(priority, key, at),
                        Some(_) => ready.started(key, at),
                    }
                }
            }
            Event::LeaseExtended { job, until, .. } => self.change(job, |job| {
                if let Some(running) = job.running_mut() {
                    running.until = *until;
                }
            }),
            Event::LeaseExpired { job, next, .. } => {
                self.change(job, |job| {
                    // Why not by the clock: a lease that ended early may be worked off late.
                    let over = job.running().is_some_and(|running| running.until >= running.run_until);
                    let end = if over { AttemptEnd::Overrun } else { AttemptEnd::Lost };
                    let how =
                        FailedAttempt { end, category: Category::Timeout, code: None, fingerprint: None };
                    job.failed(how, at, None, next);
                });
                self.ended(job, next, at);
            }
            Event::JobReleased { job, reason, run_at, .. } => self.released(job, *reason, *run_at, at),
            Event::JobReported { job, report, .. } => self.job_reported(job, report, at, record),
            Event::JobCompleted { job, .. } => self.finish(job, Cause::Complete, at, |job| {
                job.settled_as(Settled::Completed);
                job.drop_checkpoint();
                let by = job.running().map(Running::by);
                job.past().completed_by = by;
                (Ended::Completed, Some(record))
            }),
            Event::JobFailed { job, category, code, fingerprint, next, .. } => {
                let (end, code) = (AttemptEnd::Failed, code.clone());
                let how = FailedAttempt { end, category: *category, code, fingerprint: *fingerprint };
                self.change(job, |job| {
                    job.settled_as(Settled::Failed);
                    job.failed(how, at, Some(record), next);
                });
                self.ended(job, next, at);
            }
            Event::JobHeld { job, reason, .. } => {
                self.change(job, |job| {
                    let mut cause = Cause::Quarantine;
                    if job.running().is_some() {
                        job.note_end(at, AttemptEnd::Held, None, None);
                        job.set_aside(Settled::Held);
                        cause = Cause::Hold;
                    }
                    if let Phase::Retrying { until } = job.phase {
                        // What is left of its wait is not let off by a person's look.
                        job.run_at = until;
                    }
                    job.past().here_since = Some(at);
                    job.enter(cause, Phase::Held { reason: *reason, labels: None });
                });
                self.bound_attempts(job);
            }
            Event::JobExpired { job, .. } => {
                self.finish(job, Cause::Expire, at, |_| (Ended::Expired, None));
            }
            Event::JobCancelRequested { job, .. } => self.change(job, |job| {
                if let Some(running) = job.running_mut() {
                    running.cancel_requested = true;
                }
            }),
            Event::JobCancelled { job, reason, .. } => self.finish(job, Cause::Cancel, at, |job| {
                job.stopped(*reason, at, record);
                (Ended::Cancelled, None)
            }),
            Event::JobPromoted { job, .. } => self.change(job, |job| {
                job.run_at = at;
                job.enter(Cause::Promote, Phase::Ready);
            }),
            Event::JobRedriven { job, .. } => self.redriven(job, at),
            Event::HoldReleased { job, .. } => {
                self.change(job, |job| {
                    job.past().here_since = Some(at);
                    match job.run_at > at {
                        true => job.enter(Cause::ReleaseLater, Phase::Delayed),
                        false => job.enter(Cause::Release, Phase::Ready),
                    }
                });
            }
            Event::JobReprioritised { job, priority, .. } => {
                self.change(job, |job| job.priority = *priority);
            }
            Event::JobMoved { job, queue, .. } => self.moved(job, *queue, at),
            Event::JobMerged { .. } => self.merged(event),
            Event::KeysForgotten { gone_at, key, .. } => self.keys.forget_through(*gone_at, *key),
            Event::QueueModeChanged { queue, mode, .. } => self.queue_at_mut(*queue).mode = *mode,
            Event::SweepBegun { queue, wish, at } => self.sweeps.begun(*queue, (**wish).clone(), *at),
            Event::SweepAdvanced { queue, died_at, job, jobs, due, .. } => {
                self.sweeps.advanced(*queue, (*died_at, *job), *jobs, *due);
            }
            Event::SessionAccepted { .. }
            | Event::SessionEnded { .. }
            | Event::SessionRenewed { .. }
            | Event::SessionStateCleared { .. }
            | Event::SessionStateSet { .. } => self.session_event(event, record),
            Event::SweepEnded { queue, .. } => self.sweeps.ended(*queue),
            Event::DeadLabelled { job, labels, .. } => self.change(job, |job| match &mut job.phase {
                Phase::Dead(death) => death.labels = Some((**labels).clone()),
                Phase::Held { labels: known, .. } => *known = Some(labels.clone()),
                _ => {}
            }),
            Event::ParentEnded { job, parent, next, .. } => self.parent_ended(job, parent, *next, at),
            Event::SchedulePut(put) => self.schedule_put(put, record),
            Event::ScheduleFired { .. }
            | Event::ScheduleSkipped { .. }
            | Event::SchedulePaused { .. }
            | Event::ScheduleResumed { .. }
            | Event::ScheduleRemoved { .. } => self.schedule_evolve(event),
            Event::ServerStarted { at } => self.started(*at),
        }
        self.last_at = self.last_at.max(at);
    }

    fn enqueued(&mut self, event: &JobEnqueued, record: RecordRef) {
        let later = event.run_at > event.at;
        let links = event.options.as_ref().and_then(|options| options.links.as_deref());
        self.links_kept += links.map_or(0, |links| links.parents().count());
        let parents = links.map(|links| Box::new(self.linked(event.job, links)));
        let phase = match (&parents, later) {
            (Some(parents), _) if !parents.is_met() => Phase::Blocked,
            (_, true) => Phase::Delayed,
            (_, false) => Phase::Ready,
        };
        let past = parents.map(|parents| Box::new(Past { parents: Some(parents), ..Past::default() }));
        let job = Job {
            queue: event.queue,
            owner: self.shared_name(&event.owner),
            priority: event.priority,
            sequence: self.next_sequence,
            phase,
            attempt: 0,
            // Refused beyond a thousand; whatever else a journal says is as good as without end.
            max_attempts: u16::try_from(event.max_attempts).unwrap_or(u16::MAX),
            created_at: event.at,
            run_at: event.run_at,
            delayed_at_first: later,
            expires: Expiry::at(event.expires_at),
            digest: event.digest,
            input_lsn: record.lsn,
            input_bytes: record.bytes,
            options: event.options.as_deref().and_then(LiveOptions::of),
            past,
        };
        self.next_sequence += 1;
        self.queue_at_mut(event.queue).ready.forget_keys(event.at);
        self.insert(event.job, Box::new(job));
        self.keep_answer(event);
    }

    fn released(&mut self, id: &JobId, reason: ReleaseReason, run_at: Time, at: Time) {
        self.change(id, |job| {
            // Why only then: no worker began what reached nobody, and it would push out what one did.
            if reason == ReleaseReason::Returned {
                job.note_end(at, AttemptEnd::Released, None, None);
            }
            job.set_aside(Settled::Released);
            job.run_at = run_at;
            job.past().here_since = Some(at);
            match run_at > at {
                true => job.enter(Cause::HandBackLater, Phase::Delayed),
                false => job.enter(Cause::HandBack, Phase::Ready),
            }
        });
        self.bound_attempts(id);
        let job = self.jobs.get(id).filter(|_| reason == ReleaseReason::Undelivered);
        if let Some((queue, key)) = job.map(|job| (job.queue, job.fair_key())) {
            self.queue_at_mut(queue).ready.give_back(key, at);
        }
    }

    /// The same principal once for all jobs that it sends or takes.
    pub(super) fn shared_name(&mut self, owner: &Principal) -> Arc<Principal> {
        self.owners.one(owner, OWNERS_SHARED_MAX, || Arc::new(owner.clone()))
    }

    /// Ends a job; `how` makes its last changes and says where the result is.
    pub(super) fn finish(
        &mut self,
        id: &JobId,
        cause: Cause,
        at: Time,
        how: impl FnOnce(&mut Job) -> (Ended, Option<RecordRef>),
    ) {
        let Some(mut job) = self.remove(id) else { return };
        if let Some(links) = job.links().filter(|_| job.phase == Phase::Blocked) {
            self.unlink(id, links);
        }
        let (ended, result) = how(&mut job);
        job.enter(cause, Phase::Ended(ended));
        self.bound_attempts_of(&mut job);
        self.queue_at_mut(job.queue).counts.add(job.state());
        for (id, forgotten) in self.finished.insert(*id, FinishedJob { job, at, result }) {
            self.logs.kept -= forgotten.job.reports().map_or(0, |reports| reports.log_entries());
            self.links_kept -= forgotten.job.links().map_or(0, |links| links.parents().count());
            if let Some(flow) = forgotten.job.links().and_then(|links| links.flow()) {
                self.flows.remove(&(flow, id));
            }
        }
        self.note_end_for_children(id);
    }

    /// What a failed attempt means for more than its job.
    pub(super) fn ended(&mut self, id: &JobId, next: &Next, at: Time) {
        self.bound_attempts(id);
        let died = self.jobs.get(id).and_then(|job| Some((job.queue, job.death()?.reason)));
        if let (Next::Dead, Some((queue, reason))) = (next, died) {
            self.queue_at_mut(queue).died.note(at, reason);
        }
        self.note_end_for_children(id);
    }

    fn moved(&mut self, id: &JobId, queue: QueueNumber, at: Time) {
        let Some(from) = self.jobs.get(id).map(|job| self.queue_name(job.queue).clone()) else { return };
        let to = self.queue_name(queue).clone();
        self.queue_at_mut(queue).ready.forget_keys(at);
        self.change(id, |job| {
            job.queue = queue;
            job.past().here_since = Some(at);
            let origin = job.past().origin.get_or_insert(from);
            if *origin == to {
                job.past().origin = None;
            }
        });
    }

    /// An ended job begins anew: from dead-letter, or from among the finished.
    fn redriven(&mut self, id: &JobId, at: Time) {
        let job = match self.remove(id) {
            Some(job) => Some(job),
            None => self.finished.take(id).map(|finished| {
                self.queue_at_mut(finished.job.queue).counts.remove(finished.job.state());
                finished.job
            }),
        };
        let Some(mut job) = job else { return };
        self.queue_at_mut(job.queue).ready.forget_keys(at);
        let (attempt, created_at) = (job.attempt, job.created_at);
        let past = job.past();
        let begun_at = past.redriven_at.replace(at).unwrap_or(created_at);
        past.here_since = Some(at);
        past.redrives += 1;
        past.attempts_before = attempt;
        job.expires = Expiry::at(job.expires.time().map(|end| at.plus(end.since(begun_at))));
        job.run_at = at;
        job.sequence = self.next_sequence;
        self.next_sequence += 1;
        let links = job.links().cloned();
        let parents = job.past().parents.as_deref_mut().filter(|parents| !parents.is_met());
        let blocked = links.zip(parents).is_some_and(|(links, parents)| {
            self.linked_again(*id, &links, parents);
            !parents.is_met()
        });
        match blocked {
            true => job.enter(Cause::RedriveBlocked, Phase::Blocked),
            false => job.enter(Cause::Redrive, Phase::Ready),
        }
        self.insert(*id, job);
        self.note_end_for_children(id);
    }

    /// Leases go on for as long as they had left when the server stopped: its absence is not the
    /// workers' silence.
    fn started(&mut self, at: Time) {
        let away = at.since(self.last_at);
        self.locks_go_on(away);
        let running: Vec<JobId> =
            self.jobs.iter().filter(|(_, job)| job.running().is_some()).map(|(id, _)| *id).collect();
        for id in running {
            self.change(&id, |job| {
                if let Some(running) = job.running_mut() {
                    running.until = running.until.plus(away);
                    running.run_until = running.run_until.plus(away);
                }
            });
        }
    }
}

/// How an attempt failed.
struct FailedAttempt {
    end: AttemptEnd,
    category: Category,
    code: Option<ErrorCode>,
    fingerprint: Option<Token>,
}

impl Job {
    fn settled_as(&mut self, how: Settled) {
        if let Some(lease) = self.lease() {
            self.past().settled = Some((lease, how));
        }
    }

    fn failed(&mut self, how: FailedAttempt, at: Time, record: Option<RecordRef>, next: &Next) {
        let FailedAttempt { end, category, code, fingerprint } = how;
        let by = self.running().map(Running::by);
        self.past().first_failed_at.get_or_insert(at);
        self.note_end(at, end, Some(category), code.clone());
        self.note_failure(category, at, record);
        self.past().here_since = Some(at);
        match next {
            Next::Dead => {
                let reason = DeadReason::after(end, category);
                let death = Death { at, reason, category, code, by, fingerprint, labels: None };
                self.enter(Cause::GiveUp, Phase::Dead(Box::new(death)));
            }
            Next::Retry(until) if *until > at => {
                self.enter(Cause::RetryLater, Phase::Retrying { until: *until });
            }
            Next::Retry(_) => self.enter(Cause::RetryNow, Phase::Ready),
        }
    }

    fn note_failure(&mut self, category: Category, at: Time, record: Option<RecordRef>) {
        let attempt = self.attempt;
        self.past().last_failure = Some(Failure { attempt, category, at, record });
    }

    /// How the lease of a job that is not wanted any more ended, if it had one.
    fn stopped(&mut self, reason: CancelReason, at: Time, record: RecordRef) {
        self.note_cancelled(at, reason);
        match reason {
            CancelReason::Asked | CancelReason::Purged => {}
            CancelReason::Forced | CancelReason::LeaseEnded => {
                self.note_failure(Category::Cancelled, at, None);
            }
            CancelReason::WorkerFailed => {
                self.settled_as(Settled::Failed);
                self.note_failure(Category::Cancelled, at, Some(record));
            }
            CancelReason::WorkerReleased => self.set_aside(Settled::Released),
            CancelReason::WorkerHeld => self.set_aside(Settled::Held),
        }
    }

    /// Takes back an attempt that does not count.
    fn set_aside(&mut self, how: Settled) {
        if self.lease().is_some() {
            self.settled_as(how);
            self.attempt = self.attempt.saturating_sub(1);
        }
    }
}
