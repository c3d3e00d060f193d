//! Idempotency keys and unique keys from the command line, over a kill -9.

use crate::support::{Place, contains};

// covers JOB-7 (the first answer also after kill -9)
// covers CLI-1 (--idempotency-key, --unique)
#[test]
fn a_repeat_after_kill_9_gets_the_first_answer() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders", "--idempotency-window", "1h"], "");
    let send = |more: &[&str], body: &str| {
        place.json(&[&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], more].concat(), body)
    };
    let key = ["--idempotency-key", "order 17"];
    let first = send(&key, "pay");
    let unique = send(&["--unique", "report"], "x");
    server.kill();
    let _server = place.serve();
    assert_eq!(send(&key, "pay"), first);
    let other =
        [&["job", "enqueue", "orders", "--kind", "k", "--body", "-", "-o", "json"][..], &key].concat();
    let refused = place.sealane(&other, "pay twice");
    assert!(contains(&refused.stderr, b"idempotency_conflict"), "{refused:?}");
    assert_eq!(refused.status.code(), Some(3));
    let merged = send(&["--unique", "report:merge"], "y");
    assert_eq!((&merged["id"], &merged["merged"]), (&unique["id"], &true.into()));
}
