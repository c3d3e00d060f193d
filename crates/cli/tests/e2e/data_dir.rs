//! The data directory is one server's and nobody else's, and what was damaged in it is not guessed at.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Place, binary, contains};

/// Starts a server that is expected to refuse; one that serves instead is killed.
fn serve(place: &Place) -> Output {
    let mut child = Command::new(binary())
        .args(["serve", "--data-dir", "data", "--listen", "127.0.0.1:0", "-o", "json"])
        .current_dir(place.dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let end = Instant::now() + DEADLINE;
    while child.try_wait().expect("it can be waited for").is_none() {
        if Instant::now() > end {
            child.kill().expect("it was running");
            panic!("the server serves: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().expect("it ended")
}

fn mode(place: &Place, name: &str, mode: u32) {
    std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(mode)).expect("a mode");
}

#[track_caller]
fn refused(place: &Place, word: &str) {
    let output = serve(place);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    assert!(contains(&output.stderr, word.as_bytes()), "{word}: {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

// covers AUTH-5 (first start makes everything, in files of our own)
#[test]
fn the_first_start_makes_what_a_safe_server_needs() {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).expect("a directory");
    mode(&place, "data", 0o755);
    let server = place.serve();
    let of = |name: &str| {
        std::fs::metadata(place.path("data").join(name)).expect(name).permissions().mode() & 0o777
    };
    assert_eq!(of("."), 0o700, "an empty directory was tightened");
    for file in ["lock", "ca.pem", "server.pem", "server.key", "master.key", "admin.context"] {
        assert_eq!(of(file), 0o600, "{file}");
    }
    assert_eq!(of("journal"), 0o700);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_second_server_and_a_directory_open_to_others_are_refused() {
    let place = Place::new();
    let server = place.serve();
    refused(&place, "held by another running server");
    assert_eq!(server.terminate(), Some(0));
    for open in [0o755, 0o710, 0o702] {
        mode(&place, "data", open);
        refused(&place, "chmod 700");
    }
    mode(&place, "data", 0o700);
    for file in ["master.key", "ca.key", "admin.context"] {
        mode(&place, &format!("data/{file}"), 0o640);
        refused(&place, "chmod");
        mode(&place, &format!("data/{file}"), 0o600);
    }
    // The server's own key is made anew at every start, so one that others could read is gone by then.
    let old = std::fs::read(place.path("data/server.key")).expect("a key");
    mode(&place, "data/server.key", 0o644);
    assert_eq!(place.serve().terminate(), Some(0));
    assert_ne!(std::fs::read(place.path("data/server.key")).expect("a key"), old);
    let now = std::fs::metadata(place.path("data/server.key")).expect("a key").permissions().mode() & 0o777;
    assert_eq!(now, 0o600);
}

// covers REST-1 (no master key: the server stays sealed)
#[test]
fn without_its_keys_the_server_stays_sealed() {
    let place = Place::new();
    assert_eq!(place.serve().terminate(), Some(0));
    for file in ["data/master.key", "data/keys/registry"] {
        std::fs::rename(place.path(file), place.path("away")).expect("a file");
        refused(&place, "sealed");
        assert!(!place.path(file).exists(), "no fresh key beside old data");
        std::fs::rename(place.path("away"), place.path(file)).expect("a file");
    }
    assert_eq!(place.serve().terminate(), Some(0));
}

/// The one segment with records in it.
fn fullest_segment(place: &Place) -> std::path::PathBuf {
    let segments = crate::support::files_below(&place.path("data/journal"));
    let used = |bytes: &[u8]| bytes.iter().filter(|byte| **byte != 0).count();
    let fullest =
        segments.into_iter().filter(|(path, _)| path.extension().is_some_and(|name| name == "segment"));
    fullest.max_by_key(|(_, bytes)| used(bytes)).expect("a segment").0
}

// covers REL-7 (damage is named, not served and not answered by deleting)
// attack 76
#[test]
fn a_journal_damaged_under_a_clean_stop_is_refused_with_the_place() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    for _ in 0..5 {
        place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "x");
    }
    assert_eq!(server.terminate(), Some(0));
    let segment = fullest_segment(&place);
    let good = std::fs::read(&segment).expect("a segment");
    let end = good.iter().rposition(|byte| *byte != 0).expect("records");
    for at in [10, 200, end / 2, end - 8] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&segment, &bad).expect("it can be written");
        refused(&place, segment.file_name().and_then(|name| name.to_str()).expect("a name"));
        assert_eq!(std::fs::read(&segment).expect("a segment"), bad, "nothing was changed");
    }
    std::fs::write(&segment, &good[..end / 2]).expect("it can be written");
    refused(&place, "segment");
    std::fs::write(&segment, &good).expect("it can be written");
    let server = place.serve();
    assert_eq!(place.json(&["queue", "get", "orders"], "")["jobs"]["ready"], 5);
    assert_eq!(server.terminate(), Some(0));
}

// covers REL-1 (a torn end after a crash is cut and reported)
#[test]
fn a_torn_end_after_a_crash_is_cut_and_reported() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    for _ in 0..5 {
        place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "x");
    }
    server.kill();
    let segment = fullest_segment(&place);
    let mut bytes = std::fs::read(&segment).expect("a segment");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("records");
    // As a power cut leaves it: the end of the last group is not what was written.
    bytes[end - 3..=end].fill(0);
    std::fs::write(&segment, &bytes).expect("it can be written");
    let server = place.serve();
    assert!(server.ready["cut_bytes"].as_u64() > Some(0), "{}", server.ready);
    assert_eq!(
        place.json(&["queue", "get", "orders"], "")["jobs"]["ready"],
        4,
        "the last group, and nothing else"
    );
    assert_eq!(server.terminate(), Some(0));
    let log = std::fs::read(place.path("server.log")).expect("the log");
    assert!(contains(&log, b"torn and cut"), "the log says so");
}
