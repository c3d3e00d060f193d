//! Sessions with the binary as a user has it: held by a worker process while the server is killed, looked
//! at and taken away by a person.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sealane::{Job, SessionListIn};
use serde_json::{Value, json};

use crate::support::{DEADLINE, Place, Serving, binary, contains, files_below, signal, wait};

const SESSIONS: usize = 6;
const JOBS: usize = 5;
const CANARY: &str = "session-canary";

/// A worker process that notes the begin and end of each job of each session, in the order in which that
/// happens: appending a short line is one step.
fn work(place: &Place) -> Child {
    let script = "body=$(cat); echo \"begin $SEALANE_SESSION $body\" >> order; sleep 0.05; \
                  echo \"end $SEALANE_SESSION $body\" >> order";
    Command::new(binary())
        .args(["work", "lines", "--exec", script, "--sessions", "3", "--session-idle", "500ms"])
        .args(["--lease", "5s"])
        .current_dir(place.dir.path())
        .env("SEALANE_CONTEXT", "data/admin.context")
        .env("SEALANE_KEYRING", "keyring")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the worker runs")
}

fn lines(place: &Place) -> Vec<(bool, String, usize)> {
    let text = std::fs::read_to_string(place.path("order")).unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.split(' ');
        let begins = words.next() == Some("begin");
        let session = words.next().expect("a session").to_owned();
        (begins, session, words.next().expect("a number").parse().expect("a number"))
    };
    text.lines().map(line).collect()
}

/// Waits until so many lines are there.
fn wait_for_lines(place: &Place, least: usize) {
    let end = Instant::now() + DEADLINE;
    while lines(place).len() < least {
        assert!(Instant::now() < end, "{} lines of {least}", lines(place).len());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The address that a server listens at.
async fn send(server: &Serving, at: usize) {
    let jobs = (0..SESSIONS)
        .map(|session| Job::new("step", at.to_string()).session(format!("{CANARY}-{session}")))
        .collect();
    let sent = server.client().producer().send_batch("lines", jobs).await.expect("an answer");
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
}

// covers JOB-13
// covers JOB-13 (worker processes that hold sessions, kill -9 of the server meanwhile)
// covers REL-2 (FIFO per session)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_keep_their_order_and_one_holder_however_often_the_server_is_killed() {
    let place = Place::new();
    let mut server = place.serve();
    place.json(&["queue", "create", "lines", "--sessions", "required", "--session-idle", "2s"], "");
    for at in 0..JOBS {
        send(&server, at).await;
    }
    let mut workers = [work(&place), work(&place)];
    let mut most_held = 0;
    for kill in 1..=3 {
        wait_for_lines(&place, kill * 10);
        let page = server.client().sessions("lines", &SessionListIn::default()).await.expect("an answer");
        most_held = most_held.max(page.sessions.iter().filter(|session| session.holder.is_some()).count());
        let address = server.address();
        server.kill();
        server = place.serve_at(&address);
    }
    assert!(most_held > 0, "it was killed while sessions were held");
    let done = async || {
        let queue = server.client().queue("lines").await.expect("an answer").jobs;
        (queue.completed, queue.dead + queue.held)
    };
    let end = Instant::now() + DEADLINE;
    let all = u64::try_from(SESSIONS * JOBS).expect("few");
    while done().await != (all, 0) {
        assert!(Instant::now() < end, "{:?}", done().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for worker in &mut workers {
        signal(worker.id(), "TERM");
        assert!(wait(worker).success(), "it drains");
    }
    let page = server.client().sessions("lines", &SessionListIn::default()).await.expect("an answer");
    assert!(page.sessions.is_empty(), "all are given back: {page:?}");

    // One at a time in each session, whichever process; none before the one ahead of it had ended; all of them.
    let (mut running, mut ended) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<usize>>::new());
    let lines = lines(&place);
    for (begins, session, job) in &lines {
        if *begins {
            let before = ended.entry(session.clone()).or_default();
            assert!((0..*job).all(|at| before.contains(&at)), "{session} {job} began too early: {lines:?}");
            assert!(!before.contains(job) || before.len() == job + 1, "{session} {job} came back: {lines:?}");
            // An attempt whose end was never noted was broken off by its own worker.
            running.insert(session.clone(), *job);
        } else {
            assert_eq!(running.remove(session), Some(*job), "two at a time: {lines:?}");
            ended.entry(session.clone()).or_default().insert(*job);
        }
    }
    assert_eq!(ended.len(), SESSIONS);
    assert!(ended.values().all(|jobs| jobs.len() == JOBS), "{lines:?}");
    for (path, bytes) in files_below(&place.path("data")) {
        assert!(!contains(&bytes, CANARY.as_bytes()), "a session's name in {}", path.display());
    }
}

// covers CLI-1 (session)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_looks_at_sessions_takes_them_away_and_sees_what_they_remember() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "lines", "--sessions", "on"], "");
    let client = server.client();
    client.producer().send("lines", Job::new("step", "1").session("a/1")).await.expect("accepted");
    let held = client.session("lines").accept().await.expect("an answer").expect("a session");
    let list = || place.json(&["session", "list", "lines"], "");
    let told = list();
    let session = &told["sessions"][0];
    assert_eq!(
        (&session["session_id"], &session["jobs"], &session["first"]),
        (&json!("a/1"), &json!(1), &json!("ready"))
    );
    assert!(session["holder"].is_string(), "{told}");
    let table = place.sealane(&["session", "list", "lines", "-o", "table"], "");
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(table.starts_with("SESSION  JOBS  FIRST") && table.contains("a/1"), "{table}");

    // Who holds it keeps it, unless it is taken away: by whoever says so twice.
    let refused = place.sealane(&["session", "state", "get", "lines", "a/1", "-o", "json"], "");
    let problem: Value = serde_json::from_slice(&refused.stderr).expect("JSON");
    assert_eq!((refused.status.code(), &problem["code"]), (Some(3), &json!("session_not_free")));
    assert_eq!(place.sealane(&["session", "release", "lines", "a/1"], "").status.code(), Some(2));
    let preview = place.json(&["session", "release", "lines", "a/1", "--dry-run"], "");
    assert!(preview[0]["holder"].is_string(), "{preview}");
    assert!(held.renew(Duration::from_secs(60)).await.is_ok(), "a look changes nothing");
    let release = || place.json(&["session", "release", "lines", "a/1", "--yes"], "");
    assert_eq!(release()["released"], true);
    assert_eq!(release()["released"], false);
    let lost = held.renew(Duration::from_secs(60)).await;
    assert!(matches!(lost, Err(sealane::Error::SessionLockLost(_))), "{lost:?}");

    // What it remembers is sealed on the way, and shown to whoever has the keys.
    let state = |verb: &str, more: &[&str], input: &str| {
        place.json(&[&["session", "state", verb, "lines", "a/1"], more].concat(), input)
    };
    assert_eq!(state("get", &[], "")["has_state"], false);
    state("set", &["--file", "-"], CANARY);
    let shown = state("get", &[], "");
    assert_eq!((&shown["has_state"], &shown["state"]), (&json!(true), &json!(CANARY)));
    assert_eq!(list()["sessions"][0]["has_state"], true);
    let again = client.session("lines").named("a/1").accept().await.expect("an answer").expect("it is free");
    assert_eq!(again.state().await.expect("it opens").as_deref(), Some(CANARY.as_bytes()));
    again.close().await.expect("an answer");
    for (path, bytes) in files_below(&place.path("data")) {
        assert!(!contains(&bytes, CANARY.as_bytes()), "the state in {}", path.display());
    }
    assert_eq!(place.sealane(&["session", "state", "clear", "lines", "a/1"], "").status.code(), Some(2));
    assert_eq!(state("clear", &["--dry-run"], "")["state"], CANARY);
    state("clear", &["--yes"], "");
    assert_eq!(state("get", &[], "")["has_state"], false);
    assert_eq!(list()["sessions"][0]["holder"], Value::Null, "each command gives it back");
    // By hand: the receipt is all there is of the hold, and whoever has it renews it and gives the session back.
    let accepted = place.json(&["session", "accept", "lines", "--hold", "60s"], "");
    let left = |told: &Value| told["hold_ms"].as_u64().expect("a time");
    assert!(accepted["session_id"] == "a/1" && (1..=60_000).contains(&left(&accepted)), "{accepted}");
    let taken = place.sealane(&["session", "accept", "lines", "a/1", "-o", "json"], "");
    let problem: Value = serde_json::from_slice(&taken.stderr).expect("JSON");
    assert_eq!((taken.status.code(), &problem["code"]), (Some(3), &json!("session_not_free")));
    let receipt = accepted["receipt"].as_str().expect("a receipt");
    let renewed = place.json(&["session", "renew", "--hold", "120s"], receipt);
    assert!((60_001..=120_000).contains(&left(&renewed)), "{renewed}");
    place.json(&["session", "close", "--receipt", "-"], receipt);
    let lost = place.sealane(&["session", "renew", "-o", "json"], receipt);
    let problem: Value = serde_json::from_slice(&lost.stderr).expect("JSON");
    assert_eq!((lost.status.code(), &problem["code"]), (Some(3), &json!("session_lock_lost")), "{lost:?}");
    assert_eq!(place.json(&["session", "accept", "lines", "a/1"], "")["session_id"], "a/1");
    release();
    // Of a queue whose jobs are sealed the state is as well: without keys there is none to set.
    let mut plain = Command::new(binary());
    plain.args(["session", "state", "set", "lines", "a/1", "--file", "/dev/null", "-o", "json"]);
    plain
        .current_dir(place.dir.path())
        .env("SEALANE_CONTEXT", "data/admin.context")
        .env_remove("SEALANE_KEYRING");
    let refused = plain.output().expect("it runs");
    let problem: Value = serde_json::from_slice(&refused.stderr).expect("JSON");
    assert_eq!((refused.status.code(), &problem["code"]), (Some(3), &json!("sealing_required")));
    assert_eq!(server.terminate(), Some(0));
}
