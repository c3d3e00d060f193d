//! Jobs of the machine in the shapes that travel.

use sealane_api::v1::{JobOut, LastError, LeasedJob};
use sealane_api::wire::{Bytes, StringMap, rfc3339};
use sealane_core::name::QueueName;
use sealane_core::queue::{JobView, Receipt};

use super::receipt;
use super::records::Record;

pub(super) fn job(view: &JobView, queue: &QueueName, record: &Record) -> JobOut {
    let input = &record.input;
    JobOut {
        id: view.id.to_string(),
        queue: queue.to_string(),
        state: view.state.to_string(),
        kind: input.kind.to_string(),
        content_type: input.content_type.as_ref().map(ToString::to_string),
        attributes: attributes(record),
        session_id: input.session_id.as_ref().map(ToString::to_string),
        correlation_id: input.correlation_id.as_ref().map(ToString::to_string),
        subject: input.subject.as_ref().map(ToString::to_string),
        tags: input.tags.iter().map(ToString::to_string).collect(),
        priority: view.priority.to_string(),
        attempt: view.attempt,
        max_attempts: view.max_attempts,
        owner: view.owner.to_string(),
        created_at: rfc3339(view.created_at),
        run_at: rfc3339(view.run_at),
        expires_at: view.expires_at.map(rfc3339),
        finished_at: view.finished_at.map(rfc3339),
        held_because: view.hold_reason.map(|reason| reason.to_string()),
        last_error: view.last_failure.map(|failure| LastError {
            attempt: failure.attempt,
            category: failure.category.to_string(),
            at: rfc3339(failure.at),
            error: record.error.clone().map(Bytes),
        }),
        result: record.result.clone().map(Bytes),
    }
}

pub(super) fn leased(view: &JobView, queue: &QueueName, record: &Record, held: &Receipt) -> LeasedJob {
    let input = &record.input;
    LeasedJob {
        id: view.id.to_string(),
        queue: queue.to_string(),
        kind: input.kind.to_string(),
        body: Bytes(input.body.clone()),
        content_type: input.content_type.as_ref().map(ToString::to_string),
        attributes: attributes(record),
        session_id: input.session_id.as_ref().map(ToString::to_string),
        correlation_id: input.correlation_id.as_ref().map(ToString::to_string),
        subject: input.subject.as_ref().map(ToString::to_string),
        tags: input.tags.iter().map(ToString::to_string).collect(),
        priority: view.priority.to_string(),
        attempt: view.attempt,
        max_attempts: view.max_attempts,
        owner: view.owner.to_string(),
        created_at: rfc3339(view.created_at),
        expires_at: view.expires_at.map(rfc3339),
        receipt: receipt::write(held),
        lease_expires_at: view.lease_expires_at.map(rfc3339).unwrap_or_default(),
    }
}

fn attributes(record: &Record) -> StringMap {
    StringMap(record.input.attributes.iter().map(|(name, value)| (name.to_string(), value.clone())).collect())
}
