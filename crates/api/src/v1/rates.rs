//! How much of a queue may run in a time.

use sealane_core::queue::Rate;
use sealane_core::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many jobs may start in how long, by a bucket of tokens: it holds `burst` at most and is full at first,
/// every start takes one out, and `starts` of them come back evenly over each period. So in any time at most
/// `burst` and the time's share of `starts` begin. A job that reached no worker gives its token back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRate {
    /// So many starts,
    pub starts: u32,
    /// in so many milliseconds.
    pub period_ms: u64,
    /// So many at once; as many as `starts` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl From<StartRate> for Rate {
    fn from(rate: StartRate) -> Self {
        Self {
            starts: rate.starts,
            period: Millis::new(rate.period_ms),
            burst: rate.burst.unwrap_or(rate.starts),
        }
    }
}

impl From<Rate> for StartRate {
    fn from(rate: Rate) -> Self {
        Self { starts: rate.starts, period_ms: rate.period.get(), burst: Some(rate.burst) }
    }
}
