//! The life of jobs as it is told to those who listen, through the door.

use std::sync::Arc;

use sealane_core::limits;
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::event_reader::Heard;
use crate::http::{Http, Reply, job};
use crate::support::{Home, Running};

async fn server() -> (Home, LossyDisk, Running, Http) {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    for queue in ["a.one", "b.one"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    (home, disk, server, admin)
}

impl Http {
    async fn send_job(&self, queue: &str) -> String {
        let sent = self.post(&format!("/v1/queues/{queue}/jobs"), &job("x")).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        sent.json["id"].as_str().expect("an id").to_owned()
    }

    async fn take_one(&self, queue: &str) -> Value {
        let leased = self.post(&format!("/v1/queues/{queue}/leases"), &json!({"lease_ms": 60_000})).await;
        leased.json["jobs"][0]["receipt"].clone()
    }

    async fn item(&self, verb: &str, item: Value) -> Reply {
        let done = self.post(&format!("/v1/leases:{verb}"), &json!({"items": [item]})).await;
        assert_eq!(done.json["results"][0]["ok"], true, "{done:?}");
        done
    }
}

fn in_short(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(Heard::in_short).collect()
}

fn ids(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|event| event.id.as_str()).collect()
}

// covers OBS-3 (the life of a job as events, in order)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jobs_life_is_told_in_order_and_only_while_somebody_may_see_it() {
    let (_home, _disk, server, admin) = server().await;
    let mut all = admin.listen("").await;
    let id = admin.send_job("a.one").await;
    let receipt = admin.take_one("a.one").await;
    admin.item("report", json!({"receipt": receipt, "seq": 0, "progress": {"percent": 40}})).await;
    admin.item("fail", json!({"receipt": receipt, "category": "temporary"})).await;
    assert_eq!(admin.send("POST", &format!("/v1/jobs/{id}:promote"), "").await.status, 200);
    admin.post(&format!("/v1/jobs/{id}:reprioritise"), &json!({"priority": "high"})).await;
    let receipt = admin.take_one("a.one").await;
    admin.item("fail", json!({"receipt": receipt, "category": "permanent"})).await;
    assert_eq!(admin.send("POST", &format!("/v1/jobs/{id}:redrive"), "").await.status, 200);
    let receipt = admin.take_one("a.one").await;
    admin.item("complete", json!({"receipt": receipt})).await;
    let heard = all.take(11).await;
    assert_eq!(
        in_short(&heard),
        [
            "accepted ready",
            "leased running",
            "progress running",
            "failed retrying",
            "promoted ready",
            "reprioritised ready",
            "leased running",
            "dead dead",
            "redriven ready",
            "leased running",
            "completed completed",
        ]
    );
    for event in &heard {
        assert_eq!((&event.data["job"], &event.data["queue"]), (&json!(id), &json!("a.one")), "{event:?}");
        assert_eq!(
            (&event.data["owner"], &event.data["id"]),
            (&json!("admin"), &json!(event.id)),
            "{event:?}"
        );
        assert!(event.data["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{event:?}");
    }
    assert_eq!(heard[2].data["percent"], 40);
    assert_eq!(heard[3].data["category"], "temporary");
    assert_eq!(heard[5].data["priority"], "high");
    assert_eq!(
        (&heard[7].data["category"], &heard[7].data["reason"]),
        (&json!("permanent"), &json!("permanent"))
    );
    assert_eq!(
        heard.iter().map(|event| event.data["attempt"].as_u64().expect("a number")).collect::<Vec<_>>(),
        [0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3]
    );
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (resume id)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_taken_up_again_without_loss_and_without_repeats() {
    let (_home, _disk, server, admin) = server().await;
    let mut first = admin.listen("").await;
    for _ in 0..5 {
        admin.send_job("a.one").await;
    }
    let before = first.take(3).await;
    drop(first);
    admin.send_job("a.one").await;
    let last = &before[2].id;
    // As a browser does it, as a person does it, and the browser's word counts.
    let by_header = admin.listen_behind("", Some(last)).await.take(3).await;
    let by_query = admin.listen(&format!("?after={last}")).await.take(3).await;
    let both = admin.listen_behind(&format!("?after={}", before[0].id), Some(last)).await.take(3).await;
    assert_eq!(in_short(&by_header), ["accepted ready"; 3]);
    assert_eq!((ids(&by_query), ids(&both)), (ids(&by_header), ids(&by_header)));
    let mut all: Vec<&str> = ids(&before);
    all.extend(ids(&by_header));
    let mut jobs: Vec<_> =
        before.iter().chain(&by_header).map(|event| event.data["job"].to_string()).collect();
    jobs.dedup();
    assert_eq!((all.len(), jobs.len()), (6, 6), "each job once: {all:?}");
    // Whoever begins with the id that the opening carried misses nothing either.
    let raw = admin.request("GET", "/v1/events", "").header("authorization", format!("Bearer {}", admin.key));
    let opening = raw.send().await.expect("an answer").chunk().await.expect("a piece").expect("a piece");
    let opening = String::from_utf8(opening.to_vec()).expect("text");
    let place = opening.lines().find_map(|line| line.strip_prefix("id: ")).expect("a place");
    assert_eq!(place, by_header[2].id, "{opening}");
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (a restart is a reset)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_from_before_a_restart_is_a_reset_and_the_stream_goes_on_from_there() {
    let (home, disk, server, admin) = server().await;
    let mut stream = admin.listen("").await;
    admin.send_job("a.one").await;
    let last = stream.next().await.expect("an event").id;
    server.stop().await.expect("a clean stop");
    let end = stream.next().await.expect("a last event");
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("draining")));
    assert!(stream.next().await.is_none(), "and nothing behind it");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    for last in [last.as_str(), "nonsense", "ffffffffffffffff-18446744073709551615"] {
        let mut again = admin.listen_behind("", Some(last)).await;
        let reset = again.next().await.expect("an event");
        assert_eq!(reset.name, "reset", "{last}");
        assert!(reset.data["detail"].as_str().is_some_and(|what| what.contains("anew")), "{reset:?}");
        admin.send_job("a.one").await;
        let next = again.next().await.expect("an event");
        assert_eq!(next.in_short(), "accepted ready");
        let behind = admin.listen_behind("", Some(&reset.id)).await.take(1).await;
        assert_eq!(ids(&behind), [next.id.as_str()], "its id is a place like any other");
    }
    assert_eq!(admin.get("/v1/events?after=nonsense").await.problem(), "invalid_request", "a person is told");
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (a reader that is too slow is told so)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_too_far_behind_gets_a_reset() {
    let (_home, _disk, server, admin) = server().await;
    // A name as long as a name may be: fewer events are kept.
    let sender = admin.made(&"p".repeat(limits::PRINCIPAL_BYTES_MAX), "submitter", &["**"]).await;
    let mut stream = sender.listen("").await;
    sender.send_job("a.one").await;
    let first = stream.next().await.expect("an event").id;
    let batch = json!({"jobs": vec![job("x"); 1_000]});
    let batches = limits::EVENTS_KEPT_BYTES_MAX / 1_000 / limits::PRINCIPAL_BYTES_MAX + 1;
    for _ in 0..batches {
        let sent = sender.post("/v1/queues/a.one/jobs:batch", &batch).await;
        assert_eq!(sent.status, 200, "{sent:?}");
    }
    let mut behind = sender.listen_behind("", Some(&first)).await;
    assert_eq!(behind.next().await.expect("an event").in_short(), "reset");
    sender.send_job("a.one").await;
    assert_eq!(behind.next().await.expect("an event").in_short(), "accepted ready", "and it goes on");
    server.stop().await.expect("a clean stop");
}
