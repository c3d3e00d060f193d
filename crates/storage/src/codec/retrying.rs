//! Queue settings and back-offs, in all versions.
//!
//! What fits an earlier version is written as that one, and read as nothing else: one form only. From
//! version 3 on, each further setting stands behind a tag of its own, tags ascending, up to the end of
//! the record, where it is not what the versions before it mean.

use sealane_core::queue::{QueueSettings, SealingPolicy};
use sealane_core::retry::{Backoff, BackoffShape, RetryPolicy};
use sealane_core::time::Millis;

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2, VERSION_3};
use super::fields::{Cursor, Fields};

/// What version 1 says nothing of, as `FORMAT.md` lists it. Numbers of the format, not the defaults: those
/// may change, and what an old record means may not.
const SHAPE_1: BackoffShape = BackoffShape::Exponential;
const JITTER_PERCENT_1: u8 = 10;
const MAX_RUN_1: Millis = Millis::new(1_800_000);
const HORIZON_1: Millis = Millis::new(2_592_000_000);
const MAX_DEPTH_1: u64 = 1_000_000;
/// And what neither of the first two says.
const IDEMPOTENCY_WINDOW_1: Millis = Millis::new(86_400_000);

// Invariant: a tag is never reused and never changes its meaning.
const IDEMPOTENCY_WINDOW: u8 = 20;

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
        idempotency_window: IDEMPOTENCY_WINDOW_1,
    }
}

fn as_version_1(settings: &QueueSettings) -> QueueSettings {
    let RetryPolicy { backoff: Backoff { base, cap, .. }, max_attempts } = settings.retry;
    version_1(settings.sealing, settings.lease, (base, cap), max_attempts)
}

/// The same settings without what only version 3 can hold.
fn as_version_2(settings: &QueueSettings) -> QueueSettings {
    QueueSettings { idempotency_window: IDEMPOTENCY_WINDOW_1, ..*settings }
}

pub(super) fn settings_version(settings: &QueueSettings) -> u8 {
    match settings {
        settings if as_version_1(settings) == *settings => VERSION_1,
        settings if as_version_2(settings) == *settings => VERSION_2,
        _ => VERSION_3,
    }
}

pub(super) fn settings(settings: &QueueSettings, out: &mut Fields<'_>) {
    let QueueSettings {
        sealing,
        lease,
        retry: RetryPolicy { backoff: wait, max_attempts },
        max_run,
        horizon,
        max_depth,
        idempotency_window,
    } = settings;
    out.u8(sealing.code());
    out.millis(*lease);
    out.millis(wait.base);
    out.millis(wait.cap);
    out.u32(*max_attempts);
    let version = settings_version(settings);
    if version >= VERSION_2 {
        out.u8(wait.shape.code());
        out.u8(wait.jitter_percent);
        out.millis(*max_run);
        out.millis(*horizon);
        out.u64(*max_depth);
    }
    if version == VERSION_3 && *idempotency_window != IDEMPOTENCY_WINDOW_1 {
        out.tagged(IDEMPOTENCY_WINDOW, |out| out.millis(*idempotency_window));
    }
}

pub(super) fn take_settings(version: u8, cursor: &mut Cursor<'_>) -> Result<QueueSettings, DecodeError> {
    let sealing = cursor.code("sealing", SealingPolicy::from_code)?;
    let lease = cursor.millis("lease")?;
    let waits = (cursor.millis("retry_base")?, cursor.millis("retry_cap")?);
    let mut settings = version_1(sealing, lease, waits, cursor.u32("max_attempts")?);
    if version >= VERSION_2 {
        settings.retry.backoff.shape = cursor.code("shape", BackoffShape::from_code)?;
        settings.retry.backoff.jitter_percent = cursor.u8("jitter_percent")?;
        settings.max_run = cursor.millis("max_run")?;
        settings.horizon = cursor.millis("horizon")?;
        settings.max_depth = cursor.u64("max_depth")?;
    }
    if version == VERSION_3 {
        let mut meant = true;
        cursor.tagged("settings", |tag, cursor| {
            match tag {
                IDEMPOTENCY_WINDOW => {
                    settings.idempotency_window = cursor.millis("idempotency_window")?;
                    meant &= settings.idempotency_window != IDEMPOTENCY_WINDOW_1;
                }
                _ => meant = false,
            }
            Ok(())
        })?;
        if !meant {
            return Err(DecodeError::Field { field: "settings" });
        }
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
