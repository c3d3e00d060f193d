//! A job is handed out where it was sent or moved to, as urgent as it was sent or made.

use sealane_api::operation::{JobMove, JobReprioritise, Operation as _};

use super::super::ledger::Ledger;
use super::super::{Answer, Asked, Exchange};
use super::Check;

pub(super) struct Places;

impl Check for Places {
    fn promise(&self) -> &'static str {
        "a job is where it was sent, and as urgent"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (Asked::Lease { queue, .. }, Answer::Handed(jobs)) = (&exchange.asked, answer) else {
            return Ok(());
        };
        for job in jobs {
            let Some(facts) = ledger.jobs.get(&job.id.0) else { continue };
            if facts.queue != *queue && !facts.was_asked(JobMove::NAME) {
                return Err(format!("job {} was sent to {} and came from {queue}", job.id, facts.queue));
            }
            if facts.priority != job.priority && !facts.was_asked(JobReprioritise::NAME) {
                return Err(format!("job {} was sent as {} and is {}", job.id, facts.priority, job.priority));
            }
            if *job.queue != **queue {
                return Err(format!("job {} of {} was handed out from {queue}", job.id, &*job.queue));
            }
        }
        Ok(())
    }
}
