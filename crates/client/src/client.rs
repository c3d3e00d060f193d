//! The middle of the library: a provider, keys, and what to do about plaintext, made once and
//! shared by producers and workers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sealane_api::v1::{
    DeadAnalysisOut, DeadLetterIn, DeadLetterOut, DeadPreviewOut, FlowOut, HeldPreviewIn, HeldPreviewOut,
    JobListIn, JobListOut, JobOut, JobStands, QueueIn, QueueList, QueueOut, SessionCloseIn, SessionListIn,
    SessionListOut, SessionRenewIn, SessionStands, SweepOut,
};
use sealane_core::id::{FlowId, JobId};
use sealane_core::job::State;
use sealane_core::name::{Namespace, QueueName};
use sealane_core::queue::QueueMode;
use sealane_crypto::{Random, SystemRandom};
use sealane_envelope::keys::KeyProvider;
use sealane_envelope::{Envelope, Part};

use crate::circuit::Breaker;
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::gather::Gathering;
use crate::job_ids::JobIds;
use crate::plaintext::PlaintextPolicy;
use crate::producer::Producer;
use crate::provider::{BulkWork, JobAct, Provider};
use crate::reach::Reach;
use crate::retry::Retry;
use crate::sealing::Sealing;
use crate::session::SessionRequest;
use crate::tally::{Counters, Tally};
use crate::typed::{self, TypedJob};
use crate::worker::WorkerBuilder;

/// Sends, works and looks at jobs over one provider, sealing and opening on the way. Cheap to
/// clone; all clones share connections, keys and counters.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    reach: Arc<Reach>,
    gathering: Gathering,
    sealing: Sealing,
    retry: Retry,
    random: Arc<dyn Random>,
}

impl Client {
    /// Begins a client over this provider.
    pub fn builder(provider: Arc<dyn Provider>) -> ClientBuilder {
        ClientBuilder {
            provider,
            keys: None,
            reading: None,
            sends_plaintext: false,
            retry: Retry::default(),
            breaker: Breaker::default(),
            one_request_per_call: false,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// For sending jobs.
    #[must_use]
    pub fn producer(&self) -> Producer {
        Producer::new(self.clone())
    }

    /// Begins a worker for a queue.
    pub fn worker(&self, queue: impl Into<String>) -> WorkerBuilder {
        WorkerBuilder::new(self.clone(), queue.into())
    }

    /// Begins to ask for a session of a queue: one worker's hold on jobs that belong together.
    pub fn session(&self, queue: impl Into<String>) -> SessionRequest {
        SessionRequest::new(self.clone(), queue.into())
    }

    /// A page of a queue's sessions, with who holds them.
    ///
    /// # Errors
    /// When there is no such queue to be seen or no answer came.
    pub async fn sessions(&self, queue: &str, page: &SessionListIn) -> Result<SessionListOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("session.list", || self.provider().sessions(&queue, page)).await
    }

    /// Takes a session away from its holder; says whether somebody held it. Jobs of it that are out are
    /// handed back, and their attempts do not count.
    ///
    /// # Errors
    /// When there is no such queue to be seen, it is not for this key, or no answer came.
    pub async fn release_session(&self, queue: &str, session_id: &str) -> Result<bool, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        // Why once: who holds it after a lost answer may be somebody else already.
        let released = self.reach().begin(self.provider().release_session(&queue, session_id)).await?;
        Ok(released.released)
    }

    /// Holds a session for so long from now on, by the receipt that came with it; as long as its queue lets a session
    /// be held where no time is said. Says for how long, and until when.
    ///
    /// # Errors
    /// [`Error::SessionLockLost`] when it is not held with this receipt any more; otherwise as
    /// [`Client::release_session`].
    pub async fn renew_session(&self, receipt: &str, hold: Option<Duration>) -> Result<SessionStands, Error> {
        let hold_ms = hold.map(|hold| u64::try_from(hold.as_millis()).unwrap_or(u64::MAX));
        let request = SessionRenewIn { receipt: receipt.to_owned(), hold_ms };
        self.retry("session.renew", || self.provider().renew_session(&request)).await
    }

    /// Gives a session back by the receipt that came with it. Jobs of it that are out are handed back.
    ///
    /// # Errors
    /// As [`Client::renew_session`].
    pub async fn close_session(&self, receipt: &str) -> Result<SessionStands, Error> {
        let request = SessionCloseIn { receipt: receipt.to_owned() };
        // Why once: when the answer was lost, another try would find it given back and call it lost.
        self.reach().begin(self.provider().close_session(&request)).await
    }

    /// An id for a job that is to be sent, see [`Job::id`](crate::Job::id): for whoever must know it before,
    /// or write it down to be able to send the same job again.
    ///
    /// # Errors
    /// When there are no fresh random bytes.
    pub fn new_job_id(&self) -> Result<JobId, Error> {
        Ok(self.sealing().ids.next()?)
    }

    /// Creates a queue or replaces its settings.
    ///
    /// # Errors
    /// When it was refused or no answer came.
    pub async fn put_queue(&self, queue: &str, settings: &QueueIn) -> Result<QueueOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("queue.create", || self.provider().put_queue(&queue, settings)).await
    }

    /// A queue's settings and its jobs by state.
    ///
    /// # Errors
    /// When there is none to be seen or no answer came.
    pub async fn queue(&self, queue: &str) -> Result<QueueOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("queue.get", || self.provider().queue(&queue)).await
    }

    /// The queues that may be seen, by name.
    ///
    /// # Errors
    /// When it was refused or no answer came.
    pub async fn queues(&self) -> Result<QueueList, Error> {
        self.retry("queue.list", || self.provider().queues()).await
    }

    /// A job as it stands; never its body.
    ///
    /// # Errors
    /// When there is none to be seen or no answer came.
    pub async fn job(&self, id: JobId) -> Result<JobOut, Error> {
        self.retry("job.get", || self.provider().job(id)).await
    }

    /// A page of jobs, by id; never their bodies.
    ///
    /// # Errors
    /// When the queue asked for is not to be seen or no answer came.
    pub async fn jobs(&self, page: &JobListIn) -> Result<JobListOut, Error> {
        self.retry("job.list", || self.provider().jobs(page)).await
    }

    /// Cancels, holds, moves, promotes, re-drives, releases or re-prioritises a job.
    ///
    /// # Errors
    /// `job_state` when that cannot be done to the job as it stands; otherwise as [`Client::job`]. What
    /// may have been done all the same is not tried again, unless it is the same to do it twice.
    pub async fn act(&self, id: JobId, act: &JobAct) -> Result<JobStands, Error> {
        if act.is_repeatable() {
            self.retry("job.act", || self.provider().act(id, act)).await
        } else {
            self.reach().begin(self.provider().act(id, act)).await
        }
    }

    /// The jobs of a flow as they stand.
    ///
    /// # Errors
    /// When there is none to be seen or no answer came.
    pub async fn flow(&self, id: FlowId) -> Result<FlowOut, Error> {
        self.retry("flow.get", || self.provider().flow(id)).await
    }

    /// Cancels every job of a flow that has not ended. Workers of running ones are asked to stop.
    ///
    /// # Errors
    /// As [`Client::flow`].
    pub async fn cancel_flow(&self, id: FlowId) -> Result<FlowOut, Error> {
        self.retry("flow.cancel", || self.provider().cancel_flow(id)).await
    }

    /// A page of a queue's dead-letter, the oldest jobs first.
    ///
    /// # Errors
    /// When there is no such queue to be seen or no answer came.
    pub async fn dead_letter(&self, queue: &str, page: &DeadLetterIn) -> Result<DeadLetterOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("dead_letter.list", || self.provider().dead_letter(&queue, page)).await
    }

    /// Counts and shows the jobs in a queue's dead-letter that a filter means, and does nothing.
    ///
    /// # Errors
    /// As [`Client::dead_letter`].
    pub async fn preview_dead(&self, queue: &str, page: &DeadLetterIn) -> Result<DeadPreviewOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("dead_letter.preview", || self.provider().preview_dead(&queue, page)).await
    }

    /// What the jobs in a queue's dead-letter have in common.
    ///
    /// # Errors
    /// As [`Client::dead_letter`].
    pub async fn analyse_dead(&self, queue: &str) -> Result<DeadAnalysisOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("dead_letter.analyse", || self.provider().analyse_dead(&queue)).await
    }

    /// Pauses a queue, lets it drain, or opens it.
    ///
    /// # Errors
    /// When there is no such queue to be seen or no answer came.
    pub async fn set_mode(&self, queue: &str, mode: QueueMode) -> Result<QueueOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("queue.set_mode", || self.provider().set_mode(&queue, mode)).await
    }

    /// Begins bulk work on a queue. It goes on by itself.
    ///
    /// # Errors
    /// `limit_exceeded` while other bulk work on the queue is on its way; otherwise as
    /// [`Client::dead_letter`].
    pub async fn sweep(&self, queue: &str, work: impl Into<BulkWork>) -> Result<SweepOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        // Why once: when the answer was lost and the work is over, another try would begin it anew.
        let work = work.into();
        self.reach().begin(self.provider().sweep(&queue, &work)).await
    }

    /// Counts and shows the held jobs of a queue that a filter means, and does nothing.
    ///
    /// # Errors
    /// As [`Client::dead_letter`].
    pub async fn preview_held(&self, queue: &str, page: &HeldPreviewIn) -> Result<HeldPreviewOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("queue.preview_held", || self.provider().preview_held(&queue, page)).await
    }

    /// Gives up letting held jobs of a queue go on; what is done stays done.
    ///
    /// # Errors
    /// As [`Client::dead_letter`].
    pub async fn stop_release(&self, queue: &str) -> Result<QueueOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("queue.stop_release", || self.provider().stop_release(&queue)).await
    }

    /// Gives up bulk work on a queue's dead-letter; what is done stays done.
    ///
    /// # Errors
    /// As [`Client::dead_letter`].
    pub async fn stop_sweep(&self, queue: &str) -> Result<QueueOut, Error> {
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        self.retry("dead_letter.stop", || self.provider().stop_sweep(&queue)).await
    }

    /// What a completed job came to, opened; `None` where it is not completed or came to nothing.
    ///
    /// # Errors
    /// As [`Client::job`], and when the result does not open.
    pub async fn result(&self, id: JobId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.open_result(&self.job(id).await?).await?)
    }

    /// What a completed job came to, as a value; `None` where it is not completed.
    ///
    /// # Errors
    /// As [`Client::result`], and when it is no such value.
    pub async fn result_of<T: TypedJob>(&self, id: JobId) -> Result<Option<T::Output>, Error> {
        self.open_result_of::<T>(&self.job(id).await?).await
    }

    /// Opens the result that came with a job, as a value; `None` where the job is not completed.
    ///
    /// # Errors
    /// When it does not open or is no such value.
    pub async fn open_result_of<T: TypedJob>(&self, job: &JobOut) -> Result<Option<T::Output>, Error> {
        if job.state != State::Completed.as_str() {
            return Ok(None);
        }
        let bytes = self.open_result(job).await?;
        typed::read_result::<T>(bytes.as_deref()).map(Some)
    }

    /// Opens the result that came with a job.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open_result(&self, job: &JobOut) -> Result<Option<Vec<u8>>, crate::Unopenable> {
        let Some(bytes) = &job.result else { return Ok(None) };
        self.sealing().open_part(job, Part::Result, job.attempt, &bytes.0).await.map(Some)
    }

    /// Opens the error of a job's last failed attempt.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open_error(&self, job: &JobOut) -> Result<Option<Vec<u8>>, crate::Unopenable> {
        let Some(failure) = &job.last_error else { return Ok(None) };
        let Some(bytes) = &failure.error else { return Ok(None) };
        self.sealing().open_part(job, Part::Error, failure.attempt, &bytes.0).await.map(Some)
    }

    /// What went through this client so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.sealing().counters.read()
    }

    pub(crate) fn provider(&self) -> &dyn Provider {
        self.shared.reach.provider()
    }

    pub(crate) fn gathering(&self) -> &Gathering {
        &self.shared.gathering
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.shared.reach
    }

    pub(crate) fn sealing(&self) -> &Sealing {
        &self.shared.sealing
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.shared.random
    }

    pub(crate) fn retry_policy(&self) -> &Retry {
        &self.shared.retry
    }

    /// Tries new work and questions until they go well or for good not.
    pub(crate) async fn retry<T, F>(
        &self,
        what: &'static str,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.shared.retry.run(self.random(), what, || self.reach().begin(call())).await
    }

    /// The same for calls that meet others, and reach the provider there.
    pub(crate) async fn retry_gathered<T, F>(
        &self,
        what: &'static str,
        call: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.shared.retry.run(self.random(), what, call).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("provider", &self.provider().capabilities().name)
            .field("namespace", &self.sealing().namespace)
            .field("seals", &self.sealing().envelope.is_some())
            .finish_non_exhaustive()
    }
}

/// Puts a client together.
#[must_use]
pub struct ClientBuilder {
    provider: Arc<dyn Provider>,
    keys: Option<Arc<dyn KeyProvider>>,
    reading: Option<PlaintextPolicy>,
    sends_plaintext: bool,
    retry: Retry,
    breaker: Breaker,
    one_request_per_call: bool,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl ClientBuilder {
    /// Seals and opens with these keys. From here on plain bodies are refused unless
    /// [`ClientBuilder::plaintext`] says otherwise.
    pub fn keys(mut self, keys: Arc<dyn KeyProvider>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// What to do with bodies that are not sealed.
    pub fn plaintext(mut self, policy: PlaintextPolicy) -> Self {
        self.reading = Some(policy);
        self
    }

    /// Sends bodies as they are although there are keys. Logs a warning for each.
    pub fn danger_send_plaintext(mut self) -> Self {
        self.sends_plaintext = true;
        self
    }

    /// How failed calls are tried again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// When a provider that fails again and again is left alone: by default after 5 failures in a row,
    /// for 30 s. New work and questions are then refused as [`Error::CircuitOpen`], which says when to
    /// try again; [`Retry`] waits for it where its bounds allow. Heartbeats and settlements always go.
    ///
    /// A failure is an answer that did not come, or a server that says that it cannot. A refusal is
    /// none: whoever refuses is well.
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = breaker;
        self
    }

    /// Gives each [`Producer::send`] and each settlement of a worker a request of its own.
    ///
    /// Otherwise those that meet share one: what is sent to a queue while a request to it is on its way
    /// goes with the next request, all of it together, up to what one request holds. Nobody waits for
    /// company, each call returns when its own job was answered, and each job has its own answer.
    pub fn one_request_per_call(mut self) -> Self {
        self.one_request_per_call = true;
        self
    }

    /// The clock that dates ids and sealed bodies; this machine's otherwise.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where ids, salts and nonces come from; the system otherwise.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// The client.
    #[must_use]
    pub fn build(self) -> Client {
        let envelope =
            self.keys.map(|keys| Envelope::new(keys, Arc::clone(&self.random), Arc::clone(&self.clock)));
        let namespace: Namespace = self.provider.namespace().clone();
        let sealing = Sealing {
            namespace,
            envelope,
            reading: self.reading,
            sends_plaintext: self.sends_plaintext,
            ids: JobIds::new(Arc::clone(&self.clock), Arc::clone(&self.random)),
            clock: self.clock,
            counters: Counters::default(),
        };
        let reach = Arc::new(Reach::new(self.provider, self.breaker));
        Client {
            shared: Arc::new(Shared {
                gathering: Gathering::new(&reach, !self.one_request_per_call),
                reach,
                sealing,
                retry: self.retry,
                random: self.random,
            }),
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("seals", &self.keys.is_some()).finish_non_exhaustive()
    }
}
