//! A job in the hands of whoever asked for it, instead of a handler. It is an attempt like any other:
//! opened, its lease kept, its reports sent, settled by an outcome. The handler behind it passes on what it
//! was given and waits for the word.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sealane_api::problem::Problem;
use sealane_api::v1::LeasedJob;
use sealane_core::name::QueueName;
use sealane_core::queue::Refusal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::attempt::Bench;
use super::builder::Setup;
use super::circuits::Circuits;
use super::handler::{JobContext, erase};
use super::outcome::Outcome;
use super::settle::Ended;
use crate::circuit::Breaker;
use crate::client::Client;
use crate::delivery::Delivery;
use crate::error::Error;
use crate::session::Session;

/// A job of a session, for whoever holds it. Dropped without a word it is handed back, and its attempt
/// does not count.
pub struct HandedJob {
    /// The job.
    pub delivery: Delivery,
    /// What is told while it runs, and where to say how it goes.
    pub context: JobContext,
    // Why in front: the attempt ends when nobody can say what became of it any more.
    word: oneshot::Sender<Outcome>,
    begun: Begun,
}

impl HandedJob {
    /// Says what became of it; returns when that is taken.
    ///
    /// # Errors
    /// [`Error::SessionLockLost`] when the session is lost, `lease_lost` when the job is, and when no
    /// answer came: another attempt may then run elsewhere.
    pub async fn settle(self, outcome: Outcome) -> Result<(), Error> {
        let Self { word, mut begun, .. } = self;
        // Why ignored: an attempt that does not listen any more has lost its lease, and says so below.
        let _ = word.send(outcome);
        match begun.ended().await {
            Some(Ok(Ended::Unsettled) | Err(_)) => {
                let session = &begun.session;
                session.note_unsettled().await;
                let why = Err(Error::refused(&Problem::from(match session.is_lost() {
                    true => Refusal::SessionLockLost,
                    false => Refusal::LeaseLost,
                })));
                session.heard(why)
            }
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

/// An attempt that was begun. When nobody waits for it any more its session does, before it asks for
/// another job.
struct Begun {
    /// There until it has ended.
    attempt: Option<JoinHandle<Ended>>,
    session: Session,
}

impl Begun {
    async fn ended(&mut self) -> Option<Result<Ended, JoinError>> {
        let ended = self.attempt.as_mut()?.await;
        self.attempt = None;
        Some(ended)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.attempt.take().into_iter().for_each(|attempt| self.session.note_dropped(attempt));
    }
}

impl fmt::Debug for HandedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedJob").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

/// Hands jobs of one queue over.
pub(crate) struct Handed {
    client: Client,
    queue: QueueName,
    accepts_from: Vec<QueueName>,
    lease: Duration,
}

/// What the handler behind it passes on.
type Passed = (Delivery, JobContext, oneshot::Sender<Outcome>);

impl Handed {
    pub(crate) fn new(
        client: &Client,
        queue: QueueName,
        accepts_from: Vec<QueueName>,
        lease: Duration,
    ) -> Self {
        Self { client: client.clone(), queue, accepts_from, lease }
    }

    /// Begins an attempt; `None` where it ended before anybody saw the job: it does not open.
    pub(crate) async fn hand_over(
        &self,
        job: LeasedJob,
        at: Instant,
        session: &Session,
    ) -> Option<HandedJob> {
        let (pass, mut passed) = mpsc::channel::<Passed>(1);
        let handler = erase(move |delivery, context| {
            let pass = pass.clone();
            async move {
                let (word, heard) = oneshot::channel();
                let back = Outcome::Release { delay: Duration::ZERO };
                match pass.send((delivery, context, word)).await {
                    Ok(()) => heard.await.unwrap_or(back),
                    Err(_) => back,
                }
            }
        });
        let (_, never) = watch::channel(false);
        let bench = Arc::new(Bench {
            client: self.client.clone(),
            setup: Arc::new(Setup {
                queue: self.queue.clone(),
                accepts_from: self.accepts_from.clone(),
                handlers: HashMap::new(),
                default_handler: Some(handler),
                circuits: Circuits::new(Breaker::NEVER),
                rate: None,
                concurrency: 1,
                lease: self.lease,
                lease_wait: Duration::ZERO,
                drain_timeout: Duration::ZERO,
                max_jobs: None,
                runner: None,
                sessions: None,
            }),
            stopping: never.clone(),
            over: never,
        });
        let attempt = Some(tokio::spawn(bench.attempt(job, at, Some(session.clone()))));
        // Why before the wait: this call may be dropped while the job is opened.
        let begun = Begun { attempt, session: session.clone() };
        let (delivery, context, word) = passed.recv().await?;
        Some(HandedJob { delivery, context, word, begun })
    }
}
