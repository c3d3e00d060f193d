//! What the holder of a session can do.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use sealane_api::problem::Problem;
use sealane_api::v1::{HeldSession, LeaseIn, LeasedJob, SessionCloseIn, SessionRenewIn, SessionStands};
use sealane_core::name::QueueName;
use sealane_core::queue::{Refusal, Runner};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::keep::{self, Lost};
use super::request::millis;
use super::state::Remembered;
use crate::client::Client;
use crate::error::Error;
use crate::worker::{Ended, Handed, HandedJob};

/// A session that this process holds: nobody else gets its jobs, and they come in their order.
///
/// It is renewed by itself for as long as there is a clone of it, up to the longest hold that its queue
/// allows. [`Session::close`] gives it back at once; one that is dropped is free when it has been idle for
/// as long as its queue says. When the provider has given it to somebody else, every call here fails with
/// [`Error::SessionLockLost`].
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

/// What a session is held with.
pub(super) struct Held {
    pub(super) client: Client,
    pub(super) queue: QueueName,
    pub(super) accepts_from: Vec<QueueName>,
    pub(super) lease: Duration,
    pub(super) hold: Option<Duration>,
}

struct Shared {
    held: Held,
    id: String,
    receipt: String,
    lost: Arc<watch::Sender<Option<Lost>>>,
    remembered: Remembered,
    handed: Handed,
    line: Mutex<Line>,
    /// Jobs that were dropped without a word, on their way back.
    dropped: StdMutex<Vec<JoinHandle<Ended>>>,
    keeper: JoinHandle<()>,
}

/// What is known of the jobs that are out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// All that are out are here.
    Known,
    /// One may be out that nobody has: the next one to be handed out may not be the next one in line.
    Unsure,
}

/// What came of asking for the next job.
pub(crate) struct Next {
    pub(crate) job: Option<LeasedJob>,
    /// The provider was being tried, so nobody waited for a job.
    was_trial: bool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Session {
    pub(super) fn begin(held: Held, session: HeldSession, at: Instant) -> Self {
        let lost = Arc::new(watch::Sender::new(None));
        let hold = keep::Hold {
            receipt: session.receipt.clone(),
            wish: held.hold,
            until: at + Duration::from_millis(session.hold_ms),
            idle: Duration::from_millis(session.idle_ms),
        };
        let keeper = tokio::spawn(keep::keep(held.client.clone(), hold, Arc::clone(&lost)));
        let handed = Handed::new(&held.client, held.queue.clone(), held.accepts_from.clone(), held.lease);
        let remembered = Remembered::new(session.state.map(Vec::from));
        let (id, receipt) = (session.session_id.into(), session.receipt);
        let (line, dropped) = (Mutex::new(Line::Known), StdMutex::default());
        let shared = Shared { held, id, receipt, lost, remembered, handed, line, dropped, keeper };
        Self { shared: Arc::new(shared) }
    }

    /// Which session: what its jobs were sent with.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// The queue that it is a session of.
    #[must_use]
    pub fn queue(&self) -> &QueueName {
        &self.shared.held.queue
    }

    /// Its next job, once there is one to hand out; `None` where none came in the time given. The job's
    /// lease is kept until it is settled. A job that does not open is held for a person to look at, and its
    /// session waits for that.
    ///
    /// Several may be out at once, in their order; for one at a time settle each before asking again.
    ///
    /// # Errors
    /// [`Error::SessionLockLost`], or when no answer came. Where a job may be out that nobody has, since an
    /// answer was lost or this call dropped before one came, the next call gives the session back: what
    /// would come then might not be the next one in line. Dropped while a job is opened, that job comes again.
    pub async fn receive(&self, wait: Duration) -> Result<Option<HandedJob>, Error> {
        let give_up = Instant::now() + wait;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let next = self.lease(left, self.shared.held.lease, None).await?;
            let at = Instant::now();
            let Some(job) = next.job else {
                if next.was_trial && at < give_up {
                    continue;
                }
                return Ok(None);
            };
            if let Some(handed) = self.shared.handed.hand_over(job, at, self).await {
                return Ok(Some(handed));
            }
        }
    }

    /// Its next job as it travels.
    pub(crate) async fn lease(
        &self,
        wait: Duration,
        lease: Duration,
        runner: Option<&Runner>,
    ) -> Result<Next, Error> {
        let client = self.client();
        let mut line = self.shared.line.lock().await;
        self.dropped_are_back(&mut line).await;
        if *line == Line::Unsure {
            tracing::warn!(queue = %self.queue(), "a job of a session may be out that nobody has; the session is given back to keep its order");
            // Why let go: it is lost here either way, and free when it has been idle.
            let _ = self.clone().close().await;
            return Err(Error::refused(&Problem::from(Refusal::SessionLockLost)).of_session());
        }
        let leave = client.reach().ask_leave()?;
        let was_trial = leave.is_trial();
        let wish = LeaseIn {
            max: Some(1),
            lease_ms: Some(millis(lease)),
            // Why not for a trial: others wait for what comes of it.
            wait_ms: Some(if was_trial { 0 } else { millis(wait) }),
            session_receipt: Some(self.shared.receipt.clone()),
            ..LeaseIn::default()
        }
        .run_by(runner);
        // Why beforehand: whoever drops this call never hears what came of it.
        *line = Line::Unsure;
        let answer = self.heard(leave.note(client.provider().lease(self.queue(), &wish).await));
        if !answer.as_ref().is_err_and(Error::may_have_happened) {
            *line = Line::Known;
        }
        Ok(Next { job: answer?.jobs.into_iter().next(), was_trial })
    }

    /// A job was handed out and nobody knows what became of it.
    pub(crate) async fn note_unsettled(&self) {
        *self.shared.line.lock().await = Line::Unsure;
    }

    /// A job is on its way back without a word from whoever had it.
    pub(crate) fn note_dropped(&self, attempt: JoinHandle<Ended>) {
        // Why poison is no news: nothing that holds it can panic half-way.
        self.shared.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    }

    /// Waits until what was dropped is back in its place, before another one is asked for.
    async fn dropped_are_back(&self, line: &mut Line) {
        let dropped = &self.shared.dropped;
        let dropped = std::mem::take(&mut *dropped.lock().unwrap_or_else(PoisonError::into_inner));
        if dropped.is_empty() {
            return;
        }
        // Why beforehand: whoever drops this call leaves them on their way.
        let before = std::mem::replace(line, Line::Unsure);
        let mut all_back = true;
        for attempt in dropped {
            all_back &= matches!(attempt.await, Ok(ended) if ended != Ended::Unsettled);
        }
        if all_back {
            *line = before;
        }
    }

    /// Holds it for so long from now on, though not beyond the longest hold that its queue allows; says how
    /// long that is. It is renewed by itself as well.
    ///
    /// # Errors
    /// As [`Session::receive`].
    pub async fn renew(&self, hold: Duration) -> Result<Duration, Error> {
        let request = SessionRenewIn { receipt: self.shared.receipt.clone(), hold_ms: Some(millis(hold)) };
        let client = self.client();
        let stands: SessionStands =
            self.heard(client.retry("session.renew", || client.provider().renew_session(&request)).await)?;
        Ok(stands.hold_ms.map(Duration::from_millis).unwrap_or_default())
    }

    /// Gives it back. Jobs of it that are out are handed back with it; their attempts do not count.
    ///
    /// # Errors
    /// As [`Session::receive`].
    pub async fn close(self) -> Result<(), Error> {
        self.shared.keeper.abort();
        let request = SessionCloseIn { receipt: self.shared.receipt.clone() };
        let client = self.client();
        let unsure = AtomicBool::new(false);
        let closed = client
            .retry_gathered("session.close", || async {
                let closed = client.reach().end(client.provider().close_session(&request)).await;
                if closed.as_ref().is_err_and(Error::may_have_happened) {
                    unsure.store(true, Ordering::Relaxed);
                }
                closed
            })
            .await;
        // Why noted behind it: clones of it in handlers hear that it is not theirs any more.
        let closed = self.heard(closed);
        self.shared.lost.send_if_modified(|lost| lost.is_none() && lost.replace(Lost::Closed).is_none());
        match closed {
            // Why no error: a try before was carried out, and its answer lost.
            Err(Error::SessionLockLost(_)) if unsure.load(Ordering::Relaxed) => Ok(()),
            closed => closed.map(|_| ()),
        }
    }

    /// What it remembers, opened; `None` where that is nothing.
    ///
    /// # Errors
    /// As [`Session::receive`], and when it does not open.
    pub async fn state(&self) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.shared.remembered.read(self.client(), &self.shared.receipt).await;
        let Some(bytes) = self.heard(answer)? else { return Ok(None) };
        Ok(Some(self.client().sealing().open_session_state(self.queue(), self.id(), bytes).await?))
    }

    /// Lets it remember this instead of what it does, for whoever holds it next. Sealed where the client
    /// has keys. Returns when it is durable where the provider is.
    ///
    /// # Errors
    /// As [`Session::receive`], and when it is too large or may not be unsealed.
    pub async fn set_state(&self, state: impl Into<Vec<u8>>) -> Result<(), Error> {
        let sealed = self.client().sealing().seal_session_state(self.queue(), self.id(), state.into());
        let sealed = sealed.await?;
        self.heard(self.shared.remembered.set(self.client(), &self.shared.receipt, Some(sealed)).await)
    }

    /// Lets it remember nothing.
    ///
    /// # Errors
    /// As [`Session::receive`].
    pub async fn clear_state(&self) -> Result<(), Error> {
        self.heard(self.shared.remembered.set(self.client(), &self.shared.receipt, None).await)
    }

    /// Returns when it is not held any more. Stop soon: somebody else may hold it.
    pub async fn lost(&self) {
        self.loss().await;
    }

    /// Whether it is not held any more, as far as this process knows.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.shared.lost.borrow().is_some()
    }

    pub(crate) async fn loss(&self) -> Lost {
        let mut lost = self.shared.lost.subscribe();
        let found = lost.wait_for(Option::is_some).await.map(|lost| *lost);
        found.ok().flatten().expect("this session keeps the sender, which is asked until something is there")
    }

    fn client(&self) -> &Client {
        &self.shared.held.client
    }

    /// Tells everybody here where an answer says that the session is lost.
    pub(crate) fn heard<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        let answer = answer.map_err(Error::of_session);
        if let Err(Error::SessionLockLost(_)) = &answer {
            self.shared.lost.send_if_modified(|lost| lost.replace(Lost::Refused) != Some(Lost::Refused));
        }
        answer
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why not its id: it is the caller's data. Its receipt acts for its holder.
        let (queue, lost) = (self.queue(), self.is_lost());
        f.debug_struct("Session").field("queue", queue).field("lost", &lost).finish_non_exhaustive()
    }
}
