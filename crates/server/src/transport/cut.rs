//! The way to end a connection from behind the door, whatever its other side does.

use std::sync::Arc;

use tokio::sync::Notify;

/// Ends one connection. Each request carries the one of its connection.
#[derive(Clone, Debug, Default)]
pub struct Cut(Arc<Notify>);

impl Cut {
    /// Asks for the end.
    pub fn ask(&self) {
        // Why one: it is remembered where the connection is not listening at this moment.
        self.0.notify_one();
    }

    /// Returns when it was asked for.
    pub(super) async fn asked(&self) {
        self.0.notified().await;
    }
}
