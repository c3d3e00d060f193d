//! Roots, the data keys below them, and their ids, which are computed from the keys themselves.

use std::fmt;

use data_encoding::HEXLOWER;
use sealane_crypto::{Key, Random, RandomError, kdf, prefix, wrap};

/// The public name of a root.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RootId([u8; 16]);

impl RootId {
    /// An id from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// An id from 32 lower-case hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootId({self})")
    }
}

/// 32 random bytes that producers and consumers of a queue share.
pub struct Root {
    id: RootId,
    key: Key,
}

impl Root {
    /// A root from its key. The key must be random, not a password.
    #[must_use]
    pub fn from_key(key: Key) -> Self {
        let id = RootId(kdf::extract(b"QRE2 root", key.expose()).expand_id(&[b"id"]));
        Self { id, key }
    }

    /// A fresh root.
    ///
    /// # Errors
    /// When `random` has no bytes to give.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        Key::generate(random).map(Self::from_key)
    }

    /// The root's public name.
    #[must_use]
    pub const fn id(&self) -> RootId {
        self.id
    }

    /// The secret itself, for writing it to where keys are kept.
    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }

    /// The data key of one namespace, queue and day.
    #[must_use]
    pub fn data_key(&self, namespace: &str, queue: &str, epoch: u32) -> DataKey {
        let place = prefix::join(&[namespace.as_bytes(), queue.as_bytes()]);
        DataKey::from_key(kdf::Prk::from_key(&self.key).expand(&[
            b"QRE2 epoch",
            &place,
            &epoch.to_be_bytes(),
        ]))
    }

    /// The key under which bodies of one queue are fingerprinted.
    pub(crate) fn fingerprint_key(&self, namespace: &str, queue: &str) -> Key {
        let place = prefix::join(&[namespace.as_bytes(), queue.as_bytes()]);
        kdf::extract(b"QRE2 fingerprint", self.key.expose()).expand(&[&place])
    }

    /// The key under which errors of one queue are fingerprinted.
    pub(crate) fn error_fingerprint_key(&self, namespace: &str, queue: &str) -> Key {
        let place = prefix::join(&[namespace.as_bytes(), queue.as_bytes()]);
        kdf::extract(b"QRE2 error_fingerprint", self.key.expose()).expand(&[&place])
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key bodies are sealed under, and the id the header names it by.
pub struct DataKey {
    id: [u8; 16],
    key: Key,
}

impl DataKey {
    /// A data key from its bytes; the id follows from them.
    #[must_use]
    pub fn from_key(key: Key) -> Self {
        Self { id: wrap::data_key_id(&key), key }
    }

    /// The key's public name.
    #[must_use]
    pub const fn id(&self) -> &[u8; 16] {
        &self.id
    }

    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("id", &HEXLOWER.encode(&self.id)).finish_non_exhaustive()
    }
}
