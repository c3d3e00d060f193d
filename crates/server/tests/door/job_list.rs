//! Jobs by id, page by page, as far as one may see them.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::Home;

async fn sent(http: &Http, queue: &str, with: Value) -> String {
    let mut body = job("x");
    with.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
    let sent = http.post(&format!("/v1/queues/{queue}/jobs"), &body).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    sent.json["id"].as_str().expect("an id").to_owned()
}

async fn ids(http: &Http, wish: Value) -> Vec<String> {
    let page = http.post("/v1/jobs:list", &wish).await;
    assert_eq!(page.status, 200, "{page:?}");
    let mut ids: Vec<String> = page.json["jobs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|job| job["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort();
    ids
}

// covers JOB-11 (list by state, queue, kind, tag, correlation id and owner with a cursor)
// covers RBAC-1 (view own: submitter; all of the granted queues: admin, worker)
// attack 55
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_listed_by_what_they_are_and_as_far_as_one_may_see() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    for queue in ["q", "other"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    let key = |wish: Value| {
        let admin = admin.clone();
        async move {
            let made = admin.post("/v1/access/keys", &wish).await;
            let mut http = admin.clone();
            http.key = made.json["key"].as_str().expect("a key").to_owned();
            http
        }
    };
    let shop = key(json!({"principal": "shop", "role": "submitter"})).await;
    let of_q = key(json!({"principal": "press", "role": "worker", "queues": ["q"]})).await;
    let mail = sent(&admin, "q", json!({"kind": "mail", "tags": ["eu"], "correlation_id": "c1"})).await;
    let late = sent(&admin, "q", json!({"kind": "bill", "delay_ms": 3_600_000})).await;
    let shops = sent(&shop, "other", json!({"kind": "mail"})).await;
    let gone = sent(&admin, "other", json!({"kind": "mail"})).await;
    assert_eq!(admin.send("POST", &format!("/v1/jobs/{gone}:cancel"), "{}").await.status, 200);
    let sorted = |ids: &[&String]| {
        let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
        ids.sort();
        ids
    };
    for (wish, found) in [
        (json!({}), sorted(&[&mail, &late, &shops])),
        (json!({"queue": "q"}), sorted(&[&mail, &late])),
        (json!({"queue": "q", "state": "delayed"}), sorted(&[&late])),
        (json!({"state": "ready"}), sorted(&[&mail, &shops])),
        (json!({"state": "running"}), vec![]),
        (json!({"state": "cancelled"}), sorted(&[&gone])),
        (json!({"state": "cancelled", "queue": "q"}), vec![]),
        (json!({"kind": "mail"}), sorted(&[&mail, &shops])),
        (json!({"kind": "mail", "queue": "q"}), sorted(&[&mail])),
        (json!({"tag": "eu"}), sorted(&[&mail])),
        (json!({"tag": "mail"}), vec![]),
        (json!({"correlation_id": "c1"}), sorted(&[&mail])),
        (json!({"owner": "shop"}), sorted(&[&shops])),
    ] {
        assert_eq!(ids(&admin, wish.clone()).await, found, "{wish}");
    }
    assert_eq!(ids(&shop, json!({})).await, sorted(&[&shops]), "its own and nobody else's");
    assert_eq!(ids(&shop, json!({"owner": "admin"})).await, Vec::<String>::new());
    assert_eq!(ids(&shop, json!({"state": "cancelled"})).await, Vec::<String>::new());
    assert_eq!(ids(&of_q, json!({})).await, sorted(&[&mail, &late]), "what its queues hold");
    for hidden in [json!({"queue": "other"}), json!({"queue": "nowhere"})] {
        assert_eq!(of_q.post("/v1/jobs:list", &hidden).await.problem(), "not_found");
    }

    // Page by page each job comes once, in the order of ids.
    let (mut all, mut wish) = (Vec::new(), json!({"max": 1, "kind": "mail"}));
    loop {
        let page = admin.post("/v1/jobs:list", &wish).await.json;
        let jobs = page["jobs"].as_array().expect("a list");
        assert!(jobs.len() <= 1, "{page}");
        all.extend(jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()));
        match page["next"].as_str() {
            Some(next) => wish["after"] = json!(next),
            None => break,
        }
        assert!(all.len() <= 2, "it comes to an end");
    }
    assert_eq!(all, sorted(&[&mail, &shops]));

    for bad in [
        json!({"max": 0}),
        json!({"max": 1001}),
        json!({"max": -1}),
        json!({"max": 4_294_967_296_u64}),
        json!({"state": "gone"}),
        json!({"queue": "Q"}),
        json!({"kind": "a b"}),
        json!({"tag": ""}),
        json!({"owner": "?"}),
        json!({"correlation_id": ""}),
        json!({"after": "x"}),
    ] {
        assert_eq!(admin.post("/v1/jobs:list", &bad).await.problem(), "invalid_request", "{bad}");
    }
    assert_eq!(admin.post("/v1/jobs:list", &json!({"status": "ready"})).await.problem(), "unknown_field");
    assert_eq!(admin.post("/v1/jobs:list", &json!({"max": 1000})).await.status, 200);
    server.stop().await.expect("a clean stop");
}
