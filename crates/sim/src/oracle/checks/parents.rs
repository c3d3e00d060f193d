//! A job that waits for others begins when they allow it and not before, ends with them where it said so,
//! and is told what they came to.

use std::collections::BTreeMap;

use sealane::{JobId, OnFailure, State};
use sealane_api::v1::{LeasedJob, ParentOut};
use sealane_core::queue::{AfterParent, Event, Links};

use super::super::facts::{JobFacts, LinkFacts};
use super::super::ledger::Ledger;
use super::super::replay::{Replay, Stands};
use super::super::{Answer, Asked, Exchange, How};
use super::Check;

#[derive(Default)]
pub(super) struct Parents {
    /// What each job that waits has heard, by the journal.
    heard: BTreeMap<JobId, BTreeMap<JobId, State>>,
}

impl Check for Parents {
    fn promise(&self) -> &'static str {
        "a job begins when its parents allow it, and hears what they came to"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (Asked::Lease { .. }, Answer::Handed(jobs)) = (&exchange.asked, answer) else { return Ok(()) };
        for job in jobs {
            let Some(facts) = ledger.jobs.get(&job.id.0) else { continue };
            if let Some(links) = &facts.links {
                is_allowed(links, job)?;
            }
            for told in &job.parents {
                let waits = facts.links.as_ref().is_some_and(|links| links.names(told.job_id.0));
                let Some(parent) = ledger.jobs.get(&told.job_id.0).filter(|_| waits) else {
                    return Err(format!("job {} was told of {} and waits not for it", job.id, told.job_id));
                };
                is_true(parent, told)?;
            }
        }
        Ok(())
    }

    fn recorded(&mut self, _: &Ledger, replay: &Replay, event: &Event) -> Result<(), String> {
        match event {
            Event::JobEnqueued(new) => {
                let links = new.options.as_ref().and_then(|options| options.links.as_deref());
                self.listens(replay, new.job, links);
                Ok(())
            }
            Event::JobRedriven { job, .. } => {
                let facts = replay.jobs.get(job).filter(|facts| !facts.was_let_through);
                self.listens(replay, *job, facts.and_then(|facts| facts.options.links.as_deref()));
                Ok(())
            }
            Event::JobLeased { job, .. } => match replay.jobs.get(job) {
                Some(facts) if !facts.was_let_through => {
                    Err(format!("{job} was leased and its parents had not let it through"))
                }
                _ => Ok(()),
            },
            Event::ParentEnded { job, parent, next, .. } => self.hears(replay, job, parent, *next),
            _ => Ok(()),
        }
    }
}

impl Parents {
    /// A job begins to wait: of those that let it through already it knows.
    fn listens(&mut self, replay: &Replay, job: JobId, links: Option<&Links>) {
        let Some(links) = links else { return };
        let heard = links.parents().filter_map(|parent| {
            let state = ended(replay.jobs.get(parent)?.stands)?;
            is_met(links, state).then_some((*parent, state))
        });
        self.heard.insert(job, heard.collect());
    }

    fn hears(
        &mut self,
        replay: &Replay,
        id: &JobId,
        parent: &JobId,
        next: AfterParent,
    ) -> Result<(), String> {
        let links = replay.jobs.get(id).and_then(|job| job.options.links.as_deref());
        let state = replay.jobs.get(parent).and_then(|parent| ended(parent.stands));
        let (Some(links), Some(state)) = (links, state) else {
            return Err(format!("{id} heard of the end of {parent}, which has not ended"));
        };
        let heard = self.heard.entry(*id).or_default();
        heard.insert(*parent, state);
        let should = follows(links, heard);
        match should == next {
            true => Ok(()),
            false => {
                Err(format!("{id} heard that {parent} was {state}, so {should:?} follows, not {next:?}"))
            }
        }
    }
}

/// What follows for a job from what it heard.
fn follows(links: &Links, heard: &BTreeMap<JobId, State>) -> AfterParent {
    let met = |parent: &JobId| heard.get(parent).map(|state| is_met(links, *state));
    let (mut all, mut any) = (links.all().iter().map(met), links.any().iter().map(met));
    let one = links.any().is_empty() || links.any().iter().any(|parent| met(parent) == Some(true));
    if one && links.all().iter().all(|parent| met(parent) == Some(true)) {
        return AfterParent::Runs;
    }
    let none_left = !links.any().is_empty() && any.all(|met| met == Some(false));
    match links.on_failure() {
        OnFailure::Fail if none_left || all.any(|met| met == Some(false)) => AfterParent::Dies,
        OnFailure::Cancel if none_left || all.any(|met| met == Some(false)) => AfterParent::Cancelled,
        _ => AfterParent::Waits,
    }
}

fn is_met(links: &Links, state: State) -> bool {
    state == State::Completed || links.on_failure() == OnFailure::Run
}

fn ended(stands: Stands) -> Option<State> {
    match stands {
        Stands::Dead => Some(State::Dead),
        Stands::Ended(state) => Some(state),
        _ => None,
    }
}

/// Whether a job that was handed out was told of enough ends.
fn is_allowed(links: &LinkFacts, job: &LeasedJob) -> Result<(), String> {
    let told = |parent: &JobId| {
        let end = job.parents.iter().find(|told| told.job_id.0 == *parent);
        end.is_some_and(|end| end.state == "completed" || links.runs_anyway)
    };
    let missing = links.all.iter().find(|parent| !told(parent));
    let none = links.any.first().filter(|_| !links.any.iter().any(told));
    match missing.or(none) {
        Some(parent) => Err(format!("job {} was handed out without word of {parent}", job.id)),
        None => Ok(()),
    }
}

/// Whether what is told of a parent is what its workers said.
fn is_true(parent: &JobFacts, told: &ParentOut) -> Result<(), String> {
    let id = told.job_id;
    if *told.origin_queue != *parent.queue {
        return Err(format!(
            "{id} was sent to {} and is said to be of {}",
            parent.queue, &*told.origin_queue
        ));
    }
    if told.state != "completed" {
        return match told.result {
            Some(_) => Err(format!("{id} is {} and has a result", told.state)),
            None => Ok(()),
        };
    }
    let said = |lease: &&super::super::facts::LeaseFacts| lease.settles.contains_key(&How::Complete);
    let result = told.result.as_ref().map(|result| &result.0[..]);
    let fits = |lease: &super::super::facts::LeaseFacts| {
        lease.attempt == told.attempt && lease.results.iter().any(|sent| sent.as_deref() == result)
    };
    let done = parent
        .leases
        .iter()
        .find(|lease| lease.settles.get(&How::Complete).is_some_and(|settle| settle.done.is_some()));
    let is_true = match done {
        Some(done) => fits(done),
        None => parent.leases.iter().filter(said).any(fits),
    };
    match is_true {
        true => Ok(()),
        false => {
            Err(format!("{id} is said to be completed in attempt {}, otherwise than it was", told.attempt))
        }
    }
}
