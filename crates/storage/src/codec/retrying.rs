//! Queue settings and back-offs, in both versions.
//!
//! What fits the first version is written as that one, and read as nothing else: one form only.

use sealane_core::queue::{QueueSettings, SealingPolicy};
use sealane_core::retry::{Backoff, BackoffShape, RetryPolicy};

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2};
use super::fields::{Cursor, Fields};

/// What version 1 says nothing of is as it always was: doubled each time, a tenth of jitter, runs end
/// after half an hour, and jobs are sent for at most thirty days ahead, and a million may wait.
fn as_version_1(settings: &QueueSettings) -> QueueSettings {
    let fixed = QueueSettings::default();
    let RetryPolicy { backoff: Backoff { base, cap, .. }, max_attempts } = settings.retry;
    QueueSettings {
        sealing: settings.sealing,
        lease: settings.lease,
        retry: RetryPolicy { backoff: Backoff { base, cap, ..fixed.retry.backoff }, max_attempts },
        max_run: fixed.max_run,
        horizon: fixed.horizon,
        max_depth: fixed.max_depth,
    }
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
    let fixed = QueueSettings::default();
    let mut settings = QueueSettings {
        sealing: cursor.code("sealing", SealingPolicy::from_code)?,
        lease: cursor.millis("lease")?,
        retry: RetryPolicy {
            backoff: Backoff {
                base: cursor.millis("retry_base")?,
                cap: cursor.millis("retry_cap")?,
                ..fixed.retry.backoff
            },
            max_attempts: cursor.u32("max_attempts")?,
        },
        max_run: fixed.max_run,
        horizon: fixed.horizon,
        max_depth: fixed.max_depth,
    };
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
