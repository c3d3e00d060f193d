//! Idempotency keys and unique keys, through the door.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, Reply, job};
use crate::support::{Home, Running, job_id};

async fn started() -> (Home, LossyDisk, Running, Http) {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    for queue in ["q", "other"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    (home, disk, server, admin)
}

/// A plain job with something more.
#[expect(clippy::needless_pass_by_value, reason = "what `json!` makes is handed over as it is")]
fn with(body: &str, more: Value) -> Value {
    let mut job = job(body);
    more.as_object().expect("an object").iter().for_each(|(name, value)| job[name] = value.clone());
    job
}

async fn send(to: &Http, queue: &str, job: &Value) -> Reply {
    to.post(&format!("/v1/queues/{queue}/jobs"), job).await
}

async fn work(admin: &Http) {
    let leased = admin.post("/v1/queues/q/leases", &json!({})).await;
    let items = json!({"items": [{"receipt": leased.json["jobs"][0]["receipt"]}]});
    assert_eq!(admin.post("/v1/leases:complete", &items).await.json["results"][0]["ok"], true);
}

// covers JOB-7
// covers JOB-7 (idempotency keys: the first answer, its scope, a conflict, a restart)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_under_a_key_gets_the_first_answer_and_another_body_a_conflict() {
    let (home, disk, server, admin) = started().await;
    let wish = with("pay 17", json!({"idempotency_key": "order 17", "delay_ms": 1}));
    let first = send(&admin, "q", &wish).await;
    assert_eq!((first.status, &first.json["state"]), (201, &json!("delayed")), "{first:?}");
    work_when_ready(&admin).await;
    let again = send(&admin, "q", &with("pay 17", json!({"idempotency_key": "order 17"}))).await;
    assert_eq!((again.status, &again.json), (200, &first.json), "when it is done, with other wishes");
    let given = with("pay 17", json!({"idempotency_key": "order 17", "id": job_id().to_string()}));
    assert_eq!(send(&admin, "q", &given).await.json, first.json, "under another id");
    let other = send(&admin, "q", &with("pay 18", json!({"idempotency_key": "order 17"}))).await;
    assert_eq!((other.status, other.problem()), (409, "idempotency_conflict"), "{other:?}");
    let kind = json!({"kind": "refund", "body": wish["body"], "idempotency_key": "order 17"});
    assert_eq!(send(&admin, "q", &kind).await.problem(), "idempotency_conflict");

    // Another queue, another sender, another key.
    assert_eq!(send(&admin, "other", &wish).await.status, 201);
    let shop = admin.made("shop", "submitter", &["*"]).await;
    assert_eq!(send(&shop, "q", &with("x", json!({"idempotency_key": "order 17"}))).await.status, 201);
    assert_eq!(send(&admin, "q", &with("x", json!({"idempotency_key": "order 18"}))).await.status, 201);
    server.stop().await.expect("a clean stop");

    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let again = send(&admin, "q", &with("pay 17", json!({"idempotency_key": "order 17"}))).await;
    assert_eq!((again.status, &again.json), (200, &first.json), "after a restart");
    server.stop().await.expect("a clean stop");
}

async fn work_when_ready(admin: &Http) {
    let leased = admin.post("/v1/queues/q/leases", &json!({"wait_ms": 30_000})).await;
    let items = json!({"items": [{"receipt": leased.json["jobs"][0]["receipt"]}]});
    assert_eq!(admin.post("/v1/leases:complete", &items).await.json["results"][0]["ok"], true);
}

// covers API-1 (Idempotency-Key)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_may_stand_in_the_header() {
    let (_home, _disk, server, admin) = started().await;
    let path = "/v1/queues/q/jobs";
    let with_header = |path: &str, body: &Value, keys: &[&str]| {
        let mut request = admin.request("POST", path, &body.to_string());
        request = request.header("authorization", format!("Bearer {}", admin.key));
        for key in keys {
            request = request.header("Idempotency-Key", *key);
        }
        Http::reply(request)
    };
    let first = with_header(path, &job("x"), &["k1"]).await.expect("an answer");
    assert_eq!(first.status, 201, "{first:?}");
    let again = with_header(path, &job("x"), &["k1"]).await.expect("an answer");
    assert_eq!((again.status, &again.json), (200, &first.json));
    let in_body = send(&admin, "q", &with("x", json!({"idempotency_key": "k1"}))).await;
    assert_eq!((in_body.status, &in_body.json), (200, &first.json), "it is the same key");
    let both = with("x", json!({"idempotency_key": "k1"}));
    assert_eq!(with_header(path, &both, &["k1"]).await.expect("an answer").status, 200);
    for (path, body, keys) in [
        (path, both, vec!["k2"]),
        (path, job("x"), vec!["k1", "k1"]),
        (path, job("x"), vec![""]),
        ("/v1/queues/q/jobs:batch", json!({"jobs": [job("x")]}), vec!["k1"]),
    ] {
        let refused = with_header(path, &body, &keys).await.expect("an answer");
        assert_eq!((refused.status, refused.problem()), (400, "invalid_request"), "{keys:?} {refused:?}");
    }
    server.stop().await.expect("a clean stop");
}

// covers JOB-7 (sealed bodies are compared by what their sender says)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_body_is_compared_by_its_fingerprint() {
    let (_home, _disk, server, admin) = started().await;
    let admin = &admin;
    let sealed = |more: Value| async move {
        let id = job_id();
        let body = crate::bad_input::sealed(&id, "q").await;
        let mut job = crate::bad_input::sealed_job(Some(&id), &body);
        more.as_object().expect("an object").iter().for_each(|(name, value)| job[name] = value.clone());
        send(admin, "q", &job).await
    };
    let (one, two) = ("AAAAAAAAAAAAAAAAAAAAAA==", "AQAAAAAAAAAAAAAAAAAAAA==");
    let refused = sealed(json!({"idempotency_key": "k"})).await;
    assert_eq!((refused.status, refused.problem()), (400, "invalid_request"));
    assert!(refused.json["detail"].as_str().expect("a text").contains("body_fingerprint"), "{refused:?}");
    let short = sealed(json!({"idempotency_key": "k", "body_fingerprint": "AAAA"})).await;
    assert_eq!(short.problem(), "invalid_request");
    let first = sealed(json!({"idempotency_key": "k", "body_fingerprint": one})).await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = sealed(json!({"idempotency_key": "k", "body_fingerprint": one})).await;
    assert_eq!((again.status, &again.json), (200, &first.json), "sealed anew, under a new id");
    let other = sealed(json!({"idempotency_key": "k", "body_fingerprint": two})).await;
    assert_eq!((other.status, other.problem()), (409, "idempotency_conflict"));
    server.stop().await.expect("a clean stop");
}

// covers JOB-7 (unique: refuse and merge)
// attack 43
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_job_of_a_unique_key_is_on_its_way_and_named_to_those_who_may_see_it() {
    let (home, disk, server, admin) = started().await;
    let unique = |body: &str, on_conflict: &str| {
        with(body, json!({"unique": {"key": "report", "on_conflict": on_conflict}}))
    };
    let first = send(&admin, "q", &unique("a", "refuse")).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.json.get("merged"), None);
    let refused = send(&admin, "q", &with("b", json!({"unique": {"key": "report"}}))).await;
    assert_eq!((refused.status, refused.problem()), (409, "unique_conflict"));
    assert_eq!(refused.json["job_id"], first.json["id"], "{refused:?}");
    let shop = admin.made("shop", "submitter", &["*"]).await;
    let hidden = send(&shop, "q", &unique("c", "refuse")).await;
    assert_eq!((hidden.problem(), hidden.json.get("job_id")), ("unique_conflict", None), "{hidden:?}");
    let merged = send(&shop, "q", &unique("c", "merge")).await;
    assert_eq!((merged.status, &merged.json["id"]), (200, &first.json["id"]));
    assert_eq!(merged.json["merged"], true);
    assert_eq!(send(&shop, "other", &unique("c", "refuse")).await.status, 201, "another queue");
    let wrong = send(&admin, "q", &unique("c", "replace")).await;
    assert_eq!(wrong.problem(), "invalid_request");
    server.stop().await.expect("a clean stop");

    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    assert_eq!(send(&admin, "q", &unique("b", "refuse")).await.problem(), "unique_conflict", "a restart");
    work(&admin).await;
    let second = send(&admin, "q", &unique("b", "refuse")).await;
    assert_eq!(second.status, 201, "{second:?}");
    let id = second.json["id"].as_str().expect("an id");
    assert_eq!(admin.send("POST", &format!("/v1/jobs/{id}:cancel"), "{}").await.status, 200);
    let third = send(&admin, "q", &unique("c", "refuse")).await;
    assert_eq!(third.status, 201, "{third:?}");
    let refused = admin.send("POST", &format!("/v1/jobs/{id}:redrive"), "").await;
    assert_eq!((refused.status, refused.problem()), (409, "unique_conflict"), "{refused:?}");
    server.stop().await.expect("a clean stop");
}

// attack 55
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_out_of_its_bounds_is_refused() {
    let (_home, _disk, server, admin) = started().await;
    for bad in ["0", "999", "-1", "2592000001", "9223372036854775808", "18446744073709551615", "1e18", "1.5"]
    {
        let body = format!(r#"{{"idempotency_window_ms":{bad}}}"#);
        let refused = admin.send("PUT", "/v1/queues/q", &body).await;
        assert_eq!((refused.status, refused.problem()), (400, "invalid_request"), "{bad}: {refused:?}");
    }
    let set = admin.send("PUT", "/v1/queues/q", r#"{"idempotency_window_ms":1000}"#).await;
    assert_eq!(set.json["idempotency_window_ms"], 1_000);
    assert_eq!(admin.get("/v1/queues/other").await.json["idempotency_window_ms"], 86_400_000);
    server.stop().await.expect("a clean stop");
}
