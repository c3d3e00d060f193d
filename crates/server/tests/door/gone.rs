//! Workers that go away without a word.

use std::sync::Arc;
use std::time::Duration;

use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::{DEADLINE, Home, Running};
use crate::wire::Wire;

/// A lease that does not end by time while a test runs: what comes back was given back.
const LONG_LEASE: u64 = 600_000;

async fn started(disk: &LossyDisk, settings: &str) -> (Home, Running, Http) {
    let home = Home::new();
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    let made = admin.send("PUT", "/v1/queues/q", settings).await;
    assert!(made.status < 300, "{made:?}");
    (home, server, admin)
}

/// Asks for something whose answer waits for its sync, and leaves before there is one.
async fn ask_and_leave(server: &Running, disk: &LossyDisk, path: &str, wish: &Value) {
    let mut leaving = Wire::open(server).await;
    disk.hold_syncs();
    leaving.post(path, wish).await;
    let held = disk.clone();
    let held = tokio::task::spawn_blocking(move || held.wait_for_held_syncs(1)).await.expect("no panic");
    assert!(held, "no sync is asked for");
    tokio::time::timeout(DEADLINE, leaving.leave()).await.expect("the server notices");
    disk.release_syncs();
}

/// The jobs that are handed out to somebody else, in one go.
async fn taken(admin: &Http, max: usize) -> Vec<Value> {
    let mut jobs = Vec::new();
    let all = async {
        while jobs.len() < max {
            let wish = json!({"wait_ms": 60_000, "max": max - jobs.len()});
            let leased = admin.post("/v1/queues/q/leases", &wish).await;
            jobs.extend(leased.json["jobs"].as_array().expect("a list").iter().cloned());
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("they come back before their lease ends");
    jobs
}

// covers JOB-5 (a lease whose asker is gone before the answer comes back without costing an attempt)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_leased_for_a_connection_that_is_gone_comes_back_without_costing_an_attempt() {
    let disk = LossyDisk::new();
    let (_home, server, admin) = started(&disk, r#"{"sealing":"allowed"}"#).await;
    admin.post("/v1/queues/q/jobs", &job("x")).await;
    ask_and_leave(&server, &disk, "/v1/queues/q/leases", &json!({"lease_ms": LONG_LEASE})).await;
    assert_eq!(taken(&admin, 1).await[0]["attempt"], 1);
    server.stop().await.expect("a clean stop");
}

// covers JOB-5 (a lease written to a connection that dies under the answer comes back without costing an attempt)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_come_back_when_their_connection_ends_under_the_answer() {
    let disk = LossyDisk::new();
    let (_home, server, admin) = started(&disk, r#"{"sealing":"allowed"}"#).await;
    // Together far more than the buffers between the server and a client that does not read.
    for _ in 0..8 {
        let sent = admin.post("/v1/queues/q/jobs", &job(&"x".repeat(900_000))).await;
        assert_eq!(sent.status, 201, "{sent:?}");
    }
    let mut leaving = Wire::open(&server).await;
    leaving.post("/v1/queues/q/leases", &json!({"lease_ms": LONG_LEASE, "max": 8})).await;
    leaving.answer_begins().await;
    drop(leaving);
    for job in taken(&admin, 8).await {
        assert_eq!(job["attempt"], 1);
    }
    server.stop().await.expect("a clean stop");
}

// covers JOB-5 (an answer that was written is a lease, whatever its connection does then)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_answer_was_written_stays_with_its_worker() {
    let disk = LossyDisk::new();
    let (_home, server, admin) = started(&disk, r#"{"sealing":"allowed"}"#).await;
    admin.post("/v1/queues/q/jobs", &job("x")).await;
    let mut worker = Wire::open(&server).await;
    worker.post("/v1/queues/q/leases", &json!({"lease_ms": LONG_LEASE})).await;
    let receipt = worker.receipt().await;
    worker.leave().await;
    let empty = admin.post("/v1/queues/q/leases", &json!({"wait_ms": 1})).await;
    assert_eq!(empty.json, json!({"jobs": []}));
    let done = json!({"items": [{"receipt": receipt}]});
    assert_eq!(admin.post("/v1/leases:complete", &done).await.json["results"][0]["ok"], true);
    server.stop().await.expect("a clean stop");
}

// covers JOB-13 (a session held for nobody is given back)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_held_for_a_connection_that_is_gone_is_free_again() {
    let disk = LossyDisk::new();
    let settings = r#"{"sealing":"allowed","sessions":"on","session_idle_ms":600000}"#;
    let (_home, server, admin) = started(&disk, settings).await;
    let mut job = job("x");
    job["session_id"] = json!("s");
    let sent = admin.post("/v1/queues/q/jobs", &job).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    ask_and_leave(&server, &disk, "/v1/queues/q/sessions:accept", &json!({"hold_ms": 300_000})).await;
    let wish = json!({"session_id": "s", "wait_ms": 60_000});
    let accepted = admin.post("/v1/queues/q/sessions:accept", &wish);
    let accepted =
        tokio::time::timeout(Duration::from_secs(50), accepted).await.expect("long before the hold ends");
    assert!(accepted.json["session"]["receipt"].is_string(), "{accepted:?}");
    server.stop().await.expect("a clean stop");
}

// covers JOB-5 (long poll: the job goes to whoever waits)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_worker_gets_the_job_and_one_that_left_does_not() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let wait = |client: Http| {
        tokio::spawn(async move { client.post("/v1/queues/q/leases", &json!({"wait_ms": 300_000})).await })
    };
    let left = wait(Http::admin(&server));
    let waiting = wait(Http::admin(&server));
    tokio::task::yield_now().await;
    left.abort();
    admin.post("/v1/queues/q/jobs", &job("x")).await;
    let leased = tokio::time::timeout(DEADLINE, waiting)
        .await
        .expect("long before the wait is over")
        .expect("no panic");
    assert_eq!(leased.json["jobs"].as_array().map(Vec::len), Some(1), "{leased:?}");
    let empty = admin.post("/v1/queues/q/leases", &json!({"wait_ms": 1})).await;
    assert_eq!(empty.json, json!({"jobs": []}));
    server.stop().await.expect("a clean stop");
}
