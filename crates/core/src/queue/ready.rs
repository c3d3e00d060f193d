//! Jobs that wait for a worker: by class, and inside a class in the order they came.
//!
//! `critical` comes before everything, always. Among the others the more urgent class comes first, but
//! a class that waits lets only so many hand-outs pass: then it is its turn. Time does not come into
//! it, the hand-outs are the clock: nobody ages in a queue that nobody works at.

use std::collections::BTreeMap;

use super::job::Job;
use crate::id::JobId;
use crate::job::Priority;
use crate::limits;

const CLASSES: usize = Priority::ALL.len();
const CRITICAL: usize = 0;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    classes: [BTreeMap<u64, JobId>; CLASSES],
    passed: Passed,
}

/// How many hand-outs of more urgent classes each class has let pass since its own turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Passed([u32; CLASSES]);

impl Passed {
    /// Whose turn it is, of those with anything to hand out.
    fn next(self, has: impl Fn(usize) -> bool) -> Option<usize> {
        if has(CRITICAL) {
            return Some(CRITICAL);
        }
        let overdue = (0..CLASSES)
            .filter(|class| has(*class) && self.0[*class] >= limits::AGEING_PASSES_MAX)
            .max_by_key(|class| self.0[*class]);
        overdue.or_else(|| (0..CLASSES).find(|class| has(*class)))
    }

    /// A job of this class was handed out.
    fn served(&mut self, served: usize, waits: impl Fn(usize) -> bool) {
        for class in 0..CLASSES {
            let passes = &mut self.0[class];
            if class == served || !waits(class) {
                *passes = 0;
            } else if class > served && served != CRITICAL {
                *passes = passes.saturating_add(1);
            }
        }
    }
}

impl Ready {
    pub(super) fn insert(&mut self, id: JobId, job: &Job) {
        self.classes[class(job.priority)].insert(job.sequence, id);
    }

    pub(super) fn remove(&mut self, job: &Job) {
        self.classes[class(job.priority)].remove(&job.sequence);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.classes.iter().all(BTreeMap::is_empty)
    }

    /// A job of this class was handed out and is not here any more.
    pub(super) fn served(&mut self, priority: Priority) {
        let classes = &self.classes;
        self.passed.served(class(priority), |class| !classes[class].is_empty());
    }

    /// Whether the same jobs wait, whoever's turn it is.
    pub(super) fn same_jobs(&self, other: &Self) -> bool {
        self.classes == other.classes
    }

    /// So many in the order of service, of those that may be handed out.
    pub(super) fn first(&self, wanted: usize, may: impl Fn(&JobId) -> bool) -> Vec<JobId> {
        let mut waiting = self.classes.each_ref().map(|class| class.values().filter(|id| may(id)).peekable());
        let mut left = self.classes.each_ref().map(BTreeMap::len);
        let mut passed = self.passed;
        let mut picked = Vec::new();
        while picked.len() < wanted {
            let has = waiting.each_mut().map(|class| class.peek().is_some());
            let Some(class) = passed.next(|class| has[class]) else { break };
            picked.extend(waiting[class].next().copied());
            left[class] -= 1;
            passed.served(class, |class| left[class] > 0);
        }
        picked
    }
}

fn class(priority: Priority) -> usize {
    usize::from(priority.code())
}
