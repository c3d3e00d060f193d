//! One producer and worker with a connection of its own, doing what users' programs do through the
//! same library.

use std::sync::Arc;
use std::time::Duration;

use sealane::crypto::SystemRandom;
use sealane::keys::KeyProvider;
use sealane::providers::server::Server;
use sealane::{Client, Job, Producer, Provider as _, QueueName, Retry};
use sealane_api::v1::{Complete, CompleteItem, LeaseIn, LeasedJob};
use sealane_envelope::{BodyContext, Envelope, SystemClock};

use super::ledger::Ledger;
use super::plan::{Op, Plan};
use crate::failure::{FAILED, Failure};

pub(super) const KIND: &str = "bench";
const LEASE_MS: u64 = 60_000;
/// For work that another lane has not given back yet.
const WAIT_MS: u64 = 1_000;
const EMPTY_ANSWERS_MAX: u32 = 10;

/// A bench that tried again in silence would tell a better story than the server does.
const ONE_TRY: Retry = Retry {
    tries_max: 1,
    wait_base: Duration::from_millis(1),
    wait_max: Duration::from_millis(1),
    total_max: Duration::from_secs(60),
};

/// A client that tries once; seals where there are keys.
pub(super) fn client(server: Server, keys: Option<Arc<dyn KeyProvider>>) -> Client {
    let builder = Client::builder(Arc::new(server)).retry(ONE_TRY);
    match keys {
        Some(keys) => builder.keys(keys).build(),
        None => builder.build(),
    }
}

/// A connection and what is needed to send and work jobs over it.
pub(super) struct Lane {
    server: Server,
    producer: Producer,
    envelope: Option<Envelope>,
    queue: QueueName,
    ledger: Arc<Ledger>,
}

impl Lane {
    /// A lane over a server that nobody else has connected; seals where there are keys.
    pub(super) fn new(
        server: Server,
        keys: Option<Arc<dyn KeyProvider>>,
        queue: QueueName,
        ledger: Arc<Ledger>,
    ) -> Self {
        let client = client(server.clone(), keys.clone());
        let envelope = keys.map(|keys| Envelope::new(keys, Arc::new(SystemRandom), Arc::new(SystemClock)));
        Self { producer: client.producer(), server, envelope, queue, ledger }
    }

    /// Does the plan's work once, for one batch.
    pub(super) async fn step(&self, plan: &Plan) -> Result<(), Failure> {
        self.send(plan.batch, plan.size).await?;
        match plan.op {
            Op::Enqueue | Op::Work => Ok(()),
            Op::Cycle => {
                let mut left = plan.batch;
                let mut empty = 0;
                while left > 0 {
                    let jobs = self.lease(left, WAIT_MS).await?;
                    empty = if jobs.is_empty() { empty + 1 } else { 0 };
                    if empty > EMPTY_ANSWERS_MAX {
                        return Err(broken("jobs that were sent are not handed out"));
                    }
                    left -= jobs.len();
                    for job in &jobs {
                        self.open(job, plan.size).await?;
                    }
                    self.complete(jobs).await?;
                }
                Ok(())
            }
        }
    }

    /// Completes whatever the queue still hands out, unread.
    pub(super) async fn clear(&self, at_once: usize) -> Result<(), Failure> {
        loop {
            let jobs = self.lease(at_once, 0).await?;
            if jobs.is_empty() {
                return Ok(());
            }
            self.ledger.leave_unread(jobs.len());
            self.complete(jobs).await?;
        }
    }

    async fn send(&self, jobs: usize, size: usize) -> Result<(), Failure> {
        let job = || Job::new(KIND, self.ledger.make(size));
        if jobs == 1 {
            self.producer.send(self.queue.as_str(), job()).await?;
            return Ok(());
        }
        let batch = std::iter::repeat_with(job).take(jobs).collect();
        for sent in self.producer.send_batch(self.queue.as_str(), batch).await? {
            sent?;
        }
        Ok(())
    }

    async fn lease(&self, jobs: usize, wait_ms: u64) -> Result<Vec<LeasedJob>, Failure> {
        let wish = LeaseIn {
            max: Some(u32::try_from(jobs).unwrap_or(u32::MAX)),
            lease_ms: Some(LEASE_MS),
            wait_ms: Some(wait_ms),
            ..LeaseIn::default()
        };
        Ok(self.server.lease(&self.queue, &wish).await?.jobs)
    }

    async fn open(&self, job: &LeasedJob, size: usize) -> Result<(), Failure> {
        match &self.envelope {
            None => self.ledger.read(&job.body.0, size),
            Some(envelope) => {
                let context = BodyContext {
                    namespace: self.server.namespace().as_str(),
                    queue: self.queue.as_str(),
                    job_id: *job.id.0.as_bytes(),
                    kind: &job.kind,
                    session_id: job.session_id.as_deref(),
                    correlation_id: job.correlation_id.as_deref(),
                };
                let opened = envelope.open_body(&context, &job.body.0).await;
                let opened = opened.map_err(|error| broken(&crate::failure::chain(&error)))?;
                self.ledger.read(&opened.content.body, size)
            }
        }
    }

    async fn complete(&self, jobs: Vec<LeasedJob>) -> Result<(), Failure> {
        if jobs.is_empty() {
            return Ok(());
        }
        let items: Vec<_> =
            jobs.into_iter().map(|job| CompleteItem { receipt: job.receipt, result: None }).collect();
        let count = items.len();
        let settled = self.server.complete(&Complete { items, atomic: false }).await?;
        let done = settled.results.iter().filter(|result| result.ok == Some(true)).count();
        if done == count { Ok(()) } else { Err(broken("a job that was leased could not be completed")) }
    }
}

pub(super) fn broken(what: &str) -> Failure {
    Failure::new(FAILED, "bench_broken", "the bench cannot go on", what)
}
