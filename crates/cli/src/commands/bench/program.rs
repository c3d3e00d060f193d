//! One program as users write them: producers and a worker that share a client. Calls that meet share a
//! request, and what one lane alone would wait for comes with what the others asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealane::{Client, Job, Outcome, QueueName};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::cpu::Processes;
use super::lane::{KIND, broken};
use super::lanes::{self, Done, Measured};
use super::plan::Plan;
use crate::failure::Failure;

/// Batches of one producer that are on their way at most: one that is being sent, one that is worked.
const ON_THE_WAY: usize = 2;

/// Jobs that one worker runs at a time at most.
const SLOTS_MAX: usize = 1_000;

/// Sends from as many producers as planned and works with as many slots as they send at once, until all
/// that was sent is completed.
pub(super) async fn run(
    client: &Client,
    queue: &QueueName,
    plan: Plan,
    processes: &Processes,
) -> Result<Measured, Failure> {
    // Why before the clock starts: connections are made and keys derived once, not per job.
    once(client, queue, Plan { time: Duration::ZERO, ..plan }).await?;
    let cpu_before = lanes::used(processes)?;
    let start = Instant::now();
    let done = once(client, queue, plan).await?;
    let (took, cpu) = (start.elapsed(), lanes::used(processes)?.saturating_sub(cpu_before));
    Ok(Measured { done, took, cpu })
}

/// One run of the program: every producer sends once at least.
async fn once(client: &Client, queue: &QueueName, plan: Plan) -> Result<Done, Failure> {
    let on_the_way = plan.producers * ON_THE_WAY * plan.batch;
    let room = Arc::new(Semaphore::new(on_the_way));
    let worked = Arc::clone(&room);
    let worker = client
        .worker(queue.as_str())
        .concurrency((plan.producers * plan.batch).min(SLOTS_MAX))
        .handler(KIND, move |delivery, _| {
            let whole = delivery.body.len() == plan.size;
            worked.add_permits(1);
            async move { if whole { Outcome::COMPLETE } else { Outcome::fail_for_good("another length") } }
        })
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run(async {
        // Why ignored: whoever is gone without a word wants no more work done either.
        let _ = stopped.await;
    }));
    let start = Instant::now();
    let mut producers = JoinSet::new();
    for _ in 0..plan.producers {
        producers.spawn(produce(client.clone(), queue.clone(), plan, start, Arc::clone(&room)));
    }
    let mut parts = Vec::with_capacity(plan.producers);
    while let Some(ended) = producers.join_next().await {
        parts.push(ended.map_err(|error| Failure::stream("a producer of the bench", &error))??);
    }
    let done = Done::sum(&parts);
    let all = room.acquire_many(permits(on_the_way)).await;
    drop(all.map_err(|_| broken("nobody may close this"))?);
    // Why ignored: a worker that has ended already says below how.
    let _ = stop.send(());
    let worked = working.await.map_err(|error| Failure::stream("the worker of the bench", &error))??;
    if worked.completed == done.jobs {
        Ok(done)
    } else {
        Err(broken("not every job that was sent was completed"))
    }
}

async fn produce(
    client: Client,
    queue: QueueName,
    plan: Plan,
    start: Instant,
    room: Arc<Semaphore>,
) -> Result<Done, Failure> {
    let producer = client.producer();
    let job = || Job::new(KIND, vec![b'x'; plan.size]);
    let mut done = Done::nothing();
    loop {
        let taken = room.acquire_many(permits(plan.batch)).await;
        taken.map_err(|_| broken("nobody may close this"))?.forget();
        let begin = Instant::now();
        if plan.batch == 1 {
            producer.send(queue.as_str(), job()).await?;
        } else {
            let batch = std::iter::repeat_with(job).take(plan.batch).collect();
            for sent in producer.send_batch(queue.as_str(), batch).await? {
                sent?;
            }
        }
        done.latency.record(begin.elapsed());
        done.jobs += plan.jobs_per_step();
        if start.elapsed() >= plan.time {
            return Ok(done);
        }
    }
}

fn permits(jobs: usize) -> u32 {
    u32::try_from(jobs).unwrap_or(u32::MAX)
}
