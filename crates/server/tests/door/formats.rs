//! CBOR through the door, written and read by a library that is not the server's.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::{Value as Cbor, cbor};
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::json;

use crate::http::Http;
use crate::support::Home;

/// A body with every byte, which no text could carry as it is.
fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

fn encoded(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("it encodes");
    bytes
}

fn field<'a>(value: &'a Cbor, name: &str) -> &'a Cbor {
    let pairs = value.as_map().unwrap_or_else(|| panic!("no map: {value:?}"));
    let found = pairs.iter().find(|(key, _)| key.as_text() == Some(name));
    &found.unwrap_or_else(|| panic!("no {name}: {value:?}")).1
}

fn first<'a>(value: &'a Cbor, list: &str) -> &'a Cbor {
    &field(value, list).as_array().expect("a list")[0]
}

/// Sends these bytes as CBOR and asks for CBOR.
async fn send(admin: &Http, path: &str, body: Vec<u8>) -> reqwest::Response {
    let request = admin.request("POST", path, "").header("authorization", format!("Bearer {}", admin.key));
    let request = request.header("content-type", "application/cbor").header("accept", "application/cbor");
    request.body(body).send().await.expect("an answer")
}

async fn post(admin: &Http, path: &str, body: &Cbor) -> Cbor {
    let answer = send(admin, path, encoded(body)).await;
    assert!(answer.status().is_success(), "{answer:?}");
    assert_eq!(answer.headers()["content-type"], "application/cbor");
    ciborium::from_reader(&*answer.bytes().await.expect("a body")).expect("CBOR")
}

// covers JOB-1 (byte-exact in both formats)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_in_as_cbor_comes_out_as_json_and_the_other_way_round() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    assert_eq!(admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await.status, 200);
    let lease = "/v1/queues/q/leases";

    let jobs = Cbor::Array(vec![
        cbor!({"kind" => "k", "body" => Cbor::Bytes(every_byte()), "attributes" => {"a" => "ä"}}).unwrap(),
        cbor!({"kind" => "", "body" => Cbor::Bytes(Vec::new())}).unwrap(),
    ]);
    let results = post(&admin, "/v1/queues/q/jobs:batch", &Cbor::Map(vec![("jobs".into(), jobs)])).await;
    let accepted = first(&results, "results");
    assert_eq!(field(accepted, "state").as_text(), Some("ready"));
    let refused = &field(&results, "results").as_array().expect("a list")[1];
    assert_eq!(field(field(refused, "error"), "code").as_text(), Some("invalid_request"));
    let leased = admin.post(lease, &json!({})).await;
    let job = &leased.json["jobs"][0];
    assert_eq!(job["id"].as_str(), field(accepted, "id").as_text());
    assert_eq!((&job["body"], &job["attributes"]["a"]), (&json!(STANDARD.encode(every_byte())), &json!("ä")));

    let settle = cbor!({"items" => [{
        "receipt" => job["receipt"].as_str().expect("a receipt"),
        "result" => Cbor::Bytes(vec![0xff, 0x00]),
    }]});
    let settled = post(&admin, "/v1/leases:complete", &settle.unwrap()).await;
    assert_eq!(field(first(&settled, "results"), "ok").as_bool(), Some(true));
    let shown = admin.get(&format!("/v1/jobs/{}", job["id"].as_str().expect("an id"))).await;
    assert_eq!(shown.json["result"], STANDARD.encode([0xff, 0x00]));

    let body = STANDARD.encode(every_byte());
    assert_eq!(admin.post("/v1/queues/q/jobs", &json!({"kind": "k", "body": body})).await.status, 201);
    let leased = post(&admin, lease, &cbor!({"max" => 10}).unwrap()).await;
    assert_eq!(field(first(&leased, "jobs"), "body").as_bytes(), Some(&every_byte()));

    // A time is a number here and a text there.
    let later = cbor!({"kind" => "k", "body" => Cbor::Bytes(Vec::new()), "run_at" => 1_577_836_800_120_u64});
    let sent = post(&admin, "/v1/queues/q/jobs", &later.unwrap()).await;
    let path = format!("/v1/jobs/{}", field(&sent, "id").as_text().expect("an id"));
    let shown = admin.get(&path).await.json["created_at"].clone();
    let time = sealane_api::wire::from_rfc3339(shown.as_str().expect("a text")).expect("a time");
    let asked = |accept: &'static str| {
        let asked = admin.request("GET", &path, "").header("accept", accept);
        asked.header("authorization", format!("Bearer {}", admin.key)).send()
    };
    let bytes = asked("application/cbor").await.expect("an answer").bytes().await.expect("a body");
    let job: Cbor = ciborium::from_reader(&*bytes).expect("CBOR");
    assert_eq!(field(&job, "created_at").as_integer(), Some(time.unix_ms().into()));
    // Who takes both gets JSON.
    let both = asked("application/cbor, application/json").await.expect("an answer");
    assert_eq!(both.headers()["content-type"], "application/json");
    server.stop().await.expect("a clean stop");
}

// attack 54
// attack 55
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cbor_that_cannot_be_read_gets_a_problem_document() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    assert_eq!(admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await.status, 200);
    let body = Cbor::Bytes(b"b".to_vec());
    let good = encoded(&cbor!({"kind" => "k", "body" => body.clone()}).unwrap());
    let unknown = cbor!({"kind" => "k", "body" => body.clone(), "colour" => 1}).unwrap();
    let text = cbor!({"kind" => "k", "body" => "Yg=="}).unwrap();
    let negative = cbor!({"kind" => "k", "body" => body, "delay_ms" => (-1)}).unwrap();
    let mut bad = vec![
        (encoded(&unknown), "unknown_field"),
        (encoded(&text), "invalid_request"),
        (encoded(&negative), "invalid_request"),
        (br#"{"kind":"k","body":"Yg=="}"#.to_vec(), "invalid_request"),
        ([good.clone(), vec![0xf6]].concat(), "invalid_request"),
        (vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "invalid_request"),
        (vec![0x81; 500_000], "invalid_request"),
    ];
    bad.extend((0..good.len()).map(|end| (good[..end].to_vec(), "invalid_request")));
    for (bytes, code) in bad {
        let answer = send(&admin, "/v1/queues/q/jobs", bytes.clone()).await;
        assert_eq!(answer.status(), 400, "{:02x?}", &bytes[..bytes.len().min(64)]);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: serde_json::Value =
            serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        assert_eq!(problem["code"], code, "{problem} for {:02x?}", &bytes[..bytes.len().min(64)]);
    }
    assert_eq!(admin.get("/v1/queues/q").await.json["jobs"]["ready"], 0);
    assert_eq!(send(&admin, "/v1/queues/q/jobs", good).await.status(), 201);
    server.stop().await.expect("a clean stop");
}
