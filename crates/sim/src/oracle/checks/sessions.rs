//! Whoever was given a session has it until it can be over; and what it was told last is what it tells.

use super::super::ledger::Ledger;
use super::super::sessions::{Name, ToldFacts};
use super::super::{Answer, Asked, Exchange};
use super::Check;

pub(super) struct Sessions;

impl Check for Sessions {
    fn promise(&self) -> &'static str {
        "a session has one holder, and tells what it was told last"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        match (&exchange.asked, answer) {
            (Asked::SessionAccept { queue, wish }, Answer::Held(Some(held))) => {
                if wish.session_id.as_ref().is_some_and(|wished| *wished != held.session_id) {
                    return Err(format!(
                        "{:?} was asked for and {:?} given",
                        wish.session_id, held.session_id
                    ));
                }
                let name = (queue.clone(), held.session_id.to_string());
                only_holder(ledger, &name)?;
                tells(ledger, exchange, &name, held.state.as_ref().map(|state| &state.0[..]))
            }
            (Asked::SessionOf { receipt, .. }, Answer::Remembered(state)) => {
                match ledger.sessions.hold(receipt) {
                    Some((name, _)) => tells(ledger, exchange, name, state.as_deref()),
                    None => Ok(()),
                }
            }
            (Asked::Lease { queue, wish }, Answer::Handed(jobs)) => {
                let Some((name, _)) =
                    wish.session_receipt.as_deref().and_then(|receipt| ledger.sessions.hold(receipt))
                else {
                    return Ok(());
                };
                match jobs.iter().find(|job| job.session_id.as_deref() != Some(name.1.as_str())) {
                    Some(job) => Err(format!("job {} of {queue} came to the holder of {}", job.id, name.1)),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

fn only_holder(ledger: &Ledger, name: &Name) -> Result<(), String> {
    let holds = ledger.sessions.holds.get(name).map_or(&[][..], Vec::as_slice);
    let Some((new, old)) = holds.split_last() else { return Ok(()) };
    for hold in old {
        let end = hold.earliest_end();
        let alone = ledger.sessions.may_be_ended(name, hold, new.received);
        if hold.received < new.sent && new.received < end && !alone {
            return Err(format!(
                "{} has session {} of {} until {end} at least, and {} got it by {}",
                hold.client, name.1, name.0, new.client, new.received
            ));
        }
    }
    Ok(())
}

/// A state that is read was told, and nothing was told behind it for certain.
fn tells(ledger: &Ledger, exchange: &Exchange, name: &Name, state: Option<&[u8]>) -> Result<(), String> {
    let told = ledger.sessions.told.get(name).map_or(&[][..], Vec::as_slice);
    let before = |until: u64| {
        told.iter().any(|other| other.sent > until && other.done.is_some_and(|done| done < exchange.sent))
    };
    let is_last = |one: &ToldFacts| {
        one.state.as_deref() == state && one.sent <= exchange.answered && !one.over.is_some_and(before)
    };
    let is_new = state.is_none() && !before(0);
    if is_new || told.iter().any(is_last) {
        return Ok(());
    }
    Err(format!("session {} of {} tells {state:?}, which is not what it was told last", name.1, name.0))
}
