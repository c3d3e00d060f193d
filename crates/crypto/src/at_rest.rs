//! One encrypted record of the server's journal.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 4 | key ref, big-endian: which data key, as the key registry numbers them |
//! | 4 | 16 | salt, random |
//! | 20 | n | ciphertext |
//! | 20 + n | 16 | tag |
//!
//! ```text
//! key = Expand(Extract("sealane rest v1", data key),
//!              LP(namespace) ‖ LP(table) ‖ LP(record id) ‖ LP(field) ‖ salt)
//! nonce = 0        AAD = u64 record version ‖ u64 LSN
//! ```
//!
//! Why a zero nonce is safe: the random salt goes into the key, so each key encrypts once. The
//! key ref is not bound: pointing it elsewhere only picks a key that does not open the record.
//! The extraction depends on nothing but the data key, so [`DataKey`] does it once.

use crate::aead::{self, TAG_BYTES};
use crate::error::{OpenError, SealError};
use crate::kdf::{self, Prk};
use crate::prefix;
use crate::random::Random;
use crate::secret::Key;
use zeroize::Zeroize;

/// Bytes a record is longer than its plaintext.
pub const OVERHEAD: usize = HEAD_BYTES + TAG_BYTES;

/// Bytes of a record before its ciphertext.
pub const HEAD_BYTES: usize = KEY_REF_BYTES + SALT_BYTES;

const KEY_REF_BYTES: usize = 4;
const SALT_BYTES: usize = 16;

/// Where a record belongs; it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The tenant.
    pub namespace: &'a str,
    /// The kind of record.
    pub table: &'a str,
    /// Which record of that kind.
    pub record_id: &'a [u8],
    /// Which part of the record.
    pub field: &'a str,
    /// The version of the record's layout.
    pub version: u64,
    /// The position in the journal where the record was first written. Copies keep it.
    pub lsn: u64,
}

/// A data key, ready for use. The key itself is not kept, only what was extracted from it.
#[derive(Debug)]
pub struct DataKey(Prk);

impl DataKey {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self(kdf::extract(b"sealane rest v1", key.expose()))
    }
}

/// Makes a record of the end of `out`: from `start` on it holds [`HEAD_BYTES`] of any content, then
/// the plaintext, which is encrypted where it stands under `data_key`, known to the registry as
/// `key_ref`.
///
/// # Errors
/// When `random` fails; the plaintext is then wiped, and `out` ends at `start`.
///
/// # Panics
/// When a name of `place` is 4 GiB or longer, or `out` has no room for a head after `start`.
pub fn seal_end(
    out: &mut Vec<u8>,
    start: usize,
    key_ref: u32,
    data_key: &DataKey,
    place: &Place<'_>,
    random: &dyn Random,
) -> Result<(), SealError> {
    let sealed = seal(&mut out[start..], key_ref, data_key, place, random);
    match &sealed {
        Ok(tag) => out.extend_from_slice(tag),
        Err(_) => {
            out[start..].zeroize();
            out.truncate(start);
        }
    }
    sealed.map(|_| ())
}

fn seal(
    record: &mut [u8],
    key_ref: u32,
    data_key: &DataKey,
    place: &Place<'_>,
    random: &dyn Random,
) -> Result<[u8; TAG_BYTES], SealError> {
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt)?;
    let (head, plaintext) = record.split_at_mut(HEAD_BYTES);
    head[..KEY_REF_BYTES].copy_from_slice(&key_ref.to_be_bytes());
    head[KEY_REF_BYTES..].copy_from_slice(&salt);
    aead::seal_in_place(&record_key(data_key, place, &salt), &[0; 12], &associated(place), plaintext)
}

/// The data key a record names; `None` when it is too short to be a record.
#[must_use]
pub fn key_ref(record: &[u8]) -> Option<u32> {
    if record.len() < OVERHEAD {
        return None;
    }
    record.first_chunk().copied().map(u32::from_be_bytes)
}

/// Decrypts a record found at `place`.
///
/// # Errors
/// [`OpenError::Malformed`] for a record shorter than its overhead, else
/// [`OpenError::NotAuthentic`].
///
/// # Panics
/// When a name of `place` is 4 GiB or longer.
pub fn open(data_key: &DataKey, place: &Place<'_>, record: &[u8]) -> Result<Vec<u8>, OpenError> {
    if record.len() < OVERHEAD {
        return Err(OpenError::Malformed);
    }
    let (salt, sealed) =
        record[KEY_REF_BYTES..].split_first_chunk::<SALT_BYTES>().ok_or(OpenError::Malformed)?;
    let key = record_key(data_key, place, salt);
    aead::open(&key, &[0; 12], &associated(place), sealed).map(crate::secret::Secret::into_inner)
}

fn record_key(data_key: &DataKey, place: &Place<'_>, salt: &[u8; SALT_BYTES]) -> Key {
    let (namespace, table, id, field) =
        (place.namespace.as_bytes(), place.table.as_bytes(), place.record_id, place.field.as_bytes());
    data_key.0.expand(&[
        &prefix::length(namespace),
        namespace,
        &prefix::length(table),
        table,
        &prefix::length(id),
        id,
        &prefix::length(field),
        field,
        salt,
    ])
}

fn associated(place: &Place<'_>) -> [u8; 16] {
    let mut aad = [0; 16];
    aad[..8].copy_from_slice(&place.version.to_be_bytes());
    aad[8..].copy_from_slice(&place.lsn.to_be_bytes());
    aad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{RandomError, SeededRandom, SequenceRandom, Watched};

    const PLACE: Place<'_> =
        Place { namespace: "acme", table: "job", record_id: b"id", field: "caller", version: 1, lsn: 42 };

    fn data_key(byte: u8) -> DataKey {
        DataKey::new(&Key::new([byte; 32]))
    }

    fn seal(random: &dyn Random, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut out = [b"before", &[0xee; HEAD_BYTES][..], plaintext].concat();
        match seal_end(&mut out, 6, 7, &data_key(1), &PLACE, random) {
            Ok(()) => Ok(out.strip_prefix(b"before").unwrap().to_vec()),
            Err(error) => {
                assert_eq!(out, b"before");
                Err(error)
            }
        }
    }

    fn sealed() -> Vec<u8> {
        seal(&SequenceRandom::danger_from_bytes(vec![0x22; 16]), b"caller data").unwrap()
    }

    #[test]
    fn opens_at_its_place_and_names_its_key() {
        let record = sealed();
        assert_eq!(record.len(), 11 + OVERHEAD);
        assert_eq!(record[4..20], [0x22; 16]);
        assert_eq!(key_ref(&record), Some(7));
        assert_eq!(key_ref(&record[..OVERHEAD - 1]), None);
        assert_eq!(open(&data_key(1), &PLACE, &record).unwrap(), b"caller data");
        let empty = seal(&SeededRandom::danger_from_seed(1), b"").unwrap();
        assert_eq!((empty.len(), open(&data_key(1), &PLACE, &empty)), (OVERHEAD, Ok(vec![])));
    }

    // attack 25
    #[test]
    fn a_record_put_elsewhere_does_not_open() {
        let (key, record) = (data_key(1), sealed());
        for wrong in [
            Place { namespace: "acm", ..PLACE },
            Place { table: "jobs", ..PLACE },
            Place { record_id: b"di", ..PLACE },
            Place { field: "calle", ..PLACE },
            Place { version: 2, ..PLACE },
            Place { lsn: 41, ..PLACE },
            // The same bytes, cut elsewhere.
            Place { namespace: "acmej", table: "ob", ..PLACE },
        ] {
            assert_eq!(open(&key, &wrong, &record), Err(OpenError::NotAuthentic), "{wrong:?}");
        }
        assert_eq!(open(&data_key(2), &PLACE, &record), Err(OpenError::NotAuthentic));
    }

    #[test]
    fn changed_and_cut_records_do_not_open() {
        let (key, record) = (data_key(1), sealed());
        for bit in KEY_REF_BYTES * 8..record.len() * 8 {
            let mut bad = record.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&key, &PLACE, &bad), Err(OpenError::NotAuthentic), "bit {bit}");
        }
        for len in 0..record.len() {
            assert!(open(&key, &PLACE, &record[..len]).is_err(), "cut at {len}");
        }
    }

    // attack 21
    #[test]
    fn a_broken_source_seals_nothing() {
        let dry = SequenceRandom::danger_from_bytes(vec![0; 15]);
        assert_eq!(seal(&dry, b"x"), Err(SealError::Random(RandomError::Exhausted)));
        let stuck = Watched::new(SequenceRandom::danger_from_bytes(vec![5; 32]));
        assert!(seal(&stuck, b"x").is_ok());
        assert_eq!(seal(&stuck, b"x"), Err(SealError::Random(RandomError::Repeated)));
    }
}
