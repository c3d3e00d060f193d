//! Jobs of the machine in the shapes that travel: the one place where the two meet.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealane_core::id::JobId;
use sealane_core::job::{JobInput, State};
use sealane_core::name::{AttributeName, QueueName, Tag};
use sealane_core::queue::{Acceptance, Attempt, JobView};
use sealane_core::time::Time;

use super::attempts::AttemptOut;
use super::jobs::{JobAccepted, JobOut, LastError};
use super::leases::{LeasedJob, SettleResult};
use super::reports::{CheckpointOut, LeasedCheckpoint, LogOut, ProgressOut};
use super::schedules::FiringOut;
use crate::problem::{ItemError, Problem};
use crate::wire::{Bytes, Id, StringMap, Text, Timestamp};

impl JobAccepted {
    /// The answer to an enqueue, the same for a repeat: the state it was accepted in, not the present one.
    pub fn answer(accepted: &Acceptance, queue: &QueueName, fresh: bool) -> Self {
        Self {
            id: Id(accepted.job),
            queue: queue.into(),
            state: first_state(accepted).as_str().into(),
            created_at: Timestamp(accepted.created_at),
            merged: accepted.merged,
            fresh,
        }
    }
}

/// The state in which a job was accepted.
pub(super) fn first_state(accepted: &Acceptance) -> State {
    match (accepted.blocked, accepted.delayed) {
        (true, _) => State::Blocked,
        (false, true) => State::Delayed,
        (false, false) => State::Ready,
    }
}

impl SettleResult {
    /// What was asked of this lease is done.
    pub fn done(view: &JobView, now: Time) -> Self {
        Self {
            id: Some(Id(view.id)),
            ok: Some(true),
            state: Some(view.state.as_str().into()),
            lease_expires_at: view.lease_expires_at.map(Timestamp),
            lease_ms: view.lease_expires_at.map(|end| end.since(now).get()),
            cancel_requested: view.cancel_requested.then_some(true),
            error: None,
        }
    }

    /// It was not done.
    pub fn refused(id: Option<JobId>, problem: &Problem) -> Self {
        Self {
            id: id.map(Id),
            ok: None,
            state: None,
            lease_expires_at: None,
            lease_ms: None,
            cancel_requested: None,
            error: Some(ItemError::from(problem)),
        }
    }
}

/// What workers said of a job, as it is stored.
#[derive(Default)]
pub struct WorkerSaid {
    /// What it came to.
    pub result: Option<Vec<u8>>,
    /// Why the last attempt failed.
    pub error: Option<Vec<u8>>,
    /// How far it is, in words.
    pub message: Option<Vec<u8>>,
}

impl JobOut {
    /// A job as it stands. Without `input`, when its record does not open, what the queue itself knows
    /// is still shown. `said` is for those who may see it.
    pub fn show(
        view: &JobView,
        queue: &QueueName,
        attempts: &[Attempt],
        input: Option<&JobInput>,
        said: WorkerSaid,
    ) -> Self {
        let WorkerSaid { result, error, message } = said;
        Self {
            id: view.id.to_string(),
            queue: queue.as_str().to_owned(),
            origin_queue: text(&view.origin),
            state: view.state.as_str().to_owned(),
            cancel_requested: view.cancel_requested,
            kind: input.map(|input| input.kind.as_str().to_owned()).unwrap_or_default(),
            content_type: input.and_then(|input| text(&input.content_type)),
            attributes: input.map(|input| attributes(&input.attributes)).unwrap_or_default(),
            session_id: input.and_then(|input| text(&input.session_id)),
            correlation_id: input.and_then(|input| text(&input.correlation_id)),
            subject: input.and_then(|input| text(&input.subject)),
            tags: input.map(|input| tags(&input.tags)).unwrap_or_default(),
            priority: view.priority.as_str().to_owned(),
            attempt: view.attempt,
            max_attempts: view.max_attempts,
            redrives: view.redrives,
            owner: view.owner.as_str().to_owned(),
            created_at: Timestamp(view.created_at),
            run_at: Timestamp(view.run_at),
            expires_at: view.expires_at.map(Timestamp),
            firing: view.firing.as_ref().map(FiringOut::from),
            clone_of: view.clone_of.map(|original| original.to_string()),
            finished_at: view.finished_at.map(Timestamp),
            dead_because: view.dead_reason.map(|reason| reason.to_string()),
            dependencies: None,
            first_failed_at: view.first_failed_at.map(Timestamp),
            attempts: attempts.iter().map(AttemptOut::from).collect(),
            held_because: view.hold_reason.map(|reason| reason.to_string()),
            progress: ProgressOut::show(&view.reported, message),
            checkpoint: CheckpointOut::show(&view.reported),
            log: LogOut::show(&view.reported),
            last_error: view.last_failure.map(|failure| LastError {
                attempt: failure.attempt,
                category: failure.category.as_str().to_owned(),
                at: Timestamp(failure.at),
                error: error.map(Bytes::from),
            }),
            result: result.map(Bytes::from),
        }
    }
}

impl LeasedJob {
    /// A job on its way to its worker.
    pub fn hand_out(
        view: &JobView,
        queue: &QueueName,
        input: Arc<JobInput>,
        checkpoint: Option<Vec<u8>>,
        receipt: String,
        now: Time,
    ) -> Self {
        let lease_end =
            view.lease_expires_at.expect("a job that is handed out was just leased until some time");
        Self {
            id: Id(view.id),
            queue: queue.into(),
            origin_queue: view.origin.as_ref().map(Text::from),
            kind: (&input.kind).into(),
            content_type: input.content_type.as_ref().map(Text::from),
            attributes: attributes(&input.attributes),
            session_id: input.session_id.as_ref().map(Text::from),
            correlation_id: input.correlation_id.as_ref().map(Text::from),
            subject: input.subject.as_ref().map(Text::from),
            tags: input.tags.iter().map(Text::from).collect(),
            body: Bytes(bytes::Bytes::from_owner(BodyOf(input))),
            priority: view.priority.as_str().into(),
            attempt: view.attempt,
            max_attempts: view.max_attempts,
            owner: (&view.owner).into(),
            created_at: Timestamp(view.created_at),
            expires_at: view.expires_at.map(Timestamp),
            firing: view.firing.as_ref().map(FiringOut::from),
            clone_of: view.clone_of.map(Id),
            receipt,
            lease_expires_at: Timestamp(lease_end),
            lease_ms: lease_end.since(now).get(),
            parents: Vec::new(),
            checkpoint: view.reported.checkpoint.zip(checkpoint).map(|(known, bytes)| LeasedCheckpoint {
                attempt: known.key.attempt,
                seq: known.key.seq,
                bytes: bytes.into(),
            }),
            next_report: view.reported.next_seq,
        }
    }
}

/// A stored job's body, lent to an answer.
pub(super) struct BodyOf(pub(super) Arc<JobInput>);

impl AsRef<[u8]> for BodyOf {
    fn as_ref(&self) -> &[u8] {
        &self.0.body
    }
}

fn text<T: ToString>(value: &Option<T>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

pub(super) fn attributes(map: &BTreeMap<AttributeName, String>) -> StringMap {
    StringMap(map.iter().map(|(name, value)| (name.to_string(), value.clone())).collect())
}

fn tags(tags: &[Tag]) -> Vec<String> {
    tags.iter().map(|tag| tag.as_str().to_owned()).collect()
}
