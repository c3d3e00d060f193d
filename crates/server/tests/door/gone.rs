//! Workers that go away without a word.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::json;

use crate::http::{Http, job};
use crate::support::{DEADLINE, Home};

// covers JOB-5 (a lease that reaches nobody comes back without costing an attempt)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_leased_to_a_connection_that_is_gone_comes_back_without_costing_an_attempt() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    // Whether the server hears of the closed connection before its answer is on the way is a race that it
    // cannot always win: then the lease ends by time and the attempt counts. It must win some of these.
    for _ in 0..20 {
        admin.post("/v1/queues/q/jobs", &job("x")).await;
        // The lease is decided and waits for its sync; then its caller leaves.
        disk.hold_syncs();
        let leaving = {
            let admin = Http::admin(&server);
            tokio::spawn(async move { admin.post("/v1/queues/q/leases", &json!({"lease_ms": 500})).await })
        };
        let held = disk.clone();
        tokio::task::spawn_blocking(move || held.wait_for_held_syncs(1)).await.expect("a sync is asked for");
        leaving.abort();
        assert!(leaving.await.expect_err("it left").is_cancelled());
        // A pause lets the server hear of it first; nothing that is asserted depends on its length.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        disk.release_syncs();
        let back = async {
            loop {
                let leased = admin.post("/v1/queues/q/leases", &json!({"wait_ms": 1_000})).await;
                if let Some(job) = leased.json["jobs"].as_array().and_then(|jobs| jobs.first()) {
                    let done = json!({"items": [{"receipt": job["receipt"]}]});
                    assert_eq!(admin.post("/v1/leases:complete", &done).await.json["results"][0]["ok"], true);
                    return job["attempt"].clone();
                }
            }
        };
        if tokio::time::timeout(DEADLINE, back).await.expect("it comes back") == 1 {
            return server.stop().await.expect("a clean stop");
        }
    }
    panic!("every attempt that reached nobody was counted");
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
