//! One run: all lanes at once, for a time, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sealane_core::limits;
use tokio::task::JoinSet;

use super::cpu::Processes;
use super::histogram::Histogram;
use super::lane::Lane;
use super::options::{Op, Plan};
use crate::failure::Failure;

/// Jobs that a run may leave waiting: half of what the server takes, since it may have others.
const WAITING_MAX: u64 = limits::JOBS_MAX as u64 / 2;

/// Body bytes asked for in one go when clearing up.
const CLEAR_BYTES: usize = 4 << 20;

/// What a run came to.
pub(super) struct Measured {
    pub(super) jobs: u64,
    pub(super) took: Duration,
    pub(super) cpu: Duration,
    /// Of one batch, from the first byte sent to the last answer.
    pub(super) latency: Histogram,
}

/// Runs the plan over these lanes and leaves the queue empty.
pub(super) async fn run(lanes: &[Arc<Lane>], plan: Plan, processes: &Processes) -> Result<Measured, Failure> {
    // Why before the clock starts: connections are made and keys derived once, not per job.
    each(lanes, move |lane| async move { lane.step(&plan).await }).await?;
    let per_step = u64::try_from(plan.batch).unwrap_or(u64::MAX);
    let waiting = Arc::new(AtomicU64::new(0));
    let cpu_before = used(processes)?;
    let start = Instant::now();
    let done = each(lanes, move |lane| {
        let waiting = Arc::clone(&waiting);
        async move {
            let mut latency = Histogram::new();
            let mut jobs = 0;
            while start.elapsed() < plan.time {
                if plan.op == Op::Enqueue && waiting.fetch_add(per_step, Ordering::Relaxed) >= WAITING_MAX {
                    break;
                }
                let begin = Instant::now();
                lane.step(&plan).await?;
                latency.record(begin.elapsed());
                jobs += per_step;
            }
            Ok((jobs, latency))
        }
    })
    .await?;
    let (took, cpu) = (start.elapsed(), used(processes)?.saturating_sub(cpu_before));
    let mut measured = Measured { jobs: 0, took, cpu, latency: Histogram::new() };
    for (jobs, latency) in done {
        measured.jobs += jobs;
        measured.latency.merge(&latency);
    }
    if plan.op == Op::Enqueue {
        let at_once = (CLEAR_BYTES / plan.size).clamp(1, limits::BATCH_ITEMS_MAX);
        each(lanes, move |lane| async move { lane.clear(at_once).await }).await?;
    }
    Ok(measured)
}

fn used(processes: &Processes) -> Result<Duration, Failure> {
    processes.used().map_err(|error| Failure::stream("processor times (see --server-pid)", &error))
}

/// Does the same on every lane at once; the first failure ends all.
async fn each<T, F>(lanes: &[Arc<Lane>], work: impl Fn(Arc<Lane>) -> F) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for lane in lanes {
        running.spawn(work(Arc::clone(lane)));
    }
    let mut done = Vec::with_capacity(lanes.len());
    while let Some(ended) = running.join_next().await {
        done.push(ended.map_err(|error| Failure::stream("a lane of the bench", &error))??);
    }
    Ok(done)
}
