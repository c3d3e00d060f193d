//! `sealane doctor`: what keeps a server from starting or going on, seen from its data directory and from
//! its clients' side.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use sealane_core::time::Time;
use sealane_crypto::SystemRandom;
use sealane_server::Config;
use sealane_server::inspection::{Check, Verdict, inspect};
use serde::Serialize;

use super::Surroundings;
use super::bench::disk::fdatasync;
use crate::failure::{DATA, Failure, chain};
use crate::session;

/// Long enough for a steady figure.
const DISK_TIME: Duration = Duration::from_millis(200);

/// A disk that takes longer than this for most of its syncs makes every answer slow, in microseconds.
const SLOW_SYNC_US: u64 = 20_000;

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The data directory; without it only the way to the server is looked at
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The server's settings file (TOML), where it has one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Serialize)]
struct Findings {
    verdict: Verdict,
    checks: Vec<Check>,
}

pub(super) async fn run(at: &Surroundings, command: Doctor) -> Result<(), Failure> {
    if command.data_dir.is_none() && at.global.context.is_none() {
        return Err(Failure::usage(
            "say where to look: --data-dir for a server's data, --context for the way to it",
        ));
    }
    let config = command.config.as_deref().map(Config::read).transpose();
    let config = config.map_err(|error| Failure::usage(chain(&error)))?.unwrap_or_default();
    let mut checks = Vec::new();
    if let Some(data_dir) = &command.data_dir {
        checks.extend(inspect(data_dir, config.journal.segment_bytes, Arc::new(SystemRandom), now()));
        checks.push(of_disk(data_dir));
    }
    let at_data = checks.iter().any(|check| check.verdict == Verdict::Bad);
    let mut on_the_way = None;
    if at.global.context.is_some() {
        let (check, failure) = of_server(at).await;
        checks.push(check);
        on_the_way = failure;
    }
    let verdict = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Ok);
    let rows = checks.iter().map(|check| {
        let verdict = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Bad => "bad",
        };
        vec![check.name.to_owned(), verdict.to_owned(), check.detail.clone()]
    });
    let rows = rows.collect();
    at.output.many(&Findings { verdict, checks }, &["check", "verdict", "detail"], rows)?;
    if at_data {
        let told = "see what is bad in the findings";
        return Err(Failure::new(DATA, "doctor", "something has to be done", told));
    }
    on_the_way.map_or(Ok(()), Err)
}

fn now() -> Time {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_ms(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// How long the disk takes to make 4 KiB durable.
fn of_disk(data_dir: &Path) -> Check {
    // Why one block: a volume that is nearly full is one that this command is asked about.
    let times = match fdatasync(data_dir, 1, DISK_TIME) {
        Ok(times) => times,
        Err(error) => {
            let detail = format!("4 KiB cannot be written and synced there: {error}");
            return Check { name: "disk", verdict: Verdict::Bad, detail };
        }
    };
    let seen = format!("fdatasync takes {} \u{b5}s, one in a hundred {} \u{b5}s", times.p50, times.p99);
    if times.p50 > SLOW_SYNC_US {
        let detail = format!("{seen}: every answer waits for that, use a faster volume");
        Check { name: "disk", verdict: Verdict::Warning, detail }
    } else {
        Check { name: "disk", verdict: Verdict::Ok, detail: seen }
    }
}

/// Whether the context leads to a server that takes its key.
async fn of_server(at: &Surroundings) -> (Check, Option<Failure>) {
    let asked = async {
        let server = session::server(&at.global)?;
        let described = server.describe().await?;
        Ok::<_, Failure>((
            format!("{} answers, version {}", server.url(), described.version),
            described.clock_step_ms,
        ))
    };
    match asked.await {
        Ok((detail, None)) => (Check { name: "server", verdict: Verdict::Ok, detail }, None),
        Ok((detail, Some(ms))) => {
            let detail = format!(
                "{detail}; its wall clock stepped by {ms} ms, which is not followed: put the clock right, or accept it with 'sealane server follow-clock --yes'"
            );
            (Check { name: "server", verdict: Verdict::Warning, detail }, None)
        }
        Err(failure) => {
            let detail = failure.item().detail;
            (Check { name: "server", verdict: Verdict::Bad, detail }, Some(failure))
        }
    }
}
