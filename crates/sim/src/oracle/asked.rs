//! Requests and answers, read back from the bytes that travelled.

use std::fmt;

use http::{Method, Request, Response};
use sealane::{JobId, JobOut, QueueIn};
use sealane_api::format::Format;
use sealane_api::operation::{self, Operation};
use sealane_api::problem::ProblemDocument;
use sealane_api::v1::{
    CancelIn, Complete, Extend, Fail, Hold, JobAccepted, JobBatchIn, JobBatchOut, JobBatchResult, JobIn,
    JobStands, LeaseIn, LeaseOut, LeasedJob, Release, ScheduleOut, SettleResult, Settled,
};
use serde::de::DeserializeOwned;

/// How a lease is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    Complete,
    Fail,
    Hold,
    Release,
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// Something for one job: which operation.
    Act {
        job: JobId,
        what: &'static str,
        force: bool,
    },
    Enqueue {
        queue: String,
        jobs: Vec<JobIn>,
        batch: bool,
    },
    Extend {
        items: Vec<(String, Option<u64>)>,
    },
    Lease {
        queue: String,
        wish: LeaseIn,
    },
    Look {
        job: JobId,
    },
    /// Pause, drain or open a queue: which operation.
    Mode {
        queue: String,
        what: &'static str,
    },
    Other,
    PutQueue {
        queue: String,
        settings: Box<QueueIn>,
    },
    /// Something of a schedule: which operation.
    Schedule {
        name: String,
        what: &'static str,
    },
    Settle {
        how: How,
        receipts: Vec<String>,
    },
    /// Bulk work: which operation.
    Sweep {
        queue: String,
        what: &'static str,
    },
}

/// What an answer says.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// For each job of the request, its id or the code of its refusal.
    Accepted(Vec<Result<JobId, String>>),
    Done,
    Handed(Vec<LeasedJob>),
    /// The code.
    Refused(String),
    /// How often a schedule fired and left something out.
    Schedule {
        fired: u64,
        skips: u64,
    },
    Settled(Vec<SettleResult>),
    Shown(Box<JobOut>),
    Stands(JobStands),
}

/// The parameter of an operation that this path asks for.
fn parameter<O: Operation>(method: &Method, path: &str) -> Option<String> {
    if method.as_str() != O::METHOD.as_str() {
        return None;
    }
    let Some((before, after)) = O::PATH.split_once('{') else {
        return (O::PATH == path).then(String::new);
    };
    let (_, after) = after.split_once('}')?;
    let inside = path.strip_prefix(before)?.strip_suffix(after)?;
    (!inside.contains(['/', ':'])).then(|| inside.to_owned())
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    Format::Cbor.read(bytes).map_err(|error| error.to_string())
}

fn job(text: &str) -> Result<JobId, String> {
    JobId::parse(text).map_err(|error| error.to_string())
}

impl Asked {
    /// Reads a request.
    pub(super) fn read(request: &Request<Vec<u8>>) -> Result<Self, String> {
        let (method, path, body) = (request.method(), request.uri().path(), request.body());
        macro_rules! asked {
            ($($op:ident => |$parameter:ident| $read:expr;)*) => {$(
                if let Some($parameter) = parameter::<operation::$op>(method, path) {
                    return $read;
                }
            )*};
        }
        macro_rules! settle {
            ($type:ty, $how:expr) => {
                read::<$type>(body).map(|request| {
                    let receipts = request.items.into_iter().map(|item| item.receipt).collect();
                    Self::Settle { how: $how, receipts }
                })
            };
        }
        let act = |text: &str, what| Ok(Self::Act { job: job(text)?, what, force: false });
        asked! {
            JobEnqueue => |queue| Ok(Self::Enqueue { queue, jobs: vec![read(body)?], batch: false });
            JobEnqueueBatch => |queue| Ok(Self::Enqueue { queue, jobs: read::<JobBatchIn>(body)?.jobs, batch: true });
            LeaseAcquire => |queue| Ok(Self::Lease { queue, wish: read(body)? });
            LeaseComplete => |_none| settle!(Complete, How::Complete);
            LeaseFail => |_none| settle!(Fail, How::Fail);
            LeaseHold => |_none| settle!(Hold, How::Hold);
            LeaseRelease => |_none| settle!(Release, How::Release);
            LeaseExtend => |_none| {
                let items = read::<Extend>(body)?.items;
                Ok(Self::Extend { items: items.into_iter().map(|item| (item.receipt, item.lease_ms)).collect() })
            };
            JobGet => |id| Ok(Self::Look { job: job(&id)? });
            JobCancel => |id| {
                let force = read::<CancelIn>(body)?.force.unwrap_or(false);
                Ok(Self::Act { job: job(&id)?, what: operation::JobCancel::NAME, force })
            };
            JobMove => |id| act(&id, operation::JobMove::NAME);
            JobPromote => |id| act(&id, operation::JobPromote::NAME);
            JobRedrive => |id| act(&id, operation::JobRedrive::NAME);
            JobRelease => |id| act(&id, operation::JobRelease::NAME);
            JobReprioritise => |id| act(&id, operation::JobReprioritise::NAME);
            QueueCreate => |queue| Ok(Self::PutQueue { queue, settings: Box::new(read(body)?) });
            QueueDrain => |queue| Ok(Self::Mode { queue, what: operation::QueueDrain::NAME });
            QueuePause => |queue| Ok(Self::Mode { queue, what: operation::QueuePause::NAME });
            QueueResume => |queue| Ok(Self::Mode { queue, what: operation::QueueResume::NAME });
            QueuePurge => |queue| Ok(Self::Sweep { queue, what: operation::QueuePurge::NAME });
            DeadLetterPurge => |queue| Ok(Self::Sweep { queue, what: operation::DeadLetterPurge::NAME });
            SchedulePut => |name| Ok(Self::Schedule { name, what: operation::SchedulePut::NAME });
            ScheduleGet => |name| Ok(Self::Schedule { name, what: operation::ScheduleGet::NAME });
            SchedulePause => |name| Ok(Self::Schedule { name, what: operation::SchedulePause::NAME });
            ScheduleResume => |name| Ok(Self::Schedule { name, what: operation::ScheduleResume::NAME });
            DeadLetterRedrive => |queue| Ok(Self::Sweep { queue, what: operation::DeadLetterRedrive::NAME });
        }
        Ok(Self::Other)
    }

    /// Reads the answer to this.
    pub(super) fn read_answer(&self, answer: &Response<Vec<u8>>) -> Result<Answer, String> {
        let body = answer.body();
        if !answer.status().is_success() {
            let problem: ProblemDocument = Format::Json.read(body).map_err(|error| error.to_string())?;
            return Ok(Answer::Refused(problem.code));
        }
        Ok(match self {
            Self::Enqueue { batch: false, .. } => Answer::Accepted(vec![Ok(read::<JobAccepted>(body)?.id.0)]),
            Self::Enqueue { batch: true, .. } => {
                let results = read::<JobBatchOut>(body)?.results.into_iter();
                Answer::Accepted(
                    results
                        .map(|result| match result {
                            JobBatchResult::Accepted(accepted) => Ok(accepted.id.0),
                            JobBatchResult::Refused { error, .. } => Err(error.code),
                        })
                        .collect(),
                )
            }
            Self::Lease { .. } => Answer::Handed(read::<LeaseOut>(body)?.jobs),
            Self::Settle { .. } | Self::Extend { .. } => Answer::Settled(read::<Settled>(body)?.results),
            Self::Look { .. } => Answer::Shown(Box::new(read(body)?)),
            Self::Act { .. } => Answer::Stands(read(body)?),
            Self::Schedule { .. } => {
                let schedule: ScheduleOut = read(body)?;
                Answer::Schedule { fired: schedule.fired, skips: schedule.skips }
            }
            Self::Mode { .. } | Self::Other | Self::PutQueue { .. } | Self::Sweep { .. } => Answer::Done,
        })
    }
}

/// The end of an id: enough to tell jobs of a run apart.
pub(super) fn short(id: &impl ToString) -> String {
    let text = id.to_string();
    text[text.len().saturating_sub(6)..].to_owned()
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act { job, what, force } => {
                write!(f, "{what} {}{}", short(job), if *force { " by force" } else { "" })
            }
            Self::Enqueue { queue, jobs, .. } => {
                write!(f, "enqueue {queue}")?;
                jobs.iter().try_for_each(|job| {
                    write!(f, " {}", job.id.as_ref().map_or_else(|| "?".to_owned(), short))?;
                    match &job.priority {
                        Some(priority) => write!(f, ":{priority}"),
                        None => Ok(()),
                    }
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
            Self::Settle { how, receipts } => {
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
                    Ok(job) => write!(f, " {}", short(job)),
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
            Self::Stands(job) => write!(f, "{} in {}", job.state, job.queue),
        }
    }
}
