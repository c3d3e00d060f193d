//! `sealane job list`: jobs by id, page by page.

use clap::Args;
use sealane::{JobListIn, JobListed};

use super::Surroundings;
use crate::failure::Failure;
use crate::session;

#[derive(Args, Debug)]
pub(crate) struct List {
    /// In which queue; in all that may be seen where not said
    queue: Option<String>,
    /// In which state; any but completed, cancelled and expired where not said
    #[arg(long)]
    state: Option<String>,
    /// Only those of a kind
    #[arg(long)]
    kind: Option<String>,
    /// Only those with a tag
    #[arg(long)]
    tag: Option<String>,
    /// Only those that a principal sent
    #[arg(long, value_name = "PRINCIPAL")]
    owner: Option<String>,
    /// Only those with this correlation id
    #[arg(long)]
    correlation_id: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    max: u32,
    /// What the page before ended with, as its `next`
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

pub(super) async fn run(at: &Surroundings, list: List) -> Result<(), Failure> {
    let List { queue, state, kind, tag, owner, correlation_id, max, after } = list;
    let client = session::client(&at.global)?.build();
    let wish = JobListIn { queue, state, kind, tag, owner, correlation_id, max: Some(max), after };
    let page = client.jobs(&wish).await?;
    let names = ["id", "queue", "state", "kind", "priority", "attempt", "created", "owner"];
    at.output.many(&page, &names, page.jobs.iter().map(row).collect())
}

fn row(job: &JobListed) -> Vec<String> {
    vec![
        job.id.clone(),
        job.queue.clone(),
        job.state.clone(),
        job.kind.clone().unwrap_or_default(),
        job.priority.clone(),
        job.attempt.to_string(),
        job.created_at.to_string(),
        job.owner.clone(),
    ]
}
