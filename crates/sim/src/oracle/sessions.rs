//! What is known of sessions: who was given one, what was asked for it, what it was told.

use std::collections::BTreeMap;

use super::Exchange;
use super::answer::Answer;
use super::asked::{Asked, OfSession};

/// So long after a request was given up it may still be carried out.
const STRAGGLES_MS: u64 = 1_000;

/// A session of a queue, by its name.
pub(crate) type Name = (String, String);

/// All that is known.
#[derive(Default)]
pub(crate) struct Sessions {
    /// Everybody who was given one, in the order of hearing.
    pub(crate) holds: BTreeMap<Name, Vec<HoldFacts>>,
    /// What one was told, in the order of asking.
    pub(crate) told: BTreeMap<Name, Vec<ToldFacts>>,
    /// When somebody asked to take one away.
    pub(crate) breaks: BTreeMap<Name, Vec<u64>>,
    receipts: BTreeMap<String, (Name, usize)>,
}

/// One hold.
pub(crate) struct HoldFacts {
    pub(crate) client: String,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    hold_ms: u64,
    idle_ms: u64,
    /// Requests to hold it for longer, or for less: when sent, for how long, and when they were answered.
    renewals: Vec<(u64, Option<u64>, Option<u64>)>,
    closed: Option<u64>,
}

/// A request that a session remember something.
pub(crate) struct ToldFacts {
    number: u64,
    pub(crate) sent: u64,
    /// When it was answered that it does.
    pub(crate) done: Option<u64>,
    /// From when on the request does nothing any more.
    pub(crate) over: Option<u64>,
    pub(crate) state: Option<Vec<u8>>,
}

impl HoldFacts {
    /// The earliest moment at which it can end by itself.
    pub(crate) fn earliest_end(&self) -> u64 {
        let hold = |(sent, ms, answered): &(u64, Option<u64>, Option<u64>)| {
            let until = answered.map_or(u64::MAX, |answered| answered);
            // A word that a later one was answered behind does not count any more.
            let over = self.renewals.iter().any(|other| other.2.is_some() && other.0 > until);
            (!over).then(|| sent + ms.unwrap_or(0))
        };
        let first = (self.sent, Some(self.hold_ms), Some(self.received));
        let until = self.renewals.iter().chain([&first]).filter_map(hold).min().unwrap_or(0);
        let signs = self.renewals.iter().filter(|renewal| renewal.2.is_some()).map(|renewal| renewal.0);
        let idle = signs.chain([self.sent]).max().unwrap_or(0) + self.idle_ms;
        until.min(idle)
    }
}

impl Sessions {
    /// The hold of this receipt, and of which session.
    pub(crate) fn hold(&self, receipt: &str) -> Option<(&Name, &HoldFacts)> {
        let (name, at) = self.receipts.get(receipt)?;
        Some((name, &self.holds.get(name)?[*at]))
    }

    /// Whether somebody asked for this hold's end by then.
    pub(crate) fn may_be_ended(&self, name: &Name, hold: &HoldFacts, by: u64) -> bool {
        hold.closed.is_some_and(|sent| sent <= by)
            || self.breaks.get(name).is_some_and(|breaks| breaks.iter().any(|sent| *sent <= by))
    }

    fn hold_mut(&mut self, receipt: &str) -> Option<&mut HoldFacts> {
        let (name, at) = self.receipts.get(receipt)?;
        self.holds.get_mut(name).map(|holds| &mut holds[*at])
    }

    /// A request is on its way.
    pub(super) fn sent(&mut self, number: u64, exchange: &Exchange) {
        let sent = exchange.sent;
        match &exchange.asked {
            Asked::SessionBreak { queue, session } => {
                self.breaks.entry((queue.clone(), session.clone())).or_default().push(sent);
            }
            Asked::SessionOf { receipt, what } => match what {
                OfSession::Close => {
                    if let Some(hold) = self.hold_mut(receipt) {
                        hold.closed.get_or_insert(sent);
                    }
                }
                OfSession::Renew(ms) => {
                    if let Some(hold) = self.hold_mut(receipt) {
                        hold.renewals.push((sent, *ms, None));
                    }
                }
                OfSession::Remember(state) => {
                    if let Some((name, _)) = self.receipts.get(receipt) {
                        let told = ToldFacts { number, sent, done: None, over: None, state: state.clone() };
                        self.told.entry(name.clone()).or_default().push(told);
                    }
                }
                OfSession::Read => {}
            },
            _ => {}
        }
    }

    /// The answer to this request arrived, or nobody waits for it any more.
    pub(super) fn over(&mut self, number: u64, exchange: &Exchange, now: u64) {
        let Asked::SessionOf { receipt, what: OfSession::Remember(_) } = &exchange.asked else { return };
        let Some((name, _)) = self.receipts.get(receipt) else { return };
        let told = self.told.get_mut(name).and_then(|told| told.iter_mut().find(|one| one.number == number));
        if let Some(told) = told {
            // What was sent twice may be carried out long after: for the rest of the run, as far as one knows.
            let straggles = if told.done.is_some() { 0 } else { STRAGGLES_MS };
            told.over = (!exchange.twice).then_some(now + straggles);
        }
    }

    /// An answer arrived.
    pub(super) fn answered(&mut self, number: u64, exchange: &Exchange, answer: &Answer) {
        let (sent, received) = (exchange.sent, exchange.answered);
        match (&exchange.asked, answer) {
            (Asked::SessionAccept { queue, .. }, Answer::Held(Some(held))) => {
                let name = (queue.clone(), held.session_id.to_string());
                let holds = self.holds.entry(name.clone()).or_default();
                holds.push(HoldFacts {
                    client: exchange.client.clone(),
                    sent,
                    received,
                    hold_ms: held.hold_ms,
                    idle_ms: held.idle_ms,
                    renewals: Vec::new(),
                    closed: None,
                });
                self.receipts.insert(held.receipt.clone(), (name, holds.len() - 1));
            }
            (Asked::SessionOf { receipt, what: OfSession::Renew(_) }, Answer::Holds(Some(ms))) => {
                if let Some(hold) = self.hold_mut(receipt)
                    && let Some(renewal) =
                        hold.renewals.iter_mut().find(|one| one.0 == sent && one.2.is_none())
                {
                    *renewal = (sent, Some(*ms), Some(received));
                }
            }
            (Asked::SessionOf { receipt, what: OfSession::Remember(_) }, Answer::Holds(Some(_))) => {
                if let Some((name, _)) = self.receipts.get(receipt)
                    && let Some(told) = self.told.get_mut(name)
                    && let Some(told) = told.iter_mut().find(|one| one.number == number)
                {
                    told.done = Some(received);
                }
            }
            _ => {}
        }
    }
}
