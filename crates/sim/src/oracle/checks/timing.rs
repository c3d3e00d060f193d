//! Nothing is handed out before its time.

use sealane_api::operation::{DeadLetterRedrive, JobPromote, JobRedrive, Operation as _};

use super::super::ledger::Ledger;
use super::super::{Answer, Asked, Exchange};
use super::Check;

/// How far a server's clock may stand behind at one start and not at the next.
const CLOCK_BACK_MS: u64 = 5_000;

pub(super) struct Timing;

impl Check for Timing {
    fn promise(&self) -> &'static str {
        "nothing is handed out before its time"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (Asked::Lease { queue, .. }, Answer::Handed(jobs)) = (&exchange.asked, answer) else {
            return Ok(());
        };
        for job in jobs {
            let Some(facts) = ledger.jobs.get(&job.id.0) else { continue };
            let hurried = facts.was_asked(JobPromote::NAME)
                || facts.was_asked(JobRedrive::NAME)
                || ledger.queues.get(queue).is_some_and(|queue| {
                    queue.sweeps.iter().any(|(what, _)| *what == DeadLetterRedrive::NAME)
                });
            let earliest = facts.first_sent + facts.delay_ms.saturating_sub(CLOCK_BACK_MS);
            if !hurried && exchange.answered < earliest {
                return Err(format!("job {} was not due before {earliest}", job.id));
            }
        }
        Ok(())
    }
}
