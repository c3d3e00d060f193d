//! What `sealane job` does with a job besides sending and showing it.

use clap::Subcommand;
use sealane::{Client, JobAct, JobId, JobStands, Priority, QueueName};
use serde::Serialize;

use super::Surroundings;
use super::job::{job_id, priority};
use crate::failure::Failure;
use crate::session;

#[derive(Debug, Subcommand)]
pub(crate) enum Act {
    /// End a job: at once where it waits; a running one's worker is told at its next heartbeat
    Cancel {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
        /// End a running job's lease at once, whatever its worker does
        #[arg(long)]
        force: bool,
        /// Say where the job stands and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Set a waiting job aside until it is released
    Hold {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// Let a job wait in another queue; a sealed one opens there only with `work --accept-from`
    Move {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
        /// The queue
        queue: String,
    },
    /// Let a delayed or retrying job not wait for its time
    Promote {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// Let a held job go on
    Release {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// Make a job more or less urgent
    Reprioritise {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
        /// How urgent: critical, high, normal, low or bulk
        #[arg(value_parser = priority)]
        priority: Priority,
    },
    /// Try a job now: one that waits for its time at once, one that ended once more
    Retry {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
}

pub(crate) async fn run(at: &Surroundings, act: Act) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    let (id, act) = match act {
        Act::Cancel { id, dry_run: true, .. } => return preview(at, &client, id).await,
        Act::Cancel { id, force, .. } => (id, JobAct::Cancel { force }),
        Act::Move { id, queue } => {
            let queue = QueueName::parse(&queue).map_err(|error| Failure::usage(error.to_string()))?;
            (id, JobAct::Move { queue })
        }
        Act::Hold { id } => (id, JobAct::Hold),
        Act::Promote { id } => (id, JobAct::Promote),
        Act::Release { id } => (id, JobAct::Release),
        Act::Reprioritise { id, priority } => (id, JobAct::Reprioritise { priority }),
        Act::Retry { id } => {
            let waits = matches!(client.job(id).await?.state.as_str(), "delayed" | "retrying");
            (id, if waits { JobAct::Promote } else { JobAct::Redrive })
        }
    };
    show(at, &client.act(id, &act).await?)
}

#[derive(Serialize)]
struct Preview {
    id: String,
    queue: String,
    state: String,
    done: bool,
}

async fn preview(at: &Surroundings, client: &Client, id: JobId) -> Result<(), Failure> {
    let job = client.job(id).await?;
    let rows = [("id", job.id.clone()), ("queue", job.queue.clone()), ("state", job.state.clone())];
    at.output.one(&Preview { id: job.id, queue: job.queue, state: job.state, done: false }, &rows)
}

pub(super) fn show(at: &Surroundings, job: &JobStands) -> Result<(), Failure> {
    let mut rows = vec![
        ("id", job.id.clone()),
        ("queue", job.queue.clone()),
        ("state", job.state.clone()),
        ("priority", job.priority.clone()),
    ];
    if job.cancel_requested {
        rows.push(("asked to stop", "yes".to_owned()));
    }
    at.output.one(job, &rows)
}
