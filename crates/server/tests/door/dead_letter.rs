//! Dead-letter by filter: what is meant, looked at before, sent through at a rate, and what it has in common.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::{Loss, LossyDisk};
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::{DEADLINE, Home, Running};

async fn started() -> (Home, LossyDisk, Running, Http) {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    (home, disk, server, admin)
}

/// Kills so many jobs of a kind with a tag, alike.
async fn kill(admin: &Http, count: usize, kind: &str, tag: &str, how: Value) {
    let mut sent = job("x");
    sent["kind"] = json!(kind);
    sent["tags"] = json!([tag, "all"]);
    let sent = admin.post("/v1/queues/q/jobs:batch", &json!({"jobs": vec![sent; count]})).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let leased = admin.post("/v1/queues/q/leases", &json!({"max": count})).await.json;
    let items: Vec<Value> = leased["jobs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            let mut item = how.clone();
            item["receipt"] = one["receipt"].clone();
            item
        })
        .collect();
    assert_eq!(items.len(), count);
    let failed = admin.post("/v1/leases:fail", &json!({"items": items})).await;
    assert_eq!(failed.json["results"][0]["state"], "dead", "{failed:?}");
}

async fn preview(admin: &Http, filter: Value) -> Value {
    admin.post("/v1/queues/q/dead:preview", &json!({"filter": filter, "max": 1})).await.json
}

/// Waits until every record was read.
async fn all_known(admin: &Http) {
    let known = async {
        while preview(admin, json!({"tag": "all"})).await["not_known"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, known).await.expect("the records are read");
}

async fn until_dead(admin: &Http, jobs: u64) {
    let there = async {
        while admin.get("/v1/queues/q").await.json["jobs"]["dead"] != jobs {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, there).await.expect("bulk work goes on by itself");
}

const PRINT: &str = "AAECAwQFBgcICQoLDA0ODw==";

// covers DLQ-1 (list, re-drive and purge by filter, preview)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_filter_means_is_looked_at_and_then_done() {
    let (home, disk, server, admin) = started().await;
    kill(&admin, 3, "mail", "eu", json!({"category": "permanent", "code": "E1"})).await;
    kill(&admin, 2, "mail", "us", json!({"category": "permanent", "error_fingerprint": PRINT})).await;
    kill(&admin, 1, "bill", "eu", json!({"category": "permanent", "code": "E2"})).await;
    all_known(&admin).await;
    let owner = admin.post("/v1/queues/q/dead:list", &json!({})).await.json["jobs"][0]["owner"].clone();
    for (filter, meant) in [
        (json!({}), 6),
        (json!({"category": "permanent"}), 6),
        (json!({"category": "timeout"}), 0),
        (json!({"code": "E1"}), 3),
        (json!({"fingerprint": PRINT}), 2),
        (json!({"kind": "mail"}), 5),
        (json!({"kind": "MAIL"}), 0),
        (json!({"tag": "eu"}), 4),
        (json!({"tag": "eu", "kind": "bill"}), 1),
        (json!({"tag": "mail"}), 0),
        (json!({"owner": owner}), 6),
        (json!({"owner": "nobody"}), 0),
        (json!({"died_from": "2020-01-01T00:00:00Z"}), 6),
        (json!({"died_before": "2020-01-01T00:00:00Z"}), 0),
    ] {
        let found = preview(&admin, filter.clone()).await;
        assert_eq!((&found["meant"], &found["not_known"]), (&json!(meant), &json!(0)), "{filter}: {found}");
        assert_eq!(found["jobs"].as_array().map(Vec::len), Some(meant.min(1)), "{filter}: {found}");
        assert_eq!(found.get("next"), None, "{filter}: {found}");
        let list = admin.post("/v1/queues/q/dead:list", &json!({"filter": filter})).await.json;
        assert_eq!(list["jobs"].as_array().map(Vec::len), Some(meant), "{filter}: {list}");
    }
    let begun =
        admin.post("/v1/queues/q/dead:redrive", &json!({"filter": {"tag": "eu", "kind": "mail"}})).await;
    assert_eq!((&begun.json["jobs"], &begun.json["running"]), (&json!(3), &json!(true)), "{begun:?}");
    until_dead(&admin, 3).await;
    assert_eq!(preview(&admin, json!({"kind": "mail"})).await["meant"], 2);

    // What is known of dead jobs is known after a restart.
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk.after_power_cut(Loss::Nothing))).await;
    let admin = Http::admin(&server);
    assert_eq!(preview(&admin, json!({"kind": "mail"})).await["meant"], 2);
    let begun = admin.post("/v1/queues/q/dead:purge", &json!({"filter": {"kind": "mail"}})).await;
    assert_eq!(begun.json["jobs"], 2, "{begun:?}");
    until_dead(&admin, 1).await;
    let queue = admin.get("/v1/queues/q").await.json;
    assert_eq!((&queue["jobs"]["cancelled"], &queue["jobs"]["waiting"]), (&json!(2), &json!(3)), "{queue}");
    let none = admin.post("/v1/queues/q/dead:purge", &json!({"filter": {"kind": "mail"}})).await.json;
    assert_eq!((&none["running"], &none["jobs"]), (&json!(false), &json!(0)));
    server.stop().await.expect("a clean stop");
}

// covers DLQ-1 (rate of a re-drive, resumed after a crash)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_redrive_goes_on_after_a_crash_and_can_be_given_up() {
    let (home, disk, server, admin) = started().await;
    kill(&admin, 200, "mail", "eu", json!({"category": "permanent"})).await;
    let wish = json!({"filter": {"category": "permanent"}, "rate": 1});
    let begun = admin.post("/v1/queues/q/dead:redrive", &wish).await.json;
    assert_eq!((&begun["jobs"], &begun["running"]), (&json!(200), &json!(true)), "{begun}");
    until_dead(&admin, 199).await;
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk.after_power_cut(Loss::Everything))).await;
    let admin = Http::admin(&server);
    let queue = admin.get("/v1/queues/q").await.json;
    assert_eq!(
        (&queue["work"]["work"], &queue["work"]["rate"]),
        (&json!("redrive_dead"), &json!(1)),
        "{queue}"
    );
    assert!(queue["jobs"]["dead"].as_u64().expect("a number") > 0, "it keeps to its rate: {queue}");
    assert_eq!(admin.post("/v1/queues/q/dead:redrive", &wish).await.json["running"], true, "asked again");
    assert_eq!(admin.post("/v1/queues/q/dead:redrive", &json!({})).await.problem(), "limit_exceeded");
    assert_eq!(admin.send("POST", "/v1/queues/q/dead:purge", "").await.problem(), "limit_exceeded");
    until_dead(&admin, 198).await;
    let stopped = admin.send("POST", "/v1/queues/q/dead:stop", "").await.json;
    assert_eq!(stopped.get("work"), None, "{stopped}");
    let left = stopped["jobs"]["dead"].clone();
    assert!(left.as_u64().is_some_and(|jobs| jobs > 0 && jobs < 199), "what was done stays done: {left}");
    assert_eq!(admin.send("POST", "/v1/queues/q/dead:stop", "").await.status, 200, "twice is once");
    assert_eq!(admin.post("/v1/queues/q/dead:purge", &json!({})).await.json["jobs"], left);
    until_dead(&admin, 0).await;
    server.stop().await.expect("a clean stop");
}

// covers DLQ-2 (counts by category, code, fingerprint, kind and hour, repeated patterns, growth)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_analysis_says_what_dead_jobs_have_in_common() {
    let (_home, _disk, server, admin) = started().await;
    let none = admin.send("POST", "/v1/queues/q/dead:analyse", "").await.json;
    assert_eq!((&none["jobs"], &none["died_last_hour"]), (&json!(0), &json!(0)), "{none}");
    let alike = json!({"category": "permanent", "code": "E1", "error_fingerprint": PRINT});
    kill(&admin, 3, "mail", "eu", alike).await;
    kill(&admin, 1, "bill", "eu", json!({"category": "permanent"})).await;
    all_known(&admin).await;
    let found = admin.send("POST", "/v1/queues/q/dead:analyse", "").await.json;
    assert_eq!((&found["jobs"], &found["died_last_hour"]), (&json!(4), &json!(4)), "{found}");
    assert_eq!(found["categories"], json!([{"value": "permanent", "jobs": 4}]));
    let values = |top: Value| json!({"top": top, "other": 0, "none": 1});
    assert_eq!(found["codes"], values(json!([{"value": "E1", "jobs": 3}])));
    assert_eq!(found["fingerprints"], values(json!([{"value": PRINT, "jobs": 3}])));
    let kinds = json!([{"value": "mail", "jobs": 3}, {"value": "bill", "jobs": 1}]);
    assert_eq!(found["kinds"], json!({"top": kinds, "other": 0, "none": 0}));
    let hours = found["hours"].as_array().expect("a list");
    assert_eq!(hours.iter().filter_map(|hour| hour["jobs"].as_u64()).sum::<u64>(), 4, "{found}");
    let pattern =
        json!({"category": "permanent", "code": "E1", "fingerprint": PRINT, "kind": "mail", "jobs": 3});
    assert_eq!(found["patterns"][0], pattern, "{found}");
    assert_eq!(found["patterns"].as_array().map(Vec::len), Some(2));
    assert_eq!(admin.get("/v1/queues/q").await.json["died_last_hour"], 4);
    server.stop().await.expect("a clean stop");
}

// attack 55
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_filter_no_rate_and_no_fingerprint_is_refused() {
    let (_home, _disk, server, admin) = started().await;
    kill(&admin, 1, "mail", "eu", json!({"category": "permanent"})).await;
    for filter in [
        json!({"category": "sudden"}),
        json!({"code": "a b"}),
        json!({"code": "e".repeat(65)}),
        json!({"fingerprint": "AAEC"}),
        json!({"fingerprint": "AAECAwQFBgcICQoLDA0ODxA="}),
        json!({"fingerprint": "?"}),
        json!({"kind": "a b"}),
        json!({"kind": ""}),
        json!({"tag": ""}),
        json!({"tag": "t".repeat(65)}),
        json!({"owner": "Nobody!"}),
        json!({"died_from": "yesterday"}),
        json!({"died_from": "2026-01-02T00:00:00Z", "died_before": "2026-01-02T00:00:00Z"}),
    ] {
        for verb in ["list", "preview", "redrive", "purge"] {
            let path = format!("/v1/queues/q/dead:{verb}");
            let refused = admin.post(&path, &json!({"filter": filter})).await;
            assert_eq!(refused.problem(), "invalid_request", "{verb} {filter}");
        }
    }
    assert_eq!(
        admin.post("/v1/queues/q/dead:purge", &json!({"filters": {}})).await.problem(),
        "unknown_field"
    );
    assert_eq!(admin.post("/v1/queues/q/dead:purge", &json!({"rate": 1})).await.problem(), "unknown_field");
    // A list that says nothing is no way to say all.
    for verb in ["redrive", "purge"] {
        let path = format!("/v1/queues/q/dead:{verb}");
        for body in ["[]", r#"{"filter":[]}"#, r#"{"filter":["permanent"]}"#, "null", "0"] {
            assert_eq!(admin.send("POST", &path, body).await.problem(), "invalid_request", "{verb} {body}");
        }
    }
    let unknown = json!({"filter": {"colour": "red"}});
    assert_eq!(admin.post("/v1/queues/q/dead:redrive", &unknown).await.problem(), "unknown_field");
    for rate in ["0", "100001", "-1", "2147483648", "9007199254740993", "9223372036854775808", "1e18", "1.5"]
    {
        let body = format!(r#"{{"rate":{rate}}}"#);
        let refused = admin.send("POST", "/v1/queues/q/dead:redrive", &body).await;
        assert_eq!(refused.problem(), "invalid_request", "{rate}");
    }
    assert_eq!(admin.get("/v1/queues/q").await.json["jobs"]["dead"], 1, "nothing was done");
    let most = admin.post("/v1/queues/q/dead:redrive", &json!({"rate": 100_000})).await;
    assert_eq!(most.json["running"], true, "{most:?}");
    until_dead(&admin, 0).await;
    let leased = admin.post("/v1/queues/q/leases", &json!({})).await.json["jobs"][0]["receipt"].clone();
    for print in ["AAEC", "AAECAwQFBgcICQoLDA0ODxA="] {
        let item = json!({"receipt": leased, "error_fingerprint": print});
        let failed = admin.post("/v1/leases:fail", &json!({"items": [item]})).await.json;
        assert_eq!(failed["results"][0]["error"]["code"], "invalid_request", "{failed}");
    }
    server.stop().await.expect("a clean stop");
}

// covers DLQ-1 (held jobs are released by a filter, with a preview, a rate and an end)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_jobs_are_released_by_what_they_have_in_common() {
    let (home, disk, server, admin) = started().await;
    let sent = async |kind: &str, tag: &str| {
        let job = json!({"kind": kind, "body": "", "tags": [tag]});
        let id = admin.post("/v1/queues/q/jobs", &job).await.json["id"].clone();
        let held = admin.send("POST", &format!("/v1/jobs/{}:hold", id.as_str().expect("an id")), "").await;
        assert_eq!(held.json["state"], "held", "{held:?}");
        id
    };
    let mail = sent("mail", "eu").await;
    for _ in 0..3 {
        sent("bill", "us").await;
    }
    let preview = async |filter: Value| {
        let wish = json!({"filter": filter, "max": 1});
        admin.post("/v1/queues/q/held:preview", &wish).await.json
    };
    let known = async { while preview(json!({"kind": "mail"})).await["not_known"] != 0 {} };
    tokio::time::timeout(DEADLINE, known).await.expect("their records are read");
    let found = preview(json!({"kind": "mail"})).await;
    assert_eq!((&found["meant"], &found["jobs"][0]["id"]), (&json!(1), &mail), "{found}");
    assert_eq!(found["jobs"][0]["reason"], "quarantined", "{found}");
    let owner = found["jobs"][0]["owner"].clone();
    for (filter, meant) in [
        (json!({"tag": "us"}), 3),
        (json!({"reason": "unopenable"}), 0),
        (json!({"owner": owner, "reason": "quarantined"}), 4),
        (json!({"owner": "nobody"}), 0),
        (json!({"held_from": "2020-01-31T09:30:00Z"}), 4),
        (json!({"held_before": "2020-01-31T09:30:00Z"}), 0),
    ] {
        assert_eq!(preview(filter.clone()).await["meant"], meant, "{filter}");
    }
    for filter in [
        json!({"reason": "bored"}),
        json!({"held_from": "2020-01-31T09:30:00Z", "held_before": "2020-01-31T09:30:00Z"}),
    ] {
        let refused = admin.post("/v1/queues/q/held:release", &json!({"filter": filter})).await;
        assert_eq!(refused.problem(), "invalid_request", "{filter}");
    }
    let unknown = admin.post("/v1/queues/q/held:release", &json!({"filter": {"category": "timeout"}})).await;
    assert_eq!(unknown.problem(), "unknown_field", "that is of dead ones");
    let shop = admin.made("shop", "submitter", &["*"]).await;
    for verb in ["preview", "release", "stop"] {
        let refused = shop.post(&format!("/v1/queues/q/held:{verb}"), &json!({})).await;
        assert_eq!(refused.problem(), "not_found", "{verb}");
    }
    let one = admin.post("/v1/queues/q/held:release", &json!({"filter": {"kind": "mail"}})).await.json;
    assert_eq!((&one["work"], &one["jobs"]), (&json!("release_held"), &json!(1)), "{one}");
    let over = async { while admin.get("/v1/queues/q").await.json.get("work").is_some() {} };
    tokio::time::timeout(DEADLINE, over).await.expect("it is over");
    assert_eq!(admin.get("/v1/queues/q").await.json["jobs"]["held"], 3, "the others stay");

    let slow = json!({"filter": {"tag": "us"}, "rate": 1});
    assert_eq!(admin.post("/v1/queues/q/held:release", &slow).await.json["running"], true);
    assert_eq!(admin.send("POST", "/v1/queues/q/dead:stop", "").await.json["work"]["work"], "release_held");
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk.after_power_cut(Loss::Everything))).await;
    let admin = Http::admin(&server);
    let queue = admin.get("/v1/queues/q").await.json;
    assert_eq!(
        (&queue["work"]["work"], &queue["work"]["rate"]),
        (&json!("release_held"), &json!(1)),
        "{queue}"
    );
    let stopped = admin.send("POST", "/v1/queues/q/held:stop", "").await.json;
    assert_eq!(stopped.get("work"), None, "{stopped}");
    assert_ne!(stopped["jobs"]["held"], 0, "{stopped}");
    server.stop().await.expect("a clean stop");
}
