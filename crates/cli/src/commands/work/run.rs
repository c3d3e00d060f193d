//! The worker around the command, and the signals that end it.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use sealane::{Delivery, JobContext, Retry};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::child;
use crate::commands::Surroundings;
use crate::duration::parse;
use crate::failure::Failure;
use crate::session;

#[derive(Args, Debug)]
pub(crate) struct Work {
    /// The queue
    queue: String,
    /// The command, run by `sh -c` with the job's body on standard input
    #[arg(long, value_name = "CMD")]
    exec: String,
    /// So many jobs at a time
    #[arg(long, default_value_t = 1, value_name = "N")]
    concurrency: usize,
    /// Hold so many sessions instead, and run the jobs of each one behind the other
    #[arg(long, value_name = "N", conflicts_with = "concurrency")]
    sessions: Option<usize>,
    /// How long a session is kept that has no job
    #[arg(long, value_parser = parse, default_value = "5s", requires = "sessions", value_name = "TIME")]
    session_idle: Duration,
    /// How long a session is kept before others have their turn
    #[arg(long, value_parser = parse, default_value = "5m", requires = "sessions", value_name = "TIME")]
    session_hold: Duration,
    /// End after so many jobs were completed, failed or held
    #[arg(long, value_name = "N")]
    max_jobs: Option<u64>,
    /// What this worker calls itself, in the clear; shown with each attempt that it ran
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Which version of its code it runs, in the clear; shown likewise
    #[arg(long, value_name = "VERSION")]
    code_version: Option<String>,
    /// Keep what the command prints as the job's result
    #[arg(long)]
    result: bool,
    /// Take sealed jobs that were moved here from this queue as well; may be given again
    #[arg(long, value_name = "QUEUE")]
    accept_from: Vec<String>,
    /// How long a lease lasts; it is made longer while the command runs
    #[arg(long, value_parser = parse, default_value = "30s", value_name = "TIME")]
    lease: Duration,
    /// How long running commands may go on after SIGTERM
    #[arg(long, value_parser = parse, default_value = "30s", value_name = "TIME")]
    drain_timeout: Duration,
}

pub(crate) async fn run(at: &Surroundings, work: Work) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let command = Arc::new(child::Command { shell: work.exec, keeps_result: work.result });
    let mut worker = session::client(&at.global)?
        // Nobody waits here as a person would: what a job came to is worth more patience.
        .retry(Retry::default())
        .build()
        .worker(work.queue)
        .concurrency(work.concurrency)
        .lease(work.lease)
        .drain_timeout(work.drain_timeout)
        .default_handler(move |delivery: Delivery, context: JobContext| {
            let command = Arc::clone(&command);
            async move { command.run(delivery, &context).await }
        });
    if let Some(sessions) = work.sessions {
        worker = worker.sessions(sessions).session_idle(work.session_idle).session_hold(work.session_hold);
    }
    for queue in work.accept_from {
        worker = worker.accept_from(queue);
    }
    if let Some(name) = work.instance {
        worker = worker.instance(name);
    }
    if let Some(version) = work.code_version {
        worker = worker.code_version(version);
    }
    if let Some(jobs) = work.max_jobs {
        worker = worker.max_jobs(jobs);
    }
    let worked = worker.build()?.run(stop).await?;
    tracing::info!(
        completed = worked.completed,
        failed = worked.failed,
        held = worked.held,
        released = worked.released,
        unsettled = worked.unsettled,
        "worked"
    );
    Ok(())
}

/// Returns at the first SIGTERM or SIGINT. Listens from the moment it is made.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::stream("signals", &error));
    let (mut terminate, mut interrupt): (Signal, Signal) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
