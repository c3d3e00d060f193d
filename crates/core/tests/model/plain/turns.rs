//! Whose turn it is: class, fair key, first in, first out.

use sealane_core::id::{JobId, LeaseId, LockId};
use sealane_core::job::{Priority, State};
use sealane_core::limits;
use sealane_core::name::Principal;
use sealane_core::token::Token;

use super::Plain;
use super::job::{Job, Running};

/// A class, and who takes turns in it.
type Turn = (Priority, Option<Token>);

impl Plain {
    /// Whether a job stands where it may be handed out to whoever asks: it is ready, and where its queue
    /// keeps sessions the first of one that nobody holds.
    pub fn is_offered(&self, job: &Job) -> bool {
        job.state == State::Ready
            && match self.session_of(job) {
                None => true,
                Some((queue, token)) => {
                    self.hold(queue, token).is_none() && self.line(queue, token).first() == Some(&job.id)
                }
            }
    }

    /// Keys whose rate let them go on by now come to the ends of the rounds, in the order of their times;
    /// those that have waited before those that have just come.
    pub fn open_up(&mut self) {
        for queue in 0..self.queues.len() {
            let mut opened: Vec<(u64, Turn)> = self
                .absent(queue)
                .into_iter()
                .filter_map(|turn| Some((self.key_opens(queue, turn.1).filter(|at| *at <= self.now)?, turn)))
                .collect();
            let waited: Vec<Turn> = self.queues[queue].offered.iter().map(|(_, turn)| *turn).collect();
            opened.sort_by_key(|(at, turn)| (!waited.contains(turn), *at, turn.1, turn.0));
            self.queues[queue].rounds.extend(opened.into_iter().map(|(_, turn)| turn));
            let here = |job: &&Job| job.queue == queue && self.is_offered(job);
            let offered = self.jobs.iter().filter(here).map(|job| (job.id, (job.priority, job.fair)));
            self.queues[queue].offered = offered.collect();
        }
    }

    /// Who has nothing to be handed out, or may not go on, leaves the rounds; who comes, comes to the end.
    pub fn settle_rounds(&mut self) {
        for queue in 0..self.queues.len() {
            // A session's next job comes when the one before it has left: its key comes with it.
            let stayed = |turn: &Turn| {
                let offered = self.queues[queue].offered.iter().filter(|(_, of)| of == turn);
                let mut jobs = offered.filter_map(|(id, _)| self.find(id));
                jobs.any(|job| {
                    job.queue == queue && (job.priority, job.fair) == *turn && self.is_offered(job)
                })
            };
            let stays = |turn: &Turn| stayed(turn) && self.room_of_key(queue, turn.1) > 0;
            let rounds: Vec<Turn> = self.queues[queue].rounds.iter().copied().filter(stays).collect();
            self.queues[queue].rounds = rounds;
        }
        self.open_up();
    }

    fn turns_wanted(&self, queue: usize) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        for job in self.jobs.iter().filter(|job| job.queue == queue && self.is_offered(job)) {
            if !turns.contains(&(job.priority, job.fair)) {
                turns.push((job.priority, job.fair));
            }
        }
        turns
    }

    fn absent(&self, queue: usize) -> Vec<Turn> {
        let mut turns = self.turns_wanted(queue);
        turns.retain(|turn| !self.queues[queue].rounds.contains(turn));
        turns
    }

    /// The job whose turn it is.
    pub fn next_job(&self, queue: usize) -> Option<JobId> {
        if self.room_of_queue(queue) == 0 {
            return None;
        }
        let first_of = |(class, key): &Turn| {
            let may = |job: &&Job| {
                job.queue == queue
                    && (job.priority, job.fair) == (*class, *key)
                    && self.is_offered(job)
                    && !job.is_expired(self.now)
            };
            self.jobs.iter().filter(may).min_by_key(|job| job.place).map(|job| job.id)
        };
        let here = &self.queues[queue];
        let first_in = |class: Priority| here.rounds.iter().filter(|turn| turn.0 == class).find_map(first_of);
        let found: Vec<(Priority, JobId)> =
            Priority::ALL.iter().filter_map(|class| Some((*class, first_in(*class)?))).collect();
        let passed = |class: Priority| here.passed[usize::from(class.code())];
        let overdue = found
            .iter()
            .filter(|(class, _)| passed(*class) >= limits::AGEING_PASSES_MAX)
            .max_by_key(|(class, _)| passed(*class));
        let first = found.first()?;
        let chosen = if first.0 == Priority::Critical { first } else { overdue.unwrap_or(first) };
        Some(chosen.1)
    }

    /// Hands the job out whose turn it is.
    pub fn lease(&mut self, queue: usize, lease: LeaseId, until: u64, holder: &Principal) -> Option<JobId> {
        self.open_up();
        let id = self.next_job(queue)?;
        let (class, fair) = (self.job(&id).priority, self.job(&id).fair);
        self.start(&id, lease, None, until, holder);
        self.queues[queue].rounds.retain(|turn| *turn != (class, fair));
        let waits: Vec<Priority> = self.turns_wanted(queue).into_iter().map(|(class, _)| class).collect();
        for other in Priority::ALL {
            let passes = &mut self.queues[queue].passed[usize::from(other.code())];
            if *other == class || !waits.contains(other) {
                *passes = 0;
            } else if *other > class && class != Priority::Critical {
                *passes += 1;
            }
        }
        self.settle_rounds();
        Some(id)
    }

    /// A job runs from now on.
    pub fn start(
        &mut self,
        id: &JobId,
        lease: LeaseId,
        lock: Option<LockId>,
        until: u64,
        holder: &Principal,
    ) {
        let (now, queue) = (self.now, self.job(id).queue);
        let run_until = now + self.queues[queue].settings.max_run.get();
        let job = self.job(id);
        (job.state, job.at) = (State::Running, until);
        job.attempt += 1;
        job.running =
            Some(Running { lease, lock, holder: holder.clone(), started: now, run_until, stopping: false });
        let fair = job.fair;
        self.note_start(queue, fair, false);
    }
}
