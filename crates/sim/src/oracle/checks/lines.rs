//! One behind the other in each session, and one holder of it. The journal knows each moment of that:
//! whatever was handed out was first in its line, or behind jobs in the same holder's hands. Clients know a
//! part of it, and of that they must have seen the same.

use std::collections::BTreeMap;

use sealane::JobId;
use sealane_core::id::LockId;
use sealane_core::queue::{Event, QueueNumber};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use super::super::ledger::Ledger;
use super::super::replay::{Replay, Stands};
use super::Check;

#[derive(Default)]
pub(super) struct Lines {
    holds: BTreeMap<(QueueNumber, Token), Hold>,
}

struct Hold {
    lock: LockId,
    until: Time,
    /// However often it is renewed.
    at_most: Time,
    /// How long the server had been away when these were right.
    away_ms: u64,
}

impl Hold {
    fn is_over(&self, at: Time, away_ms: u64) -> bool {
        self.until.plus(Millis::new(away_ms - self.away_ms)) <= at
    }
}

impl Check for Lines {
    fn promise(&self) -> &'static str {
        "one behind the other in a session, and one holder"
    }

    fn recorded(&mut self, _: &Ledger, replay: &Replay, event: &Event) -> Result<(), String> {
        match event {
            Event::JobLeased { job, lock, at, .. } => self.leased(replay, job, *lock, *at),
            Event::SessionAccepted { queue, session, lock, until, at, .. } => {
                self.accepted(replay, (*queue, *session), *lock, *until, *at)
            }
            Event::SessionRenewed { queue, session, until, at } => {
                let Some(hold) = self.holds.get_mut(&(*queue, *session)) else {
                    return Err(format!(
                        "a session of {} that nobody holds was renewed at {at:?}",
                        replay.name(*queue)
                    ));
                };
                if hold.is_over(*at, replay.away_ms) {
                    return Err(format!(
                        "a hold in {} was over and was renewed at {at:?}",
                        replay.name(*queue)
                    ));
                }
                let at_most = hold.at_most.plus(Millis::new(replay.away_ms - hold.away_ms));
                if *until > at_most {
                    return Err(format!(
                        "a hold in {} was renewed to {until:?}, beyond {at_most:?}",
                        replay.name(*queue)
                    ));
                }
                *hold = Hold { lock: hold.lock, until: *until, at_most, away_ms: replay.away_ms };
                Ok(())
            }
            Event::SessionEnded { queue, session, at, .. } => {
                let Some(hold) = self.holds.remove(&(*queue, *session)) else {
                    return Err(format!(
                        "a session of {} that nobody holds was ended at {at:?}",
                        replay.name(*queue)
                    ));
                };
                let out = replay.line((*queue, *session)).find(|(_, job)| {
                    matches!(job.stands, Stands::Running { lock: Some(lock), .. } if lock == hold.lock)
                });
                match out {
                    Some((job, _)) => Err(format!("a hold ended at {at:?} and left {job} out")),
                    None => Ok(()),
                }
            }
            Event::SessionStateSet { queue, session, at } => match self.holds.get(&(*queue, *session)) {
                Some(hold) if !hold.is_over(*at, replay.away_ms) => Ok(()),
                _ => Err(format!(
                    "a session of {} that nobody holds was told something at {at:?}",
                    replay.name(*queue)
                )),
            },
            _ => Ok(()),
        }
    }
}

impl Lines {
    fn leased(&self, replay: &Replay, id: &JobId, lock: Option<LockId>, at: Time) -> Result<(), String> {
        let Some(job) = replay.jobs.get(id) else { return Err(format!("{id} was leased and never sent")) };
        let Some(line) = replay.line_of(job) else {
            return match lock {
                Some(_) => Err(format!("{id} has no session and was leased under a hold")),
                None => Ok(()),
            };
        };
        let hold = self.holds.get(&line);
        if hold.map(|hold| hold.lock) != lock {
            return Err(format!("{id} was leased at {at:?} while somebody else held its session"));
        }
        if hold.is_some_and(|hold| hold.is_over(at, replay.away_ms)) {
            return Err(format!("{id} was leased at {at:?} under a hold that was over"));
        }
        let in_same_hands = |stands: Stands| {
            lock.is_some() && matches!(stands, Stands::Running { lock: held, .. } if held == lock)
        };
        let ahead = replay
            .line(line)
            .find(|(other, ahead)| *other != id && ahead.place < job.place && !in_same_hands(ahead.stands));
        match ahead {
            Some((ahead, facts)) => {
                Err(format!("{id} was leased at {at:?}, and {ahead} before it was {:?}", facts.stands))
            }
            None => Ok(()),
        }
    }

    fn accepted(
        &mut self,
        replay: &Replay,
        line: (QueueNumber, Token),
        lock: LockId,
        until: Time,
        at: Time,
    ) -> Result<(), String> {
        if self.holds.contains_key(&line) {
            return Err(format!(
                "a session of {} was given to a second holder at {at:?}",
                replay.name(line.0)
            ));
        }
        if let Some((job, _)) =
            replay.line(line).find(|(_, job)| matches!(job.stands, Stands::Running { .. }))
        {
            return Err(format!(
                "a session of {} was given away at {at:?} with {job} out",
                replay.name(line.0)
            ));
        }
        let settings = replay.queues.get(&line.0).map(|queue| queue.settings.sessions);
        let at_most = at.plus(settings.map(|settings| settings.hold).unwrap_or_default());
        if until > at_most {
            return Err(format!("a session is held until {until:?}, and may be until {at_most:?}"));
        }
        self.holds.insert(line, Hold { lock, until, at_most, away_ms: replay.away_ms });
        Ok(())
    }
}
