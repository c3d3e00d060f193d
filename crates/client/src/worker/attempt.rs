//! One attempt at one job: open, run, settle.

use std::sync::Arc;
use std::time::Duration;

use sealane_api::v1::LeasedJob;
use sealane_core::sealed::CONTENT_TYPE;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::builder::Setup;
use super::circuits::{self, Trying};
use super::handler::{JobContext, when_true};
use super::heartbeat::{self, Loss};
use super::outcome::Outcome;
use super::report::{Desk, Reporter};
use super::settle::{Ended, Lease};
use crate::circuit::Verdict;
use crate::client::Client;
use crate::delivery::{Delivery, Unopenable};
use crate::retry::Chain;
use crate::session::{Lost, Session};

/// A job whose keys are out of reach is handed back for so long.
const KEYS_AWAY_DELAY: Duration = Duration::from_secs(5);
/// A job of a kind that nobody here handles is handed back for so long.
const NO_HANDLER_DELAY: Duration = Duration::from_secs(30);

/// What all attempts of a worker share.
pub(super) struct Bench {
    pub(super) client: Client,
    pub(super) setup: Arc<Setup>,
    /// Up when the worker takes no further jobs.
    pub(super) stopping: watch::Receiver<bool>,
    /// Up when running jobs have had their time as well.
    pub(super) over: watch::Receiver<bool>,
}

impl Bench {
    /// `session` is the one that the job was leased under, where this process holds one.
    pub(super) async fn attempt(
        self: Arc<Self>,
        mut leased: LeasedJob,
        granted_at: Instant,
        session: Option<Session>,
    ) -> Ended {
        let job = leased.id.0;
        let granted = Duration::from_millis(leased.lease_ms).min(self.setup.lease);
        let queue = match self.setup.bound_to(&leased) {
            Ok(queue) => queue,
            Err(reason) => {
                let receipt = leased.receipt;
                let queue = self.setup.queue.clone();
                let lease =
                    Lease { queue, job, attempt: leased.attempt, receipt, sealed: true, next_report: 0 };
                return self.set_aside(&lease, &reason).await;
            }
        };
        let lease = Lease {
            queue: queue.clone(),
            job,
            attempt: leased.attempt,
            receipt: leased.receipt.clone(),
            sealed: leased.content_type.as_deref() == Some(CONTENT_TYPE),
            next_report: leased.next_report,
        };
        let checkpoint = leased.checkpoint.clone();
        let trying = match self.setup.circuits.admit(&leased.kind, Instant::now()) {
            Ok(trying) => trying,
            Err(wait) => {
                tracing::debug!(%job, kind = &*leased.kind, ?wait, "jobs of this kind fail; it is handed back for now");
                return match lease.release(&self.client, wait).await {
                    Ended::Released => Ended::TurnedAway,
                    other => other,
                };
            }
        };
        let parents = std::mem::take(&mut leased.parents);
        let delivery = match self.client.sealing().open(&queue, leased).await {
            Ok(delivery) => Delivery { queue: self.setup.queue.clone(), ..delivery },
            Err(reason) => return self.set_aside(&lease, &reason).await,
        };
        let parents = match self.client.sealing().open_parents(parents).await {
            Ok(parents) => parents,
            Err(reason) => return self.set_aside(&lease, &reason).await,
        };
        let checkpoint =
            match self.client.sealing().open_checkpoint(&queue, job, lease.sealed, checkpoint).await {
                Ok(checkpoint) => checkpoint,
                Err(reason) => return self.set_aside(&lease, &reason).await,
            };
        let Some(handler) = self.setup.handler_for(&delivery.kind) else {
            tracing::warn!(%job, kind = delivery.kind, "no handler for this kind of job; it is handed back");
            return lease.release(&self.client, NO_HANDLER_DELAY).await;
        };
        let (lost, lease_lost) = watch::channel(false);
        let (cancel, cancelled) = watch::channel(false);
        let desk = Desk::default();
        let context = JobContext::new(lease_lost, cancelled, self.stopping.clone(), desk.clone(), checkpoint)
            .with_parents(parents)
            .in_session(session.clone());
        let running = Running { task: tokio::spawn(async move { handler(delivery, context).await }) };
        self.watch_over((lease, trying), running, &desk, (lost, cancel), granted_at + granted, session).await
    }

    /// Keeps the lease while the handler runs and settles when it has ended.
    async fn watch_over(
        &self,
        (lease, trying): (Lease, Trying<'_>),
        mut running: Running,
        desk: &Desk,
        (lost, cancelled): (watch::Sender<bool>, watch::Sender<bool>),
        until: Instant,
        session: Option<Session>,
    ) -> Ended {
        let beats = heartbeat::keep(&self.client, &lease.receipt, self.setup.lease, until, &cancelled);
        let mut keep = std::pin::pin!(async {
            tokio::select! {
                biased;
                loss = lost_with(session.as_ref()) => loss,
                loss = beats => loss,
            }
        });
        let mut reporter = Reporter::new(&self.client, &lease, desk, &cancelled);
        let mut over = std::pin::pin!(when_true(self.over.clone()));
        let mut loss = None;
        let mut given_up = false;
        let joined = loop {
            let reports = reporter.run();
            tokio::select! {
                biased;
                joined = &mut running.task => break joined,
                found = &mut keep, if loss.is_none() => {
                    loss = Some(found);
                    if found == Loss::Refused {
                        desk.close();
                    }
                    lost.send_replace(true);
                }
                () = reports, if loss != Some(Loss::Refused) => {}
                () = &mut over, if !given_up => {
                    given_up = true;
                    running.task.abort();
                }
            }
        };
        if loss == Some(Loss::Refused) {
            tracing::warn!(job = %lease.job, attempt = lease.attempt, "the lease was lost while the job ran");
            return Ended::Unsettled;
        }
        reporter.finish().await;
        match joined {
            Ok(outcome) => {
                trying.note(circuits::verdict(&outcome));
                lease.settle(&self.client, outcome).await
            }
            Err(error) if error.is_cancelled() => {
                tracing::warn!(job = %lease.job, "the job did not end in time and is handed back");
                lease.release(&self.client, Duration::ZERO).await
            }
            Err(_) => {
                trying.note(Verdict::Bad);
                // Why without the panic's own words: they may quote the body.
                tracing::error!(job = %lease.job, attempt = lease.attempt, "the handler panicked");
                lease.settle(&self.client, Outcome::fail("the handler panicked")).await
            }
        }
    }

    /// A job that does not open is a person's business: trying again would change nothing. Only
    /// where the keys were out of reach it may.
    async fn set_aside(&self, lease: &Lease, reason: &Unopenable) -> Ended {
        if reason.is_transient() {
            tracing::warn!(job = %lease.job, reason = %Chain(reason), "the keys are out of reach; the job is handed back");
            return lease.release(&self.client, KEYS_AWAY_DELAY).await;
        }
        tracing::error!(job = %lease.job, queue = %lease.queue, reason = %Chain(reason), "a job cannot be opened and is held");
        lease.hold(&self.client).await
    }
}

/// Returns when the session is lost that a job was leased under.
async fn lost_with(session: Option<&Session>) -> Loss {
    match session {
        None => std::future::pending().await,
        Some(session) => match session.loss().await {
            Lost::Closed | Lost::Refused => Loss::Refused,
            Lost::Silent => Loss::Silent,
        },
    }
}

/// A handler at work; ends with whoever watches it.
struct Running {
    task: JoinHandle<Outcome>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
