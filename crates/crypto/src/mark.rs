//! Short marks that tell long bytes apart at a tenth of what a hash costs: GHASH under a secret key,
//! the universal hash inside GCM (NIST SP 800-38D, section 6.4).
//!
//! Two different messages of n bytes share a mark with a chance of about n / 2^132 for whoever knows
//! neither key nor marks. A mark is no proof to others: with a mark in hand, another message with the
//! same one could be found. So keep them, or hash them further, and never show them.

use crate::aead::{NONCE_BYTES, PreparedKey};
use crate::secret::Key;

/// Bytes of a mark.
pub const MARK_BYTES: usize = 16;

/// What marks are made under. The same key gives the same marks for ever.
#[derive(Debug)]
pub struct MarkKey(PreparedKey);

impl MarkKey {
    /// With this key, which must serve nothing else.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self(PreparedKey::new(key))
    }

    /// The mark of these bytes.
    ///
    /// # Panics
    /// When they are 64 GiB or longer.
    #[must_use]
    pub fn of(&self, bytes: &[u8]) -> [u8; MARK_BYTES] {
        // Why one nonce for all is safe here: nothing is encrypted, and no mark is shown to anybody
        // who could subtract one from another.
        self.0
            .seal_in_place(&[0; NONCE_BYTES], bytes, &mut [])
            .expect("only a message of 64 GiB is refused, and none is")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_changes_with_every_bit_with_the_length_and_with_the_key() {
        let key = MarkKey::new(&Key::new([1; 32]));
        let bytes: Vec<u8> = (0..=255).collect();
        let mark = key.of(&bytes);
        assert_eq!(key.of(&bytes), mark);
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(key.of(&other), mark, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_ne!(key.of(&bytes[..length]), mark, "length {length}");
        }
        // Zeros are told from fewer zeros: the length goes in.
        assert_ne!(key.of(&[0; 16]), key.of(&[0; 15]));
        assert_ne!(key.of(&[0; 16]), key.of(&[]));
        assert_ne!(MarkKey::new(&Key::new([2; 32])).of(&bytes), mark);
    }

    /// The GCM specification's test case 13: zero key, zero nonce, nothing to authenticate.
    #[test]
    fn the_standard_example() {
        let expected = 0x530f_8afb_c745_36b9_a963_b4f1_c4cb_738b_u128;
        assert_eq!(MarkKey::new(&Key::new([0; 32])).of(&[]), expected.to_be_bytes());
    }
}
