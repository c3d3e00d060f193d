//! `sealane job clone`: what an ended job was sent with, once more as a new job.

use clap::Args;
use sealane::{Error, JobClone, JobId, Unopenable};
use sealane_envelope::OpenError;
use serde::Serialize;

use super::Surroundings;
use super::job::job_id;
use crate::failure::Failure;
use crate::session;

#[derive(Args, Debug)]
pub(crate) struct Clone {
    /// The job that has ended
    #[arg(value_parser = job_id)]
    id: JobId,
    /// Send the clone to this queue instead of the one that the job is in
    #[arg(long)]
    queue: Option<String>,
    /// Open a body also where the job was moved from this queue; may be given again
    #[arg(long, value_name = "QUEUE")]
    accept_from: Vec<String>,
    /// Open a body also where its own expiry has passed
    #[arg(long)]
    accept_expired: bool,
    /// Why somebody else's body is read: it stands in the server's audit log
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// The clone's id, made before: a repeat under it makes no second clone; a UUIDv7
    #[arg(long = "id", value_name = "ID", value_parser = job_id)]
    new_id: Option<JobId>,
}

#[derive(Serialize)]
struct Cloned {
    id: String,
    queue: String,
    state: String,
}

pub(crate) async fn run(at: &Surroundings, wish: Clone) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    let mut clone = JobClone::of(wish.id);
    if let Some(queue) = wish.queue {
        clone = clone.queue(queue);
    }
    clone = wish.accept_from.into_iter().fold(clone, JobClone::accept_from);
    if wish.accept_expired {
        clone = clone.accept_expired();
    }
    if let Some(reason) = wish.reason {
        clone = clone.reason(reason);
    }
    if let Some(id) = wish.new_id {
        clone = clone.id(id);
    }
    let sent = client.clone_job(clone).await.map_err(advised)?;
    let id = sent.id.to_string();
    let rows = [("id", id.clone()), ("queue", sent.queue.clone()), ("state", sent.state.clone())];
    at.output.one(&Cloned { id, queue: sent.queue, state: sent.state }, &rows)
}

/// Why it was not cloned, and which option helps where one does.
fn advised(error: Error) -> Failure {
    let advice = match &error {
        Error::Open(Unopenable::Moved { origin }) => Some(format!("give --accept-from {origin}")),
        Error::Open(Unopenable::Envelope(reason)) if matches!(**reason, OpenError::Expired { .. }) => {
            Some("give --accept-expired if it is still wanted".to_owned())
        }
        Error::Open(Unopenable::NoKeys) => {
            Some("give the queue's keyring as --keyring FILE or SEALANE_KEYRING".to_owned())
        }
        Error::Open(Unopenable::PlaintextRefused) => Some("leave the keyring out".to_owned()),
        _ => None,
    };
    let failure = Failure::from(error);
    match advice {
        Some(advice) => failure.with_advice(&advice),
        None => failure,
    }
}
