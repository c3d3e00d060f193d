//! Whether a stream that is about one job still sees it. Whoever loses sight of it would wait for an end that
//! is never told.
//!
//! It says nothing about a job that the key never saw: unknown and forbidden stay alike.

use sealane_core::control::AccessKey;
use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::queue::feed::{Place, Read, Step, StepKind};

use crate::authz::{Standing, sees};
use crate::runtime::Events;

/// The look at one job.
#[derive(Debug)]
pub(super) struct Sight {
    job: JobId,
    /// Its last step was seen.
    had: bool,
}

impl Sight {
    /// Of a reader that comes back with the place that it was told up to.
    pub(super) fn behind(told: Option<Place>, job: JobId, key: &AccessKey, events: &Events) -> Self {
        // Why: it may be that of the step with which the job left, which this key saw.
        let last = told.and_then(|told| Some(Place { step: told.step.checked_sub(1)?, ..told }));
        let had = match last.map(|last| events.read(last)) {
            Some(Read::Steps(steps)) => {
                steps.first().is_some_and(|(_, step)| step.job == job && sees(key, standing(step)))
            }
            Some(Read::Lost) | None => false,
        };
        Self { job, had }
    }

    /// Takes a step; says whether with it a job is gone from sight that was to be seen before.
    pub(super) fn is_lost(&mut self, key: &AccessKey, step: &Step, seen: bool) -> bool {
        if step.job != self.job {
            return false;
        }
        // Why: before it died it stood in the same queue, and this key saw it there.
        let alive = Standing { state: State::Running, ..standing(step) };
        let died = step.what.kind() == StepKind::Dead && sees(key, alive);
        let lost = !seen && (self.had || died);
        self.had = seen;
        lost
    }
}

fn standing(step: &Step) -> Standing<'_> {
    Standing { owner: &step.owner, queue: &step.queue, state: step.state }
}
