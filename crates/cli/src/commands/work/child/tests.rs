//! The command as a job meets it: input, environment, result, error, signals.

use sealane::{JobId, JobSignals, Priority, QueueName};
use sealane_core::time::Time;

use super::*;

fn delivery(body: &[u8]) -> Delivery {
    Delivery {
        id: JobId::v7(1_767_225_600_000, [7; 10]),
        queue: QueueName::parse("orders").unwrap(),
        kind: "ship".to_owned(),
        body: body.to_vec(),
        content_type: None,
        attributes: Default::default(),
        clear_attributes: Default::default(),
        session_id: None,
        correlation_id: None,
        subject: None,
        tags: Vec::new(),
        priority: Priority::Normal,
        attempt: 3,
        max_attempts: 5,
        owner: "local".to_owned(),
        created_at: Time::from_unix_ms(0),
        expires_at: None,
        clone_of: None,
        sealed: false,
    }
}

fn command(shell: &str) -> Command {
    Command { shell: shell.to_owned(), keeps_result: true }
}

/// Reads a named pipe to its end.
async fn read_pipe(pipe: std::path::PathBuf) -> Vec<u8> {
    tokio::task::spawn_blocking(move || std::fs::read(pipe)).await.unwrap().unwrap()
}

async fn outcome(shell: &str, delivery: Delivery) -> Outcome {
    let (context, _signals) = JobContext::on_its_own();
    command(shell).run(delivery, &context).await
}

fn error_of(outcome: Outcome) -> (Category, String) {
    match outcome {
        Outcome::Fail { category, error, .. } => (category, String::from_utf8(error).unwrap()),
        other => panic!("expected a failure: {other:?}"),
    }
}

#[tokio::test]
async fn the_body_goes_in_and_the_result_comes_out_byte_by_byte() {
    let body: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[0]).collect();
    assert_eq!(outcome("cat", delivery(&body)).await, Outcome::complete_with(body));
    assert_eq!(outcome("true", delivery(b"")).await, Outcome::complete_with(""));
}

#[tokio::test]
async fn the_environment_tells_which_job_it_is() {
    let shell = r#"printf '%s ' "$SEALANE_JOB_ID" "$SEALANE_QUEUE" "$SEALANE_KIND" "$SEALANE_ATTEMPT" "${SEALANE_SESSION-none}""#;
    let mut job = delivery(b"");
    let id = job.id;
    assert_eq!(
        outcome(shell, job.clone()).await,
        Outcome::complete_with(format!("{id} orders ship 3 none "))
    );
    job.session_id = Some("a b;c".to_owned());
    assert_eq!(outcome(shell, job).await, Outcome::complete_with(format!("{id} orders ship 3 a b;c ")));
}

#[tokio::test]
async fn a_result_is_kept_only_when_asked_for() {
    let (context, _signals) = JobContext::on_its_own();
    let silent = Command { shell: "true".to_owned(), keeps_result: false };
    assert_eq!(silent.run(delivery(b"x"), &context).await, Outcome::COMPLETE);
}

#[tokio::test]
async fn any_other_exit_fails_the_attempt_with_the_end_of_its_complaint() {
    assert_eq!(
        error_of(outcome("echo no paper >&2; exit 3", delivery(b"")).await),
        (Category::Temporary, "no paper\n".to_owned())
    );
    assert_eq!(error_of(outcome("exit 3", delivery(b"")).await).1, "exit status: 3");
    let (_, error) =
        error_of(outcome("yes 0123456 | head -c 200000 >&2; printf end >&2; exit 1", delivery(b"")).await);
    assert_eq!(error.len(), ERROR_BYTES_MAX);
    assert!(error.ends_with("end"));
    assert!(error_of(outcome("kill -9 $$", delivery(b"")).await).1.contains("signal: 9"));
}

#[tokio::test]
async fn a_command_that_does_not_read_is_no_failure() {
    let body = vec![b'x'; 1 << 20];
    assert_eq!(outcome("exec 0<&-; echo done", delivery(&body)).await, Outcome::complete_with("done\n"));
}

#[tokio::test]
async fn a_result_beyond_its_limit_fails_for_good_and_at_it_does_not() {
    let print = |bytes: usize| format!("head -c {bytes} /dev/zero");
    let at_limit = outcome(&print(limits::OUTCOME_BYTES_MAX), delivery(b"")).await;
    assert_eq!(at_limit, Outcome::complete_with(vec![0; limits::OUTCOME_BYTES_MAX]));
    let (category, error) = error_of(outcome(&print(limits::OUTCOME_BYTES_MAX + 1), delivery(b"")).await);
    assert_eq!(category, Category::Permanent);
    assert!(error.contains("1048576"), "{error}");
}

#[tokio::test]
async fn what_a_command_leaves_running_does_not_hold_the_job_up() {
    // The sleeper keeps the outputs open; it is killed with its group.
    assert_eq!(outcome("sleep 600 & echo done", delivery(b"")).await, Outcome::complete_with("done\n"));
}

// covers WORK-1 (lease-lost signal into the handler)
#[tokio::test]
async fn a_lost_lease_reaches_the_command_as_sigterm() {
    let (context, signals) = JobContext::on_its_own();
    let directory = tempfile::tempdir().unwrap();
    let ready = directory.path().join("ready");
    // The trap is set when the pipe opens: nobody has to guess how long that takes.
    assert!(std::process::Command::new("mkfifo").arg(&ready).status().unwrap().success());
    let shell = format!(
        "trap 'echo told >&2; exit 9' TERM; echo > {}; while :; do sleep 600 & wait; done",
        ready.display()
    );
    let running = tokio::spawn(async move { command(&shell).run(delivery(b""), &context).await });
    read_pipe(ready).await;
    signals.lose_lease();
    assert_eq!(error_of(running.await.unwrap()).1, "told\n");
}

#[tokio::test]
async fn a_command_ends_with_whoever_runs_it() {
    let (context, _signals): (_, JobSignals) = JobContext::on_its_own();
    let directory = tempfile::tempdir().unwrap();
    let (ready, alive) = (directory.path().join("ready"), directory.path().join("alive"));
    for pipe in [&ready, &alive] {
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    let shell = format!("(exec 5>{}; echo > {}; sleep 600)", alive.display(), ready.display());
    let running = tokio::spawn(async move { command(&shell).run(delivery(b""), &context).await });
    let end_of_life = tokio::spawn(read_pipe(alive));
    read_pipe(ready).await;
    running.abort();
    // The pipe ends when the last process that holds it is gone.
    assert_eq!(end_of_life.await.unwrap(), b"");
}

// covers JOB-9 (a command reports while it runs and goes on from a checkpoint)
#[tokio::test]
async fn what_a_command_reports_is_heard_while_it_runs_and_what_an_attempt_left_reaches_it() {
    let (context, signals) = JobContext::on_its_own();
    let context = context.after_checkpoint(&b"page \0 6"[..]);
    let directory = tempfile::tempdir().unwrap();
    let (ready, go) = (directory.path().join("ready"), directory.path().join("go"));
    for pipe in [&ready, &go] {
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    // Twice, since a file can be read again; by a child's child as well.
    let shell = format!(
        r#"cat "$SEALANE_CHECKPOINT"; sh -c 'cat "$SEALANE_CHECKPOINT"'
        echo '{{"progress":40,"message":"half"}}' >> "$SEALANE_REPORT"
        sh -c 'echo "{{\"log\":\"from below\"}}" > "$SEALANE_REPORT"'
        echo > {}; read word < {}
        exec 9>> "$SEALANE_REPORT"; echo '{{"log":"last"}}' >&9"#,
        ready.display(),
        go.display()
    );
    let running = tokio::spawn(async move { command(&shell).run(delivery(b""), &context).await });
    read_pipe(ready).await;
    let mut log = String::new();
    let end = std::time::Instant::now() + Duration::from_secs(60);
    let mut progress = None;
    while log.is_empty() || progress.is_none() {
        assert!(std::time::Instant::now() < end, "it is heard while the command runs");
        let said = signals.heard();
        log.push_str(&said.log);
        progress = progress.or(said.progress);
        tokio::task::yield_now().await;
    }
    assert_eq!((progress, log.as_str()), (Some((40, Some("half".to_owned()))), "from below\n"));
    tokio::task::spawn_blocking(move || std::fs::write(go, "on\n")).await.unwrap().unwrap();
    assert_eq!(running.await.unwrap(), Outcome::complete_with(&b"page \0 6page \0 6"[..]));
    assert_eq!(signals.heard().log, "last\n", "what was said at the end is not lost");
}

#[tokio::test]
async fn without_an_earlier_attempt_there_is_no_checkpoint() {
    let shell = r#"printf %s "${SEALANE_CHECKPOINT-none}""#;
    assert_eq!(outcome(shell, delivery(b"")).await, Outcome::complete_with("none"));
}

#[tokio::test]
async fn the_checkpoint_of_an_earlier_attempt_cannot_be_written() {
    let (context, _signals) = JobContext::on_its_own();
    let context = context.after_checkpoint("left");
    let shell = r#"echo changed > "$SEALANE_CHECKPOINT" 2>/dev/null; cat "$SEALANE_CHECKPOINT""#;
    assert_eq!(command(shell).run(delivery(b""), &context).await, Outcome::complete_with("left"));
}

#[tokio::test]
async fn who_keeps_the_door_for_reports_open_does_not_hold_the_job_up() {
    let shell = r#"exec 9>> "$SEALANE_REPORT"; sleep 600 <&- >&- 2>&- & exec 9>&-; echo done"#;
    assert_eq!(outcome(shell, delivery(b"")).await, Outcome::complete_with("done\n"));
}

#[tokio::test]
async fn what_a_command_leaves_running_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let alive = directory.path().join("alive");
    assert!(std::process::Command::new("mkfifo").arg(&alive).status().unwrap().success());
    // It holds no output, so nothing but its end tells that it has ended.
    let shell = format!("exec 5> {}; sleep 120 <&- >&- 2>&- & echo done", alive.display());
    let end_of_life = tokio::spawn(read_pipe(alive));
    assert_eq!(outcome(&shell, delivery(b"")).await, Outcome::complete_with("done\n"));
    let ended = timeout(Duration::from_secs(60), end_of_life).await;
    assert_eq!(ended.expect("it is killed").unwrap(), b"");
}
