//! What fails again and again is left alone: a provider that is down, a kind of job whose handler
//! fails. Nobody spins, nothing is lost, no attempt is spent for nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use sealane::{Breaker, Client, Error, Job, JobId, Outcome, Retry, WorkerBuilder};
use sealane_api::problem::Code;
use support::{World, keys, world};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

async fn send(client: &Client, kind: &str, count: usize) -> Vec<JobId> {
    let jobs = (0..count).map(|n| Job::new(kind, format!("{n}")).max_attempts(20)).collect();
    let sent = client.producer().send_batch("orders", jobs).await.unwrap();
    sent.into_iter().map(|sent| sent.unwrap().id).collect()
}

/// A handler that fails while something it needs is away, and how often it ran.
#[derive(Clone, Default)]
struct Needy {
    back: Arc<AtomicBool>,
    runs: Arc<AtomicU32>,
}

impl Needy {
    fn handles(&self, worker: WorkerBuilder, kind: &str) -> WorkerBuilder {
        let needy = self.clone();
        worker.handler(kind, move |_, _| {
            needy.runs.fetch_add(1, Ordering::SeqCst);
            let back = needy.back.load(Ordering::SeqCst);
            async move { if back { Outcome::COMPLETE } else { Outcome::fail("it is away") } }
        })
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

// covers WORK-1 (circuit breaker around failing handlers)
#[tokio::test(start_paused = true)]
async fn a_kind_that_fails_is_left_alone_and_its_jobs_keep_their_attempts() {
    let world = world().await;
    let client = world.sealed(&keys());
    let (bad, good) = (send(&client, "bad", 20).await, send(&client, "good", 20).await);
    let needy = Needy::default();
    let worker =
        needy.handles(client.worker("orders"), "bad").handler("good", async |_, _| Outcome::COMPLETE);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let working = tokio::spawn(worker.build().unwrap().run(async { stopped.await.unwrap() }));

    sleep(29 * SECOND).await;
    assert_eq!(needy.runs(), 5, "the fifth failure in a row is the last");
    for id in good {
        assert_eq!(client.job(id).await.unwrap().state, "completed", "other kinds go on");
    }
    let mut spent = 0;
    for id in &bad {
        let job = client.job(*id).await.unwrap();
        assert!(matches!(job.state.as_str(), "delayed" | "retrying"), "{}", job.state);
        spent += job.attempt;
    }
    assert_eq!(spent, 5, "what is handed back costs no attempt");
    assert!(world.seen("lease") < 60, "{} requests for forty jobs", world.seen("lease"));

    needy.back.store(true, Ordering::SeqCst);
    sleep(60 * SECOND).await;
    assert_eq!(needy.runs(), 25);
    stop.send(()).unwrap();
    assert_eq!(working.await.unwrap().unwrap().completed, 40);
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_kinds_are_all_left_alone_asks_for_nothing_until_it_may_try_again() {
    let world = world().await;
    let client = world.sealed(&keys());
    send(&client, "bad", 200).await;
    let needy = Needy::default();
    let worker = needy.handles(client.worker("orders"), "bad").build().unwrap();
    let worked = worker.run(sleep(29 * SECOND)).await.unwrap();
    assert_eq!((worked.failed, needy.runs()), (5, 5));
    assert!(world.seen("lease") <= 7, "{} requests", world.seen("lease"));

    // Half-open, one failure opens it again.
    let worker = needy.handles(client.worker("orders"), "bad").build().unwrap();
    worker.run(sleep(95 * SECOND)).await.unwrap();
    assert_eq!(needy.runs(), 5 + 5 + 3, "three periods, one trial in each");
}

#[tokio::test(start_paused = true)]
async fn a_worker_of_every_kind_does_not_spin_through_the_backlog_of_one_that_fails() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "bad", 500).await;
    let worker = client.worker("orders").default_handler(async |_, _| Outcome::fail("always")).build();
    let worked = worker.unwrap().run(sleep(29 * SECOND)).await.unwrap();
    assert_eq!(worked.failed, 5);
    assert!(world.seen("lease") < 160, "{} requests", world.seen("lease"));
    assert_eq!(client.job(ids[499]).await.unwrap().state, "ready", "not every job was touched");
}

#[tokio::test(start_paused = true)]
async fn panics_count_and_what_is_the_jobs_own_fault_does_not() {
    let world = world().await;
    let client = world.sealed(&keys());
    send(&client, "panics", 10).await;
    let hopeless = send(&client, "hopeless", 10).await;
    let worker = client
        .worker("orders")
        .handler("panics", async |_, _| panic!("again"))
        .handler("hopeless", async |_, _| Outcome::fail_for_good("no such order"))
        .build()
        .unwrap();
    let worked = worker.run(sleep(20 * SECOND)).await.unwrap();
    assert_eq!(worked.failed, 5 + 10, "{worked:?}");
    for id in hopeless {
        assert_eq!(client.job(id).await.unwrap().state, "dead");
    }
}

#[tokio::test(start_paused = true)]
async fn when_a_handler_is_left_alone_is_the_callers_to_say() {
    let world = world().await;
    let client = world.sealed(&keys());
    send(&client, "bad", 30).await;
    let run = |breaker| {
        let needy = Needy::default();
        let worker = needy.handles(client.worker("orders"), "bad").breaker(breaker).build().unwrap();
        async move { (worker.run_until_idle().await.unwrap().failed, needy.runs()) }
    };
    assert_eq!(run(Breaker { failures_to_open: 2, ..Breaker::default() }).await, (2, 2));
    sleep(31 * SECOND).await;
    let (failed, runs) = run(Breaker::NEVER).await;
    assert_eq!((failed, runs), (30, 30));
    let long = Breaker { open_for: Duration::from_secs(31 * 86_400), ..Breaker::default() };
    let worker = client.worker("orders").default_handler(async |_, _| Outcome::COMPLETE);
    assert!(matches!(worker.breaker(long).build(), Err(Error::Setup { .. })));
}

/// One try per call, so that each call is one request.
fn impatient(world: &World) -> Client {
    world.plain().retry(Retry::NEVER).build()
}

// covers PROV-4 (circuit breaker in the client; a typed error that says when to try again)
#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_left_alone_and_tried_again_later() {
    let world = world().await;
    let client = impatient(&world);
    let send = async || client.producer().send("open", Job::new("k", "x")).await;
    world.mischief().lost_requests.store(5, Ordering::SeqCst);
    for _ in 0..5 {
        assert!(matches!(send().await, Err(Error::Unreachable { .. })));
    }
    sleep(SECOND).await;
    let error = send().await.unwrap_err();
    assert!(matches!(error, Error::CircuitOpen { .. }), "{error:?}");
    assert!(error.is_transient() && !error.may_have_happened());
    assert_eq!(error.retry_after(), Some(29 * SECOND));
    assert!(client.queue("open").await.is_err(), "for questions as well");
    assert_eq!(world.seen("enqueue"), 5, "and nobody was asked");

    sleep(29 * SECOND).await;
    world.mischief().lost_requests.store(1, Ordering::SeqCst);
    assert!(matches!(send().await, Err(Error::Unreachable { .. })), "a trial");
    assert_eq!(send().await.unwrap_err().retry_after(), Some(30 * SECOND));
    sleep(30 * SECOND).await;
    for _ in 0..10 {
        send().await.unwrap();
    }
    // Closed: again it takes five.
    world.mischief().lost_requests.store(4, Ordering::SeqCst);
    for _ in 0..4 {
        assert!(matches!(send().await, Err(Error::Unreachable { .. })));
    }
    send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_refuses_is_well() {
    let world = world().await;
    let client = impatient(&world);
    for _ in 0..20 {
        let error = client.producer().send("nowhere", Job::new("k", "x")).await.unwrap_err();
        assert_eq!(error.code(), Some(Code::NotFound));
    }
}

#[tokio::test(start_paused = true)]
async fn a_patient_call_waits_for_the_circuit_and_tells_the_worst_it_knows() {
    let world = world().await;
    let client = world.plain().build();
    world.mischief().lost_requests.store(5, Ordering::SeqCst);
    let began = Instant::now();
    client.producer().send("open", Job::new("k", "x")).await.unwrap();
    assert!(began.elapsed() > 30 * SECOND && began.elapsed() < 35 * SECOND, "{:?}", began.elapsed());
    assert_eq!(world.seen("enqueue"), 6);

    let breaker = Breaker { failures_to_open: 2, ..Breaker::default() };
    let short = || world.plain().breaker(breaker).retry(Retry { tries_max: 3, ..Retry::default() }).build();
    world.mischief().lost_requests.store(u32::MAX, Ordering::SeqCst);
    let error = short().producer().send("open", Job::new("k", "x")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && !error.may_have_happened(), "{error:?}");

    world.mischief().lost_requests.store(0, Ordering::SeqCst);
    world.mischief().lost_answers.store(1, Ordering::SeqCst);
    let producer = short().producer();
    let send = producer.send("open", Job::new("k", "x"));
    let lose = async {
        while world.mischief().lost_answers.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        world.mischief().lost_requests.store(u32::MAX, Ordering::SeqCst);
    };
    let error = tokio::join!(send, lose).0.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.may_have_happened(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_is_settled_and_kept_while_its_provider_is_left_alone() {
    let world = world().await;
    let client = impatient(&world);
    let ids = client.producer().send("open", Job::new("k", "x")).await.unwrap().id;
    let (between, sender) = (Arc::clone(&world.between), client.clone());
    let worker = client
        .worker("open")
        .lease(3 * SECOND)
        .max_jobs(1)
        .default_handler(move |_, context| {
            let (between, sender) = (Arc::clone(&between), sender.clone());
            async move {
                between.mischief.lost_requests.store(5, Ordering::SeqCst);
                for _ in 0..5 {
                    let _ = sender.producer().send("open", Job::new("k", "x")).await;
                }
                // Four heartbeats' time, and the first of them ends the circuit's wait early.
                let open = sender.queue("open").await.is_err();
                sleep(4 * SECOND).await;
                let heard = sender.queue("open").await.is_ok();
                let kept = !context.is_lease_lost();
                Outcome::complete_with(format!("open={open} heard={heard} kept={kept}"))
            }
        })
        .build()
        .unwrap();
    let began = Instant::now();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 1);
    assert_eq!(began.elapsed(), 4 * SECOND);
    let said = client.result(ids).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(said).unwrap(), "open=true heard=true kept=true");
}

#[tokio::test(start_paused = true)]
async fn a_short_job_is_settled_at_once_while_its_provider_is_left_alone() {
    let world = world().await;
    let client = impatient(&world);
    client.producer().send("open", Job::new("k", "x")).await.unwrap();
    let (between, sender) = (Arc::clone(&world.between), client.clone());
    let worker = client.worker("open").max_jobs(1).default_handler(move |_, _| {
        let (between, sender) = (Arc::clone(&between), sender.clone());
        async move {
            between.mischief.lost_requests.store(5, Ordering::SeqCst);
            for _ in 0..5 {
                let _ = sender.producer().send("open", Job::new("k", "x")).await;
            }
            Outcome::COMPLETE
        }
    });
    let working = worker.build().unwrap().run(std::future::pending());
    let worked = tokio::time::timeout(SECOND, working).await.expect("no breaker in the way");
    assert_eq!(worked.unwrap().completed, 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_does_not_hold_up_the_trial_of_a_provider_that_is_back() {
    let world = world().await;
    let client = impatient(&world);
    world.mischief().lost_requests.store(5, Ordering::SeqCst);
    let worker = client.worker("open").default_handler(async |_, _| Outcome::COMPLETE);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let working = tokio::spawn(worker.build().unwrap().run(async { stopped.await.unwrap() }));
    while client.queue("open").await.is_ok() {
        sleep(SECOND).await;
    }
    sleep(31 * SECOND).await;
    for _ in 0..5 {
        client.producer().send("open", Job::new("k", "x")).await.unwrap();
    }
    stop.send(()).unwrap();
    working.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_worker_asks_a_provider_that_is_down_only_as_often_as_its_circuit_lets_it() {
    let world = world().await;
    let client = world.plain().build();
    world.mischief().lost_requests.store(u32::MAX, Ordering::SeqCst);
    let worker = client.worker("open").default_handler(async |_, _| Outcome::COMPLETE).build().unwrap();
    worker.run(sleep(600 * SECOND)).await.unwrap();
    assert!((20..=26).contains(&world.seen("lease")), "{} requests in ten minutes", world.seen("lease"));
}
