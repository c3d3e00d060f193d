//! The life of jobs as a provider tells it, over one connection.

use async_trait::async_trait;
use sealane_api::v1::{EventReset, JobEvent};

use crate::error::Error;

/// One thing that is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// Something happened to a job.
    Event(JobEvent),
    /// Events are missing; it goes on from here.
    Reset(EventReset),
    /// There is nothing to say up to here: the id to come back with.
    Place(String),
    /// The provider ends it. What follows is heard over another connection.
    End,
}

/// One connection over which events come. Trying again is the client's business.
#[async_trait]
pub trait EventSource: Send {
    /// Waits for the next thing to be heard. A future that is dropped loses nothing of it.
    ///
    /// # Errors
    /// When the connection broke.
    async fn next(&mut self) -> Result<Heard, Error>;
}
