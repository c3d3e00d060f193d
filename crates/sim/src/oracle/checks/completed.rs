//! Nothing completed returns: after a completion that was answered nobody gets the job again, and it stays
//! completed.

use super::super::facts::{JobFacts, LeaseFacts};
use super::super::ledger::Ledger;
use super::super::{Answer, Asked, AtRest, Exchange, How};
use super::Check;

pub(super) struct Completed;

/// The leases that completed a job, as answers said.
pub(super) fn completions(facts: &JobFacts) -> impl Iterator<Item = (&LeaseFacts, u64)> {
    facts.leases.iter().filter_map(|lease| Some((lease, lease.settles.get(&How::Complete)?.done?)))
}

impl Check for Completed {
    fn promise(&self) -> &'static str {
        "nothing completed returns"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        match (&exchange.asked, answer) {
            (Asked::Lease { .. }, Answer::Handed(jobs)) => {
                for job in jobs {
                    let Some(facts) = ledger.jobs.get(&job.id.0) else { continue };
                    let before = completions(facts).find(|(_, done)| *done < exchange.sent);
                    if let Some((lease, done)) = before {
                        return Err(format!(
                            "job {} was completed by {} at {done} and handed out again after {}",
                            job.id, lease.client, exchange.sent
                        ));
                    }
                }
                Ok(())
            }
            (Asked::Look { job }, Answer::Shown(shown)) => match ledger.jobs.get(job).map(completions) {
                Some(mut done) => match done.find(|(_, at)| *at < exchange.sent) {
                    Some((_, at)) if shown.state != "completed" => {
                        Err(format!("job {job} was completed at {at} and is {}", shown.state))
                    }
                    _ => Ok(()),
                },
                None => Ok(()),
            },
            (Asked::Settle { how: How::Complete, receipts, .. }, Answer::Settled(_)) => {
                for receipt in receipts {
                    let Some((id, _)) = ledger.lease(receipt) else { continue };
                    let Some(facts) = ledger.jobs.get(&id) else { continue };
                    if completions(facts).count() > 1 {
                        return Err(format!("job {id} was completed under two leases"));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn at_rest(&mut self, ledger: &Ledger, rest: &AtRest) -> Result<(), String> {
        for (id, facts) in &ledger.jobs {
            let Some(Some(job)) = rest.jobs.get(id) else { continue };
            if let Some((_, at)) = completions(facts).next()
                && job.state != "completed"
            {
                return Err(format!("job {id} was completed at {at} and is {} at the end", job.state));
            }
        }
        Ok(())
    }
}
