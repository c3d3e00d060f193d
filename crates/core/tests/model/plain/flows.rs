//! Jobs that wait for others.

use sealane_core::id::{FlowId, JobId};
use sealane_core::job::{Category, State};
use sealane_core::queue::{AfterParent, AttemptEnd, DeadReason, Links, OnFailure};

use super::job::{Death, Heard, Job, Waits};
use super::{Plain, Reasons};

impl Waits {
    fn meets(&self, state: State) -> bool {
        state == State::Completed || self.on_failure == OnFailure::Run
    }

    /// How the end of a parent was taken: met or not. Nothing where it was not heard of.
    fn taken(&self, parent: &JobId) -> Option<bool> {
        let heard = self.heard.iter().find(|heard| heard.job == *parent).map(|heard| self.meets(heard.state));
        heard.or_else(|| self.without.contains(parent).then(|| self.meets(State::Expired)))
    }

    /// Whether nothing is left to wait for.
    pub fn is_met(&self) -> bool {
        let met = |parent: &JobId| self.taken(parent) == Some(true);
        self.all.iter().all(met) && (self.any.is_empty() || self.any.iter().any(met))
    }

    /// What is lost: one of those that must all be met, or the last of those of which one is enough.
    fn is_lost_with(&self, parent: &JobId) -> bool {
        if self.all.contains(parent) {
            return self.taken(parent) == Some(false);
        }
        self.any.iter().all(|parent| self.taken(parent) == Some(false))
    }

    pub fn waits_for(&self, parent: &JobId) -> bool {
        (self.all.contains(parent) || self.any.contains(parent)) && self.taken(parent).is_none()
    }

    fn next_after(&self, parent: &JobId) -> AfterParent {
        match self.on_failure {
            _ if self.is_met() => AfterParent::Runs,
            OnFailure::Fail if self.is_lost_with(parent) => AfterParent::Dies,
            OnFailure::Cancel if self.is_lost_with(parent) => AfterParent::Cancelled,
            _ => AfterParent::Waits,
        }
    }
}

/// A child hears of an end.
#[derive(Clone, Debug)]
pub struct Hears {
    pub child: JobId,
    pub heard: Heard,
    pub next: AfterParent,
}

impl Plain {
    pub fn flow_members(&self, flow: FlowId) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(move |job| job.flow == Some(flow) && !job.forgotten)
    }

    fn heard_of(job: &Job) -> Heard {
        Heard { job: job.id, origin: job.origin, attempt: job.attempt, state: job.state }
    }

    /// Jobs on the longest way to this one, itself included.
    pub fn depth(&self, job: &Job) -> usize {
        let parents = job.links.iter().flat_map(|waits| waits.all.iter().chain(&waits.any));
        // A parent that is forgotten was there once.
        let known = parents.filter_map(|id| self.jobs.iter().find(|job| job.id == *id));
        1 + known.map(|parent| self.depth(parent)).max().unwrap_or(0)
    }

    /// What a new job waits for: those that ended as it wishes are heard of at once.
    pub fn look_at(&self, links: &Links) -> Waits {
        let mut waits = Waits {
            all: links.all().to_vec(),
            any: links.any().to_vec(),
            on_failure: links.on_failure(),
            heard: Vec::new(),
            without: Vec::new(),
            lost_to: None,
        };
        self.hear_what_is_met(&mut waits);
        waits
    }

    fn hear_what_is_met(&self, waits: &mut Waits) {
        for parent in waits.all.iter().chain(&waits.any).copied().collect::<Vec<_>>() {
            if waits.taken(&parent).is_some() {
                continue;
            }
            match self.find(&parent) {
                None => waits.without.push(parent),
                Some(job) if is_end(job.state) && waits.meets(job.state) => {
                    waits.heard.push(Self::heard_of(job));
                }
                Some(_) => {}
            }
        }
    }

    /// Why a job that ended before it ran cannot go on. `open` are about to be re-driven themselves.
    pub fn no_parents(&self, job: &Job, open: &[JobId]) -> Reasons {
        let Some(waits) = job.links.as_ref().filter(|waits| !waits.is_met()) else { return Vec::new() };
        let hope = |parent: &JobId| {
            let completed = |heard: &Heard| heard.job == *parent && waits.meets(heard.state);
            waits.heard.iter().any(completed)
                || open.contains(parent)
                || match self.find(parent) {
                    None => waits.on_failure == OnFailure::Run,
                    Some(parent) => !is_end(parent.state) || waits.meets(parent.state),
                }
        };
        let ok = waits.all.iter().all(hope) && (waits.any.is_empty() || waits.any.iter().any(hope));
        if ok { Vec::new() } else { vec!["ParentEnded"] }
    }

    /// A job that ended before it ran waits anew; says whether it does.
    pub fn wait_anew(&mut self, id: &JobId) -> bool {
        let Some(mut waits) = self.job(id).links.clone().filter(|waits| !waits.is_met()) else {
            return false;
        };
        waits.heard.retain(|heard| heard.state == State::Completed);
        waits.without.clear();
        waits.lost_to = None;
        self.hear_what_is_met(&mut waits);
        let blocked = !waits.is_met();
        self.job(id).links = Some(waits);
        blocked
    }

    /// Who hears of what next: those blocked, of parents that ended; the busy ones later.
    pub fn hearings(&self, busy: &[JobId]) -> Vec<Hears> {
        let mut parents: Vec<&Job> = self.jobs.iter().filter(|job| is_end(job.state)).collect();
        parents.sort_by_key(|job| job.id);
        let may = |job: &&Job| job.state == State::Blocked && !busy.contains(&job.id);
        let mut children: Vec<(JobId, Waits, bool)> = self
            .jobs
            .iter()
            .filter(may)
            .map(|job| (job.id, job.links.clone().expect("who is blocked waits"), false))
            .collect();
        children.sort_by_key(|(id, ..)| *id);
        let mut told = Vec::new();
        for parent in parents {
            for (child, waits, done) in &mut children {
                if *done || !waits.waits_for(&parent.id) {
                    continue;
                }
                let heard = Self::heard_of(parent);
                waits.heard.push(heard.clone());
                let next = waits.next_after(&parent.id);
                *done = next != AfterParent::Waits;
                told.push(Hears { child: *child, heard, next });
            }
        }
        told
    }

    pub fn hear(&mut self, Hears { child, heard, next }: &Hears) {
        let now = self.now;
        let job = self.job(child);
        let waits = job.links.as_mut().expect("it waits");
        waits.heard.push(heard.clone());
        match next {
            AfterParent::Waits => {}
            AfterParent::Runs => {
                job.here = now;
                job.state = if job.run_at > now { State::Delayed } else { State::Ready };
                job.at = job.run_at;
            }
            AfterParent::Dies => {
                waits.lost_to = Some(heard.job);
                job.die(
                    now,
                    Death {
                        reason: DeadReason::ParentEnded,
                        category: Category::Cancelled,
                        code: None,
                        like: None,
                        labels: None,
                    },
                );
            }
            AfterParent::Cancelled => {
                waits.lost_to = Some(heard.job);
                job.end_run(now, AttemptEnd::Cancelled, None, None);
                job.finish(now, State::Cancelled);
            }
        }
    }
}

/// What a job that waits hears of.
fn is_end(state: State) -> bool {
    matches!(state, State::Completed | State::Dead | State::Cancelled | State::Expired)
}
