//! What only some jobs are sent with. A job that has none of it pays nothing for it: everything here
//! stands in one box, in the event and in the job.

use super::keys::IdempotencyKey;
use super::links::Links;
use super::refusal::Refusal;
use super::schedule::Firing;
use super::settings::check_backoff;
use super::unique::UniqueKey;
use crate::id::JobId;
use crate::retry::Backoff;
use crate::token::Token;

/// What a job may be sent with besides what every job has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOptions {
    /// How long to wait between attempts, where not as the queue says.
    pub backoff: Option<Backoff>,
    /// What stands for its session's name.
    pub session: Option<Token>,
    /// What its sender tells a repeated request by. Kept beside the job, and longer than it.
    pub idempotency: Option<IdempotencyKey>,
    /// Of the jobs with one such key, one is on its way at a time.
    pub unique: Option<UniqueKey>,
    /// Its place among other jobs.
    pub links: Option<Box<Links>>,
    /// What its turns are taken under, and what the limits per key count it to.
    pub fair_key: Option<Token>,
    /// The firing of a schedule that it is.
    pub firing: Option<Firing>,
    /// The job that it repeats.
    pub clone_of: Option<JobId>,
}

impl JobOptions {
    /// In its box, or nothing where nothing is set: one form only.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    /// Whether it says anything about other jobs, which its sender must be allowed to see.
    pub fn names_others(&self) -> bool {
        self.links.is_some() || self.clone_of.is_some()
    }

    /// Refuses what is out of its bounds by itself, whatever queue it is for.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        // Why nothing about links: they were checked when they were made.
        let Self {
            backoff,
            idempotency: _,
            unique: _,
            session: _,
            fair_key: _,
            firing: _,
            links: _,
            clone_of: _,
        } = self;
        backoff.iter().try_for_each(check_backoff).map_err(Refusal::Settings)
    }
}
