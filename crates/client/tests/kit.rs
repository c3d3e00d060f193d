//! The test kit, used as its users use it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sealane::testing::TestServer;
use sealane::{Breaker, Client, Job, Outcome, Provider as _, QueueIn, QueueName, Worker};
use sealane_api::v1::{AttemptOut, LeaseIn};

const HOUR: Duration = Duration::from_secs(3_600);
const MS: Duration = Duration::from_millis(1);

async fn started() -> (TestServer, Client) {
    let server = TestServer::start();
    let client = server.client();
    client.put_queue("orders", &QueueIn::default()).await.unwrap();
    (server, client)
}

/// Completes what is in its third attempt.
fn stubborn(client: &Client) -> Worker {
    client
        .worker("orders")
        .instance("host-1")
        .code_version("2.0")
        .breaker(Breaker::NEVER)
        .default_handler(async |delivery, _| match delivery.attempt {
            3 => Outcome::COMPLETE,
            _ => Outcome::fail("not yet"),
        })
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_delayed_job_runs_at_its_time_and_not_a_millisecond_before() {
    let (server, client) = started().await;
    let id = client.producer().send("orders", Job::new("k", "x").delay(HOUR)).await.unwrap().id;
    let worker = client.worker("orders").default_handler(async |_, _| Outcome::COMPLETE).build().unwrap();
    let began = server.now_ms();
    assert_eq!(worker.run_until_idle().await.unwrap().settled(), 0);
    server.advance(HOUR - MS).await;
    assert_eq!(worker.run_until_idle().await.unwrap().settled(), 0);
    assert_eq!(client.job(id).await.unwrap().state, "delayed");
    server.advance(MS).await;
    assert_eq!(worker.run_until_idle().await.unwrap().completed, 1);
    assert_eq!(server.now_ms() - began, 3_600_000, "working takes no time by itself");
}

#[tokio::test(start_paused = true)]
async fn a_failing_job_waits_between_attempts_and_ends_in_dead_letter() {
    let (server, client) = started().await;
    let lucky = client.producer().send("orders", Job::new("k", "x")).await.unwrap().id;
    let doomed = client.producer().send("orders", Job::new("k", "x").max_attempts(2)).await.unwrap().id;
    let worker = stubborn(&client);
    let mut failed = 0;
    for _ in 0..3 {
        failed += worker.run_until_idle().await.unwrap().failed;
        server.advance(HOUR).await;
    }
    assert_eq!(failed, 4);
    assert_eq!(client.job(lucky).await.unwrap().state, "completed");
    let dead = server.dead_letter("orders");
    assert_eq!(dead.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), [doomed.to_string()]);
    assert_eq!(dead[0].attempts.len(), 2);
    let said = |attempt: &AttemptOut| (attempt.instance.clone(), attempt.code_version.clone());
    let of_worker = (Some("host-1".to_owned()), Some("2.0".to_owned()));
    assert!(dead[0].attempts.iter().all(|attempt| said(attempt) == of_worker), "{:?}", dead[0].attempts);
    assert_eq!(dead[0].first_failed_at, Some(dead[0].attempts[0].ended_at));
    for long in ["".to_owned(), "v".repeat(65)] {
        let worker = || client.worker("orders").default_handler(async |_, _| Outcome::COMPLETE);
        assert!(worker().instance(long.clone()).build().is_err());
        assert!(worker().code_version(long).build().is_err());
    }
    let jobs = server.jobs("orders");
    let states: Vec<_> = jobs.iter().map(|job| (job.id.clone(), job.state.clone())).collect();
    let expected = [(lucky, "completed"), (doomed, "dead")];
    assert_eq!(states, expected.map(|(id, state)| (id.to_string(), state.into())));
    assert!(server.jobs("nowhere").is_empty() && server.jobs("No Queue").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_worker_that_vanished_ends_at_its_time() {
    let (server, client) = started().await;
    client.producer().send("orders", Job::new("k", "x")).await.unwrap();
    let queue = QueueName::parse("orders").unwrap();
    let wish = LeaseIn { lease_ms: Some(30_000), ..LeaseIn::default() };
    assert_eq!(server.provider().lease(&queue, &wish).await.unwrap().jobs.len(), 1);
    let worker = client.worker("orders").default_handler(async |_, _| Outcome::COMPLETE).build().unwrap();
    server.advance(Duration::from_secs(30) - MS).await;
    assert_eq!(worker.run_until_idle().await.unwrap().settled(), 0);
    server.advance(HOUR).await;
    assert_eq!(worker.run_until_idle().await.unwrap().completed, 1);
    assert_eq!(server.jobs("orders")[0].attempts[0].end, "lost");
}

#[tokio::test(start_paused = true)]
async fn a_worker_in_the_background_lives_through_every_hour_that_passes() {
    let (server, client) = started().await;
    let beats = Arc::new(AtomicU32::new(0));
    let heard = Arc::clone(&beats);
    let worker = client
        .worker("orders")
        .default_handler(move |_, context| {
            let heard = Arc::clone(&heard);
            async move {
                for _ in 0..10 {
                    tokio::time::sleep(Duration::from_secs(120)).await;
                    heard.fetch_add(u32::from(!context.is_lease_lost()), Ordering::SeqCst);
                }
                Outcome::COMPLETE
            }
        })
        .build()
        .unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let working = tokio::spawn(worker.run(async { stopped.await.unwrap() }));
    // Long polls come and go.
    server.advance(24 * HOUR).await;
    client.producer().send("orders", Job::new("k", "x")).await.unwrap();
    server.advance(Duration::from_secs(600)).await;
    assert_eq!((server.jobs("orders")[0].state.as_ref(), beats.load(Ordering::SeqCst)), ("running", 5));
    server.advance(Duration::from_secs(600)).await;
    let job = &server.jobs("orders")[0];
    assert_eq!((job.state.as_ref(), job.attempt, beats.load(Ordering::SeqCst)), ("completed", 1, 10));
    stop.send(()).unwrap();
    assert_eq!(working.await.unwrap().unwrap().completed, 1);
}

#[tokio::test(start_paused = true)]
async fn idle_is_when_nothing_runs_and_nothing_that_ran_left_work() {
    let (_server, client) = started().await;
    client.producer().send("orders", Job::new("first", "x")).await.unwrap();
    let sender = client.clone();
    let worker = client
        .worker("orders")
        .concurrency(4)
        .handler("first", move |_, _| {
            let sender = sender.clone();
            async move {
                tokio::time::sleep(Duration::from_secs(60)).await;
                sender.producer().send("orders", Job::new("second", "x")).await.unwrap();
                Outcome::COMPLETE
            }
        })
        .handler("second", async |_, _| Outcome::COMPLETE)
        .build()
        .unwrap();
    assert_eq!(worker.run_until_idle().await.unwrap().completed, 2);
}

/// Everything that a test can see of some jobs' lives.
fn story(seed: u64) -> String {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let server = TestServer::start_with_seed(seed);
        let client = server.client();
        client.put_queue("orders", &QueueIn::default()).await.unwrap();
        for n in 0..20 {
            client.producer().send("orders", Job::new("k", format!("{n}"))).await.unwrap();
        }
        let worker = stubborn(&client);
        for _ in 0..40 {
            worker.run_until_idle().await.unwrap();
            server.advance(Duration::from_millis(100)).await;
        }
        assert_eq!(client.queue("orders").await.unwrap().jobs.completed, 20);
        format!("{:?}", server.jobs("orders").iter().map(|job| (job, &job.attempts)).collect::<Vec<_>>())
    })
}

#[test]
fn the_same_seed_tells_the_same_story() {
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}

#[tokio::test(start_paused = true)]
async fn two_servers_share_the_time_and_nothing_else() {
    let ((one, client), (two, _)) = (started().await, started().await);
    client.producer().send("orders", Job::new("k", "x")).await.unwrap();
    assert_eq!((one.jobs("orders").len(), two.jobs("orders").len()), (1, 0));
    one.advance(HOUR).await;
    assert_eq!(one.now_ms(), two.now_ms());
}

#[tokio::test]
#[should_panic(expected = "start_paused = true")]
async fn a_clock_that_goes_is_refused() {
    let _ = TestServer::start();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[should_panic(expected = "start_paused = true")]
async fn a_runtime_whose_clock_cannot_stand_is_refused() {
    let _ = TestServer::start();
}
