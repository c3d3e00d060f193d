//! Queue settings and back-offs, in both versions.
//!
//! What fits the first version is written as that one, and read as nothing else: one form only.

use sealane_core::queue::{QueueSettings, SealingPolicy};
use sealane_core::retry::{Backoff, BackoffShape, RetryPolicy};
use sealane_core::time::Millis;

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2};
use super::fields::{Cursor, Fields};

/// What version 1 says nothing of, as `FORMAT.md` lists it. Numbers of the format, not the defaults: those
/// may change, and what an old record means may not.
const SHAPE_1: BackoffShape = BackoffShape::Exponential;
const JITTER_PERCENT_1: u8 = 10;
const MAX_RUN_1: Millis = Millis::new(1_800_000);
const HORIZON_1: Millis = Millis::new(2_592_000_000);
const MAX_DEPTH_1: u64 = 1_000_000;

fn version_1(
    sealing: SealingPolicy,
    lease: Millis,
    (base, cap): (Millis, Millis),
    attempts: u32,
) -> QueueSettings {
    let backoff = Backoff { shape: SHAPE_1, base, cap, jitter_percent: JITTER_PERCENT_1 };
    QueueSettings {
        sealing,
        lease,
        retry: RetryPolicy { backoff, max_attempts: attempts },
        // Why the longer: there were leases before runs had an end, and none is cut short by it.
        max_run: MAX_RUN_1.max(lease),
        horizon: HORIZON_1,
        max_depth: MAX_DEPTH_1,
    }
}

fn as_version_1(settings: &QueueSettings) -> QueueSettings {
    let RetryPolicy { backoff: Backoff { base, cap, .. }, max_attempts } = settings.retry;
    version_1(settings.sealing, settings.lease, (base, cap), max_attempts)
}

pub(super) fn settings_version(settings: &QueueSettings) -> u8 {
    if as_version_1(settings) == *settings { VERSION_1 } else { VERSION_2 }
}

pub(super) fn settings(settings: &QueueSettings, out: &mut Fields<'_>) {
    let QueueSettings {
        sealing,
        lease,
        retry: RetryPolicy { backoff: wait, max_attempts },
        max_run,
        horizon,
        max_depth,
    } = settings;
    out.u8(sealing.code());
    out.millis(*lease);
    out.millis(wait.base);
    out.millis(wait.cap);
    out.u32(*max_attempts);
    if settings_version(settings) == VERSION_2 {
        out.u8(wait.shape.code());
        out.u8(wait.jitter_percent);
        out.millis(*max_run);
        out.millis(*horizon);
        out.u64(*max_depth);
    }
}

pub(super) fn take_settings(version: u8, cursor: &mut Cursor<'_>) -> Result<QueueSettings, DecodeError> {
    let sealing = cursor.code("sealing", SealingPolicy::from_code)?;
    let lease = cursor.millis("lease")?;
    let waits = (cursor.millis("retry_base")?, cursor.millis("retry_cap")?);
    let mut settings = version_1(sealing, lease, waits, cursor.u32("max_attempts")?);
    if version == VERSION_2 {
        settings.retry.backoff.shape = cursor.code("shape", BackoffShape::from_code)?;
        settings.retry.backoff.jitter_percent = cursor.u8("jitter_percent")?;
        settings.max_run = cursor.millis("max_run")?;
        settings.horizon = cursor.millis("horizon")?;
        settings.max_depth = cursor.u64("max_depth")?;
    }
    if settings_version(&settings) != version {
        return Err(DecodeError::Field { field: "settings" });
    }
    Ok(settings)
}

pub(super) fn backoff(backoff: &Backoff, out: &mut Fields<'_>) {
    let Backoff { shape, base, cap, jitter_percent } = backoff;
    out.u8(shape.code());
    out.millis(*base);
    out.millis(*cap);
    out.u8(*jitter_percent);
}

pub(super) fn take_backoff(cursor: &mut Cursor<'_>) -> Result<Backoff, DecodeError> {
    Ok(Backoff {
        shape: cursor.code("shape", BackoffShape::from_code)?,
        base: cursor.millis("base")?,
        cap: cursor.millis("cap")?,
        jitter_percent: cursor.u8("jitter_percent")?,
    })
}
