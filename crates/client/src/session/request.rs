//! Asking for a session.

use std::fmt;
use std::time::Duration;

use sealane_api::v1::{HeldSession, SessionAcceptIn};
use sealane_api::wire::Text;
use sealane_core::name::QueueName;
use tokio::time::Instant;

use super::held::{Held, Session};
use crate::client::Client;
use crate::error::Error;

/// A wish for a session: the next one that is free and has a job to hand out, unless it is named.
#[must_use]
pub struct SessionRequest {
    client: Client,
    queue: String,
    session_id: Option<String>,
    wait: Duration,
    hold: Option<Duration>,
    lease: Duration,
    accepts_from: Vec<String>,
}

impl SessionRequest {
    pub(crate) fn new(client: Client, queue: String) -> Self {
        let (wait, lease) = (Duration::ZERO, Duration::from_secs(30));
        Self { client, queue, session_id: None, wait, hold: None, lease, accepts_from: Vec::new() }
    }

    /// This one, whether it has jobs or not.
    pub fn named(mut self, session_id: impl Into<String>) -> Self {
        self.session_id = Some(session_id.into());
        self
    }

    /// How long to wait for it; not at all otherwise.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How long it is held unless renewed: as long as the queue lets a session be held otherwise. While
    /// this process has it, it is renewed by itself, so this bounds how soon a dead holder's session goes to
    /// another, where its idle time does not do so sooner.
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = Some(hold);
        self
    }

    /// How long each of its jobs is leased, 30 s otherwise; made longer at each third.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Takes sealed jobs that were moved here from this queue as well, as
    /// [`WorkerBuilder::accept_from`](crate::WorkerBuilder::accept_from) says.
    pub fn accept_from(mut self, queue: impl Into<String>) -> Self {
        self.accepts_from.push(queue.into());
        self
    }

    /// Asks for it. `None` where there was none to be had in the time given.
    ///
    /// A try whose answer was lost may have been granted: what nobody knows to hold is free again when it
    /// has been idle for as long as its queue says.
    ///
    /// # Errors
    /// When the queue keeps no sessions, this key holds as many as it may, or no answer came.
    pub async fn accept(self) -> Result<Option<Session>, Error> {
        let client = self.client.clone();
        // Why no leave of the provider here: each try takes one.
        client.retry_gathered("session.accept", || self.try_once()).await
    }

    /// Asks for it once, and leaves the rest to whoever asks: nothing renews the hold, and its receipt is all there
    /// is of it. For programs that hand the receipt on; others have [`SessionRequest::accept`].
    ///
    /// # Errors
    /// As [`SessionRequest::accept`].
    pub async fn receipt(self) -> Result<Option<HeldSession>, Error> {
        let queue = QueueName::parse(&self.queue).map_err(Error::invalid)?;
        let leave = self.client.reach().ask_leave()?;
        let wish = self.wish(self.wait);
        Ok(leave.note(self.client.provider().accept_session(&queue, &wish).await)?.session)
    }

    fn wish(&self, wait: Duration) -> SessionAcceptIn {
        SessionAcceptIn {
            session_id: self.session_id.clone().map(Text::from),
            hold_ms: self.hold.map(millis),
            wait_ms: Some(millis(wait)),
        }
    }

    /// As [`SessionRequest::accept`], for whoever tries again by itself.
    pub(crate) async fn accept_once(self) -> Result<Option<Session>, Error> {
        self.try_once().await
    }

    async fn try_once(&self) -> Result<Option<Session>, Error> {
        let queue = QueueName::parse(&self.queue).map_err(Error::invalid)?;
        let from = self.accepts_from.iter().map(|queue| QueueName::parse(queue));
        let accepts_from = from.collect::<Result<Vec<_>, _>>().map_err(Error::invalid)?;
        let leave = self.client.reach().ask_leave()?;
        // Why not for a trial: others wait for what comes of it.
        let wish = self.wish(if leave.is_trial() { Duration::ZERO } else { self.wait });
        let accepted = leave.note(self.client.provider().accept_session(&queue, &wish).await)?;
        // Why behind the answer: the request may have waited long, and the hold began just now.
        let at = Instant::now();
        let Some(session) = accepted.session else { return Ok(None) };
        let client = self.client.clone();
        let held = Held { client, queue, accepts_from, lease: self.lease, hold: self.hold };
        Ok(Some(Session::begin(held, session, at)))
    }
}

pub(super) fn millis(length: Duration) -> u64 {
    // Why the upper end: the limits refuse it, where a wrapped number might pass.
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for SessionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why not the session's id: it is the caller's data.
        f.debug_struct("SessionRequest").field("queue", &self.queue).finish_non_exhaustive()
    }
}
