//! What people ask of jobs, through the door.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, Reply, job};
use crate::support::{DEADLINE, Home, Running};

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
    /// Sends a job to `q`; its id.
    async fn sent(&self, wish: Value) -> String {
        let mut body = job("x");
        wish.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
        let sent = self.post("/v1/queues/q/jobs", &body).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        sent.json["id"].as_str().expect("an id").to_owned()
    }

    /// Does something with a job.
    async fn act(&self, id: &str, verb: &str, body: &str) -> Reply {
        self.send("POST", &format!("/v1/jobs/{id}:{verb}"), body).await
    }

    async fn leased(&self, queue: &str) -> Value {
        let leased = self.post(&format!("/v1/queues/{queue}/leases"), &json!({})).await;
        leased.json["jobs"][0].clone()
    }

    async fn settled(&self, verb: &str, item: Value) -> Value {
        self.post(&format!("/v1/leases:{verb}"), &json!({"items": [item]})).await.json["results"][0].clone()
    }

    async fn state(&self, id: &str) -> Value {
        self.get(&format!("/v1/jobs/{id}")).await.json["state"].clone()
    }

    /// Kills a job of `q`: leased by itself and failed for good.
    async fn dead(&self) -> String {
        let id = self.sent(json!({})).await;
        let leased = self.leased("q").await;
        let failed = json!({"receipt": leased["receipt"], "category": "permanent"});
        assert_eq!(self.settled("fail", failed).await["state"], "dead");
        id
    }

    async fn count(&self, state: &str) -> Value {
        self.get("/v1/queues/q").await.json["jobs"][state].clone()
    }
}

// covers JOB-11 (cancel: waiting at once, running by its heartbeat or by force)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_cancelled_where_it_waits_or_through_its_worker() {
    let (home, disk, server, admin) = started().await;
    let waiting = admin.sent(json!({"delay_ms": 60_000})).await;
    let done = admin.act(&waiting, "cancel", "{}").await;
    assert_eq!((done.status, &done.json["state"]), (200, &json!("cancelled")), "{done:?}");
    assert_eq!(admin.act(&waiting, "cancel", "{}").await.status, 200, "twice is once");

    let asked = admin.sent(json!({})).await;
    let receipt = admin.leased("q").await["receipt"].clone();
    let before = admin.settled("extend", json!({"receipt": receipt})).await;
    assert_eq!(before.get("cancel_requested"), None, "{before}");
    let done = admin.act(&asked, "cancel", "{}").await;
    assert_eq!((&done.json["state"], &done.json["cancel_requested"]), (&json!("running"), &json!(true)));
    server.stop().await.expect("a clean stop");

    // It was durable before it was answered.
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let beat = admin.settled("extend", json!({"receipt": receipt})).await;
    assert_eq!((&beat["ok"], &beat["cancel_requested"]), (&json!(true), &json!(true)), "{beat}");
    let failed = json!({"receipt": receipt, "category": "cancelled", "error": "b2s="});
    assert_eq!(admin.settled("fail", failed).await["state"], "cancelled");
    let shown = admin.get(&format!("/v1/jobs/{asked}")).await.json;
    assert_eq!(
        (&shown["last_error"]["category"], &shown["last_error"]["error"]),
        (&json!("cancelled"), &json!("b2s="))
    );

    let forced = admin.sent(json!({})).await;
    let receipt = admin.leased("q").await["receipt"].clone();
    assert_eq!(admin.act(&forced, "cancel", r#"{"force":true}"#).await.json["state"], "cancelled");
    assert_eq!(admin.settled("complete", json!({"receipt": receipt})).await["error"]["code"], "lease_lost");
    assert_eq!(admin.act(&waiting, "promote", "").await.problem(), "job_state", "it has ended");
    assert_eq!(admin.count("cancelled").await, 3);

    // Nobody said anything about these two, so their owner is told nothing, and the server goes on.
    let silent = admin.sent(json!({})).await;
    admin.post("/v1/queues/q/leases", &json!({"lease_ms": 100})).await;
    admin.act(&silent, "cancel", "{}").await;
    let ended = async {
        while admin.state(&silent).await != "cancelled" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.expect("it ends with its lease");
    for id in [forced, silent] {
        let shown = admin.get(&format!("/v1/jobs/{id}")).await;
        assert_eq!((shown.status, &shown.json["last_error"]["category"]), (200, &json!("cancelled")));
        assert_eq!(shown.json["last_error"].get("error"), None, "{shown:?}");
    }
    server.stop().await.expect("a clean stop");
}

// covers JOB-11 (promote, re-prioritise, move)
// covers JOB-2 (held jobs are released)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_job_is_promoted_made_urgent_moved_and_released() {
    let (_home, _disk, server, admin) = started().await;
    let (late, first) = (admin.sent(json!({"delay_ms": 60_000})).await, admin.sent(json!({})).await);
    assert_eq!(admin.act(&first, "promote", "").await.problem(), "job_state");
    assert_eq!(admin.act(&late, "promote", "").await.json["state"], "ready");
    assert_eq!(
        admin.act(&late, "reprioritise", r#"{"priority":"urgent"}"#).await.problem(),
        "invalid_request"
    );
    assert_eq!(
        admin.act(&late, "reprioritise", r#"{"priority":"critical"}"#).await.json["priority"],
        "critical"
    );
    let held = admin.leased("q").await;
    assert_eq!(held["id"], json!(late), "the more urgent one");
    assert_eq!(admin.act(&late, "release", "").await.problem(), "job_state");
    assert_eq!(admin.settled("hold", json!({"receipt": held["receipt"]})).await["state"], "held");
    let moved = admin.act(&late, "move", r#"{"queue":"other"}"#).await;
    assert_eq!((&moved.json["queue"], &moved.json["state"]), (&json!("other"), &json!("held")), "{moved:?}");
    assert_eq!(admin.act(&late, "release", "").await.json["state"], "ready");
    let leased = admin.leased("other").await;
    assert_eq!(
        (&leased["id"], &leased["origin_queue"], &leased["attempt"]),
        (&json!(late), &json!("q"), &json!(1))
    );
    assert_eq!(admin.get(&format!("/v1/jobs/{late}")).await.json["origin_queue"], "q");
    assert_eq!(admin.act(&late, "move", r#"{"queue":"q"}"#).await.problem(), "job_state", "it runs");

    admin.send("PUT", "/v1/queues/strict", "{}").await;
    assert_eq!(admin.act(&first, "move", r#"{"queue":"strict"}"#).await.problem(), "sealing_required");
    assert_eq!(admin.act(&first, "move", r#"{"queue":"nowhere"}"#).await.problem(), "not_found");
    for (verb, body, code) in [
        ("nothing", "", "not_found"),
        ("", "", "not_found"),
        ("cancel:cancel", "{}", "invalid_request"),
        ("promote", "{}", "invalid_request"),
    ] {
        let reply = admin.act(&first, verb, body).await;
        assert_eq!(reply.problem(), code, "{verb}: {reply:?}");
    }
    assert_eq!(admin.act("nonsense", "promote", "").await.problem(), "invalid_request");
    server.stop().await.expect("a clean stop");
}

// covers DLQ-1 (list, re-drive one and all, purge)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letter_is_listed_redriven_and_purged() {
    let (_home, _disk, server, admin) = started().await;
    let mut dead = Vec::new();
    for _ in 0..3 {
        dead.push(admin.dead().await);
    }
    let page = admin.post("/v1/queues/q/dead:list", &json!({"max": 2})).await.json;
    assert_eq!(
        (&page["jobs"][0]["id"], &page["jobs"][1]["id"]),
        (&json!(dead[0]), &json!(dead[1])),
        "{page}"
    );
    assert_eq!(page["jobs"][0]["category"], "permanent");
    let rest = admin.post("/v1/queues/q/dead:list", &json!({"max": 2, "after": page["next"]})).await.json;
    assert_eq!((&rest["jobs"][0]["id"], rest.get("next")), (&json!(dead[2]), None), "{rest}");
    for bad in [json!({"max": 0}), json!({"max": 1001}), json!({"after": "x"})] {
        assert_eq!(admin.post("/v1/queues/q/dead:list", &bad).await.problem(), "invalid_request", "{bad}");
    }

    assert_eq!(admin.act(&dead[0], "redrive", "").await.json["state"], "ready");
    assert_eq!(admin.act(&dead[0], "redrive", "").await.problem(), "job_state");
    let leased = admin.leased("q").await;
    assert_eq!((&leased["id"], &leased["attempt"]), (&json!(dead[0]), &json!(2)), "attempts count on");
    assert_eq!(admin.settled("complete", json!({"receipt": leased["receipt"]})).await["ok"], true);
    assert_eq!(admin.act(&dead[0], "redrive", "").await.problem(), "job_state", "it is done");

    // Who comes back from among the ended is not counted there any more.
    let (stopped, stale) = (admin.sent(json!({})).await, admin.sent(json!({"ttl_ms": 1})).await);
    admin.act(&stopped, "cancel", "{}").await;
    for times in 0..2 {
        let ended = async {
            while admin.state(&stale).await != "expired" {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, ended).await.expect("it expires, and after its re-drive anew");
        assert_eq!((admin.count("cancelled").await, admin.count("expired").await), (1.into(), 1.into()));
        if times == 0 {
            assert_eq!(admin.act(&stale, "redrive", "").await.status, 200);
        }
    }
    assert_eq!(admin.act(&stopped, "redrive", "").await.json["state"], "ready");
    assert_eq!(admin.count("cancelled").await, 0);
    admin.act(&stopped, "cancel", "{}").await;

    let begun = admin.send("POST", "/v1/queues/q/dead:redrive", "").await.json;
    assert_eq!((&begun["running"], &begun["jobs"]), (&json!(true), &json!(2)), "{begun}");
    let all = async {
        while admin.count("ready").await != 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("it goes on by itself");
    for _ in 0..2 {
        let leased = admin.leased("q").await;
        let failed = json!({"receipt": leased["receipt"], "category": "permanent"});
        assert_eq!(admin.settled("fail", failed).await["state"], "dead");
    }
    let begun = admin.send("POST", "/v1/queues/q/dead:purge", "").await.json;
    assert_eq!(begun["jobs"], 2, "{begun}");
    let all = async {
        while admin.count("dead").await != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("it goes on by itself");
    assert_eq!(admin.state(&dead[1]).await, "cancelled");
    let none = admin.send("POST", "/v1/queues/q/dead:purge", "").await.json;
    assert_eq!((&none["running"], &none["jobs"]), (&json!(false), &json!(0)));
    server.stop().await.expect("a clean stop");
}

// covers RBAC-1 (cancel own: submitter; the rest of a job's life: admin)
// covers DLQ-1 (its own permission, for what is dead wherever it is seen)
// attack 44
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_decide_about_a_job_does_not_even_see_it() {
    let (_home, _disk, server, admin) = started().await;
    let shop = admin.made("shop", "submitter", &["**"]).await;
    let stranger = admin.made("other", "submitter", &["**"]).await;
    let worker = admin.made("w", "worker", &["**"]).await;
    let id = shop.sent(json!({})).await;
    let refused = [
        stranger.act(&id, "cancel", "{}").await,
        worker.act(&id, "cancel", "{}").await,
        shop.act(&id, "promote", "").await,
        shop.act(&id, "redrive", "").await,
        shop.act(&id, "move", r#"{"queue":"other"}"#).await,
        worker.act(&id, "release", "").await,
        worker.act(&id, "reprioritise", r#"{"priority":"high"}"#).await,
        worker.send("POST", "/v1/queues/q/dead:purge", "").await,
        shop.send("POST", "/v1/queues/q/dead:redrive", "").await,
        worker.post("/v1/queues/q/dead:list", &json!({})).await,
    ];
    for reply in refused {
        assert_eq!((reply.status, reply.problem()), (404, "not_found"), "{reply:?}");
    }
    assert_eq!(shop.act(&id, "cancel", "{}").await.json["state"], "cancelled", "one's own");

    // A dead job is behind the permissions of dead-letter, whichever way it is looked for. Its owner sees it, and
    // does not purge it.
    let before = worker.post("/v1/jobs:list", &json!({})).await.json;
    assert_eq!(before["jobs"], json!([]), "{before}");
    let id = shop.sent(json!({})).await;
    assert_eq!(worker.state(&id).await, "ready", "while it lives");
    let (asked, wish) = (format!("/v1/jobs/{id}:wait"), json!({"wait_ms": 60_000}));
    let waits = worker.post(&asked, &wish);
    let dies = async {
        let leased = worker.leased("q").await;
        let failed = json!({"receipt": leased["receipt"], "category": "permanent"});
        assert_eq!(worker.settled("fail", failed).await["state"], "dead");
    };
    let (waited, ()) = tokio::join!(waits, dies);
    assert_eq!(waited.problem(), "not_found", "it died meanwhile: {waited:?}");
    let path = |rest: &str| format!("/v1/jobs/{id}{rest}");
    for (who, sees) in [(&shop, true), (&admin, true), (&worker, false), (&stranger, false)] {
        for looks in [
            who.get(&path("")).await,
            who.post(&path(":wait"), &json!({"wait_ms": 1})).await,
            who.post(&path("/logs"), &json!({})).await,
        ] {
            assert_eq!(looks.status, if sees { 200 } else { 404 }, "{looks:?}");
        }
        for wish in [json!({}), json!({"state": "dead"}), json!({"queue": "q", "owner": "shop"})] {
            let listed = who.post("/v1/jobs:list", &wish).await.json;
            let listed =
                listed["jobs"].as_array().expect("a list").iter().any(|job| job["id"] == id.as_str());
            assert_eq!(listed, sees, "{wish}");
        }
    }
    for body in ["{}", r#"{"force":true}"#] {
        assert_eq!(shop.act(&id, "cancel", body).await.problem(), "not_found", "that would purge it");
    }
    assert_eq!(admin.act(&id, "cancel", "{}").await.json["state"], "cancelled");
    assert_eq!(worker.state(&id).await, "cancelled", "it is not dead any more");

    // The real target of a move is judged as well, and an administrator of one queue is none of another.
    let of_q = admin.made("of-q", "admin", &["q"]).await;
    let id = admin.sent(json!({})).await;
    assert_eq!(of_q.act(&id, "move", r#"{"queue":"other"}"#).await.problem(), "not_found");
    assert_eq!(admin.act(&id, "move", r#"{"queue":"other"}"#).await.status, 200);
    assert_eq!(of_q.act(&id, "cancel", "{}").await.problem(), "not_found", "it is elsewhere now");
    assert_eq!(of_q.send("POST", "/v1/queues/other/dead:purge", "").await.problem(), "not_found");
    server.stop().await.expect("a clean stop");
}

// covers JOB-6
// covers JOB-6 (every back-off, per queue and per job, shown and kept)
// covers JOB-9 (attempt history)
// covers DLQ-1 (why a job is in dead-letter, with its attempts, first and last failure, worker and code version)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_are_remembered_with_worker_times_category_and_code() {
    let (home, disk, server, admin) = started().await;
    let settings = json!({"sealing": "allowed", "max_attempts": 3, "retry_backoff": "linear", "retry_base_ms": 1,
        "retry_cap_ms": 5, "retry_jitter_percent": 0, "max_run_ms": 60_000});
    let put = admin.send("PUT", "/v1/queues/q", &settings.to_string()).await.json;
    for (name, value) in settings.as_object().expect("an object") {
        assert_eq!(put[name], *value, "{name}");
    }
    let id = admin.sent(json!({"retry": {"backoff": "constant", "base_ms": 1}})).await;
    for (bad, code) in [
        (json!({"backoff": "none"}), "invalid_request"),
        (json!({"base_ms": 0}), "invalid_request"),
        (json!({"jitter_percent": 101}), "invalid_request"),
        (json!({"x": 1}), "unknown_field"),
    ] {
        let mut refused = job("x");
        refused["retry"] = bad;
        let reply = admin.post("/v1/queues/q/jobs", &refused).await;
        assert_eq!(reply.problem(), code, "{reply:?}");
    }
    let worker = admin.made("w-1", "worker", &["q"]).await;
    for (attempt, code) in [(1, "E_CARD"), (2, "E_NET"), (3, "E_NET")] {
        let mut wish =
            json!({"wait_ms": 60_000, "instance": format!("host-{attempt}"), "code_version": "1.4.0"});
        if attempt == 2 {
            wish = json!({"wait_ms": 60_000});
        }
        let leased = worker.post("/v1/queues/q/leases", &wish).await;
        let leased = &leased.json["jobs"][0];
        assert_eq!(leased["attempt"], attempt, "{leased}");
        let failed = json!({"receipt": leased["receipt"], "code": code, "category": "timeout"});
        assert_eq!(worker.settled("fail", failed).await["ok"], true);
    }
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let shown = admin.get(&format!("/v1/jobs/{id}")).await.json;
    assert_eq!(
        (&shown["state"], &shown["dead_because"]),
        (&json!("dead"), &json!("attempts_used")),
        "{shown}"
    );
    let attempts = shown["attempts"].as_array().expect("a list");
    assert_eq!(attempts.len(), 3, "{shown}");
    for (attempt, code) in attempts.iter().zip(["E_CARD", "E_NET", "E_NET"]) {
        assert_eq!((&attempt["worker"], &attempt["end"]), (&json!("w-1"), &json!("failed")));
        assert_eq!((&attempt["code"], &attempt["category"]), (&json!(code), &json!("timeout")));
        assert!(attempt["started_at"].as_str() <= attempt["ended_at"].as_str(), "{attempt}");
    }
    let said = |attempt: &Value| (attempt["instance"].clone(), attempt["code_version"].clone());
    let (first, third) = ((json!("host-1"), json!("1.4.0")), (json!("host-3"), json!("1.4.0")));
    assert_eq!([0, 1, 2].map(|at| said(&attempts[at])), [first, (Value::Null, Value::Null), third.clone()]);
    assert_eq!(shown["first_failed_at"], attempts[0]["ended_at"], "{shown}");
    let page = admin.post("/v1/queues/q/dead:list", &json!({})).await.json;
    let dead = &page["jobs"][0];
    assert_eq!((&dead["because"], &dead["worker"]), (&json!("attempts_used"), &json!("w-1")), "{page}");
    assert_eq!((said(dead), &dead["first_failed_at"]), (third, &attempts[0]["ended_at"]), "{page}");
    assert_eq!(dead["died_at"], attempts[2]["ended_at"], "{page}");
    // What a worker calls itself has its length and its characters.
    for field in ["instance", "code_version"] {
        for (text, status) in
            [("v".repeat(64), 200), ("v".repeat(65), 400), (String::new(), 400), ("a b".into(), 400)]
        {
            let asked = admin.post("/v1/queues/q/leases", &json!({field: text})).await;
            assert_eq!(asked.status, status, "{field}: {asked:?}");
        }
    }
    server.stop().await.expect("a clean stop");
}

// A job whose last attempt ended without a word from its worker was asked for by its owner: the server
// looked for the worker's words in the record that had ended the lease, took what it found there for
// damage, and stopped. Who sends a job and lets its lease run out could stop the server whenever he liked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_for_a_job_whose_worker_went_silent_does_not_stop_the_server() {
    let (_home, _disk, server, admin) = started().await;
    let id = admin.sent(json!({"max_attempts": 1})).await;
    admin.post("/v1/queues/q/leases", &json!({"lease_ms": 100})).await;
    let dead = async {
        while admin.state(&id).await != "dead" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, dead).await.expect("it dies");
    assert_eq!(admin.get(&format!("/v1/jobs/{id}")).await.status, 200, "the server is still there");
    server.stop().await.expect("a clean stop");
}

// covers JOB-5
// What a worker may say of an attempt, each word of it: fails, with and without a wait of its own, and hands back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_fails_in_five_ways_or_is_handed_back_and_waits_as_long_as_was_said() {
    let (_home, _disk, server, admin) = started().await;
    for (category, state) in [
        ("temporary", "retrying"),
        ("permanent", "dead"),
        ("timeout", "retrying"),
        ("cancelled", "retrying"),
        ("system", "retrying"),
    ] {
        let id = admin.sent(json!({})).await;
        let leased = admin.leased("q").await;
        let failed = json!({"receipt": leased["receipt"], "category": category, "retry_after_ms": 3_600_000});
        assert_eq!(admin.settled("fail", failed).await["state"], state, "{category}");
        let shown = admin.get(&format!("/v1/jobs/{id}")).await.json;
        assert_eq!(shown["last_error"]["category"], category, "{shown}");
        assert_eq!(shown["attempts"][0]["category"], category, "{shown}");
        assert_eq!(admin.leased("q").await, Value::Null, "{category}: nothing is ready for an hour");
    }
    let id = admin.sent(json!({})).await;
    let leased = admin.leased("q").await;
    let released = json!({"receipt": leased["receipt"], "delay_ms": 3_600_000});
    assert_eq!(admin.settled("release", released).await["state"], "delayed");
    let shown = admin.get(&format!("/v1/jobs/{id}")).await.json;
    assert_eq!((&shown["state"], &shown["attempt"]), (&json!("delayed"), &json!(0)), "it cost no attempt");
    server.stop().await.expect("a clean stop");
}

// covers JOB-5 (max_run_time ends a run beyond all heartbeats)
// attack 60
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ends_however_diligent_its_heartbeats_and_silent_workers_cost_attempts() {
    let (_home, _disk, server, admin) = started().await;
    let settings = json!({"sealing": "allowed", "max_attempts": 1, "lease_ms": 300, "max_run_ms": 300});
    admin.send("PUT", "/v1/queues/q", &settings.to_string()).await;
    let id = admin.sent(json!({})).await;
    let leased = admin.post("/v1/queues/q/leases", &json!({"lease_ms": 200})).await;
    let receipt = &leased.json["jobs"][0]["receipt"];
    let beats = async {
        loop {
            let beat = admin.settled("extend", json!({"receipt": receipt, "lease_ms": 60_000})).await;
            if beat.get("error").is_some() {
                break beat;
            }
        }
    };
    let beat = tokio::time::timeout(DEADLINE, beats).await.expect("it ends");
    assert_eq!(beat["error"]["code"], "lease_lost");
    let dead = async {
        while admin.state(&id).await != "dead" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, dead).await.expect("it dies");
    let shown = admin.get(&format!("/v1/jobs/{id}")).await.json;
    assert_eq!(
        (&shown["dead_because"], &shown["last_error"]["category"]),
        (&json!("run_too_long"), &json!("timeout"))
    );

    let silent = admin.sent(json!({})).await;
    admin.post("/v1/queues/q/leases", &json!({"lease_ms": 100})).await;
    let dead = async {
        while admin.state(&silent).await != "dead" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, dead).await.expect("it dies");
    assert_eq!(admin.get(&format!("/v1/jobs/{silent}")).await.json["dead_because"], "worker_lost");
    server.stop().await.expect("a clean stop");
}

// covers DLQ-2 (code of at most 64 characters)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_s_code_has_its_limit() {
    let (_home, _disk, server, admin) = started().await;
    admin.sent(json!({})).await;
    let receipt = admin.leased("q").await["receipt"].clone();
    for bad in ["e".repeat(65), String::new(), "a b".to_owned(), "é".to_owned()] {
        let refused = admin.settled("fail", json!({"receipt": receipt, "code": bad})).await;
        assert_eq!(refused["error"]["code"], "invalid_request", "{bad}");
    }
    let failed = admin.settled("fail", json!({"receipt": receipt, "code": "e".repeat(64)})).await;
    assert_eq!(failed["ok"], true, "{failed}");
    server.stop().await.expect("a clean stop");
}

// covers JOB-2 (a waiting job is set aside by a person, and released one by one or all)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_held_by_a_person_and_goes_on_when_released() {
    let (_home, _disk, server, admin) = started().await;
    let first = admin.sent(json!({})).await;
    let late = admin.sent(json!({"delay_ms": 3_600_000})).await;
    for id in [&first, &late, &late] {
        assert_eq!(admin.act(id, "hold", "").await.json["state"], "held");
    }
    let shown = admin.get(&format!("/v1/jobs/{first}")).await.json;
    assert_eq!(shown["held_because"], "quarantined", "{shown}");
    let empty = admin.post("/v1/queues/q/leases", &json!({})).await;
    assert_eq!(empty.json, json!({"jobs": []}), "a held job is handed to nobody");
    assert_eq!(admin.act(&late, "release", "").await.json["state"], "delayed", "its time has not come");
    assert_eq!(admin.act(&late, "cancel", "{}").await.json["state"], "cancelled");
    assert_eq!(admin.act(&late, "hold", "").await.problem(), "job_state");
    let shop = admin.made("shop", "submitter", &["*"]).await;
    assert_eq!(shop.act(&first, "hold", "").await.problem(), "not_found");
    assert_eq!(shop.send("POST", "/v1/queues/q/held:release", "").await.problem(), "not_found");
    let begun = admin.send("POST", "/v1/queues/q/held:release", "").await.json;
    assert_eq!((&begun["work"], &begun["jobs"]), (&json!("release_held"), &json!(1)), "{begun}");
    let leased = admin.post("/v1/queues/q/leases", &json!({"wait_ms": 60_000})).await.json;
    assert_eq!((&leased["jobs"][0]["id"], &leased["jobs"][0]["attempt"]), (&json!(first), &json!(1)));
    assert_eq!(admin.act(&first, "hold", "").await.problem(), "job_state", "it is its worker's");
    server.stop().await.expect("a clean stop");
}

// covers JOB-4
// covers JOB-4 (run_at and expires_at, and how far ahead they may be)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_sent_for_a_time_within_the_queue_s_horizon() {
    let (_home, _disk, server, admin) = started().await;
    let id = admin.sent(json!({"run_at": "2020-01-31T09:30:00Z"})).await;
    assert_eq!(admin.state(&id).await, "ready", "the past is now");
    let in_days = |days: i64| {
        let ms = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_millis();
        let ms = u64::try_from(ms).expect("a time") + u64::try_from(days).expect("days") * 86_400_000;
        sealane_api::wire::rfc3339(sealane_core::time::Time::from_unix_ms(ms))
    };
    let soon = in_days(29);
    let id = admin.sent(json!({"run_at": soon})).await;
    let shown = admin.get(&format!("/v1/jobs/{id}")).await.json;
    assert_eq!((&shown["state"], &shown["run_at"]), (&json!("delayed"), &json!(soon)), "{shown}");
    for bad in [
        json!({"run_at": in_days(31)}),
        json!({"run_at": "tomorrow"}),
        json!({"run_at": "1969-12-31T23:59:59Z"}),
        json!({"run_at": soon, "delay_ms": 1}),
    ] {
        let mut refused = job("x");
        bad.as_object().expect("an object").iter().for_each(|(name, value)| refused[name] = value.clone());
        assert_eq!(admin.post("/v1/queues/q/jobs", &refused).await.problem(), "invalid_request", "{bad}");
    }
    // The same for the time when it is worth nothing any more, which must lie ahead.
    let id = admin.sent(json!({"expires_at": soon})).await;
    let shown = admin.get(&format!("/v1/jobs/{id}")).await.json;
    assert_eq!(shown["expires_at"], json!(soon), "{shown}");
    for bad in [
        json!({"expires_at": "2020-01-31T09:30:00Z"}),
        json!({"expires_at": in_days(3_651)}),
        json!({"expires_at": "tomorrow"}),
        json!({"expires_at": soon, "ttl_ms": 1}),
    ] {
        let mut refused = job("x");
        bad.as_object().expect("an object").iter().for_each(|(name, value)| refused[name] = value.clone());
        assert_eq!(admin.post("/v1/queues/q/jobs", &refused).await.problem(), "invalid_request", "{bad}");
    }
    let far = json!({"sealing": "allowed", "horizon_ms": 40 * 86_400_000_u64});
    assert_eq!(
        admin.send("PUT", "/v1/queues/q", &far.to_string()).await.json["horizon_ms"],
        far["horizon_ms"]
    );
    admin.sent(json!({"run_at": in_days(31)})).await;
    server.stop().await.expect("a clean stop");
}

// covers JOB-3 (critical before everything, and bulk gets its turn)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn critical_is_next_and_bulk_gets_its_turn() {
    let (_home, _disk, server, admin) = started().await;
    let send = |priority: &'static str, count: usize| {
        let admin = admin.clone();
        async move {
            let mut one = job("x");
            one["priority"] = json!(priority);
            let sent = admin.post("/v1/queues/q/jobs:batch", &json!({"jobs": vec![one; count]})).await;
            assert_eq!(sent.status, 200, "{sent:?}");
        }
    };
    send("bulk", 1_000).await;
    send("normal", 40).await;
    send("critical", 1).await;
    assert_eq!(admin.leased("q").await["priority"], "critical");
    let leased = admin.post("/v1/queues/q/leases", &json!({"max": 34})).await.json;
    let order: Vec<&str> = leased["jobs"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["priority"].as_str())
        .collect();
    assert_eq!(order.iter().position(|one| *one == "bulk"), Some(32), "{order:?}");
    assert_eq!(order[33], "normal");
    server.stop().await.expect("a clean stop");
}

// covers QUE-1 (pause, resume, drain, purge, depth)
// attack 59
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_paused_drained_and_purged_and_stays_so_after_a_restart() {
    let (home, disk, server, admin) = started().await;
    let shop = admin.made("shop", "submitter", &["**"]).await;
    assert_eq!(shop.send("POST", "/v1/queues/q:pause", "").await.problem(), "not_found");
    assert_eq!(shop.send("POST", "/v1/queues/q:purge", "").await.problem(), "not_found");
    assert_eq!(admin.send("POST", "/v1/queues/nowhere:pause", "").await.problem(), "not_found");
    assert_eq!(admin.send("POST", "/v1/queues/q:nothing", "").await.problem(), "not_found");
    let paused = admin.send("POST", "/v1/queues/q:pause", "").await;
    assert_eq!((paused.status, &paused.json["mode"]), (200, &json!("paused")), "{paused:?}");
    let id = admin.sent(json!({})).await;
    // Somebody waits at the paused queue; nothing is handed out, also after a restart.
    let asked_at = std::time::Instant::now();
    let none = admin.post("/v1/queues/q/leases", &json!({"wait_ms": 200})).await;
    assert_eq!(none.json, json!({"jobs": []}));
    assert!(asked_at.elapsed().as_millis() >= 150, "who waits is not sent away to ask again at once");
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    assert_eq!(admin.leased("q").await, Value::Null);
    let waiting = {
        let admin = admin.clone();
        tokio::spawn(async move { admin.post("/v1/queues/q/leases", &json!({"wait_ms": 300_000})).await })
    };
    assert_eq!(admin.send("POST", "/v1/queues/q:resume", "").await.json["mode"], "open");
    let leased = tokio::time::timeout(DEADLINE, waiting).await.expect("who waits gets it").expect("no panic");
    assert_eq!(leased.json["jobs"][0]["id"], json!(id), "{leased:?}");

    assert_eq!(admin.send("POST", "/v1/queues/q:drain", "").await.json["mode"], "draining");
    let refused = admin.post("/v1/queues/q/jobs", &job("x")).await;
    assert_eq!((refused.status, refused.problem()), (503, "queue_draining"));
    admin.send("POST", "/v1/queues/q:resume", "").await;
    let small = json!({"sealing": "allowed", "max_depth": 2});
    assert_eq!(admin.send("PUT", "/v1/queues/q", &small.to_string()).await.json["max_depth"], 2);
    admin.sent(json!({})).await;
    admin.sent(json!({"delay_ms": 60_000})).await;
    let refused = admin.post("/v1/queues/q/jobs", &job("x")).await;
    assert_eq!((refused.status, refused.problem()), (429, "limit_exceeded"), "{refused:?}");
    let begun = admin.send("POST", "/v1/queues/q:purge", "").await.json;
    assert_eq!((&begun["work"], &begun["jobs"]), (&json!("purge_waiting"), &json!(2)), "{begun}");
    let all = async {
        while admin.count("cancelled").await != 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("it goes on by itself");
    assert_eq!(admin.count("running").await, 1, "what runs is left alone");
    admin.sent(json!({})).await;
    server.stop().await.expect("a clean stop");
}
