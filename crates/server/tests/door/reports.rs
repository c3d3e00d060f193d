//! What workers say while they run jobs, through the door.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::{DEADLINE, Home};

fn bytes(text: &str) -> Value {
    use base64::Engine as _;
    json!(base64::engine::general_purpose::STANDARD.encode(text))
}

impl Http {
    async fn report(&self, receipt: &Value, seq: u32, said: Value) -> Value {
        let mut item = json!({"receipt": receipt, "seq": seq});
        said.as_object().expect("an object").iter().for_each(|(name, value)| item[name] = value.clone());
        let reply = self.post("/v1/leases:report", &json!({"items": [item]})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json["results"][0].clone()
    }

    async fn lease_q(&self) -> Value {
        self.post("/v1/queues/q/leases", &json!({"lease_ms": 60_000})).await.json["jobs"][0].clone()
    }
}

// covers JOB-9 (progress, logs, checkpoints)
// covers REST-1 (checkpoints and logs)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_durable_shown_to_the_owner_and_hand_the_checkpoint_on() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let id = admin.post("/v1/queues/q/jobs", &job("x")).await.json["id"].as_str().expect("an id").to_owned();
    let leased = admin.lease_q().await;
    assert_eq!((leased.get("checkpoint"), leased.get("next_report")), (None, None));
    let receipt = leased["receipt"].clone();
    let said = json!({
        "progress": {"percent": 40, "message": bytes("heliotrope one")},
        "log": bytes("heliotrope two\n"),
        "checkpoint": bytes("heliotrope three"),
    });
    let done = admin.report(&receipt, 0, said.clone()).await;
    assert_eq!((&done["ok"], &done["state"]), (&json!(true), &json!("running")), "{done}");
    assert_eq!(admin.report(&receipt, 0, said).await["ok"], true, "once more is the same");
    let skipped = admin.report(&receipt, 2, json!({"log": ""})).await;
    assert_eq!(skipped["error"]["code"], "report_order");
    for (said, code) in [
        (json!({}), "invalid_request"),
        (json!({"progress": {"percent": 101}}), "invalid_request"),
        (json!({"log": bytes(&"x".repeat(65_537))}), "body_too_large"),
    ] {
        assert_eq!(admin.report(&receipt, 1, said).await["error"]["code"], code);
    }
    assert_eq!(admin.report(&receipt, 1, json!({"log": bytes(&"x".repeat(65_536))})).await["ok"], true);
    // Across a stop: the bytes come from the journal, and no word of them stands there in the clear.
    server.stop().await.expect("a clean stop");
    assert!(!disk.holds_anywhere(b"heliotrope"), "a report stands on the disk in the clear");
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    let shown = admin.get(&format!("/v1/jobs/{id}")).await.json;
    assert_eq!(shown["progress"]["percent"], 40, "{shown}");
    assert_eq!(shown["progress"]["message"], bytes("heliotrope one"));
    assert_eq!((&shown["checkpoint"]["seq"], &shown["checkpoint"]["size"]), (&json!(0), &json!(16)));
    assert_eq!(shown["log"], json!({"entries": 2, "dropped": 0}));
    let logs = format!("/v1/jobs/{id}/logs");
    let page = admin.post(&logs, &json!({"max": 1})).await.json;
    assert_eq!((&page["entries"][0]["bytes"], &page["more"]), (&bytes("heliotrope two\n"), &json!(true)));
    let page = admin.post(&logs, &json!({"after": {"attempt": 1, "seq": 0}})).await.json;
    assert_eq!((page["entries"].as_array().map(Vec::len), &page["more"]), (Some(1), &json!(false)));
    assert_eq!(admin.post(&logs, &json!({"max": 101})).await.status, 400);

    // A worker who did not send the job sees that something was said, and not what.
    let worker = admin.made("someone", "worker", &["**"]).await;
    let shown = worker.get(&format!("/v1/jobs/{id}")).await.json;
    assert_eq!((&shown["progress"]["percent"], shown["progress"].get("message")), (&json!(40), None));
    let page = worker.post(&logs, &json!({})).await.json;
    assert_eq!((&page["entries"][0]["seq"], page["entries"][0].get("bytes")), (&json!(0), None));
    let stranger = admin.made("stranger", "submitter", &["**"]).await;
    assert_eq!(stranger.post(&logs, &json!({})).await.status, 404, "not even that");

    // attack 47: another principal's receipt, and an old one.
    let other = worker.report(&receipt, 2, json!({"progress": {"percent": 1}})).await;
    assert_eq!(other["error"]["code"], "lease_lost");
    admin.post("/v1/leases:fail", &json!({"items": [{"receipt": receipt, "retry_after_ms": 0}]})).await;
    let old = admin.report(&receipt, 2, json!({"progress": {"percent": 1}})).await;
    assert_eq!(old["error"]["code"], "lease_lost");
    let again = worker.lease_q().await;
    let checkpoint = json!({"attempt": 1, "seq": 0, "bytes": bytes("heliotrope three")});
    assert_eq!((&again["attempt"], &again["checkpoint"]), (&json!(2), &checkpoint));
    let receipt = again["receipt"].clone();
    worker.post("/v1/leases:complete", &json!({"items": [{"receipt": receipt}]})).await;
    let shown = admin.get(&format!("/v1/jobs/{id}")).await.json;
    assert_eq!((&shown["state"], shown.get("checkpoint")), (&json!("completed"), None));
    server.stop().await.expect("a clean stop");
}

// covers JOB-9 (wait for a result: woken by the end, cut by nothing but its time, a stop and a revoked key)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_job_hears_of_its_end_of_a_stop_and_of_a_revoked_key() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let sent = || async {
        admin.post("/v1/queues/q/jobs", &job("x")).await.json["id"].as_str().expect("an id").to_owned()
    };
    let waits = |http: Http, id: &str, wait_ms: u64| {
        let path = format!("/v1/jobs/{id}:wait");
        tokio::spawn(async move { http.post(&path, &json!({"wait_ms": wait_ms})).await })
    };
    let id = sent().await;
    let (first, second) = (waits(admin.clone(), &id, 300_000), waits(admin.clone(), &id, 300_000));
    let soon = admin.post(&format!("/v1/jobs/{id}:wait"), &json!({"wait_ms": 20})).await;
    assert_eq!((soon.status, &soon.json["state"]), (200, &json!("ready")), "its time was up: {soon:?}");
    let receipt = admin.lease_q().await["receipt"].clone();
    assert!(!first.is_finished() && !second.is_finished());
    let item = json!({"receipt": receipt, "result": bytes("done")});
    admin.post("/v1/leases:complete", &json!({"items": [item]})).await;
    for waiting in [first, second, waits(admin.clone(), &id, 300_000)] {
        let seen = tokio::time::timeout(DEADLINE, waiting).await.expect("it is woken").expect("no panic");
        assert_eq!((&seen.json["state"], &seen.json["result"]), (&json!("completed"), &bytes("done")));
    }
    // Together with others or not at all is an end as well.
    let id = sent().await;
    let waiting = waits(admin.clone(), &id, 300_000);
    let receipt = admin.lease_q().await["receipt"].clone();
    let done = json!({"items": [{"receipt": receipt}], "atomic": true});
    assert_eq!(admin.post("/v1/leases:complete", &done).await.json["results"][0]["ok"], true);
    let seen = tokio::time::timeout(DEADLINE, waiting).await.expect("it is woken").expect("no panic");
    assert_eq!(seen.json["state"], "completed");
    // And so is the end of a job that it waited for itself.
    let parent = sent().await;
    let mut child = job("x");
    child["after"] = json!([parent]);
    let child = admin.post("/v1/queues/q/jobs", &child).await.json["id"].as_str().expect("an id").to_owned();
    let waiting = waits(admin.clone(), &child, 300_000);
    // A look of a moment, which begins behind the wait: it is there by now.
    let looked = admin.post(&format!("/v1/jobs/{child}:wait"), &json!({"wait_ms": 20})).await;
    assert_eq!(looked.json["state"], "blocked");
    let receipt = admin.lease_q().await["receipt"].clone();
    let failed = json!({"items": [{"receipt": receipt, "category": "permanent"}]});
    assert_eq!(admin.post("/v1/leases:fail", &failed).await.json["results"][0]["state"], "dead");
    let seen = tokio::time::timeout(DEADLINE, waiting).await.expect("it is woken").expect("no panic");
    assert_eq!(seen.json["state"], "dead");
    // Whoever may not see the job waits for nothing.
    let stranger = admin.made("stranger", "submitter", &["**"]).await;
    assert_eq!(stranger.post(&format!("/v1/jobs/{id}:wait"), &json!({})).await.status, 404);

    let id = sent().await;
    let worker = admin.made("someone", "worker", &["**"]).await;
    let waiting = waits(worker.clone(), &id, 300_000);
    // A look with the same key shows that the server has it; then it is revoked, and the job ends.
    assert_eq!(worker.get(&format!("/v1/jobs/{id}")).await.status, 200);
    let keys = admin.get("/v1/access/keys").await.json;
    let key = keys["keys"].as_array().expect("keys").iter().find(|key| key["principal"] == "someone");
    let key = key.expect("the key")["id"].as_str().expect("an id").to_owned();
    assert_eq!(admin.send("DELETE", &format!("/v1/access/keys/{key}"), "").await.status, 200);
    admin.send("POST", &format!("/v1/jobs/{id}:cancel"), "{}").await;
    let seen = tokio::time::timeout(DEADLINE, waiting).await.expect("it is woken").expect("no panic");
    assert_eq!(seen.status, 401, "a key that was revoked meanwhile sees nothing: {seen:?}");

    let id = sent().await;
    let waiting = waits(admin.clone(), &id, 300_000);
    assert_eq!(admin.get(&format!("/v1/jobs/{id}")).await.status, 200);
    server.stop().await.expect("a clean stop");
    let seen = tokio::time::timeout(DEADLINE, waiting).await.expect("it is let go");
    // Its request came before the stop and is answered, or after and finds nobody.
    assert!(seen.is_err() || seen.is_ok_and(|seen| seen.json["state"] == "ready"));
}
