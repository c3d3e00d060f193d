//! A key sealed under another key (recipient type 1, and the server's master-key wrap).
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 32 | salt, random |
//! | 32 | 32 | commitment |
//! | 64 | 12 | nonce, random |
//! | 76 | 32 | the wrapped key, encrypted |
//! | 108 | 16 | tag |
//!
//! It is the derivation of [`crate::commit`] with the wrapping key as key, `type ‖ recipient id
//! ‖ key id` as header, and the namespace with queue `$keys` as context.

use crate::commit::{self, ContextHash, SUITE_1};
use crate::digest::sha256;
use crate::error::{OpenError, SealError};
use crate::kdf;
use crate::random::Random;
use crate::secret::{Key, Secret};

/// The recipient type written into the bound header.
pub const RECIPIENT_TYPE: u8 = 1;

/// Length of a wrapped key.
pub const WRAPPED_BYTES: usize = 124;

/// Which key is wrapped, for whom, and where it counts.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The tenant the key belongs to.
    pub namespace: &'a str,
    /// Who can unwrap: see [`recipient_id`].
    pub recipient_id: &'a [u8; 16],
    /// Which key is inside: see [`data_key_id`].
    pub key_id: &'a [u8; 16],
}

/// The id of a data key, computed from the key itself so that nobody can choose it.
#[must_use]
pub fn data_key_id(key: &Key) -> [u8; 16] {
    kdf::extract(b"QRE2 dek", key.expose()).expand_id(&[b"id"])
}

/// The id of a recipient, from its public key or the name of its wrapping key.
#[must_use]
pub fn recipient_id(public_key_or_name: &[u8]) -> [u8; 16] {
    let digest = sha256(&[public_key_or_name]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

/// Seals `key` under `wrapping_key`.
///
/// # Errors
/// When `random` fails.
pub fn wrap(
    wrapping_key: &Key,
    place: &Place<'_>,
    random: &dyn Random,
    key: &Key,
) -> Result<[u8; WRAPPED_BYTES], SealError> {
    let mut fresh = [0; 44];
    random.fill(&mut fresh)?;
    let (salt, nonce) = split_fresh(&fresh);
    let derived = commit::derive(wrapping_key, salt, SUITE_1, &header(place), &context(place));

    let mut out = [0; WRAPPED_BYTES];
    out[..32].copy_from_slice(salt);
    out[32..64].copy_from_slice(derived.commitment());
    out[64..76].copy_from_slice(nonce);
    // Why: the plaintext never stands in `out`, which is not wiped if sealing fails.
    let mut body = Secret::new(*key.expose());
    let tag = derived.seal_in_place(nonce, body.expose_mut())?;
    out[76..108].copy_from_slice(body.expose());
    out[108..].copy_from_slice(&tag);
    Ok(out)
}

/// Opens what [`wrap`] sealed at the same place.
///
/// # Errors
/// [`OpenError::Malformed`] for another length, else [`OpenError::NotAuthentic`].
pub fn unwrap(wrapping_key: &Key, place: &Place<'_>, wrapped: &[u8]) -> Result<Key, OpenError> {
    let wrapped: &[u8; WRAPPED_BYTES] = wrapped.try_into().map_err(|_| OpenError::Malformed)?;
    let (salt, rest) = wrapped.split_first_chunk::<32>().ok_or(OpenError::Malformed)?;
    let (commitment, rest) = rest.split_first_chunk::<32>().ok_or(OpenError::Malformed)?;
    let (nonce, sealed) = rest.split_first_chunk::<12>().ok_or(OpenError::Malformed)?;
    let derived = commit::derive(wrapping_key, salt, SUITE_1, &header(place), &context(place));
    let key = derived.open(commitment, nonce, sealed)?;
    Key::from_slice(key.expose()).ok_or(OpenError::Malformed)
}

fn header(place: &Place<'_>) -> [u8; 32] {
    sha256(&[&[RECIPIENT_TYPE], place.recipient_id, place.key_id])
}

fn context(place: &Place<'_>) -> ContextHash {
    ContextHash::new(place.namespace, "$keys", &[]).expect("an empty list of attributes is in order")
}

fn split_fresh(fresh: &[u8; 44]) -> (&[u8; 32], &[u8; 12]) {
    let (salt, rest) = fresh.split_first_chunk::<32>().expect("44 bytes begin with 32");
    (salt, rest.first_chunk::<12>().expect("44 bytes less 32 are 12"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{SeededRandom, SequenceRandom};

    #[test]
    fn opens_only_at_its_place_and_whole() {
        let (master, key) = (Key::new([1; 32]), Key::new([2; 32]));
        let recipient = recipient_id(b"master");
        let id = data_key_id(&key);
        let place = Place { namespace: "acme", recipient_id: &recipient, key_id: &id };
        let wrapped = wrap(&master, &place, &SeededRandom::danger_from_seed(1), &key).unwrap();
        assert_eq!(unwrap(&master, &place, &wrapped).unwrap().expose(), key.expose());

        let other = [9; 16];
        for wrong in [
            Place { namespace: "acm", ..place },
            Place { recipient_id: &other, ..place },
            Place { key_id: &other, ..place },
        ] {
            assert_eq!(unwrap(&master, &wrong, &wrapped).unwrap_err(), OpenError::NotAuthentic);
        }
        assert!(unwrap(&key, &place, &wrapped).is_err());
        for bit in 0..WRAPPED_BYTES * 8 {
            let mut bad = wrapped;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unwrap(&master, &place, &bad).unwrap_err(), OpenError::NotAuthentic, "bit {bit}");
        }
        for len in 0..WRAPPED_BYTES {
            assert_eq!(unwrap(&master, &place, &wrapped[..len]).unwrap_err(), OpenError::Malformed);
        }
    }

    // attack 21
    #[test]
    fn no_random_bytes_no_wrap() {
        let key = Key::new([1; 32]);
        let place = Place { namespace: "acme", recipient_id: &[0; 16], key_id: &[0; 16] };
        let dry = SequenceRandom::danger_from_bytes(vec![0; 43]);
        assert!(matches!(wrap(&key, &place, &dry, &key), Err(SealError::Random(_))));
    }
}
