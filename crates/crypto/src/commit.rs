//! The committing derivation of a sealed body (suite 1), which knows neither header layout nor
//! key lookup: it takes the header's hash, the context's hash, a key and a salt.
//!
//! ```text
//! PRK        = Extract(salt, key)
//! K          = Expand(PRK, "QRE2 enc" ‖ suite ‖ H ‖ C)      encrypts one message
//! commitment = Expand(PRK, "QRE2 com" ‖ suite ‖ H ‖ C)      travels with it
//! AAD        = "QRE2 aad" ‖ H ‖ C
//! ```
//!
//! Why a commitment: GCM alone lets an attacker craft one ciphertext that opens under two keys
//! to two texts. Finding two keys with one commitment means a collision in HMAC-SHA-256.

use std::error::Error;
use std::fmt;

use subtle::ConstantTimeEq;

use crate::aead::{self, NONCE_BYTES, TAG_BYTES};
use crate::digest::Sha256;
use crate::error::{OpenError, SealError};
use crate::kdf;
use crate::secret::{Key, Secret};

/// HKDF-SHA-256 and AES-256-GCM, key-committing.
pub const SUITE_1: u8 = 1;

/// `C`: what a body is bound to besides its own header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContextHash([u8; 32]);

impl ContextHash {
    /// Hashes namespace, logical queue and the bound attributes, names ascending by bytes.
    ///
    /// # Errors
    /// When names are not strictly ascending, or more than 65 535 are given: there must be one
    /// way only to write a context down.
    ///
    /// # Panics
    /// When a name or value is 4 GiB or longer.
    pub fn new(namespace: &str, queue: &str, attributes: &[(&str, &str)]) -> Result<Self, ContextError> {
        let count = u16::try_from(attributes.len()).map_err(|_| ContextError::TooMany)?;
        let mut digest = Sha256::new();
        digest.update_prefixed(b"QRE2 context v1");
        digest.update_prefixed(namespace.as_bytes());
        digest.update_prefixed(queue.as_bytes());
        digest.update(&count.to_be_bytes());
        let mut previous: Option<&str> = None;
        for (name, value) in attributes {
            if previous.is_some_and(|previous| previous >= name) {
                return Err(ContextError::NotAscending);
            }
            previous = Some(name);
            digest.update_prefixed(name.as_bytes());
            digest.update_prefixed(value.as_bytes());
        }
        Ok(Self(digest.finish()))
    }

    /// The hash itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a context cannot be hashed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ContextError {
    /// Names out of order or named twice.
    NotAscending,
    /// More attributes than can be counted in 16 bits.
    TooMany,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAscending => "bound attributes must be sorted by name, each named once",
            Self::TooMany => "at most 65535 attributes can be bound",
        })
    }
}

impl Error for ContextError {}

/// The single-use key of one message, and what commits to it.
pub struct Derived {
    key: Key,
    commitment: Secret<[u8; 32]>,
    aad: [u8; 72],
}

/// Derives key, commitment and associated data of one message.
#[must_use]
pub fn derive(key: &Key, salt: &[u8; 32], suite: u8, header: &[u8; 32], context: &ContextHash) -> Derived {
    let prk = kdf::extract(salt, key.expose());
    let mut aad = [0; 72];
    aad[..8].copy_from_slice(b"QRE2 aad");
    aad[8..40].copy_from_slice(header);
    aad[40..].copy_from_slice(&context.0);
    let suite = [suite];
    Derived {
        key: prk.expand(&[b"QRE2 enc", &suite, header, &context.0]),
        commitment: prk.expand(&[b"QRE2 com", &suite, header, &context.0]),
        aad,
    }
}

impl Derived {
    /// The commitment a sealer writes.
    #[must_use]
    pub const fn commitment(&self) -> &[u8; 32] {
        self.commitment.expose()
    }

    /// Whether this key is the one the message was sealed under, found in constant time.
    #[must_use]
    pub fn commits_to(&self, commitment: &[u8; 32]) -> bool {
        self.commitment.expose().ct_eq(commitment).into()
    }

    /// Encrypts `buffer` where it stands and gives the tag. Consumes the key: it seals once.
    ///
    /// # Errors
    /// When `buffer` is longer than one message may be.
    pub fn seal_in_place(
        self,
        nonce: &[u8; NONCE_BYTES],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        aead::seal_in_place(&self.key, nonce, &self.aad, buffer)
    }

    /// Opens `ciphertext ‖ tag` if `commitment` is this key's. A wrong commitment costs as much
    /// time as a wrong tag, so the answer does not tell which of them it was.
    ///
    /// # Errors
    /// [`OpenError::NotAuthentic`] for a commitment or tag that does not match.
    pub fn open(
        &self,
        commitment: &[u8; 32],
        nonce: &[u8; NONCE_BYTES],
        ciphertext_and_tag: &[u8],
    ) -> Result<Secret<Vec<u8>>, OpenError> {
        let opened = self.open_uncommitted(nonce, ciphertext_and_tag);
        if !self.commits_to(commitment) {
            // What GCM alone would have let through is wiped here.
            return Err(OpenError::NotAuthentic);
        }
        opened
    }

    /// Opens by the tag alone, which is not enough: two keys can open one ciphertext.
    fn open_uncommitted(
        &self,
        nonce: &[u8; NONCE_BYTES],
        ciphertext_and_tag: &[u8],
    ) -> Result<Secret<Vec<u8>>, OpenError> {
        aead::open(&self.key, nonce, &self.aad, ciphertext_and_tag)
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_has_one_form() {
        let hash = |attributes| ContextHash::new("acme", "orders", attributes);
        let good = hash(&[("a", "1"), ("b", "2")]).unwrap();
        assert_eq!(hash(&[("b", "2"), ("a", "1")]), Err(ContextError::NotAscending));
        assert_eq!(hash(&[("a", "1"), ("a", "1")]), Err(ContextError::NotAscending));
        assert_ne!(good, hash(&[("a", "1")]).unwrap());
        assert_ne!(good, hash(&[("a", "1b"), ("b", "2")]).unwrap());
        assert_ne!(
            ContextHash::new("acme", "orders", &[]).unwrap(),
            ContextHash::new("acmeo", "rders", &[]).unwrap()
        );
        let many: Vec<String> = (0..65_536).map(|i| format!("{i:05}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(hash(&many), Err(ContextError::TooMany));
        assert!(hash(&many[1..]).is_ok());
    }

    #[test]
    fn everything_that_goes_in_changes_what_comes_out() {
        let context = ContextHash::new("acme", "orders", &[]).unwrap();
        let other = ContextHash::new("acme", "invoices", &[]).unwrap();
        let key = Key::new([1; 32]);
        let base = derive(&key, &[2; 32], SUITE_1, &[3; 32], &context);
        let mut body = *b"text";
        let tag =
            derive(&key, &[2; 32], SUITE_1, &[3; 32], &context).seal_in_place(&[0; 12], &mut body).unwrap();
        let sealed = [&body[..], &tag].concat();
        let commitment = *base.commitment();
        assert_eq!(base.open(&commitment, &[0; 12], &sealed).unwrap().expose(), b"text");
        for changed in [
            derive(&Key::new([9; 32]), &[2; 32], SUITE_1, &[3; 32], &context),
            derive(&key, &[9; 32], SUITE_1, &[3; 32], &context),
            derive(&key, &[2; 32], 2, &[3; 32], &context),
            derive(&key, &[2; 32], SUITE_1, &[9; 32], &context),
            derive(&key, &[2; 32], SUITE_1, &[3; 32], &other),
        ] {
            assert!(!changed.commits_to(&commitment));
            assert!(changed.open(&commitment, &[0; 12], &sealed).is_err());
            assert!(changed.open_uncommitted(&[0; 12], &sealed).is_err());
        }
        let mut flipped = commitment;
        flipped[31] ^= 1;
        assert_eq!(base.open(&flipped, &[0; 12], &sealed).unwrap_err(), OpenError::NotAuthentic);
    }

    /// One ciphertext that GCM opens under two keys to two texts, made by solving for its second
    /// block. The commitment is what tells the keys apart.
    // attack 8
    #[test]
    fn two_keys_one_ciphertext_is_refused_by_the_commitment() {
        const CRAFTED: [u8; 48] = [
            0xea, 0xcc, 0x45, 0x0f, 0x59, 0x63, 0xe0, 0xf1, 0xac, 0xf3, 0x94, 0x15, 0xbc, 0x8f, 0x44, 0x0f,
            0x20, 0x2b, 0x45, 0xe2, 0xe1, 0x14, 0x48, 0xde, 0x17, 0x4d, 0x1d, 0xdb, 0x19, 0x7f, 0x0e, 0xea,
            0xea, 0x5f, 0xd5, 0x5b, 0x88, 0x07, 0x6d, 0x10, 0xd2, 0xa4, 0xf7, 0x5f, 0x56, 0x5c, 0x9f, 0x8a,
        ];
        let context = ContextHash::new("acme", "orders", &[]).unwrap();
        let under = |key| derive(&Key::new([key; 32]), &[3; 32], SUITE_1, &[4; 32], &context);
        let (alice, mallory) = (under(1), under(2));
        let seen_by_alice = alice.open_uncommitted(&[5; 12], &CRAFTED).unwrap();
        let seen_by_mallory = mallory.open_uncommitted(&[5; 12], &CRAFTED).unwrap();
        assert_eq!(&seen_by_alice.expose()[..16], b"pay alice 1 euro");
        assert_ne!(seen_by_alice.expose(), seen_by_mallory.expose());

        let commitment = *alice.commitment();
        assert!(alice.open(&commitment, &[5; 12], &CRAFTED).is_ok());
        assert_eq!(mallory.open(&commitment, &[5; 12], &CRAFTED).unwrap_err(), OpenError::NotAuthentic);
    }
}
