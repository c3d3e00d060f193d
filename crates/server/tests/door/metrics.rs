//! What monitoring reads: told by a parser that nobody here wrote, and compared with the page about it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use openmetrics_parser::openmetrics::parse_openmetrics;
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::json;

use crate::http::{Http, Reply, job};
use crate::support::Home;

async fn read(http: &Http) -> Reply {
    let reply = http.get("/v1/metrics").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

/// Sends so many jobs to a queue and fails them for good.
async fn kill(http: &Http, queue: &str, jobs: usize) {
    for _ in 0..jobs {
        assert_eq!(http.post(&format!("/v1/queues/{queue}/jobs"), &job("x")).await.status, 201);
    }
    let leased = http.post(&format!("/v1/queues/{queue}/leases"), &json!({"max": jobs})).await.json;
    for one in leased["jobs"].as_array().expect("a list") {
        let failed = json!({"items": [{"receipt": one["receipt"], "category": "permanent"}]});
        let failed = http.post("/v1/leases:fail", &failed).await;
        assert_eq!(failed.json["results"][0]["state"], "dead", "{failed:?}");
    }
}

// covers DLQ-2
// covers OBS-1 (metrics of queues)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deaths_are_counted_on_over_re_drives_and_restarts() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    for queue in ["mail", "other"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    kill(&admin, "mail", 2).await;
    let sent = admin.post("/v1/queues/other/jobs", &job("x")).await;
    let line =
        |name: &str, labels: &str, value: u64| format!("{name}{{namespace=\"default\",{labels}}} {value}\n");
    let died = |queue: &str, value: u64| {
        line("sealane_jobs_dead_lettered_total", &format!("queue=\"{queue}\",reason=\"permanent\""), value)
    };
    let jobs = |queue: &str, state: &str, value: u64| {
        line("sealane_jobs", &format!("queue=\"{queue}\",state=\"{state}\""), value)
    };
    let first = read(&admin).await.text;
    for there in [died("mail", 2), died("other", 0), jobs("mail", "dead", 2), jobs("other", "ready", 1)] {
        assert!(first.contains(&there), "{there} in {first}");
    }

    // What is done with the dead ones takes nothing back.
    let dead = admin.post("/v1/queues/mail/dead:list", &json!({})).await.json;
    let id = dead["jobs"][0]["id"].as_str().expect("an id");
    assert_eq!(admin.send("POST", &format!("/v1/jobs/{id}:redrive"), "").await.status, 200);
    let leased = admin.post("/v1/queues/other/leases", &json!({})).await.json;
    let done = json!({"items": [{"receipt": leased["jobs"][0]["receipt"]}]});
    assert_eq!(admin.post("/v1/leases:complete", &done).await.json["results"][0]["id"], sent.json["id"]);
    server.stop().await.expect("a clean stop");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let second = read(&admin).await.text;
    let completed = line("sealane_jobs_completed_total", "queue=\"other\"", 1);
    for there in [died("mail", 2), jobs("mail", "dead", 1), jobs("mail", "ready", 1), completed] {
        assert!(second.contains(&there), "{there} in {second}");
    }
    server.stop().await.expect("a clean stop");
}

// covers OBS-1 (metrics follow the text's rules and the page)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_is_well_formed_and_is_what_the_page_lists() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    for queue in ["mail", "mail.bulk"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    kill(&admin, "mail", 1).await;
    let reply = read(&admin).await;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(reply.headers["content-type"], media_type);
    let parsed = parse_openmetrics(&reply.text).unwrap_or_else(|error| panic!("{error}: {}", reply.text));
    let served: BTreeSet<String> = parsed
        .families
        .values()
        .map(|family| {
            let labels: Vec<String> =
                family.get_label_names().iter().map(|label| format!("`{label}`")).collect();
            let kind = format!("{:?}", family.family_type).to_lowercase();
            let name = &family.family_name;
            format!("| `{name}` | {kind} | {} | {} |", labels.join(", "), family.help)
        })
        .collect();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let listed: BTreeSet<String> =
        page.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    assert_eq!(served, listed);
    // Its alerts are about what is served.
    for name in page.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
        if let Some(family) = name.strip_prefix("sealane_") {
            let family = format!("sealane_{}", family.strip_suffix("_total").unwrap_or(family));
            assert!(parsed.families.contains_key(&family), "{name}");
        }
    }
    // The parser can refuse.
    assert!(parse_openmetrics(reply.text.trim_end_matches("# EOF\n")).is_err());
    server.stop().await.expect("a clean stop");
}

// covers RBAC-1 (metrics)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_for_whom_they_are_for_and_of_what_the_key_opens() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    for queue in ["mail", "canary"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    for role in ["submitter", "worker"] {
        let other = admin.made("ann", role, &["**"]).await;
        assert_eq!(other.get("/v1/metrics").await.problem(), "not_found", "{role}");
    }
    let some = admin.made("bob", "admin", &["mail"]).await;
    let told = read(&some).await.text;
    assert!(told.contains("queue=\"mail\"") && !told.contains("canary"), "{told}");
    assert!(told.contains("sealane_queues{namespace=\"default\"} 1\n"), "{told}");
    assert!(read(&admin).await.text.contains("canary"));
    server.stop().await.expect("a clean stop");
}
