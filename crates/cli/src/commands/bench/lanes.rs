//! All lanes at once, and what a run over them came to.

use std::sync::Arc;
use std::time::Duration;

use sealane_core::limits;
use tokio::task::JoinSet;

use super::cpu::Processes;
use super::histogram::Histogram;
use super::lane::Lane;
use super::plan::{Op, Plan};
use crate::failure::Failure;

/// Jobs that a run may leave waiting: half of what the server takes, since it may have others.
pub(super) const WAITING_MAX: u64 = limits::JOBS_MAX as u64 / 2;

/// Body bytes asked for in one go when clearing up.
const CLEAR_BYTES: usize = 4 << 20;

/// What one lane did.
pub(super) struct Done {
    pub(super) jobs: u64,
    /// Of each batch, from when it was to begin to the last answer.
    pub(super) latency: Histogram,
    /// Jobs whose time came and that nobody was free to send.
    pub(super) missed: u64,
}

/// What a run came to.
pub(super) struct Measured {
    pub(super) done: Done,
    pub(super) took: Duration,
    pub(super) cpu: Duration,
}

impl Done {
    pub(super) fn nothing() -> Self {
        Self { jobs: 0, latency: Histogram::new(), missed: 0 }
    }

    /// All of them together.
    pub(super) fn sum(parts: &[Self]) -> Self {
        let mut sum = Self::nothing();
        for part in parts {
            sum.jobs += part.jobs;
            sum.missed += part.missed;
            sum.latency.merge(&part.latency);
        }
        sum
    }
}

/// Does the work once on every lane. Why before a clock starts: connections are made and keys
/// derived once, not per job.
pub(super) async fn warm(lanes: &[Arc<Lane>], plan: Plan) -> Result<(), Failure> {
    each(lanes, move |lane| async move { lane.step(&plan).await }).await.map(drop)
}

/// Leaves the queue empty where the plan's work does not.
pub(super) async fn clear(lanes: &[Arc<Lane>], plan: Plan) -> Result<(), Failure> {
    if plan.op == Op::Cycle {
        return Ok(());
    }
    let at_once = (CLEAR_BYTES / plan.size).clamp(1, limits::BATCH_ITEMS_MAX);
    each(lanes, move |lane| async move { lane.clear(at_once).await }).await.map(drop)
}

/// Processor time so far.
pub(super) fn used(processes: &Processes) -> Result<Duration, Failure> {
    processes.used().map_err(|error| Failure::stream("processor times (see --server-pid)", &error))
}

/// Does the same on every lane at once; the first failure ends all.
pub(super) async fn each<T, F>(lanes: &[Arc<Lane>], work: impl Fn(Arc<Lane>) -> F) -> Result<Vec<T>, Failure>
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
