//! The naive model: what `docs/` says a queue does, told by lists that are walked from end to end. It has
//! no index, no counter and nothing that is kept beside what it follows from.
//!
//! Where a thing is refused, it names every rule that forbids it: which of them the machine tells first
//! is its own affair.
//!
//! - `job`: one job. `sending`: accepting, keys, batches. `flows`: jobs that wait for others.
//! - `turns`: whose turn it is. `limits`: rates and concurrency, reckoned anew from all starts.
//! - `working`: settle, extend, report. `people`: what is asked of single jobs. `bulk`: of many.
//! - `sessions`, `schedules`, `settings`. `time`: what time brings about.

pub mod bulk;
pub mod flows;
pub mod job;
pub mod limits;
pub mod people;
pub mod schedules;
pub mod sending;
pub mod sessions;
pub mod settings;
pub mod time;
pub mod turns;
pub mod working;

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::name::QueueName;

use job::Job;
use schedules::Schedule;
use sending::Key;
use sessions::{Hold, Memory};
use settings::Queue;

/// Every rule that forbids something, by the names of the refusals. None: it must be done.
pub type Reasons = Vec<&'static str>;

#[derive(Clone, Default)]
pub struct Plain {
    pub now: u64,
    /// Time of the last thing that happened.
    pub last: u64,
    pub queues: Vec<Queue>,
    /// All jobs that were ever accepted.
    pub jobs: Vec<Job>,
    pub keys: Vec<Key>,
    pub holds: Vec<Hold>,
    pub memories: Vec<Memory>,
    pub schedules: Vec<Schedule>,
    /// Places in line that were given.
    pub places: u64,
    /// Turns of bulk work that were given.
    pub turns: u64,
}

impl Plain {
    /// A job that is live or remembered.
    pub fn find(&self, id: &JobId) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == *id && !job.forgotten)
    }

    pub fn find_mut(&mut self, id: &JobId) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == *id && !job.forgotten)
    }

    pub fn job(&mut self, id: &JobId) -> &mut Job {
        self.find_mut(id).expect("the model knows what it speaks of")
    }

    pub fn live(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| !job.is_finished())
    }

    pub fn queue(&self, name: &QueueName) -> Option<usize> {
        self.queues.iter().position(|queue| queue.name == *name)
    }

    /// Jobs that wait in a queue, as `max_depth` counts them.
    pub fn waiting(&self, queue: usize) -> u64 {
        let waits = |job: &&Job| job.queue == queue && job.waits() && !job.forgotten;
        self.jobs.iter().filter(waits).count() as u64
    }

    pub fn next_place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    pub fn has_room(&self, queue: usize) -> bool {
        self.waiting(queue) < self.queues[queue].settings.max_depth
    }

    pub fn count(&self, queue: usize, state: State) -> u64 {
        self.jobs.iter().filter(|job| job.queue == queue && job.state == state && !job.forgotten).count()
            as u64
    }
}
