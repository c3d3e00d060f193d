//! One step of a job's life, in few bytes: which event it comes from, and where the job stands then.

use std::sync::Arc;

use crate::id::JobId;
use crate::job::{Category, HoldReason, Priority, State, words};
use crate::name::{Principal, QueueName};
use crate::queue::death::DeadReason;
use crate::queue::event::{AfterParent, CancelReason, Event, Next};
use crate::queue::job::Job;
use crate::queue::shard::Shard;
use crate::time::Time;

words! {
    /// What sort of thing happened to a job.
    StepKind {
        /// It was sent and taken.
        Accepted = "accepted" / 1,
        /// What it waited for is done.
        Unblocked = "unblocked" / 2,
        /// Its time came.
        Due = "due" / 3,
        /// Somebody did not want to wait for its time.
        Promoted = "promoted" / 4,
        /// It is more or less urgent than before.
        Reprioritised = "reprioritised" / 5,
        /// It left this queue for another one.
        MovedAway = "moved_away" / 6,
        /// It came to this queue from another one.
        Moved = "moved" / 7,
        /// A worker has it.
        Leased = "leased" / 8,
        /// Its worker said how far it is.
        Progress = "progress" / 9,
        /// Its worker is asked to stop.
        CancelRequested = "cancel_requested" / 10,
        /// Its worker handed it back, or never got it.
        Released = "released" / 11,
        /// An attempt failed, or its worker went silent, and another attempt follows.
        Failed = "failed" / 12,
        /// It was set aside until a person looks.
        Held = "held" / 13,
        /// A person lets it go on.
        HoldReleased = "hold_released" / 14,
        /// It is done.
        Completed = "completed" / 15,
        /// It failed for good.
        Dead = "dead" / 16,
        /// It is not wanted any more.
        Cancelled = "cancelled" / 17,
        /// Its time to live ran out.
        Expired = "expired" / 18,
        /// It was sent through once more.
        Redriven = "redriven" / 19,
    }
}

/// What happened, with the word or number that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described where its kind is")]
pub enum What {
    Accepted,
    Unblocked,
    Due,
    Promoted,
    Reprioritised(Priority),
    MovedAway,
    Moved,
    Leased,
    Progress {
        percent: u8,
    },
    CancelRequested,
    Released,
    Failed(Category),
    Held(HoldReason),
    HoldReleased,
    Completed,
    Dead(DeadReason, Category),
    /// For no reason of its own where a job that it waited for took it along.
    Cancelled(Option<CancelReason>),
    Expired,
    Redriven,
}

impl What {
    /// Without what goes with it.
    pub const fn kind(self) -> StepKind {
        match self {
            Self::Accepted => StepKind::Accepted,
            Self::Unblocked => StepKind::Unblocked,
            Self::Due => StepKind::Due,
            Self::Promoted => StepKind::Promoted,
            Self::Reprioritised(_) => StepKind::Reprioritised,
            Self::MovedAway => StepKind::MovedAway,
            Self::Moved => StepKind::Moved,
            Self::Leased => StepKind::Leased,
            Self::Progress { .. } => StepKind::Progress,
            Self::CancelRequested => StepKind::CancelRequested,
            Self::Released => StepKind::Released,
            Self::Failed(_) => StepKind::Failed,
            Self::Held(_) => StepKind::Held,
            Self::HoldReleased => StepKind::HoldReleased,
            Self::Completed => StepKind::Completed,
            Self::Dead(..) => StepKind::Dead,
            Self::Cancelled(_) => StepKind::Cancelled,
            Self::Expired => StepKind::Expired,
            Self::Redriven => StepKind::Redriven,
        }
    }

    /// What an event is to those who listen; `None` where it is nothing to them. `job` as it stands
    /// after the event.
    fn of(event: &Event, job: &Job) -> Option<Self> {
        let ended = |next: &Next, category: Category| match (next, job.death()) {
            (Next::Dead, Some(death)) => Self::Dead(death.reason, death.category),
            (Next::Dead | Next::Retry(_), _) => Self::Failed(category),
        };
        Some(match event {
            Event::JobEnqueued(_) => Self::Accepted,
            Event::JobDue { .. } => Self::Due,
            Event::JobPromoted { .. } => Self::Promoted,
            Event::JobReprioritised { priority, .. } => Self::Reprioritised(*priority),
            Event::JobMoved { .. } => Self::Moved,
            Event::JobLeased { .. } => Self::Leased,
            Event::JobReported { report, .. } => Self::Progress { percent: report.progress?.percent },
            Event::JobCancelRequested { .. } => Self::CancelRequested,
            Event::JobReleased { .. } => Self::Released,
            Event::JobFailed { next, category, .. } => ended(next, *category),
            Event::LeaseExpired { next, .. } => ended(next, Category::Timeout),
            Event::JobHeld { reason, .. } => Self::Held(*reason),
            Event::HoldReleased { .. } => Self::HoldReleased,
            Event::JobCompleted { .. } => Self::Completed,
            Event::JobCancelled { reason, .. } => Self::Cancelled(Some(*reason)),
            Event::JobExpired { .. } => Self::Expired,
            Event::JobRedriven { .. } => Self::Redriven,
            Event::ParentEnded { next: AfterParent::Runs, .. } => Self::Unblocked,
            Event::ParentEnded { next: AfterParent::Cancelled, .. } => Self::Cancelled(None),
            Event::ParentEnded { next: AfterParent::Dies, .. } => {
                job.death().map(|death| Self::Dead(death.reason, death.category))?
            }
            _ => return None,
        })
    }
}

/// A step of a job's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which job.
    pub job: JobId,
    /// When.
    pub at: Time,
    /// The queue that it happened in.
    pub queue: QueueName,
    /// Who sent the job.
    pub owner: Arc<Principal>,
    /// The running attempt, or the last one that counted; 0 before the first.
    pub attempt: u32,
    /// Where the job stands then.
    pub state: State,
    /// What happened.
    pub what: What,
}

impl Step {
    /// About how much memory it takes, its owner's name as if it were nobody else's.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.owner.as_str().len()
    }
}

impl Shard {
    /// The step that an event is, asked right after it was applied.
    pub fn step(&self, event: &Event) -> Option<Step> {
        let id = match event {
            // Why here: no other question of this kind is about them.
            Event::JobReported { job, .. } => *job,
            other => other.job()?,
        };
        let job = self.jobs.get(&id).or_else(|| self.finished.get(&id).map(|finished| &finished.job))?;
        let what = What::of(event, job)?;
        Some(self.step_of(id, job, event.at(), what))
    }

    /// The step that an event is to those who see no more of the job after it, asked right before it is
    /// applied.
    pub fn step_away(&self, event: &Event) -> Option<Step> {
        let Event::JobMoved { job: id, at, .. } = event else { return None };
        let job = self.jobs.get(id)?;
        Some(self.step_of(*id, job, *at, What::MovedAway))
    }

    fn step_of(&self, id: JobId, job: &Job, at: Time, what: What) -> Step {
        Step {
            job: id,
            at,
            queue: self.queue_name(job.queue).clone(),
            owner: Arc::clone(&job.owner),
            attempt: job.attempt,
            state: job.state(),
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    // Each costs its place in the feed whether somebody listens or not.
    #[test]
    fn a_step_is_small() {
        let bytes = size_of::<super::Step>();
        assert!(bytes <= 64, "{bytes} bytes: what is read from elsewhere does not belong into it");
    }
}
