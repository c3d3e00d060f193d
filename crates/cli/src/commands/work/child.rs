//! One run of the command: its own process group, the body on standard input, the end of its
//! standard error as the error of a failed attempt, what it reports while it runs. Nothing of it is logged.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use sealane::{Category, Delivery, ERROR_BYTES_MAX, JobContext, Outcome};
use sealane_core::limits;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::sync::watch;
use tokio::time::timeout;

use super::doors::Doors;
use super::group::Group;
use super::reports::Hearing;

/// A command that is to end has so long between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(10);
/// When the command has ended, what it left running has so long to close its outputs.
const LEFTOVER_GRACE: Duration = Duration::from_secs(2);

/// A shell command, and whether what it prints is the job's result.
pub(super) struct Command {
    pub(super) shell: String,
    pub(super) keeps_result: bool,
}

impl Command {
    /// Runs the command for one job.
    pub(super) async fn run(&self, delivery: Delivery, context: &JobContext) -> Outcome {
        let started = Doors::open(context.last_checkpoint())
            .and_then(|doors| Ok((self.start(&delivery, &doors)?, doors)));
        let (mut child, doors) = match started {
            Ok(started) => started,
            Err(error) => {
                let error = format!("the command cannot be started: {error}").into_bytes();
                return Outcome::Fail { category: Category::System, code: None, error, retry_after: None };
            }
        };
        let group = Group::of(&child);
        let (mut printed, mut complained) =
            (Kept::first(limits::OUTCOME_BYTES_MAX), Kept::last(ERROR_BYTES_MAX));
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let Doors { reports, way_in, .. } = doors;
        let mut hearing = Hearing::new(context);
        let (running, over) = watch::channel(());
        let ended = {
            let mut talk = std::pin::pin!(async {
                tokio::join!(
                    feed(stdin, delivery.body),
                    printed.read(stdout),
                    complained.read(stderr),
                    hearing.read(reports, over)
                );
            });
            let mut talked = false;
            let mut end = std::pin::pin!(end(&group, context));
            let ended = loop {
                tokio::select! {
                    ended = &mut end => break ended,
                    () = &mut talk, if !talked => talked = true,
                }
            };
            // From here on only what is in the pipe is to be heard, and what a leftover process says.
            drop(running);
            let _shut = way_in.shut();
            talked = talked || timeout(LEFTOVER_GRACE, &mut talk).await.is_ok();
            // Why whatever it said: what runs on would speak through the doors of the job that is next.
            group.signal(Signal::KILL);
            if !talked {
                // Why ignored: who left the group as well may print on; what was read is what counts.
                let _ = timeout(LEFTOVER_GRACE, &mut talk).await;
            }
            ended
        };
        group.give_up();
        let status = match ended {
            Ok(()) => child.wait().await,
            Err(error) => Err(error),
        };
        hearing.finish().await;
        match status {
            Ok(status) if status.success() => self.succeeded(printed),
            Ok(status) if context.is_cancelled() => {
                let error = complained.into_error(&status.to_string());
                Outcome::Fail { category: Category::Cancelled, code: None, error, retry_after: None }
            }
            Ok(status) => Outcome::fail(complained.into_error(&status.to_string())),
            Err(error) => {
                Outcome::fail(complained.into_error(&format!("the command cannot be waited for: {error}")))
            }
        }
    }

    fn start(&self, delivery: &Delivery, doors: &Doors) -> std::io::Result<Child> {
        let mut command = tokio::process::Command::new("sh");
        command
            .arg("-c")
            .arg(&self.shell)
            .env("SEALANE_JOB_ID", delivery.id.to_string())
            .env("SEALANE_QUEUE", delivery.queue.as_str())
            .env("SEALANE_KIND", &delivery.kind)
            .env("SEALANE_ATTEMPT", delivery.attempt.to_string())
            .env_remove("SEALANE_CHECKPOINT")
            .env_remove("SEALANE_CLONE_OF")
            .env_remove("SEALANE_REPORT")
            .env_remove("SEALANE_SESSION")
            .stdin(Stdio::piped())
            .stdout(if self.keeps_result { Stdio::piped() } else { Stdio::inherit() })
            .stderr(Stdio::piped())
            // Why: a signal to the worker lets the command finish; one to the command reaches
            // everything that it started.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(original) = &delivery.clone_of {
            command.env("SEALANE_CLONE_OF", original.to_string());
        }
        if let Some(session) = &delivery.session_id {
            command.env("SEALANE_SESSION", session);
        }
        if let Some(path) = doors.reports_path() {
            command.env("SEALANE_REPORT", path);
        }
        if let Some(path) = doors.checkpoint_path() {
            command.env("SEALANE_CHECKPOINT", path);
        }
        command.spawn()
    }

    fn succeeded(&self, printed: Kept) -> Outcome {
        if !self.keeps_result {
            return Outcome::COMPLETE;
        }
        if printed.cut {
            return Outcome::fail_for_good(format!(
                "the command printed more than the {} bytes that a result may have; store it elsewhere and print a reference",
                limits::OUTCOME_BYTES_MAX
            ));
        }
        Outcome::complete_with(printed.bytes)
    }
}

/// Returns when the command has ended, and makes it end when its lease is lost or its job is not wanted
/// any more.
async fn end(group: &Group, context: &JobContext) -> std::io::Result<()> {
    tokio::select! {
        ended = group.leader_ended() => return ended,
        () = context.lease_lost() => group.signal(Signal::TERM),
        () = context.cancelled() => group.signal(Signal::TERM),
    }
    if let Ok(ended) = timeout(TERM_GRACE, group.leader_ended()).await {
        return ended;
    }
    group.signal(Signal::KILL);
    group.leader_ended().await
}

/// A command that does not read its input is no failure.
async fn feed(stdin: Option<ChildStdin>, body: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(&body).await;
        let _ = stdin.shutdown().await;
    }
}

/// Bytes of an output, as many as are worth keeping; the rest is read and dropped, so that the
/// command never waits for us.
struct Kept {
    bytes: Vec<u8>,
    max: usize,
    keeps_last: bool,
    cut: bool,
}

impl Kept {
    const fn first(max: usize) -> Self {
        Self { bytes: Vec::new(), max, keeps_last: false, cut: false }
    }

    const fn last(max: usize) -> Self {
        Self { bytes: Vec::new(), max, keeps_last: true, cut: false }
    }

    async fn read(&mut self, source: Option<impl AsyncRead + Unpin>) {
        let Some(mut source) = source else { return };
        let mut chunk = vec![0u8; 16 * 1024];
        while let Ok(count @ 1..) = source.read(&mut chunk).await {
            self.take(&chunk[..count]);
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        if self.keeps_last {
            self.bytes.extend_from_slice(chunk);
            let over = self.bytes.len().saturating_sub(self.max);
            self.cut |= over > 0;
            self.bytes.drain(..over);
        } else {
            let room = self.max - self.bytes.len();
            self.cut |= chunk.len() > room;
            self.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
    }

    /// What the command complained about, or how it ended where it said nothing.
    fn into_error(self, ended: &str) -> Vec<u8> {
        if self.bytes.is_empty() { ended.as_bytes().to_vec() } else { self.bytes }
    }
}

#[cfg(test)]
mod tests;
