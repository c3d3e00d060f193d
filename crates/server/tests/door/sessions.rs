//! Sessions through the door: one holder, in order, and nobody acts with another's receipt.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use super::http::{Http, Reply, job};
use super::support::{Home, job_id};

async fn send(http: &Http, queue: &str, session: &str, body: &str) -> String {
    let mut job = job(body);
    job["session_id"] = json!(session);
    let sent = http.post(&format!("/v1/queues/{queue}/jobs"), &job).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    sent.json["id"].as_str().expect("an id").to_owned()
}

async fn accept(http: &Http, wish: &Value) -> Reply {
    http.post("/v1/queues/q/sessions:accept", wish).await
}

fn receipt(accepted: &Reply) -> String {
    accepted.json["session"]["receipt"].as_str().unwrap_or_else(|| panic!("{accepted:?}")).to_owned()
}

async fn take(http: &Http, receipt: &str) -> Reply {
    http.post("/v1/queues/q/leases", &json!({"max": 9, "session_receipt": receipt})).await
}

async fn complete(http: &Http, leased: &Reply, at: usize) -> Value {
    let receipt = &leased.json["jobs"][at]["receipt"];
    let done = http.post("/v1/leases:complete", &json!({"items": [{"receipt": receipt}]})).await;
    done.json["results"][0].clone()
}

// covers JOB-13 (named or next free, one holder, in order, state, lost hold, through the door)
// covers REL-2 (FIFO per session)
// attack 47
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_has_one_holder_whose_receipt_is_good_for_it_alone_and_after_a_restart() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    let made = admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed","sessions":"required"}"#).await;
    assert_eq!(made.json["sessions"], "required", "{made:?}");
    admin.send("PUT", "/v1/queues/other", r#"{"sealing":"allowed","sessions":"on"}"#).await;
    let (one, two) = (admin.made("w1", "worker", &["**"]).await, admin.made("w2", "worker", &["**"]).await);
    let refused = admin.post("/v1/queues/q/jobs", &job("x")).await;
    assert_eq!((refused.status, refused.problem()), (422, "session_required"));

    let (first, second) = (send(&admin, "q", "s/1", "a").await, send(&admin, "q", "s/1", "b").await);
    let next = accept(&one, &json!({})).await;
    assert_eq!(next.json["session"]["session_id"], "s/1", "the name comes from its first job");
    let held = receipt(&next);
    for wish in [json!({}), json!({"session_id": "s/1"}), json!({"session_id": "s/1", "wait_ms": 1})] {
        assert_eq!(accept(&two, &wish).await.json, json!({}), "nobody else gets it");
    }
    let plain = two.post("/v1/queues/q/leases", &json!({})).await;
    assert_eq!(plain.json["jobs"], json!([]), "nor a job of it");

    // Another's receipt, one that was changed, and a job's in the place of a session's hold nothing.
    let leased = take(&one, &held).await;
    assert_eq!(leased.json["jobs"][0]["id"], first.as_str(), "{leased:?}");
    assert_eq!(leased.json["jobs"][1]["id"], second.as_str(), "{leased:?}");
    let of_job = leased.json["jobs"][0]["receipt"].as_str().expect("a receipt").to_owned();
    let mut changed = held.clone();
    changed.replace_range(3..4, if &held[3..4] == "A" { "B" } else { "A" });
    for (http, receipt) in [(&two, &held), (&one, &changed), (&one, &of_job), (&one, &String::new())] {
        assert_eq!(take(http, receipt).await.problem(), "session_lock_lost");
        for verb in ["renew", "close", "get_state", "set_state"] {
            let refused = http.post(&format!("/v1/sessions:{verb}"), &json!({"receipt": receipt})).await;
            assert_eq!((refused.status, refused.problem()), (409, "session_lock_lost"), "{verb}");
        }
    }
    let elsewhere = one.post("/v1/queues/other/leases", &json!({"session_receipt": held})).await;
    assert_eq!(elsewhere.problem(), "session_lock_lost", "nor does it open another queue");
    assert_eq!(complete(&two, &leased, 0).await["error"]["code"], "lease_lost");
    assert_eq!(complete(&one, &leased, 0).await["ok"], true);

    // What it remembers is there after a restart, and the receipt is good.
    let state = json!({"receipt": held, "state": "c3RhdGU="});
    assert_eq!(one.post("/v1/sessions:set_state", &state).await.json["held"], true);
    let too_much = json!({"receipt": held, "state": "A".repeat(87_384)});
    assert_eq!(one.post("/v1/sessions:set_state", &too_much).await.problem(), "body_too_large");
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let (one, two) = (admin.with_key(&one.key), admin.with_key(&two.key));
    let read = one.post("/v1/sessions:get_state", &json!({"receipt": held})).await;
    assert_eq!(read.json["state"], "c3RhdGU=", "{read:?}");
    assert_eq!(one.post("/v1/sessions:renew", &json!({"receipt": held})).await.json["held"], true);

    // A person sees who holds it, and takes it away; the worker hears so at whatever it does next.
    let list = admin.post("/v1/queues/q/sessions:list", &json!({})).await;
    let shown = &list.json["sessions"][0];
    assert_eq!(
        (&shown["session_id"], &shown["holder"], &shown["jobs"], &shown["out"], &shown["has_state"]),
        (&json!("s/1"), &json!("w1"), &json!(1), &json!(1), &json!(true)),
        "{list:?}"
    );
    let session = json!({"session_id": "s/1"});
    assert_eq!(one.post("/v1/queues/q/sessions:release", &session).await.status, 404, "not a worker's");
    let gone = admin.post("/v1/queues/q/sessions:release", &session).await;
    assert_eq!(gone.json["released"], true, "{gone:?}");
    assert_eq!(admin.post("/v1/queues/q/sessions:release", &session).await.json["released"], false);
    assert_eq!(complete(&one, &leased, 1).await["error"]["code"], "session_lock_lost");
    assert_eq!(
        one.post("/v1/sessions:renew", &json!({"receipt": held})).await.problem(),
        "session_lock_lost"
    );

    let next = accept(&two, &json!({})).await;
    assert_eq!(next.json["session"]["state"], "c3RhdGU=", "{next:?}");
    let leased = take(&two, &receipt(&next)).await;
    assert_eq!(leased.json["jobs"][0]["id"], second.as_str());
    assert_eq!(leased.json["jobs"][0]["attempt"], 1, "what was taken away does not count");
    assert_eq!(complete(&two, &leased, 0).await["ok"], true);
    let counts = admin.get("/v1/queues/q").await.json["session_counts"].clone();
    assert_eq!(counts, json!({"all": 1, "held": 1, "with_state": 1}));
    server.stop().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_session_gets_it_when_it_is_free_and_its_jobs_when_they_come() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed","sessions":"on"}"#).await;
    // The name at its limit; each of these waits far longer than the test may take.
    let name = "n".repeat(256);
    let wait = |wish: Value| {
        let mut wish = wish;
        wish["wait_ms"] = json!(300_000);
        wish
    };
    let other = admin.clone();
    let next = tokio::spawn(async move { accept(&other, &wait(json!({}))).await });
    let sent = send(&admin, "q", &name, "a").await;
    let held = next.await.expect("it ends");
    assert_eq!(held.json["session"]["session_id"], name.as_str());
    let (other, named) = (admin.clone(), json!({"session_id": name}));
    let again = tokio::spawn(async move { accept(&other, &wait(named)).await });
    let leased = take(&admin, &receipt(&held)).await;
    assert_eq!(leased.json["jobs"][0]["id"], sent.as_str());
    assert_eq!(complete(&admin, &leased, 0).await["ok"], true);
    let closed = admin.post("/v1/sessions:close", &json!({"receipt": receipt(&held)})).await;
    assert_eq!(closed.json["held"], false, "{closed:?}");
    let held = again.await.expect("it ends");
    assert_eq!(held.json["session"]["session_id"], name.as_str(), "{held:?}");
    let (other, wish) = (admin.clone(), wait(json!({"session_receipt": receipt(&held)})));
    let jobs = tokio::spawn(async move { other.post("/v1/queues/q/leases", &wish).await });
    let sent = send(&admin, "q", &name, "b").await;
    let leased = jobs.await.expect("it ends");
    assert_eq!(leased.json["jobs"][0]["id"], sent.as_str());
    assert_eq!(complete(&admin, &leased, 0).await["ok"], true);
    // The same for one that comes together with others.
    let (other, wish) = (admin.clone(), wait(json!({"session_receipt": receipt(&held)})));
    let jobs = tokio::spawn(async move { other.post("/v1/queues/q/leases", &wish).await });
    let mut next = job("c");
    next["session_id"] = json!(name);
    let batch = admin.post("/v1/queues/q/jobs:batch", &json!({"jobs": [next], "atomic": true})).await;
    let leased = jobs.await.expect("it ends");
    assert_eq!(leased.json["jobs"][0]["id"], batch.json["results"][0]["id"]);
    // Who waits for the next job of a session that is taken away hears of it at once.
    let (other, wish) = (admin.clone(), wait(json!({"session_receipt": receipt(&held)})));
    let jobs = tokio::spawn(async move { other.post("/v1/queues/q/leases", &wish).await });
    admin.post("/v1/queues/q/sessions:release", &json!({"session_id": name})).await;
    assert_eq!(jobs.await.expect("it ends").problem(), "session_lock_lost");
    server.stop().await.expect("a clean stop");
}

// covers JOB-13 (jobs of schedules, flows and atomic batches stand in their sessions' lines)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_in_their_session_however_they_came() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed","sessions":"required"}"#).await;
    let with = |session: Option<&str>| {
        let mut job = job("x");
        job["id"] = json!(job_id().to_string());
        session.iter().for_each(|name| job["session_id"] = json!(name));
        job
    };
    let from_flow = json!({"id": job_id().to_string(), "nodes": [
        {"name": "second", "queue": "q", "job": with(Some("s")), "after": ["first"]},
        {"name": "first", "queue": "q", "job": with(Some("s"))},
    ]});
    let flow = admin.post("/v1/flows", &from_flow).await;
    assert_eq!(flow.status, 201, "{flow:?}");
    let whole = |jobs: Value| json!({"atomic": true, "jobs": jobs});
    let batch = whole(json!([with(Some("s")), with(None)]));
    let refused = admin.post("/v1/queues/q/jobs:batch", &batch).await;
    assert_eq!(refused.json["results"][1]["error"]["code"], "session_required", "{refused:?}");
    let batch = admin.post("/v1/queues/q/jobs:batch", &whole(json!([with(Some("s"))]))).await;
    let mut daily = with(Some("s"));
    daily.as_object_mut().expect("an object").remove("id");
    let schedule = json!({"queue": "q", "every_ms": 86_400_000, "job": daily});
    let put = admin.send("PUT", "/v1/schedules/daily", &schedule.to_string()).await;
    assert_eq!(put.status, 200, "{put:?}");
    let fired = admin.send("POST", "/v1/schedules/daily:fire", "").await;
    assert_eq!(fired.status, 201, "{fired:?}");
    server.stop().await.expect("a clean stop");

    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let held = accept(&admin, &json!({})).await;
    assert_eq!(held.json["session"]["session_id"], "s");
    let list = admin.post("/v1/queues/q/sessions:list", &json!({})).await;
    assert_eq!(list.json["sessions"][0]["jobs"], 4, "{list:?}");
    let line = [
        &flow.json["nodes"][1]["id"],
        &flow.json["nodes"][0]["id"],
        &batch.json["results"][0]["id"],
        &fired.json["job_id"],
    ];
    for (at, id) in line.into_iter().enumerate() {
        let wish = json!({"wait_ms": 60_000, "session_receipt": receipt(&held)});
        let leased = admin.post("/v1/queues/q/leases", &wish).await;
        assert_eq!(
            (&leased.json["jobs"][0]["id"], leased.json["jobs"].as_array().map(Vec::len)),
            (id, Some(1)),
            "{at}: {leased:?}"
        );
        assert_eq!(complete(&admin, &leased, 0).await["ok"], true);
    }
    server.stop().await.expect("a clean stop");
}

// covers SEAL-13 (the state of a session: the queue's policy, by structure)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_remembers_is_sealed_where_its_queue_says_so() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    // The least that has the structure of a sealed message: header, commitment, nonce, ciphertext and tag.
    let fixed = [&b"QRE2"[..], &[1, 0, 0, 91], &[7; 16], &1u64.to_be_bytes(), &[0; 8], &[1; 48], &[0; 3]];
    let sealed = [&fixed.concat()[..], &[2; 44], &[3; 18]].concat();
    let torn = sealed[..sealed.len() - 1].to_vec();
    for (policy, plain, whole, broken) in [
        ("required", Some("sealing_required"), None, Some("invalid_request")),
        ("allowed", None, None, None),
        ("forbidden", None, Some("invalid_request"), None),
    ] {
        let settings = format!(r#"{{"sealing":"{policy}","sessions":"on"}}"#);
        admin.send("PUT", "/v1/queues/q", &settings).await;
        let held = receipt(&accept(&admin, &json!({"session_id": "a"})).await);
        for (state, expected) in [(&b"plain"[..], plain), (&sealed[..], whole), (&torn[..], broken)] {
            let state = sealane_api::wire::Bytes::from(state.to_vec()).to_base64();
            let set = json!({"receipt": held, "state": state});
            let answer = admin.post("/v1/sessions:set_state", &set).await;
            let refused = (answer.status >= 400).then(|| answer.problem().to_owned());
            assert_eq!(refused.as_deref(), expected, "{policy}: {answer:?}");
            if expected.is_none() {
                let read = admin.post("/v1/sessions:get_state", &json!({"receipt": held})).await;
                assert_eq!(read.json["state"], state, "{policy}");
            }
        }
        admin.post("/v1/sessions:set_state", &json!({"receipt": held})).await;
        assert_eq!(admin.post("/v1/sessions:close", &json!({"receipt": held})).await.json["held"], false);
    }
    server.stop().await.expect("a clean stop");
}
