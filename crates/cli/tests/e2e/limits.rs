//! Limits of what runs and turns of fair keys, from the command line.

use crate::support::{Place, contains};

// covers CLI-1 (queue create and set with limits, job enqueue --fair-key)
#[test]
fn limits_and_turns_are_had_from_the_command_line() {
    let place = Place::new();
    let _server = place.serve();
    let limits = [
        "--rate",
        "100/s",
        "--rate-burst",
        "10",
        "--concurrency",
        "5",
        "--rate-per-key",
        "50/10m",
        "--concurrency-per-key",
        "2",
    ];
    let made = place.json(&[&["queue", "create", "orders"][..], &limits].concat(), "");
    let expected = serde_json::json!([
        {"starts": 100, "period_ms": 1_000, "burst": 10}, 5, {"starts": 50, "period_ms": 600_000, "burst": 50}, 2
    ]);
    let shown = [&made["rate"], &made["concurrency"], &made["rate_per_key"], &made["concurrency_per_key"]];
    assert_eq!(serde_json::json!(shown), expected, "{made}");
    let table = place.sealane(&["queue", "get", "orders", "-o", "table"], "");
    for line in [&b"100 in 1000 ms, at once 10"[..], b"50 in 600000 ms", b"fair keys"] {
        assert!(contains(&table.stdout, line), "{table:?}");
    }
    for bad in [&["--rate", "100"][..], &["--rate", "1/0s"], &["--rate-burst", "1"], &["--concurrency", "0"]]
    {
        let refused = place.sealane(&[&["queue", "set", "orders"][..], bad].concat(), "");
        assert!(matches!(refused.status.code(), Some(2 | 3)), "{bad:?}: {refused:?}");
    }
    let bounded = place.json(&["queue", "set", "orders", "--concurrency-per-key", "1"], "");
    assert_eq!((&bounded["rate"], &bounded["concurrency_per_key"]), (&serde_json::Value::Null, &1.into()));
    for (key, body) in [("loud", "l1 "), ("loud", "l2 "), ("loud", "l3 "), ("mine", "m1 ")] {
        place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-", "--fair-key", key], body);
    }
    assert_eq!(place.json(&["queue", "get", "orders"], "")["fair_keys"], 2);
    let work = ["work", "orders", "--max-jobs", "4", "--concurrency", "1", "--exec", "cat >> order"];
    let worked = place.sealane(&work, "");
    assert!(worked.status.success(), "{worked:?}");
    let order = std::fs::read_to_string(place.path("order")).expect("what was worked");
    assert_eq!(order, "l1 m1 l2 l3 ");
    assert_eq!(place.json(&["queue", "get", "orders"], "")["fair_keys"], 0);
}
