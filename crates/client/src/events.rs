//! Following the life of jobs: events as they come, taken up again where a connection broke.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use sealane_api::v1::{EventReset, EventsIn, JobEvent};
use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::queue::feed::StepKind;
use tokio::time::sleep;

use crate::client::Client;
use crate::error::Error;
use crate::provider::{EventSource, Heard};

/// Which events are wished: all that may be seen, unless something is said. Of several values of one kind any
/// will do; an event must satisfy every kind that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct EventFilter {
    wish: EventsIn,
}

impl EventFilter {
    /// All that may be seen.
    pub fn all() -> Self {
        Self::default()
    }

    /// Of queues with names like this: `orders.*` is one segment, `orders.**` all that follow.
    pub fn queue(mut self, pattern: impl Into<String>) -> Self {
        self.wish.queues.push(pattern.into());
        self
    }

    /// Of this job.
    pub fn job(mut self, job: JobId) -> Self {
        self.wish.job = Some(job.to_string());
        self
    }

    /// Of this kind.
    pub fn kind(mut self, kind: StepKind) -> Self {
        self.wish.types.push(kind.to_string());
        self
    }

    /// That leave the job in this state.
    pub fn state(mut self, state: State) -> Self {
        self.wish.states.push(state.to_string());
        self
    }

    /// Behind an event that was seen before, by its id. From now on otherwise.
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.wish.after = Some(id.into());
        self
    }
}

/// What comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Something happened to a job.
    Event(JobEvent),
    /// Events are missing: the server restarted, or this side was away or busy for too long. What they said
    /// is to be seen by looking at the jobs; what happens from here on is told again.
    Reset(EventReset),
}

/// Events as they come, over one connection after the other. Nothing is told twice, and nothing is left out
/// without a [`Told::Reset`].
pub struct Events {
    client: Client,
    wish: EventsIn,
    source: Option<Box<dyn EventSource>>,
    /// A connection on its way. Kept here, so that whoever asks with short patience gets one as well.
    connecting: Option<Connecting>,
    /// Heard while the stream was opened.
    first: Option<Told>,
    /// Whether anything was heard over this connection.
    heard: bool,
    /// Connections in a row over which nothing came, besides where they begin.
    in_vain: u32,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn EventSource>, Error>> + Send>>;

impl Client {
    /// Follows the life of jobs. When this returns the stream is open: what happens from here on is told.
    ///
    /// ```
    /// use sealane::testing::TestServer;
    /// use sealane::{EventFilter, Job, QueueIn, Told};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sealane::Error> {
    /// let client = TestServer::start().client();
    /// client.put_queue("orders", &QueueIn::default()).await?;
    /// let mut events = client.events(EventFilter::all().queue("orders")).await?;
    /// let sent = client.producer().send("orders", Job::new("order.ship", "42")).await?;
    /// match events.next().await? {
    ///     Told::Event(event) => assert_eq!((event.kind.as_str(), event.job.0), ("accepted", sent.id)),
    ///     Told::Reset(_) => println!("events are missing: look at the jobs that matter"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `invalid_request` when the filter is none, `limit_exceeded` when too many streams are open, and when
    /// no answer came or the provider tells no events.
    pub async fn events(&self, filter: EventFilter) -> Result<Events, Error> {
        let (client, wish) = (self.clone(), filter.wish);
        let (source, connecting, first) = (None, None, None);
        let mut events = Events { client, wish, source, connecting, first, heard: false, in_vain: 0 };
        // Why not only connected: with a place in hand, a connection that breaks before the first event
        // loses none.
        while events.first.is_none() && events.last_id().is_none() {
            events.first = events.hear().await?;
        }
        Ok(events)
    }
}

impl Events {
    /// Waits for the next event. May be dropped and called again without losing one.
    ///
    /// # Errors
    /// When the key is not accepted any more, `not_found` when the one job that was wished is not to be seen any
    /// more with it (dead, or in another queue), or when the connection could not be opened again for as long as the
    /// client's [`Retry`](crate::Retry) allows. The next call tries again from the same place.
    pub async fn next(&mut self) -> Result<Told, Error> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        loop {
            if let Some(told) = self.hear().await? {
                return Ok(told);
            }
        }
    }

    /// The id to come back with, as [`EventFilter::after`].
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.wish.last_event_id.as_deref()
    }

    /// Hears one thing; it may be none that is told.
    async fn hear(&mut self) -> Result<Option<Told>, Error> {
        let Some(source) = &mut self.source else {
            self.connect().await?;
            return Ok(None);
        };
        let (place, told) = match source.next().await {
            Ok(Heard::Event(event)) => (Some(event.id.clone()), Some(Told::Event(event))),
            Ok(Heard::Reset(reset)) => (Some(reset.id.clone()), Some(Told::Reset(reset))),
            Ok(Heard::Place(place)) => (Some(place), None),
            ended => {
                self.source = None;
                return match ended {
                    Err(error) if !error.is_transient() => Err(error),
                    Err(error) => {
                        tracing::debug!(%error, "a stream of events broke");
                        Ok(None)
                    }
                    Ok(_) => Ok(None),
                };
            }
        };
        self.wish.last_event_id = place;
        // Why not by a place in front: a server that says where it begins and ends at once says nothing.
        if told.is_some() || self.heard {
            self.in_vain = 0;
        }
        self.heard = true;
        Ok(told)
    }

    /// Opens a connection. Dropped and called again it goes on where it was.
    async fn connect(&mut self) -> Result<(), Error> {
        let connecting = self.connecting.get_or_insert_with(|| {
            // Why: a server that takes a stream and ends it at once is not asked without a pause.
            let pause = match self.in_vain {
                0 => Duration::ZERO,
                in_vain => self.client.retry_policy().wait(in_vain, self.client.random()),
            };
            self.in_vain = self.in_vain.saturating_add(1);
            opened(self.client.clone(), self.wish.clone(), pause)
        });
        let opened = connecting.await;
        self.connecting = None;
        self.source = Some(opened?);
        self.heard = false;
        Ok(())
    }
}

fn opened(client: Client, wish: EventsIn, pause: Duration) -> Connecting {
    Box::pin(async move {
        sleep(pause).await;
        client.retry("event.watch", || client.provider().events(&wish)).await
    })
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("wish", &self.wish).finish_non_exhaustive()
    }
}
