//! Bulk work on a queue, for the commands that begin some.

use sealane::{Client, SweepKind, SweepOut};

use super::Surroundings;
use crate::failure::Failure;

/// What touches many jobs at once is done only where somebody said so.
pub(super) async fn run(
    at: &Surroundings,
    client: &Client,
    queue: &str,
    kind: SweepKind,
    dry_run: bool,
    yes: bool,
) -> Result<(), Failure> {
    let out = match (dry_run, yes) {
        (true, _) => {
            let counts = client.queue(queue).await?.jobs;
            let jobs = match kind {
                SweepKind::PurgeWaiting => counts.blocked + counts.delayed + counts.ready + counts.retrying,
                _ => counts.dead,
            };
            SweepOut { queue: queue.to_owned(), work: kind.to_string(), running: false, jobs }
        }
        (false, true) => client.sweep(queue, kind).await?,
        (false, false) => {
            return Err(Failure::usage(
                "this touches many jobs at once: look with --dry-run, do it with --yes",
            ));
        }
    };
    let rows = [
        ("queue", out.queue.clone()),
        ("work", out.work.clone()),
        ("running", out.running.to_string()),
        ("jobs", out.jobs.to_string()),
    ];
    at.output.one(&out, &rows)
}
