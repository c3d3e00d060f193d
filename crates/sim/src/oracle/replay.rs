//! Where every job stood at every moment, told by the journal's events alone. It is made the plainest way,
//! with walks over all jobs, and shares no line with the machine that it is held against.

use std::collections::BTreeMap;

use sealane::{JobId, Priority, State};
use sealane_core::id::LockId;
use sealane_core::queue::{
    AfterParent, Event, JobEnqueued, JobOptions, Next, OnFailure, QueueMode, QueueNumber, QueueSettings,
};
use sealane_core::time::Time;
use sealane_core::token::Token;

/// Everything up to some event.
#[derive(Default)]
pub(crate) struct Replay {
    pub(crate) jobs: BTreeMap<JobId, Replayed>,
    pub(crate) queues: BTreeMap<QueueNumber, ReplayedQueue>,
    /// The holds of sessions.
    pub(crate) held: BTreeMap<(QueueNumber, Token), LockId>,
    next_place: u64,
    /// The time of the last event, and how long the server was away all together.
    pub(crate) last_at: Time,
    pub(crate) away_ms: u64,
}

/// A queue.
pub(crate) struct ReplayedQueue {
    pub(crate) name: String,
    pub(crate) settings: QueueSettings,
    pub(crate) mode: QueueMode,
}

/// A job.
pub(crate) struct Replayed {
    pub(crate) queue: QueueNumber,
    pub(crate) priority: Priority,
    /// Its place among those of its queue: who came first has the least.
    pub(crate) place: u64,
    pub(crate) stands: Stands,
    pub(crate) options: JobOptions,
    /// Whether what it waited for was done once.
    pub(crate) was_let_through: bool,
    pub(crate) expires_at: Option<Time>,
    run_at: Time,
    begun_at: Time,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Blocked,
    Delayed,
    Ready,
    Running { since: Time, lock: Option<LockId> },
    Retrying,
    Held,
    Dead,
    Ended(State),
}

impl Replay {
    /// What happened next.
    pub(crate) fn apply(&mut self, event: &Event) {
        let at = event.at();
        match event {
            Event::QueueCreated { number, queue, settings, .. } => {
                let name = queue.to_string();
                self.queues
                    .insert(*number, ReplayedQueue { name, settings: **settings, mode: QueueMode::Open });
            }
            Event::QueueChanged { number, settings, .. } => {
                if let Some(queue) = self.queues.get_mut(number) {
                    queue.settings = **settings;
                }
            }
            Event::QueueModeChanged { queue, mode, .. } => {
                if let Some(queue) = self.queues.get_mut(queue) {
                    queue.mode = *mode;
                }
            }
            Event::JobEnqueued(enqueued) => self.enqueued(enqueued),
            Event::JobDue { job, .. } | Event::HoldReleased { job, .. } | Event::JobPromoted { job, .. } => {
                self.stands(job, Stands::Ready);
            }
            Event::JobLeased { job, lock, .. } => {
                self.stands(job, Stands::Running { since: at, lock: *lock });
            }
            Event::LeaseExpired { job, next, .. } | Event::JobFailed { job, next, .. } => {
                self.stands(
                    job,
                    match next {
                        Next::Dead => Stands::Dead,
                        Next::Retry(until) if *until > at => Stands::Retrying,
                        Next::Retry(_) => Stands::Ready,
                    },
                );
            }
            Event::JobReleased { job, run_at, .. } => {
                self.stands(job, if *run_at > at { Stands::Delayed } else { Stands::Ready });
            }
            Event::JobCompleted { job, .. } => self.stands(job, Stands::Ended(State::Completed)),
            Event::JobHeld { job, .. } => self.stands(job, Stands::Held),
            Event::JobExpired { job, .. } => self.stands(job, Stands::Ended(State::Expired)),
            Event::JobCancelled { job, .. } => self.stands(job, Stands::Ended(State::Cancelled)),
            Event::JobRedriven { job, .. } => self.redriven(job, at),
            Event::JobReprioritised { job, priority, .. } => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.priority = *priority;
                }
            }
            Event::JobMoved { job, queue, .. } => self.moved(job, *queue),
            Event::ParentEnded { job, next, .. } => self.heard(job, *next, at),
            Event::SessionAccepted { queue, session, lock, .. } => {
                self.held.insert((*queue, *session), *lock);
            }
            Event::SessionEnded { queue, session, .. } => {
                self.held.remove(&(*queue, *session));
            }
            Event::ServerStarted { .. } => self.away_ms += at.since(self.last_at).get(),
            _ => {}
        }
        self.last_at = self.last_at.max(at);
    }

    fn enqueued(&mut self, event: &JobEnqueued) {
        let options = event.options.as_deref().cloned().unwrap_or_default();
        let let_through = self.lets_through(&options);
        let stands = match let_through {
            false => Stands::Blocked,
            true if event.run_at > event.at => Stands::Delayed,
            true => Stands::Ready,
        };
        let job = Replayed {
            queue: event.queue,
            priority: event.priority,
            place: self.next_place,
            stands,
            options,
            was_let_through: let_through,
            expires_at: event.expires_at,
            run_at: event.run_at,
            begun_at: event.at,
        };
        self.next_place += 1;
        self.jobs.insert(event.job, job);
    }

    /// Whether nothing is left to wait for: all of those that must be done are, and one of the others.
    pub(crate) fn lets_through(&self, options: &JobOptions) -> bool {
        let Some(links) = options.links.as_deref() else { return true };
        let is_met = |parent: &JobId| {
            let stands = self.jobs.get(parent).map(|job| job.stands);
            match links.on_failure() {
                OnFailure::Run => !matches!(stands, Some(stands) if stands.is_open()),
                OnFailure::Fail | OnFailure::Cancel => stands == Some(Stands::Ended(State::Completed)),
            }
        };
        links.all().iter().all(is_met) && (links.any().is_empty() || links.any().iter().any(is_met))
    }

    fn redriven(&mut self, id: &JobId, at: Time) {
        let Some(job) = self.jobs.get(id) else { return };
        let let_through = job.was_let_through || self.lets_through(&job.options);
        let place = self.next_place;
        self.next_place += 1;
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.expires_at = job.expires_at.map(|end| at.plus(end.since(job.begun_at)));
        job.begun_at = at;
        job.run_at = at;
        job.place = place;
        job.was_let_through = let_through;
        job.stands = if let_through { Stands::Ready } else { Stands::Blocked };
    }

    fn moved(&mut self, id: &JobId, queue: QueueNumber) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let from = std::mem::replace(&mut job.queue, queue);
        // A session's line is joined at its end; where there is none, a job keeps its age.
        let joins = self.jobs.get(id).is_some_and(|job| from != queue && self.line_of(job).is_some());
        if let Some(job) = self.jobs.get_mut(id).filter(|_| joins) {
            job.place = self.next_place;
            self.next_place += 1;
        }
    }

    fn heard(&mut self, id: &JobId, next: AfterParent, at: Time) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.stands = match next {
            AfterParent::Waits => return,
            AfterParent::Runs if job.run_at > at => Stands::Delayed,
            AfterParent::Runs => Stands::Ready,
            AfterParent::Dies => Stands::Dead,
            AfterParent::Cancelled => Stands::Ended(State::Cancelled),
        };
        job.was_let_through |= next == AfterParent::Runs;
    }

    fn stands(&mut self, id: &JobId, stands: Stands) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.stands = stands;
        }
    }

    /// What a queue is called.
    pub(crate) fn name(&self, queue: QueueNumber) -> &str {
        self.queues.get(&queue).map_or("?", |queue| &queue.name)
    }

    /// The line that a job stands in, where it stands in one: its queue keeps sessions and it has one.
    pub(crate) fn line_of(&self, job: &Replayed) -> Option<(QueueNumber, Token)> {
        let kept = self.queues.get(&job.queue).is_some_and(|queue| queue.settings.sessions.are_kept());
        job.options.session.filter(|_| kept).map(|session| (job.queue, session))
    }

    /// Whether a job is ready for whoever asks: the first of its session, and nobody holds that.
    pub(crate) fn may_be_next(&self, job: &Replayed, at: Time) -> bool {
        let first = |line| {
            !self.held.contains_key(&line) && self.line(line).all(|(_, other)| other.place >= job.place)
        };
        job.stands == Stands::Ready
            && job.expires_at.is_none_or(|end| at < end)
            && self.line_of(job).is_none_or(first)
    }

    /// Who stands in a line, in no order.
    pub(crate) fn line(&self, line: (QueueNumber, Token)) -> impl Iterator<Item = (&JobId, &Replayed)> {
        self.jobs.iter().filter(move |(_, job)| job.stands.is_open() && self.line_of(job) == Some(line))
    }
}

impl Stands {
    /// Whether it has not ended: a job in dead-letter has.
    pub(crate) const fn is_open(self) -> bool {
        !matches!(self, Self::Dead | Self::Ended(_))
    }
}
