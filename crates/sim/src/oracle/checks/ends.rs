//! Where jobs are at the end has a reason in what somebody asked for, the queues' numbers are right, and
//! nothing is left that nobody sent.

use std::collections::BTreeMap;

use sealane_api::operation::{DeadLetterPurge, JobCancel, Operation as _, QueuePurge};
use sealane_api::v1::QueueCounts;

use super::super::facts::JobFacts;
use super::super::ledger::Ledger;
use super::super::{AtRest, How};
use super::Check;

pub(super) struct Ends;

/// All jobs of a queue.
pub(super) fn jobs_of(counts: &QueueCounts) -> u64 {
    by_state(counts).iter().map(|(_, number)| number).sum()
}

fn by_state(counts: &QueueCounts) -> [(&'static str, u64); 10] {
    [
        ("blocked", counts.blocked),
        ("delayed", counts.delayed),
        ("ready", counts.ready),
        ("running", counts.running),
        ("retrying", counts.retrying),
        ("held", counts.held),
        ("dead", counts.dead),
        ("completed", counts.completed),
        ("cancelled", counts.cancelled),
        ("expired", counts.expired),
    ]
}

impl Check for Ends {
    fn promise(&self) -> &'static str {
        "where jobs end has a reason, and queues count right"
    }

    fn at_rest(&mut self, ledger: &Ledger, rest: &AtRest) -> Result<(), String> {
        let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (id, job) in &rest.jobs {
            let Some(job) = job else { continue };
            let Some(facts) = ledger.jobs.get(id) else {
                // A schedule's, which nobody ever got.
                if job.firing.is_some() {
                    *counted.entry((job.queue.clone(), job.state.clone())).or_default() += 1;
                    continue;
                }
                return Err(format!("job {id} was never sent"));
            };
            if !has_reason(ledger, facts, &job.state) {
                return Err(format!("job {id} is {} and nobody asked for that", job.state));
            }
            *counted.entry((job.queue.clone(), job.state.clone())).or_default() += 1;
        }
        for queue in &rest.queues {
            for (state, says) in by_state(&queue.jobs) {
                let found = counted.get(&(queue.name.clone(), state.to_owned())).copied().unwrap_or(0);
                if says != found {
                    return Err(format!("queue {} says {says} {state} jobs, there are {found}", queue.name));
                }
            }
        }
        Ok(())
    }
}

fn has_reason(ledger: &Ledger, facts: &JobFacts, state: &str) -> bool {
    let swept =
        |what| ledger.queues.values().any(|queue| queue.sweeps.iter().any(|(sweep, _)| *sweep == what));
    match state {
        "completed" => facts.was_settled(How::Complete),
        "cancelled" => {
            facts.was_asked(JobCancel::NAME)
                || swept(QueuePurge::NAME)
                || swept(DeadLetterPurge::NAME)
                || facts.links.as_ref().is_some_and(|links| links.is_cancelled_with_them)
        }
        "held" => facts.was_settled(How::Hold),
        "expired" => facts.has_ttl,
        // By failures, or by leases that ended; nobody else can have heard of all of those.
        "dead" => true,
        // The run ends when none of these is left.
        _ => false,
    }
}
