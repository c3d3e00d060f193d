//! All or nothing: of jobs that are sent to be accepted together all are there or none, whatever crashed
//! meanwhile, and so it is with ends of leases that are said together.

use super::super::ledger::Ledger;
use super::super::{Answer, Asked, AtRest, Exchange};
use super::Check;

pub(super) struct Batches;

impl Check for Batches {
    fn promise(&self) -> &'static str {
        "all of an atomic batch or flow, or nothing"
    }

    fn answered(&mut self, _: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (done, all) = match (&exchange.asked, answer) {
            (Asked::Enqueue { atomic: true, .. }, Answer::Accepted(results)) => {
                (results.iter().filter(|result| result.is_ok()).count(), results.len())
            }
            (Asked::Settle { atomic: true, .. }, Answer::Settled(results)) => {
                (results.iter().filter(|result| result.ok == Some(true)).count(), results.len())
            }
            _ => return Ok(()),
        };
        match done == 0 || done == all {
            true => Ok(()),
            false => Err(format!("{done} of {all} were done: {answer}")),
        }
    }

    fn at_rest(&mut self, ledger: &Ledger, rest: &AtRest) -> Result<(), String> {
        for batch in &ledger.together {
            let found = batch.iter().filter(|id| rest.jobs.get(*id).is_some_and(Option::is_some)).count();
            if found != 0 && found != batch.len() {
                return Err(format!(
                    "{found} of {} jobs are there that were sent together: {batch:?}",
                    batch.len()
                ));
            }
        }
        Ok(())
    }
}
