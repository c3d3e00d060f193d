//! Which family a record belongs to: its first byte says.

use super::error::DecodeError;
use super::fields::{Cursor, Fields};
use super::{control, shard};
use crate::fact::Fact;

/// The first version of every layout.
pub(super) const VERSION_1: u8 = 1;
/// The second version of those that have one.
pub(super) const VERSION_2: u8 = 2;
/// The third version of those that have one.
pub(super) const VERSION_3: u8 = 3;

/// Writes a fact.
pub fn encode_fact(fact: &Fact, out: &mut Vec<u8>) {
    let mut out = Fields(out);
    match fact {
        Fact::Control(event) => control::encode(event, &mut out),
        Fact::Shard { namespace, event } => shard::encode(namespace, event, &mut out),
    }
}

/// Reads a fact.
///
/// # Errors
/// When the bytes are not exactly one known layout.
pub fn decode_fact(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let mut cursor = Cursor::new(bytes);
    let tag = cursor.u8("tag")?;
    let version = cursor.u8("version")?;
    let fact = match (tag, version) {
        (shard::FIRST_TAG..=shard::LAST_TAG, VERSION_1..=VERSION_3) => {
            shard::decode(tag, version, &mut cursor)?
        }
        (control::FIRST_TAG..=control::LAST_TAG, VERSION_1) => {
            Fact::Control(control::decode(tag, &mut cursor)?)
        }
        _ => return Err(DecodeError::UnknownTag { tag, version }),
    };
    cursor.end()?;
    Ok(fact)
}
