//! What people do with jobs from the command line.

use serde_json::Value;

use crate::support::{DEADLINE, Place, contains};

fn id_of(job: &Value) -> String {
    job["id"].as_str().expect("an id").to_owned()
}

// covers CLI-1 (job cancel, hold, promote, retry, release, reprioritise, move; dlq list, inspect, redrive, purge)
// covers JOB-11 (a running command is told to stop)
#[test]
fn every_exit_is_reached_from_the_command_line() {
    let place = Place::new();
    let _server = place.serve();
    place.json(&["queue", "create", "later"], "");
    let more = ["--retry-backoff", "linear", "--retry-jitter", "0", "--max-run", "5m", "--horizon", "60d"];
    let made = place.json(&[&["queue", "create", "orders"][..], &more].concat(), "");
    assert_eq!(made["horizon_ms"], 60 * 86_400_000_u64);
    assert_eq!(
        (&made["retry_backoff"], &made["retry_jitter_percent"], &made["max_run_ms"]),
        (&"linear".into(), &0.into(), &300_000.into()),
        "{made}"
    );
    let enqueue =
        |more: &[&str]| {
            id_of(&place.json(
                &[&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], more].concat(),
                "secret",
            ))
        };
    let waiting = enqueue(&["--delay", "1h", "--retry-backoff", "constant", "--retry-base", "1h"]);
    let looked = place.json(&["job", "cancel", &waiting, "--dry-run"], "");
    assert_eq!((&looked["state"], &looked["done"]), (&"delayed".into(), &false.into()));
    assert_eq!(place.json(&["job", "get", &waiting], "")["state"], "delayed", "nothing was done");
    assert_eq!(place.json(&["job", "promote", &waiting], "")["state"], "ready");
    assert_eq!(place.json(&["job", "reprioritise", &waiting, "low"], "")["priority"], "low");
    assert_eq!(place.json(&["job", "cancel", &waiting], "")["state"], "cancelled");
    let brief = enqueue(&["--ttl", "1ms"]);
    let end = std::time::Instant::now() + DEADLINE;
    while place.json(&["job", "get", &brief], "")["state"] != "expired" {
        assert!(std::time::Instant::now() < end, "it does not expire");
    }
    let refused = place.sealane(&["job", "retry", &brief, "-o", "json"], "");
    assert!(refused.status.code() == Some(3) && contains(&refused.stderr, b"job_state"), "{refused:?}");
    let aside = enqueue(&[]);
    assert_eq!(place.json(&["job", "hold", &aside], "")["state"], "held");
    assert_eq!(place.json(&["job", "get", &aside], "")["held_because"], "quarantined");
    let unsure = place.sealane(&["queue", "release-held", "orders", "-o", "json"], "");
    assert_eq!(unsure.status.code(), Some(2), "{unsure:?}");
    let seen = place.json(&["queue", "release-held", "orders", "--dry-run"], "");
    assert_eq!((&seen["jobs"], &seen["running"]), (&1.into(), &false.into()), "{seen}");
    assert_eq!(seen["first"][0], aside.as_str(), "{seen}");
    let others =
        ["queue", "release-held", "orders", "--reason", "unopenable", "--held-from", "2020-01-31T09:30:00Z"];
    assert_eq!(place.json(&[&others[..], &["--dry-run"]].concat(), "")["jobs"], 0);
    assert_eq!(place.json(&[&others[..], &["--yes"]].concat(), "")["running"], false);
    assert_eq!(place.json(&["queue", "stop-release", "orders"], "")["jobs"]["held"], 1);
    let wish = ["queue", "release-held", "orders", "--reason", "quarantined", "--rate", "100", "--yes"];
    assert_eq!(place.json(&wish, "")["work"], "release_held");
    let end = std::time::Instant::now() + DEADLINE;
    while place.json(&["job", "get", &aside], "")["state"] != "ready" {
        assert!(std::time::Instant::now() < end, "it is not released");
    }
    assert_eq!(place.json(&["job", "cancel", &aside], "")["state"], "cancelled");
    let timed = enqueue(&["--expires-at", "2035-01-31T09:30:00Z", "--run-at", "2020-01-31T09:30:00Z"]);
    assert_eq!(place.json(&["job", "get", &timed], "")["expires_at"], "2035-01-31T09:30:00.000Z");
    assert_eq!(place.json(&["job", "cancel", &timed], "")["state"], "cancelled");
    let refused = place.sealane(&["job", "release", &waiting, "-o", "json"], "");
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(contains(&refused.stderr, b"job_state"), "{refused:?}");

    // Re-driven and worked; the attempts before stay in the count.
    assert_eq!(place.json(&["job", "retry", &waiting], "")["state"], "ready");
    let worked = place.sealane(&["work", "orders", "--max-jobs", "1", "--exec", "exit 1"], "");
    assert!(worked.status.success(), "{worked:?}");
    assert_eq!(place.json(&["job", "retry", &waiting], "")["state"], "ready", "it was retrying");
    assert_eq!(place.json(&["job", "move", &waiting, "later"], "")["queue"], "later");
    let work = ["work", "later", "--max-jobs", "1", "--exec", "true"];
    assert!(place.sealane(&work, "").status.success());
    assert_eq!(place.json(&["job", "get", &waiting], "")["state"], "held", "sealed for another queue");
    assert_eq!(place.json(&["job", "release", &waiting], "")["state"], "ready");
    assert!(place.sealane(&[&work[..], &["--accept-from", "orders"]].concat(), "").status.success());
    let shown = place.json(&["job", "get", &waiting], "");
    assert_eq!(shown["state"], "completed");
    let ends: Vec<&str> =
        shown["attempts"].as_array().expect("a list").iter().filter_map(|one| one["end"].as_str()).collect();
    assert_eq!(ends, ["failed", "held", "completed"], "{shown}");
    let table = place.sealane(&["job", "get", &waiting, "-o", "table"], "");
    assert!(contains(&table.stdout, b": failed temporary"), "{table:?}");

    for _ in 0..2 {
        enqueue(&["--max-attempts", "1"]);
    }
    let fail = ["work", "orders", "--max-jobs", "2", "--exec", "echo why-canary >&2; exit 1"];
    assert!(place.sealane(&fail, "").status.success());
    let list = place.json(&["dlq", "list", "orders"], "");
    assert_eq!(list["jobs"][0]["because"], "attempts_used", "{list}");
    let dead = id_of(&list["jobs"][0]);
    // By filter: looked at, and nothing done where nothing is meant.
    let end = std::time::Instant::now() + DEADLINE;
    let by_kind = ["dlq", "redrive", "orders", "--kind", "k", "--category", "temporary", "--dry-run"];
    while place.json(&by_kind, "")["jobs"] != 2 {
        assert!(std::time::Instant::now() < end, "the records are not read");
    }
    let none = place.json(&["dlq", "redrive", "orders", "--code", "E9", "--rate", "5", "--yes"], "");
    assert_eq!((&none["jobs"], &none["running"]), (&0.into(), &false.into()), "{none}");
    let found = place.json(&["dlq", "analyse", "orders"], "");
    assert_eq!((&found["jobs"], &found["patterns"][0]["jobs"]), (&2.into(), &2.into()), "{found}");
    let table = place.sealane(&["dlq", "analyse", "orders", "-o", "table"], "");
    assert!(contains(&table.stdout, b"pattern"), "{table:?}");
    assert_eq!(place.json(&["dlq", "stop", "orders"], "").get("work"), None);
    let rate = place.sealane(&["dlq", "redrive", "orders", "--rate", "0", "--yes"], "");
    assert_eq!(rate.status.code(), Some(3), "{rate:?}");
    let listed = place.json(&["job", "list", "orders", "--state", "dead", "--kind", "k"], "");
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(2), "{listed}");
    let table = place.sealane(&["job", "list", "-o", "table"], "");
    assert!(contains(&table.stdout, b"PRIORITY"), "{table:?}");
    assert_eq!(list["jobs"].as_array().map(Vec::len), Some(2), "{list}");
    assert!(place.json(&["dlq", "inspect", &dead], "").to_string().contains("why-canary"));
    assert_eq!(place.json(&["dlq", "redrive", "--job", &dead], "")["state"], "ready");
    for verb in ["purge", "redrive"] {
        // Looking wins over doing.
        for said in [&["--dry-run"][..], &["--dry-run", "--yes"]] {
            let looked = place.json(&[&["dlq", verb, "orders"][..], said].concat(), "");
            assert_eq!((&looked["jobs"], &looked["running"]), (&1.into(), &false.into()), "{looked}");
        }
        let unsaid = place.sealane(&["dlq", verb, "orders"], "");
        assert_eq!(unsaid.status.code(), Some(2), "{unsaid:?}");
    }
    assert_eq!(place.json(&["queue", "get", "orders"], "")["jobs"]["dead"], 1, "nothing was done");
    assert_eq!(place.json(&["dlq", "purge", "orders", "--yes"], "")["jobs"], 1);
    let end = std::time::Instant::now() + DEADLINE;
    while place.json(&["queue", "get", "orders"], "")["jobs"]["dead"] != 0 {
        assert!(std::time::Instant::now() < end, "the purge does not end");
    }
    let table = place.sealane(&["dlq", "list", "orders", "-o", "table"], "");
    assert!(contains(&table.stdout, b"CATEGORY"), "{table:?}");

    // A running command gets SIGTERM at the next heartbeat, and its job no further attempt.
    let stuck = "trap 'exit 9' TERM; touch started; while :; do sleep 0.05; done";
    let mut worker = std::process::Command::new(crate::support::binary())
        .args(["work", "orders", "--max-jobs", "1", "--lease", "1s", "--exec", stuck])
        .current_dir(place.dir.path())
        .env("SEALANE_CONTEXT", "data/admin.context")
        .env("SEALANE_KEYRING", "keyring")
        .spawn()
        .expect("a worker");
    let end = std::time::Instant::now() + DEADLINE;
    while !place.path("started").exists() {
        assert!(std::time::Instant::now() < end, "the worker does not start");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(place.json(&["job", "cancel", &dead], "")["cancel_requested"], true);
    assert!(crate::support::wait(&mut worker).success());
    let shown = place.json(&["job", "get", &dead], "");
    assert_eq!(
        (&shown["state"], &shown["last_error"]["category"]),
        (&"cancelled".into(), &"cancelled".into()),
        "{shown}"
    );
}

// covers QUE-1 (pause, resume, drain, purge, depth)
// covers CLI-1 (queue pause, resume, drain, purge)
#[test]
fn a_queue_is_paused_drained_resumed_and_purged_from_the_command_line() {
    let place = Place::new();
    let _server = place.serve();
    place.json(&["queue", "create", "orders", "--max-depth", "2"], "");
    let enqueue = ["job", "enqueue", "orders", "--kind", "k", "--body", "-"];
    let first = id_of(&place.json(&enqueue, "x"));
    assert_eq!(place.json(&["queue", "pause", "orders"], "")["mode"], "paused");
    assert_eq!(place.json(&["queue", "drain", "orders"], "")["mode"], "draining");
    let refused = place.sealane(&[&enqueue[..], &["-o", "json"]].concat(), "x");
    assert!(!refused.status.success() && contains(&refused.stderr, b"queue_draining"), "{refused:?}");
    assert_eq!(place.json(&["queue", "resume", "orders"], "")["mode"], "open");
    place.json(&enqueue, "x");
    for said in [&["--dry-run"][..], &["--dry-run", "--yes"]] {
        let looked = place.json(&[&["queue", "purge", "orders"][..], said].concat(), "");
        assert_eq!((&looked["jobs"], &looked["running"]), (&2.into(), &false.into()), "{looked}");
    }
    assert_eq!(place.sealane(&["queue", "purge", "orders"], "").status.code(), Some(2));
    assert_eq!(place.json(&["job", "get", &first], "")["state"], "ready", "nothing was done");
    assert_eq!(place.json(&["queue", "purge", "orders", "--yes"], "")["jobs"], 2);
    let end = std::time::Instant::now() + DEADLINE;
    while place.json(&["queue", "get", "orders"], "")["jobs"]["cancelled"] != 2 {
        assert!(std::time::Instant::now() < end, "the purge does not end");
    }
}

// covers DLQ-1
#[test]
fn whoever_comes_to_dead_letter_stands_in_the_audit_log() {
    let place = Place::new();
    let _server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    let enqueue = ["job", "enqueue", "orders", "--kind", "k", "--body", "-", "--max-attempts", "1"];
    let dead: Vec<String> = (0..2).map(|_| id_of(&place.json(&enqueue, "secret"))).collect();
    let fail = [
        "work",
        "orders",
        "--max-jobs",
        "2",
        "--exec",
        "echo why-canary >&2; exit 1",
        "--code-version",
        "7.1",
    ];
    assert!(place.sealane(&fail, "").status.success());
    assert_eq!(place.json(&["dlq", "list", "orders"], "")["jobs"].as_array().map(Vec::len), Some(2));
    let shown = place.json(&["dlq", "inspect", &dead[0]], "");
    assert_eq!(shown["dead_because"], "attempts_used", "{shown}");
    assert!(shown["opened_error"].as_str().is_some_and(|error| error.contains("why-canary")), "{shown}");
    assert_eq!(shown["attempts"][0]["code_version"], "7.1", "{shown}");
    assert!(shown["first_failed_at"].is_string() && shown["last_error"]["at"].is_string(), "{shown}");
    let again = place.json(&["dlq", "redrive", "--job", &dead[0]], "");
    assert_eq!((&again["id"], &again["state"]), (&dead[0].as_str().into(), &"ready".into()), "the same job");
    place.json(&["dlq", "purge", "orders", "--yes"], "");

    let made = place.json(&["access", "key", "create", "--principal", "wes", "--role", "worker"], "");
    let admin = std::fs::read_to_string(place.path("data/admin.context")).expect("a context");
    let key = admin.lines().find(|line| line.starts_with("api_key")).expect("a key");
    let path = place.path("data/wes.context");
    std::fs::write(&path, admin.replace(key, &format!("api_key = {}", made["key"]))).expect("a file");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    let refused = place.sealane_as("data/wes.context", &["dlq", "list", "orders", "-o", "json"], "");
    assert!(refused.status.code() == Some(3) && contains(&refused.stderr, b"not_found"), "{refused:?}");

    let log = std::fs::read_to_string(place.path("server.log")).expect("a log");
    let lines =
        |parts: &[&str]| log.lines().filter(|line| parts.iter().all(|part| line.contains(part))).count();
    let job = format!("job={}", dead[0]);
    assert_eq!(lines(&["operation=\"dead_letter.list\"", "status=200"]), 1, "{log}");
    assert_eq!(lines(&["operation=\"dead_letter.list\"", "principal=\"wes\"", "status=404"]), 1, "{log}");
    assert_eq!(lines(&["operation=\"job.get\"", &job, "status=200"]), 1, "{log}");
    assert_eq!(lines(&["operation=\"job.redrive\"", &job, "status=200"]), 1, "{log}");
    assert_eq!(lines(&["operation=\"dead_letter.purge\"", "status=200"]), 1, "{log}");
    assert!(!log.contains("canary"), "{log}");
}
