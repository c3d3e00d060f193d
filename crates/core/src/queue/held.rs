//! A queue's held jobs: which of them are meant, and a look through them. Knows nothing of what is done with
//! them then.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::dead_letter::Look;
use super::event::QueueNumber;
use super::filter::{Meant, first_place, judge_labels};
use super::job::{Job, JobView, Phase};
use super::shard::Shard;
use crate::id::JobId;
use crate::job::HoldReason;
use crate::limits;
use crate::name::Principal;
use crate::time::Time;
use crate::token::Token;

/// A queue's held jobs, those held for longest first.
pub(super) type Held = BTreeSet<(Time, JobId)>;

/// Which held jobs of a queue are meant: those that everything said here is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldFilter {
    /// Why it is held.
    pub reason: Option<HoldReason>,
    /// What sort of job it is.
    pub kind: Option<Token>,
    /// One of its search words.
    pub tag: Option<Token>,
    /// Who sent it.
    pub owner: Option<Principal>,
    /// It is held in this queue since this time or later,
    pub held_from: Option<Time>,
    /// and since before this one.
    pub held_before: Option<Time>,
}

impl HeldFilter {
    /// Whether it says nothing, so that all are meant.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Judges a held job, its time apart.
    pub(super) fn judge(&self, job: &Job) -> Meant {
        let Self { reason: wanted, kind, tag, owner, held_from: _, held_before: _ } = self;
        let Phase::Held { reason, labels } = &job.phase else { return Meant::No };
        let here = wanted.is_none_or(|wanted| wanted == *reason)
            && owner.as_ref().is_none_or(|owner| *owner == *job.owner);
        if here { judge_labels(labels.as_deref(), *kind, *tag) } else { Meant::No }
    }

    /// The jobs that its times leave, from behind a place.
    pub(super) fn places<'a>(
        &'a self,
        held: &'a Held,
        through: Option<(Time, JobId)>,
    ) -> impl Iterator<Item = (Time, JobId)> + 'a {
        let behind = held.range((first_place(self.held_from, through), Bound::Unbounded));
        behind.take_while(|(since, _)| self.held_before.is_none_or(|end| *since < end)).copied()
    }
}

/// Held jobs of a queue that a filter means, as far as was looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldPage {
    /// The first of them, with since when they are held in this queue.
    pub jobs: Vec<(Time, JobView)>,
    /// How many there are of them.
    pub meant: u64,
    /// Jobs that may be meant: their kind and tags are not known yet.
    pub not_known: u64,
    /// How many were looked at.
    pub looked_at: u64,
    /// Where to go on; `None` where all was looked at.
    pub next: Option<(Time, JobId)>,
}

impl Shard {
    /// Looks through a queue's held jobs, those held for longest first, from behind `after`: at so many jobs
    /// and no more.
    pub fn held_page(
        &self,
        number: QueueNumber,
        filter: &HeldFilter,
        after: Option<(Time, JobId)>,
        look: Look,
    ) -> HeldPage {
        let mut page = HeldPage::default();
        let mut last = after;
        let mut places = filter.places(&self.queue_at(number).held, after).peekable();
        let (shown, enough) = look.shown_and_enough();
        while page.looked_at < limits::LOOKED_AT_MAX && page.jobs.len() < enough {
            let Some((since, id)) = places.next() else { return page };
            page.looked_at += 1;
            last = Some((since, id));
            let Some(job) = self.jobs.get(&id) else { continue };
            match filter.judge(job) {
                Meant::No => {}
                Meant::NotKnown => page.not_known += 1,
                Meant::Yes => {
                    page.meant += 1;
                    if page.jobs.len() < shown {
                        page.jobs.push((since, job.view(id)));
                    }
                }
            }
        }
        page.next = places.peek().and(last);
        page
    }
}
