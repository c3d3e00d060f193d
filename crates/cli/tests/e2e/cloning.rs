//! Clones from the command line: what is done is sent once more, and nobody gets at it who may not.

use std::path::PathBuf;

use sealane::Provider as _;
use serde_json::Value;

use crate::support::{Place, contains};

const BODY: &str = "canary-body\0\u{7f}größer\r\n\n";

fn id_of(job: &Value) -> String {
    job["id"].as_str().expect("an id").to_owned()
}

impl Place {
    /// Works one job of `orders`; what its command was given.
    fn worked(&self, more: &[&str]) -> (Vec<u8>, String) {
        let command = r#"cat > seen.body; echo "$SEALANE_JOB_ID $SEALANE_CLONE_OF" > seen.ids"#;
        let work = [&["work", "orders", "--max-jobs", "1", "--exec", command], more].concat();
        let worked = self.sealane(&work, "");
        assert!(worked.status.success(), "{worked:?}");
        let ids = std::fs::read_to_string(self.path("seen.ids")).expect("two ids");
        (std::fs::read(self.path("seen.body")).expect("a body"), ids.trim_end_matches('\n').to_owned())
    }

    /// A context of somebody else's.
    fn context_of(&self, principal: &str, role: &str) -> PathBuf {
        let made = self.json(&["access", "key", "create", "--principal", principal, "--role", role], "");
        let admin = std::fs::read_to_string(self.path("data/admin.context")).expect("a context");
        let key = admin.lines().find(|line| line.starts_with("api_key")).expect("a key");
        let text = admin.replace(key, &format!("api_key = {}", made["key"]));
        let path = self.path(&format!("data/{principal}.context"));
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
        path
    }
}

// covers JOB-2
// covers CLI-1 (job clone)
#[test]
fn a_completed_job_is_cloned_and_worked_again_byte_for_byte() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    let enqueue =
        ["job", "enqueue", "orders", "--kind", "ship", "--body", "-", "--session", "s", "--attr", "a=b"];
    let first = id_of(&place.json(&enqueue, BODY));
    let running = place.sealane(&["job", "clone", &first, "-o", "json"], "");
    assert_eq!(running.status.code(), Some(3), "{running:?}");
    assert!(contains(&running.stderr, b"wait for its end"), "{running:?}");
    assert_eq!(place.worked(&[]), (BODY.into(), format!("{first} ")));
    let retried = place.sealane(&["job", "retry", &first, "-o", "json"], "");
    assert!(retried.status.code() == Some(3) && contains(&retried.stderr, b"clone it"), "{retried:?}");

    let cloned = place.json(&["job", "clone", &first], "");
    let keys: Vec<&str> = cloned.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "queue", "state"]);
    assert_eq!((&cloned["queue"], &cloned["state"]), (&"orders".into(), &"ready".into()));
    let second = id_of(&cloned);
    assert_ne!(second, first);
    assert_eq!(place.worked(&[]), (BODY.into(), format!("{second} {first}")));
    assert_eq!(place.json(&["job", "get", &second], "")["clone_of"], Value::from(first.as_str()));
    let table = place.sealane(&["job", "get", &second, "-o", "table"], "");
    assert!(contains(&table.stdout, first.as_bytes()), "{table:?}");

    // A clone of a clone, made once however often it is asked for under one id.
    let id = server.client().new_job_id().expect("an id").to_string();
    let clone = ["job", "clone", &second, "--id", &id];
    assert_eq!(id_of(&place.json(&clone, "")), id);
    assert_eq!(place.json(&clone, "")["state"], "ready");
    assert_eq!(place.worked(&[]), (BODY.into(), format!("{id} {second}")));
    assert_eq!(place.json(&clone, "")["state"], "completed", "still the same one");
    assert_eq!(place.json(&["queue", "get", "orders"], "")["jobs"]["completed"], 3);

    // What anybody can read off the stored body is which job it repeats, and nothing inside.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let third = sealane::JobId::parse(&id).expect("an id");
    let stored = runtime.block_on(server.remote().job_body(third, None)).expect("its body").body.0;
    assert!(!contains(&stored, b"canary"));
    std::fs::write(place.path("stored"), &stored).expect("a file");
    let inspected = place.json(&["envelope", "inspect", "stored"], "");
    assert_eq!(inspected["clone_of"], second.replace('-', "").as_str(), "{inspected}");
    let table = place.sealane(&["envelope", "inspect", "stored", "-o", "table"], "");
    assert!(contains(&table.stdout, b"clone of"), "{table:?}");

    // To another queue; and back again by whoever accepts where it was moved from.
    place.json(&["queue", "create", "later"], "");
    let elsewhere = place.json(&["job", "clone", &first, "--queue", "later"], "");
    assert_eq!(elsewhere["queue"], "later");
    place.json(&["job", "move", &id_of(&elsewhere), "orders"], "");
    place.json(&["job", "cancel", &id_of(&elsewhere)], "");
    let moved = place.sealane(&["job", "clone", &id_of(&elsewhere), "-o", "json"], "");
    assert!(!moved.status.success() && contains(&moved.stderr, b"--accept-from later"), "{moved:?}");
    place.json(&["job", "clone", &id_of(&elsewhere), "--accept-from", "later"], "");
    assert_eq!(place.worked(&[]).0, BODY.as_bytes());
}

// covers JOB-2 (clone: who may, and that it is audited)
// covers RBAC-1 (bodies)
#[test]
fn nobody_clones_what_is_not_his_but_an_admin_who_says_why() {
    let place = Place::new();
    let _server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    for (name, role) in [("ann", "submitter"), ("bob", "submitter"), ("wes", "worker")] {
        place.context_of(name, role);
    }
    let enqueue = ["job", "enqueue", "orders", "--kind", "ship", "--body", "-", "-o", "json"];
    let sent = place.sealane_as("data/ann.context", &enqueue, BODY);
    let id = id_of(&serde_json::from_slice(&sent.stdout).expect("JSON"));
    place.worked(&[]);

    let clone = ["job", "clone", &id, "-o", "json"];
    for other in ["bob", "wes"] {
        let refused = place.sealane_as(&format!("data/{other}.context"), &clone, "");
        assert!(refused.status.code() == Some(3) && contains(&refused.stderr, b"not_found"), "{refused:?}");
    }
    let silent = place.sealane(&clone, "");
    assert!(silent.status.code() == Some(3) && contains(&silent.stderr, b"reason"), "{silent:?}");
    let own = place.sealane_as("data/ann.context", &clone, "");
    assert!(own.status.success(), "{own:?}");
    let told = place.sealane(&[&clone[..], &["--reason", "ticket canary-4711"]].concat(), "");
    assert!(told.status.success(), "{told:?}");
    for _ in 0..2 {
        assert_eq!(place.worked(&[]).0, BODY.as_bytes());
    }

    let log = std::fs::read_to_string(place.path("server.log")).expect("a log");
    let read: Vec<&str> = log.lines().filter(|line| line.contains("operation=\"job.body\"")).collect();
    assert_eq!(read.len(), 5, "{read:#?}");
    // A worker is turned away for what he is, before anybody reads which job he means.
    let named = |line: &&&str| line.contains(&format!("job={id}"));
    assert_eq!(read.iter().filter(named).count(), 4, "{read:#?}");
    assert!(read.iter().all(|line| named(&line) || line.contains("role=\"worker\"")), "{read:#?}");
    let said = |line: &&&str| line.contains("reason=\"ticket canary-4711\"");
    assert_eq!(read.iter().filter(said).count(), 1, "{read:#?}");
    let body = BODY.split('\0').next().expect("words");
    assert!(!log.contains(body), "no body is in the log");
}

// covers JOB-2 (clone: not sealed, and expired)
#[test]
fn plain_and_expired_ones_are_cloned_by_whoever_says_so() {
    let place = Place::new();
    let _server = place.serve();
    place.json(&["queue", "create", "orders", "--sealing", "allowed"], "");
    let enqueue = ["job", "enqueue", "orders", "--kind", "ship", "--body", "-"];
    let plain = id_of(&place.json(&[&enqueue[..], &["--plaintext"]].concat(), BODY));
    place.json(&["job", "cancel", &plain], "");
    let kept = place.sealane(&["job", "clone", &plain, "-o", "json"], "");
    assert!(!kept.status.success() && contains(&kept.stderr, b"leave the keyring out"), "{kept:?}");
    let without = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env_remove("SEALANE_KEYRING").output().expect("it runs")
    };
    let cloned = without(&["job", "clone", &plain, "-o", "json"]);
    assert!(cloned.status.success(), "{cloned:?}");
    let worked = without(&["work", "orders", "--max-jobs", "1", "--exec", "cat > plain.body"]);
    assert!(worked.status.success(), "{worked:?}");
    assert_eq!(std::fs::read(place.path("plain.body")).expect("a body"), BODY.as_bytes());

    let brief = id_of(&place.json(&[&enqueue[..], &["--ttl", "1ms"]].concat(), BODY));
    let end = std::time::Instant::now() + crate::support::DEADLINE;
    while place.json(&["job", "get", &brief], "")["state"] != "expired" {
        assert!(std::time::Instant::now() < end, "it does not expire");
    }
    let expired = place.sealane(&["job", "clone", &brief, "-o", "json"], "");
    assert!(!expired.status.success() && contains(&expired.stderr, b"--accept-expired"), "{expired:?}");
    let sealed = without(&["job", "clone", &brief, "-o", "json"]);
    assert!(!sealed.status.success() && contains(&sealed.stderr, b"--keyring"), "{sealed:?}");
    let clone = place.json(&["job", "clone", &brief, "--accept-expired"], "");
    assert_eq!(place.worked(&[]), (BODY.into(), format!("{} {brief}", id_of(&clone))));
}
