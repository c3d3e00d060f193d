//! Back-offs.

use sealane_core::retry::{Backoff, BackoffShape};

use super::error::DecodeError;
use super::fields::{Cursor, Fields};

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
