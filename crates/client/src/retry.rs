//! Trying again: which failures, how often, how long.

use std::fmt;
use std::time::Duration;

use sealane_crypto::Random;
use tokio::time::{Instant, sleep};

use crate::error::Error;

/// Exponential back-off with jitter, bounded in tries and in time. Only failures that may pass
/// by themselves are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Most tries, the first included.
    pub tries_max: u32,
    /// Longest wait after the first try; doubles with each further one.
    pub wait_base: Duration,
    /// Longest wait between two tries.
    pub wait_max: Duration,
    /// No further try begins after this long.
    pub total_max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries_max: 10,
            wait_base: Duration::from_millis(100),
            wait_max: Duration::from_secs(5),
            total_max: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// One try and no more.
    pub const NEVER: Self =
        Self { tries_max: 1, wait_base: Duration::ZERO, wait_max: Duration::ZERO, total_max: Duration::ZERO };

    /// Calls until it goes well, fails for good, or a bound is reached.
    pub(crate) async fn run<T, F>(
        &self,
        random: &dyn Random,
        what: &'static str,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let began = Instant::now();
        let mut told: Option<Error> = None;
        for failed in 1.. {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if !error.is_transient() {
                return Err(error);
            }
            let wait = self.wait(failed, random).max(error.retry_after().unwrap_or_default());
            tracing::debug!(what, failed, error = %Chain(&error), "trying again");
            let told = match told.take() {
                Some(before) if says_more(&before, &error) => told.insert(before),
                _ => told.insert(error),
            };
            if failed >= self.tries_max || began.elapsed() + wait > self.total_max {
                return Err(told.clone());
            }
            sleep(wait).await;
        }
        unreachable!("the loop above ends by returning")
    }

    /// The wait after so many failed tries: between half of the full wait and all of it.
    pub(crate) fn wait(&self, failed: u32, random: &dyn Random) -> Duration {
        let doublings = failed.saturating_sub(1).min(20);
        let full = self.wait_base.saturating_mul(1 << doublings).min(self.wait_max);
        let mut part = [0u8; 1];
        // Why ignored: jitter spreads load and protects nothing; without it the wait is the half.
        let _ = random.fill(&mut part);
        full / 2 + (full / 2) * u32::from(part[0]) / 255
    }
}

/// Whether the failure of an earlier try is what the caller should hear of, not that of a later one.
fn says_more(earlier: &Error, later: &Error) -> bool {
    // Why: an answer that was lost once may have been a yes, whatever the last try met.
    matches!(later, Error::CircuitOpen { .. }) || (earlier.may_have_happened() && !later.may_have_happened())
}

/// An error with its causes on one line, for logs.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(next) = cause {
            write!(f, ": {next}")?;
            cause = next.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use sealane_api::problem::{Code, Problem};
    use sealane_crypto::SeededRandom;

    use super::*;

    fn unreachable() -> Error {
        let cause = Arc::new(std::io::Error::other("down"));
        Error::Unreachable { place: "there".to_owned(), may_have_happened: false, cause }
    }

    async fn tries(retry: Retry, failure: impl Fn() -> Error) -> (u32, Duration) {
        let (calls, began) = (AtomicU32::new(0), Instant::now());
        let random = SeededRandom::danger_from_seed(1);
        let ended: Result<(), Error> = retry
            .run(&random, "test", async || {
                calls.fetch_add(1, Ordering::SeqCst);
                Err(failure())
            })
            .await;
        assert!(ended.is_err());
        (calls.into_inner(), began.elapsed())
    }

    // covers PROV-4 (retry with exponential back-off and jitter)
    #[tokio::test(start_paused = true)]
    async fn transient_failures_are_tried_again_within_both_bounds() {
        let retry = Retry::default();
        let (calls, took) = tries(retry, unreachable).await;
        assert_eq!(calls, retry.tries_max);
        assert!(took > Duration::from_secs(10) && took <= retry.total_max, "{took:?}");
        let short = Retry { total_max: Duration::from_secs(1), ..retry };
        let (calls, took) = tries(short, unreachable).await;
        assert!(calls > 2 && calls < retry.tries_max, "{calls}");
        assert!(took <= short.total_max);
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_pass_is_tried_once() {
        let refused = || Error::refused(&Problem::new(Code::SealingRequired, "seal it"));
        assert_eq!(tries(Retry::default(), refused).await.0, 1);
        let untrusted =
            || Error::Untrusted { place: String::new(), cause: Arc::new(std::io::Error::other("tls")) };
        assert_eq!(tries(Retry::default(), untrusted).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_may_ask_for_a_longer_wait() {
        let busy = || {
            let mut problem = Problem::new(Code::LimitExceeded, "later");
            problem.retry_after_ms = Some(20_000);
            Error::refused(&problem)
        };
        let (calls, took) = tries(Retry::default(), busy).await;
        assert_eq!((calls, took), (4, Duration::from_secs(60)));
    }

    #[test]
    fn waits_double_to_a_cap_and_differ() {
        let random = SeededRandom::danger_from_seed(1);
        let retry = Retry::default();
        for failed in [1, 2, 5, 40, u32::MAX] {
            let full = retry.wait_base.saturating_mul(1 << (failed - 1).min(20)).min(retry.wait_max);
            let waits: std::collections::BTreeSet<_> = (0..20).map(|_| retry.wait(failed, &random)).collect();
            assert!(waits.len() > 5);
            assert!(waits.iter().all(|wait| *wait >= full / 2 && *wait <= full), "{failed}");
        }
    }
}
