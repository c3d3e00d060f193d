//! How far the jobs are that another one waits for, and what becomes of it when one of them ends.
//!
//! A job that waits is `blocked`. Its edges stand in [`Shard::waiting`], by parent; a parent that ended
//! while somebody waits for it stands in [`Shard::ends`] until its edges are worked off, one event
//! each and so many a turn. Nothing recurses: a child that dies of its parent is a parent that ended,
//! and its turn comes. Where the work stands follows from the events, so it goes on after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::ahead::Ahead;
use super::death::{DeadReason, Death};
use super::event::{AfterParent, Event, Next, QueueNumber};
use super::job::{Ended, Job, Phase};
use super::links::{Links, OnFailure};
use super::refusal::Refusal;
use super::shard::Shard;
use super::transitions::Cause;
use crate::id::{FlowId, JobId};
use crate::job::{Category, State};
use crate::limits;
use crate::record::RecordRef;
use crate::time::Time;

/// How a job ended that another one waited for. Kept by the child for as long as it is there, since the
/// parent itself is forgotten after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentEnd {
    /// Which job.
    pub job: JobId,
    /// The queue that it was sent to: a sealed result is bound to that one.
    pub origin: QueueNumber,
    /// Its last attempt that counted: a sealed result is bound to that one.
    pub attempt: u32,
    /// How it ended.
    pub state: State,
    /// The record of its completion, which may carry a result.
    pub result: Option<RecordRef>,
}

/// What a job remembers of those that it waits or waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parents {
    /// Jobs on the longest way to here, this one included.
    pub(super) depth: u32,
    pub(super) blocked_at_first: bool,
    pub(super) left: Left,
    pub(super) ended: Vec<ParentEnd>,
    /// Whose end became this one's.
    pub(super) lost_to: Option<JobId>,
}

/// How much is left to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Of those that must all be met.
    pub(super) all: usize,
    /// Of those of which one is enough, how many have not ended.
    pub(super) any: usize,
    /// Whether one of them is met, or none is asked for.
    pub(super) one_met: bool,
}

impl Left {
    fn of(links: &Links) -> Self {
        Self { all: links.all().len(), any: links.any().len(), one_met: links.any().is_empty() }
    }

    fn is_nothing(self) -> bool {
        self.all == 0 && self.one_met
    }

    /// One of them ended. Says what that means for who waits.
    fn note(&mut self, links: &Links, parent: &JobId, state: State) -> AfterParent {
        let (met, any) = (links.is_met_by(state), links.is_any(parent));
        if any {
            self.any = self.any.saturating_sub(1);
            self.one_met |= met;
        } else if met {
            self.all = self.all.saturating_sub(1);
        }
        let lost = if any { self.any == 0 && !self.one_met } else { !met };
        match links.on_failure() {
            _ if self.is_nothing() => AfterParent::Runs,
            OnFailure::Fail if lost => AfterParent::Dies,
            OnFailure::Cancel if lost => AfterParent::Cancelled,
            _ => AfterParent::Waits,
        }
    }
}

impl Parents {
    fn note(&mut self, links: &Links, end: ParentEnd) {
        self.left.note(links, &end.job, end.state);
        self.ended.push(end);
    }

    pub(super) fn is_met(&self) -> bool {
        self.left.is_nothing()
    }
}

/// Where a job stands for those who wait for it.
enum Stand {
    /// It has not ended.
    Open,
    Ended(ParentEnd),
    /// There is none, or none any more.
    Unknown,
}

/// What a job waits for, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinksView {
    /// What it was sent with.
    pub links: Links,
    /// Those that ended, as far as it heard of them.
    pub ended: Vec<ParentEnd>,
    /// Those that it still waits for.
    pub blocked_by: Vec<JobId>,
    /// Whose end became its own.
    pub lost_to: Option<JobId>,
}

impl Shard {
    /// What a job waits or waited for; nothing for one that was sent without.
    pub fn links(&self, id: &JobId) -> Option<LinksView> {
        let job = self.known(id)?;
        let (links, parents) = (job.links()?.clone(), job.parents()?);
        let waits = |parent: &JobId| self.waiting.get(parent).is_some_and(|children| children.contains(id));
        Some(LinksView {
            blocked_by: links.parents().filter(|parent| waits(parent)).copied().collect(),
            ended: parents.ended.clone(),
            lost_to: parents.lost_to,
            links,
        })
    }

    /// The jobs that a job waited for and that ended, in the order of their ids: what its worker is given.
    pub fn ended_parents(&self, id: &JobId) -> Vec<ParentEnd> {
        let mut ended = self
            .known(id)
            .and_then(|job| job.parents())
            .map(|parents| parents.ended.clone())
            .unwrap_or_default();
        ended.sort_unstable_by_key(|end| end.job);
        ended
    }

    /// The jobs of a flow that are live or remembered, in the order of their ids.
    pub fn flow(&self, flow: FlowId) -> impl Iterator<Item = JobId> {
        let (first, last) = (JobId::from_bytes([0; 16]), JobId::from_bytes([u8::MAX; 16]));
        self.flows.range((flow, first)..=(flow, last)).map(|(_, job)| *job)
    }

    pub(super) fn known(&self, id: &JobId) -> Option<&Job> {
        let live = self.jobs.get(id).map(|job| &**job);
        live.or_else(|| self.finished.get(id).map(|finished| &*finished.job))
    }

    /// Judges a new job's place among others. `ahead` are those that are accepted with it.
    pub(super) fn check_links(&self, links: &Links, ahead: &Ahead) -> Result<(), Refusal> {
        if links.flow().is_some_and(|flow| self.flow(flow).next().is_some()) {
            return Err(Refusal::FlowIdTaken);
        }
        let links_kept =
            self.links_kept.saturating_add(ahead.links()).saturating_add(links.parents().count());
        if links_kept > limits::LINKS_KEPT_MAX {
            return Err(Refusal::TooManyLinks);
        }
        for parent in links.parents() {
            if !ahead.has(parent) && self.known(parent).is_none() {
                return Err(Refusal::ParentUnknown { job: *parent });
            }
            let waiting = self.waiting.get(parent).map_or(0, BTreeSet::len);
            if waiting.saturating_add(ahead.children(parent)) >= limits::FLOW_BREADTH_MAX {
                return Err(Refusal::FlowBreadth);
            }
        }
        if self.depth(links, ahead) > limits::FLOW_DEPTH_MAX {
            return Err(Refusal::FlowDepth);
        }
        Ok(())
    }

    /// Jobs on the longest way to a job with these links, itself included.
    pub(super) fn depth(&self, links: &Links, ahead: &Ahead) -> u32 {
        let of = |parent| ahead.depth(parent).unwrap_or_else(|| self.known(parent).map_or(0, Job::depth));
        links.parents().map(of).max().unwrap_or(0).saturating_add(1)
    }

    /// Judges whether a job that ended before it ran could go on: whatever it must wait for is met, or
    /// may still be. `open` are jobs that are about to be re-driven themselves.
    pub(super) fn check_parents_again(&self, job: &Job, open: &BTreeSet<JobId>) -> Result<(), Refusal> {
        let Some((links, parents)) = job.links().zip(job.parents()).filter(|(_, parents)| !parents.is_met())
        else {
            return Ok(());
        };
        let hope = |parent: &JobId| {
            let met = |end: &ParentEnd| end.job == *parent && links.is_met_by(end.state);
            parents.ended.iter().any(met)
                || open.contains(parent)
                || match self.stand(parent) {
                    Stand::Open => true,
                    Stand::Ended(end) => links.is_met_by(end.state),
                    Stand::Unknown => links.on_failure() == OnFailure::Run,
                }
        };
        if links
            .parents()
            .any(|parent| self.waiting.get(parent).map_or(0, BTreeSet::len) >= limits::FLOW_BREADTH_MAX)
        {
            return Err(Refusal::FlowBreadth);
        }
        let hopeless = links.all().iter().find(|parent| !hope(parent));
        let none = links.any().first().filter(|_| !links.any().iter().any(hope));
        hopeless.or(none).map_or(Ok(()), |parent| Err(Refusal::ParentEnded { job: *parent }))
    }

    /// The next events for those who wait for a job that ended. Children that something else happens to
    /// in this turn are left for the next.
    pub(super) fn parents_slice(&self, now: Time, busy: &BTreeSet<JobId>) -> Vec<Event> {
        let mut events = Vec::new();
        // What is left for a child after the events before: several of its parents may be in one slice.
        let mut left: BTreeMap<JobId, Option<Left>> = BTreeMap::new();
        for (parent, end) in &self.ends {
            for child in self.waiting.get(parent).into_iter().flatten() {
                if events.len() >= limits::FLOW_STEPS_PER_TURN_MAX {
                    return events;
                }
                let Some(job) = self.jobs.get(child).filter(|_| !busy.contains(child)) else { continue };
                let Some((links, parents)) = job.links().zip(job.parents()) else { continue };
                let left = left.entry(*child).or_insert(Some(parents.left));
                let Some(now_left) = left else { continue };
                let next = now_left.note(links, parent, end.state);
                if next != AfterParent::Waits {
                    *left = None;
                }
                events.push(Event::ParentEnded { job: *child, parent: *parent, next, at: now });
            }
        }
        events
    }

    /// A new job with links: what it remembers from the start. Its edges are drawn.
    pub(super) fn linked(&mut self, id: JobId, links: &Links) -> Parents {
        if let Some(flow) = links.flow() {
            self.flows.insert((flow, id));
        }
        let depth = self.depth(links, &Ahead::default());
        let mut parents = Parents {
            depth,
            blocked_at_first: false,
            left: Left::of(links),
            ended: Vec::new(),
            lost_to: None,
        };
        self.look_at_parents(id, links, &mut parents);
        parents.blocked_at_first = !parents.is_met();
        parents
    }

    /// A job that ended before it ran begins anew: it waits for what has not ended, and keeps what it
    /// was given.
    pub(super) fn linked_again(&mut self, id: JobId, links: &Links, parents: &mut Parents) {
        parents.left = Left::of(links);
        parents.lost_to = None;
        let kept = std::mem::take(&mut parents.ended);
        kept.into_iter().filter(|end| end.state == State::Completed).for_each(|end| parents.note(links, end));
        self.look_at_parents(id, links, parents);
    }

    fn look_at_parents(&mut self, id: JobId, links: &Links, parents: &mut Parents) {
        let known: BTreeSet<JobId> = parents.ended.iter().map(|end| end.job).collect();
        for parent in links.parents().filter(|parent| !known.contains(parent)) {
            match self.stand(parent) {
                Stand::Ended(end) if links.is_met_by(end.state) => parents.note(links, end),
                Stand::Ended(end) => {
                    self.ends.insert(*parent, end);
                    self.waiting.entry(*parent).or_default().insert(id);
                }
                Stand::Open => {
                    self.waiting.entry(*parent).or_default().insert(id);
                }
                // Judged before: only who runs whatever happens may wait for what is forgotten, or who
                // is content with another one.
                Stand::Unknown => {
                    parents.left.note(links, parent, State::Expired);
                }
            }
        }
        if parents.is_met() {
            self.unlink(&id, links);
        }
    }

    /// Nobody waits for anything through this job any more.
    pub(super) fn unlink(&mut self, child: &JobId, links: &Links) {
        links.parents().for_each(|parent| self.drop_edge(parent, child));
    }

    fn drop_edge(&mut self, parent: &JobId, child: &JobId) {
        let Some(children) = self.waiting.get_mut(parent) else { return };
        children.remove(child);
        if children.is_empty() {
            self.waiting.remove(parent);
            self.ends.remove(parent);
        }
    }

    /// Notes the end of a job that somebody waits for. Called behind every event that may be one.
    pub(super) fn note_end_for_children(&mut self, id: &JobId) {
        if !self.waiting.contains_key(id) {
            return;
        }
        match self.stand(id) {
            Stand::Ended(end) => {
                self.ends.insert(*id, end);
            }
            Stand::Open | Stand::Unknown => {
                self.ends.remove(id);
            }
        }
    }

    /// An edge is worked off.
    pub(super) fn parent_ended(&mut self, id: &JobId, parent: &JobId, next: AfterParent, at: Time) {
        let Some(end) = self.ends.get(parent).copied() else { return };
        let Some(links) = self.jobs.get(id).and_then(|job| job.links()).cloned() else { return };
        self.drop_edge(parent, id);
        let hear = |job: &mut Job| {
            if let Some(parents) = &mut job.past().parents {
                parents.note(&links, end);
                let lost = matches!(next, AfterParent::Dies | AfterParent::Cancelled);
                parents.lost_to = lost.then_some(*parent);
            }
        };
        match next {
            AfterParent::Waits => return self.change(id, hear),
            AfterParent::Cancelled => {
                return self.finish(id, Cause::Cancel, at, |job| {
                    hear(job);
                    (Ended::Cancelled, None)
                });
            }
            AfterParent::Dies => self.change(id, |job| {
                hear(job);
                job.past().here_since = Some(at);
                let (reason, category) = (DeadReason::ParentEnded, Category::Cancelled);
                let death =
                    Death { at, reason, category, code: None, by: None, fingerprint: None, labels: None };
                job.enter(Cause::LoseParent, Phase::Dead(Box::new(death)));
            }),
            AfterParent::Runs => self.change(id, |job| {
                hear(job);
                job.past().here_since = Some(at);
                match job.run_at > at {
                    true => job.enter(Cause::UnblockLater, Phase::Delayed),
                    false => job.enter(Cause::Unblock, Phase::Ready),
                }
            }),
        }
        self.unlink(id, &links);
        if next == AfterParent::Dies {
            self.ended(id, &Next::Dead, at);
        }
    }

    fn stand(&self, id: &JobId) -> Stand {
        let end = |job: &Job, result| ParentEnd {
            job: *id,
            origin: self.origin(job),
            attempt: job.attempt,
            state: job.state(),
            result,
        };
        match (self.jobs.get(id), self.finished.get(id)) {
            (Some(job), _) if job.death().is_some() => Stand::Ended(end(job, None)),
            (Some(_), _) => Stand::Open,
            (None, Some(finished)) => Stand::Ended(end(&finished.job, finished.result)),
            (None, None) => Stand::Unknown,
        }
    }

    fn origin(&self, job: &Job) -> QueueNumber {
        let moved = job.past.as_ref().and_then(|past| past.origin.as_ref());
        moved.and_then(|name| self.names.get(name).copied()).unwrap_or(job.queue)
    }
}

impl Job {
    pub(super) fn links(&self) -> Option<&Links> {
        self.options.as_ref()?.links()
    }

    pub(super) fn parents(&self) -> Option<&Parents> {
        self.past.as_ref()?.parents.as_deref()
    }

    pub(super) fn depth(&self) -> u32 {
        self.parents().map_or(1, |parents| parents.depth)
    }
}

pub(super) mod check {
    //! What must hold of the edges. For the tests.

    use super::*;

    /// Recomputes the edges from the jobs.
    pub(in crate::queue) fn edges(shard: &Shard) -> Result<(), String> {
        let mut waiting: BTreeMap<JobId, BTreeSet<JobId>> = BTreeMap::new();
        for (id, job) in &shard.jobs {
            let blocked = matches!(job.phase, Phase::Blocked);
            let Some((links, parents)) = job.links().zip(job.parents()) else {
                if blocked {
                    return Err(format!("{id} is blocked by nothing"));
                }
                continue;
            };
            let fresh = matches!(job.phase, Phase::Ready | Phase::Delayed | Phase::Running(_));
            if blocked == parents.is_met() && (blocked || fresh) {
                return Err(format!("{id} is {} and {:?} is left", job.state(), parents.left));
            }
            let open = |parent: &&JobId| parents.ended.iter().all(|end| end.job != **parent);
            for parent in links.parents().filter(open).filter(|_| blocked) {
                if shard.known(parent).is_some_and(|parent| parent.depth() >= job.depth()) {
                    return Err(format!("{id} waits for {parent}, which is as deep"));
                }
                waiting.entry(*parent).or_default().insert(*id);
            }
        }
        // What a re-driven job does without is no edge.
        let drawn = |parent: &JobId, child: &JobId| {
            shard.waiting.get(parent).is_some_and(|children| children.contains(child))
        };
        for (parent, children) in &waiting {
            let known = shard.known(parent).is_some();
            if let Some(child) = children.iter().find(|child| known && !drawn(parent, child)) {
                return Err(format!("{child} waits for {parent} and is not on its list"));
            }
        }
        for (parent, children) in &shard.waiting {
            let listed = waiting.get(parent);
            if !children.iter().all(|child| listed.is_some_and(|listed| listed.contains(child))) {
                return Err(format!("somebody on the list of {parent} does not wait for it"));
            }
            let ended = !matches!(shard.stand(parent), Stand::Open);
            if children.is_empty() || ended != shard.ends.contains_key(parent) {
                return Err(format!("{parent} ended or not, and its list says otherwise"));
            }
        }
        if shard.ends.keys().any(|parent| !shard.waiting.contains_key(parent)) {
            return Err("a parent is worked off that nobody waits for".to_owned());
        }
        let flows = |id: &JobId, job: &Job| Some((job.links()?.flow()?, *id));
        let live = shard.jobs.iter().filter_map(|(id, job)| flows(id, job));
        let finished =
            shard.finished.range(Bound::Unbounded).filter_map(|(id, finished)| flows(id, &finished.job));
        if live.chain(finished).collect::<BTreeSet<_>>() != shard.flows {
            return Err("the index of flows is not that of the jobs".to_owned());
        }
        Ok(())
    }
}
