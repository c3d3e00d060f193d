//! Queue settings, in three versions. From the third on, each setting that came later stands behind a tag
//! of its own, tags ascending, up to the end of the record, and only where it is set.
//!
//! What fits an earlier version is written as that one, and read as nothing else: one form only.

use sealane_core::queue::{
    QueueSettings, Rate, RootIds, RunLimit, SealingPolicy, SessionMode, SessionSettings,
};
use sealane_core::retry::{Backoff, BackoffShape, RetryPolicy};
use sealane_core::time::Millis;

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2, VERSION_3};
use super::fields::{Cursor, Fields};

// Invariant: a tag is never reused and never changes its meaning.
const RATE: u8 = 1;
const CONCURRENCY: u8 = 2;
const RATE_PER_KEY: u8 = 3;
const CONCURRENCY_PER_KEY: u8 = 4;
const SESSIONS: u8 = 10;
const SESSION_IDLE: u8 = 11;
const SESSION_HOLD: u8 = 12;
const MAX_BODY: u8 = 13;
const ROOT_IDS: u8 = 14;
const IDEMPOTENCY_WINDOW: u8 = 20;

/// What version 1 says nothing of, as `FORMAT.md` lists it. Numbers of the format, not the defaults: those
/// may change, and what an old record means may not.
const SHAPE_1: BackoffShape = BackoffShape::Exponential;
const JITTER_PERCENT_1: u8 = 10;
const MAX_RUN_1: Millis = Millis::new(1_800_000);
const HORIZON_1: Millis = Millis::new(2_592_000_000);
const MAX_DEPTH_1: u64 = 1_000_000;
/// What is so without a tag, in the same way.
const SESSIONS_2: SessionSettings =
    SessionSettings { mode: SessionMode::Off, idle: Millis::new(60_000), hold: Millis::new(3_600_000) };
const IDEMPOTENCY_WINDOW_1: Millis = Millis::new(86_400_000);
const MAX_BODY_1: u32 = 1_048_576;

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
        max_body: MAX_BODY_1,
        root_ids: RootIds::default(),
        idempotency_window: IDEMPOTENCY_WINDOW_1,
        limit: RunLimit::default(),
        limit_per_key: RunLimit::default(),
        sessions: SESSIONS_2,
    }
}

fn as_version_1(settings: &QueueSettings) -> QueueSettings {
    let RetryPolicy { backoff: Backoff { base, cap, .. }, max_attempts } = settings.retry;
    version_1(settings.sealing, settings.lease, (base, cap), max_attempts)
}

/// Without what stands behind tags: all that version 2 can hold.
fn as_version_2(settings: &QueueSettings) -> QueueSettings {
    QueueSettings {
        limit: RunLimit::default(),
        limit_per_key: RunLimit::default(),
        sessions: SESSIONS_2,
        idempotency_window: IDEMPOTENCY_WINDOW_1,
        max_body: MAX_BODY_1,
        root_ids: RootIds::default(),
        ..*settings
    }
}

/// The first version that can hold these.
pub(super) fn version(settings: &QueueSettings) -> u8 {
    match *settings {
        first if as_version_1(settings) == first => VERSION_1,
        second if as_version_2(settings) == second => VERSION_2,
        _ => VERSION_3,
    }
}

pub(super) fn encode(settings: &QueueSettings, out: &mut Fields<'_>) {
    let QueueSettings {
        sealing,
        lease,
        retry: RetryPolicy { backoff: wait, max_attempts },
        max_run,
        horizon,
        max_depth,
        max_body,
        root_ids,
        limit,
        limit_per_key,
        sessions,
        idempotency_window,
    } = settings;
    out.u8(sealing.code());
    out.millis(*lease);
    out.millis(wait.base);
    out.millis(wait.cap);
    out.u32(*max_attempts);
    if version(settings) > VERSION_1 {
        out.u8(wait.shape.code());
        out.u8(wait.jitter_percent);
        out.millis(*max_run);
        out.millis(*horizon);
        out.u64(*max_depth);
    }
    // In the order of the tags; nothing stands here in the versions before the third.
    run_limit((RATE, CONCURRENCY), limit, out);
    run_limit((RATE_PER_KEY, CONCURRENCY_PER_KEY), limit_per_key, out);
    session_settings(sessions, out);
    if *max_body != MAX_BODY_1 {
        out.tagged(MAX_BODY, |out| out.u32(*max_body));
    }
    if !root_ids.as_slice().is_empty() {
        out.tagged(ROOT_IDS, |out| root_ids.as_slice().iter().for_each(|id| out.fixed(id)));
    }
    if *idempotency_window != IDEMPOTENCY_WINDOW_1 {
        out.tagged(IDEMPOTENCY_WINDOW, |out| out.millis(*idempotency_window));
    }
}

pub(super) fn decode(written: u8, cursor: &mut Cursor<'_>) -> Result<QueueSettings, DecodeError> {
    let sealing = cursor.code("sealing", SealingPolicy::from_code)?;
    let lease = cursor.millis("lease")?;
    let waits = (cursor.millis("retry_base")?, cursor.millis("retry_cap")?);
    let mut settings = version_1(sealing, lease, waits, cursor.u32("max_attempts")?);
    if written > VERSION_1 {
        settings.retry.backoff.shape = cursor.code("shape", BackoffShape::from_code)?;
        settings.retry.backoff.jitter_percent = cursor.u8("jitter_percent")?;
        settings.max_run = cursor.millis("max_run")?;
        settings.horizon = cursor.millis("horizon")?;
        settings.max_depth = cursor.u64("max_depth")?;
    }
    if written > VERSION_2 {
        cursor.tagged("settings", |tag, cursor| {
            match tag {
                RATE => settings.limit.rate = Some(take_rate(cursor)?),
                CONCURRENCY => settings.limit.concurrency = Some(cursor.u32("concurrency")?),
                RATE_PER_KEY => settings.limit_per_key.rate = Some(take_rate(cursor)?),
                CONCURRENCY_PER_KEY => settings.limit_per_key.concurrency = Some(cursor.u32("concurrency")?),
                SESSIONS => settings.sessions.mode = cursor.code("sessions", SessionMode::from_code)?,
                SESSION_IDLE => settings.sessions.idle = cursor.millis("session_idle")?,
                SESSION_HOLD => settings.sessions.hold = cursor.millis("session_hold")?,
                MAX_BODY => settings.max_body = cursor.u32("max_body")?,
                ROOT_IDS => settings.root_ids = take_root_ids(cursor)?,
                IDEMPOTENCY_WINDOW => match cursor.millis("idempotency_window")? {
                    // What is not set has no field.
                    IDEMPOTENCY_WINDOW_1 => return Err(DecodeError::Field { field: "settings" }),
                    window => settings.idempotency_window = window,
                },
                _ => return Err(DecodeError::Field { field: "settings" }),
            }
            // A tag that says what is so without it is a second form of the same settings.
            let without = match tag {
                SESSIONS => settings.sessions.mode == SESSIONS_2.mode,
                SESSION_IDLE => settings.sessions.idle == SESSIONS_2.idle,
                SESSION_HOLD => settings.sessions.hold == SESSIONS_2.hold,
                MAX_BODY => settings.max_body == MAX_BODY_1,
                _ => false,
            };
            if without { Err(DecodeError::Field { field: "settings" }) } else { Ok(()) }
        })?;
    }
    if version(&settings) != written {
        return Err(DecodeError::Field { field: "settings" });
    }
    Ok(settings)
}

fn session_settings(sessions: &SessionSettings, out: &mut Fields<'_>) {
    let SessionSettings { mode, idle, hold } = sessions;
    if *mode != SESSIONS_2.mode {
        out.tagged(SESSIONS, |out| out.u8(mode.code()));
    }
    if *idle != SESSIONS_2.idle {
        out.tagged(SESSION_IDLE, |out| out.millis(*idle));
    }
    if *hold != SESSIONS_2.hold {
        out.tagged(SESSION_HOLD, |out| out.millis(*hold));
    }
}

fn run_limit((rate_tag, concurrency_tag): (u8, u8), limit: &RunLimit, out: &mut Fields<'_>) {
    let RunLimit { rate, concurrency } = limit;
    if let Some(Rate { starts, period, burst }) = rate {
        out.tagged(rate_tag, |out| {
            out.u32(*starts);
            out.millis(*period);
            out.u32(*burst);
        });
    }
    if let Some(jobs) = concurrency {
        out.tagged(concurrency_tag, |out| out.u32(*jobs));
    }
}

/// One form only: ascending, each once, and at least one.
fn take_root_ids(cursor: &mut Cursor<'_>) -> Result<RootIds, DecodeError> {
    let mut ids = Vec::new();
    while !cursor.is_empty() {
        ids.push(cursor.fixed("root_ids")?);
    }
    match RootIds::of(&ids) {
        Ok(found) if !ids.is_empty() && found.as_slice() == ids => Ok(found),
        _ => Err(DecodeError::Field { field: "root_ids" }),
    }
}

fn take_rate(cursor: &mut Cursor<'_>) -> Result<Rate, DecodeError> {
    Ok(Rate { starts: cursor.u32("starts")?, period: cursor.millis("period")?, burst: cursor.u32("burst")? })
}
