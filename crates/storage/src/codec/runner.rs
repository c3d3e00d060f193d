//! What a lease says besides, in the versions of its record: nothing in the first; in the second the hold of
//! the job's session; from the third on that hold, where there is one, and the worker as it calls itself.

use std::sync::Arc;

use sealane_core::id::LockId;
use sealane_core::name::{CodeVersion, InstanceName};
use sealane_core::queue::Runner;

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2};
use super::fields::{Cursor, Fields};

pub(super) fn encode(runner: Option<&Runner>, lock: Option<&LockId>, out: &mut Fields<'_>) {
    let Some(runner) = runner else {
        return lock.into_iter().for_each(|lock| out.fixed(lock.as_bytes()));
    };
    out.option(lock, |out, lock| out.fixed(lock.as_bytes()));
    out.option(runner.instance(), |out, name| out.text(name.as_str()));
    out.option(runner.version(), |out, version| out.text(version.as_str()));
}

pub(super) fn decode(
    version: u8,
    cursor: &mut Cursor<'_>,
) -> Result<(Option<Arc<Runner>>, Option<LockId>), DecodeError> {
    let lock = |cursor: &mut Cursor<'_>| cursor.fixed("lock").map(LockId::from_bytes);
    match version {
        VERSION_1 => Ok((None, None)),
        VERSION_2 => Ok((None, Some(lock(cursor)?))),
        _ => {
            let lock = cursor.option("lock", lock)?;
            let instance =
                cursor.option("instance", |cursor| cursor.text("instance", InstanceName::parse))?;
            let version =
                cursor.option("code version", |cursor| cursor.text("code version", CodeVersion::parse))?;
            // Who says neither is written in an earlier version.
            let runner = Runner::new(instance, version).ok_or(DecodeError::Field { field: "instance" })?;
            Ok((Some(Arc::new(runner)), lock))
        }
    }
}
