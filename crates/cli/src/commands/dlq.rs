//! `sealane dlq`: what ended in dead-letter, and what is to become of it.

use clap::Subcommand;
use sealane::{DeadJob, DeadLetterIn, JobAct, JobId, SweepKind};

use super::job::job_id;
use super::{Surroundings, acts, bulk, job};
use crate::failure::Failure;
use crate::session;

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// Show one job; with a keyring also its last error
    Inspect {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// List a queue's dead-letter, the oldest first
    List {
        /// The queue
        queue: String,
        /// At most so many
        #[arg(long, default_value_t = 100, value_name = "N")]
        max: u32,
        /// What the page before ended with, as its `next`
        #[arg(long, value_name = "NEXT")]
        after: Option<String>,
    },
    /// End every job in a queue's dead-letter
    Purge {
        /// The queue
        queue: String,
        /// Say how many there are and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
    /// Send jobs through once more: one, or all of a queue's dead-letter
    Redrive {
        /// The queue
        #[arg(required_unless_present = "job")]
        queue: Option<String>,
        /// One job only
        #[arg(long, value_name = "ID", value_parser = job_id, conflicts_with_all = ["queue", "dry_run", "yes"])]
        job: Option<JobId>,
        /// Say how many there are and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) async fn run(at: &Surroundings, command: Dlq) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    match command {
        Dlq::Inspect { id } => job::get(at, id).await,
        Dlq::List { queue, max, after } => {
            let page = client.dead_letter(&queue, &DeadLetterIn { max: Some(max), after }).await?;
            let names = ["id", "died", "because", "category", "attempts", "re-driven", "owner"];
            at.output.many(&page, &names, page.jobs.iter().map(row).collect())
        }
        Dlq::Purge { queue, dry_run, yes } => {
            bulk::run(at, &client, &queue, SweepKind::PurgeDead, dry_run, yes).await
        }
        Dlq::Redrive { job: Some(id), .. } => acts::show(at, &client.act(id, &JobAct::Redrive).await?),
        Dlq::Redrive { queue, dry_run, yes, .. } => {
            let queue = queue.unwrap_or_default();
            bulk::run(at, &client, &queue, SweepKind::RedriveDead, dry_run, yes).await
        }
    }
}

fn row(job: &DeadJob) -> Vec<String> {
    vec![
        job.id.clone(),
        job.died_at.to_string(),
        job.because.clone().unwrap_or_default(),
        job.category.clone().unwrap_or_default(),
        job.attempt.to_string(),
        job.redrives.to_string(),
        job.owner.clone(),
    ]
}
