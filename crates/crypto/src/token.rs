//! Keyed tags over lists of parts, and comparison that takes the same time wherever two values
//! differ: receipts, hashes of API keys, blind search tokens.

use subtle::ConstantTimeEq;

use crate::mac::Mac;
use crate::prefix;
use crate::secret::Key;

/// A key for tags with its schedule made, for whoever makes many.
pub struct TagKey(Mac);

impl TagKey {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self(Mac::new(key.expose()))
    }

    /// HMAC-SHA-256 over the parts, each behind its length.
    ///
    /// # Panics
    /// When one part is 4 GiB or longer.
    #[must_use]
    pub fn tag<const N: usize>(&self, parts: [&[u8]; N]) -> [u8; 32] {
        let lengths = parts.map(prefix::length);
        let mut out = [0; 32];
        self.0.write(lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]), &mut out);
        out
    }
}

impl std::fmt::Debug for TagKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TagKey(…)")
    }
}

/// One tag under a key that is used once: see [`TagKey::tag`].
///
/// # Panics
/// When one part is 4 GiB or longer.
#[must_use]
pub fn tag<const N: usize>(key: &Key, parts: [&[u8]; N]) -> [u8; 32] {
    TagKey::new(key).tag(parts)
}

/// HMAC-SHA-256 over the parts put together without lengths, for contracts that fix it so.
/// Nothing separates the parts: at most one of them may vary in length.
#[must_use]
pub fn tag_joined(key: &Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    Mac::new(key.expose()).write(parts.iter().copied(), &mut out);
    out
}

/// Whether two values are equal, in a time that depends on their lengths only.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_of_its_parts_only() {
        let key = Key::new([1; 32]);
        let good = tag(&key, [b"job", b"1"]);
        let prepared = TagKey::new(&key);
        // Twice: a prepared key is not used up.
        assert_eq!(prepared.tag([b"job", b"1"]), good);
        assert_eq!(prepared.tag([b"job", b"1"]), good);
        assert_ne!(prepared.tag([b"jo", b"b1"]), good);
        assert_ne!(prepared.tag([b"job1"]), good);
        assert_ne!(prepared.tag([b"job", b"1", b""]), good);
        assert_ne!(tag(&Key::new([2; 32]), [b"job", b"1"]), good);
        // The lengths are big-endian and 32 bits wide.
        assert_eq!(tag_joined(&key, &[b"\0\0\0\x03job", b"\0\0\0\x011"]), good);
    }

    /// RFC 4231 test case 1, its key zero-padded to 32 bytes, which HMAC does anyway.
    #[test]
    fn the_example_of_the_rfc() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let expected = [
            0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53, 0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b,
            0x88, 0x1d, 0xc2, 0x00, 0xc9, 0x83, 0x3d, 0xa7, 0x26, 0xe9, 0x37, 0x6c, 0x2e, 0x32, 0xcf, 0xf7,
        ];
        assert_eq!(tag_joined(&Key::new(key), &[b"Hi ", b"There"]), expected);
    }

    #[test]
    fn equality_is_plain_equality() {
        assert!(equal(b"", b""));
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"ab"));
    }
}
