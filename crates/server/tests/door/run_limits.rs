//! Rates, slots and turns through the door, and the client's workers behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealane::{Job, Outcome, Priority};
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::http::{Http, job};
use crate::support::{DEADLINE, Home, plain};

async fn send(admin: &Http, key: Option<&str>, body: &str) -> String {
    let mut job = job(body);
    if let Some(key) = key {
        job["fair_key"] = json!(key);
    }
    let sent = admin.post("/v1/queues/q/jobs", &job).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    sent.json["id"].as_str().expect("an id").to_owned()
}

async fn lease(admin: &Http, wish: Value) -> Vec<Value> {
    let leased = admin.post("/v1/queues/q/leases", &wish).await;
    assert_eq!(leased.status, 200, "{leased:?}");
    leased.json["jobs"].as_array().expect("a list").clone()
}

async fn ids(admin: &Http, max: u32) -> Vec<String> {
    let jobs = lease(admin, json!({"max": max})).await;
    jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()).collect()
}

// covers QUE-1 (rate limit, concurrency limit global and per key)
// covers QUE-2
// covers QUE-2 (limits by a key)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_runs_are_set_shown_kept_and_refused_where_they_make_no_sense() {
    let home = Home::new();
    let disk = LossyDisk::new();
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    let mut wish = json!({"sealing": "allowed", "rate": {"starts": 4, "period_ms": 3_600_000}, "concurrency": 3,
        "rate_per_key": {"starts": 10, "period_ms": 60_000, "burst": 2}, "concurrency_per_key": 2});
    let made = admin.send("PUT", "/v1/queues/q", &wish.to_string()).await;
    assert_eq!(made.status, 200, "{made:?}");
    wish["rate"]["burst"] = json!(4);
    let shown = admin.get("/v1/queues/q").await.json;
    for name in ["rate", "concurrency", "rate_per_key", "concurrency_per_key"] {
        assert_eq!(shown[name], wish[name], "{shown}");
    }
    assert_eq!((&shown["fair_keys"], &shown["next_start_at"]), (&json!(0), &Value::Null), "{shown}");
    for (name, bad) in [
        ("concurrency", json!(0)),
        ("concurrency", json!(-1)),
        ("concurrency", json!(2_147_483_648_u64)),
        ("concurrency_per_key", json!(9_007_199_254_740_993_u64)),
        ("concurrency_per_key", json!("2")),
        ("rate", json!({"starts": 0, "period_ms": 1})),
        ("rate", json!({"starts": 1, "period_ms": 0})),
        ("rate", json!({"starts": 1, "period_ms": -1})),
        ("rate", json!({"starts": 1, "period_ms": 9_223_372_036_854_775_808_u64})),
        ("rate", json!({"starts": 1, "period_ms": 1e18})),
        ("rate", json!({"starts": 1, "period_ms": 1, "burst": 0})),
        ("rate", json!({"starts": 1})),
        ("rate_per_key", json!({"starts": 1, "period_ms": 1, "more": 1})),
    ] {
        let refused = admin.send("PUT", "/v1/queues/q", &json!({name: bad}).to_string()).await;
        assert_eq!(refused.status, 400, "{name}: {bad}");
        assert!(["invalid_request", "unknown_field"].contains(&refused.problem()), "{refused:?}");
    }
    for bad in ["", "a\nb"] {
        let mut job = job("x");
        job["fair_key"] = json!(bad);
        assert_eq!(admin.post("/v1/queues/q/jobs", &job).await.problem(), "invalid_request");
    }
    let mut sent = Vec::new();
    for key in [Some("a"), Some("a"), Some("a"), Some("b"), None] {
        sent.push(send(&admin, key, "fair-key-canary").await);
    }
    let id = |at: usize| sent[at].clone();
    assert_eq!(ids(&admin, 9).await, [id(0), id(3), id(4)], "three run at once, one of each key in turn");
    let shown = admin.get("/v1/queues/q").await.json;
    assert_eq!((&shown["fair_keys"], &shown["jobs"]["running"]), (&json!(3), &json!(3)), "{shown}");
    assert!(ids(&admin, 9).await.is_empty());
    server.stop().await.expect("a clean stop");

    // The same after a restart: what runs, and what of the rate is spent.
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    assert!(ids(&admin, 9).await.is_empty());
    let open = json!({"sealing": "allowed", "rate": wish["rate"], "rate_per_key": wish["rate_per_key"]});
    admin.send("PUT", "/v1/queues/q", &open.to_string()).await;
    assert_eq!(ids(&admin, 9).await, [id(1)], "one token of four was left");
    let shown = admin.get("/v1/queues/q").await.json;
    assert!(shown["next_start_at"].is_string(), "{shown}");
    let other = json!({"id": id(0), "kind": "test", "body": "", "fair_key": "b"});
    let other = admin.post("/v1/queues/q/jobs", &other).await;
    assert_eq!(other.problem(), "job_id_conflict", "another key is another job");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_given_the_next_job_when_the_rate_lets_it_start() {
    let home = Home::new();
    let server = home.start(Arc::new(LossyDisk::new())).await;
    let admin = Http::admin(&server);
    let rate = json!({"starts": 1, "period_ms": 300, "burst": 1});
    for (name, per_key) in [("rate", "queue"), ("rate_per_key", "key")] {
        let wish = json!({"sealing": "allowed", name: rate});
        admin.send("PUT", "/v1/queues/q", &wish.to_string()).await;
        for _ in 0..3 {
            send(&admin, Some("a"), "x").await;
        }
        for _ in 0..3 {
            let jobs = lease(&admin, json!({"max": 9, "wait_ms": 300_000}));
            let jobs = tokio::time::timeout(DEADLINE, jobs).await.expect("it opens by itself");
            assert_eq!(jobs.len(), 1, "one at a time, by the {per_key}'s rate");
        }
    }
}

/// The client's own workers, over the wire.
// covers JOB-3
// covers JOB-3 (no prefetch inversion)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_critical_job_behind_ten_thousand_is_next_when_a_worker_s_slot_gets_free() {
    const BULK: usize = 10_000;
    let home = Home::new();
    let server = home.start(Arc::new(LossyDisk::new())).await;
    let client = server.client();
    client.put_queue("orders", &plain()).await.expect("a queue");
    let bulk = (0..BULK).map(|_| Job::new("bulk", "x").priority(Priority::Bulk)).collect();
    let sent = client.producer().send_batch("orders", bulk).await.expect("sent");
    assert!(sent.iter().all(Result::is_ok));
    let (begun, mut heard) = mpsc::unbounded_channel();
    let (slots, most) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (gate, running) = (Arc::clone(&slots), Arc::clone(&most));
    let worker = client.worker("orders").concurrency(4).default_handler(move |delivery, _| {
        let (begun, gate, running) = (begun.clone(), Arc::clone(&gate), Arc::clone(&running));
        async move {
            running.fetch_add(1, Ordering::SeqCst);
            // Why the result is let go: the test may have heard enough.
            let _ = begun.send(delivery.kind.clone());
            gate.acquire().await.expect("it stays open").forget();
            Outcome::COMPLETE
        }
    });
    let worker = worker.build().expect("a worker");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let work = tokio::spawn(worker.run(async {
        // Why the result is let go: a dropped sender asks for the same.
        let _ = stopped.await;
    }));
    let mut next = async || {
        let heard = tokio::time::timeout(DEADLINE, heard.recv()).await;
        heard.expect("the next job begins").expect("the worker is there")
    };
    for _ in 0..4 {
        assert_eq!(next().await, "bulk");
    }
    let jobs = client.queue("orders").await.expect("shown").jobs;
    assert_eq!((jobs.running, jobs.ready), (4, 10_000 - 4), "what no slot is free for, nobody holds");
    let urgent = Job::new("urgent", "x").priority(Priority::Critical);
    client.producer().send("orders", urgent).await.expect("sent");
    slots.add_permits(1);
    assert_eq!(next().await, "urgent");
    slots.add_permits(BULK);
    stop.send(()).expect("the worker waits for it");
    work.await.expect("it does not panic").expect("it ends well");
}
