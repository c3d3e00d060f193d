//! A closed loop: every lane begins its next batch when the last one is answered, for a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::cpu::Processes;
use super::lane::Lane;
use super::lanes::{self, Done, Measured, WAITING_MAX};
use super::plan::{Op, Plan};
use crate::failure::Failure;

/// Runs the plan over these lanes and leaves the queue empty.
pub(super) async fn run(lanes: &[Arc<Lane>], plan: Plan, processes: &Processes) -> Result<Measured, Failure> {
    lanes::warm(lanes, plan).await?;
    let per_step = plan.jobs_per_step();
    let waiting = Arc::new(AtomicU64::new(0));
    let cpu_before = lanes::used(processes)?;
    let start = Instant::now();
    let done = lanes::each(lanes, move |lane| {
        let waiting = Arc::clone(&waiting);
        async move {
            let mut done = Done::nothing();
            while start.elapsed() < plan.time {
                if plan.op == Op::Enqueue && waiting.fetch_add(per_step, Ordering::Relaxed) >= WAITING_MAX {
                    break;
                }
                let begin = Instant::now();
                lane.step(&plan).await?;
                done.latency.record(begin.elapsed());
                done.jobs += per_step;
            }
            Ok(done)
        }
    })
    .await?;
    let (took, cpu) = (start.elapsed(), lanes::used(processes)?.saturating_sub(cpu_before));
    lanes::clear(lanes, plan).await?;
    Ok(Measured { done: Done::sum(&done), took, cpu })
}
