//! Bulk work where the machine does not play along: the power goes, the disk is full.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::{Call, Fault, Loss, LossyDisk};
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::{DEADLINE, Home, Running, job_id};

async fn started() -> (Home, LossyDisk, Running, Http) {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    prepared(&disk).await;
    (home, disk, server, admin)
}

/// Waits for the next segment, which is made beside us: its calls are none of those that count.
async fn prepared(disk: &LossyDisk) {
    let prepared = async {
        while !disk.names().iter().any(|name| name == "prepared") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, prepared).await.expect("it is prepared");
}

/// So many dead jobs in `q`, at most a batch.
async fn kill(admin: &Http, count: usize) {
    let sent = admin.post("/v1/queues/q/jobs:batch", &json!({"jobs": vec![job("x"); count]})).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let leased = admin.post("/v1/queues/q/leases", &json!({"max": count})).await.json;
    let items: Vec<Value> = leased["jobs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| json!({"receipt": one["receipt"], "category": "permanent"}))
        .collect();
    assert_eq!(items.len(), count);
    let failed = admin.post("/v1/leases:fail", &json!({"items": items})).await;
    assert_eq!(failed.status, 200, "{failed:?}");
}

async fn dead(admin: &Http) -> Value {
    admin.get("/v1/queues/q").await.json["jobs"]["dead"].clone()
}

async fn until_none_is_dead(admin: &Http) {
    let all = async {
        while dead(admin).await != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("it goes on by itself");
}

// covers DLQ-1 (purge)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_that_the_power_interrupts_is_gone_on_with() {
    let (home, disk, server, admin) = started().await;
    for count in [1_000, 500] {
        kill(&admin, count).await;
    }
    // Their records are read: what is noted of them takes a sync as well.
    let known = async {
        let wish = json!({"filter": {"kind": "test"}});
        while admin.post("/v1/queues/q/dead:preview", &wish).await.json["not_known"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, known).await.expect("they are read");
    // The first sync is that of its begin, the second that of the first thousand, and the third never ends.
    disk.fail(Call::Sync, 3, Fault::PowerOffBefore);
    let begun = admin.send("POST", "/v1/queues/q/dead:purge", "").await.json;
    assert_eq!((&begun["running"], &begun["jobs"]), (&json!(true), &json!(1_500)), "{begun}");
    assert!(server.ended().await.is_err(), "it stood at its second slice");

    let server = home.start(Arc::new(disk.after_power_cut(Loss::Everything))).await;
    let admin = Http::admin(&server);
    until_none_is_dead(&admin).await;
    assert_eq!(admin.get("/v1/queues/q").await.json["jobs"]["cancelled"], 1_500);
    let none = admin.send("POST", "/v1/queues/q/dead:purge", "").await.json;
    assert_eq!((&none["running"], &none["jobs"]), (&json!(false), &json!(0)));
    server.stop().await.expect("a clean stop");
}

// covers REL-6 (full disk: new work refused, settle still possible)
// attack 75
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_has_no_room_for_redrives_and_bulk_work() {
    let (_home, disk, server, admin) = started().await;
    kill(&admin, 3).await;
    let page = admin.post("/v1/queues/q/dead:list", &json!({})).await.json;
    let redrive = format!("/v1/jobs/{}:redrive", page["jobs"][0]["id"].as_str().expect("an id"));
    admin.send("PUT", "/v1/queues/other", r#"{"sealing":"allowed"}"#).await;
    for queue in ["q", "other"] {
        assert_eq!(admin.post(&format!("/v1/queues/{queue}/jobs"), &job("x")).await.status, 201);
    }
    let receipt = admin.post("/v1/queues/q/leases", &json!({})).await.json["jobs"][0]["receipt"].clone();
    let whole = |id: &str| json!({"jobs": [{"id": id, "kind": "k", "body": "AA=="}], "atomic": true});
    let (known, new) = (job_id().to_string(), job_id().to_string());
    let accepted = admin.post("/v1/queues/other/jobs:batch", &whole(&known)).await.json;
    assert_eq!(accepted["results"][0]["state"], "ready", "{accepted}");
    let present = disk.names().iter().filter_map(|name| disk.contents(name)).map(|file| file.len()).sum();
    disk.set_capacity(Some(present));

    // Bulk work that begins while there is room, and in the same turn what fills the disk.
    disk.hold_syncs();
    let post = |path: &'static str, body: String| {
        let admin = admin.clone();
        tokio::spawn(async move { admin.send("POST", path, &body).await })
    };
    let first = post("/v1/queues/q:pause", String::new());
    let held = disk.clone();
    let syncs = tokio::task::spawn_blocking(move || held.wait_for_held_syncs(1)).await;
    assert!(syncs.expect("no panic"), "a sync is asked for");
    let waiting = |count: usize| {
        let queued = &server.queued;
        async move {
            let arrived = async {
                while queued.now() < count {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(DEADLINE, arrived).await.expect("it arrives");
        }
    };
    let begun = post("/v1/queues/q/dead:redrive", String::new());
    waiting(1).await;
    let large = job(&"x".repeat(1_000_000));
    let filled = post("/v1/queues/q/jobs:batch", json!({"jobs": vec![large.clone(); 11]}).to_string());
    waiting(2).await;
    disk.release_syncs();
    for asked in [first, begun, filled] {
        let answer = tokio::time::timeout(DEADLINE, asked).await.expect("an answer").expect("no panic");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(admin.post("/v1/queues/q/jobs", &large).await.problem(), "storage_full");
    assert_eq!(dead(&admin).await, 3, "bulk work that has begun waits");
    assert_eq!(admin.send("POST", &redrive, "").await.problem(), "storage_full");
    let refused = admin.post("/v1/queues/other/jobs:batch", &whole(&new)).await.json;
    assert_eq!(refused["results"][0]["error"]["code"], "storage_full", "{refused}");
    let again = admin.post("/v1/queues/other/jobs:batch", &whole(&known)).await.json;
    assert_eq!(again, accepted, "a repeat is answered all the same");
    let failed = json!({"items": [{"receipt": receipt, "category": "permanent"}]});
    let settled = admin.post("/v1/leases:fail", &failed).await;
    assert_eq!(settled.json["results"][0]["ok"], true, "the last room is for this: {settled:?}");
    assert_eq!(admin.send("POST", "/v1/queues/other:purge", "").await.problem(), "storage_full");
    assert_eq!(dead(&admin).await, 4);
    disk.set_capacity(None);
    let all = async {
        while dead(&admin).await != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("it goes on when there is room");
    server.stop().await.expect("a clean stop");
}
