//! HKDF-SHA-256 (RFC 5869), and child keys with a label.

use crate::mac::Mac;
use crate::prefix;
use crate::secret::{Key, Secret};

/// A pseudorandom key: what extraction leaves and expansion starts from.
pub struct Prk(Mac);

/// Extraction: key material under a salt, in the order of arguments RFC 5869 uses.
#[must_use]
pub fn extract(salt: &[u8], key_material: &[u8]) -> Prk {
    let mut prk = Secret::new([0; 32]);
    Mac::new(salt).write([key_material], prk.expose_mut());
    Prk::from_key(&prk)
}

impl Prk {
    /// Takes a uniformly random key as the pseudorandom key itself, without extraction.
    #[must_use]
    pub fn from_key(key: &Key) -> Self {
        Self(Mac::new(key.expose()))
    }

    /// A child key of 32 bytes for the info made of `parts` put together.
    #[must_use]
    pub fn expand(&self, parts: &[&[u8]]) -> Key {
        let mut key = Secret::new([0; 32]);
        self.first_block(parts, key.expose_mut());
        key
    }

    /// A public identifier of 16 bytes: the first half of what [`Prk::expand`] would give.
    #[must_use]
    pub fn expand_id(&self, parts: &[&[u8]]) -> [u8; 16] {
        let block = self.expand(parts);
        let mut id = [0; 16];
        id.copy_from_slice(&block.expose()[..16]);
        id
    }

    /// `T(1) = HMAC(PRK, info ‖ 0x01)`. Nobody here needs more than the 32 bytes of one block.
    fn first_block(&self, parts: &[&[u8]], out: &mut [u8; 32]) {
        self.0.write(parts.iter().copied().chain([&[1_u8][..]]), out);
    }
}

impl std::fmt::Debug for Prk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prk(…)")
    }
}

/// A child of `key` for one purpose: `Expand(Extract("sealane " ‖ label, key), LP(part)*)`.
///
/// Two labels never give related keys, and lists of parts that differ anywhere, also only in
/// where one part ends, give different keys.
///
/// # Panics
/// When one part is 4 GiB or longer.
#[must_use]
pub fn derive(key: &Key, label: &str, parts: &[&[u8]]) -> Key {
    let salt = [b"sealane ", label.as_bytes()].concat();
    extract(&salt, key.expose()).expand(&[&prefix::join(parts)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869, test cases 1 and 3, first 32 and 16 bytes of OKM.
    #[test]
    fn the_examples_of_the_rfc() {
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let okm = [
            0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a,
            0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf,
        ];
        let prk = extract(&salt, &[0x0b; 22]);
        assert_eq!(prk.expand(&[&info]).expose(), &okm);
        assert_eq!(prk.expand(&[&info[..3], &info[3..]]).expose(), &okm);
        assert_eq!(prk.expand_id(&[&info]), okm[..16]);

        let empty = extract(&[], &[0x0b; 22]).expand_id(&[]);
        assert_eq!(
            empty,
            [0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80, 0x2a, 0x06, 0x3c, 0x5a, 0x31]
        );
    }

    #[test]
    fn where_parts_of_an_info_end_does_not_count() {
        let prk = extract(b"salt", b"key");
        let long = [7; 400];
        let whole = prk.expand(&[&long]);
        assert_eq!(whole.expose(), prk.expand(&[&long[..255], &long[255..]]).expose());
        assert_ne!(whole.expose(), prk.expand(&[&long[..399]]).expose());
    }

    #[test]
    fn children_differ_by_label_and_by_where_parts_end() {
        let key = Key::new([1; 32]);
        let base = derive(&key, "receipt", &[b"ab", b"c"]);
        assert_eq!(base.expose(), derive(&key, "receipt", &[b"ab", b"c"]).expose());
        for other in [
            derive(&key, "receipts", &[b"ab", b"c"]),
            derive(&key, "receipt", &[b"a", b"bc"]),
            derive(&key, "receipt", &[b"abc"]),
            derive(&Key::new([2; 32]), "receipt", &[b"ab", b"c"]),
        ] {
            assert_ne!(base.expose(), other.expose());
        }
    }
}
