//! Owns what must not be seen: a value in [`Secret`] has no text form, no serial form and no
//! equality, and its memory is wiped when it goes. Moving it may leave a copy on the stack that
//! nobody can wipe; long-lived secrets therefore sit behind an `Arc` and stay where they are.

use std::fmt;

use zeroize::Zeroize;

use crate::random::{Random, RandomError};

/// A value that is wiped on drop and prints as `Secret(…)`.
pub struct Secret<T: Zeroize>(T);

/// A 256-bit key.
pub type Key = Secret<[u8; 32]>;

impl<T: Zeroize> Secret<T> {
    /// Takes the value over. The caller wipes whatever it was copied from.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call site of this word is a place where a secret can leak.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, to be changed where it stands.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Gives the value away; from here on wiping is the receiver's business.
    pub fn into_inner(mut self) -> T
    where
        T: Default,
    {
        std::mem::take(&mut self.0)
    }
}

impl Key {
    /// A fresh key.
    ///
    /// # Errors
    /// When `random` has no bytes to give.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut key = Self::new([0; 32]);
        random.fill(&mut key.0)?;
        Ok(key)
    }

    /// A key from a slice of exactly 32 bytes; any other length is `None`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::new([0; 32]);
        if bytes.len() != key.0.len() {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// A second owner of the same key. A method and not `Clone`, so that copies of keys can be
    /// searched for.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    // covers SEAL-9 (a secret cannot be printed)
    // attack 27
    #[test]
    fn debug_shows_no_byte() {
        let text = format!("{:?} {:#?}", Key::new([0x5a; 32]), Secret::new(b"canary".to_vec()));
        assert_eq!(text, "Secret(…) Secret(…)");
    }

    struct Witness(Arc<AtomicBool>);

    impl Zeroize for Witness {
        fn zeroize(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    // covers SEAL-9 (wiped on drop)
    #[test]
    fn drop_wipes() {
        let wiped = Arc::new(AtomicBool::new(false));
        let secret = Secret::new(Witness(Arc::clone(&wiped)));
        assert!(!wiped.load(Ordering::SeqCst));
        drop(secret);
        assert!(wiped.load(Ordering::SeqCst));
    }

    #[test]
    fn a_key_has_one_length() {
        assert!(Key::from_slice(&[1; 32]).is_some());
        assert!(Key::from_slice(&[1; 31]).is_none());
        assert!(Key::from_slice(&[1; 33]).is_none());
    }
}
