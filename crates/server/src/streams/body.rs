//! The way of a text into a connection: one piece waits at most, and both ends know when the other is gone.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::{mpsc, oneshot};

/// The body of an answer that is a stream. The connection takes from it as it can write.
#[derive(Debug)]
pub struct StreamBody {
    pieces: mpsc::Receiver<Bytes>,
    _here: oneshot::Sender<Infallible>,
}

/// The other end.
#[derive(Debug)]
pub struct Outlet {
    pub(super) pieces: mpsc::Sender<Bytes>,
    /// Closed when the connection has let go of the body.
    pub(super) gone: oneshot::Receiver<Infallible>,
}

/// Both ends of a way.
pub fn outlet() -> (Outlet, StreamBody) {
    let (sender, pieces) = mpsc::channel(1);
    let (here, gone) = oneshot::channel();
    (Outlet { pieces: sender, gone }, StreamBody { pieces, _here: here })
}

impl HttpBody for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
