//! HMAC-SHA-256 with the key schedule kept, under which key derivation and tokens both stand.
//!
//! Why not the library of the ciphers: behind its door each tag allocates and looks its function
//! up, which takes longer than the hashing does. Here a keyed state is a value that is copied.

use hmac::{Hmac, KeyInit, Mac as _, digest::FixedOutput};
use sha2::Sha256;

/// A keyed function. It is wiped on drop, and so is every copy of it.
pub(crate) struct Mac(Hmac<Sha256>);

impl Mac {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of every length"))
    }

    /// Writes the tag of all parts, one after the other, where the caller wants it, so that a
    /// derived key is not copied about.
    pub(crate) fn write<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>, out: &mut [u8; 32]) {
        let mut state = self.0.clone();
        for part in parts {
            state.update(part);
        }
        state.finalize_into(out.into());
    }
}
