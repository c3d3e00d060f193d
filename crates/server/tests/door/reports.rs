//! What workers say while they run jobs, through the door.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::Home;

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
