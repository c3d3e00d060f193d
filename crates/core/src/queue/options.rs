//! What only some jobs are sent with. A job that has none of it pays nothing for it: everything here
//! stands in one box, in the event and in the job.

use super::refusal::Refusal;
use super::schedule::Firing;
use super::settings::check_backoff;
use crate::retry::Backoff;
use crate::token::Token;

/// What a job may be sent with besides what every job has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOptions {
    /// How long to wait between attempts, where not as the queue says.
    pub backoff: Option<Backoff>,
    /// What its turns are taken under, and what the limits per key count it to.
    pub fair_key: Option<Token>,
    /// The firing of a schedule that it is.
    pub firing: Option<Firing>,
}

impl JobOptions {
    /// In its box, or nothing where nothing is set: one form only.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    /// Refuses what is out of its bounds by itself, whatever queue it is for.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let Self { backoff, fair_key: _, firing: _ } = self;
        backoff.iter().try_for_each(check_backoff).map_err(Refusal::Settings)
    }
}
