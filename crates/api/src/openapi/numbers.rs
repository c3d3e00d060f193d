//! The least and the highest value of every number that a request may carry, as the document publishes
//! them. The rules themselves stand where they are kept; one test sends each of these values to a server,
//! and one more and one less.

use sealane_core::limits as l;
use utoipa::Number;
use utoipa::openapi::{RefOr, Schema};

/// As high as 32 bits go: a cursor's part, which any report of any attempt may have been.
const U32_MAX: u64 = u32::MAX as u64;
const BATCH_MAX: u64 = l::BATCH_ITEMS_MAX as u64;

/// Fields of one shape: name, least, highest.
type Fields = &'static [(&'static str, u64, u64)];

const BOUNDS: &[(&str, Fields)] = &[
    ("AccessKeyIn", &[("ttl_ms", 1, l::ACCESS_KEY_TTL_MS_MAX)]),
    ("DeadLetterIn", &[("max", 1, BATCH_MAX)]),
    ("DeadRedriveIn", &[("rate", 1, l::REDRIVE_RATE_MAX as u64)]),
    ("HeldPreviewIn", &[("max", 1, BATCH_MAX)]),
    ("HeldReleaseIn", &[("rate", 1, l::REDRIVE_RATE_MAX as u64)]),
    ("ExtendItem", &[("lease_ms", l::LEASE_MS_MIN, l::LEASE_MS_MAX)]),
    ("FailItem", &[("retry_after_ms", 0, l::DELAY_MS_MAX)]),
    (
        "JobIn",
        &[
            ("delay_ms", 0, l::HORIZON_MS_MAX),
            ("ttl_ms", 1, l::TTL_MS_MAX),
            ("max_attempts", 1, l::ATTEMPTS_MAX as u64),
        ],
    ),
    ("JobListIn", &[("max", 1, BATCH_MAX)]),
    ("JobLogIn", &[("max", 1, l::LOG_PAGE_MAX as u64)]),
    (
        "LeaseIn",
        &[
            ("max", 1, BATCH_MAX),
            ("lease_ms", l::LEASE_MS_MIN, l::LEASE_MS_MAX),
            ("wait_ms", 0, l::LEASE_WAIT_MS_MAX),
        ],
    ),
    ("LogPlace", &[("attempt", 0, U32_MAX), ("seq", 0, U32_MAX)]),
    ("ProgressIn", &[("percent", 0, 100)]),
    (
        "QueueIn",
        &[
            ("lease_ms", l::LEASE_MS_MIN, l::LEASE_MS_MAX),
            ("max_attempts", 1, l::ATTEMPTS_MAX as u64),
            ("retry_base_ms", 1, l::DELAY_MS_MAX),
            ("retry_cap_ms", 1, l::DELAY_MS_MAX),
            ("retry_jitter_percent", 0, l::RETRY_JITTER_PERCENT_MAX as u64),
            ("max_run_ms", l::LEASE_MS_MIN, l::RUN_MS_MAX),
            ("horizon_ms", 0, l::HORIZON_MS_MAX),
            ("max_depth", 1, l::QUEUE_DEPTH_MAX),
            ("max_body_bytes", 1, l::QUEUE_BODY_BYTES_MAX as u64),
            ("session_idle_ms", l::LEASE_MS_MIN, l::SESSION_IDLE_MS_MAX),
            ("session_hold_ms", l::LEASE_MS_MIN, l::SESSION_HOLD_MS_MAX),
            ("concurrency", 1, l::CONCURRENCY_MAX as u64),
            ("concurrency_per_key", 1, l::CONCURRENCY_MAX as u64),
            ("idempotency_window_ms", l::IDEMPOTENCY_WINDOW_MS_MIN, l::IDEMPOTENCY_WINDOW_MS_MAX),
        ],
    ),
    ("ReleaseItem", &[("delay_ms", 0, l::DELAY_MS_MAX)]),
    ("ReportItem", &[("seq", 0, l::REPORTS_MAX as u64 - 1)]),
    (
        "RetryIn",
        &[
            ("base_ms", 1, l::DELAY_MS_MAX),
            ("cap_ms", 1, l::DELAY_MS_MAX),
            ("jitter_percent", 0, l::RETRY_JITTER_PERCENT_MAX as u64),
        ],
    ),
    (
        "ScheduleIn",
        &[
            ("every_ms", l::SCHEDULE_EVERY_MS_MIN, l::SCHEDULE_EVERY_MS_MAX),
            ("jitter_ms", 0, l::SCHEDULE_JITTER_MS_MAX),
        ],
    ),
    ("ScheduleListIn", &[("max", 1, BATCH_MAX)]),
    (
        "SessionAcceptIn",
        &[("hold_ms", l::LEASE_MS_MIN, l::SESSION_HOLD_MS_MAX), ("wait_ms", 0, l::LEASE_WAIT_MS_MAX)],
    ),
    ("SessionListIn", &[("max", 1, l::SESSION_PAGE_MAX as u64)]),
    ("SessionRenewIn", &[("hold_ms", l::LEASE_MS_MIN, l::SESSION_HOLD_MS_MAX)]),
    (
        "StartRate",
        &[
            ("starts", 1, l::RATE_STARTS_MAX as u64),
            ("period_ms", 1, l::RATE_PERIOD_MS_MAX),
            ("burst", 1, l::RATE_STARTS_MAX as u64),
        ],
    ),
    ("WaitIn", &[("wait_ms", 0, l::JOB_WAIT_MS_MAX)]),
];

/// Writes the bounds into the shape of this name, where it has some.
///
/// # Panics
/// When the table names a field that the shape has not.
pub(super) fn bound(shape: &str, schema: &mut RefOr<Schema>) {
    let Some((_, fields)) = BOUNDS.iter().find(|(name, _)| *name == shape) else { return };
    let RefOr::T(Schema::Object(object)) = schema else { panic!("{shape} is a shape with fields") };
    for (name, least, highest) in *fields {
        let Some(RefOr::T(Schema::Object(field))) = object.properties.get_mut(*name) else {
            panic!("{shape} has no number {name}");
        };
        field.minimum = Some(number(*least));
        field.maximum = Some(number(*highest));
    }
}

fn number(value: u64) -> Number {
    Number::UInt(usize::try_from(value).expect("bounds fit this machine's word"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shape_of_the_table_is_one_of_the_document() {
        let document = serde_json::to_value(super::super::document()).unwrap();
        for (shape, fields) in super::BOUNDS {
            for (name, least, highest) in *fields {
                let field = &document["components"]["schemas"][shape]["properties"][name];
                assert_eq!((&field["minimum"], &field["maximum"]), (&(*least).into(), &(*highest).into()));
            }
        }
    }
}
