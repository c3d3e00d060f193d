//! `sealane dlq`: what ended in dead-letter, what it has in common, and what is to become of it.

use clap::{Args, Subcommand};
use sealane::{
    BulkWork, DeadAnalysisOut, DeadJob, DeadLetterIn, DeadPurgeIn, DeadRedriveIn, JobAct, JobId,
    PatternCount, WordCount,
};

use super::bulk::Consent;
use super::dead_filter::DeadFilterArgs;
use super::job::job_id;
use super::{Surroundings, acts, bulk, job, queue};
use crate::failure::Failure;
use crate::session;

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// Show what the jobs of a queue's dead-letter have in common
    Analyse {
        /// The queue
        queue: String,
    },
    /// Show one job; with a keyring also its last error
    #[command(visible_alias = "inspect")]
    Get {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// List a queue's dead-letter, the oldest first
    List(List),
    /// End jobs in a queue's dead-letter
    Purge(Purge),
    /// Give up bulk work on a queue's dead-letter; what is done stays done
    Stop {
        /// The queue
        queue: String,
    },
    /// Send jobs through once more: one, or those of a queue's dead-letter
    Redrive(Redrive),
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// The queue
    queue: String,
    #[command(flatten)]
    which: DeadFilterArgs,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    max: u32,
    /// What the page before ended with, as its `next`
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Purge {
    /// The queue
    queue: String,
    #[command(flatten)]
    which: DeadFilterArgs,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Args, Debug)]
pub(crate) struct Redrive {
    /// The queue
    #[arg(required_unless_present = "job")]
    queue: Option<String>,
    /// One job only
    #[arg(long, value_name = "ID", value_parser = job_id, conflicts_with_all = ["queue", "dry_run", "yes", "rate"])]
    job: Option<JobId>,
    #[command(flatten)]
    which: DeadFilterArgs,
    /// At most so many in a second, so that the workers are not flooded
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) async fn run(at: &Surroundings, command: Dlq) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    match command {
        Dlq::Analyse { queue } => analyse(at, &client.analyse_dead(&queue).await?),
        Dlq::Get { id } => job::get(at, id).await,
        Dlq::List(List { queue, which, max, after }) => {
            let wish = DeadLetterIn { filter: which.filter(), max: Some(max), after };
            let page = client.dead_letter(&queue, &wish).await?;
            let names = [
                "id",
                "first failed",
                "died",
                "because",
                "category",
                "code",
                "worker",
                "instance",
                "version",
                "attempts",
                "re-driven",
                "owner",
            ];
            at.output.many(&page, &names, page.jobs.iter().map(row).collect())
        }
        Dlq::Purge(Purge { queue, which, consent }) => {
            let work = BulkWork::PurgeDead(DeadPurgeIn { filter: which.filter() });
            bulk::run(at, &client, &queue, work, consent).await
        }
        Dlq::Stop { queue } => queue::show(at, &client.stop_sweep(&queue).await?),
        Dlq::Redrive(Redrive { job: Some(id), which, .. }) => {
            if which.filter().is_some() {
                return Err(Failure::usage("one job is meant by --job: leave out what else it should be"));
            }
            acts::show(at, &client.act(id, &JobAct::Redrive).await?)
        }
        Dlq::Redrive(Redrive { queue, which, rate, consent, .. }) => {
            let work = BulkWork::RedriveDead(DeadRedriveIn { filter: which.filter(), rate });
            bulk::run(at, &client, &queue.unwrap_or_default(), work, consent).await
        }
    }
}

fn row(job: &DeadJob) -> Vec<String> {
    vec![
        job.id.clone(),
        job.first_failed_at.as_ref().map(ToString::to_string).unwrap_or_default(),
        job.died_at.to_string(),
        job.because.clone().unwrap_or_default(),
        job.category.clone().unwrap_or_default(),
        job.code.clone().unwrap_or_default(),
        job.worker.clone().unwrap_or_default(),
        job.instance.clone().unwrap_or_default(),
        job.code_version.clone().unwrap_or_default(),
        job.attempt.to_string(),
        job.redrives.to_string(),
        job.owner.clone(),
    ]
}

/// What each sort of value has, one below the other.
fn analyse(at: &Surroundings, found: &DeadAnalysisOut) -> Result<(), Failure> {
    let facts = [
        ("queue", found.queue.clone()),
        ("jobs", found.jobs.to_string()),
        ("died in the last hour", found.died_last_hour.to_string()),
    ];
    let mut rows = Vec::new();
    let mut some = |what: &str, top: &[WordCount], other: u64, none: u64| {
        rows.extend(top.iter().map(|one| vec![what.to_owned(), one.value.clone(), one.jobs.to_string()]));
        for (word, jobs) in [("(other)", other), ("(none)", none)] {
            if jobs > 0 {
                rows.push(vec![what.to_owned(), word.to_owned(), jobs.to_string()]);
            }
        }
    };
    some("category", &found.categories, 0, 0);
    some("code", &found.codes.top, found.codes.other, found.codes.none);
    some("error", &found.fingerprints.top, found.fingerprints.other, found.fingerprints.none);
    some("kind", &found.kinds.top, found.kinds.other, found.kinds.none);
    let hours: Vec<WordCount> =
        found.hours.iter().map(|hour| WordCount { value: hour.hour.to_string(), jobs: hour.jobs }).collect();
    some("hour", &hours, found.earlier, 0);
    let patterns: Vec<WordCount> = found.patterns.iter().map(pattern).collect();
    some("pattern", &patterns, found.other_patterns, 0);
    at.output.report(found, &facts, &["by", "value", "jobs"], rows)
}

fn pattern(pattern: &PatternCount) -> WordCount {
    let fingerprint = pattern.fingerprint.as_ref().map(sealane_api::wire::Bytes::to_base64);
    let parts = [Some(pattern.category.clone()), pattern.code.clone(), fingerprint, pattern.kind.clone()];
    WordCount { value: parts.into_iter().flatten().collect::<Vec<_>>().join(" "), jobs: pattern.jobs }
}
