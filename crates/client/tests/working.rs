//! The worker runtime in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealane::{
    BulkWork, Category, Client, Error, HeldFilterIn, HeldPreviewIn, Job, JobAct, JobId, Outcome,
    Provider as _, QueueIn, QueueName, SweepKind, Worked,
};
use sealane_api::problem::Code;
use sealane_api::v1::LeaseIn;
use support::{keys, world};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

fn open() -> QueueIn {
    QueueIn { sealing: Some("allowed".to_owned()), ..QueueIn::default() }
}

async fn send(client: &Client, kind: &str, count: usize) -> Vec<JobId> {
    let jobs = (0..count).map(|n| Job::new(kind, format!("{n}"))).collect();
    let sent = client.producer().send_batch("orders", jobs).await.unwrap();
    sent.into_iter().map(|sent| sent.unwrap().id).collect()
}

// covers WORK-1 (concurrency)
#[tokio::test(start_paused = true)]
async fn as_many_jobs_run_at_a_time_as_were_asked_for() {
    let world = world().await;
    let client = world.sealed(&keys());
    send(&client, "k", 20).await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, highest) = (Arc::clone(&now), Arc::clone(&most));
    let worker = client
        .worker("orders")
        .concurrency(4)
        .max_jobs(20)
        .default_handler(move |_, _| {
            let (now, most) = (Arc::clone(&running), Arc::clone(&highest));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_millis(100)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Outcome::COMPLETE
            }
        })
        .build()
        .unwrap();
    let began = Instant::now();
    let worked = worker.run(std::future::pending()).await.unwrap();
    assert_eq!(worked.completed, 20);
    assert_eq!(most.load(Ordering::SeqCst), 4);
    assert_eq!(began.elapsed(), Duration::from_millis(500));
    assert_eq!(client.queue("orders").await.unwrap().jobs.completed, 20);
}

// covers WORK-1 (panic isolation)
#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_attempt_and_no_other_job() {
    let world = world().await;
    let client = world.sealed(&keys());
    let (bad, good) = (send(&client, "bad", 1).await, send(&client, "good", 1).await);
    let worker = client
        .worker("orders")
        .concurrency(2)
        .max_jobs(2)
        .handler("bad", async |_, _| panic!("canary in a panic"))
        .handler("good", async |_, _| Outcome::COMPLETE)
        .build()
        .unwrap();
    let worked = worker.run(std::future::pending()).await.unwrap();
    assert_eq!(worked, Worked { completed: 1, failed: 1, ..Worked::default() });
    assert_eq!(client.job(good[0]).await.unwrap().state, "completed");
    let job = client.job(bad[0]).await.unwrap();
    assert_eq!(
        (job.state.as_str(), job.last_error.as_ref().unwrap().category.as_str()),
        ("retrying", "temporary")
    );
    assert_eq!(client.open_error(&job).await.unwrap().as_deref(), Some(&b"the handler panicked"[..]));
}

// covers WORK-1 (heartbeat)
// covers JOB-5 (extend)
#[tokio::test(start_paused = true)]
async fn a_job_may_run_much_longer_than_its_lease() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 1).await;
    let worker = client
        .worker("orders")
        .lease(Duration::from_secs(3))
        .max_jobs(1)
        .default_handler(async |_, context| {
            sleep(Duration::from_secs(60)).await;
            assert!(!context.is_lease_lost());
            Outcome::COMPLETE
        })
        .build()
        .unwrap();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 1);
    let job = client.job(ids[0]).await.unwrap();
    assert_eq!((job.state.as_str(), job.attempt), ("completed", 1));
    assert!((50..=61).contains(&world.seen("extend")), "{}", world.seen("extend"));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_gets_lost_is_made_up_for() {
    let world = world().await;
    let client = world.sealed(&keys());
    send(&client, "k", 1).await;
    let between = Arc::clone(&world.between);
    let worker = client
        .worker("orders")
        .lease(Duration::from_secs(3))
        .max_jobs(1)
        .default_handler(move |_, context| {
            between.mischief.lost_requests.store(4, Ordering::SeqCst);
            async move {
                sleep(Duration::from_secs(10)).await;
                assert!(!context.is_lease_lost());
                Outcome::COMPLETE
            }
        })
        .build()
        .unwrap();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 1);
}

// covers WORK-1 (lease-lost signal into the handler)
#[tokio::test(start_paused = true)]
async fn a_handler_is_told_when_its_lease_is_lost() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 1).await;
    *world.mischief().refuses_extend.lock().unwrap() = true;
    let (told, heard) = oneshot::channel();
    let told = Mutex::new(Some(told));
    let worker = client
        .worker("orders")
        .lease(Duration::from_secs(3))
        .default_handler(move |_, context| {
            let told = told.lock().unwrap().take();
            async move {
                let began = Instant::now();
                context.lease_lost().await;
                if let Some(told) = told {
                    told.send(began.elapsed()).unwrap();
                }
                Outcome::COMPLETE
            }
        })
        .build()
        .unwrap();
    let worked = worker
        .run(async {
            assert_eq!(heard.await.unwrap(), Duration::from_secs(1), "at the first heartbeat");
        })
        .await
        .unwrap();
    assert_eq!((worked.completed, worked.unsettled), (0, 1));
    assert_eq!(world.seen("complete"), 0, "a lost lease settles nothing");
    assert_eq!(client.job(ids[0]).await.unwrap().state, "running");
}

// covers WORK-1 (a run that may not go on hears of it in time)
// covers JOB-5 (max_run_time)
#[tokio::test(start_paused = true)]
async fn a_handler_hears_of_the_end_of_its_longest_run_before_another_worker_has_the_job() {
    // The lease as wished ends long after the longest run, or is made longer until it comes.
    for lease in [Duration::from_secs(60), Duration::from_secs(6)] {
        let world = world().await;
        let client = world.sealed(&keys());
        let longest =
            sealane::QueueIn { lease_ms: Some(5_000), max_run_ms: Some(10_000), ..Default::default() };
        client.put_queue("orders", &longest).await.unwrap();
        send(&client, "k", 1).await;
        // Why out of the handler: a failed assertion in there is only a failed attempt.
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let worker = client
            .worker("orders")
            .lease(lease)
            .default_handler(move |delivery, context| {
                let tell = tell.clone();
                async move {
                    if delivery.attempt == 1 {
                        let began = Instant::now();
                        context.lease_lost().await;
                        tell.send(began.elapsed()).unwrap();
                    }
                    Outcome::COMPLETE
                }
            })
            .max_jobs(1)
            .build()
            .unwrap();
        let worked = worker.run(std::future::pending()).await.unwrap();
        assert_eq!((worked.completed, worked.unsettled), (1, 1), "{lease:?}");
        let ran = told.recv().await.unwrap();
        assert!(ran <= Duration::from_secs(10), "{ran:?} with a lease of {lease:?}");
        assert!(ran > Duration::from_secs(9), "{ran:?}: not for nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_falls_silent_for_a_whole_lease_counts_as_lost() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 1).await;
    let between = Arc::clone(&world.between);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let worker = client
        .worker("orders")
        .lease(Duration::from_secs(3))
        .default_handler(move |delivery, context| {
            let (between, tell) = (Arc::clone(&between), tell.clone());
            async move {
                if delivery.attempt == 1 {
                    between.mischief.lost_requests.store(u32::MAX, Ordering::SeqCst);
                    let began = Instant::now();
                    context.lease_lost().await;
                    tell.send(began.elapsed()).unwrap();
                    between.mischief.lost_requests.store(0, Ordering::SeqCst);
                }
                Outcome::COMPLETE
            }
        })
        .max_jobs(1)
        .build()
        .unwrap();
    let worked = worker.run(std::future::pending()).await.unwrap();
    assert_eq!(told.recv().await, Some(Duration::from_secs(3)));
    // The server kept its word as well: it gave the job back and took no late answer.
    assert_eq!(worked, Worked { completed: 1, unsettled: 1, ..Worked::default() });
    let job = client.job(ids[0]).await.unwrap();
    assert_eq!((job.state.as_str(), job.attempt), ("completed", 2));
}

// covers JOB-5 (a lease that ends comes back as another attempt)
// attack 16
#[tokio::test(start_paused = true)]
async fn a_job_whose_worker_died_is_delivered_again_and_opens_again() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 1).await;
    let queue = QueueName::parse("orders").unwrap();
    let dead = world.between.memory.lease(&queue, &LeaseIn::default()).await.unwrap();
    assert_eq!(dead.jobs.len(), 1);
    let worker = client
        .worker("orders")
        .max_jobs(1)
        .default_handler(async |delivery, _| Outcome::complete_with(delivery.attempt.to_string()))
        .build()
        .unwrap();
    let began = Instant::now();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 1);
    assert!(began.elapsed() >= Duration::from_secs(30), "not before the first lease ended");
    assert_eq!(client.result(ids[0]).await.unwrap().as_deref(), Some(&b"2"[..]));
    let late = sealane_api::v1::Complete {
        atomic: false,
        items: vec![sealane_api::v1::CompleteItem { receipt: dead.jobs[0].receipt.clone(), result: None }],
    };
    let late = world.between.memory.complete(&late).await.unwrap();
    assert_eq!(late.results[0].error.as_ref().unwrap().code, "lease_lost");
}

// covers WORK-1 (graceful drain)
#[tokio::test(start_paused = true)]
async fn when_told_to_stop_running_jobs_finish_and_no_new_ones_begin() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 3).await;
    let worker = client
        .worker("orders")
        .concurrency(2)
        .default_handler(async |_, context| {
            context.stopping().await;
            sleep(Duration::from_secs(20)).await;
            Outcome::COMPLETE
        })
        .build()
        .unwrap();
    let worked = worker.run(sleep(Duration::from_secs(1))).await.unwrap();
    assert_eq!(worked, Worked { completed: 2, ..Worked::default() });
    assert_eq!(client.job(ids[2]).await.unwrap().state, "ready");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_finish_in_time_is_handed_back_without_costing_an_attempt() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 1).await;
    let worker = client
        .worker("orders")
        .drain_timeout(Duration::from_secs(5))
        .default_handler(async |_, _| std::future::pending().await)
        .build()
        .unwrap();
    let began = Instant::now();
    let worked = worker.run(sleep(Duration::from_secs(1))).await.unwrap();
    assert_eq!(
        (worked, began.elapsed()),
        (Worked { released: 1, ..Worked::default() }, Duration::from_secs(6))
    );
    let job = client.job(ids[0]).await.unwrap();
    assert_eq!((job.state.as_str(), job.attempt), ("ready", 0));
}

#[tokio::test(start_paused = true)]
async fn a_worker_outlives_its_provider_and_stops_when_refused() {
    let world = world().await;
    let client = world.sealed(&keys());
    send(&client, "k", 1).await;
    world.mischief().lost_requests.store(50, Ordering::SeqCst);
    let done = || async |_, _| Outcome::COMPLETE;
    let worker = client.worker("orders").max_jobs(1).default_handler(done()).build().unwrap();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 1);

    let worker = client.worker("nowhere").default_handler(done()).build().unwrap();
    let error = worker.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::NotFound));
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_answer_was_lost_is_repeated() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 1).await;
    let between = Arc::clone(&world.between);
    let worker = client
        .worker("orders")
        .max_jobs(1)
        .default_handler(move |_, _| {
            between.mischief.lost_answers.store(2, Ordering::SeqCst);
            async { Outcome::complete_with("once") }
        })
        .build()
        .unwrap();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 1);
    assert_eq!(world.seen("complete"), 3);
    assert_eq!(client.result(ids[0]).await.unwrap().as_deref(), Some(&b"once"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_nobody_here_handles_goes_back_for_somebody_else() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "strange", 1).await;
    let worker = client.worker("orders").handler("known", async |_, _| Outcome::COMPLETE).build().unwrap();
    let worked = worker.run(sleep(Duration::from_secs(1))).await.unwrap();
    assert_eq!(worked, Worked { released: 1, ..Worked::default() });
    let job = client.job(ids[0]).await.unwrap();
    assert_eq!((job.state.as_str(), job.attempt), ("delayed", 0));
}

#[tokio::test(start_paused = true)]
async fn failures_retry_and_permanent_ones_do_not() {
    let world = world().await;
    let client = world.sealed(&keys());
    let (flaky, hopeless) = (send(&client, "flaky", 1).await, send(&client, "hopeless", 1).await);
    let worker = client
        .worker("orders")
        .max_jobs(4)
        .handler("flaky", async |delivery, _| match delivery.attempt {
            3 => Outcome::COMPLETE,
            _ => Outcome::fail("not yet"),
        })
        .handler("hopeless", async |_, _| Outcome::fail_for_good("never"))
        .build()
        .unwrap();
    let worked = worker.run(std::future::pending()).await.unwrap();
    assert_eq!(worked, Worked { completed: 1, failed: 3, ..Worked::default() });
    assert_eq!(client.job(flaky[0]).await.unwrap().attempt, 3);
    assert_eq!(client.job(hopeless[0]).await.unwrap().state, "dead");
}

#[tokio::test(start_paused = true)]
async fn reports_beyond_their_limits_are_cut_or_refused_in_words() {
    let world = world().await;
    let client = world.sealed(&keys());
    let (long_error, long_result) = (send(&client, "error", 1).await, send(&client, "result", 1).await);
    let worker = client
        .worker("orders")
        .max_jobs(2)
        .handler("error", async |_, _| {
            Outcome::fail_for_good([vec![b'a'; 1 << 20], b"end".to_vec()].concat())
        })
        .handler("result", async |_, _| Outcome::complete_with(vec![1; 1 << 20]))
        .build()
        .unwrap();
    worker.run(std::future::pending()).await.unwrap();
    let kept = client.open_error(&client.job(long_error[0]).await.unwrap()).await.unwrap().unwrap();
    assert_eq!(kept.len(), sealane::ERROR_BYTES_MAX);
    assert!(kept.ends_with(b"end"));
    let job = client.job(long_result[0]).await.unwrap();
    assert_eq!(job.state, "dead");
    let told = String::from_utf8(client.open_error(&job).await.unwrap().unwrap()).unwrap();
    assert!(told.contains("1048576"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_work_is_not_built() {
    let client = world().await.plain().build();
    let refused = |worker: sealane::WorkerBuilder| matches!(worker.build(), Err(Error::Setup { .. }));
    let worker = || client.worker("orders").default_handler(async |_, _| Outcome::COMPLETE);
    assert!(refused(client.worker("orders")));
    assert!(refused(worker().concurrency(0)));
    assert!(refused(worker().concurrency(1_001)));
    assert!(refused(worker().lease(Duration::from_millis(99))));
    assert!(refused(worker().lease(Duration::from_secs(12 * 3_600 + 1))));
    assert!(refused(worker().lease_wait(Duration::from_secs(301))));
    assert!(worker().concurrency(1_000).lease(Duration::from_millis(100)).build().is_ok());
}

// covers JOB-11 (the worker of a cancelled job is told into its handler)
// covers WORK-1 (cancellation into the handler)
#[tokio::test(start_paused = true)]
async fn a_handler_hears_at_the_next_heartbeat_that_its_job_is_cancelled() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 1).await;
    let (began, running) = oneshot::channel();
    let began = Mutex::new(Some(began));
    let worker = client
        .worker("orders")
        .max_jobs(1)
        .default_handler(move |_, context| {
            began.lock().unwrap().take().unwrap().send(()).unwrap();
            async move {
                assert!(!context.is_cancelled());
                context.cancelled().await;
                Outcome::Fail {
                    category: Category::Cancelled,
                    code: Some("stopped".to_owned()),
                    error: b"stopped".to_vec(),
                    retry_after: None,
                }
            }
        })
        .build()
        .unwrap();
    let working = tokio::spawn(worker.run(std::future::pending()));
    running.await.unwrap();
    let asked = client.act(ids[0], &JobAct::Cancel { force: false }).await.unwrap();
    assert!(asked.cancel_requested && asked.state == "running", "{asked:?}");
    let asked_at = Instant::now();
    let worked = tokio::time::timeout(Duration::from_secs(60), working).await.expect("it is told");
    assert_eq!(worked.unwrap().unwrap().failed, 1);
    assert!(asked_at.elapsed() <= Duration::from_secs(10), "a third of the lease");
    let job = client.job(ids[0]).await.unwrap();
    assert_eq!(job.state, "cancelled");
    assert_eq!(client.open_error(&job).await.unwrap().as_deref(), Some(&b"stopped"[..]));
    assert!(client.act(ids[0], &JobAct::Release).await.is_err());
}

// covers SEAL-3 (a moved body opens in a worker that accepts jobs from where it was sent, and in no other)
#[tokio::test(start_paused = true)]
async fn a_moved_job_is_held_until_a_worker_accepts_it_from_its_queue() {
    let world = world().await;
    let client = world.sealed(&keys());
    let ids = send(&client, "k", 1).await;
    client.act(ids[0], &JobAct::Move { queue: QueueName::parse("open").unwrap() }).await.unwrap();
    let worker = |from: &str| {
        let worker = client.worker("open").max_jobs(1).default_handler(async |delivery, _| {
            assert_eq!(delivery.queue.as_str(), "open");
            Outcome::complete_with("done")
        });
        worker.accept_from(from).build().unwrap()
    };
    assert_eq!(worker("elsewhere").run(std::future::pending()).await.unwrap().held, 1);
    client.act(ids[0], &JobAct::Release).await.unwrap();
    assert_eq!(worker("orders").run(std::future::pending()).await.unwrap().completed, 1);
    assert_eq!(client.result(ids[0]).await.unwrap().as_deref(), Some(&b"done"[..]));

    // A plain body is bound to no queue, so nobody has to accept where it came from.
    let plain = world.plain().build();
    plain.put_queue("elsewhere", &open()).await.unwrap();
    let id = plain.producer().send("elsewhere", Job::new("k", "x")).await.unwrap().id;
    plain.act(id, &JobAct::Move { queue: QueueName::parse("open").unwrap() }).await.unwrap();
    let worker =
        plain.worker("open").max_jobs(1).default_handler(async |_, _| Outcome::COMPLETE).build().unwrap();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 1);
}

// covers JOB-2 (held by a person, released one by one and all)
#[tokio::test(start_paused = true)]
async fn a_held_job_is_handed_to_nobody_until_it_is_released() {
    let world = world().await;
    let client = world.sealed(&keys());
    let mut ids = Vec::new();
    for body in ["one", "two", "three"] {
        let id = client.producer().send("orders", Job::new("k", body)).await.unwrap().id;
        assert_eq!(client.act(id, &JobAct::Hold).await.unwrap().state, "held");
        ids.push(id);
    }
    let worker = client.worker("orders").default_handler(async |_, _| Outcome::COMPLETE).build().unwrap();
    assert_eq!(worker.run_until_idle().await.unwrap().completed, 0);
    assert_eq!(client.act(ids[0], &JobAct::Release).await.unwrap().state, "ready");
    assert_eq!(worker.run_until_idle().await.unwrap().completed, 1);
    assert_eq!(client.act(ids[0], &JobAct::Hold).await.unwrap_err().code(), Some(Code::JobState));
    let of = |kind: &str| HeldFilterIn { kind: Some(kind.to_owned()), ..HeldFilterIn::default() };
    let look = HeldPreviewIn { filter: Some(of("k")), max: Some(1), after: None };
    let seen = client.preview_held("orders", &look).await.unwrap();
    assert_eq!(
        (seen.meant, &seen.jobs[0].id, &*seen.jobs[0].reason),
        (2, &ids[1].to_string(), "quarantined")
    );
    assert_eq!(client.sweep("orders", BulkWork::release_held(of("other"), None)).await.unwrap().jobs, 0);
    assert!(client.sweep("orders", BulkWork::release_held(of("k"), Some(1))).await.unwrap().running);
    assert_eq!(client.stop_release("orders").await.unwrap().work, None);
    assert_eq!(client.sweep("orders", SweepKind::ReleaseHeld).await.unwrap().jobs, 1);
    assert_eq!(worker.run_until_idle().await.unwrap().completed, 2);
}

// covers SEAL-5 (a sealed job past its own expiry is not re-driven)
#[tokio::test(start_paused = true)]
async fn a_job_whose_seal_has_expired_is_not_redriven() {
    let world = world().await;
    let client = world.sealed(&keys());
    let job = Job::new("k", "x").ttl(Duration::from_secs(60));
    let id = client.producer().send("orders", job).await.unwrap().id;
    client.act(id, &JobAct::Cancel { force: false }).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    client.act(id, &JobAct::Redrive).await.unwrap();
    client.act(id, &JobAct::Cancel { force: false }).await.unwrap();
    sleep(Duration::from_secs(31)).await;
    let refused = client.act(id, &JobAct::Redrive).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::JobState), "{refused}");
}
