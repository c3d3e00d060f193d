//! Who is served next, with the worker runtime over the queues in this process, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealane::{Client, Job, Outcome, Priority, QueueIn, StartRate};
use support::world;
use tokio::time::{Instant, sleep};

/// Works off everything with so many at once, each for a second, and says in what order bodies began and when.
async fn worked_off(client: &Client, jobs: usize, concurrency: usize) -> Vec<(String, u64)> {
    let (order, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let told = Arc::clone(&order);
    let worker = client
        .worker("open")
        .concurrency(concurrency)
        .max_jobs(jobs as u64)
        .default_handler(move |delivery, _| {
            let told = Arc::clone(&told);
            async move {
                let body = String::from_utf8_lossy(&delivery.body).into_owned();
                told.lock().unwrap().push((body, began.elapsed().as_secs()));
                sleep(Duration::from_secs(1)).await;
                Outcome::COMPLETE
            }
        })
        .build()
        .unwrap();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, jobs as u64);
    order.lock().unwrap().clone()
}

async fn send(client: &Client, jobs: impl IntoIterator<Item = Job>) {
    let sent = client.producer().send_batch("open", jobs.into_iter().collect()).await.unwrap();
    assert!(sent.iter().all(Result::is_ok));
}

// covers JOB-3 (no prefetch inversion)
// attack 62
#[tokio::test(start_paused = true)]
async fn a_critical_job_sent_behind_ten_thousand_begins_with_the_next_free_slot() {
    let world = world().await;
    let client = world.plain().build();
    send(&client, (0..10_000).map(|_| Job::new("k", "bulk").priority(Priority::Bulk))).await;
    let late = client.clone();
    let sender = async {
        sleep(Duration::from_millis(2_500)).await;
        send(&late, [Job::new("k", "urgent").priority(Priority::Critical)]).await;
        late.queue("open").await.unwrap().jobs
    };
    // Four at a time, a second each: at two and a half seconds the third four are at work.
    let (order, jobs) = tokio::join!(worked_off(&client, 20, 4), sender);
    assert_eq!((jobs.running, jobs.completed), (4, 8), "nobody holds more than there are slots");
    assert_eq!(order.iter().position(|(body, _)| body == "urgent"), Some(12));
    assert_eq!(order[12].1, 3);
}

// covers QUE-2 (fair round robin between keys of one queue)
#[tokio::test(start_paused = true)]
async fn one_of_mine_comes_after_one_of_each_other_key() {
    let world = world().await;
    let client = world.plain().build();
    send(&client, (0..50).map(|_| Job::new("k", "loud").fair_key("loud"))).await;
    send(&client, (0..3).map(|_| Job::new("k", "mine").fair_key("mine"))).await;
    send(&client, (0..3).map(|_| Job::new("k", "nobody's"))).await;
    let order = worked_off(&client, 12, 1).await;
    let bodies: Vec<&str> = order.iter().map(|(body, _)| body.as_str()).collect();
    let turn = ["loud", "mine", "nobody's"];
    assert_eq!(bodies, [&turn[..], &turn, &turn, &["loud"; 3]].concat());
    let fair_keys = client.queue("open").await.unwrap().fair_keys;
    assert_eq!(fair_keys, 1, "only one has jobs left");
}

// covers QUE-1 (rate limit)
#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_is_given_each_job_when_the_rate_lets_it_start() {
    let world = world().await;
    let client = world.plain().build();
    let rate = |starts, secs: u64| Some(StartRate { starts, period_ms: secs * 1_000, burst: Some(1) });
    let settings = QueueIn {
        sealing: Some("allowed".to_owned()),
        rate: rate(1, 10),
        concurrency_per_key: Some(1),
        ..QueueIn::default()
    };
    client.put_queue("open", &settings).await.unwrap();
    send(&client, (0..4).map(|n| Job::new("k", format!("{n}")))).await;
    let order = worked_off(&client, 4, 4).await;
    assert_eq!(order.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 10, 20, 30]);
    assert_eq!(client.queue("open").await.unwrap().rate, rate(1, 10));
    let settings =
        QueueIn { sealing: Some("allowed".to_owned()), rate_per_key: rate(2, 10), ..QueueIn::default() };
    client.put_queue("open", &settings).await.unwrap();
    send(&client, ["a", "a", "b", "b"].map(|key| Job::new("k", key).fair_key(key))).await;
    let mut order = worked_off(&client, 4, 4).await;
    order.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
    let expected = [("a", 0), ("b", 0), ("a", 5), ("b", 5)];
    assert_eq!(order, expected.map(|(body, at)| (body.to_owned(), at)));
}
