//! Nothing acknowledged is lost: whoever asks for an accepted job finds it, and whoever sends it again
//! hears that it is there.

use sealane::JobId;

use super::super::ledger::Ledger;
use super::super::{Answer, Asked, AtRest, Exchange};
use super::Check;

pub(super) struct Accepted;

impl Check for Accepted {
    fn promise(&self) -> &'static str {
        "nothing acknowledged is lost"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let known_before = |id: &JobId| {
            let acknowledged = ledger.jobs.get(id).and_then(|facts| facts.acknowledged);
            acknowledged.filter(|at| *at < exchange.sent)
        };
        match (&exchange.asked, answer) {
            (Asked::Look { job } | Asked::Act { job, .. }, Answer::Refused(code)) if code == "not_found" => {
                // A move to a queue that is none looks the same; nobody here asks for that.
                match known_before(job) {
                    Some(at) => Err(format!("job {job} was accepted at {at} and is not there")),
                    None => Ok(()),
                }
            }
            (Asked::Enqueue { jobs, .. }, Answer::Accepted(results)) => {
                let again = jobs.iter().filter_map(|job| job.id.as_deref()?.parse_id());
                for (id, result) in again.zip(results) {
                    let (Err(code), Some(at)) = (result, known_before(&id)) else { continue };
                    if may_pass(code) {
                        continue;
                    }
                    return Err(format!("job {id} was accepted at {at}; sent again it was refused: {code}"));
                }
                Ok(())
            }
            (Asked::Enqueue { jobs, .. }, Answer::Refused(code)) if !may_pass(code) => {
                let again = jobs.iter().filter_map(|job| job.id.as_deref()?.parse_id());
                match again.into_iter().find_map(|id| Some((id, known_before(&id)?))) {
                    Some((id, at)) => {
                        Err(format!("job {id} was accepted at {at}; sent again it was refused: {code}"))
                    }
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn at_rest(&mut self, ledger: &Ledger, rest: &AtRest) -> Result<(), String> {
        for (id, facts) in &ledger.jobs {
            let Some(at) = facts.acknowledged else { continue };
            if rest.jobs.get(id).is_none_or(Option::is_none) {
                return Err(format!("job {id} was accepted at {at} and is not there at the end"));
            }
        }
        Ok(())
    }
}

/// Refusals that say nothing about the job.
fn may_pass(code: &str) -> bool {
    matches!(code, "draining" | "storage_failed")
}

trait ParseId {
    fn parse_id(&self) -> Option<JobId>;
}

impl ParseId for str {
    fn parse_id(&self) -> Option<JobId> {
        JobId::parse(self).ok()
    }
}
