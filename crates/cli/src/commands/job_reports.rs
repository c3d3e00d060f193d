//! `sealane job logs`, `result`, `wait` and `watch`: what workers said of a job, opened with the keyring.

use std::io::Write as _;
use std::time::Duration;

use clap::Subcommand;
use sealane::{EventFilter, JobId, JobLog, JobOut, Logged, State, Told};
use sealane_api::wire::{Bytes, Timestamp};
use serde::Serialize;

use super::job::{self, job_id};
use super::{Surroundings, events};
use crate::duration::parse;
use crate::failure::{FAILED, Failure};
use crate::output::printable;
use crate::session;

/// Where a job stands that is done.
const COMPLETED: &str = "completed";

#[derive(Debug, Subcommand)]
pub(crate) enum Reports {
    /// Show what a job's workers logged, the oldest lines first
    Logs {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// Write what a completed job came to, as it is, to standard output
    Result {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// Tell what happens to a job until it has ended, one line for each step; 0 only if it is completed
    Watch {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// Wait until a job has ended and show it; 0 only if it is completed
    Wait {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
        /// Give up after this time
        #[arg(long, value_parser = parse, value_name = "TIME", default_value = "5m")]
        timeout: Duration,
    },
}

pub(crate) async fn run(at: &Surroundings, command: Reports) -> Result<(), Failure> {
    match command {
        Reports::Logs { id } => logs(at, id).await,
        Reports::Result { id } => result(at, id).await,
        Reports::Watch { id } => watch(at, id).await,
        Reports::Wait { id, timeout } => wait(at, id, timeout).await,
    }
}

#[derive(Serialize)]
struct Line {
    attempt: u32,
    seq: u32,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<Bytes>,
}

#[derive(Serialize)]
struct Log {
    entries: Vec<Line>,
    dropped: u64,
}

async fn logs(at: &Surroundings, id: JobId) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    let mut log = Log { entries: Vec::new(), dropped: 0 };
    let mut after = None;
    loop {
        let JobLog { entries, dropped, next } = client.job_log(id, after).await?;
        log.entries.extend(entries.into_iter().map(line));
        log.dropped = dropped;
        after = next;
        if after.is_none() {
            break;
        }
    }
    let rows = log.entries.iter().flat_map(|entry| {
        let text = entry.text.as_deref().unwrap_or("(not to be seen as text)");
        let lines: Vec<_> = text.lines().map(printable).collect();
        lines.into_iter().map(|line| vec![entry.at.to_string(), entry.attempt.to_string(), line])
    });
    let rows = rows.collect();
    at.output.many(&log, &["at", "attempt", "line"], rows)
}

fn line(entry: Logged) -> Line {
    let (text, base64) = job::text_or_bytes(entry.text);
    Line { attempt: entry.attempt, seq: entry.seq, at: Timestamp(entry.at), text, base64 }
}

async fn result(at: &Surroundings, id: JobId) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    let job = client.job(id).await?;
    if job.state != COMPLETED {
        return Err(not_completed(&job));
    }
    let result = client.open_result(&job).await.map_err(sealane::Error::from)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&result.unwrap_or_default())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::stream("standard output", &error))
}

async fn wait(at: &Surroundings, id: JobId, timeout: Duration) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    let job = client.wait(id, timeout).await?;
    job::show(at, &client, &job).await?;
    if job.state == COMPLETED { Ok(()) } else { Err(not_completed(&job)) }
}

async fn watch(at: &Surroundings, id: JobId) -> Result<(), Failure> {
    let client = session::follower(&at.global)?;
    // The stream first: what happens between the look and the first event is told as well.
    let mut events = client.events(EventFilter::all().job(id)).await?;
    let mut job = client.job(id).await?;
    events::tell(at, &events::standing(id, &job, events.last_id()))?;
    while !State::parse(&job.state).is_some_and(State::is_over) {
        match events::next(&mut events).await? {
            Told::Event(event) => {
                events::tell(at, &event)?;
                job.state = event.state;
            }
            Told::Reset(_) => {
                job = client.job(id).await?;
                events::tell(at, &events::standing(id, &job, events.last_id()))?;
            }
        }
    }
    if job.state == COMPLETED { Ok(()) } else { Err(not_completed(&job)) }
}

fn not_completed(job: &JobOut) -> Failure {
    let detail = format!("the job is {}: `sealane job get {}` says more", job.state, job.id);
    Failure::new(FAILED, "not_completed", "the job is not completed", detail)
}
