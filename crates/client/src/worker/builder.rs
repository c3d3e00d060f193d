//! How a worker is set up.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealane_api::v1::LeasedJob;
use sealane_core::limits;
use sealane_core::name::{CodeVersion, InstanceName, QueueName};
use sealane_core::queue::Runner;
use sealane_core::sealed::CONTENT_TYPE;
use tokio::time::Instant;

use super::circuits::Circuits;
use super::handler::{Handler, JobContext, erase};
use super::outcome::Outcome;
use super::rate::Rate;
use super::run::Worker;
use super::sessions::Lanes;
use crate::circuit::Breaker;
use crate::client::Client;
use crate::delivery::{Delivery, Unopenable};
use crate::error::Error;
use crate::typed::{self, Failure, TypedJob};

/// What a worker was told before it began.
pub(super) struct Setup {
    pub(super) queue: QueueName,
    pub(super) accepts_from: Vec<QueueName>,
    pub(super) handlers: HashMap<String, Handler>,
    pub(super) default_handler: Option<Handler>,
    pub(super) circuits: Circuits,
    pub(super) rate: Option<Mutex<Rate>>,
    pub(super) concurrency: usize,
    pub(super) lease: Duration,
    pub(super) lease_wait: Duration,
    pub(super) drain_timeout: Duration,
    pub(super) max_jobs: Option<u64>,
    pub(super) runner: Option<Runner>,
    pub(super) sessions: Option<Lanes>,
}

impl Setup {
    /// The queue that a job's seal is bound to: this worker's, or one that it was told to accept jobs
    /// from. The message alone has no say in it.
    pub(super) fn bound_to(&self, leased: &LeasedJob) -> Result<QueueName, Unopenable> {
        let sealed = leased.content_type.as_deref() == Some(CONTENT_TYPE);
        let Some(origin) = leased.origin_queue.as_ref().filter(|_| sealed) else {
            return Ok(self.queue.clone());
        };
        let accepted = self.accepts_from.iter().find(|queue| queue.as_str() == &**origin);
        accepted.cloned().ok_or_else(|| Unopenable::Moved { origin: origin.to_string() })
    }

    /// When the first circuit lets a job through again, where every kind that is handled here is left
    /// alone. A default handler is for kinds that nobody knows beforehand.
    pub(super) fn all_open_until(&self) -> Option<Instant> {
        if self.default_handler.is_some() {
            return None;
        }
        self.circuits.all_open_until(self.handlers.keys())
    }

    pub(super) fn handler_for(&self, kind: &str) -> Option<Handler> {
        self.handlers.get(kind).or(self.default_handler.as_ref()).cloned()
    }
}

/// What puts a layer around a handler.
type LayerFn = Box<dyn Fn(Handler) -> Handler + Send + Sync>;

/// Puts a worker together.
#[must_use]
pub struct WorkerBuilder {
    client: Client,
    queue: String,
    accepts_from: Vec<String>,
    handlers: HashMap<String, Handler>,
    default_handler: Option<Handler>,
    layers: Vec<LayerFn>,
    breaker: Breaker,
    rate: Option<(usize, Duration)>,
    concurrency: usize,
    lease: Duration,
    lease_wait: Duration,
    drain_timeout: Duration,
    max_jobs: Option<u64>,
    instance: Option<String>,
    code_version: Option<String>,
    sessions: Option<usize>,
    session_idle: Duration,
    session_hold: Duration,
}

impl WorkerBuilder {
    pub(crate) fn new(client: Client, queue: String) -> Self {
        Self {
            client,
            queue,
            accepts_from: Vec::new(),
            handlers: HashMap::new(),
            default_handler: None,
            layers: Vec::new(),
            breaker: Breaker::default(),
            rate: None,
            concurrency: 1,
            lease: Duration::from_secs(30),
            lease_wait: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(30),
            max_jobs: None,
            instance: None,
            code_version: None,
            sessions: None,
            session_idle: Duration::from_secs(5),
            session_hold: Duration::from_secs(5 * 60),
        }
    }

    /// Takes jobs that were moved here from this queue as well: their seals are bound to that one.
    /// Others that were moved are held. Nobody can tell then whether an administrator moved a job or a
    /// hostile server did: accept only from queues whose jobs may run here.
    pub fn accept_from(mut self, queue: impl Into<String>) -> Self {
        self.accepts_from.push(queue.into());
        self
    }

    /// Runs jobs of one kind. A panic fails the attempt and touches no other job.
    pub fn handler<F, Fut>(mut self, kind: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Delivery, JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.handlers.insert(kind.into(), erase(handler));
        self
    }

    /// Runs jobs of one type: the body is read before, the result written after. The delivery says
    /// everything else about the job; its body is empty.
    ///
    /// A body that is no such value fails the attempt for good, with the code `body_undecodable`: no
    /// further attempt would read it. The error names the place and quotes nothing.
    ///
    /// ```
    /// # use sealane::{Client, Failure, TypedJob};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct RenderInvoice { order: u64 }
    /// # impl TypedJob for RenderInvoice {
    /// #     const KIND: &'static str = "invoice.render";
    /// #     type Output = String;
    /// # }
    /// # fn example(client: &Client) -> Result<(), sealane::Error> {
    /// let worker = client
    ///     .worker("invoices")
    ///     .handle(async |invoice: RenderInvoice, delivery, _context| {
    ///         if delivery.attempt > 1 {
    ///             return Err(Failure::permanent("was begun before").code("begun_twice"));
    ///         }
    ///         let page = std::fs::read_to_string("template")?;
    ///         Ok(page.replace("{order}", &invoice.order.to_string()))
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle<T, F, Fut>(mut self, handler: F) -> Self
    where
        T: TypedJob,
        F: Fn(T, Delivery, JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T::Output, Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let run = move |delivery, context| {
            let handler = Arc::clone(&handler);
            typed::run(delivery, context, move |job: T, delivery, context| handler(job, delivery, context))
        };
        self.handlers.insert(T::KIND.to_owned(), erase(run));
        self
    }

    #[cfg(feature = "tower")]
    pub(super) fn handled_by(mut self, kind: String, handler: Handler) -> Self {
        self.handlers.insert(kind, handler);
        self
    }

    #[cfg(feature = "tower")]
    pub(super) fn wrapped_by(mut self, layer: impl Fn(Handler) -> Handler + Send + Sync + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Runs jobs of every kind that has no handler of its own.
    pub fn default_handler<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Delivery, JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.default_handler = Some(erase(handler));
        self
    }

    /// When jobs of a kind are left alone because their attempts fail one after the other: by default
    /// after 5 failures in a row, for 30 s. Their jobs are then handed back until that time, which costs
    /// them no attempt; where every kind of this worker is left alone, it asks for no work at all.
    ///
    /// A panic and a failure that may pass count. One that is the job's own (`permanent`, `cancelled`)
    /// does not: a producer of bad jobs must not stop the good ones.
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = breaker;
        self
    }

    /// Takes at most so many jobs in any period of this length, over all runs of this worker: for what
    /// they call, not for the server, whose limits hold for all workers together.
    pub fn rate(mut self, jobs: usize, per: Duration) -> Self {
        self.rate = Some((jobs, per));
        self
    }

    /// So many jobs at a time, 1 to 1000; 1 otherwise.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs;
        self
    }

    /// How long a lease lasts, 30 s otherwise. It is made longer at each third while the job
    /// runs, so it bounds how soon a dead worker's jobs go to another, not how long a job runs.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long one request waits for work, 20 s otherwise.
    pub fn lease_wait(mut self, wait: Duration) -> Self {
        self.lease_wait = wait;
        self
    }

    /// How long running jobs may go on when the worker is told to stop; 30 s otherwise. What
    /// still runs then is broken off and handed back.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// What this worker calls itself among those of its principal, in the clear, at most 64 characters: shown
    /// with each attempt that it ran, and with jobs that died in its hands.
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.instance = Some(name.into());
        self
    }

    /// Which version of its code this worker runs, in the clear, at most 64 characters: shown like its
    /// [instance](Self::instance).
    pub fn code_version(mut self, version: impl Into<String>) -> Self {
        self.code_version = Some(version.into());
        self
    }

    /// Ends after so many jobs were completed, failed or held.
    pub fn max_jobs(mut self, jobs: u64) -> Self {
        self.max_jobs = Some(jobs);
        self
    }

    /// Holds so many sessions at a time, 1 to 1000, and runs the jobs of each strictly one behind the other.
    /// Takes the next free session whenever it has room, and nothing that has no session. Instead of
    /// [`WorkerBuilder::concurrency`] and [`WorkerBuilder::rate`].
    ///
    /// A plain worker keeps the order as well. This one keeps a session for as long as it has jobs, so that
    /// what a handler knows of it stays, and [`JobContext::session`] has what it remembers.
    pub fn sessions(mut self, sessions: usize) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// How long a session is kept that has no job to hand out; 5 s otherwise.
    pub fn session_idle(mut self, idle: Duration) -> Self {
        self.session_idle = idle;
        self
    }

    /// How long a session is kept before others have their turn, at the end of a job; 5 min otherwise. The
    /// queue's own bound ends a hold in the middle of a job, so keep below that one by the length of a job.
    pub fn session_hold(mut self, hold: Duration) -> Self {
        self.session_hold = hold;
        self
    }

    /// The worker.
    ///
    /// # Errors
    /// When a setting is out of its bounds or there is no handler.
    pub fn build(self) -> Result<Worker, Error> {
        let can = self.client.provider().capabilities();
        let setup = |detail: String| Error::Setup { detail };
        if self.handlers.is_empty() && self.default_handler.is_none() {
            return Err(setup("a worker needs a handler".to_owned()));
        }
        if !(1..=limits::BATCH_ITEMS_MAX).contains(&self.concurrency) {
            return Err(setup(format!("concurrency must be 1 to {}", limits::BATCH_ITEMS_MAX)));
        }
        if self.breaker.open_for > can.delay_max {
            return Err(setup(format!("open_for must be at most {} ms", can.delay_max.as_millis())));
        }
        if let Some((jobs, per)) = self.rate {
            let per_max = Duration::from_millis(limits::WORKER_RATE_PERIOD_MS_MAX);
            if !(1..=limits::WORKER_RATE_JOBS_MAX).contains(&jobs) || per.is_zero() || per > per_max {
                return Err(setup(format!(
                    "rate must be 1 to {} jobs per at most {} ms",
                    limits::WORKER_RATE_JOBS_MAX,
                    limits::WORKER_RATE_PERIOD_MS_MAX
                )));
            }
        }
        if self.lease < Duration::from_millis(limits::LEASE_MS_MIN) || self.lease > can.lease_max {
            return Err(setup(format!(
                "lease must be {} ms to {} ms",
                limits::LEASE_MS_MIN,
                can.lease_max.as_millis()
            )));
        }
        if self.lease_wait > can.lease_wait_max {
            return Err(setup(format!("lease_wait must be at most {} ms", can.lease_wait_max.as_millis())));
        }
        let sessions = self.lanes().map_err(setup)?;
        let instance = self.instance.as_deref().map(InstanceName::parse).transpose();
        let version = self.code_version.as_deref().map(CodeVersion::parse).transpose();
        let runner = Runner::new(instance.map_err(Error::invalid)?, version.map_err(Error::invalid)?);
        let layered = |handler| self.layers.iter().fold(handler, |handler, layer| layer(handler));
        Ok(Worker {
            client: self.client,
            setup: Arc::new(Setup {
                queue: QueueName::parse(&self.queue).map_err(Error::invalid)?,
                accepts_from: self
                    .accepts_from
                    .iter()
                    .map(|queue| QueueName::parse(queue))
                    .collect::<Result<_, _>>()
                    .map_err(Error::invalid)?,
                handlers: self.handlers.into_iter().map(|(kind, handler)| (kind, layered(handler))).collect(),
                default_handler: self.default_handler.map(layered),
                circuits: Circuits::new(self.breaker),
                rate: self.rate.map(|(jobs, per)| Mutex::new(Rate::new(jobs, per))),
                concurrency: self.concurrency,
                lease: self.lease,
                lease_wait: self.lease_wait,
                drain_timeout: self.drain_timeout,
                max_jobs: self.max_jobs,
                runner,
                sessions,
            }),
        })
    }
}

impl WorkerBuilder {
    /// How sessions are worked, where they are, or why that cannot be.
    fn lanes(&self) -> Result<Option<Lanes>, String> {
        let Some(sessions) = self.sessions else { return Ok(None) };
        let (idle, hold) = (self.session_idle, self.session_hold);
        if !(1..=limits::SESSIONS_HELD_MAX).contains(&sessions) {
            return Err(format!("sessions must be 1 to {}", limits::SESSIONS_HELD_MAX));
        }
        if self.concurrency != 1 || self.rate.is_some() {
            return Err(
                "a worker of sessions runs one job of each: leave concurrency and rate out".to_owned()
            );
        }
        let idle_max = Duration::from_millis(limits::SESSION_IDLE_MS_MAX);
        let hold_max = Duration::from_millis(limits::SESSION_HOLD_MS_MAX);
        if idle > idle_max || hold.is_zero() || hold > hold_max {
            return Err(format!(
                "session_idle must be at most {} ms and session_hold 1 to {} ms",
                limits::SESSION_IDLE_MS_MAX,
                limits::SESSION_HOLD_MS_MAX
            ));
        }
        Ok(Some(Lanes { sessions, idle, hold }))
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder").field("queue", &self.queue).finish_non_exhaustive()
    }
}
