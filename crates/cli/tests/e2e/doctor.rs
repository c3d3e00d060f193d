//! What was stored is checked without a server, and what is wrong is named with its place.

use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use serde_json::Value;

use crate::support::{Place, Serving, contains, files_below};

fn with_jobs() -> Place {
    let place = Place::new();
    let server = place.serve();
    assert!(place.sealane(&["queue", "create", "orders"], "").status.success());
    for number in 0..3 {
        let body = format!("body {number}");
        assert!(
            place
                .sealane(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], &body)
                .status
                .success()
        );
    }
    assert_eq!(server.terminate(), Some(0));
    place
}

fn verify(place: &Place) -> std::process::Output {
    place.sealane(&["journal", "verify", "--data-dir", "data", "-o", "json"], "")
}

/// Findings by name: how they came out and what they say.
fn examine(place: &Place, context: &str) -> (Option<i32>, Value, Vec<(String, String, String)>) {
    let output = place.sealane_as(context, &["doctor", "--data-dir", "data", "-o", "json"], "");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let text = |check: &Value, field: &str| check[field].as_str().expect("a text").to_owned();
    let checks = all["checks"].as_array().expect("checks").iter();
    let checks =
        checks.map(|check| (text(check, "name"), text(check, "verdict"), text(check, "detail"))).collect();
    (output.status.code(), all["verdict"].clone(), checks)
}

#[track_caller]
fn finding<'a>(checks: &'a [(String, String, String)], name: &str) -> (&'a str, &'a str) {
    let found = checks.iter().find(|(named, ..)| named == name);
    let (_, verdict, detail) = found.unwrap_or_else(|| panic!("no {name} among {checks:?}"));
    (verdict, detail)
}

fn segment_with_records(place: &Place) -> std::path::PathBuf {
    let segments = files_below(&place.path("data/journal")).into_iter();
    let of_segments = segments.filter(|(path, _)| path.extension().is_some_and(|kind| kind == "segment"));
    of_segments.max_by_key(|(_, bytes)| bytes.len()).expect("a segment").0
}

// covers OPS-1 (extend)
// covers REL-7 (extend)
#[test]
fn a_whole_journal_is_counted_and_left_as_it_is() {
    let place = with_jobs();
    let before = files_below(&place.path("data"));
    let output = verify(&place);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(
        (&report["jobs"], &report["queues"], &report["last_stop"]),
        (&3.into(), &1.into(), &"clean".into())
    );
    assert_eq!((&report["unopenable"], &report["cut_bytes"]), (&0.into(), &0.into()));
    assert!(report["records"].as_u64() == Some(5) && report["bytes"].as_u64() > Some(1_000), "{report}");

    let (code, verdict, checks) = examine(&place, "nothing.context");
    // The way to the server is bad: the context is not there. Everything of the directory is well.
    assert_eq!((code, verdict), (Some(6), "bad".into()), "{checks:?}");
    for name in ["data directory", "lock", "journal", "certificate", "admin.context"] {
        assert_eq!(finding(&checks, name).0, "ok", "{checks:?}");
    }
    // How fast and how full this machine's disk is, nobody knows here.
    for name in ["space", "disk"] {
        assert!(["ok", "warning"].contains(&finding(&checks, name).0), "{checks:?}");
    }
    assert!(finding(&checks, "server").1.contains("nothing.context"), "{checks:?}");
    assert!(files_below(&place.path("data")) == before, "looking changes nothing");
}

// covers REL-7 (extend)
// attack 25
// attack 76
#[test]
fn damage_is_named_with_its_place_and_nothing_is_removed() {
    let place = with_jobs();
    let segment = segment_with_records(&place);
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&segment).expect("the segment");
    let mut byte = [0];
    file.read_exact_at(&mut byte, 700).expect("a byte");
    file.write_all_at(&[byte[0] ^ 1], 700).expect("written");
    let before = files_below(&place.path("data"));
    let output = verify(&place);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let name = segment.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(contains(&output.stderr, name.as_bytes()) && contains(&output.stderr, b"at byte"), "{output:?}");
    let (code, _, checks) = examine(&place, "data/admin.context");
    assert_eq!(code, Some(6));
    let (verdict, detail) = finding(&checks, "journal");
    assert!(verdict == "bad" && detail.contains(name) && detail.contains("restore"), "{detail}");
    assert!(files_below(&place.path("data")) == before, "damage is left for whoever looks next");
}

// covers OPS-1 (extend)
#[test]
fn what_a_running_server_holds_is_looked_at_from_outside() {
    let place = with_jobs();
    let server: Serving = place.serve();
    let (code, verdict, checks) = examine(&place, "data/admin.context");
    assert_eq!((code, verdict), (Some(0), "warning".into()), "{checks:?}");
    assert!(finding(&checks, "lock").1.contains("a server is running"), "{checks:?}");
    let (verdict, detail) = finding(&checks, "server");
    assert!(verdict == "ok" && detail.contains(env!("CARGO_PKG_VERSION")), "{detail}");
    assert_eq!(verify(&place).status.code(), Some(6), "it is being written");
    assert_eq!(server.terminate(), Some(0));
}

// covers OPS-1 (extend)
#[test]
fn what_keeps_a_server_from_starting_is_said_with_what_to_do() {
    let place = with_jobs();
    let mode = |name: &str, mode| {
        std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode("data", 0o755);
    let (code, _, checks) = examine(&place, "data/admin.context");
    assert!(code == Some(6) && finding(&checks, "data directory").1.contains("chmod 700"), "{checks:?}");
    mode("data", 0o700);
    mode("data/admin.context", 0o644);
    let (_, _, checks) = examine(&place, "nothing.context");
    assert_eq!(finding(&checks, "admin.context").0, "bad");
    mode("data/admin.context", 0o600);

    std::fs::rename(place.path("data/keys/registry"), place.path("registry")).expect("taken away");
    let before = files_below(&place.path("data"));
    let (_, _, checks) = examine(&place, "nothing.context");
    let (verdict, detail) = finding(&checks, "journal");
    assert!(verdict == "bad" && detail.contains("put the file back"), "{detail}");
    assert!(files_below(&place.path("data")) == before, "no fresh keys are made");
    std::fs::rename(place.path("registry"), place.path("data/keys/registry")).expect("put back");

    // A certificate from elsewhere that clients do not trust: the authority's key is not there.
    let other = with_jobs();
    std::fs::remove_file(place.path("data/ca.key")).expect("taken away");
    std::fs::copy(other.path("data/ca.pem"), place.path("data/ca.pem")).expect("put there");
    let (_, _, checks) = examine(&place, "nothing.context");
    let (verdict, detail) = finding(&checks, "certificate");
    assert!(verdict == "bad" && detail.contains("ca.pem"), "{detail}");

    std::fs::create_dir(place.path("empty")).expect("a directory");
    mode("empty", 0o700);
    let output = place.sealane(&["journal", "verify", "--data-dir", "empty", "-o", "json"], "");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!((&report["records"], &report["last_stop"]), (&0.into(), &"never".into()));
    for bad in [&["doctor"][..], &["journal", "verify"]] {
        let output =
            std::process::Command::new(crate::support::binary()).args(bad).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {output:?}");
    }
}
