//! Data keys that travel with their envelope, sealed for somebody. Today a symmetric wrapping
//! key (type 1) can be that somebody; the other types are recognised by their shape and refused.

use std::fmt;

use sealane_core::sealed::{Recipient, RecipientKind};
use sealane_crypto::{Key, OpenError, Random, SealError, wrap};

use crate::keys::DataKey;

/// A data key under a wrapping key, ready to go into a header.
#[derive(Clone)]
pub struct WrappedKey {
    recipient_id: [u8; 16],
    blob: [u8; wrap::WRAPPED_BYTES],
}

impl WrappedKey {
    /// Wraps `data_key` for whoever holds the wrapping key of this name.
    ///
    /// # Errors
    /// When `random` fails.
    pub fn wrap(
        wrapping_key: &Key,
        name: &str,
        namespace: &str,
        random: &dyn Random,
        data_key: &DataKey,
    ) -> Result<Self, SealError> {
        let recipient_id = wrap::recipient_id(name.as_bytes());
        let place = wrap::Place { namespace, recipient_id: &recipient_id, key_id: data_key.id() };
        let blob = wrap::wrap(wrapping_key, &place, random, data_key.key())?;
        Ok(Self { recipient_id, blob })
    }

    /// The entry for a header.
    #[must_use]
    pub const fn as_recipient(&self) -> Recipient<'_> {
        Recipient { kind: RecipientKind::KeyWrap, id: &self.recipient_id, blob: &self.blob }
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedKey(…)")
    }
}

/// Unwraps the data key a header calls `dek_id`. The caller compares the id of what comes out,
/// as it does for every key it is given: the wrapping binds the name, it does not prove it.
pub(crate) fn unwrap(
    wrapping_key: &Key,
    namespace: &str,
    recipient: &Recipient<'_>,
    dek_id: &[u8; 16],
) -> Result<DataKey, OpenError> {
    let place = wrap::Place { namespace, recipient_id: recipient.id, key_id: dek_id };
    wrap::unwrap(wrapping_key, &place, recipient.blob).map(DataKey::from_key)
}
