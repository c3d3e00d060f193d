//! The joint between a server's operations and what carries them.

use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};

use crate::error::Error;

/// How long and how much an exchange may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From the first byte sent to the last one received.
    pub time: Duration,
    /// Bytes of the answer's body.
    pub bytes: usize,
}

/// Carries one request and brings its answer, whatever the answer says. It repeats nothing, follows
/// nothing and reads nothing of either.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Carries a request. A transport that is dropped meanwhile cuts the connection.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no answer came within its bounds, with a word on whether the request may
    /// have been carried out all the same; [`Error::Untrusted`] when somebody else answers.
    async fn exchange(&self, request: Request<Vec<u8>>, bounds: Bounds) -> Result<Response<Vec<u8>>, Error>;

    /// Carries a request whose answer goes on, and returns when that has begun; it takes so long at most.
    /// Not every transport can.
    ///
    /// # Errors
    /// As [`Transport::exchange`].
    async fn open(
        &self,
        _request: Request<Vec<u8>>,
        _time: Duration,
    ) -> Result<Response<Box<dyn Pieces>>, Error> {
        Err(Error::Setup { detail: "this transport carries no answers that go on".to_owned() })
    }
}

/// An answer's body, piece by piece.
#[async_trait]
pub trait Pieces: Send {
    /// The next piece; nothing at the end. A future that is dropped loses none.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the connection broke or nothing came for so long.
    async fn next(&mut self, time: Duration) -> Result<Option<Vec<u8>>, Error>;
}
