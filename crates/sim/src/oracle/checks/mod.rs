//! The promises, one file each. A new one is a file and a line in [`all`].

mod accepted;
mod batches;
mod completed;
mod ends;
pub(crate) mod firings;
mod holders;
mod keys;
mod limits;
mod lines;
mod modes;
mod order;
mod parents;
mod places;
mod receipts;
mod sessions;
mod timing;
mod turns;
mod unique;

use sealane_core::queue::Event;

use super::ledger::Ledger;
use super::replay::Replay;
use super::{Answer, AtRest, Exchange, Tally};

/// A promise. Looks at each answer when the ledger knows of it, at the server at rest, and at the
/// journal.
pub(super) trait Check: Send {
    /// The promise, in words.
    fn promise(&self) -> &'static str;

    /// An answer arrived.
    ///
    /// # Errors
    /// How the promise was broken.
    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let _ = (ledger, exchange, answer);
        Ok(())
    }

    /// An event stands in the journal; `replay` is everything before it. Told at the end of a run.
    ///
    /// # Errors
    /// How the promise was broken.
    fn recorded(&mut self, ledger: &Ledger, replay: &Replay, event: &Event) -> Result<(), String> {
        let _ = (ledger, replay, event);
        Ok(())
    }

    /// Everything is over and the server has nothing left to do.
    ///
    /// # Errors
    /// How the promise was broken.
    fn at_rest(&mut self, ledger: &Ledger, rest: &AtRest) -> Result<(), String> {
        let _ = (ledger, rest);
        Ok(())
    }
}

/// Every promise that is watched.
pub(super) fn all() -> Vec<Box<dyn Check>> {
    vec![
        Box::new(accepted::Accepted),
        Box::new(completed::Completed),
        Box::new(holders::Holders),
        Box::new(receipts::Receipts),
        Box::new(order::Order::default()),
        Box::new(places::Places),
        Box::new(timing::Timing),
        Box::new(modes::Modes),
        Box::new(firings::Firings::default()),
        Box::new(sessions::Sessions),
        Box::new(lines::Lines::default()),
        Box::new(parents::Parents::default()),
        Box::new(limits::Limits::default()),
        Box::new(turns::Turns::default()),
        Box::new(keys::Keys::default()),
        Box::new(unique::Unique),
        Box::new(batches::Batches),
        Box::new(ends::Ends),
    ]
}

/// How the jobs fared.
pub(super) fn tally(ledger: &Ledger, rest: &AtRest) -> Tally {
    let count = |number: usize| u64::try_from(number).expect("a length in memory fits 64 bits");
    let found = rest.jobs.values().flatten().count();
    let counted: u64 = rest.queues.iter().map(|queue| ends::jobs_of(&queue.jobs)).sum();
    let acknowledged = ledger.jobs.iter().filter(|(_, facts)| facts.acknowledged.is_some());
    let lost = acknowledged.clone().filter(|(id, _)| rest.jobs.get(*id).is_none_or(Option::is_none));
    let twice = ledger.jobs.values().filter(|facts| completed::completions(facts).count() > 1);
    Tally {
        attempted: count(ledger.jobs.len()),
        acknowledged: count(acknowledged.count()),
        found: count(found),
        lost: count(lost.count()),
        duplicated: count(twice.count()),
        unexpected: counted.saturating_sub(count(found)),
    }
}
