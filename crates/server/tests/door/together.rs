//! Batches that are done whole or not at all, through the door and through power cuts.

use std::sync::Arc;

use sealane::Provider as _;
use sealane_api::v1::{JobBatchIn, JobBatchResult, JobIn};
use sealane_storage::testing::lossy_disk::{Call, Fault, Loss, LossyDisk};
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::{Home, enqueue, job_id, plain, queue};

fn codes(results: &Value) -> Vec<&str> {
    let of = |result: &'_ Value| -> &str {
        match result["error"]["code"].as_str() {
            Some("not_done") => "not_done",
            Some("invalid_request") => "invalid_request",
            Some("job_id_conflict") => "job_id_conflict",
            Some("limit_exceeded") => "limit_exceeded",
            Some("body_too_large") => "body_too_large",
            Some("lease_lost") => "lease_lost",
            Some(other) => panic!("{other}"),
            None => "ok",
        }
    };
    results["results"].as_array().expect("results").iter().map(of).collect()
}

// covers JOB-10
// covers JOB-10 (atomic batches: enqueue and settle)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_atomic_request_is_done_whole_or_not_at_all_and_says_why() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed","max_depth":4}"#).await;
    let ready = || async { admin.get("/v1/queues/q").await.json["jobs"]["ready"].clone() };
    let batch = |jobs: Vec<Value>| {
        let admin = &admin;
        async move { admin.post("/v1/queues/q/jobs:batch", &json!({"jobs": jobs, "atomic": true})).await }
    };
    let mut bad = job("x");
    bad["max_attempts"] = json!(0);
    let refused = batch(vec![job("a"), bad.clone(), job("b")]).await;
    assert_eq!(codes(&refused.json), ["not_done", "invalid_request", "not_done"], "{refused:?}");
    let mut unread = job("x");
    unread["tags"] = json!([""]);
    assert_eq!(codes(&batch(vec![unread, job("b")]).await.json), ["invalid_request", "not_done"]);
    let refused = batch((0..5).map(|n| job(&n.to_string())).collect()).await;
    assert_eq!(codes(&refused.json)[3..], ["not_done", "limit_exceeded"], "the depth counts for all");
    let large = "a".repeat(900_000);
    let taken = batch((0..4).map(|_| job(&large)).collect()).await;
    assert_eq!(taken.json["results"][0]["state"], "ready", "what fits one segment is taken");
    for _ in 0..4 {
        let leased = admin.post("/v1/queues/q/leases", &json!({})).await;
        let items = json!({"items": [{"receipt": leased.json["jobs"][0]["receipt"]}], "atomic": true});
        assert_eq!(codes(&admin.post("/v1/leases:complete", &items).await.json), ["ok"]);
    }
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let refused = batch((0..5).map(|_| job(&large)).collect()).await;
    assert_eq!(codes(&refused.json), ["body_too_large"; 5], "more than one segment holds");
    assert_eq!(ready().await, 0, "nothing of all this was accepted");

    let ids: Vec<String> = (0..3).map(|_| job_id().to_string()).collect();
    let jobs = || ids.iter().map(|id| json!({"id": id, "kind": "k", "body": "AA=="})).collect::<Vec<_>>();
    let done = batch(jobs()).await;
    assert_eq!(codes(&done.json), ["ok"; 3], "{done:?}");
    assert_eq!(batch(jobs()).await.json, done.json, "the same again");
    let mut other = jobs();
    other[1]["body"] = json!("AAE=");
    assert_eq!(codes(&batch(other).await.json), ["not_done", "job_id_conflict", "not_done"]);
    assert_eq!(ready().await, 3);

    let leased = admin.post("/v1/queues/q/leases", &json!({"max": 3})).await;
    let receipts: Vec<Value> =
        (0..3).map(|at| json!({"receipt": leased.json["jobs"][at]["receipt"]})).collect();
    let settle = |verb: &'static str, items: Vec<Value>| {
        let admin = &admin;
        async move {
            admin.post(&format!("/v1/leases:{verb}"), &json!({"items": items, "atomic": true})).await.json
        }
    };
    let forged = vec![receipts[0].clone(), json!({"receipt": "nonsense"})];
    assert_eq!(codes(&settle("complete", forged).await), ["not_done", "lease_lost"]);
    assert_eq!(codes(&settle("complete", vec![receipts[0].clone()]).await), ["ok"]);
    let mixed = vec![receipts[1].clone(), receipts[0].clone()];
    assert_eq!(codes(&settle("fail", mixed).await), ["not_done", "lease_lost"]);
    assert_eq!(admin.get("/v1/queues/q").await.json["jobs"]["running"], 2);
    assert_eq!(codes(&settle("complete", receipts).await), ["ok"; 3], "a repeat and two more");
    let extend = admin.post("/v1/leases:extend", &json!({"items": [], "atomic": true})).await;
    assert_eq!(extend.problem(), "unknown_field", "leases are made longer each for itself");
    server.stop().await.expect("a clean stop");
}

// covers JOB-10 (nothing of a batch that was refused is stored)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_whole_is_not_stored_either() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let ids: Vec<String> = (0..5).map(|_| job_id().to_string()).collect();
    let large = |id: &String| {
        let mut large = job(&"a".repeat(900_000));
        large["id"] = json!(id);
        large
    };
    let batch = json!({"jobs": ids.iter().map(large).collect::<Vec<_>>(), "atomic": true});
    let refused = admin.post("/v1/queues/q/jobs:batch", &batch).await;
    assert_eq!(codes(&refused.json), ["body_too_large"; 5], "more than one segment holds");
    // What is stored next makes everything durable that was written before it.
    assert_eq!(admin.post("/v1/queues/q/jobs", &job("b")).await.status, 201);
    server.stop().await.expect("a clean stop");

    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    for id in &ids {
        assert_eq!(admin.get(&format!("/v1/jobs/{id}")).await.status, 404);
    }
    assert_eq!(admin.get("/v1/queues/q").await.json["jobs"]["ready"], 1);
    server.stop().await.expect("a clean stop");
}

/// Twelve jobs of ninety kilobytes: four such batches and what is between them fill more than one segment.
fn batch() -> JobBatchIn {
    let job = |number: u8| JobIn {
        id: Some(job_id().to_string()),
        kind: "together".into(),
        body: vec![number; 90_000].into(),
        ..JobIn::default()
    };
    JobBatchIn { jobs: (0..12).map(job).collect(), atomic: true }
}

// covers JOB-10 (no power cut leaves half of an atomic batch)
// attack 73
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_at_any_sync_leaves_all_of_an_atomic_batch_or_nothing() {
    for nth in 1..=14 {
        for (fault, loss) in [
            (Fault::PowerOffBefore, Loss::Everything),
            (Fault::PowerOffAfter, Loss::Everything),
            (Fault::PowerOffBefore, Loss::Seeded(nth)),
        ] {
            let (home, disk) = (Home::new(), LossyDisk::new());
            let server = home.start(Arc::new(disk.clone())).await;
            let remote = server.remote();
            remote.put_queue(&queue("orders"), &plain()).await.expect("a queue");
            disk.fail(Call::Sync, nth, fault);
            let (mut sent, mut acknowledged) = (Vec::new(), 0);
            loop {
                if enqueue(&remote, "between").await.is_err() {
                    break;
                }
                let batch = batch();
                sent.push(batch.clone());
                let Ok(answer) = remote.enqueue_batch(&queue("orders"), &batch).await else { break };
                assert!(answer.results.iter().all(|one| matches!(one, JobBatchResult::Accepted(_))));
                acknowledged = sent.len();
            }
            assert!(server.ended().await.is_err(), "a failed sync ends the server");

            let server = home.start(Arc::new(disk.after_power_cut(loss))).await;
            let remote = server.remote();
            for (place, batch) in sent.iter().enumerate() {
                let mut there = 0;
                for job in &batch.jobs {
                    let id =
                        sealane::JobId::parse(job.id.as_ref().expect("an id")).expect("it was made from one");
                    there += usize::from(remote.job(id).await.is_ok());
                }
                let whole = there == batch.jobs.len();
                assert!(whole || there == 0, "half of a batch ({nth}, {fault:?}): {there}");
                assert!(whole || place >= acknowledged, "an acknowledged batch is lost ({nth}, {fault:?})");
                let again = remote.enqueue_batch(&queue("orders"), batch).await.expect("an answer");
                assert!(again.results.iter().all(|one| matches!(one, JobBatchResult::Accepted(_))));
            }
            server.stop().await.expect("a clean stop");
        }
    }
}
