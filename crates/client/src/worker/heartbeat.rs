//! Keeping a lease while its job runs.

use std::time::Duration;

use sealane_api::problem::Code;
use sealane_api::v1::{Extend, ExtendItem};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::Client;
use crate::error::Error;

/// Between two heartbeats of a lease that is about to end for good.
const WAIT_MIN: Duration = Duration::from_millis(50);

/// How a lease was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The provider says so.
    Refused,
    /// No word from the provider for the whole lease. It may still know better: one that was
    /// away gives its leases the time back.
    Silent,
}

/// Makes the lease longer at each third of it; returns when it is lost. `until` is when it ends
/// by this machine's timers; `cancelled` goes up when the job is not wanted any more.
pub(super) async fn keep(
    client: &Client,
    receipt: &str,
    lease: Duration,
    mut until: Instant,
    cancelled: &watch::Sender<bool>,
) -> Loss {
    let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
    let request =
        Extend { items: vec![ExtendItem { receipt: receipt.to_owned(), lease_ms: Some(lease_ms) }] };
    let mut wait = until.saturating_duration_since(Instant::now()).min(lease) / 3;
    loop {
        sleep(wait.min(until.saturating_duration_since(Instant::now()))).await;
        let asked_at = Instant::now();
        if asked_at >= until {
            return Loss::Silent;
        }
        match timeout_at(until, beat(client, &request)).await {
            Err(_) => return Loss::Silent,
            Ok(Ok(beat)) => {
                if beat.stop {
                    cancelled.send_replace(true);
                }
                // Why not what was wished: the longest run may end before, and then somebody else runs.
                let granted = beat.granted.map_or(lease, |granted| granted.min(lease));
                until = asked_at + granted;
                wait = (granted / 3).max(WAIT_MIN);
            }
            Ok(Err(error)) if error.is_transient() => wait = (lease / 10).max(Duration::from_millis(10)),
            Ok(Err(error)) => {
                if !matches!(error.code(), Some(Code::LeaseLost | Code::SessionLockLost)) {
                    tracing::warn!(%error, "a lease cannot be made longer");
                }
                return Loss::Refused;
            }
        }
    }
}

/// What a provider says to a sign of life.
struct Beat {
    /// The job is not wanted any more.
    stop: bool,
    /// How long the lease is now.
    granted: Option<Duration>,
}

async fn beat(client: &Client, request: &Extend) -> Result<Beat, Error> {
    let answer = client.reach().end(client.provider().extend(request)).await?;
    let result = answer.results.first();
    match result.and_then(|result| result.error.as_ref()) {
        Some(error) => Err(Error::item(error)),
        None => Ok(Beat {
            stop: result.and_then(|result| result.cancel_requested).unwrap_or(false),
            granted: result.and_then(|result| result.lease_ms).map(Duration::from_millis),
        }),
    }
}
