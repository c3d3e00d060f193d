//! A queue's dead-letter: its jobs by time of death, and what they have in common.
//!
//! Everything here is a function of the dead jobs alone and changes with them. What is shown of it is
//! bounded; what is kept is bounded by the number of dead jobs, each of which takes more room than its
//! entries do.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

use super::death::{DeadReason, Death};
use super::event::QueueNumber;
use super::filter::{DeadFilter, Meant};
use super::job::{Job, JobView};
use super::shard::Shard;
use super::tally::{Counted, Tally};
use crate::id::JobId;
use crate::job::Category;
use crate::limits;
use crate::name::ErrorCode;
use crate::time::{Millis, Time};
use crate::token::Token;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// What dead jobs can have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    /// Why the last attempt failed.
    pub category: Category,
    /// What its worker calls the error.
    pub code: Option<ErrorCode>,
    /// Which error.
    pub fingerprint: Option<Token>,
    /// What sort of job.
    pub kind: Option<Token>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DeadLetter {
    /// The oldest first.
    jobs: BTreeSet<(Time, JobId)>,
    categories: Tally<Category>,
    codes: Tally<ErrorCode>,
    fingerprints: Tally<Token>,
    kinds: Tally<Token>,
    /// The same jobs by kind: one of them can tell the kind's name.
    by_kind: BTreeSet<(Token, JobId)>,
    hours: Tally<Time>,
    patterns: Tally<Pattern>,
}

impl DeadLetter {
    pub(super) fn insert(&mut self, id: JobId, death: &Death) {
        self.jobs.insert((death.at, id));
        self.categories.add(death.category);
        death.code.iter().for_each(|code| self.codes.add(code.clone()));
        death.fingerprint.iter().for_each(|fingerprint| self.fingerprints.add(*fingerprint));
        if let Some(kind) = death.kind() {
            self.kinds.add(kind);
            self.by_kind.insert((kind, id));
        }
        self.hours.add(hour_of(death.at));
        self.patterns.add(death.pattern());
    }

    pub(super) fn remove(&mut self, id: JobId, death: &Death) {
        self.jobs.remove(&(death.at, id));
        self.categories.remove(death.category);
        death.code.iter().for_each(|code| self.codes.remove(code.clone()));
        death.fingerprint.iter().for_each(|fingerprint| self.fingerprints.remove(*fingerprint));
        if let Some(kind) = death.kind() {
            self.kinds.remove(kind);
            self.by_kind.remove(&(kind, id));
        }
        self.hours.remove(hour_of(death.at));
        self.patterns.remove(death.pattern());
    }

    /// The jobs that a filter's times leave, from behind a place.
    pub(super) fn places<'a>(
        &'a self,
        filter: &'a DeadFilter,
        through: Option<(Time, JobId)>,
    ) -> impl Iterator<Item = (Time, JobId)> + 'a {
        let behind = self.jobs.range((filter.from(through), Bound::Unbounded));
        behind.take_while(|(died_at, _)| !filter.ends_before(*died_at)).copied()
    }

    fn len(&self) -> u64 {
        u64::try_from(self.jobs.len()).expect("JOBS_MAX is far below u64::MAX")
    }

    fn analyse(&self) -> Analysis {
        let (max, all) = (limits::ANALYSIS_LABELS_MAX, self.len());
        let kinds = self.kinds.most(max, all);
        let sample = |kind: Token| {
            let first = (kind, JobId::from_bytes([0; 16]));
            let job = self.by_kind.range(first..).next().filter(|(found, _)| *found == kind);
            job.map(|(_, id)| *id)
        };
        Analysis {
            jobs: all,
            categories: self.categories.most(max, all),
            codes: self.codes.most(max, all),
            fingerprints: self.fingerprints.most(max, all),
            samples: kinds.top.iter().filter_map(|(kind, _)| Some((*kind, sample(*kind)?))).collect(),
            kinds,
            hours: self.hours.greatest(limits::ANALYSIS_HOURS_MAX, all),
            patterns: self.patterns.most(max, all),
        }
    }
}

impl Death {
    fn kind(&self) -> Option<Token> {
        self.labels.as_ref().and_then(|labels| labels.kind)
    }

    fn pattern(&self) -> Pattern {
        Pattern {
            category: self.category,
            code: self.code.clone(),
            fingerprint: self.fingerprint,
            kind: self.kind(),
        }
    }
}

fn hour_of(at: Time) -> Time {
    Time::from_unix_ms(at.unix_ms() / HOUR_MS * HOUR_MS)
}

/// What the jobs of a dead-letter have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// How many there are.
    pub jobs: u64,
    /// By why the last attempt failed.
    pub categories: Counted<Category>,
    /// By what their workers call the error.
    pub codes: Counted<ErrorCode>,
    /// By error.
    pub fingerprints: Counted<Token>,
    /// By what sort of job they are.
    pub kinds: Counted<Token>,
    /// By the hour in which they died, the last one first.
    pub hours: Counted<Time>,
    /// By all of that but the hour.
    pub patterns: Counted<Pattern>,
    /// A job of each kind shown, whose record tells its name.
    pub samples: Vec<(Token, JobId)>,
}

/// Jobs of a dead-letter that a filter means, as far as was looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadPage {
    /// The first of them.
    pub jobs: Vec<JobView>,
    /// How many there are of them.
    pub meant: u64,
    /// How many of those were re-driven as often as they may be, or would not open any more.
    pub stuck: u64,
    /// Jobs that may be meant: their kind and tags are not known yet.
    pub not_known: u64,
    /// How many were looked at.
    pub looked_at: u64,
    /// Where to go on; `None` where all was looked at.
    pub next: Option<(Time, JobId)>,
}

/// How far to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Until so many are found.
    For(usize),
    /// Through as many as one look may see, and show so many.
    Through(usize),
}

impl Look {
    /// How many are shown at most, and with how many shown it ends.
    pub(super) const fn shown_and_enough(self) -> (usize, usize) {
        match self {
            Self::For(max) => (max, max),
            Self::Through(max) => (max, usize::MAX),
        }
    }
}

impl Shard {
    /// Looks through a queue's dead-letter, the oldest first, from behind `after`: at so many jobs
    /// and no more.
    pub fn dead_page(
        &self,
        now: Time,
        number: QueueNumber,
        filter: &DeadFilter,
        after: Option<(Time, JobId)>,
        look: Look,
    ) -> DeadPage {
        let mut page = DeadPage::default();
        let mut last = after;
        let mut places = self.queue_at(number).dead.places(filter, after).peekable();
        let (shown, enough) = look.shown_and_enough();
        while page.looked_at < limits::LOOKED_AT_MAX && page.jobs.len() < enough {
            let Some((died_at, id)) = places.next() else { return page };
            page.looked_at += 1;
            last = Some((died_at, id));
            let Some(job) = self.jobs.get(&id) else { continue };
            match filter.judge(job) {
                Meant::No => {}
                Meant::NotKnown => page.not_known += 1,
                Meant::Yes => {
                    page.meant += 1;
                    page.stuck += u64::from(!job.may_be_redriven() || job.is_seal_expired(now));
                    if page.jobs.len() < shown {
                        page.jobs.push(job.view(id));
                    }
                }
            }
        }
        page.next = places.peek().and(last);
        page
    }

    /// What the jobs of a queue's dead-letter have in common.
    pub fn analyse_dead(&self, number: QueueNumber) -> Analysis {
        self.queue_at(number).dead.analyse()
    }
}

/// Deaths of the last hour by the minute, and all there ever were: a number that grows tells more than one
/// that is high.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deaths {
    pub(super) minutes: VecDeque<(u64, u32)>,
    /// By reason, in the order of all reasons.
    pub(super) totals: [u64; DeadReason::ALL.len()],
}

impl Deaths {
    pub(super) fn note(&mut self, at: Time, reason: DeadReason) {
        let total = DeadReason::ALL.iter().zip(&mut self.totals).find(|(other, _)| **other == reason);
        if let Some((_, total)) = total {
            *total = total.saturating_add(1);
        }
        let minute = at.unix_ms() / MINUTE_MS;
        match self.minutes.back_mut() {
            // Why not only the same: a clock that stepped back adds to what is there.
            Some((last, deaths)) if *last >= minute => *deaths = deaths.saturating_add(1),
            _ => self.minutes.push_back((minute, 1)),
        }
        let first = at.minus(Millis::new(HOUR_MS)).unix_ms() / MINUTE_MS;
        while self.minutes.front().is_some_and(|(minute, _)| *minute <= first) {
            self.minutes.pop_front();
        }
    }

    /// How many there were since the journal began, by reason: never fewer, whatever became of the jobs.
    pub fn totals(&self) -> impl Iterator<Item = (DeadReason, u64)> {
        DeadReason::ALL.iter().copied().zip(self.totals)
    }

    /// How many there were in the hour before now, to the minute.
    pub fn within_an_hour(&self, now: Time) -> u64 {
        let first = now.minus(Millis::new(HOUR_MS)).unix_ms() / MINUTE_MS;
        let lately = self.minutes.iter().filter(|(minute, _)| *minute > first);
        lately.map(|(_, deaths)| u64::from(*deaths)).sum()
    }
}

impl Job {
    /// Whether a re-drive may send it through once more: it had fewer than a job may have, so that one
    /// that ends the same way each time does not go round for ever.
    pub(super) fn may_be_redriven(&self) -> bool {
        self.past.as_ref().map_or(0, |past| past.redrives) < limits::REDRIVES_MAX
    }
}
