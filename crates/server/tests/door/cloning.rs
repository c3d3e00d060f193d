//! Clones through the door: who may read an ended job's body, and what the queue itself says about a clone.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealane_core::sealed::CONTENT_TYPE;
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

impl Http {
    async fn offered(&self, wish: Value) -> Reply {
        let mut body = job("canary");
        wish.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
        self.post("/v1/queues/q/jobs", &body).await
    }

    async fn new_job(&self, wish: Value) -> String {
        let sent = self.offered(wish).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        sent.json["id"].as_str().expect("an id").to_owned()
    }

    /// Sends a job and ends it.
    async fn ended(&self, wish: Value) -> String {
        let id = self.new_job(wish).await;
        let cancelled = self.post(&format!("/v1/jobs/{id}:cancel"), &json!({})).await;
        assert_eq!(cancelled.json["state"], "cancelled", "{cancelled:?}");
        id
    }

    async fn body_of(&self, id: &str, wish: Value) -> Reply {
        self.post(&format!("/v1/jobs/{id}/body"), &wish).await
    }
}

// covers JOB-2 (clone: who may)
// covers RBAC-1 (a body is its owner's, and an admin's with a reason)
// attack 39
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_read_by_its_owner_and_by_an_admin_who_says_why() {
    let (_home, _disk, server, admin) = started().await;
    let submitter = admin.made("ann", "submitter", &["q"]).await;
    let stranger = admin.made("bob", "submitter", &["**"]).await;
    let worker = admin.made("wes", "worker", &["**"]).await;
    let elsewhere = admin.made("ann", "submitter", &["other"]).await;
    let all = json!({
        "content_type": "text/plain", "attributes": {"a": "1"}, "session_id": "s", "correlation_id": "c",
        "subject": "u", "tags": ["t"], "priority": "low", "max_attempts": 7,
        "retry": {"backoff": "linear", "base_ms": 5, "cap_ms": 6, "jitter_percent": 7},
    });
    let id = submitter.ended(all.clone()).await;

    let own = submitter.send("POST", &format!("/v1/jobs/{id}/body"), "").await;
    assert_eq!((own.status, &own.json["state"]), (200, &json!("cancelled")), "{own:?}");
    assert_eq!((&own.json["queue"], &own.json["body"]), (&json!("q"), &job("canary")["body"]));
    for (name, value) in all.as_object().expect("an object") {
        assert_eq!(&own.json[name], value, "{name}");
    }
    for other in [&stranger, &worker, &elsewhere] {
        let refused = other.body_of(&id, json!({"reason": "curious"})).await;
        assert_eq!((refused.status, refused.problem()), (404, "not_found"));
    }
    let silent = admin.body_of(&id, json!({})).await;
    assert_eq!(silent.problem(), "invalid_request");
    assert!(silent.text.contains("reason") && !silent.text.contains(&own.json["body"].to_string()));
    assert_eq!(admin.body_of(&id, json!({"reason": "a\nb"})).await.problem(), "invalid_request");
    let told = admin.body_of(&id, json!({"reason": "ticket 7"})).await;
    assert_eq!((told.status, &told.json), (200, &own.json));
    // Own ones need none.
    let admins = admin.ended(json!({})).await;
    assert_eq!(admin.body_of(&admins, json!({})).await.status, 200);

    // Nobody reads one that has not ended, whatever its state.
    let waiting = submitter.new_job(json!({})).await;
    let refused = submitter.body_of(&waiting, json!({})).await;
    assert_eq!(refused.problem(), "job_state");
    assert!(refused.text.contains("only one that has ended is cloned"), "{refused:?}");
    let leased = worker.post("/v1/queues/q/leases", &json!({})).await.json["jobs"][0].clone();
    assert_eq!(submitter.body_of(&waiting, json!({})).await.problem(), "job_state");
    // One in dead-letter is its owner's still.
    let failed = json!({"items": [{"receipt": leased["receipt"], "category": "permanent"}]});
    assert_eq!(worker.post("/v1/leases:fail", &failed).await.json["results"][0]["state"], "dead");
    assert_eq!(submitter.body_of(&waiting, json!({})).await.status, 200);
    assert_eq!(stranger.body_of(&waiting, json!({})).await.problem(), "not_found");
    server.stop().await.expect("a clean stop");
}

// covers JOB-2 (clone: what the queue says about it)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_names_an_original_that_has_ended_and_that_its_sender_sees() {
    let (home, disk, server, admin) = started().await;
    let submitter = admin.made("ann", "submitter", &["q"]).await;
    let stranger = admin.made("bob", "submitter", &["q"]).await;
    let id = submitter.ended(json!({})).await;
    let unknown = json!(job_id().to_string());
    let hidden = stranger.offered(json!({"clone_of": id})).await;
    let missing = stranger.offered(json!({"clone_of": unknown})).await;
    assert_eq!((hidden.status, hidden.problem()), (404, "not_found"));
    let words = |reply: &Reply, job: &Value| {
        reply.json["detail"].as_str().expect("a text").replace(job.as_str().expect("a text"), "")
    };
    assert_eq!(words(&hidden, &json!(id)), words(&missing, &unknown), "unknown and hidden look alike");

    let clone = json!({"id": job_id().to_string(), "clone_of": id});
    let sent = submitter.offered(clone.clone()).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    assert_eq!(submitter.offered(clone.clone()).await.json, sent.json, "a repeat");
    let other = json!({"id": clone["id"], "clone_of": submitter.ended(json!({})).await});
    assert_eq!(submitter.offered(other).await.problem(), "job_id_conflict", "a clone of another one");
    let running = submitter.new_job(json!({})).await;
    assert_eq!(submitter.offered(json!({"clone_of": running})).await.problem(), "job_state");
    assert_eq!(submitter.offered(json!({"clone_of": "x"})).await.problem(), "invalid_request");
    let schedule =
        json!({"queue": "q", "every_ms": 86_400_000, "job": {"kind": "k", "body": "", "clone_of": id}});
    let refused = admin.send("PUT", "/v1/schedules/s", &schedule.to_string()).await;
    assert_eq!(refused.problem(), "invalid_request");

    // It stays known whose clone it is, and its worker hears of it.
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let shown = admin.get(&format!("/v1/jobs/{}", clone["id"].as_str().expect("a text"))).await;
    assert_eq!(shown.json["clone_of"], json!(id), "{shown:?}");
    let leased = admin.post("/v1/queues/q/leases", &json!({})).await;
    assert_eq!(leased.json["jobs"][0]["clone_of"], json!(id), "{leased:?}");
    server.stop().await.expect("a clean stop");
}

/// A body that has the form of a sealed one. Whether it opens is not the server's to know.
fn sealed(id: &str, clone_of: Option<&str>) -> Value {
    let bytes = |id: &str| *sealane::JobId::parse(id).expect("an id").as_bytes();
    let mut extensions = Vec::new();
    if let Some(original) = clone_of {
        extensions.extend([3, 0, 16]);
        extensions.extend(bytes(original));
    }
    let length = u16::try_from(extensions.len()).expect("short");
    let mut body = [&b"QRE2\x01\x00"[..], &(91 + length).to_be_bytes(), &bytes(id)].concat();
    body.extend(1_767_225_600_000_u64.to_be_bytes());
    body.extend([0; 8 + 32 + 16 + 1]);
    body.extend(length.to_be_bytes());
    body.extend(extensions);
    body.extend([0; 32 + 12 + 2 + 16]);
    json!(STANDARD.encode(body))
}

// covers JOB-2 (clone: seal and request name the same job)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_seal_says_of_a_clone_is_what_the_request_says() {
    let (_home, _disk, server, admin) = started().await;
    let (first, second) = (admin.ended(json!({})).await, admin.ended(json!({})).await);
    let (first, second) = (Some(&*first), Some(&*second));
    for (asked, inside, status) in
        [(None, None, 201), (first, first, 201), (first, second, 400), (first, None, 400), (None, first, 400)]
    {
        let id = job_id().to_string();
        let mut wish = json!({"id": id, "content_type": CONTENT_TYPE, "body": sealed(&id, inside)});
        if let Some(asked) = asked {
            wish["clone_of"] = json!(asked);
        }
        let sent = admin.offered(wish).await;
        assert_eq!(sent.status, status, "{asked:?} {inside:?}: {sent:?}");
    }
    let id = job_id().to_string();
    let itself =
        admin.offered(json!({"id": id, "content_type": CONTENT_TYPE, "body": sealed(&id, Some(&id))}));
    let itself = itself.await;
    assert!(itself.status == 400 && itself.text.contains("clone of itself"), "{itself:?}");
    server.stop().await.expect("a clean stop");
}
