//! AES-256-GCM for keys that encrypt one message. Nothing here chooses a nonce: every caller
//! derives a key per message, and says so at its own door.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::error::{OpenError, SealError};
use crate::secret::{Key, Secret};

/// Bytes of the authentication tag.
pub const TAG_BYTES: usize = 16;

/// Bytes of the nonce.
pub const NONCE_BYTES: usize = 12;

/// Encrypts `buffer` where it stands and gives the tag.
///
/// A pair of key and nonce must never seal twice.
///
/// # Errors
/// When `buffer` is longer than one message may be (64 GiB).
pub fn seal_in_place(
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    buffer: &mut [u8],
) -> Result<[u8; TAG_BYTES], SealError> {
    let tag = schedule(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), buffer)
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
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    ciphertext_and_tag: &[u8],
) -> Result<Secret<Vec<u8>>, OpenError> {
    if ciphertext_and_tag.len() < TAG_BYTES {
        return Err(OpenError::Malformed);
    }
    let mut buffer = Secret::new(ciphertext_and_tag.to_vec());
    let len = schedule(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), buffer.expose_mut())
        .map_err(|_| OpenError::NotAuthentic)?
        .len();
    buffer.expose_mut().truncate(len);
    Ok(buffer)
}

fn schedule(key: &Key) -> LessSafeKey {
    LessSafeKey::new(
        UnboundKey::new(&AES_256_GCM, key.expose()).expect("a key of 32 bytes is what AES-256 takes"),
    )
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
