//! Judging: may this be done, and what happens then? Changes nothing.

use std::collections::BTreeSet;

use super::ahead::Ahead;
use super::command::{Command, Enqueue, Lease, Lifetime, Receipt, Settle, Start};
use super::event::{CancelReason, Event, JobEnqueued, Next, QueueNumber, ReleaseReason};
use super::job::{Deadline, Job, Running, Settled};
use super::options::JobOptions;
use super::ready::FairKey;
use super::refusal::Refusal;
use super::sealing;
use super::settings::{QueueMode, QueueSettings};
use super::shard::{Queue, Shard};
use crate::id::JobId;
use crate::job::Category;
use crate::limits;
use crate::name::QueueName;
use crate::time::{Millis, Time};

impl Shard {
    /// Judges a command. No event means that everything asked for is so already: a repeated request
    /// whose first answer was lost.
    pub fn decide(&self, now: Time, command: &Command<'_>) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::PutQueue { queue, settings } => self.decide_queue(now, queue, settings),
            Command::SetMode { queue, mode } => self.decide_mode(now, queue, *mode),
            Command::Enqueue(enqueue) => self.decide_enqueue(now, enqueue, &Ahead::default()),
            Command::Lease(lease) => self.decide_lease(now, lease),
            Command::Extend { receipt, lease } => self.decide_extend(now, receipt, *lease),
            Command::Settle { receipt, outcome } => self.decide_settle(now, receipt, outcome),
            Command::Report { receipt, report } => self.decide_report(now, receipt, report),
            Command::Act { job, act } => self.decide_act(now, job, act),
            Command::Session(command) => self.decide_session(now, command),
            Command::Sweep { queue, wish } => self.decide_sweep(now, queue, wish),
            Command::StopSweep { queue, of } => self.decide_stop(now, queue, *of),
            Command::Label { job, labels } => Ok(self.decide_label(now, *job, labels)),
            Command::PutSchedule(put) => self.decide_put_schedule(now, put),
            Command::ActOnSchedule { schedule, act } => self.decide_schedule_act(now, schedule, *act),
            Command::RemoveSchedule { schedule } => self.decide_remove_schedule(now, schedule),
            Command::Fire(fire) => self.decide_fire(now, fire),
            Command::Start => Ok(vec![Event::ServerStarted { at: now }]),
        }
    }

    /// What time alone brings about by `now`, and the next slice of bulk work: at most a bounded number
    /// of events, the oldest first.
    pub fn expire(&self, now: Time) -> Vec<Event> {
        let (mut events, mut busy) = self.due(now);
        let parents = self.parents_slice(now, &busy);
        busy.extend(parents.iter().filter_map(|event| match event {
            Event::ParentEnded { job, .. } => Some(*job),
            _ => None,
        }));
        events.extend(parents);
        events.extend(self.sweep_slice(now, &busy));
        events
    }

    /// The same without bulk work, for a disk whose last room is for the jobs in workers' hands.
    pub fn expire_only(&self, now: Time) -> Vec<Event> {
        let (mut events, busy) = self.due(now);
        events.extend(self.parents_slice(now, &busy));
        events
    }

    /// The next of what follows from the ends of jobs for those who wait for them, and nothing else.
    pub fn follow(&self, now: Time) -> Vec<Event> {
        self.parents_slice(now, &BTreeSet::new())
    }

    fn due(&self, now: Time) -> (Vec<Event>, BTreeSet<JobId>) {
        let due =
            self.deadlines.iter().take_while(|(at, _, _)| *at <= now).take(limits::EXPIRIES_PER_TURN_MAX);
        // Why: a job may stand in the table twice, and its first event settles both entries.
        let mut seen = BTreeSet::new();
        let mut events = due
            .filter(|(_, _, id)| seen.insert(*id))
            .filter_map(|(_, what, id)| {
                let job = self
                    .jobs
                    .get(id)
                    .expect("the deadline table holds live jobs only: both change in Shard::change");
                match what {
                    Deadline::LeaseEnd => self.lease_over(*id, now),
                    Deadline::Due if !job.is_expired(now) => Some(Event::JobDue { job: *id, at: now }),
                    Deadline::Due | Deadline::Expiry => Some(Event::JobExpired { job: *id, at: now }),
                }
            })
            .chain(self.keys.over(now))
            .collect();
        self.locks_due(now, &mut seen, &mut events);
        (events, seen)
    }

    /// What becomes of a job whose worker went silent.
    pub(super) fn lease_over(&self, id: JobId, now: Time) -> Option<Event> {
        let job = self.jobs.get(&id)?;
        Some(match job.is_cancel_requested() {
            true => Event::JobCancelled { job: id, reason: CancelReason::LeaseEnded, at: now },
            false => Event::LeaseExpired { job: id, next: after_failure(job, now), at: now },
        })
    }

    fn decide_queue(
        &self,
        now: Time,
        name: &QueueName,
        settings: &QueueSettings,
    ) -> Result<Vec<Event>, Refusal> {
        settings.check().map_err(Refusal::Settings)?;
        if let Some(number) = self.names.get(name) {
            let queue = self.queue_at(*number);
            if queue.settings == *settings {
                return Ok(Vec::new());
            }
            // Why: what is in the queue would have to be put in lines, or taken out of them, job by job.
            let sessions = self.session_counts(*number).sessions;
            if queue.settings.sessions.are_kept() != settings.sessions.are_kept()
                && (sessions > 0 || queue.counts.unfinished() > 0)
            {
                return Err(Refusal::QueueInUse);
            }
            return Ok(vec![Event::QueueChanged { number: *number, settings: Box::new(*settings), at: now }]);
        }
        if self.queues.len() >= limits::QUEUES_MAX {
            return Err(Refusal::TooManyQueues);
        }
        let number = QueueNumber(u32::try_from(self.queues.len()).expect("QUEUES_MAX is far below u32::MAX"));
        Ok(vec![Event::QueueCreated { number, queue: name.clone(), settings: Box::new(*settings), at: now }])
    }

    fn decide_mode(&self, now: Time, name: &QueueName, mode: QueueMode) -> Result<Vec<Event>, Refusal> {
        let queue = *self.names.get(name).ok_or(Refusal::QueueUnknown)?;
        if self.queue_at(queue).mode == mode {
            return Ok(Vec::new());
        }
        Ok(vec![Event::QueueModeChanged { queue, mode, at: now }])
    }

    /// Judges one job. `ahead` are those that are accepted with it, before it.
    pub(super) fn decide_enqueue(
        &self,
        now: Time,
        command: &Enqueue<'_>,
        ahead: &Ahead,
    ) -> Result<Vec<Event>, Refusal> {
        let number = *self.names.get(command.queue).ok_or(Refusal::QueueUnknown)?;
        if self.is_repeated(now, command, ahead)? {
            return Ok(Vec::new());
        }
        let queue = self.queue_at(number);
        sealing::check(&queue.settings, command)?;
        let id_ms = command.job.unix_ms().ok_or(Refusal::IdVersion)?;
        if self.finished.may_have_forgotten(id_ms, now) {
            return Err(Refusal::IdTooOld);
        }
        if id_ms > now.plus(Millis::new(limits::ID_AHEAD_MS)).unix_ms() {
            return Err(Refusal::IdAhead);
        }
        let run_at = match command.start {
            Start::After(delay) => now.plus(delay),
            Start::At(time) => time,
        };
        let horizon = queue.settings.horizon;
        if run_at.since(now) > horizon {
            return Err(Refusal::Horizon { horizon });
        }
        let expires_at = command.ttl.map(|ttl| expires_at(ttl, now)).transpose()?;
        // At the very moment it would start it expires as well, and is not started.
        if expires_at.is_some_and(|end| end <= run_at) {
            return Err(Refusal::ExpiresBeforeRun);
        }
        check_wishes(None, command.max_attempts, command.options)?;
        let options = self.options_of(command)?;
        let options = options.as_deref();
        let max_attempts = command.max_attempts.unwrap_or(queue.settings.retry.max_attempts);
        queue.takes_session(options.and_then(|options| options.session))?;
        if let Some(unique) = command.options.and_then(|options| options.unique.as_ref())
            && let Some(holder) =
                self.unique_holder(number, &unique.key).or_else(|| ahead.unique_holder(number, unique.key))
        {
            return self.decide_conflict(now, command, unique, holder, ahead);
        }
        self.has_room_for_key(command, ahead)?;
        self.takes_job_of(command.owner, ahead.jobs(), ahead.jobs_of(command.owner))?;
        queue.takes_jobs(1 + ahead.waiting(number))?;
        let fair_key = options.and_then(|options| options.fair_key);
        queue.takes_key(fair_key, ahead.fair_keys(number), now)?;
        if let Some(links) = options.and_then(|options| options.links.as_deref()) {
            self.check_links(links, ahead)?;
        }
        Ok(vec![Event::JobEnqueued(JobEnqueued {
            job: command.job,
            queue: number,
            owner: command.owner.clone(),
            priority: command.priority,
            run_at,
            expires_at,
            max_attempts,
            options: options.cloned().and_then(JobOptions::boxed),
            digest: command.digest,
            at: now,
        })])
    }

    fn decide_lease(&self, now: Time, command: &Lease<'_>) -> Result<Vec<Event>, Refusal> {
        let number = *self.names.get(command.queue).ok_or(Refusal::QueueUnknown)?;
        let queue = self.queue_at(number);
        if queue.mode == QueueMode::Paused {
            return Ok(Vec::new());
        }
        let lease = lease_time(command.lease, &queue.settings)?;
        let until = now.plus(lease).min(now.plus(queue.settings.max_run));
        // Why the filter: deadlines are worked off in slices, so a job past its time to live may still
        // stand among the ready ones.
        let may = |id: &JobId| self.jobs.get(id).is_some_and(|job| !job.is_expired(now));
        let jobs = queue.ready.first(command.lease_ids.len(), now, may);
        Ok(command
            .lease_ids
            .iter()
            .zip(jobs)
            .map(|(lease, job)| Event::JobLeased {
                job,
                lease: *lease,
                holder: command.holder.clone(),
                runner: command.runner.cloned(),
                lock: None,
                until,
                at: now,
            })
            .collect())
    }

    fn decide_extend(
        &self,
        now: Time,
        receipt: &Receipt,
        lease: Option<Millis>,
    ) -> Result<Vec<Event>, Refusal> {
        let job = self.held_by(receipt, now)?;
        let lease = lease_time(lease, &self.queue_at(job.queue).settings)?;
        // Why the lesser: no heartbeat makes a run longer than a run may take. A run that is over already
        // is one of a journal from before runs had an end.
        let run_until = job.running().map_or(now, |running| running.run_until);
        if run_until <= now {
            return Err(Refusal::LeaseLost);
        }
        let until = now.plus(lease).min(run_until);
        Ok(vec![Event::LeaseExtended { job: receipt.job, until, at: now }])
    }

    pub(super) fn decide_settle(
        &self,
        now: Time,
        receipt: &Receipt,
        outcome: &Settle,
    ) -> Result<Vec<Event>, Refusal> {
        if self.is_repeat(receipt, outcome) {
            return Ok(Vec::new());
        }
        let job = self.held_by(receipt, now)?;
        let id = receipt.job;
        let cancelled = |reason| Event::JobCancelled { job: id, reason, at: now };
        let stopping = job.is_cancel_requested();
        let event = match outcome {
            Settle::Complete => Event::JobCompleted { job: id, at: now },
            Settle::Fail { .. } if stopping => cancelled(CancelReason::WorkerFailed),
            Settle::Release { .. } | Settle::Undelivered if stopping => {
                cancelled(CancelReason::WorkerReleased)
            }
            Settle::Hold(_) if stopping => cancelled(CancelReason::WorkerHeld),
            Settle::Fail { category, code, fingerprint, retry_after, random } => {
                if retry_after.is_some_and(|wait| wait.get() > limits::DELAY_MS_MAX) {
                    return Err(Refusal::RetryAfter);
                }
                let own = job.options.as_ref().and_then(|options| options.backoff());
                let backoff = own.unwrap_or(self.queue_at(job.queue).settings.retry.backoff);
                let wait = retry_after.unwrap_or_else(|| backoff.wait(job.attempt_of_round(), *random));
                let next = match category {
                    Category::Permanent => Next::Dead,
                    _ => after_failure(job, now.plus(wait)),
                };
                let (category, code, fingerprint) = (*category, code.clone(), *fingerprint);
                Event::JobFailed { job: id, category, code, fingerprint, next, at: now }
            }
            Settle::Release { delay } => {
                if delay.get() > limits::DELAY_MS_MAX {
                    return Err(Refusal::Delay);
                }
                let reason = ReleaseReason::Returned;
                Event::JobReleased { job: id, reason, run_at: now.plus(*delay), at: now }
            }
            Settle::Undelivered => {
                Event::JobReleased { job: id, reason: ReleaseReason::Undelivered, run_at: now, at: now }
            }
            Settle::Hold(reason) => Event::JobHeld { job: id, reason: *reason, at: now },
        };
        Ok(vec![event])
    }

    /// The job that this receipt holds. A lease that ran out holds nothing, even before its end was
    /// worked off.
    pub(super) fn held_by(&self, receipt: &Receipt, now: Time) -> Result<&Job, Refusal> {
        let is_held = |job: &&Job| {
            let of_lease = |running: &Running| running.lease == receipt.lease && now < running.until;
            job.running().is_some_and(of_lease)
                && job.attempt == receipt.attempt
                && self.is_under_its_lock(job, now)
        };
        let held = self.jobs.get(&receipt.job).map(|job| &**job).filter(is_held);
        held.ok_or_else(|| self.lost(receipt, now))
    }

    /// Whether this settle was done already under the same lease, in the same way.
    fn is_repeat(&self, receipt: &Receipt, outcome: &Settle) -> bool {
        let live = self.jobs.get(&receipt.job).map(|job| job.settled());
        let settled =
            live.or_else(|| self.finished.get(&receipt.job).map(|finished| finished.job.settled())).flatten();
        settled == Some((receipt.lease, outcome.settled()))
    }
}

impl Settle {
    /// What a job remembers of it.
    pub(super) fn settled(&self) -> Settled {
        match self {
            Self::Complete => Settled::Completed,
            Self::Fail { .. } => Settled::Failed,
            Self::Release { .. } | Self::Undelivered => Settled::Released,
            Self::Hold(_) => Settled::Held,
        }
    }
}

impl Queue {
    /// Whether there is room for so many more jobs that wait, and jobs are taken at all.
    pub(super) fn takes_jobs(&self, jobs: u64) -> Result<(), Refusal> {
        if self.mode == QueueMode::Draining {
            return Err(Refusal::QueueDraining);
        }
        self.has_room(jobs)
    }

    /// Whether there is room for the jobs of this fair key, behind those of others that are on their way.
    pub(super) fn takes_key(
        &self,
        key: FairKey,
        ahead: &BTreeSet<FairKey>,
        now: Time,
    ) -> Result<(), Refusal> {
        if self.ready.takes_key(key, ahead, now) { Ok(()) } else { Err(Refusal::TooManyFairKeys) }
    }

    /// Whether there is room for so many more jobs that wait.
    pub(super) fn has_room(&self, jobs: u64) -> Result<(), Refusal> {
        if self.room() < jobs {
            return Err(Refusal::QueueFull { max_depth: self.settings.max_depth });
        }
        Ok(())
    }

    /// How many more jobs may wait.
    pub(super) fn room(&self) -> u64 {
        self.settings.max_depth.saturating_sub(self.counts.waiting())
    }
}

/// When a job that is accepted now is worth nothing any more. Why a time that has passed is refused: to take a
/// job and never run it would look like losing it.
fn expires_at(ttl: Lifetime, now: Time) -> Result<Time, Refusal> {
    match ttl {
        Lifetime::For(ttl) if ttl.get() == 0 || ttl.get() > limits::TTL_MS_MAX => Err(Refusal::Ttl),
        Lifetime::For(ttl) => Ok(now.plus(ttl)),
        Lifetime::Until(end) if end <= now || end.since(now).get() > limits::TTL_MS_MAX => {
            Err(Refusal::ExpiresAt)
        }
        Lifetime::Until(end) => Ok(end),
    }
}

/// Refuses what a job may not be sent with, whoever sends it and whenever.
pub(super) fn check_wishes(
    ttl: Option<Millis>,
    max_attempts: Option<u32>,
    options: Option<&JobOptions>,
) -> Result<(), Refusal> {
    if ttl.is_some_and(|ttl| ttl.get() == 0 || ttl.get() > limits::TTL_MS_MAX) {
        return Err(Refusal::Ttl);
    }
    if max_attempts.is_some_and(|attempts| !(1..=limits::ATTEMPTS_MAX).contains(&attempts)) {
        return Err(Refusal::MaxAttempts);
    }
    options.map_or(Ok(()), JobOptions::check)
}

pub(super) fn lease_time(asked: Option<Millis>, settings: &QueueSettings) -> Result<Millis, Refusal> {
    let lease = asked.unwrap_or(settings.lease);
    if (limits::LEASE_MS_MIN..=limits::LEASE_MS_MAX).contains(&lease.get()) {
        Ok(lease)
    } else {
        Err(Refusal::LeaseTime)
    }
}

fn after_failure(job: &Job, again_at: Time) -> Next {
    if job.has_attempts_left() { Next::Retry(again_at) } else { Next::Dead }
}
