//! Jobs that wait for each other, with the binary as a user has it.

use std::sync::{Arc, Mutex};

use sealane::{Flow, Job, JobId, Outcome};
use serde_json::{Value, json};

use crate::support::{Place, contains};

const CANARY: &str = "flow-canary";

/// Works off so many jobs of a queue: each comes to its body and what its parents came to.
async fn work(client: &sealane::Client, queue: &str, jobs: u64, said: &Arc<Mutex<Vec<String>>>) {
    let said = Arc::clone(said);
    let worker = client
        .worker(queue)
        .default_handler(move |delivery, context| {
            let said = Arc::clone(&said);
            async move {
                let parents = context.parents().iter();
                let results: Vec<String> = parents
                    .map(|parent| {
                        String::from_utf8_lossy(parent.result.as_deref().unwrap_or_default()).into_owned()
                    })
                    .collect();
                let own = String::from_utf8_lossy(&delivery.body).into_owned();
                let line = format!("{own}({})", results.join(","));
                said.lock().expect("no panic").push(line.clone());
                Outcome::complete_with(line)
            }
        })
        .max_jobs(jobs)
        .build()
        .expect("a worker");
    let worked = worker.run(std::future::pending()).await.expect("it works");
    assert_eq!(worked.completed, jobs, "{worked:?}");
}

// covers JOB-8
// covers JOB-8 (fan-out, fan-in with sealed results, kill -9 in the middle)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_results_meet_in_the_end_however_often_the_server_is_killed() {
    let place = Place::new();
    let server = place.serve();
    for queue in ["etl", "report"] {
        place.json(&["queue", "create", queue], "");
    }
    let job = |body: &str| Job::new("step", format!("{CANARY}-{body}"));
    let flow = Flow::new("etl")
        .job("a", job("a"))
        .fan_out("a", [("b", job("b")), ("c", job("c")), ("d", job("d"))])
        .fan_in("e", job("e"), ["b", "c", "d"])
        .in_queue("report");
    let sent = server.client().producer().submit(flow).await.expect("it is accepted");
    let id = sent.id.to_string();
    let said = Arc::default();

    work(&server.client(), "etl", 1, &said).await;
    server.kill();
    let server = place.serve();
    work(&server.client(), "etl", 2, &said).await;
    server.kill();
    let server = place.serve();
    work(&server.client(), "etl", 1, &said).await;
    server.kill();
    let server = place.serve();
    work(&server.client(), "report", 1, &said).await;

    let last = said.lock().expect("no panic").last().cloned().expect("it ran");
    let of = |name: &str| format!("{CANARY}-{name}({CANARY}-a())");
    assert_eq!(last, format!("{CANARY}-e({},{},{})", of("b"), of("c"), of("d")));
    let shown = place.json(&["flow", "get", &id], "");
    let states: Vec<&Value> =
        shown["jobs"].as_array().expect("jobs").iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["completed"; 5], "{shown}");
    let e = sent.job("e").expect("it was named").to_string();
    let got = place.json(&["job", "get", &e], "");
    assert_eq!(got["opened_result"], last.as_str(), "{got}");
    assert_eq!(got["dependencies"]["after"][0]["state"], "completed");
    server.kill();
    for (path, bytes) in crate::support::files_below(&place.path("data")) {
        assert!(!contains(&bytes, CANARY.as_bytes()), "{} holds plaintext", path.display());
    }
}

// covers CLI-1 (flow submit, get, cancel; job enqueue --after)
#[test]
fn flows_are_sent_shown_and_ended_from_the_command_line() {
    let place = Place::new();
    let _server = place.serve();
    place.json(&["queue", "create", "etl"], "");
    let file = json!({"queue": "etl", "nodes": [
        {"name": "extract", "kind": "k", "text": "secret", "delay_ms": 3_600_000, "subject": "s",
            "fair_key": "f", "retry": {"base_ms": 7}, "unique": {"key": "u"}},
        {"name": "load", "kind": "k", "text": "secret", "after": ["extract"], "on_failure": "cancel"},
    ]});
    let sent = place.json(&["flow", "submit", "-"], &file.to_string());
    let states: Vec<&Value> =
        sent["jobs"].as_array().expect("jobs").iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["delayed", "blocked"], "{sent}");
    let extract = sent["jobs"][0]["id"].as_str().expect("an id");
    assert_eq!(place.json(&["job", "get", extract], "")["subject"], "s");
    let (flow, load) = (sent["id"].as_str().expect("an id"), sent["jobs"][1]["id"].as_str().expect("an id"));

    let enqueue = ["job", "enqueue", "etl", "--kind", "k", "--body", "-"];
    let after = [&enqueue[..], &["--after", load, "--on-failure", "run"]].concat();
    let child = place.json(&after, "secret");
    assert_eq!(child["state"], "blocked", "{child}");
    let nobody = JobId::v7(0, [1; 10]).to_string();
    let refused = place.sealane(&[&enqueue[..], &["--after-any", &nobody, "-o", "json"]].concat(), "x");
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(contains(&refused.stderr, nobody.as_bytes()), "it says which: {refused:?}");

    let unsure = place.sealane(&["flow", "cancel", flow], "");
    assert_eq!(unsure.status.code(), Some(2), "{unsure:?}");
    let looked = place.json(&["flow", "cancel", flow, "--dry-run"], "");
    assert_eq!(looked["jobs"][1]["state"], "blocked", "nothing was done");
    let ended = place.json(&["flow", "cancel", flow, "--yes"], "");
    assert!(ended["jobs"].as_array().expect("jobs").iter().all(|job| job["state"] == "cancelled"), "{ended}");
    let child = child["id"].as_str().expect("an id");
    assert_eq!(place.json(&["job", "get", child], "")["state"], "ready", "it runs all the same");

    for (bad, words) in [
        (json!({"nodes": [{"name": "a", "kind": "k"}]}), "no queue"),
        (json!({"secret": 1, "nodes": []}), "no flow at line 1"),
        (json!({"queue": "etl", "nodes": [{"kind": "secret"}]}), "has no name"),
        (json!({"queue": "etl", "nodes": [{"name": "a", "kind": "k", "after": "secret"}]}), "list of names"),
        (json!({"queue": "etl", "nodes": [{"name": "a", "kind": "k", "secret": 1}]}), "node a"),
        (json!({"queue": "etl", "nodes": [{"name": "a", "kind": "k", "on_failure": "x"}]}), "node a"),
    ] {
        let refused = place.sealane(&["flow", "submit", "-"], &bad.to_string());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(
            contains(&refused.stderr, words.as_bytes()) && !contains(&refused.stderr, b"secret"),
            "{refused:?}"
        );
    }
    let circle = json!({"queue": "etl", "nodes": [
        {"name": "a", "kind": "k", "after": ["b"]}, {"name": "b", "kind": "k", "after": ["a"]},
    ]});
    let refused = place.sealane(&["flow", "submit", "-"], &circle.to_string());
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(contains(&refused.stderr, "a → b → a".as_bytes()), "{refused:?}");
}
