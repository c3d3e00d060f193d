//! What a person asks of one job.

use sealane_core::id::JobId;
use sealane_core::job::{Category, HoldReason, State};
use sealane_core::limits;
use sealane_core::queue::{AttemptEnd, QueueMode, SealingPolicy, SessionMode};

use super::job::Job;
use super::{Plain, Reasons};
use crate::step::{Deed, QUEUES};

impl Plain {
    /// Whether a deed is done already, or why it is refused.
    pub fn may_act(&self, id: &JobId, deed: &Deed) -> Result<bool, Reasons> {
        let Some(job) = self.find(id) else { return Err(vec!["JobUnknown"]) };
        let state = || Err(vec!["JobState"]);
        match deed {
            Deed::Cancel { .. } if job.state == State::Cancelled => Ok(true),
            Deed::Cancel { dead: false, .. } if job.state == State::Dead => state(),
            Deed::Cancel { force: false, .. } if job.is_stopping() => Ok(true),
            Deed::Cancel { .. } if job.is_finished() => state(),
            Deed::Cancel { .. } => Ok(false),
            Deed::Hold if job.state == State::Held => Ok(true),
            Deed::Hold if matches!(job.state, State::Delayed | State::Ready | State::Retrying) => Ok(false),
            Deed::Hold => state(),
            Deed::Promote if matches!(job.state, State::Delayed | State::Retrying) => Ok(false),
            Deed::Promote => state(),
            Deed::Release if job.state != State::Held => state(),
            Deed::Release if !self.has_room(job.queue) => Err(vec!["QueueFull"]),
            Deed::Release => Ok(false),
            Deed::Reprioritise(_) if job.is_finished() => state(),
            Deed::Reprioritise(priority) => Ok(job.priority == *priority),
            Deed::Redrive { seal } => self.may_redrive(job, *seal),
            Deed::Move { queue } => self.may_move(job, QUEUES[*queue]),
        }
    }

    fn may_redrive(&self, job: &Job, seal: Option<i64>) -> Result<bool, Reasons> {
        if job.state == State::Completed {
            return Err(vec!["RedriveCompleted"]);
        }
        if !matches!(job.state, State::Dead | State::Cancelled | State::Expired) {
            return Err(vec!["JobState"]);
        }
        let mut no = self.no_parents(job, &[]);
        if self.session_of(job).is_some_and(|line| self.is_waited_for_in(&job.id, line)) {
            no.push("SessionCircle");
        }
        if seal.is_some_and(|end| end <= 0) {
            no.push("SealExpired");
        }
        if job.redrives >= limits::REDRIVES_MAX {
            no.push("RedrivesUsed");
        }
        if job.is_finished() && job.unique.is_some_and(|unique| self.holder(job.queue, &unique).is_some()) {
            no.push("UniqueTaken");
        }
        if !self.has_room(job.queue) {
            no.push("QueueFull");
        }
        if no.is_empty() { Ok(false) } else { Err(no) }
    }

    fn may_move(&self, job: &Job, to: &str) -> Result<bool, Reasons> {
        let Some(to) = self.queues.iter().position(|queue| queue.name.as_str() == to) else {
            return Err(vec!["QueueUnknown"]);
        };
        let mut no = Reasons::new();
        if !(job.waits() || matches!(job.state, State::Held | State::Dead)) {
            no.push("JobState");
        }
        let queue = &self.queues[to];
        if queue.settings.sealing == SealingPolicy::Required {
            no.push("SealingRequired");
        }
        if job.queue == to && no.is_empty() {
            return Ok(true);
        }
        if job.unique.is_some_and(|unique| self.holder(to, &unique).is_some()) {
            no.push("UniqueTaken");
        }
        if queue.settings.sessions.mode == SessionMode::Required && job.session.is_none() {
            no.push("SessionRequired");
        }
        let line = job.session.filter(|_| queue.settings.sessions.are_kept()).map(|token| (to, token));
        if line.is_some_and(|line| self.is_waited_for_in(&job.id, line)) {
            no.push("SessionCircle");
        }
        if queue.mode == QueueMode::Draining {
            no.push("QueueDraining");
        }
        if !self.has_room(to) {
            no.push("QueueFull");
        }
        if no.is_empty() { Ok(false) } else { Err(no) }
    }

    pub fn act(&mut self, id: &JobId, deed: &Deed) {
        let now = self.now;
        let running = self.job(id).state == State::Running;
        match deed {
            Deed::Cancel { force: false, .. } if running => {
                self.job(id).running.as_mut().expect("it runs").stopping = true;
            }
            Deed::Cancel { .. } => {
                let lock = self.job(id).lock();
                let job = self.job(id);
                job.end_run(now, AttemptEnd::Cancelled, Some(Category::Cancelled), None);
                job.finish(now, State::Cancelled);
                lock.into_iter().for_each(|lock| self.note_word(lock));
            }
            Deed::Hold => {
                let job = self.job(id);
                if job.state == State::Retrying {
                    job.run_at = job.at;
                }
                job.hold(now, HoldReason::Quarantined);
            }
            Deed::Promote => {
                let job = self.job(id);
                (job.state, job.run_at) = (State::Ready, now);
            }
            Deed::Release => self.release(id),
            Deed::Reprioritise(priority) => self.job(id).priority = *priority,
            Deed::Redrive { .. } => self.redrive(id),
            Deed::Move { queue } => self.move_to(id, QUEUES[*queue]),
        }
        self.settle_rounds();
    }

    /// A held job goes on: at once, or when its own time comes.
    pub fn release(&mut self, id: &JobId) {
        let now = self.now;
        let job = self.job(id);
        (job.here, job.held) = (now, None);
        if job.run_at > now {
            (job.state, job.at) = (State::Delayed, job.run_at);
        } else {
            job.state = State::Ready;
        }
    }

    /// Sends an ended job through once more, from the end of the line.
    pub fn redrive(&mut self, id: &JobId) {
        let (now, place) = (self.now, self.next_place());
        let blocked = self.wait_anew(id);
        let job = self.job(id);
        job.state = if blocked { State::Blocked } else { State::Ready };
        job.death = None;
        job.redrives += 1;
        job.before = job.attempt;
        job.place = place;
        job.expires = job.expires.map(|end| now + (end - job.begun));
        (job.begun, job.run_at, job.here) = (now, now, now);
    }

    /// Only where lines are kept does it go to an end: elsewhere its age counts.
    fn move_to(&mut self, id: &JobId, to: &str) {
        let to = self.queues.iter().position(|queue| queue.name.as_str() == to).expect("it was judged");
        let now = self.now;
        let lines = self.queues[to].settings.sessions.are_kept() && self.job(id).session.is_some();
        let place = lines.then(|| self.next_place());
        let job = self.job(id);
        (job.queue, job.here) = (to, now);
        job.place = place.unwrap_or(job.place);
    }
}
