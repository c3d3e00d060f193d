//! What runs a job, and what it is told while it does.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use sealane_core::id::JobId;
use tokio::sync::watch;

use super::outcome::Outcome;
use super::report::{CheckpointError, Desk, Heard};
#[cfg(doc)]
use super::report::{LOG_BYTES_WAITING_MAX, MESSAGE_BYTES_MAX, REPORT_EVERY};
use crate::delivery::Delivery;
use crate::parent::Parent;
use crate::session::Session;

/// An `async fn(Delivery, JobContext) -> Outcome`, whatever its own type is.
pub(super) type Handler = Arc<dyn Fn(Delivery, JobContext) -> Running + Send + Sync>;

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

pub(super) fn erase<F, Fut>(handler: F) -> Handler
where
    F: Fn(Delivery, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    Arc::new(move |delivery, context| Box::pin(handler(delivery, context)))
}

/// What a handler is told while it runs, and where it says how it goes.
#[derive(Clone)]
pub struct JobContext {
    parents: Arc<[Parent]>,
    lease_lost: watch::Receiver<bool>,
    cancelled: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
    desk: Desk,
    checkpoint: Option<Arc<[u8]>>,
    session: Option<Session>,
}

/// The other end of a [`JobContext`]: what the worker holds, and what a test of a handler may.
#[derive(Debug)]
pub struct JobSignals {
    lease_lost: watch::Sender<bool>,
    cancelled: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
    desk: Desk,
}

impl JobSignals {
    /// Tells the handler that its lease is lost.
    pub fn lose_lease(&self) {
        self.lease_lost.send_replace(true);
    }

    /// Tells the handler that the job is not wanted any more.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// What the handler said since the last look.
    pub fn heard(&self) -> Heard {
        self.desk.heard()
    }

    /// Tells the handler that the worker is stopping.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

impl JobContext {
    /// A context on its own, for calling a handler without a worker.
    #[must_use]
    pub fn on_its_own() -> (Self, JobSignals) {
        let ((lost, lease_lost), (stop, stopping)) = (watch::channel(false), watch::channel(false));
        let (cancel, cancelled) = watch::channel(false);
        let desk = Desk::on_its_own();
        let signals = JobSignals { lease_lost: lost, cancelled: cancel, stopping: stop, desk: desk.clone() };
        (Self::new(lease_lost, cancelled, stopping, desk, None), signals)
    }

    pub(super) fn new(
        lease_lost: watch::Receiver<bool>,
        cancelled: watch::Receiver<bool>,
        stopping: watch::Receiver<bool>,
        desk: Desk,
        checkpoint: Option<Vec<u8>>,
    ) -> Self {
        Self {
            parents: Arc::default(),
            lease_lost,
            cancelled,
            stopping,
            desk,
            checkpoint: checkpoint.map(Arc::from),
            session: None,
        }
    }

    /// The same with jobs that this one waited for.
    #[must_use]
    pub fn with_parents(self, parents: impl Into<Arc<[Parent]>>) -> Self {
        Self { parents: parents.into(), ..self }
    }

    /// The same under a session that this process holds.
    #[must_use]
    pub fn in_session(self, session: Option<Session>) -> Self {
        Self { session, ..self }
    }

    /// The session that the job is one of, where its worker holds it: what it remembers can be read and
    /// set. When it is lost, the lease is lost with it.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The jobs that this one waited for and that ended before it began, in the order of their ids, with
    /// what they came to. Of a flow that this library submitted that is the order of its nodes.
    #[must_use]
    pub fn parents(&self) -> &[Parent] {
        &self.parents
    }

    /// One of the jobs that this one waited for.
    #[must_use]
    pub fn parent(&self, id: JobId) -> Option<&Parent> {
        self.parents.iter().find(|parent| parent.id == id)
    }

    /// The same as if a former attempt had left this checkpoint, for calling a handler without a worker.
    #[must_use]
    pub fn after_checkpoint(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { checkpoint: Some(Arc::from(bytes.into())), ..self }
    }

    /// Says how far the job is, in percent and perhaps in words. Sealed if the job was. Only the last word
    /// counts, so this may be called as often as you like: it is sent at most each [`REPORT_EVERY`], and a
    /// message has at most [`MESSAGE_BYTES_MAX`].
    pub fn progress<'a>(&self, percent: u8, message: impl Into<Option<&'a str>>) {
        self.desk.progress(percent, message.into().map(str::to_owned));
    }

    /// Adds a line to the job's log. Sealed if the job was. Lines are sent together, at most each
    /// [`REPORT_EVERY`]; what comes faster than [`LOG_BYTES_WAITING_MAX`] in that time is dropped, and the
    /// log says so. The server keeps the last ones.
    pub fn log(&self, line: &str) {
        self.desk.log(line);
    }

    /// Leaves something for the next attempt to go on from, should this one fail. Sealed if the job was.
    /// Returns when it is taken, durable where the provider is; the last one counts. At most one each
    /// [`REPORT_EVERY`].
    ///
    /// # Errors
    /// When the lease is lost, or it is too large.
    pub async fn checkpoint(&self, bytes: impl Into<Vec<u8>>) -> Result<(), CheckpointError> {
        self.desk.checkpoint(bytes.into()).await
    }

    /// What a former attempt left. The provider says which of a job's checkpoints was the last one: a
    /// hostile one could hand over an older one, and none that is not this job's.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<&[u8]> {
        self.checkpoint.as_deref()
    }

    /// Returns when the lease is lost: another attempt may run elsewhere, and what this one
    /// comes to will not be taken. Stop soon.
    pub async fn lease_lost(&self) {
        when_true(self.lease_lost.clone()).await;
    }

    /// Whether the lease is lost.
    #[must_use]
    pub fn is_lease_lost(&self) -> bool {
        *self.lease_lost.borrow()
    }

    /// Returns when somebody cancelled the job. Stop soon and fail with the category `cancelled`;
    /// what is complete already may still be completed. No further attempt follows either way.
    pub async fn cancelled(&self) {
        when_true(self.cancelled.clone()).await;
    }

    /// Whether somebody cancelled the job.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Returns when the worker begins to stop. The job may still be finished.
    pub async fn stopping(&self) {
        when_true(self.stopping.clone()).await;
    }

    /// Whether the worker is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why without the checkpoint: it is as much the job's data as its body.
        f.debug_struct("JobContext").field("lease_lost", &self.is_lease_lost()).finish_non_exhaustive()
    }
}

/// Returns when the flag is up. A flag whose owner is gone can never go up.
pub(super) async fn when_true(mut flag: watch::Receiver<bool>) {
    if flag.wait_for(|up| *up).await.is_err() {
        std::future::pending::<()>().await;
    }
}
