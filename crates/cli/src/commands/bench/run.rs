//! From the command line to the report.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sealane::crypto::{Random as _, SystemRandom};
use sealane::keys::memory::MemoryKeys;
use sealane::keys::{KeyProvider, Keyring, file};
use sealane::{Provider as _, QueueIn, QueueName};

use super::cpu::Processes;
use super::disk;
use super::lane::{self, Lane};
use super::ledger::Ledger;
use super::machine::Machine;
use super::options::{Bench, Measure, Results};
use super::plan::Op;
use super::report::{Report, Run, Settings};
use super::{closed, compare, open, plot, program};
use crate::commands::Surroundings;
use crate::failure::{FAILED, Failure};
use crate::session;

/// Long enough for a steady figure, short beside the runs.
const DISK_TIME_MAX: Duration = Duration::from_secs(1);

pub(crate) async fn run(at: &Surroundings, bench: Bench) -> Result<(), Failure> {
    match bench.results {
        None => measure(at, &bench.measure).await,
        Some(Results::Compare(command)) => compare::run(at, &command),
        Some(Results::Plot(command)) => plot::run(at, &command),
    }
}

async fn measure(at: &Surroundings, bench: &Measure) -> Result<(), Failure> {
    let plans = bench.plans()?;
    let server = session::server(&at.global)?;
    let described = server.describe().await?;
    let queue = queue_name()?;
    let sealing = if bench.plaintext { "forbidden" } else { "required" };
    let wished = QueueIn { sealing: Some(sealing.to_owned()), ..QueueIn::default() };
    let settings = Settings::of(described, server.put_queue(&queue, &wished).await?);
    let directory = bench.disk_dir.clone().or_else(|| beside(at.global.context.as_deref()));
    let directory = directory.unwrap_or_else(std::env::temp_dir);
    let fdatasync_us = disk::fdatasync(&directory, disk::SPREAD, bench.time().min(DISK_TIME_MAX))
        .map_err(|error| Failure::stream("measuring the disk (see --disk-dir)", &error))?;

    let keys = keys(at, bench)?;
    let processes = Processes::with_server(bench.server_pid);
    let program = lane::client(server.clone(), keys.clone());
    let ledger = Arc::new(Ledger::default());
    let mut lanes: Vec<Arc<Lane>> = Vec::new();
    let mut runs = Vec::with_capacity(plans.len());
    let mut reached = 0.0;
    for plan in plans {
        while lanes.len() < plan.lanes() {
            let own = session::server(&at.global)?;
            lanes.push(Arc::new(Lane::new(own, keys.clone(), queue.clone(), Arc::clone(&ledger))));
        }
        let used = &lanes[..plan.lanes()];
        let rate = plan.rate.map(|rate| rate.jobs_per_s(reached));
        let measured = match rate {
            None if plan.op == Op::Work => program::run(&program, &queue, plan, &processes, &ledger).await?,
            None => closed::run(used, plan, &processes).await?,
            Some(rate) => open::run(used, plan, rate, &processes).await?,
        };
        ledger.settle(&server.queue(&queue).await?.jobs)?;
        let run = Run::new(&plan, rate, &measured, bench.histogram);
        if rate.is_none() {
            reached = run.jobs_per_s();
        }
        tracing::info!(figures = run.row().join(" "), "measured");
        runs.push(run);
    }
    let report =
        Report { machine: Machine::here(), fdatasync_us, settings, cpu_of: processes.describe(), runs };
    let rows = report.runs.iter().map(Run::row).collect();
    at.output.report(&report, &report.facts(), &Report::COLUMNS, rows)
}

/// A queue of this bench alone: what others have waiting is neither worked nor waited for.
fn queue_name() -> Result<QueueName, Failure> {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes).map_err(|error| Failure::stream("random bytes", &error))?;
    let name = format!("bench-{:016x}", u64::from_be_bytes(bytes));
    QueueName::parse(&name)
        .map_err(|error| Failure::new(FAILED, "bench_broken", "the bench cannot go on", error.to_string()))
}

/// The keys of the keyring, or of one that lasts as long as the bench.
fn keys(at: &Surroundings, bench: &Measure) -> Result<Option<Arc<dyn KeyProvider>>, Failure> {
    if bench.plaintext {
        return Ok(None);
    }
    let keyring = match &at.global.keyring {
        Some(path) => file::load(path)?,
        None => Keyring::generate(&SystemRandom).map_err(|error| Failure::stream("a sealing key", &error))?,
    };
    Ok(Some(Arc::new(MemoryKeys::new(keyring))))
}

/// The context lies in the server's data directory unless somebody took it elsewhere.
fn beside(context: Option<&Path>) -> Option<PathBuf> {
    let parent = context?.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}
