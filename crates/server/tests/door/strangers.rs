//! Whoever has no good key learns nothing and does nothing.

use std::sync::Arc;

use sealane_api::for_each_operation;
use sealane_api::operation::Operation as _;
use sealane_crypto::random::SystemRandom;
use sealane_crypto::secret::Key;
use sealane_server::authn::{AccessKeyText, Environment};
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::json;

use crate::http::{Http, job};
use crate::support::Home;

fn filled(path: &str) -> String {
    let id = crate::support::job_id().to_string();
    path.replace("{queue}", "orders").replace("{job}", &id).replace("{key}", "aaaaaaaaaaaaaaaa")
}

// covers AUTH-5 (no operation without a credential)
// attack 33
// attack 36
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_the_list_refuses_strangers() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let good = admin.key.clone();
    let last = good.chars().last().map_or('a', |letter| if letter == 'a' { 'b' } else { 'a' });
    // The checksum is no secret: whoever knows a key's id can make a text that is well formed.
    let known = AccessKeyText::parse(&good).expect("the admin's key");
    let with = |environment: &str, secret: Key| {
        let environment = Environment::parse(environment).expect("a word");
        AccessKeyText { environment, id: known.id.clone(), secret }.reveal()
    };
    assert_eq!(
        with("live", known.secret.duplicate()),
        good,
        "the texts below are as well formed as this one"
    );
    let wrong_secret = with("live", Key::generate(&SystemRandom).expect("random bytes"));
    let other_environment = with("test", known.secret.duplicate());
    let unknown_id =
        AccessKeyText::generate(&known.environment, &SystemRandom).expect("random bytes").reveal();
    let mangled = format!("{}{last}", &good[..good.len() - 1]);
    let headers: Vec<Vec<String>> = vec![
        vec![],
        vec![String::new()],
        vec!["Bearer".to_owned()],
        vec!["Bearer ".to_owned()],
        vec![format!("Basic {good}")],
        vec![format!("Bearer {mangled}")],
        vec![format!("Bearer {wrong_secret}")],
        vec![format!("Bearer  {good}")],
        vec![format!("Bearer {good},{good}")],
        vec![format!("Bearer {good}"), format!("Bearer {good}")],
        vec![format!("Bearer {other_environment}")],
        vec![format!("Bearer {unknown_id}")],
    ];
    let mut tried = 0;
    macro_rules! try_all {
        ($($op:ident),*) => { $({
            use sealane_api::operation::$op;
            for values in &headers {
                let body = if $op::METHOD.as_str() == "POST" { "{}" } else { "" };
                let mut request = admin.request($op::METHOD.as_str(), &filled($op::PATH), body);
                for value in values {
                    request = request.header("authorization", value);
                }
                let reply = Http::reply(request).await.expect("an answer");
                assert_eq!((reply.status, reply.problem()), (401, "unauthenticated"), "{} {values:?}", $op::NAME);
                assert_eq!(reply.headers["www-authenticate"], "Bearer");
                tried += 1;
            }
        })* };
    }
    for_each_operation!(try_all);
    assert_eq!(tried, 62 * headers.len(), "an operation was added: look whether strangers are refused");
    // What is not in the list tells strangers nothing either; health is all they get.
    for path in ["/", "/v1", "/v1/nothing", "/metrics", "/v1/jobs/%ff", "/v1/queues/%ff"] {
        assert_eq!(
            Http::reply(admin.request("GET", path, "")).await.expect("an answer").status,
            401,
            "{path}"
        );
        assert_eq!(admin.get(path).await.problem(), "not_found", "{path}");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(
            Http::reply(admin.request("GET", path, "")).await.expect("an answer").status,
            200,
            "{path}"
        );
    }
    let huge = admin.request("GET", "/v1/queues", "").header("authorization", "x".repeat(64 * 1024));
    let refused = Http::reply(huge).await.map_or(431, |reply| reply.status);
    assert_eq!(refused, 431, "headers beyond their limit");
    server.stop().await.expect("a clean stop");
}

// covers AUTH-1 (revoked at once, expired, never shown again)
// attack 35
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_or_expired_key_opens_nothing_also_after_a_restart() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    let made = admin.post("/v1/access/keys", &json!({"principal": "p", "role": "worker"})).await;
    assert_eq!((made.status, &made.json["queues"]), (201, &json!(["**"])), "{made:?}");
    let key = made.json["key"].as_str().expect("a key").to_owned();
    let worker = admin.with_key(&key);
    assert_eq!(worker.get("/v1/queues").await.status, 200);
    let id = made.json["id"].as_str().expect("an id");
    let revoked = admin.send("DELETE", &format!("/v1/access/keys/{id}"), "").await;
    assert!(revoked.status == 200 && revoked.json["revoked_at"].is_string(), "{revoked:?}");
    assert_eq!(worker.get("/v1/queues").await.problem(), "unauthenticated");
    assert_eq!(admin.send("DELETE", &format!("/v1/access/keys/{id}"), "").await.problem(), "not_found");
    let list = admin.get("/v1/access/keys").await;
    assert!(
        list.text.contains(id) && !list.text.contains("\"key\"") && !list.text.contains(&key[25..]),
        "{list:?}"
    );

    let brief = admin.post("/v1/access/keys", &json!({"principal": "p", "role": "admin", "ttl_ms": 1})).await;
    let brief = admin.with_key(brief.json["key"].as_str().expect("a key"));
    let gone = async {
        while brief.get("/v1/queues").await.status != 401 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, gone).await.expect("it expires");

    let own = admin.key.split('_').nth(2).expect("a key id").to_owned();
    assert_eq!(
        admin.send("DELETE", &format!("/v1/access/keys/{own}"), "").await.problem(),
        "invalid_request"
    );
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    assert_eq!(admin.get("/v1/queues").await.status, 200, "the first key survives the restart");
    assert_eq!(admin.with_key(&key).get("/v1/queues").await.problem(), "unauthenticated");
    server.stop().await.expect("a clean stop");
}

// covers RBAC-1 (admin, submitter, worker)
// covers RBAC-2 (queue patterns)
// attack 42
// attack 43
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_and_grants_reach_as_far_as_they_say_and_no_further() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    for queue in ["orders.eu", "orders", "mail"] {
        let made = admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
        assert_eq!(made.status, 200, "{made:?}");
    }
    let submitter = admin.made("shop", "submitter", &["orders.*"]).await;
    let other = admin.made("other", "submitter", &["**"]).await;
    let worker = admin.made("w", "worker", &["orders.*"]).await;

    let sent = submitter.post("/v1/queues/orders.eu/jobs", &job("x")).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let path = format!("/v1/jobs/{}", sent.json["id"].as_str().expect("an id"));
    assert_eq!(submitter.get(&path).await.status, 200, "one's own");
    assert_eq!(worker.get(&path).await.status, 200, "in a granted queue");
    let foreign = admin.post("/v1/queues/mail/jobs", &job("x")).await;
    let foreign = format!("/v1/jobs/{}", foreign.json["id"].as_str().expect("an id"));

    // For everything refused: the same answer as for what does not exist.
    let nothing = submitter.get(&format!("/v1/jobs/{}", crate::support::job_id())).await;
    let refused = [
        other.get(&path).await,
        submitter.get(&foreign).await,
        worker.get(&foreign).await,
        submitter.post("/v1/queues/orders/jobs", &job("x")).await,
        submitter.post("/v1/queues/mail/jobs", &job("x")).await,
        submitter.post("/v1/queues/orders.eu/leases", &json!({})).await,
        submitter.send("PUT", "/v1/queues/orders.eu", "{}").await,
        submitter.get("/v1/access/keys").await,
        submitter.post("/v1/access/keys", &json!({"principal": "shop", "role": "admin"})).await,
        submitter.post("/v1/leases:complete", &json!({"items": [{"receipt": "x"}]})).await,
        worker.post("/v1/queues/orders.eu/jobs", &job("x")).await,
        worker.post("/v1/queues/mail/leases", &json!({})).await,
        worker.send("PUT", "/v1/queues/orders.eu", "{}").await,
        worker.get("/v1/queues/mail").await,
        worker.get("/v1/queues/nowhere").await,
        admin.get("/v1/queues/nowhere").await,
        admin.post("/v1/queues/nowhere/jobs", &job("x")).await,
        admin.post("/v1/queues/nowhere/leases", &json!({})).await,
    ];
    for reply in &refused {
        assert_eq!((reply.status, reply.problem()), (404, "not_found"), "{reply:?}");
        assert_eq!(reply.json["detail"], nothing.json["detail"]);
    }
    let seen = worker.get("/v1/queues").await;
    assert_eq!(seen.json["queues"].as_array().map(Vec::len), Some(1), "{seen:?}");
    server.stop().await.expect("a clean stop");
}
