//! An access key as it is carried: `sl_<environment>_<key id>_<secret and checksum>`.
//!
//! | part | form |
//! |---|---|
//! | environment | 1 to 16 of a-z and 0-9: a key of one installation is not tried on another |
//! | key id | 16 of a-z and 2-7, public |
//! | secret and checksum | base32 in lower case of 32 random bytes and the first 4 bytes of SHA-256 over all before |
//!
//! The checksum finds typing errors and lets scanners recognise a leaked key. It proves nothing.

use std::sync::LazyLock;

use std::fmt;

use data_encoding::{Encoding, Specification};
use sealane_core::name::KeyId;
use sealane_crypto::digest::sha256;
use sealane_crypto::random::{Random, RandomError};
use sealane_crypto::secret::Key;

const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
/// Longest text that is looked at.
const TEXT_BYTES_MAX: usize = 128;

/// Which installation a key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(String);

impl Environment {
    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        let good = (1..=16).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        good.then(|| Self(word.to_owned()))
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedKey;

/// An access key with its secret.
pub struct AccessKeyText {
    /// Which installation it is for.
    pub environment: Environment,
    /// The public part.
    pub id: KeyId,
    /// The secret part.
    pub secret: Key,
}

impl fmt::Debug for AccessKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeyText").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AccessKeyText {
    /// Makes a new key.
    pub fn generate(environment: &Environment, random: &dyn Random) -> Result<Self, RandomError> {
        let mut id = [0; 10];
        random.fill(&mut id)?;
        let id = KeyId::parse(&base32().encode(&id)).expect("10 bytes are 16 letters of the id's alphabet");
        Ok(Self { environment: environment.clone(), id, secret: Key::generate(random)? })
    }

    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(MalformedKey);
        }
        let mut parts = text.split('_');
        let (Some("sl"), Some(environment), Some(id), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedKey);
        };
        let environment = Environment::parse(environment).ok_or(MalformedKey)?;
        let id = KeyId::parse(id).map_err(|_| MalformedKey)?;
        let bytes = zeroize::Zeroizing::new(base32().decode(secret.as_bytes()).map_err(|_| MalformedKey)?);
        if bytes.len() != SECRET_BYTES + CHECKSUM_BYTES {
            return Err(MalformedKey);
        }
        let (secret, checksum) = bytes.split_at(SECRET_BYTES);
        let key = Self { environment, id, secret: Key::from_slice(secret).ok_or(MalformedKey)? };
        if key.checksum() == checksum { Ok(key) } else { Err(MalformedKey) }
    }

    /// The text, to be shown once.
    pub fn reveal(&self) -> String {
        let mut bytes = zeroize::Zeroizing::new(self.secret.expose().to_vec());
        bytes.extend_from_slice(&self.checksum());
        format!("sl_{}_{}_{}", self.environment.as_str(), self.id, base32().encode(&bytes))
    }

    fn checksum(&self) -> [u8; CHECKSUM_BYTES] {
        let digest = sha256(&[
            b"sealane access key",
            self.environment.as_str().as_bytes(),
            b"_",
            self.id.as_str().as_bytes(),
            b"_",
            self.secret.expose(),
        ]);
        let mut checksum = [0; CHECKSUM_BYTES];
        checksum.copy_from_slice(&digest[..CHECKSUM_BYTES]);
        checksum
    }
}

fn base32() -> &'static Encoding {
    // Why kept: making the alphabet's tables costs more than reading a key with them.
    static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        specification.encoding().expect("32 different symbols make a base32 alphabet")
    });
    &BASE32
}

#[cfg(test)]
mod tests {
    use sealane_crypto::random::SystemRandom;

    use super::*;

    fn key() -> AccessKeyText {
        AccessKeyText::generate(&Environment::parse("live").unwrap(), &SystemRandom).unwrap()
    }

    // covers AUTH-1 (form of the key)
    #[test]
    fn a_key_reads_back_and_a_typing_error_is_found() {
        let key = key();
        let text = key.reveal();
        let read = AccessKeyText::parse(&text).unwrap();
        assert_eq!((read.id, read.secret.expose()), (key.id, key.secret.expose()));
        for at in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
            assert!(AccessKeyText::parse(std::str::from_utf8(&wrong).unwrap()).is_err(), "position {at}");
        }
        assert!(AccessKeyText::parse(&text[..text.len() - 1]).is_err());
        assert!(AccessKeyText::parse(&format!("{text}_")).is_err());
        assert!(AccessKeyText::parse(&text.to_uppercase()).is_err());
    }

    // covers SEC-1 (an access key cannot be printed by accident)
    // attack 27
    #[test]
    fn debug_shows_the_public_part_only() {
        let key = key();
        let secret = key.reveal().rsplit('_').next().unwrap().to_owned();
        assert!(!format!("{key:?}").contains(&secret));
    }
}
