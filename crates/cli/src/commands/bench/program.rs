//! One program as users write them: producers and a worker that share a client. Calls that meet share a
//! request, and what one lane alone would wait for comes with what the others asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealane::{Client, Job, Outcome, QueueName};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::cpu::Processes;
use super::lane::{KIND, broken};
use super::lanes::{self, Done, Measured};
use super::ledger::Ledger;
use super::plan::Plan;
use crate::failure::{FAILED, Failure};

/// Batches of one producer that are on their way at most: one that is being sent, one that is worked.
const ON_THE_WAY: usize = 2;

/// Jobs that one worker runs at a time at most.
const SLOTS_MAX: usize = 1_000;

/// So long nothing may come back before the bench is given up.
const STALL_MAX: Duration = Duration::from_secs(30);

/// Sends from as many producers as planned and works with as many slots as they send at once, until all
/// that was sent is completed.
pub(super) async fn run(
    client: &Client,
    queue: &QueueName,
    plan: Plan,
    processes: &Processes,
    ledger: &Arc<Ledger>,
) -> Result<Measured, Failure> {
    // Why before the clock starts: connections are made and keys derived once, not per job.
    once(client, queue, Plan { time: Duration::ZERO, ..plan }, ledger).await?;
    let cpu_before = lanes::used(processes)?;
    let start = Instant::now();
    let done = once(client, queue, plan, ledger).await?;
    let (took, cpu) = (start.elapsed(), lanes::used(processes)?.saturating_sub(cpu_before));
    Ok(Measured { done, took, cpu })
}

/// One run of the program: every producer sends once at least.
async fn once(client: &Client, queue: &QueueName, plan: Plan, ledger: &Arc<Ledger>) -> Result<Done, Failure> {
    let on_the_way = plan.producers * ON_THE_WAY * plan.batch;
    let room = Arc::new(Semaphore::new(on_the_way));
    let (worked, seen) = (Arc::clone(&room), Arc::clone(ledger));
    let worker = client
        .worker(queue.as_str())
        .concurrency((plan.producers * plan.batch).min(SLOTS_MAX))
        .handler(KIND, move |delivery, _| {
            let sent = seen.read(&delivery.body, plan.size).is_ok();
            worked.add_permits(1);
            async move { if sent { Outcome::COMPLETE } else { Outcome::fail_for_good("not what was sent") } }
        })
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let mut working = tokio::spawn(worker.run(async {
        // Why ignored: whoever is gone without a word wants no more work done either.
        let _ = stopped.await;
    }));
    let sending = send(client, queue, plan, ledger, &room);
    let done = unless_ended(&mut working, sending).await?;
    // Why ignored: a worker that has ended already says below how.
    let _ = stop.send(());
    let worked = working.await.map_err(|error| Failure::stream("the worker of the bench", &error))??;
    if worked.completed == done.jobs {
        Ok(done)
    } else {
        Err(broken("not every job that was sent was completed"))
    }
}

/// Sends from all producers until the time is over and all that was sent has been worked.
async fn send(
    client: &Client,
    queue: &QueueName,
    plan: Plan,
    ledger: &Arc<Ledger>,
    room: &Arc<Semaphore>,
) -> Result<Done, Failure> {
    let start = Instant::now();
    let mut producers = JoinSet::new();
    for _ in 0..plan.producers {
        let (ledger, room) = (Arc::clone(ledger), Arc::clone(room));
        producers.spawn(produce(client.clone(), queue.clone(), plan, start, ledger, room));
    }
    let mut parts = Vec::with_capacity(plan.producers);
    while let Some(ended) = producers.join_next().await {
        parts.push(ended.map_err(|error| Failure::stream("a producer of the bench", &error))??);
    }
    drop(wait_for(room, plan.producers * ON_THE_WAY * plan.batch, ledger, STALL_MAX).await?);
    Ok(Done::sum(&parts))
}

/// What the sending comes to. Why beside the worker: producers wait for what it works, and would for ever
/// once it has ended.
async fn unless_ended<W, E>(
    working: &mut JoinHandle<Result<W, E>>,
    sending: impl Future<Output = Result<Done, Failure>>,
) -> Result<Done, Failure>
where
    Failure: From<E>,
{
    tokio::select! {
        done = sending => done,
        ended = working => {
            ended.map_err(|error| Failure::stream("the worker of the bench", &error))??;
            Err(broken("the worker ended before the work did"))
        }
    }
}

/// Waits for room for so many jobs, as long as others come back meanwhile.
async fn wait_for<'a>(
    room: &'a Semaphore,
    jobs: usize,
    ledger: &Ledger,
    stall_max: Duration,
) -> Result<SemaphorePermit<'a>, Failure> {
    let mut taking = std::pin::pin!(room.acquire_many(permits(jobs)));
    let mut seen = ledger.read_so_far();
    loop {
        if let Ok(taken) = tokio::time::timeout(stall_max, &mut taking).await {
            return taken.map_err(|_| broken("nobody may close this"));
        }
        let now = ledger.read_so_far();
        if now == seen {
            let detail = format!(
                "no job came back for {} s: see whether the server still answers, with `sealane doctor`",
                stall_max.as_secs()
            );
            return Err(Failure::new(FAILED, "bench_stalled", "the bench waits for nothing", detail));
        }
        seen = now;
    }
}

async fn produce(
    client: Client,
    queue: QueueName,
    plan: Plan,
    start: Instant,
    ledger: Arc<Ledger>,
    room: Arc<Semaphore>,
) -> Result<Done, Failure> {
    let producer = client.producer();
    let job = || Job::new(KIND, ledger.make(plan.size));
    let mut done = Done::nothing();
    loop {
        wait_for(&room, plan.batch, &ledger, STALL_MAX).await?.forget();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[test]
    fn nobody_waits_for_a_worker_that_has_ended() {
        let ended = runtime().block_on(async {
            let mut working = tokio::spawn(async { Err::<(), _>(broken("no key")) });
            unless_ended(&mut working, std::future::pending()).await
        });
        assert!(format!("{:?}", ended.err().unwrap()).contains("no key"));
    }

    #[test]
    fn room_is_waited_for_only_while_jobs_come_back() {
        let (room, ledger) = (Semaphore::new(1), Ledger::default());
        runtime().block_on(async {
            assert!(wait_for(&room, 1, &ledger, Duration::from_secs(60)).await.is_ok());
            let stalled = wait_for(&room, 2, &ledger, Duration::from_millis(1)).await;
            assert_eq!(stalled.err().unwrap().code(), "bench_stalled");
        });
    }
}
