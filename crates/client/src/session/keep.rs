//! Renewing a session for as long as it is held.

use std::sync::Arc;
use std::time::Duration;

use sealane_api::v1::SessionRenewIn;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::request::millis;
use crate::client::Client;
use crate::error::Error;
use crate::retry::Chain;

/// Between two renewals of a hold that is about to end for good, and two tries that failed.
const WAIT_MIN: Duration = Duration::from_millis(50);

/// How a session was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It was given back here.
    Closed,
    /// The provider says so.
    Refused,
    /// No word from the provider for the whole hold. It may still know better: one that was away gives its
    /// holds the time back.
    Silent,
}

/// A hold as it was granted.
pub(super) struct Hold {
    pub(super) receipt: String,
    pub(super) wish: Option<Duration>,
    /// When it ends by this machine's timers unless renewed.
    pub(super) until: Instant,
    /// How long its holder may have no job and say nothing.
    pub(super) idle: Duration,
}

/// Renews at each third of what is left, or of the idle time; says when the session is lost and ends.
pub(super) async fn keep(client: Client, hold: Hold, lost: Arc<watch::Sender<Option<Lost>>>) {
    let found = renew_until_lost(&client, hold).await;
    lost.send_if_modified(|lost| lost.is_none() && lost.replace(found).is_none());
}

async fn renew_until_lost(client: &Client, hold: Hold) -> Lost {
    let request = SessionRenewIn { receipt: hold.receipt, hold_ms: hold.wish.map(millis) };
    let (mut until, idle) = (hold.until, hold.idle);
    let third =
        |until: Instant| (until.saturating_duration_since(Instant::now()).min(idle) / 3).max(WAIT_MIN);
    let mut wait = third(until);
    loop {
        sleep_until((Instant::now() + wait).min(until)).await;
        let asked_at = Instant::now();
        if asked_at >= until {
            return Lost::Silent;
        }
        // Why no retry policy: this is one of many tries already.
        let renewed = client.reach().end(client.provider().renew_session(&request));
        match timeout_at(until, renewed).await.map(|answer| answer.map_err(Error::of_session)) {
            Err(_) => return Lost::Silent,
            Ok(Ok(stands)) => {
                // Why what is granted and not what was wished: no hold is longer than its queue lets it be.
                until = asked_at + stands.hold_ms.map(Duration::from_millis).unwrap_or_default();
                wait = third(until);
            }
            Ok(Err(error)) if error.is_transient() => wait = (third(until) / 3).max(WAIT_MIN),
            Ok(Err(error)) => {
                if !matches!(error, Error::SessionLockLost(_)) {
                    tracing::warn!(error = %Chain(&error), "a session cannot be renewed");
                }
                return Lost::Refused;
            }
        }
    }
}
