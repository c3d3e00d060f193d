//! Bad input gets a typed answer, and nothing happens.

use std::sync::Arc;

use base64::Engine as _;
use sealane_envelope::keys::Keyring;
use sealane_envelope::keys::memory::MemoryKeys;
use sealane_envelope::{BodyContext, Content, Envelope, SystemClock};
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::{Home, job_id};

pub async fn sealed(id: &sealane::JobId, queue: &str) -> Vec<u8> {
    let random = sealane_crypto::random::SystemRandom;
    let keys = MemoryKeys::new(Keyring::generate(&random).expect("a keyring"));
    let envelope = Envelope::new(Arc::new(keys), Arc::new(random), Arc::new(SystemClock));
    let context = BodyContext {
        namespace: "default",
        queue,
        job_id: *id.as_bytes(),
        kind: "test",
        session_id: None,
        correlation_id: None,
    };
    envelope.seal_body(&context, &Content::from_body(b"secret".to_vec()), None).await.expect("it seals")
}

pub fn sealed_job(id: Option<&sealane::JobId>, body: &[u8]) -> Value {
    let mut job = json!({
        "kind": "test",
        "content_type": "application/vnd.sealane.qre2",
        "body": base64::engine::general_purpose::STANDARD.encode(body),
    });
    if let Some(id) = id {
        job["id"] = json!(id.to_string());
    }
    job
}

// covers QUE-1 (sealing policy: required, allowed, forbidden)
// attack 3
// attack 4
// attack 10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_takes_the_bodies_that_its_policy_names_and_no_others() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    for policy in ["required", "allowed", "forbidden"] {
        let made =
            admin.send("PUT", &format!("/v1/queues/{policy}"), &json!({"sealing": policy}).to_string()).await;
        assert_eq!(made.json["sealing"], policy, "{made:?}");
    }
    assert_eq!(admin.send("PUT", "/v1/queues/default", "{}").await.json["sealing"], "required");
    let (id, other) = (job_id(), job_id());
    let body = sealed(&id, "required").await;

    let plain = admin.post("/v1/queues/required/jobs", &job("plain")).await;
    assert_eq!((plain.status, plain.problem()), (422, "sealing_required"));
    assert!(plain.json["detail"].as_str().expect("a detail").contains("application/vnd.sealane.qre2"));
    // Only the declaration counts: sealed bytes that do not say so are plain bytes.
    let mut undeclared = sealed_job(Some(&id), &body);
    undeclared["content_type"] = json!("application/octet-stream");
    assert_eq!(admin.post("/v1/queues/required/jobs", &undeclared).await.problem(), "sealing_required");
    assert_eq!(
        admin.post("/v1/queues/forbidden/jobs", &sealed_job(Some(&id), &body)).await.problem(),
        "invalid_request"
    );

    let refused = |body: Vec<u8>| {
        let admin = admin.clone();
        async move { admin.post("/v1/queues/required/jobs", &sealed_job(Some(&id), &body)).await }
    };
    let changed = |at: usize, value: u8| {
        let mut body = body.clone();
        body[at] = value;
        body
    };
    let mut bad = vec![
        b"".to_vec(),
        b"QRE".to_vec(),
        b"{\"card\":1}".to_vec(),
        changed(3, b'1'),
        changed(4, 0),
        changed(4, 2),
        changed(4, 255),
        changed(5, 0x09),
        changed(88, 255),
        changed(6, 0xff),
        {
            let mut body = body.clone();
            (body[6], body[7]) = (0, 0);
            body
        },
        {
            let mut body = body.clone();
            (body[6], body[7]) = (0, 90);
            body
        },
    ];
    // Cut anywhere in header, commitment, nonce or tag. A cut inside the ciphertext is not structure:
    // only the worker can see it.
    let least = usize::from(u16::from_be_bytes([body[6], body[7]])) + 32 + 12 + 16;
    bad.extend((0..least).step_by(5).map(|end| body[..end].to_vec()));
    for body in bad {
        let reply = refused(body.clone()).await;
        assert_eq!((reply.status, reply.problem()), (400, "invalid_request"), "{body:02x?}");
    }
    let moved = admin.post("/v1/queues/required/jobs", &sealed_job(Some(&other), &body)).await;
    assert!(moved.json["detail"].as_str().expect("a detail").contains("another job"), "{moved:?}");
    let nameless = admin.post("/v1/queues/required/jobs", &sealed_job(None, &body)).await;
    assert_eq!(nameless.problem(), "invalid_request");
    let taken = admin.post("/v1/queues/required/jobs", &sealed_job(Some(&id), &body)).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    assert_eq!(admin.post("/v1/queues/allowed/jobs", &job("plain")).await.status, 201);
    assert_eq!(admin.post("/v1/queues/forbidden/jobs", &job("plain")).await.status, 201);
    server.stop().await.expect("a clean stop");
}

// covers QUE-1 (largest body, published root ids)
// covers SEAL-3 (extend)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_takes_no_body_beyond_its_size_and_none_under_a_root_that_it_does_not_name() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    let put = |settings: Value| {
        let admin = admin.clone();
        async move { admin.send("PUT", "/v1/queues/q", &settings.to_string()).await }
    };
    let jobs = "/v1/queues/q/jobs";

    let made = put(json!({"sealing": "allowed", "max_body_bytes": 5})).await;
    assert_eq!((made.status, &made.json["max_body_bytes"]), (200, &json!(5)), "{made:?}");
    assert_eq!(admin.post(jobs, &job("12345")).await.status, 201);
    let large = admin.post(jobs, &job("123456")).await;
    assert_eq!((large.status, large.problem()), (413, "body_too_large"));
    assert!(large.json["detail"].as_str().expect("a detail").contains("at most 5 bytes"), "{large:?}");
    let template = json!({"queue": "q", "every_ms": 60_000, "job": job("123456")});
    let scheduled = admin.send("PUT", "/v1/schedules/s", &template.to_string()).await;
    assert_eq!((scheduled.status, scheduled.problem()), (413, "body_too_large"));

    let id = job_id();
    let body = sealed(&id, "q").await;
    let header = sealane_core::sealed::Header::parse(&body).expect("a sealed body");
    let root = header.extensions().epoch.expect("a root").root_id;
    let text = |id: [u8; 16]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let other = [&root[..15], &[!root[15]]].concat();
    let other = text(other.try_into().expect("16 bytes"));
    let sealing = |roots: Value| put(json!({"sealing": "allowed", "root_ids": roots}));
    for bad in [json!([""]), json!([text(root)[1..].to_owned()]), json!(["X".repeat(32)]), json!([7])] {
        let reply = sealing(bad.clone()).await;
        assert_eq!((reply.status, reply.problem()), (400, "invalid_request"), "{bad}");
    }
    assert_eq!(sealing(json!([other])).await.json["root_ids"], json!([other]));
    let refused = admin.post(jobs, &sealed_job(Some(&id), &body)).await;
    assert_eq!((refused.status, refused.problem()), (400, "invalid_request"));
    assert!(refused.json["detail"].as_str().expect("a detail").contains("root_ids"), "{refused:?}");
    assert_eq!(admin.post(jobs, &job("plain")).await.status, 201, "what is not sealed has no root");
    server.stop().await.expect("a clean stop");

    // It is known after a restart. While a root is replaced, both are named.
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    assert_eq!(admin.get("/v1/queues/q").await.json["root_ids"], json!([other]));
    let both = json!({"sealing": "allowed", "root_ids": [other, text(root), other]});
    let named = admin.send("PUT", "/v1/queues/q", &both.to_string()).await;
    assert_eq!(named.json["root_ids"].as_array().map(Vec::len), Some(2), "{named:?}");
    assert_eq!(admin.post(jobs, &sealed_job(Some(&id), &body)).await.status, 201);
    server.stop().await.expect("a clean stop");
}

// covers API-1 (problem documents with stable codes)
// attack 54
// attack 55
// attack 56
// attack 58
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_refused_in_words_and_changes_nothing() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let with = |name: &str, value: Value| {
        let mut job = job("x");
        job[name] = value;
        job.to_string()
    };
    let deep = format!(r#"{{"kind":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let wide =
        format!("{{{}}}", (0..100_000).map(|at| format!(r#""a{at}":1"#)).collect::<Vec<_>>().join(","));
    let cases: Vec<(String, &str)> = vec![
        ("{".to_owned(), "invalid_request"),
        ("[]".to_owned(), "invalid_request"),
        ("null".to_owned(), "invalid_request"),
        (deep, "invalid_request"),
        (wide, "unknown_field"),
        (with("colour", json!("red")), "unknown_field"),
        (with("unique", json!({"key": "x", "whose": "y"})), "unknown_field"),
        (with("unique", json!({})), "invalid_request"),
        (with("idempotency_key", json!("")), "invalid_request"),
        (with("body_fingerprint", json!("AAAA")), "invalid_request"),
        (job("x").to_string().replacen('{', r#"{"kind":"a","#, 1), "invalid_request"),
        (r#"{"kind":"\ud800","body":""}"#.to_owned(), "invalid_request"),
        (with("kind", json!("a\u{0}b")), "invalid_request"),
        (with("kind", json!("")), "invalid_request"),
        (with("body", json!("not base64!")), "invalid_request"),
        (with("delay_ms", json!(-1)), "invalid_request"),
        (with("delay_ms", json!(2_592_000_001u64)), "invalid_request"),
        (with("delay_ms", json!(1_000_000_000_000_000_000u64)), "invalid_request"),
        (with("delay_ms", json!(u64::MAX)), "invalid_request"),
        (job("x").to_string().replacen('{', r#"{"delay_ms":18446744073709551616,"#, 1), "invalid_request"),
        (job("x").to_string().replacen('{', r#"{"ttl_ms":1e400,"#, 1), "invalid_request"),
        (job("x").to_string().replacen('{', r#"{"ttl_ms":NaN,"#, 1), "invalid_request"),
        (with("ttl_ms", json!(0)), "invalid_request"),
        (with("ttl_ms", json!(9_007_199_254_740_993u64)), "invalid_request"),
        (with("max_attempts", json!(0)), "invalid_request"),
        (with("max_attempts", json!(2_147_483_648u64)), "invalid_request"),
        (with("max_attempts", json!(4_294_967_296u64)), "invalid_request"),
        (with("priority", json!("urgent")), "invalid_request"),
        (with("priority", json!(0)), "invalid_request"),
        (with("id", json!("x")), "invalid_request"),
        (with("id", json!("11111111-1111-4111-8111-111111111111")), "invalid_request"),
        (with("id", json!("ffffffff-ffff-7fff-bfff-ffffffffffff")), "invalid_request"),
        (with("id", json!("018bcfe5-6800-7fff-bfff-ffffffffffff")), "id_too_old"),
        (with("session_id", json!("a\nb")), "invalid_request"),
        (with("attributes", json!({"$part": "body"})), "invalid_request"),
        (with("attributes", json!({"a": 1})), "invalid_request"),
        (with("tags", json!([""])), "invalid_request"),
    ];
    for (body, code) in &cases {
        let reply = admin.send("POST", "/v1/queues/q/jobs", body).await;
        let shown: String = body.chars().take(120).collect();
        assert_eq!(reply.problem(), *code, "{shown}");
        assert!(reply.json["detail"].as_str().expect("a detail").chars().count() < 400, "{shown}");
    }
    let names = [
        ".",
        "..",
        "a..b",
        "a%2Fb",
        "a%00b",
        "a%0D%0Ab",
        "Orders",
        "%D0%BErders",
        "or%E2%80%8Bders",
        "-a",
        "*",
        &"a".repeat(129),
    ];
    for name in names {
        let reply = admin.send("PUT", &format!("/v1/queues/{name}"), "{}").await;
        // A client may shorten '.' and '..' away; then there is no such operation.
        assert!(["invalid_request", "not_found"].contains(&reply.problem()), "{name}");
    }
    let gzip = admin.request("POST", "/v1/queues/q/jobs", &job("x").to_string());
    let gzip = gzip.bearer_auth(&admin.key).header("content-encoding", "gzip");
    assert_eq!(Http::reply(gzip).await.expect("an answer").problem(), "invalid_request");
    let form = admin.request("POST", "/v1/queues/q/jobs", "").bearer_auth(&admin.key).body("kind=test");
    assert_eq!(Http::reply(form).await.expect("an answer").problem(), "invalid_request");
    assert_eq!(admin.send("GET", "/v1/queues/q", "{}").await.problem(), "invalid_request");
    assert_eq!(admin.send("PATCH", "/v1/queues/q", "{}").await.problem(), "not_found");

    let shown = admin.get("/v1/queues/q").await;
    assert_eq!(
        shown.json["jobs"],
        json!({"blocked": 0, "delayed": 0, "ready": 0, "running": 0, "retrying": 0, "held": 0, "dead": 0, "cancelled": 0, "completed": 0, "expired": 0, "waiting": 0})
    );
    assert_eq!(admin.get("/v1/queues").await.json["queues"].as_array().map(Vec::len), Some(1));
    server.stop().await.expect("a clean stop");
}

// covers JOB-1
// covers JOB-1 (everything comes back byte-exact, ids the same at enqueue and at lease)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_comes_back_byte_for_byte() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut sent = job("");
    sent["body"] = json!(base64::engine::general_purpose::STANDARD.encode(&every_byte));
    sent["id"] = json!(job_id().to_string());
    for (name, value) in [
        ("content_type", json!("image/png")),
        ("session_id", json!("s-42 ✓")),
        ("correlation_id", json!("c")),
        ("subject", json!("customer 7")),
        ("tags", json!(["a", "ü"])),
        ("attributes", json!({"tenant": "acme", "empty": "", "line": "a\nb"})),
        ("priority", json!("high")),
    ] {
        sent[name] = value;
    }
    let accepted = admin.post("/v1/queues/q/jobs", &sent).await;
    assert_eq!((accepted.status, &accepted.json["id"]), (201, &sent["id"]), "{accepted:?}");
    let again = admin.post("/v1/queues/q/jobs", &sent).await;
    assert_eq!((again.status, &again.json), (200, &accepted.json), "the first answer again");
    let mut other = sent.clone();
    other["tags"] = json!(["a"]);
    assert_eq!(admin.post("/v1/queues/q/jobs", &other).await.problem(), "job_id_conflict");

    let leased = admin.post("/v1/queues/q/leases", &json!({"max": 5})).await;
    assert_eq!(leased.json["jobs"].as_array().map(Vec::len), Some(1), "{leased:?}");
    let shown = admin.get(&format!("/v1/jobs/{}", sent["id"].as_str().expect("an id"))).await;
    for (name, value) in sent.as_object().expect("an object") {
        assert_eq!(&leased.json["jobs"][0][name], value, "{name}");
        assert_eq!(&shown.json[name], if name == "body" { &Value::Null } else { value }, "{name}");
    }
    server.stop().await.expect("a clean stop");
}

// covers JOB-5 (fencing: a receipt is good for one attempt and one principal)
// covers JOB-10 (results per item)
// attack 47
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_settles_with_a_receipt_that_is_not_theirs_or_not_of_this_attempt() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let (one, other) = (admin.made("w1", "worker", &["**"]).await, admin.made("w2", "worker", &["**"]).await);
    admin.post("/v1/queues/q/jobs:batch", &json!({"jobs": [job("a"), job("b")]})).await;
    let leased = one.post("/v1/queues/q/leases", &json!({"max": 1})).await;
    let receipt = leased.json["jobs"][0]["receipt"].clone();
    let id = leased.json["jobs"][0]["id"].clone();
    for verb in ["complete", "fail", "release", "extend", "hold"] {
        let item = json!({"items": [{"receipt": receipt}, {"receipt": "forged"}, {"receipt": ""}]});
        let stolen = other.post(&format!("/v1/leases:{verb}"), &item).await;
        for result in stolen.json["results"].as_array().expect("results") {
            assert_eq!(result["error"]["code"], "lease_lost", "{verb}: {stolen:?}");
        }
    }
    // A restart does not make a receipt worse, nor an old one better.
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let one = admin.with_key(&one.key);
    let released = one.post("/v1/leases:release", &json!({"items": [{"receipt": receipt}]})).await;
    assert_eq!(
        (&released.json["results"][0]["ok"], &released.json["results"][0]["id"]),
        (&json!(true), &id),
        "{released:?}"
    );
    let again = one.post("/v1/queues/q/leases", &json!({"max": 2})).await;
    let fresh = again.json["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .find(|job| job["id"] == id)
        .expect("the same job")["receipt"]
        .clone();
    let late =
        one.post("/v1/leases:complete", &json!({"items": [{"receipt": receipt}, {"receipt": fresh}]})).await;
    assert_eq!(late.json["results"][0]["error"]["code"], "lease_lost", "{late:?}");
    assert_eq!(
        (&late.json["results"][1]["ok"], &late.json["results"][1]["state"]),
        (&json!(true), &json!("completed"))
    );
    let repeat = one.post("/v1/leases:complete", &json!({"items": [{"receipt": fresh}]})).await;
    assert_eq!(repeat.json["results"][0]["ok"], true, "a repeated completion is answered as the first");
    assert_eq!(
        admin.get(&format!("/v1/jobs/{}", id.as_str().expect("an id"))).await.json["state"],
        "completed"
    );
    for items in [json!([]), json!(vec![json!({"receipt": "x"}); 1_001])] {
        assert_eq!(
            one.post("/v1/leases:complete", &json!({"items": items})).await.problem(),
            "invalid_request"
        );
    }
    server.stop().await.expect("a clean stop");
}

// covers JOB-10 (batch enqueue with a result per item)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_of_a_batch_is_judged_for_itself() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let mut late = job("late");
    late["delay_ms"] = json!(60_000);
    let mut bad = job("bad");
    bad["max_attempts"] = json!(0);
    let mut worse = job("worse");
    worse["id"] = json!("x");
    let sent =
        admin.post("/v1/queues/q/jobs:batch", &json!({"jobs": [job("a"), bad, late, worse, job("b")]})).await;
    let results = sent.json["results"].as_array().expect("results");
    let said: Vec<_> =
        results.iter().map(|result| (result["state"].as_str(), result["error"]["code"].as_str())).collect();
    let refused = (None, Some("invalid_request"));
    assert_eq!(
        said,
        [(Some("ready"), None), refused, (Some("delayed"), None), refused, (Some("ready"), None)]
    );
    assert_eq!(admin.get("/v1/queues/q").await.json["jobs"]["ready"], 2);
    server.stop().await.expect("a clean stop");
}
