//! Which jobs of a dead-letter are meant, and what judging held jobs shares with it.

use std::ops::Bound;

use super::death::Labels;
use super::job::Job;
use crate::id::JobId;
use crate::job::Category;
use crate::name::{ErrorCode, Principal};
use crate::time::Time;
use crate::token::Token;

/// Which jobs of a dead-letter are meant: those that everything said here is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// Why the last attempt failed.
    pub category: Option<Category>,
    /// What its worker calls the error.
    pub code: Option<ErrorCode>,
    /// Which error, by the fingerprint that its worker gave.
    pub fingerprint: Option<Token>,
    /// What sort of job it is.
    pub kind: Option<Token>,
    /// One of its search words.
    pub tag: Option<Token>,
    /// Who sent it.
    pub owner: Option<Principal>,
    /// It died at this time or later,
    pub died_from: Option<Time>,
    /// and before this one.
    pub died_before: Option<Time>,
}

/// Whether a job is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    Yes,
    No,
    /// That depends on its record, which nobody has read yet.
    NotKnown,
}

impl DeadFilter {
    /// Whether it says nothing, so that all are meant.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Where to look, from behind `through`, in an index by time of death.
    pub(super) fn from(&self, through: Option<(Time, JobId)>) -> Bound<(Time, JobId)> {
        first_place(self.died_from, through)
    }

    /// Whether who died then is too late, and with it everybody behind.
    pub(super) fn ends_before(&self, died_at: Time) -> bool {
        self.died_before.is_some_and(|end| end <= died_at)
    }

    /// Judges a dead job, its time apart.
    pub(super) fn judge(&self, job: &Job) -> Meant {
        let Self { category, code, fingerprint, kind, tag, owner, died_from: _, died_before: _ } = self;
        let Some(death) = job.death() else { return Meant::No };
        let here = category.is_none_or(|category| category == death.category)
            && (code.is_none() || *code == death.code)
            && (fingerprint.is_none() || *fingerprint == death.fingerprint)
            && owner.as_ref().is_none_or(|owner| *owner == *job.owner);
        if here { judge_labels(death.labels.as_ref(), *kind, *tag) } else { Meant::No }
    }
}

/// Where to look, from behind `through`, in an index by time.
pub(super) fn first_place(from: Option<Time>, through: Option<(Time, JobId)>) -> Bound<(Time, JobId)> {
    let first = from.map(|from| (from, JobId::from_bytes([0; 16])));
    match (through, first) {
        (Some(through), Some(first)) if first > through => Bound::Included(first),
        (Some(through), _) => Bound::Excluded(through),
        (None, Some(first)) => Bound::Included(first),
        (None, None) => Bound::Unbounded,
    }
}

/// Judges what a job's record says of it, as far as it was read.
pub(super) fn judge_labels(labels: Option<&Labels>, kind: Option<Token>, tag: Option<Token>) -> Meant {
    if kind.is_none() && tag.is_none() {
        return Meant::Yes;
    }
    let Some(labels) = labels else { return Meant::NotKnown };
    let there = (kind.is_none() || kind == labels.kind) && tag.is_none_or(|tag| labels.tags.contains(&tag));
    if there { Meant::Yes } else { Meant::No }
}
