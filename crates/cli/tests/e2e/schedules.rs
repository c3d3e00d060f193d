//! Schedules from the command line, over a server that is killed in between.

use std::time::Instant;

use crate::support::{DEADLINE, Place, contains};

// covers CLI-1 (schedule put, get, list, pause, resume, fire, remove, preview)
// covers JOB-12 (a sealed template, worked after kill -9)
#[test]
fn a_sealed_schedule_goes_on_after_the_server_was_killed() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "reports"], "");
    let put = [
        "schedule", "put", "tick", "reports", "--every", "1s", "--missed", "all", "--kind", "k", "--body",
        "-",
    ];
    let made = place.json(&put, "canary-figures");
    assert_eq!(
        (&made["queue"], &made["every_ms"], &made["kind"]),
        (&"reports".into(), &1_000.into(), &"k".into())
    );
    server.kill();
    let server = place.serve();
    let out = place.path("out");
    let script = format!("cat >> {} && echo >> {}", out.display(), out.display());
    let worked = place.sealane(&["work", "reports", "--max-jobs", "3", "--exec", &script], "");
    assert!(worked.status.success(), "{worked:?}");
    let text = std::fs::read_to_string(&out).expect("what the command wrote");
    assert_eq!(text.lines().filter(|line| *line == "canary-figures").count(), 3, "{text}");

    assert_eq!(place.json(&["schedule", "pause", "tick"], "")["paused"], true);
    let fired = place.json(&["schedule", "get", "tick"], "")["fired"].as_u64().expect("a number");
    assert!(fired >= 3);
    let asked = place.json(&["schedule", "fire", "tick"], "");
    let end = Instant::now() + DEADLINE;
    while place.json(&["schedule", "get", "tick"], "")["fired"] != fired + 1 {
        assert!(Instant::now() < end, "it does not fire");
    }
    let job = place.json(&["job", "get", asked["job_id"].as_str().expect("an id")], "");
    assert_eq!(job["firing"]["schedule_id"], made["id"], "{job}");
    assert_eq!(place.json(&["schedule", "resume", "tick"], "")["paused"], false);
    assert_eq!(place.json(&["schedule", "list"], "")["schedules"][0]["name"], "tick");
    let unsure = place.sealane(&["schedule", "remove", "tick"], "");
    assert_eq!(unsure.status.code(), Some(2), "{unsure:?}");
    assert_eq!(place.json(&["schedule", "remove", "tick", "--dry-run"], "")["name"], "tick");
    assert_eq!(place.json(&["schedule", "remove", "tick", "--yes"], "")["removed"], true);
    let gone = place.sealane(&["schedule", "get", "tick", "-o", "json"], "");
    assert!(gone.status.code() == Some(3) && contains(&gone.stderr, b"not_found"), "{gone:?}");
    drop(server);
}

// covers CLI-1 (schedule preview)
// covers JOB-12 (daylight saving)
#[test]
fn a_pattern_is_looked_at_without_a_server() {
    let place = Place::new();
    let preview = ["schedule", "preview", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--count", "2"];
    let looked = place.json(&[&preview[..], &["--from", "2026-03-28T00:00:00Z"]].concat(), "");
    let firings = looked["firings"].as_array().expect("a list");
    assert_eq!(firings[0], "2026-03-28T01:30:00.000Z");
    assert_eq!(firings[1], "2026-03-29T01:00:00.000Z", "right behind the gap");
    for wrong in [
        &["schedule", "preview", "--cron", "0 0 30 2 *"][..],
        &["schedule", "preview", "--cron", "x"],
        &["schedule", "preview", "--every", "1ms"],
        &["schedule", "preview"],
    ] {
        assert_eq!(place.sealane(wrong, "").status.code(), Some(2), "{wrong:?}");
    }
}
