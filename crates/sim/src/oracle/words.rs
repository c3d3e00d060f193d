//! Requests and answers in the words of a trace.

use std::fmt;

use super::answer::Answer;
use super::asked::{Asked, OfSession};

/// The end of an id: enough to tell jobs of a run apart.
pub(super) fn short(id: &impl ToString) -> String {
    let text = id.to_string();
    text[text.len().saturating_sub(6)..].to_owned()
}

/// What sessions remember in a run: a number.
fn as_number(state: &[u8]) -> u64 {
    state.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act { job, what, force } => {
                write!(f, "{what} {}{}", short(job), if *force { " by force" } else { "" })
            }
            Self::Enqueue { queue, jobs, atomic, .. } => {
                write!(f, "enqueue {queue}{}", if *atomic { " together" } else { "" })?;
                jobs.iter().try_for_each(|job| {
                    write!(f, " {}", job.id.as_ref().map_or_else(|| "?".to_owned(), short))?;
                    if let Some(priority) = &job.priority {
                        write!(f, ":{priority}")?;
                    }
                    job.idempotency_key.iter().try_for_each(|key| write!(f, ":{}", &**key))?;
                    if let Some(unique) = &job.unique {
                        write!(f, ":{}:{:?}", &*unique.key, unique.on_conflict)?;
                    }
                    job.after.iter().try_for_each(|parent| write!(f, ":after {}", short(parent)))?;
                    job.after_any.iter().try_for_each(|parent| write!(f, ":any {}", short(parent)))?;
                    job.session_id.iter().try_for_each(|session| write!(f, ":{}", &**session))?;
                    job.fair_key.iter().try_for_each(|key| write!(f, ":{}", &**key))
                })
            }
            Self::Extend { items } => {
                write!(f, "extend")?;
                items.iter().try_for_each(|(receipt, _)| write!(f, " {}", short(receipt)))
            }
            Self::Lease { queue, wish } => {
                write!(f, "lease {queue} max {:?} for {:?} wait {:?}", wish.max, wish.lease_ms, wish.wait_ms)
            }
            Self::Look { job } => write!(f, "look {}", short(job)),
            Self::Mode { queue, what } | Self::Sweep { queue, what } => write!(f, "{what} {queue}"),
            Self::Other => write!(f, "another thing"),
            Self::Schedule { name, what } => write!(f, "{what} {name}"),
            Self::PutQueue { queue, .. } => write!(f, "queue.create {queue}"),
            Self::SessionAccept { queue, wish } => {
                write!(
                    f,
                    "hold {queue} {:?} for {:?} wait {:?}",
                    wish.session_id.as_deref(),
                    wish.hold_ms,
                    wish.wait_ms
                )
            }
            Self::CancelFlow { flow } => write!(f, "cancel flow {}", short(flow)),
            Self::Submit { flow, nodes } => {
                write!(f, "flow {}", short(flow))?;
                nodes.iter().try_for_each(|node| {
                    let id = node.job.id.as_ref().map_or_else(|| "?".to_owned(), short);
                    write!(f, " {}={id}@{}", &*node.name, &*node.queue)?;
                    node.after.iter().try_for_each(|name| write!(f, ":after {}", &**name))?;
                    node.after_any.iter().try_for_each(|name| write!(f, ":any {}", &**name))?;
                    node.job.on_failure.iter().try_for_each(|policy| write!(f, ":{policy}"))
                })
            }
            Self::SessionBreak { queue, session } => write!(f, "break {queue} {session}"),
            Self::SessionOf { receipt, what } => match what {
                OfSession::Remember(state) => {
                    write!(f, "session {} remembers {:?}", short(receipt), state.as_deref().map(as_number))
                }
                _ => write!(f, "session {} {what:?}", short(receipt)),
            },
            Self::Settle { how, receipts, .. } => {
                write!(f, "{how:?}")?;
                receipts.iter().try_for_each(|receipt| write!(f, " {}", short(receipt)))
            }
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(jobs) => {
                write!(f, "accepted")?;
                jobs.iter().try_for_each(|job| match job {
                    Ok(taken) => {
                        write!(f, " {}{}", short(&taken.id), if taken.merged { " stands in" } else { "" })
                    }
                    Err(code) => write!(f, " {code}"),
                })
            }
            Self::Done => write!(f, "done"),
            Self::Handed(jobs) => {
                write!(f, "handed")?;
                jobs.iter().try_for_each(|job| {
                    write!(
                        f,
                        " {}#{} {} {}ms",
                        short(&job.id),
                        job.attempt,
                        short(&job.receipt),
                        job.lease_ms
                    )
                })
            }
            Self::Held(None) => write!(f, "no session"),
            Self::Held(Some(held)) => write!(
                f,
                "holds {} {} {}ms idle {}ms, {:?}",
                &*held.session_id,
                short(&held.receipt),
                held.hold_ms,
                held.idle_ms,
                held.state.as_ref().map(|state| as_number(&state.0)),
            ),
            Self::Holds(ms) => write!(f, "holds {ms:?}"),
            Self::Remembered(state) => write!(f, "remembered {:?}", state.as_deref().map(as_number)),
            Self::Schedule { fired, skips } => write!(f, "fired {fired}, skips {skips}"),
            Self::Refused(code) => write!(f, "refused {code}"),
            Self::Settled(results) => {
                write!(f, "settled")?;
                results.iter().try_for_each(|result| match (&result.state, &result.error) {
                    (Some(state), _) => write!(f, " {state}"),
                    (None, Some(error)) => write!(f, " {}", error.code),
                    (None, None) => write!(f, " ?"),
                })
            }
            Self::Shown(job) => write!(f, "{} #{} in {}", job.state, job.attempt, job.queue),
            Self::Submitted(jobs) => write!(f, "submitted {}", jobs.len()),
            Self::Stands(job) => write!(f, "{} in {}", job.state, job.queue),
        }
    }
}
