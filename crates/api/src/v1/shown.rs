//! Jobs of the machine in the shapes that travel: the one place where the two meet.

use std::collections::BTreeMap;

use sealane_core::id::JobId;
use sealane_core::job::{JobInput, State};
use sealane_core::name::{AttributeName, QueueName, Tag};
use sealane_core::queue::{Attempt, JobView};

use super::attempts::AttemptOut;
use super::jobs::{JobAccepted, JobOut, LastError};
use super::leases::{LeasedJob, SettleResult};
use crate::problem::{ItemError, Problem};
use crate::wire::{Bytes, StringMap, rfc3339};

impl JobAccepted {
    /// The answer to an enqueue, the same for a repeat: the state it was accepted in, not the present one.
    pub fn answer(view: &JobView, queue: &QueueName, fresh: bool) -> Self {
        let first_state = if view.delayed_at_first { State::Delayed } else { State::Ready };
        Self {
            id: view.id.to_string(),
            queue: queue.to_string(),
            state: first_state.to_string(),
            created_at: rfc3339(view.created_at),
            fresh,
        }
    }
}

impl SettleResult {
    /// What was asked of this lease is done.
    pub fn done(view: &JobView) -> Self {
        Self {
            id: Some(view.id.to_string()),
            ok: Some(true),
            state: Some(view.state.to_string()),
            lease_expires_at: view.lease_expires_at.map(rfc3339),
            cancel_requested: view.cancel_requested.then_some(true),
            error: None,
        }
    }

    /// It was not done.
    pub fn refused(id: Option<JobId>, problem: &Problem) -> Self {
        Self {
            id: id.map(|id| id.to_string()),
            ok: None,
            state: None,
            lease_expires_at: None,
            cancel_requested: None,
            error: Some(ItemError::from(problem)),
        }
    }
}

impl JobOut {
    /// A job as it stands. Without `input`, when its record does not open, what the queue itself knows
    /// is still shown. `result` and `error` are for those who may see them.
    pub fn show(
        view: &JobView,
        queue: &QueueName,
        attempts: &[Attempt],
        input: Option<&JobInput>,
        result: Option<Vec<u8>>,
        error: Option<Vec<u8>>,
    ) -> Self {
        Self {
            id: view.id.to_string(),
            queue: queue.to_string(),
            origin_queue: text(&view.origin),
            state: view.state.to_string(),
            cancel_requested: view.cancel_requested,
            kind: input.map(|input| input.kind.to_string()).unwrap_or_default(),
            content_type: input.and_then(|input| text(&input.content_type)),
            attributes: input.map(|input| attributes(&input.attributes)).unwrap_or_default(),
            session_id: input.and_then(|input| text(&input.session_id)),
            correlation_id: input.and_then(|input| text(&input.correlation_id)),
            subject: input.and_then(|input| text(&input.subject)),
            tags: input.map(|input| tags(&input.tags)).unwrap_or_default(),
            priority: view.priority.to_string(),
            attempt: view.attempt,
            max_attempts: view.max_attempts,
            redrives: view.redrives,
            owner: view.owner.to_string(),
            created_at: rfc3339(view.created_at),
            run_at: rfc3339(view.run_at),
            expires_at: view.expires_at.map(rfc3339),
            finished_at: view.finished_at.map(rfc3339),
            dead_because: view.dead_reason.map(|reason| reason.to_string()),
            attempts: attempts.iter().map(AttemptOut::from).collect(),
            held_because: view.hold_reason.map(|reason| reason.to_string()),
            last_error: view.last_failure.map(|failure| LastError {
                attempt: failure.attempt,
                category: failure.category.to_string(),
                at: rfc3339(failure.at),
                error: error.map(Bytes),
            }),
            result: result.map(Bytes),
        }
    }
}

impl LeasedJob {
    /// A job on its way to its worker.
    pub fn hand_out(view: &JobView, queue: &QueueName, input: JobInput, receipt: String) -> Self {
        Self {
            id: view.id.to_string(),
            queue: queue.to_string(),
            origin_queue: text(&view.origin),
            kind: input.kind.to_string(),
            content_type: text(&input.content_type),
            attributes: attributes(&input.attributes),
            session_id: text(&input.session_id),
            correlation_id: text(&input.correlation_id),
            subject: text(&input.subject),
            tags: tags(&input.tags),
            body: Bytes(input.body),
            priority: view.priority.to_string(),
            attempt: view.attempt,
            max_attempts: view.max_attempts,
            owner: view.owner.to_string(),
            created_at: rfc3339(view.created_at),
            expires_at: view.expires_at.map(rfc3339),
            receipt,
            lease_expires_at: view.lease_expires_at.map(rfc3339).unwrap_or_default(),
        }
    }
}

fn text<T: ToString>(value: &Option<T>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

fn attributes(map: &BTreeMap<AttributeName, String>) -> StringMap {
    StringMap(map.iter().map(|(name, value)| (name.to_string(), value.clone())).collect())
}

fn tags(tags: &[Tag]) -> Vec<String> {
    tags.iter().map(ToString::to_string).collect()
}
