//! One program as users write them: producers and a worker that share a client, and so its connections.
//! Calls that meet share a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealane::keys::KeyProvider;
use sealane::providers::server::Server;
use sealane::{Client, Job, Outcome, QueueName};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::cpu::Processes;
use super::histogram::Histogram;
use super::lane::{KIND, ONE_TRY, broken};
use super::load::{Measured, used};
use super::options::Plan;
use crate::failure::Failure;

/// Jobs on their way, for each producer: one that is being sent and one that is being worked.
const ON_THE_WAY: usize = 2;

pub(super) fn client(server: Server, keys: Option<Arc<dyn KeyProvider>>) -> Client {
    let builder = Client::builder(Arc::new(server)).retry(ONE_TRY);
    match keys {
        Some(keys) => builder.keys(keys).build(),
        None => builder.build(),
    }
}

/// Sends single jobs from as many producers as planned, and works them with as many slots.
pub(super) async fn run(
    client: &Client,
    queue: &QueueName,
    plan: Plan,
    processes: &Processes,
) -> Result<Measured, Failure> {
    let room = Arc::new(Semaphore::new(plan.producers * ON_THE_WAY));
    let worked = Arc::clone(&room);
    let (stop, mut stopped) = watch::channel(false);
    let size = plan.size;
    let worker = client
        .worker(queue.as_str())
        .concurrency(plan.producers)
        .handler(KIND, move |delivery, _| {
            let right = delivery.body.len() == size;
            worked.add_permits(1);
            async move { if right { Outcome::COMPLETE } else { Outcome::fail_for_good("another length") } }
        })
        .build()?;
    let working = tokio::spawn(worker.run(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    let cpu_before = used(processes)?;
    let start = Instant::now();
    let mut producers = JoinSet::new();
    for _ in 0..plan.producers {
        let (producer, room, queue) = (client.producer(), Arc::clone(&room), queue.clone());
        producers.spawn(async move {
            let mut latency = Histogram::new();
            let mut jobs = 0;
            while start.elapsed() < plan.time {
                let Ok(permit) = room.acquire().await else { break };
                permit.forget();
                let begin = Instant::now();
                producer.send(queue.as_str(), Job::new(KIND, vec![b'x'; plan.size])).await?;
                latency.record(begin.elapsed());
                jobs += 1;
            }
            Ok::<_, Failure>((jobs, latency))
        });
    }
    let mut measured = Measured { jobs: 0, took: Duration::ZERO, cpu: Duration::ZERO, latency: Histogram::new() };
    while let Some(ended) = producers.join_next().await {
        let (jobs, latency) = ended.map_err(|error| Failure::stream("a producer of the bench", &error))??;
        measured.jobs += jobs;
        measured.latency.merge(&latency);
    }
    let _all = room.acquire_many(u32::try_from(plan.producers * ON_THE_WAY).unwrap_or(u32::MAX)).await;
    stop.send_replace(true);
    let worked = working.await.map_err(|error| Failure::stream("the worker of the bench", &error))??;
    measured.took = start.elapsed();
    measured.cpu = used(processes)?.saturating_sub(cpu_before);
    if worked.completed == measured.jobs { Ok(measured) } else { Err(broken("not every job was completed")) }
}
