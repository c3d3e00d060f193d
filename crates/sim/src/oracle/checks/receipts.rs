//! A receipt is good for its own lease only: not when another followed, and for one end of it.

use super::super::ledger::Ledger;
use super::super::{Answer, Asked, Exchange};
use super::Check;

pub(super) struct Receipts;

impl Check for Receipts {
    fn promise(&self) -> &'static str {
        "a receipt is good for its lease and for one end of it"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let Answer::Settled(results) = answer else { return Ok(()) };
        let (receipts, settle): (Vec<&String>, _) = match &exchange.asked {
            Asked::Settle { how, receipts, .. } => (receipts.iter().collect(), Some(*how)),
            Asked::Extend { items } => (items.iter().map(|(receipt, _)| receipt).collect(), None),
            _ => return Ok(()),
        };
        for (receipt, result) in receipts.into_iter().zip(results) {
            if result.ok != Some(true) {
                continue;
            }
            let Some((id, lease)) = ledger.lease(receipt) else { continue };
            // A repeat of what was done in time is answered as it was then.
            let asked_at = settle
                .and_then(|how| lease.settles.get(&how))
                .map_or(exchange.sent, |settle| settle.first_sent);
            let later = ledger.jobs.get(&id).and_then(|facts| {
                facts.leases.iter().find(|next| lease.received < next.sent && next.received < asked_at)
            });
            if let Some(next) = later {
                return Err(format!(
                    "job {id} was with {} at {}; {} used the receipt from before at {asked_at}",
                    next.client, next.received, lease.client
                ));
            }
            let ends = lease.settles.iter().filter(|(how, end)| end.done.is_some() && Some(**how) != settle);
            for (how, end) in ends {
                let before = end.done.is_some_and(|done| done < exchange.sent);
                if settle.is_some() || before {
                    return Err(format!(
                        "job {id}: the lease of {} ended by {how:?}, and then {settle:?} was done as well",
                        lease.client
                    ));
                }
            }
        }
        Ok(())
    }
}
