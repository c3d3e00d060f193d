//! What a schedule is told.

use std::fmt;

use crate::cadence::{Cadence, CadenceError};
use crate::job::{Priority, words};
use crate::limits;
use crate::queue::options::JobOptions;
use crate::time::{Millis, Time};

words! {
    /// What becomes of firings whose time passed while nobody could see to them: the server was down, or
    /// its clock was set forward.
    MissedPolicy {
        /// They are left out. The default.
        Skip = "skip" / 1,
        /// One job for all of them, in the name of the first.
        Once = "once" / 2,
        /// A job for each of them, the oldest first, as far back as a day.
        All = "all" / 3,
    }
}

words! {
    /// What becomes of a firing while the job of an earlier one is not finished.
    OverlapPolicy {
        /// It fires all the same. The default.
        Allow = "allow" / 1,
        /// It is left out.
        Skip = "skip" / 2,
    }
}

/// A schedule's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// When it fires.
    pub cadence: Cadence,
    /// Not before this time.
    pub begins_at: Option<Time>,
    /// Not after this time.
    pub ends_at: Option<Time>,
    /// What becomes of missed firings.
    pub missed: MissedPolicy,
    /// What becomes of a firing while an earlier job is not finished.
    pub overlap: OverlapPolicy,
    /// Jobs begin up to so much later than they are due, each firing by another time.
    pub jitter: Millis,
    /// How urgent its jobs are.
    pub priority: Priority,
    /// How long each is worth anything.
    pub ttl: Option<Millis>,
    /// Attempts of each before dead-letter, where not the queue's.
    pub max_attempts: Option<u32>,
    /// What its jobs are sent with besides.
    pub options: Option<Box<JobOptions>>,
}

/// A schedule's settings are out of their bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleError {
    /// When it fires.
    Cadence(CadenceError),
    /// The jitter.
    Jitter,
    /// It ends before it begins.
    Window,
    /// Its jobs may be worth nothing any more before they begin.
    JitterBeyondTtl,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cadence(error) => error.fmt(f),
            Self::Jitter => write!(f, "jitter_ms must be at most {}", limits::SCHEDULE_JITTER_MS_MAX),
            Self::JitterBeyondTtl => {
                f.write_str("ttl_ms must be more than jitter_ms, or jobs expire before they begin")
            }
            Self::Window => f.write_str("ends_at must be later than begins_at"),
        }
    }
}

impl std::error::Error for ScheduleError {}

impl ScheduleSettings {
    /// Refuses settings out of their bounds. Slow for a pattern that never fires: not for the thread that
    /// everybody waits for.
    ///
    /// # Errors
    /// See [`ScheduleError`].
    pub fn check(&self, now: Time) -> Result<(), ScheduleError> {
        self.cadence.check(now).map_err(ScheduleError::Cadence)?;
        if self.jitter.get() > limits::SCHEDULE_JITTER_MS_MAX {
            return Err(ScheduleError::Jitter);
        }
        if let (Some(begins), Some(ends)) = (self.begins_at, self.ends_at)
            && ends <= begins
        {
            return Err(ScheduleError::Window);
        }
        self.next_after(now).map(|_| ()).ok_or(ScheduleError::Cadence(CadenceError::Never))
    }

    /// The first time after `after` that it fires, inside of its window.
    pub fn next_after(&self, after: Time) -> Option<Time> {
        let before_begin = self.begins_at.map_or(after, |begins| after.max(begins.minus(Millis::new(1))));
        self.cadence.next_after(before_begin).filter(|next| self.ends_at.is_none_or(|ends| *next <= ends))
    }
}
