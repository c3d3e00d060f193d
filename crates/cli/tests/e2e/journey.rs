//! What the README promises: one sealed body from `enqueue` through a crash to `work`.

use crate::support::{Place, contains, files_below};

// covers SEAL-1 (sealed from enqueue to work, results and errors too)
// covers REL-1 (kill -9 between enqueue and work)
// covers CLI-1 (serve, keyring, queue, job enqueue/get, work)
#[test]
fn a_sealed_job_survives_a_crash_and_opens_in_the_worker_only() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    let body = "card 4242-canary\0with every byte";
    let sent = place.json(
        &[
            "job",
            "enqueue",
            "orders",
            "--kind",
            "invoice.render",
            "--attr",
            "tenant=attr-canary",
            "--body",
            "-",
        ],
        body,
    );
    assert_eq!((&sent["queue"], &sent["state"]), (&"orders".into(), &"ready".into()));
    server.kill();

    let server = place.serve();
    assert!(server.ready["recovered_records"].as_u64() > Some(0));
    let worked = place.sealane(
        &[
            "work",
            "orders",
            "--max-jobs",
            "1",
            "--result",
            "--exec",
            "cat > body; env | grep ^SEALANE_JOB_ID > env; printf result-canary",
        ],
        "",
    );
    assert!(worked.status.success(), "{worked:?}");
    assert_eq!(std::fs::read_to_string(place.path("body")).expect("the body"), body);
    let id = sent["id"].as_str().expect("an id");
    assert_eq!(
        std::fs::read_to_string(place.path("env")).expect("the environment").trim(),
        format!("SEALANE_JOB_ID={id}")
    );
    let shown = place.json(&["job", "get", id], "");
    assert_eq!((&shown["state"], &shown["attempt"]), (&"completed".into(), &1.into()), "{shown}");
    assert!(shown.to_string().contains("result-canary"), "opened with the keyring: {shown}");

    let failing =
        place.json(&["job", "enqueue", "orders", "--kind", "k", "--max-attempts", "1", "--body", "-"], "x");
    let worked = place.sealane(
        &[
            "work",
            "orders",
            "--max-jobs",
            "1",
            "--instance",
            "host-1",
            "--code-version",
            "2.0",
            "--exec",
            "echo error-canary >&2; exit 3",
        ],
        "",
    );
    assert!(worked.status.success(), "{worked:?}");
    let dead = place.json(&["dlq", "list", "orders"], "");
    assert_eq!(
        (&dead["jobs"][0]["instance"], &dead["jobs"][0]["code_version"]),
        (&"host-1".into(), &"2.0".into()),
        "{dead}"
    );
    let shown = place.json(&["job", "get", failing["id"].as_str().expect("an id")], "");
    assert_eq!(
        (&shown["state"], &shown["last_error"]["category"]),
        (&"dead".into(), &"temporary".into()),
        "{shown}"
    );
    assert!(shown.to_string().contains("error-canary"), "{shown}");
    assert_eq!(server.terminate(), Some(0));

    for (path, bytes) in files_below(&place.path("data")) {
        for canary in ["4242-canary", "attr-canary", "result-canary", "error-canary"] {
            assert!(!contains(&bytes, canary.as_bytes()), "{canary} in {}", path.display());
        }
    }
    let log = std::fs::read(place.path("server.log")).expect("the log");
    assert!(
        contains(&log, b"job.enqueue") && !contains(&log, b"canary"),
        "one audit line each, and nothing sealed in it"
    );
}

// covers REL-4 (SIGTERM: exit 0, leases handed out go on after the restart)
#[test]
fn a_stop_loses_no_job_and_no_lease() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    for _ in 0..3 {
        place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "x");
    }
    let mut worker = std::process::Command::new(crate::support::binary())
        .args([
            "work",
            "orders",
            "--max-jobs",
            "1",
            "--exec",
            "touch started; until [ -e go ]; do sleep 0.05; done",
        ])
        .current_dir(place.dir.path())
        .env("SEALANE_CONTEXT", "data/admin.context")
        .env("SEALANE_KEYRING", "keyring")
        .spawn()
        .expect("a worker");
    let end = std::time::Instant::now() + crate::support::DEADLINE;
    while !place.path("started").exists() {
        assert!(std::time::Instant::now() < end, "the worker does not start");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(server.terminate(), Some(0), "with a job running, after the drain time-out");
    let server = place.serve();
    assert_eq!(server.ready["cut_bytes"], 0);
    let shown = place.json(&["queue", "get", "orders"], "");
    assert_eq!((&shown["jobs"]["running"], &shown["jobs"]["ready"]), (&1.into(), &2.into()), "{shown}");
    std::fs::write(place.path("go"), "").expect("a file");
    // The address changed with the restart, so this worker cannot settle: it must end all the same.
    crate::support::signal(worker.id(), "KILL");
    worker.wait().expect("it ends");
    let worked = place.sealane(&["work", "orders", "--max-jobs", "2", "--exec", "true"], "");
    assert!(worked.status.success(), "{worked:?}");
    assert_eq!(place.json(&["queue", "get", "orders"], "")["jobs"]["completed"], 2);
    assert_eq!(server.terminate(), Some(0));
}

// covers SEAL-3 (a body moved to another queue or presented under another id does not open)
// covers SEAL-7 (what does not open is held and burns no attempt)
// attack 5
#[test]
fn what_a_worker_cannot_open_is_held() {
    let place = Place::new();
    let _server = place.serve();
    for queue in ["orders", "refunds"] {
        place.json(&["queue", "create", queue], "");
    }
    let sent = place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "secret");
    // Another keyring: the same queue, and it does not open.
    let init = place.sealane(&["keyring", "init", "other"], "");
    assert!(init.status.success());
    let worked = place
        .sealane(&["work", "orders", "--max-jobs", "1", "--exec", "touch opened", "--keyring", "other"], "");
    assert!(worked.status.success(), "{worked:?}");
    let shown = place.json(&["job", "get", sent["id"].as_str().expect("an id")], "");
    assert_eq!(
        (&shown["state"], &shown["attempt"], &shown["held_because"]),
        (&"held".into(), &0.into(), &"unopenable".into()),
        "{shown}"
    );
    assert!(!place.path("opened").exists(), "the handler did not run");
}

// covers SEAL-4 (plaintext is refused by default; sending it is explicit)
// attack 3
#[test]
fn plaintext_is_neither_sent_nor_taken_by_accident() {
    let place = Place::new();
    let _server = place.serve();
    place.json(&["queue", "create", "open", "--sealing", "allowed"], "");
    place.json(&["queue", "create", "orders"], "");
    let refused = place.sealane(
        &["job", "enqueue", "orders", "--kind", "k", "--body", "-", "--plaintext", "-o", "json"],
        "x",
    );
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(contains(&refused.stderr, b"sealing_required"), "{refused:?}");
    let sent = place
        .sealane(&["job", "enqueue", "open", "--kind", "k", "--body", "-", "--plaintext", "-o", "json"], "x");
    assert!(sent.status.success(), "{sent:?}");
    let id: serde_json::Value = serde_json::from_slice(&sent.stdout).expect("JSON");
    let worked = place.sealane(&["work", "open", "--max-jobs", "1", "--exec", "touch opened"], "");
    assert!(worked.status.success(), "{worked:?}");
    assert!(!place.path("opened").exists(), "a worker with keys takes no plaintext");
    assert_eq!(place.json(&["job", "get", id["id"].as_str().expect("an id")], "")["state"], "held");
}

/// Puts sealed bytes into a queue as somebody with an access key and without the keyring could.
async fn smuggle(server: &crate::support::Serving, queue: &str, id: sealane::JobId, body: Vec<u8>) {
    use sealane::Provider as _;
    let job = sealane_api::v1::JobIn {
        id: Some(id.to_string()),
        kind: "k".into(),
        body: body.into(),
        content_type: Some("application/vnd.sealane.qre2".into()),
        ..sealane_api::v1::JobIn::default()
    };
    let queue = sealane::QueueName::parse(queue).expect("a name");
    server.remote().enqueue(&queue, &job).await.expect("its structure is good, so the server takes it");
}

// covers SEAL-3 (queue, job id, kind: what is moved or changed does not open)
// attack 1
// attack 5
// attack 6
#[tokio::test]
async fn a_moved_relabelled_or_tampered_body_never_reaches_a_handler() {
    use sealane_envelope::{BodyContext, Content, Envelope, SystemClock};
    use std::sync::Arc;

    let place = Place::new();
    let server = place.serve();
    for queue in ["orders", "refunds"] {
        place.json(&["queue", "create", queue], "");
    }
    let keys = sealane::keys::memory::MemoryKeys::new(
        sealane::keys::file::load(&place.path("keyring")).expect("the keyring"),
    );
    let random = Arc::new(sealane::crypto::SystemRandom);
    let envelope = Envelope::new(Arc::new(keys), random, Arc::new(SystemClock));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let id = |number: u8| sealane::JobId::v7(u64::try_from(now.as_millis()).expect("in range"), [number; 10]);
    let seal = async |number: u8, kind: &str| {
        let context = BodyContext {
            namespace: "default",
            queue: "orders",
            job_id: *id(number).as_bytes(),
            kind,
            session_id: None,
            correlation_id: None,
        };
        envelope.seal_body(&context, &Content::from_body(b"secret".to_vec()), None).await.expect("it seals")
    };
    smuggle(&server, "orders", id(1), seal(1, "k").await).await;
    smuggle(&server, "refunds", id(2), seal(2, "k").await).await;
    smuggle(&server, "orders", id(3), seal(3, "another.kind").await).await;
    let mut flipped = seal(4, "k").await;
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    smuggle(&server, "orders", id(4), flipped).await;
    for (queue, jobs) in [("orders", "3"), ("refunds", "1")] {
        let worked = place.sealane(&["work", queue, "--max-jobs", jobs, "--exec", "cat >> opened"], "");
        assert!(worked.status.success(), "{worked:?}");
    }
    assert_eq!(
        std::fs::read_to_string(place.path("opened")).expect("one was opened"),
        "secret",
        "one and no other"
    );
    let state = |number: u8| {
        let shown = place.json(&["job", "get", &id(number).to_string()], "");
        (shown["state"].as_str().map(str::to_owned), shown["attempt"].as_u64())
    };
    assert_eq!(state(1), (Some("completed".to_owned()), Some(1)));
    for number in 2..=4 {
        assert_eq!(state(number), (Some("held".to_owned()), Some(0)), "job {number}");
    }
    assert_eq!(server.terminate(), Some(0));
}
