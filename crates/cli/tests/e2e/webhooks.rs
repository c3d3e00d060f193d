//! Real input: the published examples of GitHub's webhook events, sealed, through the durable server,
//! opened in the worker only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use sealane::{Job, Outcome, SessionKey};
use serde_json::Value;

use crate::support::{DEADLINE, Place, contains, files_below};

/// One event: what it is called, whose it is, and its bytes.
struct Event {
    kind: String,
    /// What happened to one thing goes one behind the other.
    session: Option<String>,
    body: Vec<u8>,
    repository: Option<String>,
}

fn examples() -> Vec<Event> {
    let folder = std::env::var_os("SEALANE_WEBHOOK_EXAMPLES").map(PathBuf::from);
    let folder = folder.expect(
        "SEALANE_WEBHOOK_EXAMPLES names the unpacked npm package: run cargo xtask ci --only fixtures,tests",
    );
    let text =
        std::fs::read_to_string(folder.join("api.github.com/index.json")).expect("the package's index");
    let index: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let mut events = Vec::new();
    for group in &index {
        let name = group["name"].as_str().expect("a name");
        for example in group["examples"].as_array().expect("examples") {
            let repository = example["repository"]["full_name"].as_str().map(str::to_owned);
            let body = serde_json::to_vec(example).expect("JSON");
            let session = SessionKey::github().of(&Job::new(name, body.clone()));
            let action = example["action"].as_str().map(|action| format!(".{action}")).unwrap_or_default();
            events.push(Event { kind: format!("{name}{action}"), session, body, repository });
        }
    }
    events
}

// covers JOB-13 (session keys: GitHub, on real payloads)
#[test]
fn every_published_webhook_event_belongs_to_what_it_happened_to() {
    let mut sessions: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut parts = BTreeMap::new();
    for event in examples() {
        let name = event.kind.split('.').next().unwrap_or_default().to_owned();
        let session = event.session.unwrap_or_default();
        *parts.entry(session.split('/').filter(|part| !part.is_empty()).count()).or_insert(0) += 1;
        *sessions.entry(name).or_default().entry(session).or_insert(0) += 1;
    }
    let of = |name: &str| {
        sessions[name].iter().map(|(session, jobs)| (session.as_str(), *jobs)).collect::<Vec<_>>()
    };
    // A pull request is an issue as well: what is said about it as one belongs to it.
    let issues = [
        ("Codertocat/Hello-World/issue/1", 24),
        ("Codertocat/Hello-World/pull/2", 4),
        ("octo-org/octo-repo/issue/1", 1),
    ];
    assert_eq!(of("issues"), issues);
    assert_eq!(of("issue_comment"), [("Codertocat/Hello-World/issue/1", 9)]);
    assert_eq!(of("pull_request"), [("Codertocat/Hello-World/pull/2", 29)]);
    assert_eq!(of("pull_request_review"), [("Codertocat/Hello-World/pull/2", 4)]);
    assert_eq!(of("push"), [("Codertocat/Hello-World", 7)], "a push has no number");
    assert_eq!(of("organization"), [("Octocoders", 5)], "no repository");
    assert_eq!(of("installation"), [("Codertocat", 5), ("octocat", 2)]);
    assert_eq!(of("security_advisory"), [("", 4)], "nobody's");
    assert_eq!(parts, BTreeMap::from([(0, 14), (1, 35), (2, 182), (4, 98)]));
}

// covers SEAL-1 (real input, byte-exact, found nowhere outside the worker)
// covers SEAL-12 (batches)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_published_webhook_event_travels_sealed_and_arrives_byte_for_byte() {
    let events = examples();
    assert_eq!(events.len(), 329, "the package has as many payloads");
    let place = Place::new();
    let server = place.serve();
    let client = server.client();
    let lines = sealane::QueueIn { sessions: Some("on".to_owned()), ..sealane::QueueIn::default() };
    client.put_queue("github", &lines).await.expect("a queue");
    let mut sent = BTreeMap::new();
    for chunk in events.chunks(100) {
        let jobs = chunk
            .iter()
            .map(|event| Job::new(event.kind.clone(), event.body.clone()).session_by(&SessionKey::github()))
            .collect();
        let results = client.producer().send_batch("github", jobs).await.expect("an answer");
        for (event, result) in chunk.iter().zip(results) {
            let accepted = result.expect("accepted");
            sent.insert(
                accepted.id.to_string(),
                (event.kind.clone(), event.session.clone(), event.body.clone()),
            );
        }
    }
    assert_eq!(sent.len(), 329);
    server.kill();

    let server = place.serve();
    let received = Arc::new(Mutex::new(BTreeMap::new()));
    let seen = Arc::clone(&received);
    let worker = server
        .client()
        .worker("github")
        .default_handler(move |delivery: sealane::Delivery, _| {
            let seen = Arc::clone(&seen);
            async move {
                let session = delivery.session_id.clone();
                seen.lock()
                    .expect("no panic")
                    .insert(delivery.id.to_string(), (delivery.kind, session, delivery.body));
                Outcome::Complete(None)
            }
        })
        .concurrency(16)
        .max_jobs(329)
        .build()
        .expect("a worker");
    tokio::time::timeout(DEADLINE, worker.run(std::future::pending()))
        .await
        .expect("it ends")
        .expect("it works");
    assert!(*received.lock().expect("no panic") == sent, "every event arrived as it was sent");
    assert_eq!(server.client().queue("github").await.expect("an answer").jobs.completed, 329);
    assert_eq!(server.terminate(), Some(0));

    let mut files = files_below(&place.path("data"));
    files.push((place.path("server.log"), std::fs::read(place.path("server.log")).expect("the log")));
    let mut words: std::collections::BTreeSet<&str> =
        events.iter().filter_map(|event| event.repository.as_deref()).collect();
    assert!(words.len() > 5, "the examples name repositories");
    words.extend(["pull_request", "https://api.github.com", "octocat", "Codertocat", "Hello-World"]);
    for (path, bytes) in &files {
        for word in &words {
            assert!(!contains(bytes, word.as_bytes()), "{word} in {}", path.display());
        }
    }
}
