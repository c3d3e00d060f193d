//! AES-256-GCM. Nothing here chooses a nonce: a caller derives a key per message or counts, and
//! says so at its own door.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::error::{OpenError, SealError};
use crate::secret::{Key, Secret};

/// Bytes of the authentication tag.
pub const TAG_BYTES: usize = 16;

/// Bytes of the nonce.
pub const NONCE_BYTES: usize = 12;

/// A key with its schedule made, for whoever seals or opens many messages under one key.
pub struct PreparedKey(LessSafeKey);

impl PreparedKey {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key.expose());
        Self(LessSafeKey::new(key.expect("a key of 32 bytes is what AES-256 takes")))
    }

    /// Encrypts `buffer` where it stands and gives the tag.
    ///
    /// A pair of key and nonce must never seal twice.
    ///
    /// # Errors
    /// When `buffer` is longer than one message may be (64 GiB).
    pub fn seal_in_place(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), buffer)
            .map_err(|_| SealError::Cipher)?;
        let mut out = [0; TAG_BYTES];
        out.copy_from_slice(tag.as_ref());
        Ok(out)
    }

    /// Decrypts `ciphertext ‖ tag`. The plaintext exists for the caller only after the tag matched.
    ///
    /// # Errors
    /// [`OpenError::Malformed`] when there is no room for a tag, else [`OpenError::NotAuthentic`].
    pub fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext_and_tag: &[u8],
    ) -> Result<Secret<Vec<u8>>, OpenError> {
        let Some((ciphertext, tag)) = ciphertext_and_tag.split_last_chunk::<TAG_BYTES>() else {
            return Err(OpenError::Malformed);
        };
        let mut plaintext = Secret::new(vec![0; ciphertext.len()]);
        self.0
            .open_separate_gather(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(aad),
                ciphertext,
                tag,
                plaintext.expose_mut(),
            )
            .map_err(|_| OpenError::NotAuthentic)?;
        Ok(plaintext)
    }
}

impl std::fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PreparedKey(…)")
    }
}

/// Encrypts under a key that is used once: see [`PreparedKey::seal_in_place`].
///
/// # Errors
/// As there.
pub fn seal_in_place(
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    buffer: &mut [u8],
) -> Result<[u8; TAG_BYTES], SealError> {
    PreparedKey::new(key).seal_in_place(nonce, aad, buffer)
}

/// Decrypts under a key that is used once: see [`PreparedKey::open`].
///
/// # Errors
/// As there.
pub fn open(
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    ciphertext_and_tag: &[u8],
) -> Result<Secret<Vec<u8>>, OpenError> {
    PreparedKey::new(key).open(nonce, aad, ciphertext_and_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(text: &[u8]) -> Vec<u8> {
        let mut buffer = text.to_vec();
        let tag = seal_in_place(&Key::new([1; 32]), &[2; 12], b"aad", &mut buffer).unwrap();
        [buffer, tag.to_vec()].concat()
    }

    /// The GCM specification's test case 14: zero key, zero nonce, one zero block.
    #[test]
    fn the_standard_example() {
        let mut block = [0; 16];
        let tag = seal_in_place(&Key::new([0; 32]), &[0; 12], b"", &mut block).unwrap();
        let ciphertext = 0xcea7_403d_4d60_6b6e_074e_c5d3_baf3_9d18_u128;
        let expected_tag = 0xd0d1_c8a7_9999_6bf0_265b_98b5_d48a_b919_u128;
        assert_eq!((block, tag), (ciphertext.to_be_bytes(), expected_tag.to_be_bytes()));
    }

    // covers SEAL-2 (tag checked before any plaintext is released)
    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let good = sealed(b"attack at dawn");
        let key = Key::new([1; 32]);
        assert_eq!(open(&key, &[2; 12], b"aad", &good).unwrap().expose(), b"attack at dawn");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&key, &[2; 12], b"aad", &bad).unwrap_err(), OpenError::NotAuthentic);
        }
        for len in 0..good.len() {
            assert!(open(&key, &[2; 12], b"aad", &good[..len]).is_err(), "cut at {len}");
        }
        assert!(open(&key, &[2; 12], b"aae", &good).is_err());
        assert!(open(&key, &[3; 12], b"aad", &good).is_err());
        assert!(open(&Key::new([9; 32]), &[2; 12], b"aad", &good).is_err());
    }
}
