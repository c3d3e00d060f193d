//! What a handler says while it runs, on its way to the provider.
//!
//! ```text
//! handler ── progress, log lines, checkpoint ──▶ [desk, bounded] ──▶ sealed ──▶ one report at a time
//!            (the last one)  (kept until sent)                        at most one each REPORT_EVERY
//! ```
//! However often a handler speaks, its provider hears it a few times a second. A report whose answer was
//! lost goes again with the same bytes, before anything else: its number is taken.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealane_api::problem::Code;
use sealane_api::v1::{ProgressIn, ReportItem, Reports, SettleResult};
use sealane_api::wire::Bytes;
use sealane_core::limits;
use sealane_envelope::Part;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::settle::Lease;
use crate::client::Client;
use crate::error::Error;
use crate::retry::Chain;

/// Between two reports of one attempt.
pub const REPORT_EVERY: Duration = Duration::from_millis(200);
/// Log lines that wait to be sent, in bytes; what comes on top is dropped and counted.
pub const LOG_BYTES_WAITING_MAX: usize = 32 * 1024;
/// Of a progress message so many bytes are kept, the first ones.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// Why a checkpoint was not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The attempt is over for the provider: its lease is lost, or it ended.
    #[error("the attempt is over, and nothing that it says is taken any more")]
    Over,
    /// It is not taken.
    #[error("the checkpoint is not taken")]
    Refused(#[source] Error),
}

type Told = oneshot::Sender<Result<(), CheckpointError>>;

/// What was said and is not sent yet.
#[derive(Default)]
struct Said {
    progress: Option<(u8, Option<Vec<u8>>)>,
    log: Vec<u8>,
    lines_dropped: u64,
    checkpoint: Option<(Vec<u8>, Vec<Told>)>,
    /// Nobody sends any more.
    closed: bool,
}

impl Said {
    fn is_empty(&self) -> bool {
        self.progress.is_none() && self.log.is_empty() && self.lines_dropped == 0 && self.checkpoint.is_none()
    }
}

/// Where a handler leaves what it has to say. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Desk {
    said: Arc<Mutex<Said>>,
    spoken: Arc<Notify>,
    /// Nobody sends, and everything is taken: for handlers that run without a worker.
    on_its_own: bool,
}

impl Desk {
    fn said(&self) -> MutexGuard<'_, Said> {
        // Why poison is let go: each change below is whole.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn on_its_own() -> Self {
        Self { on_its_own: true, ..Self::default() }
    }

    pub(super) fn progress(&self, percent: u8, message: Option<String>) {
        let message = message.map(|mut message| {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
            message.into_bytes()
        });
        self.said().progress = Some((percent.min(100), message));
        self.spoken.notify_one();
    }

    pub(super) fn log(&self, line: &str) {
        let mut said = self.said();
        if said.log.len() + line.len() + 1 > LOG_BYTES_WAITING_MAX {
            said.lines_dropped += 1;
        } else {
            said.log.extend_from_slice(line.as_bytes());
            said.log.push(b'\n');
        }
        drop(said);
        self.spoken.notify_one();
    }

    pub(super) async fn checkpoint(&self, bytes: Vec<u8>) -> Result<(), CheckpointError> {
        let (tell, told) = oneshot::channel();
        {
            let mut said = self.said();
            if said.closed {
                return Err(CheckpointError::Over);
            }
            // Why they share its fate: a later checkpoint stands for the earlier ones.
            let mut waiting = said.checkpoint.take().map(|(_, waiting)| waiting).unwrap_or_default();
            if !self.on_its_own {
                waiting.push(tell);
            }
            said.checkpoint = Some((bytes, waiting));
        }
        if self.on_its_own {
            return Ok(());
        }
        self.spoken.notify_one();
        told.await.unwrap_or(Err(CheckpointError::Over))
    }

    /// What was said since the last look, for tests of handlers.
    pub(super) fn heard(&self) -> Heard {
        let said = std::mem::take(&mut *self.said());
        Heard {
            progress: said.progress.map(|(percent, text)| {
                (percent, text.map(|text| String::from_utf8_lossy(&text).into_owned()))
            }),
            log: String::from_utf8_lossy(&said.log).into_owned(),
            checkpoint: said.checkpoint.map(|(bytes, _)| bytes),
        }
    }

    /// Whoever waits for a checkpoint to be taken, and whoever comes later, hears that it is over.
    pub(super) fn close(&self) {
        let mut said = self.said();
        said.closed = true;
        said.checkpoint = None;
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// What a handler said that was called without a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// How far it is, and its words for that.
    pub progress: Option<(u8, Option<String>)>,
    /// Lines of log.
    pub log: String,
    /// The last checkpoint.
    pub checkpoint: Option<Vec<u8>>,
}

/// Sends what the handler of one attempt says.
pub(super) struct Reporter<'a> {
    client: &'a Client,
    lease: &'a Lease,
    desk: &'a Desk,
    cancelled: &'a watch::Sender<bool>,
    seq: u32,
    /// Sent, and without an answer so far.
    unanswered: Option<(ReportItem, Vec<Told>)>,
    /// Taken from the desk and not sealed so far.
    taken: Option<Said>,
    over: bool,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(
        client: &'a Client,
        lease: &'a Lease,
        desk: &'a Desk,
        cancelled: &'a watch::Sender<bool>,
    ) -> Self {
        let seq = lease.next_report;
        Self { client, lease, desk, cancelled, seq, unanswered: None, taken: None, over: false }
    }

    /// Sends as there is something to send; never returns.
    pub(super) async fn run(&mut self) {
        let (mut next, mut failed) = (Instant::now(), 0);
        while !self.over {
            while self.unanswered.is_none() && self.taken.is_none() && self.desk.said().is_empty() {
                self.desk.spoken.notified().await;
            }
            sleep_until(next).await;
            match self.send().await {
                Ok(()) => failed = 0,
                Err(wait) => {
                    failed += 1;
                    sleep(wait.max(self.client.retry_policy().wait(failed, self.client.random()))).await;
                }
            }
            next = Instant::now() + REPORT_EVERY;
        }
        std::future::pending::<()>().await;
    }

    /// Sends what is left when the handler has ended, if that goes without trying for long.
    pub(super) async fn finish(&mut self) {
        for _ in 0..2 {
            let nothing = self.unanswered.is_none() && self.taken.is_none() && self.desk.said().is_empty();
            if self.over || nothing {
                break;
            }
            if self.send().await.is_err() {
                break;
            }
        }
        self.desk.close();
    }

    /// One report. An error says how long to wait before the same is sent again.
    async fn send(&mut self) -> Result<(), Duration> {
        if self.unanswered.is_none() {
            self.unanswered = self.next_report().await;
        }
        let Some((item, _)) = &self.unanswered else { return Ok(()) };
        let request = Reports { items: vec![item.clone()] };
        let answer = match self.client.provider().report(&request).await {
            Ok(settled) => settled.results.into_iter().next(),
            Err(error) if error.is_transient() => {
                tracing::debug!(job = %self.lease.job, error = %Chain(&error), "a report is sent again");
                return Err(error.retry_after().unwrap_or_default());
            }
            Err(error) => {
                self.answered(Err(error));
                return Ok(());
            }
        };
        match answer {
            Some(SettleResult { error: Some(error), .. }) if error.retryable => Err(Duration::from_secs(1)),
            Some(SettleResult { error: Some(error), .. }) => {
                self.answered(Err(Error::item(&error)));
                Ok(())
            }
            Some(SettleResult { cancel_requested, .. }) => {
                if cancel_requested == Some(true) {
                    self.cancelled.send_replace(true);
                }
                self.answered(Ok(()));
                Ok(())
            }
            None => Err(Duration::from_secs(1)),
        }
    }

    fn answered(&mut self, answer: Result<(), Error>) {
        let waiting = self.unanswered.take().map(|(_, waiting)| waiting).unwrap_or_default();
        let answer = match answer {
            Ok(()) => {
                self.seq = self.seq.saturating_add(1);
                Ok(())
            }
            Err(error) if error.code() == Some(Code::LeaseLost) => Err(CheckpointError::Over),
            Err(error) => {
                tracing::warn!(job = %self.lease.job, error = %Chain(&error), "a report was not taken");
                // Why: another process reports under this lease, and what it says is as good.
                self.over = error.code() == Some(Code::ReportOrder);
                Err(CheckpointError::Refused(error))
            }
        };
        self.over |= matches!(answer, Err(CheckpointError::Over));
        for told in waiting {
            // Why the result is let go: a handler that does not wait any more needs no answer.
            let _ = told.send(answer.clone());
        }
        if self.over {
            self.desk.close();
        }
    }

    /// Takes from the desk what is there and seals it.
    async fn next_report(&mut self) -> Option<(ReportItem, Vec<Told>)> {
        // Why kept here meanwhile: whoever stops waiting in the middle of sealing loses nothing.
        let said = self.taken.get_or_insert_with(|| std::mem::take(&mut *self.desk.said()));
        let (progress, mut log, dropped) = (said.progress.clone(), said.log.clone(), said.lines_dropped);
        let checkpoint = said.checkpoint.as_ref().map(|(bytes, _)| bytes.clone());
        if dropped > 0 {
            log.extend_from_slice(format!("({dropped} lines were dropped here)\n").as_bytes());
        }
        let seq = self.seq;
        let progress = match progress {
            None => None,
            Some((percent, None)) => Some(ProgressIn { percent, message: None }),
            Some((percent, Some(text))) => {
                let message = self.sealed(Part::Progress { seq }, text).await;
                Some(ProgressIn { percent, message })
            }
        };
        let log = if log.is_empty() { None } else { self.sealed(Part::Log { seq }, log).await };
        let checkpoint = match checkpoint {
            None => None,
            Some(bytes) => Some(self.checkpoint(seq, bytes).await),
        };
        let waiting = self.taken.take().and_then(|said| said.checkpoint).map(|(_, waiting)| waiting);
        let waiting = waiting.unwrap_or_default();
        let (checkpoint, waiting) = match checkpoint {
            None => (None, waiting),
            Some(Ok(bytes)) => (Some(bytes), waiting),
            Some(Err(error)) => {
                for told in waiting {
                    // Why the result is let go: as above.
                    let _ = told.send(Err(CheckpointError::Refused(error.clone())));
                }
                (None, Vec::new())
            }
        };
        if progress.is_none() && log.is_none() && checkpoint.is_none() {
            return None;
        }
        let receipt = self.lease.receipt.clone();
        Some((ReportItem { receipt, seq, progress, log, checkpoint }, waiting))
    }

    /// Bytes as they travel; nothing where they cannot be sealed.
    async fn sealed(&self, part: Part, bytes: Vec<u8>) -> Option<Bytes> {
        self.lease.report(self.client, part, bytes).await.map(Bytes::from)
    }

    async fn checkpoint(&self, seq: u32, bytes: Vec<u8>) -> Result<Bytes, Error> {
        let length = bytes.len();
        let sealed = self.sealed(Part::Checkpoint { seq }, bytes).await;
        let sealed = sealed.ok_or_else(|| Error::invalid("the checkpoint could not be sealed"))?;
        let (travels, max) = (sealed.0.len(), limits::CHECKPOINT_BYTES_MAX);
        if travels > max {
            return Err(Error::invalid(format!(
                "the checkpoint of {length} bytes takes {travels} as it travels and may take {max}: store it elsewhere and keep a reference"
            )));
        }
        Ok(sealed)
    }
}
