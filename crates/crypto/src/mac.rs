//! HMAC-SHA-256 with the key schedule kept, under which key derivation and tokens both stand.

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key, sign_to_buffer};

/// A keyed function; the cipher library wipes its state on drop.
pub(crate) struct Mac(Key);

impl Mac {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, key))
    }

    /// Writes the tag where the caller wants it, so that a derived key is not copied about.
    pub(crate) fn write(&self, data: &[u8], out: &mut [u8; 32]) {
        sign_to_buffer(&self.0, data, out).expect("HMAC-SHA-256 writes exactly 32 bytes and cannot fail");
    }

    pub(crate) fn stream(&self) -> Context {
        Context::with_key(&self.0)
    }
}
