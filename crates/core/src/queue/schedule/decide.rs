//! Putting, pausing, resuming, removing and firing schedules.

use std::collections::BTreeSet;

use super::firing::Firing;
use super::settings::{MissedPolicy, OverlapPolicy, ScheduleError};
use super::table::{DueSchedule, LastFiring, LastSkip, Schedule, ScheduleView, SkipReason};
use crate::id::{JobId, ScheduleId};
use crate::job::State;
use crate::limits;
use crate::name::ScheduleName;
use crate::queue::command::{Fire, PutSchedule, ScheduleAct};
use crate::queue::event::{Event, JobEnqueued, SchedulePut};
use crate::queue::options::JobOptions;
use crate::queue::refusal::Refusal;
use crate::queue::shard::Shard;
use crate::queue::{decide, sealing};
use crate::record::RecordRef;
use crate::time::{Millis, Time};

impl Shard {
    /// A schedule by name.
    pub fn schedule(&self, name: &ScheduleName) -> Option<ScheduleView> {
        let id = self.schedules.id(name)?;
        self.schedules.get(&id).map(|schedule| schedule.view(id))
    }

    /// Schedules in the order of their names, from behind `after`.
    pub fn schedules(&self, after: Option<&ScheduleName>) -> impl Iterator<Item = ScheduleView> {
        self.schedules.from(after).map(|(id, schedule)| schedule.view(id))
    }

    /// The schedule that is due first, if its time has come.
    pub fn due_schedule(&self, now: Time) -> Option<DueSchedule> {
        let (due, id) = self.schedules.first_due().filter(|(due, _)| *due <= now)?;
        let schedule = self.schedules.get(&id)?;
        Some(DueSchedule { schedule: id, due, input: schedule.input, queue: schedule.queue })
    }

    pub(in crate::queue) fn decide_put_schedule(
        &self,
        now: Time,
        put: &PutSchedule<'_>,
    ) -> Result<Vec<Event>, Refusal> {
        let queue = *self.names.get(put.queue).ok_or(Refusal::QueueUnknown)?;
        let known = self.schedules.id(put.name);
        let present = self.schedules.get(&known.unwrap_or(put.id));
        // Why first: of another's schedule nothing is told but that the name or id is taken.
        let others = |schedule: &Schedule| {
            (put.own_only && schedule.owner != *put.owner)
                || !(put.opens)(&self.queue_at(schedule.queue).name)
        };
        if present.is_some_and(others) || (present.is_some() && known.is_none()) {
            return Err(Refusal::ScheduleIdTaken);
        }
        if let Some(id) = known
            && id != put.id
        {
            return Err(Refusal::ScheduleOtherId { id });
        }
        let same = |schedule: &Schedule| {
            schedule.digest == put.digest
                && schedule.settings == *put.settings
                && schedule.queue == queue
                && schedule.owner == *put.owner
        };
        if present.is_some_and(same) {
            return Ok(Vec::new());
        }
        put.settings.check(now).map_err(Refusal::Schedule)?;
        let settings = &self.queue_at(queue).settings;
        sealing::check_template(settings, put.input, put.id)?;
        let session = put.settings.options.as_deref().and_then(|options| options.session);
        self.queue_at(queue).takes_session(session)?;
        decide::check_wishes(put.settings.ttl, put.settings.max_attempts, put.settings.options.as_deref())?;
        if put.settings.ttl.is_some_and(|ttl| ttl <= put.settings.jitter) {
            return Err(Refusal::Schedule(ScheduleError::JitterBeyondTtl));
        }
        if present.is_none() && self.schedules.len() >= limits::SCHEDULES_MAX {
            return Err(Refusal::TooManySchedules);
        }
        // Why the later one: a clock that was set back must not fire again what has fired.
        let after = present.and_then(|schedule| schedule.last).map_or(now, |last| now.max(last.due));
        let paused = present.is_some_and(|schedule| schedule.paused);
        Ok(vec![Event::SchedulePut(Box::new(SchedulePut {
            schedule: put.id,
            name: put.name.clone(),
            queue,
            owner: put.owner.clone(),
            settings: put.settings.clone(),
            sealed: put.input.is_sealed(),
            digest: put.digest,
            next: put.settings.next_after(after).filter(|_| !paused),
            at: now,
        }))])
    }

    pub(in crate::queue) fn decide_schedule_act(
        &self,
        now: Time,
        name: &ScheduleName,
        act: ScheduleAct,
    ) -> Result<Vec<Event>, Refusal> {
        let id = self.schedules.id(name).ok_or(Refusal::ScheduleUnknown)?;
        let schedule = self.schedules.get(&id).ok_or(Refusal::ScheduleUnknown)?;
        Ok(match act {
            ScheduleAct::Pause if schedule.paused => Vec::new(),
            ScheduleAct::Pause => vec![Event::SchedulePaused { schedule: id, at: now }],
            ScheduleAct::Resume if !schedule.paused => Vec::new(),
            ScheduleAct::Resume => {
                // What was due meanwhile was not wanted, and is not missed.
                let after = schedule.last.map_or(now, |last| now.max(last.due));
                vec![Event::ScheduleResumed {
                    schedule: id,
                    next: schedule.settings.next_after(after),
                    at: now,
                }]
            }
        })
    }

    pub(in crate::queue) fn decide_remove_schedule(
        &self,
        now: Time,
        name: &ScheduleName,
    ) -> Result<Vec<Event>, Refusal> {
        let schedule = self.schedules.id(name).ok_or(Refusal::ScheduleUnknown)?;
        Ok(vec![Event::ScheduleRemoved { schedule, at: now }])
    }

    /// What becomes of a firing: a job, or the reason why not. Never a refusal that would leave it due.
    pub(in crate::queue) fn decide_fire(&self, now: Time, fire: &Fire) -> Result<Vec<Event>, Refusal> {
        let Firing { schedule: id, due } = fire.firing;
        let schedule = self.schedules.get(&id).ok_or(Refusal::ScheduleUnknown)?;
        if fire.asked {
            // Out of turn: the regular firings stay as they are.
            return match self.may_fire(now, schedule, fire) {
                Ok(()) => Ok(self.fired(now, schedule, fire, schedule.next)),
                Err(reason) => Err(Refusal::ScheduleSkips { reason }),
            };
        }
        if schedule.next != Some(due) || due > now {
            return Ok(Vec::new());
        }
        let skip =
            |reason, next| Ok(vec![Event::ScheduleSkipped { schedule: id, due, reason, next, at: now }]);
        let on_time_from = now.minus(Millis::new(limits::SCHEDULE_LATE_MS_MAX));
        let made_up_from = now.minus(Millis::new(limits::SCHEDULE_CATCH_UP_MS_MAX));
        // Why one earlier: the next after it may be the very first that still counts.
        let first_since = |time: Time| schedule.settings.next_after(time.minus(Millis::new(1)).max(due));
        let next = match schedule.settings.missed {
            _ if due >= on_time_from => schedule.settings.next_after(due),
            MissedPolicy::Skip => return skip(SkipReason::Missed, first_since(on_time_from)),
            MissedPolicy::Once => first_since(on_time_from),
            MissedPolicy::All if due < made_up_from => {
                return skip(SkipReason::Missed, first_since(made_up_from));
            }
            MissedPolicy::All => schedule.settings.next_after(due),
        };
        match self.may_fire(now, schedule, fire) {
            Ok(()) => Ok(self.fired(now, schedule, fire, next)),
            Err(reason) => skip(reason, next),
        }
    }

    fn may_fire(&self, now: Time, schedule: &Schedule, fire: &Fire) -> Result<(), SkipReason> {
        let queue = self.queue_at(schedule.queue);
        if self.job(&fire.job).is_some() {
            return Err(SkipReason::Repeated);
        }
        if !fire.readable {
            return Err(SkipReason::Unreadable);
        }
        if schedule.settings.overlap == OverlapPolicy::Skip
            && schedule.last.is_some_and(|last| self.is_unfinished(&last.job))
        {
            return Err(SkipReason::Overlap);
        }
        sealing::check_moved(queue.settings.sealing, schedule.sealed).map_err(|_| SkipReason::Sealing)?;
        let session = schedule.settings.options.as_ref().and_then(|options| options.session);
        queue.takes_session(session).map_err(|_| SkipReason::SessionRequired)?;
        self.takes_job_of(&schedule.owner, 0, 0).map_err(|_| SkipReason::TooManyJobs)?;
        let fair_key = schedule.settings.options.as_ref().and_then(|options| options.fair_key);
        queue.takes_key(fair_key, &BTreeSet::new(), now).map_err(|_| SkipReason::TooManyKeys)?;
        queue.takes_jobs(1).map_err(|refusal| match refusal {
            Refusal::QueueDraining => SkipReason::QueueDraining,
            _ => SkipReason::QueueFull,
        })
    }

    /// Dead-letter is an end: nothing goes on there by itself.
    fn is_unfinished(&self, job: &JobId) -> bool {
        self.jobs.get(job).is_some_and(|job| job.state() != State::Dead)
    }

    fn fired(&self, now: Time, schedule: &Schedule, fire: &Fire, next: Option<Time>) -> Vec<Event> {
        let Firing { schedule: id, due } = fire.firing;
        let settings = &schedule.settings;
        let own = settings.options.as_deref().cloned().unwrap_or_default();
        let options = JobOptions { firing: Some(fire.firing), idempotency: None, unique: None, ..own };
        let max_attempts = self.queue_at(schedule.queue).settings.retry.max_attempts;
        vec![
            Event::JobEnqueued(JobEnqueued {
                job: fire.job,
                queue: schedule.queue,
                owner: schedule.owner.clone(),
                priority: settings.priority,
                run_at: due.plus(Firing::delay(&fire.job, settings.jitter)),
                expires_at: settings.ttl.map(|ttl| now.plus(ttl)),
                max_attempts: settings.max_attempts.unwrap_or(max_attempts),
                options: options.boxed(),
                digest: schedule.digest,
                at: now,
            }),
            // Why behind it: should only the job be stored, the firing is found to be repeated.
            Event::ScheduleFired { schedule: id, due, job: fire.job, next, at: now },
        ]
    }

    pub(in crate::queue) fn schedule_put(&mut self, put: &SchedulePut, record: RecordRef) {
        let before = self.schedules.remove(&put.schedule);
        let schedule = Schedule {
            name: put.name.clone(),
            queue: put.queue,
            owner: put.owner.clone(),
            settings: put.settings.clone(),
            sealed: put.sealed,
            digest: put.digest,
            input: record,
            created_at: before.as_ref().map_or(put.at, |before| before.created_at),
            changed_at: put.at,
            paused: before.as_ref().is_some_and(|before| before.paused),
            next: put.next,
            fired: before.as_ref().map_or(0, |before| before.fired),
            last: before.as_ref().and_then(|before| before.last),
            skips: before.as_ref().map_or(0, |before| before.skips),
            last_skip: before.and_then(|before| before.last_skip),
        };
        self.schedules.insert(put.schedule, schedule);
    }

    pub(in crate::queue) fn schedule_evolve(&mut self, event: &Event) {
        match event {
            Event::ScheduleFired { schedule, due, job, next, at } => {
                self.schedules.change(schedule, |schedule| {
                    schedule.next = *next;
                    schedule.fired += 1;
                    schedule.last = Some(LastFiring { due: *due, job: *job, at: *at });
                });
            }
            Event::ScheduleSkipped { schedule, due, reason, next, at } => {
                self.schedules.change(schedule, |schedule| {
                    schedule.next = *next;
                    schedule.skips += 1;
                    schedule.last_skip = Some(LastSkip { due: *due, reason: *reason, at: *at });
                });
            }
            Event::SchedulePaused { schedule, .. } => self.schedules.change(schedule, |schedule| {
                schedule.paused = true;
                schedule.next = None;
            }),
            Event::ScheduleResumed { schedule, next, .. } => self.schedules.change(schedule, |schedule| {
                schedule.paused = false;
                schedule.next = *next;
            }),
            Event::ScheduleRemoved { schedule, .. } => {
                self.schedules.remove(schedule);
            }
            other => unreachable!("the caller's match hands over no {other:?}"),
        }
    }

    /// Where a schedule's id leads, for whoever knows the id only.
    pub fn schedule_by_id(&self, id: &ScheduleId) -> Option<ScheduleView> {
        self.schedules.get(id).map(|schedule| schedule.view(*id))
    }
}
