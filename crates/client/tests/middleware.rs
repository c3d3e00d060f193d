//! Handlers behind tower middleware, with tower's own layers, and the rate at which a worker begins.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealane::testing::TestServer;
use sealane::{Client, Error, Job, JobRequest, Outcome, QueueIn};
use tokio::time::{Instant, sleep};
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer};
use tower::timeout::TimeoutLayer;
use tower::{ServiceBuilder, service_fn};

const SECOND: Duration = Duration::from_secs(1);

async fn started() -> (TestServer, Client) {
    let server = TestServer::start();
    let client = server.client();
    client.put_queue("orders", &QueueIn::default()).await.unwrap();
    (server, client)
}

async fn send(client: &Client, kind: &str, count: usize) {
    let jobs = (0..count).map(|n| Job::new(kind, format!("{n}"))).collect();
    assert!(client.producer().send_batch("orders", jobs).await.unwrap().iter().all(Result::is_ok));
}

/// How many run at a time.
#[derive(Clone, Default)]
struct Crowd {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Crowd {
    async fn runs_in(self) -> Outcome {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(SECOND).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        Outcome::COMPLETE
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

// covers WORK-1 (tower middleware)
#[tokio::test(start_paused = true)]
async fn a_time_out_layer_ends_a_handler_that_takes_too_long() {
    let (server, client) = started().await;
    send(&client, "slow", 1).await;
    send(&client, "quick", 1).await;
    let worker = client
        .worker("orders")
        .concurrency(2)
        .handler("slow", async |_, _| std::future::pending().await)
        .layer(TimeoutLayer::new(5 * SECOND))
        .handler("quick", async |_, _| {
            sleep(4 * SECOND).await;
            Outcome::COMPLETE
        })
        .build()
        .unwrap();
    let began = Instant::now();
    let worked = worker.run_until_idle().await.unwrap();
    assert_eq!((worked.completed, worked.failed, began.elapsed()), (1, 1, 5 * SECOND));
    let job = &server.jobs("orders")[0];
    let attempt = &job.attempts[0];
    assert_eq!((job.state.as_ref(), attempt.code.as_deref()), ("retrying", Some("service_error")));
    assert_eq!(client.open_error(job).await.unwrap().unwrap(), b"request timed out");
}

#[tokio::test(start_paused = true)]
async fn a_limit_layer_limits_each_kind_or_all_of_them() {
    let (_server, client) = started().await;
    send(&client, "a", 6).await;
    send(&client, "b", 6).await;
    let (a, b) = (Crowd::default(), Crowd::default());
    let worker = || {
        let (a, b) = (a.clone(), b.clone());
        let worker = client.worker("orders").concurrency(12);
        worker.handler("a", move |_, _| a.clone().runs_in()).handler("b", move |_, _| b.clone().runs_in())
    };
    let began = Instant::now();
    let limited = worker().layer(ConcurrencyLimitLayer::new(2)).build().unwrap();
    assert_eq!(limited.run_until_idle().await.unwrap().completed, 12);
    assert_eq!((a.most(), b.most(), began.elapsed()), (2, 2, 3 * SECOND));

    send(&client, "a", 6).await;
    send(&client, "b", 6).await;
    let began = Instant::now();
    let limited = worker().layer(GlobalConcurrencyLimitLayer::new(3)).build().unwrap();
    assert_eq!(limited.run_until_idle().await.unwrap().completed, 12);
    assert_eq!(began.elapsed(), 4 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_service_is_a_handler_and_its_error_a_failed_attempt() {
    let (server, client) = started().await;
    send(&client, "echo", 2).await;
    let echo = service_fn(async |request: JobRequest| match request.delivery.body.as_slice() {
        b"0" => Ok(Outcome::complete_with(request.delivery.body)),
        _ => Err(io::Error::other("no echo")),
    });
    let worker = client.worker("orders").service("echo", echo).build().unwrap();
    let worked = worker.run_until_idle().await.unwrap();
    assert_eq!((worked.completed, worked.failed), (1, 1));
    let jobs = server.jobs("orders");
    assert_eq!(client.open_result(&jobs[0]).await.unwrap().unwrap(), b"0");
    assert_eq!(client.open_error(&jobs[1]).await.unwrap().unwrap(), b"no echo");
}

#[tokio::test(start_paused = true)]
async fn a_later_layer_goes_around_an_earlier_one() {
    let (_server, client) = started().await;
    send(&client, "k", 1).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let passes = |name: &'static str| {
        let seen = Arc::clone(&seen);
        ServiceBuilder::new().map_request(move |request: JobRequest| {
            seen.lock().unwrap().push(name);
            request
        })
    };
    let worker = client
        .worker("orders")
        .layer(passes("inner"))
        .default_handler(async |_, _| Outcome::COMPLETE)
        .layer(passes("outer"))
        .build()
        .unwrap();
    assert_eq!(worker.run_until_idle().await.unwrap().completed, 1);
    assert_eq!(*seen.lock().unwrap(), ["outer", "inner"]);
}

// covers WORK-1 (client-side rate limit)
#[tokio::test(start_paused = true)]
async fn a_worker_begins_no_more_jobs_in_a_period_than_it_may() {
    let (_server, client) = started().await;
    send(&client, "k", 25).await;
    let (began, starts) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&starts);
    let worker = client
        .worker("orders")
        .concurrency(50)
        .rate(10, 60 * SECOND)
        .default_handler(move |_, _| {
            noted.lock().unwrap().push(began.elapsed());
            async { Outcome::COMPLETE }
        })
        .build()
        .unwrap();
    assert_eq!(worker.run_until_idle().await.unwrap().completed, 25);
    let starts = starts.lock().unwrap().clone();
    let minute = |n: u32| starts.iter().filter(|at| **at == n * 60 * SECOND).count();
    assert_eq!((minute(0), minute(1), minute(2)), (10, 10, 5));
    // The same worker's next run remembers.
    send(&client, "k", 10).await;
    let again = Instant::now();
    worker.run_until_idle().await.unwrap();
    assert_eq!(again.elapsed(), 60 * SECOND);

    let refused = |jobs, per| {
        let worker = client.worker("orders").default_handler(async |_, _| Outcome::COMPLETE);
        matches!(worker.rate(jobs, per).build(), Err(Error::Setup { .. }))
    };
    let day = Duration::from_secs(86_400);
    assert!(refused(0, SECOND) && refused(100_001, SECOND) && refused(1, Duration::ZERO));
    assert!(refused(1, day + Duration::from_millis(1)) && !refused(100_000, day));
}
