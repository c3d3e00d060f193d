//! Schedules: what fires, what is left out, and why.

use sealane_core::id::{JobId, ScheduleId};
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::{Principal, ScheduleName};
use sealane_core::queue::{
    Fire, MissedPolicy, OverlapPolicy, PutSchedule, QueueMode, ScheduleAct, ScheduleSettings, SealingPolicy,
    SessionMode, SkipReason,
};

use super::job::Job;
use super::settings::backoff_fits;
use super::{Plain, Reasons};
use crate::step::Beat;

#[derive(Clone, Debug)]
pub struct Schedule {
    pub id: ScheduleId,
    pub name: ScheduleName,
    pub queue: usize,
    pub owner: Principal,
    pub settings: ScheduleSettings,
    pub beat: Beat,
    /// When the beat was put.
    pub from: u64,
    pub digest: [u8; 16],
    pub paused: bool,
    pub next: Option<u64>,
    pub fired: u64,
    pub last: Option<(u64, JobId)>,
    pub skips: u64,
    pub last_skip: Option<(u64, SkipReason)>,
}

/// What becomes of a firing.
#[derive(Clone, Debug, PartialEq)]
pub enum Fired {
    Nothing,
    Job { next: Option<u64> },
    Skipped { reason: SkipReason, next: Option<u64> },
}

/// The first time after `after` that a beat falls on. Counted up, from the first one or second by second.
pub fn next_beat(beat: Beat, from: u64, after: u64) -> Option<u64> {
    match beat {
        Beat::Nonsense => None,
        Beat::Every(every, first) => {
            let mut at = from + first;
            while at <= after {
                at += every;
            }
            Some(at)
        }
        Beat::Seconds(each) => next_second(after, |second| second % 60 % u64::from(each) == 0),
        Beat::Minutes(each) => {
            next_second(after, |second| second % 60 == 0 && second / 60 % 60 % u64::from(each) == 0)
        }
    }
}

fn next_second(after: u64, falls: impl Fn(u64) -> bool) -> Option<u64> {
    (after / 1_000 + 1..).find(|second| falls(*second)).map(|second| second * 1_000)
}

fn next_within(settings: &ScheduleSettings, beat: Beat, from: u64, after: u64) -> Option<u64> {
    let begins = settings.begins_at.map_or(0, |at| at.unix_ms());
    let next = next_beat(beat, from, after.max(begins.saturating_sub(1)))?;
    Some(next).filter(|next| settings.ends_at.is_none_or(|end| *next <= end.unix_ms()))
}

impl Schedule {
    fn next_after(&self, after: u64) -> Option<u64> {
        next_within(&self.settings, self.beat, self.from, after)
    }
}

impl Plain {
    pub fn schedule(&self, name: &ScheduleName) -> Option<&Schedule> {
        self.schedules.iter().find(|schedule| schedule.name == *name)
    }

    /// Whether it is there as wished, or why it is refused.
    pub fn may_put_schedule(
        &self,
        put: &PutSchedule<'_>,
        beat: Beat,
        from: u64,
        closed: bool,
    ) -> Result<bool, Reasons> {
        let Some(queue) = self.queue(put.queue) else { return Err(vec!["QueueUnknown"]) };
        let named = self.schedule(put.name);
        if let Some(present) = named {
            if (put.own_only && present.owner != *put.owner) || closed {
                return Err(vec!["ScheduleIdTaken"]);
            }
            if present.id != put.id {
                return Err(vec!["ScheduleOtherId"]);
            }
            let same = (present.queue, &present.owner, &present.settings, present.digest)
                == (queue, put.owner, put.settings, put.digest);
            if same {
                return Ok(true);
            }
        } else if self.schedules.iter().any(|schedule| schedule.id == put.id) {
            return Err(vec!["ScheduleIdTaken"]);
        }
        let (settings, mut no) = (put.settings, Reasons::new());
        let every = limits::SCHEDULE_EVERY_MS_MIN..=limits::SCHEDULE_EVERY_MS_MAX;
        let wrong = [
            matches!(beat, Beat::Every(ms, _) if !every.contains(&ms)),
            settings.jitter.get() > limits::SCHEDULE_JITTER_MS_MAX,
            settings.begins_at.zip(settings.ends_at).is_some_and(|(begins, ends)| ends <= begins),
            settings.ttl.is_some_and(|ttl| ttl <= settings.jitter),
        ];
        if wrong.contains(&true) || next_within(settings, beat, from, self.now).is_none() {
            no.push("Schedule");
        }
        let of_queue = &self.queues[queue].settings;
        if of_queue.sealing == SealingPolicy::Required {
            no.push("SealingRequired");
        }
        let options = settings.options.as_deref().cloned().unwrap_or_default();
        if of_queue.sessions.mode == SessionMode::Required && options.session.is_none() {
            no.push("SessionRequired");
        }
        if settings.ttl.is_some_and(|ttl| ttl.get() == 0 || ttl.get() > limits::TTL_MS_MAX) {
            no.push("Ttl");
        }
        if settings.max_attempts.is_some_and(|attempts| attempts == 0 || attempts > limits::ATTEMPTS_MAX) {
            no.push("MaxAttempts");
        }
        if options.backoff.is_some_and(|backoff| !backoff_fits(&backoff)) {
            no.push("Settings");
        }
        if no.is_empty() { Ok(false) } else { Err(no) }
    }

    pub fn put_schedule(&mut self, put: &PutSchedule<'_>, beat: Beat, from: u64) {
        let before = self.schedule(put.name).cloned();
        self.schedules.retain(|schedule| schedule.name != *put.name);
        let mut schedule = Schedule {
            id: put.id,
            name: put.name.clone(),
            queue: self.queue(put.queue).expect("it was judged"),
            owner: put.owner.clone(),
            settings: put.settings.clone(),
            beat,
            from,
            digest: put.digest,
            paused: before.as_ref().is_some_and(|before| before.paused),
            next: None,
            fired: before.as_ref().map_or(0, |before| before.fired),
            last: before.as_ref().and_then(|before| before.last),
            skips: before.as_ref().map_or(0, |before| before.skips),
            last_skip: before.and_then(|before| before.last_skip),
        };
        schedule.go_on(self.now);
        self.schedules.push(schedule);
    }

    pub fn act_on_schedule(&mut self, name: &ScheduleName, act: ScheduleAct) {
        let now = self.now;
        let schedule = self.schedules.iter_mut().find(|schedule| schedule.name == *name).expect("judged");
        schedule.paused = act == ScheduleAct::Pause;
        schedule.go_on(now);
    }

    /// The schedule that is due first.
    pub fn due_schedule(&self) -> Option<(u64, ScheduleId)> {
        let due = self.schedules.iter().filter_map(|schedule| Some((schedule.next?, schedule.id)));
        due.filter(|(next, _)| *next <= self.now).min()
    }

    /// What becomes of a firing that is due.
    pub fn judge_firing(&self, fire: &Fire) -> Fired {
        let (due, now) = (fire.firing.due.unix_ms(), self.now);
        let schedule = self.schedules.iter().find(|schedule| schedule.id == fire.firing.schedule);
        let schedule = schedule.filter(|schedule| schedule.next == Some(due) && due <= now);
        let Some(schedule) = schedule else { return Fired::Nothing };
        let on_time = now.saturating_sub(limits::SCHEDULE_LATE_MS_MAX);
        let made_up = now.saturating_sub(limits::SCHEDULE_CATCH_UP_MS_MAX);
        // The first firing behind this one that is not before a time.
        let first_from = |time: u64| schedule.next_after(due.max(time.saturating_sub(1)));
        let (fires, next) = match schedule.settings.missed {
            _ if due >= on_time => (true, schedule.next_after(due)),
            MissedPolicy::Skip => (false, first_from(on_time)),
            MissedPolicy::Once => (true, first_from(on_time)),
            MissedPolicy::All if due < made_up => (false, first_from(made_up)),
            MissedPolicy::All => (true, schedule.next_after(due)),
        };
        if !fires {
            return Fired::Skipped { reason: SkipReason::Missed, next };
        }
        match self.no_firing(schedule, fire).first() {
            None => Fired::Job { next },
            Some(reason) => Fired::Skipped { reason: *reason, next },
        }
    }

    /// Every reason to leave a firing out.
    pub fn no_firing(&self, schedule: &Schedule, fire: &Fire) -> Vec<SkipReason> {
        let queue = &self.queues[schedule.queue];
        let unfinished =
            |job: &JobId| self.find(job).is_some_and(|job| !job.is_finished() && job.state != State::Dead);
        let overlaps = schedule.settings.overlap == OverlapPolicy::Skip
            && schedule.last.is_some_and(|(_, job)| unfinished(&job));
        [
            (self.find(&fire.job).is_some(), SkipReason::Repeated),
            (!fire.readable, SkipReason::Unreadable),
            (overlaps, SkipReason::Overlap),
            (queue.settings.sealing == SealingPolicy::Required, SkipReason::Sealing),
            (
                queue.settings.sessions.mode == SessionMode::Required
                    && schedule.settings.options.as_deref().is_none_or(|options| options.session.is_none()),
                SkipReason::SessionRequired,
            ),
            (queue.mode == QueueMode::Draining, SkipReason::QueueDraining),
            (!self.has_room(schedule.queue), SkipReason::QueueFull),
        ]
        .into_iter()
        .filter_map(|(holds, reason)| holds.then_some(reason))
        .collect()
    }

    pub fn fire(&mut self, fire: &Fire, fired: &Fired, late: u64) {
        let due = fire.firing.due.unix_ms();
        let at = self.schedules.iter().position(|schedule| schedule.id == fire.firing.schedule);
        let at = at.expect("it was judged");
        match fired {
            Fired::Nothing => {}
            Fired::Skipped { reason, next } => {
                let schedule = &mut self.schedules[at];
                schedule.next = *next;
                schedule.skips += 1;
                schedule.last_skip = Some((due, *reason));
            }
            Fired::Job { next } => {
                let schedule = self.schedules[at].clone();
                let settings = &schedule.settings;
                let options = settings.options.as_deref().cloned().unwrap_or_default();
                let attempts = self.queues[schedule.queue].settings.retry.max_attempts;
                let place = self.next_place();
                let mut job =
                    Job::new(fire.job, &schedule.owner, schedule.queue, self.now, due + late, place);
                job.digest = schedule.digest;
                job.priority = settings.priority;
                job.expires = settings.ttl.map(|ttl| self.now + ttl.get());
                job.max_attempts = settings.max_attempts.unwrap_or(attempts);
                (job.session, job.fair, job.backoff) = (options.session, options.fair_key, options.backoff);
                job.firing = Some(fire.firing);
                self.begin(job, None);
                let schedule = &mut self.schedules[at];
                schedule.next = *next;
                schedule.fired += 1;
                schedule.last = Some((due, fire.job));
            }
        }
    }
}

impl Schedule {
    /// From now on, and not again what has fired.
    fn go_on(&mut self, now: u64) {
        let after = self.last.map_or(now, |(due, _)| now.max(due));
        self.next = if self.paused { None } else { self.next_after(after) };
    }
}
