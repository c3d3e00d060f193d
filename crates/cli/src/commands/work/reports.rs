//! What a command reports while it runs, line by line. However much it says, one line of it is in memory;
//! it is the pipe that makes it wait.

use std::pin::Pin;

use sealane::{CheckpointError, JobContext};
use sealane_api::wire::Bytes;
use sealane_core::limits;
use serde::Deserialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::sync::watch;

/// A line as the command writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// How far it is, in percent.
    progress: Option<u8>,
    /// The same in words.
    message: Option<String>,
    /// A line of log, or some.
    log: Option<String>,
    /// What the next attempt is to go on from, as text.
    checkpoint: Option<String>,
    /// The same as bytes.
    checkpoint_base64: Option<Bytes>,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), CheckpointError>> + Send + 'a>>;

/// What one command reports.
pub(super) struct Hearing<'a> {
    context: &'a JobContext,
    /// Of the line that was read last, the first is 1.
    number: u64,
    misunderstood: u64,
    /// The checkpoint that is not taken so far, and its line.
    sending: Option<(u64, Sending<'a>)>,
}

impl<'a> Hearing<'a> {
    pub(super) const fn new(context: &'a JobContext) -> Self {
        Self { context, number: 0, misunderstood: 0, sending: None }
    }

    /// Passes on what the command reports until nobody can report any more. While it runs it is not heard
    /// faster than its checkpoints are taken; when it is over, which is when the sender is gone, nothing is
    /// waited for, and of the checkpoints then in the pipe the last one counts.
    pub(super) async fn read(&mut self, source: impl AsyncRead + Unpin, mut over: watch::Receiver<()>) {
        let mut source = BufReader::new(source);
        while let Some(line) = next_line(&mut source).await {
            self.number = self.number.saturating_add(1);
            if line.as_deref().is_ok_and(|text| text.trim_ascii().is_empty()) {
                continue;
            }
            if let Err(problem) = line.and_then(|line| self.pass_on(&line)) {
                self.misunderstood(self.number, &problem);
            }
            tokio::select! {
                // Why in this order: what is never looked at is not on its way.
                biased;
                () = self.finish() => {}
                _ = over.changed() => {}
            }
        }
    }

    /// Returns when the last checkpoint is taken, or is not.
    pub(super) async fn finish(&mut self) {
        let Some((number, sending)) = &mut self.sending else { return };
        let (number, taken) = (*number, sending.await);
        self.sending = None;
        if let Err(error) = taken {
            self.misunderstood(number, &not_taken(&crate::failure::chain(&error)));
        }
    }

    fn misunderstood(&mut self, number: u64, problem: &str) {
        self.misunderstood = self.misunderstood.saturating_add(1);
        if self.misunderstood == 1 {
            // Why once and without the line: it may say much, and what it says is the job's.
            tracing::warn!(line = number, "the command reports something that is not understood");
        }
        self.context.log(&format!("(line {number} of the reports: {problem})"));
    }

    /// Passes on the line; its checkpoint begins to be sent, and stands for the one before.
    fn pass_on(&mut self, line: &[u8]) -> Result<(), String> {
        // Why by its place only: the words of a JSON library quote what they read.
        let line: Line = serde_json::from_slice(line).map_err(|error| {
            format!("it is no report at column {}: docs/work.md shows what stands in one", error.column())
        })?;
        if line.message.is_some() && line.progress.is_none() {
            return Err("message goes with progress".to_owned());
        }
        if let Some(percent) = line.progress {
            if percent > 100 {
                return Err("progress is 0 to 100 percent".to_owned());
            }
            self.context.progress(percent, line.message.as_deref());
        }
        if let Some(text) = line.log {
            text.lines().for_each(|line| self.context.log(line));
        }
        let checkpoint = match (line.checkpoint, line.checkpoint_base64) {
            (Some(_), Some(_)) => return Err("give checkpoint or checkpoint_base64, not both".to_owned()),
            (Some(text), None) => Some(text.into_bytes()),
            (None, bytes) => bytes.map(Vec::from),
        };
        let Some(checkpoint) = checkpoint else { return Ok(()) };
        let (bytes, most) = (checkpoint.len(), limits::CHECKPOINT_BYTES_MAX);
        if bytes > most {
            // Why here already: it must not stand for one before that can be taken.
            return Err(not_taken(&format!("it has {bytes} bytes and may have {most}")));
        }
        self.sending = Some((self.number, Box::pin(self.context.checkpoint(checkpoint))));
        Ok(())
    }
}

fn not_taken(why: &str) -> String {
    format!("its checkpoint is not taken: {why}")
}

/// The next line, without more of it than a line may have.
async fn next_line(source: &mut (impl AsyncBufRead + Unpin)) -> Option<Result<Vec<u8>, String>> {
    let most = limits::WORK_REPORT_LINE_BYTES_MAX;
    let mut text = Vec::new();
    let room = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = source.take(room).read_until(b'\n', &mut text).await;
    if !read.is_ok_and(|bytes| bytes > 0) {
        return None;
    }
    if text.len() <= most || text.last() == Some(&b'\n') {
        return Some(Ok(text));
    }
    loop {
        let rest = source.fill_buf().await.ok()?;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(rest.len(), |end| end + 1);
        let over = rest.is_empty() || end.is_some();
        source.consume(used);
        if over {
            return Some(Err(format!("it has more than {most} bytes and is dropped")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(reports: &[u8]) -> sealane::Heard {
        let (context, signals) = JobContext::on_its_own();
        let (_running, over) = watch::channel(());
        let mut hearing = Hearing::new(&context);
        hearing.read(reports, over).await;
        hearing.finish().await;
        signals.heard()
    }

    // covers JOB-9 (progress, logs and checkpoints of a command)
    #[tokio::test]
    async fn each_line_says_one_thing_or_some() {
        let said = heard(
            b"{\"progress\":10}\n{\"progress\":40,\"message\":\"half\"}\n\n{\"log\":\"a\\nb\"}\n{\"log\":\"c\",\"checkpoint\":\"page 7\"}",
        )
        .await;
        assert_eq!(said.progress, Some((40, Some("half".to_owned()))));
        assert_eq!(said.log, "a\nb\nc\n");
        assert_eq!(said.checkpoint.as_deref(), Some(&b"page 7"[..]));
        let bytes = heard(b"{\"checkpoint_base64\":\"AP8=\"}\n").await;
        assert_eq!(bytes.checkpoint.as_deref(), Some(&[0, 255][..]));
    }

    #[tokio::test]
    async fn what_is_not_understood_is_told_in_the_log_without_quoting_it_and_the_rest_goes_on() {
        for (line, told) in [
            ("canary", "no report"),
            ("{\"canary\":1}", "no report"),
            ("{\"progress\":256}", "no report"),
            ("{\"progress\":-1}", "no report"),
            ("{\"progress\":101}", "0 to 100"),
            ("{\"message\":\"canary\"}", "goes with progress"),
            ("{\"checkpoint\":\"canary\",\"checkpoint_base64\":\"\"}", "not both"),
        ] {
            let said = heard(format!("\n{line}\n{{\"log\":\"after\"}}\n").as_bytes()).await;
            assert!(said.log.starts_with("(line 2 of the reports: "), "{line}: {}", said.log);
            assert!(said.log.contains(told) && said.log.ends_with("after\n"), "{line}: {}", said.log);
            assert!(!said.log.contains("canary"), "{}", said.log);
            assert_eq!((said.progress, said.checkpoint), (None, None), "{line}");
        }
    }

    #[tokio::test]
    async fn a_line_at_its_limit_is_taken_and_one_beyond_it_dropped() {
        let line = |bytes: usize| {
            let frame = "{\"log\":\"\"}".len();
            // Blanks are no words, and count.
            format!("{{\"log\":\"x\"{}}}\n", " ".repeat(bytes - frame - 1))
        };
        let most = limits::WORK_REPORT_LINE_BYTES_MAX;
        assert_eq!(heard(line(most).as_bytes()).await.log, "x\n");
        let beyond = [line(most + 1), line(100)].concat();
        let log = heard(beyond.as_bytes()).await.log;
        assert!(log.contains("line 1 of the reports: it has more than 2097152 bytes"), "{log}");
        assert!(log.ends_with(")\nx\n"), "{log}");
        let endless = heard(&vec![b'x'; most + 2]).await.log;
        assert!(endless.contains("more than"), "{endless}");
    }
}
