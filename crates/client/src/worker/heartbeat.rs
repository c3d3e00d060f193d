//! Keeping a lease while its job runs.

use std::time::Duration;

use sealane_api::problem::Code;
use sealane_api::v1::{Extend, ExtendItem};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::Client;
use crate::error::Error;

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
    let mut wait = lease / 3;
    loop {
        sleep(wait.min(until.saturating_duration_since(Instant::now()))).await;
        let asked_at = Instant::now();
        if asked_at >= until {
            return Loss::Silent;
        }
        match timeout_at(until, beat(client, &request)).await {
            Err(_) => return Loss::Silent,
            Ok(Ok(stop)) => {
                if stop {
                    cancelled.send_replace(true);
                }
                until = asked_at + lease;
                wait = lease / 3;
            }
            Ok(Err(error)) if error.is_transient() => wait = (lease / 10).max(Duration::from_millis(10)),
            Ok(Err(error)) => {
                if error.code() != Some(Code::LeaseLost) {
                    tracing::warn!(%error, "a lease cannot be made longer");
                }
                return Loss::Refused;
            }
        }
    }
}

/// Whether the job's worker is asked to stop.
async fn beat(client: &Client, request: &Extend) -> Result<bool, Error> {
    let answer = client.provider().extend(request).await?;
    let result = answer.results.first();
    match result.and_then(|result| result.error.as_ref()) {
        Some(error) => Err(Error::item(error)),
        None => Ok(result.and_then(|result| result.cancel_requested).unwrap_or(false)),
    }
}
