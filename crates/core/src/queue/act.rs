//! What people ask of single jobs: cancel, hold, move, promote, re-drive, release, re-prioritise.

use std::collections::BTreeSet;

use super::command::Act;
use super::event::{CancelReason, Event};
use super::job::Job;
use super::refusal::Refusal;
use super::sealing;
use super::shard::Shard;
use super::transitions::{self, Cause};
use crate::id::JobId;
use crate::job::{HoldReason, State};
use crate::time::Time;

impl Shard {
    pub(super) fn decide_act(&self, now: Time, id: &JobId, act: &Act) -> Result<Vec<Event>, Refusal> {
        let live = self.jobs.get(id);
        let job = live
            .or_else(|| self.finished.get(id).map(|finished| &finished.job))
            .ok_or(Refusal::JobUnknown)?;
        let (job, id, at) = (&**job, *id, now);
        match act {
            Act::Cancel { dead: false, .. } if job.state() == State::Dead => {
                Err(Refusal::JobState { state: State::Dead })
            }
            Act::Cancel { force, dead: _ } => self.decide_cancel(now, id, job, *force),
            // Why not one that waits for others: nobody would hear of their ends.
            Act::Hold if job.state() == State::Held => Ok(Vec::new()),
            Act::Hold => {
                may(job, Cause::Quarantine)?;
                Ok(vec![Event::JobHeld { job: id, reason: HoldReason::Quarantined, at }])
            }
            Act::Promote => {
                may(job, Cause::Promote)?;
                Ok(vec![Event::JobPromoted { job: id, at }])
            }
            Act::Release => {
                may(job, Cause::Release)?;
                self.queue_at(job.queue).has_room(1)?;
                Ok(vec![Event::HoldReleased { job: id, at }])
            }
            Act::Redrive { .. } if job.state() == State::Completed => Err(Refusal::RedriveCompleted),
            Act::Redrive { seal_expires } => {
                may(job, Cause::Redrive)?;
                if seal_expires.is_some_and(|end| end <= now) {
                    return Err(Refusal::SealExpired);
                }
                if !job.may_be_redriven() {
                    return Err(Refusal::RedrivesUsed);
                }
                // A dead job has its place and its key still: only who ended may find them taken.
                if live.is_none() {
                    self.takes_job_of(&job.owner, 0, 0)?;
                    self.may_be_unique(job.queue, job.unique_key())?;
                }
                self.queue_at(job.queue).has_room(1)?;
                self.queue_at(job.queue).takes_key(job.fair_key(), &BTreeSet::new(), now)?;
                self.check_parents_again(job, &BTreeSet::new())?;
                self.may_stand_behind(&id, self.session_key(job))?;
                Ok(vec![Event::JobRedriven { job: id, at }])
            }
            Act::Reprioritise { priority } => match live {
                None => Err(Refusal::JobState { state: job.state() }),
                Some(job) if job.priority == *priority => Ok(Vec::new()),
                Some(_) => Ok(vec![Event::JobReprioritised { job: id, priority: *priority, at }]),
            },
            Act::Move { queue, sealed } => {
                let number = *self.names.get(queue).ok_or(Refusal::QueueUnknown)?;
                let still = matches!(
                    job.state(),
                    State::Blocked
                        | State::Delayed
                        | State::Ready
                        | State::Retrying
                        | State::Held
                        | State::Dead
                );
                if !still {
                    return Err(Refusal::JobState { state: job.state() });
                }
                sealing::check_moved(self.queue_at(number).settings.sealing, *sealed)?;
                if job.queue == number {
                    return Ok(Vec::new());
                }
                self.may_be_unique(number, job.unique_key())?;
                self.queue_at(number).takes_session(job.session())?;
                self.may_stand_behind(&id, self.session_key_in(number, job))?;
                self.queue_at(number).takes_jobs(1)?;
                self.queue_at(number).takes_key(job.fair_key(), &BTreeSet::new(), now)?;
                Ok(vec![Event::JobMoved { job: id, queue: number, at }])
            }
        }
    }

    /// Judges the end of jobs that are cancelled together, as those of a flow. What has ended, dead jobs
    /// included, is left as it is. One job's end decides nothing about another's here: what follows from it for
    /// those behind comes after.
    ///
    /// # Errors
    /// When one of them cannot be cancelled: then nothing is to be done.
    pub fn decide_cancel_together(&self, now: Time, jobs: &BTreeSet<JobId>) -> Result<Vec<Event>, Refusal> {
        let mut events = Vec::new();
        for job in jobs {
            match self.decide_act(now, job, &Act::Cancel { force: false, dead: false }) {
                Ok(decided) => events.extend(decided),
                Err(Refusal::JobState { .. }) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(events)
    }

    /// A waiting job ends at once. A running one is its worker's: it is asked to stop, unless by force.
    fn decide_cancel(&self, now: Time, id: JobId, job: &Job, force: bool) -> Result<Vec<Event>, Refusal> {
        if job.state() == State::Cancelled || (!force && job.is_cancel_requested()) {
            return Ok(Vec::new());
        }
        may(job, Cause::Cancel)?;
        Ok(vec![match (job.running(), force) {
            (Some(_), false) => Event::JobCancelRequested { job: id, at: now },
            (Some(_), true) => Event::JobCancelled { job: id, reason: CancelReason::Forced, at: now },
            (None, _) => Event::JobCancelled { job: id, reason: CancelReason::Asked, at: now },
        }])
    }
}

fn may(job: &Job, cause: Cause) -> Result<(), Refusal> {
    match transitions::after(Some(job.state()), cause) {
        Some(_) => Ok(()),
        None => Err(Refusal::JobState { state: job.state() }),
    }
}
