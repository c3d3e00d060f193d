//! `sealane queue`: queues, how many jobs they hold, and whether they are open.

use std::time::Duration;

use clap::Subcommand;
use sealane::{BulkWork, QueueIn, QueueMode, QueueOut, StartRate, SweepKind};

use super::bulk::Consent;
use super::held_filter::HeldFilterArgs;
use super::{Surroundings, bulk};
use crate::duration::{millis, parse};
use crate::failure::Failure;
use crate::{rate, session};

#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// Create a queue, or replace the settings of one
    #[command(visible_alias = "set")]
    Create {
        /// Its name
        name: String,
        /// Whether bodies must be sealed: required (where not said), allowed or forbidden
        #[arg(long, value_parser = ["required", "allowed", "forbidden"])]
        sealing: Option<String>,
        /// How long a lease lasts where the worker does not say
        #[arg(long, value_parser = parse, value_name = "TIME")]
        lease: Option<Duration>,
        /// Attempts before dead-letter
        #[arg(long, value_name = "N")]
        max_attempts: Option<u32>,
        /// Wait after the first failed attempt; doubles each time
        #[arg(long, value_parser = parse, value_name = "TIME")]
        retry_base: Option<Duration>,
        /// Longest wait between attempts
        #[arg(long, value_parser = parse, value_name = "TIME")]
        retry_cap: Option<Duration>,
        /// How waits grow: constant, linear or exponential (where not said: doubled each time)
        #[arg(long, value_parser = ["constant", "linear", "exponential"], value_name = "SHAPE")]
        retry_backoff: Option<String>,
        /// How far a wait is moved either way, in percent of it
        #[arg(long, value_name = "PERCENT")]
        retry_jitter: Option<u8>,
        /// The longest run of a job, whatever its heartbeats; 30m where not said
        #[arg(long, value_parser = parse, value_name = "TIME")]
        max_run: Option<Duration>,
        /// How far in the future a job may be sent for; 30d where not said
        #[arg(long, value_parser = parse, value_name = "TIME")]
        horizon: Option<Duration>,
        /// Jobs that may wait at once
        #[arg(long, value_name = "N")]
        max_depth: Option<u64>,
        #[command(flatten)]
        bodies: Box<Bodies>,
        #[command(flatten)]
        line: Box<Line>,
        #[command(flatten)]
        limits: Box<Limits>,
        /// How long a job's first answer is kept under its idempotency key; 24h where not said
        #[arg(long, value_parser = parse, value_name = "TIME")]
        idempotency_window: Option<Duration>,
    },
    /// Hand out what a queue has and take no new jobs
    Drain {
        /// Its name
        name: String,
    },
    /// Show a queue's settings and its jobs by state
    Get {
        /// Its name
        name: String,
    },
    /// List queues
    List,
    /// Hand out no jobs of a queue until it is resumed; it takes new ones
    Pause {
        /// Its name
        name: String,
    },
    /// End every job that waits in a queue
    Purge {
        /// Its name
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Let held jobs of a queue go on
    ReleaseHeld {
        /// Its name
        name: String,
        #[command(flatten)]
        which: HeldFilterArgs,
        #[command(flatten)]
        consent: Consent,
    },
    /// Give up letting held jobs of a queue go on; what is done stays done
    StopRelease {
        /// Its name
        name: String,
    },
    /// Take and hand out jobs of a queue again
    Resume {
        /// Its name
        name: String,
    },
}

/// What bodies it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Bodies {
    /// Bytes that a body may have, as stored; 1048576 where not said
    #[arg(long, value_name = "BYTES")]
    max_body: Option<u32>,
    /// A root that sealed bodies may be sealed under, as `keyring inspect` shows its id; any where not said
    #[arg(long, value_name = "ID")]
    root_id: Vec<String>,
}

/// How the jobs of one session are kept in order.
#[derive(Debug, clap::Args)]
pub(crate) struct Line {
    /// Whether the jobs of one session are kept in their order; set in an empty queue
    #[arg(long, value_parser = ["off", "on", "required"])]
    sessions: Option<String>,
    /// How long a session's holder may have no job of it and say nothing; 60s where not said
    #[arg(long, value_parser = parse, value_name = "TIME")]
    session_idle: Option<Duration>,
    /// How long a session is held at most, however often renewed; 1h where not said
    #[arg(long, value_parser = parse, value_name = "TIME")]
    session_hold: Option<Duration>,
}

/// How much of a queue may run.
#[derive(Debug, clap::Args)]
pub(crate) struct Limits {
    /// How many jobs may start in how long, as in 100/s or 5/10m
    #[arg(long, value_parser = rate::parse, value_name = "RATE")]
    rate: Option<StartRate>,
    /// How many of them at once; all where not said
    #[arg(long, value_name = "N", requires = "rate")]
    rate_burst: Option<u32>,
    /// Jobs that may run at once
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
    /// How many jobs of each fair key may start in how long
    #[arg(long, value_parser = rate::parse, value_name = "RATE")]
    rate_per_key: Option<StartRate>,
    /// How many of them at once; all where not said
    #[arg(long, value_name = "N", requires = "rate_per_key")]
    rate_per_key_burst: Option<u32>,
    /// Jobs of each fair key that may run at once
    #[arg(long, value_name = "N")]
    concurrency_per_key: Option<u32>,
}

fn with_burst(rate: Option<StartRate>, burst: Option<u32>) -> Option<StartRate> {
    rate.map(|rate| StartRate { burst, ..rate })
}

pub(crate) async fn run(at: &Surroundings, command: Queue) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    match command {
        Queue::Create {
            name,
            sealing,
            lease,
            max_attempts,
            retry_base,
            retry_cap,
            retry_backoff,
            retry_jitter,
            max_run,
            horizon,
            max_depth,
            bodies,
            line,
            limits,
            idempotency_window,
        } => {
            let settings = QueueIn {
                sealing,
                lease_ms: lease.map(millis),
                max_attempts,
                retry_base_ms: retry_base.map(millis),
                retry_cap_ms: retry_cap.map(millis),
                retry_backoff,
                retry_jitter_percent: retry_jitter,
                max_run_ms: max_run.map(millis),
                horizon_ms: horizon.map(millis),
                max_depth,
                max_body_bytes: bodies.max_body,
                root_ids: Some(bodies.root_id)
                    .filter(|ids| !ids.is_empty())
                    .map(|ids| ids.into_iter().map(Into::into).collect()),
                sessions: line.sessions,
                session_idle_ms: line.session_idle.map(millis),
                session_hold_ms: line.session_hold.map(millis),
                rate: with_burst(limits.rate, limits.rate_burst),
                concurrency: limits.concurrency,
                rate_per_key: with_burst(limits.rate_per_key, limits.rate_per_key_burst),
                concurrency_per_key: limits.concurrency_per_key,
                idempotency_window_ms: idempotency_window.map(millis),
            };
            show(at, &client.put_queue(&name, &settings).await?)
        }
        Queue::Drain { name } => show(at, &client.set_mode(&name, QueueMode::Draining).await?),
        Queue::Pause { name } => show(at, &client.set_mode(&name, QueueMode::Paused).await?),
        Queue::Resume { name } => show(at, &client.set_mode(&name, QueueMode::Open).await?),
        Queue::Purge { name, consent } => {
            bulk::run(at, &client, &name, SweepKind::PurgeWaiting.into(), consent).await
        }
        Queue::ReleaseHeld { name, which, consent } => {
            bulk::run(at, &client, &name, BulkWork::ReleaseHeld(which.wish()), consent).await
        }
        Queue::StopRelease { name } => show(at, &client.stop_release(&name).await?),
        Queue::Get { name } => show(at, &client.queue(&name).await?),
        Queue::List => {
            let list = client.queues().await?;
            let names = [
                "name",
                "sealing",
                "ready",
                "running",
                "delayed",
                "retrying",
                "blocked",
                "held",
                "dead",
                "completed",
                "cancelled",
                "expired",
            ];
            let rows = list.queues.iter().map(row).collect();
            at.output.many(&list, &names, rows)
        }
    }
}

fn row(queue: &QueueOut) -> Vec<String> {
    let jobs = &queue.jobs;
    let counts = [
        jobs.ready,
        jobs.running,
        jobs.delayed,
        jobs.retrying,
        jobs.blocked,
        jobs.held,
        jobs.dead,
        jobs.completed,
        jobs.cancelled,
        jobs.expired,
    ];
    let mut row = vec![queue.name.clone(), queue.sealing.clone()];
    row.extend(counts.map(|count| count.to_string()));
    row
}

fn unbounded() -> String {
    "unbounded".to_owned()
}

fn concurrency(jobs: Option<u32>) -> String {
    jobs.map_or_else(unbounded, |jobs| jobs.to_string())
}

pub(super) fn show(at: &Surroundings, queue: &QueueOut) -> Result<(), Failure> {
    let jobs = &queue.jobs;
    let mut rows = vec![
        ("name", queue.name.clone()),
        ("sealing", queue.sealing.clone()),
        ("lease", format!("{} ms", queue.lease_ms)),
        ("max attempts", queue.max_attempts.to_string()),
        ("retry", format!("{} ms to {} ms", queue.retry_base_ms, queue.retry_cap_ms)),
        ("back-off", format!("{}, jitter {} %", queue.retry_backoff, queue.retry_jitter_percent)),
        ("longest run", format!("{} ms", queue.max_run_ms)),
        ("mode", queue.mode.clone()),
        ("max depth", queue.max_depth.to_string()),
        ("largest body", format!("{} bytes", queue.max_body_bytes)),
        ("roots", if queue.root_ids.is_empty() { "any".to_owned() } else { queue.root_ids.join(", ") }),
        ("idempotency window", format!("{} ms", queue.idempotency_window_ms)),
        ("horizon", format!("{} ms", queue.horizon_ms)),
        ("rate", queue.rate.map_or_else(unbounded, rate::show)),
        ("concurrency", concurrency(queue.concurrency)),
        ("rate per key", queue.rate_per_key.map_or_else(unbounded, rate::show)),
        ("concurrency per key", concurrency(queue.concurrency_per_key)),
        ("fair keys", queue.fair_keys.to_string()),
        ("next start", queue.next_start_at.map_or_else(|| "-".to_owned(), |at| at.to_string())),
        ("created", queue.created_at.to_string()),
        ("ready", jobs.ready.to_string()),
        ("running", jobs.running.to_string()),
        ("delayed", jobs.delayed.to_string()),
        ("retrying", jobs.retrying.to_string()),
        ("blocked", jobs.blocked.to_string()),
        ("held", jobs.held.to_string()),
        ("dead", jobs.dead.to_string()),
        ("completed", jobs.completed.to_string()),
        ("cancelled", jobs.cancelled.to_string()),
        ("expired", jobs.expired.to_string()),
        ("died in the last hour", queue.died_last_hour.to_string()),
    ];
    if let Some(work) = &queue.work {
        let rate = work.rate.map_or_else(String::new, |rate| format!(", {rate} a second"));
        rows.push(("bulk work", format!("{} since {}, {} done{rate}", work.work, work.begun_at, work.done)));
    }
    at.output.one(queue, &rows)
}
