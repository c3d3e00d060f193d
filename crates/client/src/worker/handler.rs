//! What runs a job, and what it is told while it does.

use async_trait::async_trait;
use tokio::sync::watch;

use super::outcome::Outcome;
use crate::delivery::Delivery;

/// Runs jobs. Any `async fn(Delivery, JobContext) -> Outcome` is one.
///
/// A panic fails the attempt and touches no other job.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Runs one attempt of one job.
    async fn handle(&self, delivery: Delivery, context: JobContext) -> Outcome;
}

#[async_trait]
impl<F, Fut> Handler for F
where
    F: Fn(Delivery, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send,
{
    async fn handle(&self, delivery: Delivery, context: JobContext) -> Outcome {
        self(delivery, context).await
    }
}

/// What a handler is told while it runs.
#[derive(Clone, Debug)]
pub struct JobContext {
    lease_lost: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
}

impl JobContext {
    pub(super) fn new(lease_lost: watch::Receiver<bool>, stopping: watch::Receiver<bool>) -> Self {
        Self { lease_lost, stopping }
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
