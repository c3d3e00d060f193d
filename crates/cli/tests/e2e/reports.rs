//! A worker that leaves a checkpoint, a server that is killed, and the attempt that goes on from there.

use std::process::Command;
use std::time::{Duration, Instant};

use sealane::{JobId, Outcome};
use sealane_api::v1::JobLogIn;
use serde_json::json;
use tokio::sync::mpsc;

use crate::support::{DEADLINE, Place, contains, files_below};

/// Stands in every report below, and nowhere else.
const PLANTED: &str = "heliotrope-4711";

// covers JOB-9
// covers JOB-9 (a checkpoint reaches the next attempt across kill -9; logs, progress and results at the command line)
// covers SEAL-13 (progress, logs and checkpoints)
// attack 26
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_outlives_kill_9_and_is_told_to_nobody_but_the_next_attempt() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    let sent = place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "body");
    let id = sent["id"].as_str().expect("an id").to_owned();
    let checkpoint: Vec<u8> = (0..=255).cycle().take(10_000).chain(PLANTED.bytes()).collect();

    let (tell, mut told) = mpsc::unbounded_channel();
    let left = checkpoint.clone();
    let worker = server.client().worker("orders").default_handler(move |_, context| {
        let (tell, left) = (tell.clone(), left.clone());
        async move {
            context.progress(40, format!("{PLANTED} progress").as_str());
            context.log(&format!("{PLANTED} line"));
            let taken = context.checkpoint(left).await.is_ok();
            tell.send((context.last_checkpoint().is_none(), taken)).expect("the test listens");
            // What it holds when the server dies is lost with it.
            std::future::pending::<()>().await;
            Outcome::COMPLETE
        }
    });
    let worker = worker.lease(Duration::from_secs(2)).build().expect("a worker");
    let working = tokio::spawn(worker.run(std::future::pending()));
    let first = tokio::time::timeout(DEADLINE, told.recv()).await.expect("it reports").expect("a word");
    assert_eq!(first, (true, true));
    server.kill();
    working.abort();

    let server = place.serve();
    let (tell, mut told) = mpsc::unbounded_channel();
    let worker = server.client().worker("orders").default_handler(move |delivery, context| {
        let tell = tell.clone();
        async move {
            let found = context.last_checkpoint().map(<[u8]>::to_vec);
            tell.send((delivery.attempt, found)).expect("the test listens");
            context.log("second attempt");
            Outcome::complete_with(format!("{PLANTED} result"))
        }
    });
    let worker = worker.max_jobs(1).build().expect("a worker");
    let working = tokio::spawn(worker.run(std::future::pending()));
    let waited = place.json(&["job", "wait", &id, "--timeout", "2m"], "");
    assert_eq!(waited["state"], "completed");
    assert_eq!(waited["opened_progress"], format!("{PLANTED} progress"));
    let second = tokio::time::timeout(DEADLINE, told.recv()).await.expect("it runs").expect("a word");
    assert_eq!(second, (2, Some(checkpoint)), "byte by byte");
    tokio::time::timeout(DEADLINE, working).await.expect("it ends").expect("no panic").expect("it worked");

    let logs = place.json(&["job", "logs", &id], "");
    let texts: Vec<_> =
        logs["entries"].as_array().expect("entries").iter().map(|entry| &entry["text"]).collect();
    assert_eq!(texts, [&json!(format!("{PLANTED} line\n")), &json!("second attempt\n")]);
    let result = place.sealane(&["job", "result", &id], "");
    assert_eq!(result.stdout, format!("{PLANTED} result").into_bytes());

    // Not even the server's own answers know the words, nor any file, nor the log.
    let remote = server.remote();
    let job = JobId::parse(&id).expect("an id");
    let page = sealane::Provider::job_log(&remote, job, &JobLogIn::default()).await.expect("an answer");
    assert!(
        page.entries
            .iter()
            .all(|entry| entry.bytes.as_ref().is_some_and(|bytes| bytes.0.starts_with(b"QRE2")))
    );
    assert_eq!(server.terminate(), Some(0));
    for (path, bytes) in files_below(place.dir.path()) {
        assert!(!contains(&bytes, PLANTED.as_bytes()), "{} has the planted word", path.display());
    }
}

// covers JOB-9 (a command reports while it runs, and goes on from what the attempt before left)
// covers SEAL-13 (progress, logs and checkpoints of a command)
// attack 26
#[test]
fn a_command_reports_while_it_runs_and_the_next_attempt_goes_on_from_its_checkpoint() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders", "--retry-base", "1ms"], "");
    let sent = place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "body");
    let id = sent["id"].as_str().expect("an id").to_owned();
    let go = place.path("go");
    assert!(Command::new("mkfifo").arg(&go).status().expect("mkfifo runs").success());
    // The first attempt waits until it is let go, and fails; the second one prints what it was left.
    let script = format!(
        r#"if test "$SEALANE_ATTEMPT" = 1; then
        echo '{{"progress":40,"message":"{PLANTED} progress","log":"{PLANTED} line"}}' >> "$SEALANE_REPORT"
        read word < go
        echo '{{"checkpoint":"{PLANTED} page 6"}}' >> "$SEALANE_REPORT"
        exit 1; fi
        cat "$SEALANE_CHECKPOINT""#
    );
    let arguments = ["work", "orders", "--exec", &script, "--result", "--max-jobs", "2"];
    let (running, output) = std::thread::scope(|scope| {
        let working = scope.spawn(|| place.sealane(&arguments, ""));
        let end = Instant::now() + DEADLINE;
        let running = loop {
            let job = place.json(&["job", "get", &id], "");
            if job.get("progress").is_some() || working.is_finished() {
                break job;
            }
            assert!(Instant::now() < end, "it reports while it runs");
        };
        // Why only then: without a reader a pipe is not opened, and this would wait for ever.
        if !working.is_finished() {
            std::fs::write(&go, "on\n").expect("the command reads it");
        }
        (running, working.join().expect("no panic"))
    });
    assert!(output.status.success(), "{output:?}");
    assert_eq!((&running["state"], &running["attempt"]), (&json!("running"), &json!(1)));
    assert_eq!(running["progress"]["percent"], 40);
    assert_eq!(running["opened_progress"], format!("{PLANTED} progress"));

    let job = place.json(&["job", "get", &id], "");
    assert_eq!((&job["state"], &job["attempt"]), (&json!("completed"), &json!(2)));
    assert_eq!(job["opened_result"], format!("{PLANTED} page 6"));
    let logs = place.json(&["job", "logs", &id], "");
    assert_eq!(logs["entries"][0]["text"], format!("{PLANTED} line\n"));
    assert_eq!(server.terminate(), Some(0));
    std::fs::remove_file(&go).expect("a pipe has no end to read to");
    for (path, bytes) in files_below(place.dir.path()) {
        assert!(!contains(&bytes, PLANTED.as_bytes()), "{} has the planted word", path.display());
    }
}

// covers JOB-9 (what was written before the end of a command is not lost)
#[test]
fn the_last_checkpoint_is_kept_however_fast_the_command_writes_and_ends() {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders", "--retry-base", "1ms"], "");
    let sent = place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "body");
    let id = sent["id"].as_str().expect("an id").to_owned();
    // At one report each 200 ms they would take 20 s.
    let script = r#"test "$SEALANE_ATTEMPT" = 1 || exec cat "$SEALANE_CHECKPOINT"
        for i in $(seq 100); do echo "{\"checkpoint\":\"page $i\"}"; done >> "$SEALANE_REPORT"
        echo '{"log":"and that was all"}' >> "$SEALANE_REPORT"
        exit 1"#;
    let worked = place.sealane(&["work", "orders", "--exec", script, "--result", "--max-jobs", "2"], "");
    assert!(worked.status.success(), "{worked:?}");
    let job = place.json(&["job", "get", &id], "");
    assert_eq!((&job["state"], &job["opened_result"]), (&json!("completed"), &json!("page 100")));
    let logs = place.json(&["job", "logs", &id], "");
    assert_eq!(logs["entries"][0]["text"], "and that was all\n");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_wait_that_ends_without_completion_says_so_by_its_exit_code() {
    let place = Place::new();
    let _server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    let sent = place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "body");
    let id = sent["id"].as_str().expect("an id");
    let late = place.sealane(&["job", "wait", id, "--timeout", "20ms"], "");
    assert_eq!(late.status.code(), Some(1), "{late:?}");
    assert!(contains(&late.stdout, b"\"ready\""), "it shows where the job stands");
    assert_eq!(place.sealane(&["job", "result", id], "").status.code(), Some(1));
    place.json(&["job", "cancel", id], "");
    let ended = place.sealane(&["job", "wait", id], "");
    assert_eq!(ended.status.code(), Some(1), "at once: {ended:?}");
}
