//! Requests, read back from the bytes that travelled.

use http::{Method, Request};
use sealane::{JobId, QueueIn};
use sealane_api::format::Format;
use sealane_api::operation::{self, Operation};
use sealane_api::v1::{
    CancelIn, Complete, Extend, Fail, FlowIn, FlowNodeIn, Hold, JobBatchIn, JobIn, LeaseIn, Release,
    SessionAcceptIn, SessionCloseIn, SessionReleaseIn, SessionRenewIn, SessionSetStateIn, SessionStateIn,
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

/// What is asked for a session that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OfSession {
    Close,
    Read,
    /// For so many milliseconds.
    Renew(Option<u64>),
    Remember(Option<Vec<u8>>),
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
    /// End all jobs of a flow.
    CancelFlow {
        flow: String,
    },
    Enqueue {
        queue: String,
        jobs: Vec<JobIn>,
        batch: bool,
        atomic: bool,
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
    /// Hold a session.
    SessionAccept {
        queue: String,
        wish: SessionAcceptIn,
    },
    /// Take a session away from its holder.
    SessionBreak {
        queue: String,
        session: String,
    },
    /// Something for a hold.
    SessionOf {
        receipt: String,
        what: OfSession,
    },
    Settle {
        how: How,
        atomic: bool,
        receipts: Vec<String>,
        /// What the jobs came to, where they are completed.
        results: Vec<Option<Vec<u8>>>,
    },
    /// A flow.
    Submit {
        nodes: Vec<FlowNodeIn>,
        flow: String,
    },
    /// Bulk work: which operation.
    Sweep {
        queue: String,
        what: &'static str,
    },
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

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
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
                    let atomic = request.atomic;
                    let receipts = request.items.into_iter().map(|item| item.receipt).collect();
                    Self::Settle { how: $how, atomic, receipts, results: Vec::new() }
                })
            };
        }
        let act = |text: &str, what| Ok(Self::Act { job: job(text)?, what, force: false });
        asked! {
            JobEnqueue => |queue| Ok(Self::Enqueue { queue, jobs: vec![read(body)?], batch: false, atomic: false });
            JobEnqueueBatch => |queue| {
                let JobBatchIn { jobs, atomic } = read(body)?;
                Ok(Self::Enqueue { queue, jobs, batch: true, atomic })
            };
            LeaseAcquire => |queue| Ok(Self::Lease { queue, wish: read(body)? });
            LeaseComplete => |_none| {
                let Complete { items, atomic } = read(body)?;
                let (receipts, results) =
                    items.into_iter().map(|item| (item.receipt, item.result.map(Vec::from))).unzip();
                Ok(Self::Settle { how: How::Complete, atomic, receipts, results })
            };
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
            JobHold => |id| act(&id, operation::JobHold::NAME);
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
            FlowSubmit => |_none| {
                let FlowIn { id, nodes } = read(body)?;
                Ok(Self::Submit { nodes, flow: id })
            };
            FlowCancel => |flow| Ok(Self::CancelFlow { flow });
            SessionAccept => |queue| Ok(Self::SessionAccept { queue, wish: read(body)? });
            SessionRelease => |queue| {
                let session = read::<SessionReleaseIn>(body)?.session_id.to_string();
                Ok(Self::SessionBreak { queue, session })
            };
            SessionRenew => |_none| {
                let SessionRenewIn { receipt, hold_ms } = read(body)?;
                Ok(Self::SessionOf { receipt, what: OfSession::Renew(hold_ms) })
            };
            SessionClose => |_none| {
                let SessionCloseIn { receipt } = read(body)?;
                Ok(Self::SessionOf { receipt, what: OfSession::Close })
            };
            SessionGetState => |_none| {
                let SessionStateIn { receipt } = read(body)?;
                Ok(Self::SessionOf { receipt, what: OfSession::Read })
            };
            SessionSetState => |_none| {
                let SessionSetStateIn { receipt, state } = read(body)?;
                Ok(Self::SessionOf { receipt, what: OfSession::Remember(state.map(Vec::from)) })
            };
            DeadLetterRedrive => |queue| Ok(Self::Sweep { queue, what: operation::DeadLetterRedrive::NAME });
        }
        Ok(Self::Other)
    }
}
