//! Bulk work on a queue, for the commands that begin some.

use clap::Args;
use sealane::{
    BulkWork, Client, DeadFilterIn, DeadLetterIn, HeldFilterIn, HeldPreviewIn, SweepKind, SweepOut,
};
use serde::Serialize;

use super::Surroundings;
use crate::failure::Failure;

/// Jobs that a preview shows.
const SHOWN: u32 = 10;

/// What touches many jobs at once is done only where somebody said so.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Consent {
    /// Say how many there are and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it
    #[arg(long)]
    yes: bool,
}

/// What bulk work would be for.
#[derive(Debug, Serialize)]
struct Preview {
    queue: String,
    work: &'static str,
    running: bool,
    jobs: u64,
    /// Those of them that no re-drive would send through again.
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck: Option<u64>,
    /// Jobs whose kind and tags are not known yet.
    not_known: u64,
    /// The ids of the first of them.
    first: Vec<String>,
}

impl Preview {
    /// Of work on a queue, for no jobs so far.
    fn of(queue: &str, kind: SweepKind) -> Self {
        Self {
            queue: queue.to_owned(),
            work: kind.as_str(),
            running: false,
            jobs: 0,
            stuck: None,
            not_known: 0,
            first: Vec::new(),
        }
    }
}

pub(super) async fn run(
    at: &Surroundings,
    client: &Client,
    queue: &str,
    work: BulkWork,
    consent: Consent,
) -> Result<(), Failure> {
    match consent {
        Consent { dry_run: true, .. } => preview(at, client, queue, &work).await,
        Consent { yes: true, .. } => begun(at, &client.sweep(queue, work).await?),
        Consent { .. } => {
            Err(Failure::usage("this touches many jobs at once: look with --dry-run, do it with --yes"))
        }
    }
}

fn begun(at: &Surroundings, out: &SweepOut) -> Result<(), Failure> {
    let more = if out.more { " or more" } else { "" };
    let rows = [
        ("queue", out.queue.clone()),
        ("work", out.work.clone()),
        ("running", out.running.to_string()),
        ("jobs", format!("{}{more}", out.jobs)),
    ];
    at.output.one(out, &rows)
}

async fn preview(at: &Surroundings, client: &Client, queue: &str, work: &BulkWork) -> Result<(), Failure> {
    let found = match work {
        BulkWork::PurgeDead(which) => {
            let found = count(client, queue, SweepKind::PurgeDead, which.filter.as_ref()).await?;
            // Why left out: what cannot be sent through again can be ended all the same.
            Preview { stuck: None, ..found }
        }
        BulkWork::RedriveDead(which) => {
            count(client, queue, SweepKind::RedriveDead, which.filter.as_ref()).await?
        }
        BulkWork::ReleaseHeld(which) => count_held(client, queue, which.filter.as_ref()).await?,
        _ => {
            let jobs = client.queue(queue).await?.jobs.waiting;
            Preview { jobs, ..Preview::of(queue, SweepKind::PurgeWaiting) }
        }
    };
    let mut rows = vec![
        ("queue", found.queue.clone()),
        ("work", found.work.to_owned()),
        ("running", found.running.to_string()),
        ("jobs", found.jobs.to_string()),
    ];
    rows.extend(found.stuck.filter(|jobs| *jobs > 0).map(|jobs| ("of these stay", jobs.to_string())));
    rows.extend((found.not_known > 0).then(|| ("not known yet", found.not_known.to_string())));
    rows.extend(found.first.iter().map(|id| ("job", id.clone())));
    at.output.one(&found, &rows)
}

/// Looks through all of dead-letter, page by page.
async fn count(
    client: &Client,
    queue: &str,
    kind: SweepKind,
    filter: Option<&DeadFilterIn>,
) -> Result<Preview, Failure> {
    let mut page = DeadLetterIn { filter: filter.cloned(), max: Some(SHOWN), after: None };
    let mut found = Preview { stuck: Some(0), ..Preview::of(queue, kind) };
    loop {
        let looked = client.preview_dead(queue, &page).await?;
        found.jobs += looked.meant;
        found.not_known += looked.not_known;
        found.stuck = found.stuck.map(|stuck| stuck + looked.stuck);
        if found.first.is_empty() {
            found.first = looked.jobs.into_iter().map(|job| job.id).collect();
        }
        match looked.next {
            Some(next) => page.after = Some(next),
            None => return Ok(found),
        }
    }
}

/// Looks through all held jobs, page by page.
async fn count_held(client: &Client, queue: &str, filter: Option<&HeldFilterIn>) -> Result<Preview, Failure> {
    let mut page = HeldPreviewIn { filter: filter.cloned(), max: Some(SHOWN), after: None };
    let mut found = Preview::of(queue, SweepKind::ReleaseHeld);
    loop {
        let looked = client.preview_held(queue, &page).await?;
        found.jobs += looked.meant;
        found.not_known += looked.not_known;
        if found.first.is_empty() {
            found.first = looked.jobs.into_iter().map(|job| job.id).collect();
        }
        match looked.next {
            Some(next) => page.after = Some(next),
            None => return Ok(found),
        }
    }
}
