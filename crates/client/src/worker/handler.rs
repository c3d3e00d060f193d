//! What runs a job, and what it is told while it does.

use std::pin::Pin;
use std::sync::Arc;

use sealane_core::id::JobId;
use tokio::sync::watch;

use super::outcome::Outcome;
use crate::delivery::Delivery;
use crate::parent::Parent;

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

/// What a handler is told while it runs.
#[derive(Clone, Debug)]
pub struct JobContext {
    parents: Arc<[Parent]>,
    lease_lost: watch::Receiver<bool>,
    cancelled: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
}

/// The other end of a [`JobContext`]: what the worker holds, and what a test of a handler may.
#[derive(Debug)]
pub struct JobSignals {
    lease_lost: watch::Sender<bool>,
    cancelled: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
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
        let signals = JobSignals { lease_lost: lost, cancelled: cancel, stopping: stop };
        (Self { parents: Arc::default(), lease_lost, cancelled, stopping }, signals)
    }

    pub(super) fn new(
        lease_lost: watch::Receiver<bool>,
        cancelled: watch::Receiver<bool>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { parents: Arc::default(), lease_lost, cancelled, stopping }
    }

    /// The same with jobs that this one waited for.
    #[must_use]
    pub fn with_parents(self, parents: impl Into<Arc<[Parent]>>) -> Self {
        Self { parents: parents.into(), ..self }
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

/// Returns when the flag is up. A flag whose owner is gone can never go up.
pub(super) async fn when_true(mut flag: watch::Receiver<bool>) {
    if flag.wait_for(|up| *up).await.is_err() {
        std::future::pending::<()>().await;
    }
}
