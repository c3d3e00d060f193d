//! Finds jobs that have ended: one by its id, or those that are what is asked for, newest first.
//!
//! A page walks down all runs at once, always where the newest candidate is, by the lists of the tokens
//! asked for. It takes so many steps at most, however much there is, and says where to go on.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::{Namespace, Principal};
use sealane_core::queue::QueueNumber;
use sealane_core::time::{Millis, Time};

use super::error::HistoryError;
use super::keys::{BlindToken, HistoryKeys};
use super::postings::PostingList;
use super::row::{
    AgeKey, Ended, Row, age_key, namespace_token, owner_token, queue_token, row_key, row_of_age, spot,
    state_token,
};
use super::run::Run;
use super::set::HistoryView;

/// Which jobs are wanted: those that everything said here is true of.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where they are.
    pub namespace: Namespace,
    /// How they ended.
    pub state: Option<State>,
    /// Their queue.
    pub queue: Option<QueueNumber>,
    /// Who sent them.
    pub owner: Option<Principal>,
    /// What stands for other values. What is found this way is to be compared with the values.
    pub tokens: Vec<BlindToken>,
    /// Those that ended at this time or later.
    pub from: Option<Time>,
    /// Those that ended before this time.
    pub before: Option<Time>,
}

/// A place in a list that goes from the newest to the oldest: what follows is older than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// When the job there ended.
    pub at: Time,
    /// Which job it is, among those that ended at the same time.
    pub job: JobId,
}

/// Jobs, as far as was looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The jobs.
    pub rows: Vec<Row>,
    /// Steps that it took.
    pub steps: u64,
    /// Where to go on; `None` where all was looked at.
    pub next: Option<Spot>,
}

impl Query {
    /// All jobs of a namespace.
    pub fn all(namespace: Namespace) -> Self {
        Self {
            namespace,
            state: None,
            queue: None,
            owner: None,
            tokens: Vec::new(),
            from: None,
            before: None,
        }
    }

    /// The tokens that a job must have. Each is of this namespace, so that of all jobs is asked for only
    /// where there is no other.
    fn lists(&self, keys: &HistoryKeys) -> Vec<BlindToken> {
        let own = [
            self.state.map(|state| state_token(keys, &self.namespace, state)),
            self.queue.map(|queue| queue_token(keys, &self.namespace, queue)),
            self.owner.as_ref().map(|owner| owner_token(keys, &self.namespace, owner)),
        ];
        let mut all: Vec<BlindToken> = own.into_iter().flatten().chain(self.tokens.iter().copied()).collect();
        if all.is_empty() {
            all.push(namespace_token(keys, &self.namespace));
        }
        all
    }

    /// Whether a row is what was asked for: two values may share a token.
    fn wants(&self, row: &Row) -> bool {
        let Ended::Job(job) = &row.end else { return false };
        row.namespace == self.namespace
            && self.state.is_none_or(|state| state == job.state)
            && self.queue.is_none_or(|queue| queue == job.queue)
            && self.owner.as_ref().is_none_or(|owner| *owner == job.owner)
            && self.tokens.iter().all(|token| job.tokens.contains(token))
    }
}

impl HistoryView {
    /// A job's row, as long as anybody is told of it.
    ///
    /// # Errors
    /// When a run cannot be read or is damaged.
    pub fn find(&self, namespace: &Namespace, job: JobId, now: Time) -> Result<Option<Row>, HistoryError> {
        let key = row_key(&self.keys, namespace, job);
        for run in self.runs.iter().rev() {
            if !run.may_hold(&self.keys, namespace, job)? {
                continue;
            }
            if let Some(row) = run.row(&key)?.filter(|row| row.namespace == *namespace) {
                // The newest one says what is true, also where that is nothing.
                return Ok(Some(row).filter(|row| row.ended().is_some() && row.kept_until > now));
            }
        }
        Ok(None)
    }

    /// At most `max` jobs from behind `after`, of those that `sees` lets see, the newest first.
    ///
    /// # Errors
    /// When a run cannot be read or is damaged.
    pub fn list(
        &self,
        query: &Query,
        after: Option<Spot>,
        now: Time,
        max: usize,
        sees: &mut dyn FnMut(&Row) -> bool,
    ) -> Result<HistoryPage, HistoryError> {
        let mut walk = Walk::new(self, query, after);
        let mut page = HistoryPage::default();
        while let Some(at) = walk.newest() {
            if page.steps >= limits::HISTORY_STEPS_MAX || page.rows.len() == max {
                page.next = Some(walk.behind(at));
                return Ok(page);
            }
            page.steps += 1;
            if let Some(key) = walk.step(at)?
                && let Some(row) = self.told(at, &key, query, now, &mut page.steps)?
                && sees(&row)
            {
                page.rows.push(row);
            }
        }
        Ok(page)
    }

    /// The row at a place by age, unless it is not what was asked for or not true any more.
    fn told(
        &self,
        run: usize,
        key: &AgeKey,
        query: &Query,
        now: Time,
        steps: &mut u64,
    ) -> Result<Option<Row>, HistoryError> {
        let row_key = row_of_age(key);
        let Some(row) = self.runs[run].row(&row_key)? else {
            return Err(self.runs[run].contradiction(self.runs[run].summary.age_section.first));
        };
        if row.kept_until <= now || !query.wants(&row) {
            return Ok(None);
        }
        for newer in self.runs[run + 1..].iter().filter(|newer| newer.summary.again > 0) {
            *steps += 1;
            if newer.may_hold(&self.keys, &row.namespace, row.job)? && newer.row(&row_key)?.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(row))
    }
}

/// All runs of a view, each as far down as was looked.
struct Walk<'a> {
    view: &'a HistoryView,
    namespace: BlindToken,
    tokens: Vec<BlindToken>,
    /// What is looked for is older than this, by age key.
    below: AgeKey,
    /// And not older than this.
    from: AgeKey,
    legs: Vec<Leg<'a>>,
    /// Their candidates, by age.
    order: BTreeSet<(AgeKey, usize)>,
    /// The last place that all lists had. An older run may have the same one: the job ended twice in one
    /// moment, and there it is hidden.
    last: Option<AgeKey>,
}

enum Leg<'a> {
    /// Not looked into yet.
    Closed {
        newest: AgeKey,
    },
    Open(Box<OpenLeg<'a>>),
    Done,
}

struct OpenLeg<'a> {
    lists: Vec<PostingList<'a>>,
    /// Nothing above this rank is left.
    rank: u32,
    key: AgeKey,
    /// Nothing below this rank is asked for.
    lowest: u32,
    /// Whether all lists have this rank.
    agreed: bool,
}

impl<'a> Walk<'a> {
    fn new(view: &'a HistoryView, query: &Query, after: Option<Spot>) -> Self {
        let end = after.map(|after| age_key(after.at, &row_key(&view.keys, &query.namespace, after.job)));
        let before = query.before.map(|before| age_key(before, &[0; 24]));
        let below = [end, before].into_iter().flatten().min().unwrap_or([0xff; 32]);
        let from = age_key(query.from.unwrap_or_default(), &[0; 24]);
        let closed = |run: &Run| {
            let (earliest, latest) = (run.summary.earliest, run.summary.latest);
            let newest = age_key(latest, &[0xff; 24]).min(below);
            let none = newest < from || age_key(earliest, &[0; 24]) >= below;
            if none || run.summary.age_section.entries == 0 { Leg::Done } else { Leg::Closed { newest } }
        };
        let legs: Vec<Leg<'a>> = view.runs.iter().map(|run| closed(run)).collect();
        let order = legs.iter().enumerate().filter_map(|(at, leg)| Some((*leg.key()?, at))).collect();
        let namespace = namespace_token(&view.keys, &query.namespace);
        Self { view, namespace, tokens: query.lists(&view.keys), below, from, legs, order, last: None }
    }

    /// The run with the newest candidate.
    fn newest(&self) -> Option<usize> {
        self.order.last().map(|(_, at)| *at)
    }

    /// A place in front of the candidate of a run, so that it is what comes next.
    fn behind(&self, at: usize) -> Spot {
        let key = self.legs[at].key().unwrap_or(&self.below);
        let spot = spot(key);
        // Why: a candidate may be of another namespace, or none at all, and a place is among those of this one.
        match key[8..16].cmp(&self.namespace.as_bytes()[..]) {
            Ordering::Less => Spot { job: JobId::from_bytes([0; 16]), ..spot },
            Ordering::Equal if *key == self.below || self.last == Some(*key) => spot,
            Ordering::Equal => just_before(spot),
            Ordering::Greater => first_after(spot.at),
        }
    }

    /// One step down in the run with the newest candidate; gives that, where all lists have it.
    fn step(&mut self, at: usize) -> Result<Option<AgeKey>, HistoryError> {
        self.order.pop_last();
        let run = self.view.runs[at].as_ref();
        let found = match &mut self.legs[at] {
            Leg::Done => None,
            Leg::Closed { .. } => {
                self.legs[at] = self.open(run)?;
                None
            }
            Leg::Open(leg) => {
                let found = leg.agreed.then_some(leg.key);
                if !leg.go_on(run)? {
                    self.legs[at] = Leg::Done;
                }
                found
            }
        };
        self.order.extend(self.legs[at].key().map(|key| (*key, at)));
        self.last = found.or(self.last);
        Ok(found)
    }

    fn open(&self, run: &'a Run) -> Result<Leg<'a>, HistoryError> {
        let lowest = run.ranks_before(&self.from)?;
        let Some(rank) = run.ranks_before(&self.below)?.checked_sub(1).filter(|rank| *rank >= lowest) else {
            return Ok(Leg::Done);
        };
        let lists = self.tokens.iter().map(|token| PostingList::new(run, *token)).collect();
        Ok(Leg::Open(Box::new(OpenLeg { lists, rank, key: run.age(rank)?.0, lowest, agreed: false })))
    }
}

impl Leg<'_> {
    fn key(&self) -> Option<&AgeKey> {
        match self {
            Self::Closed { newest } => Some(newest),
            Self::Open(leg) => Some(&leg.key),
            Self::Done => None,
        }
    }
}

impl OpenLeg<'_> {
    /// Goes to the next candidate; says whether there is one.
    fn go_on(&mut self, run: &Run) -> Result<bool, HistoryError> {
        let next = if self.agreed { self.rank.checked_sub(1) } else { self.leap()? };
        let Some(next) = next.filter(|next| *next >= self.lowest) else { return Ok(false) };
        self.agreed = !self.agreed && (next == self.rank || self.lists.len() == 1);
        self.rank = next;
        self.key = run.age(next)?.0;
        Ok(true)
    }

    /// The highest rank at or below this one that each list in turn leaves possible.
    fn leap(&mut self) -> Result<Option<u32>, HistoryError> {
        let mut rank = self.rank;
        for list in &mut self.lists {
            match list.at_or_below(rank)? {
                None => return Ok(None),
                Some(found) => rank = found,
            }
        }
        Ok(Some(rank))
    }
}

/// The place right in front of this one.
fn just_before(spot: Spot) -> Spot {
    let next = u128::from_be_bytes(*spot.job.as_bytes()).checked_add(1);
    match next {
        Some(next) => Spot { job: JobId::from_bytes(next.to_be_bytes()), ..spot },
        None => first_after(spot.at),
    }
}

/// The place in front of all that ended at this time.
fn first_after(at: Time) -> Spot {
    Spot { at: at.plus(Millis::new(1)), job: JobId::from_bytes([0; 16]) }
}
