//! The first sector of a snapshot.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 8 | `SEALSNAP` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 6 | zero |
//! | 16 | 16 | snapshot UUID, random |
//! | 32 | 8 | sequence number, also in the file's name |
//! | 40 | 8 | LSN it stands at |
//! | 48 | 8 | sequence number of the segment which that is in, or at the end of |
//! | 56 | 16 | that segment's UUID |
//! | 72 | 8 | sequence number of the oldest segment there was |
//! | 80 | 16 | MAC over 0..80 |
//! | 96 | 412 | zero |
//! | 508 | 4 | CRC-32C over 0..508 |

use sealane_crypto::{Key, kdf, token};

use crate::log::header::{HEADER_BYTES, HeaderError};

const MAGIC: &[u8; 8] = b"SEALSNAP";
const FORMAT_VERSION: u16 = 1;
const MAC_AT: usize = 80;
const MAC_BYTES: usize = 16;
const CRC_AT: usize = 508;

/// A snapshot's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log) struct SnapshotHeader {
    pub(in crate::log) uuid: [u8; 16],
    pub(in crate::log) sequence: u64,
    pub(in crate::log) lsn: u64,
    pub(in crate::log) segment: u64,
    pub(in crate::log) segment_uuid: [u8; 16],
    pub(in crate::log) first_segment: u64,
}

impl SnapshotHeader {
    /// The sector.
    pub(super) fn encode(&self, journal_key: &Key) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
        out[16..32].copy_from_slice(&self.uuid);
        out[32..40].copy_from_slice(&self.sequence.to_be_bytes());
        out[40..48].copy_from_slice(&self.lsn.to_be_bytes());
        out[48..56].copy_from_slice(&self.segment.to_be_bytes());
        out[56..72].copy_from_slice(&self.segment_uuid);
        out[72..80].copy_from_slice(&self.first_segment.to_be_bytes());
        let mac = mac(journal_key, &out[..MAC_AT]);
        out[MAC_AT..MAC_AT + MAC_BYTES].copy_from_slice(&mac);
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads a sector.
    pub(super) fn decode(sector: &[u8; HEADER_BYTES], journal_key: &Key) -> Result<Self, HeaderError> {
        if sector[CRC_AT..] != crc32c::crc32c(&sector[..CRC_AT]).to_be_bytes() || &sector[..8] != MAGIC {
            return Err(HeaderError::Damaged);
        }
        // Why here: the checksum and the version stand where they stand in every version to come.
        let version = u16::from_be_bytes([sector[8], sector[9]]);
        if version != FORMAT_VERSION {
            return Err(HeaderError::UnknownFormat(version));
        }
        if !token::equal(&sector[MAC_AT..MAC_AT + MAC_BYTES], &mac(journal_key, &sector[..MAC_AT])) {
            return Err(HeaderError::WrongKey);
        }
        let number = |at: usize| u64::from_be_bytes(array(sector, at));
        Ok(Self {
            uuid: array(sector, 16),
            sequence: number(32),
            lsn: number(40),
            segment: number(48),
            segment_uuid: array(sector, 56),
            first_segment: number(72),
        })
    }
}

fn array<const N: usize>(sector: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&sector[at..at + N]);
    out
}

fn mac(journal_key: &Key, bytes: &[u8]) -> [u8; MAC_BYTES] {
    let tag = token::tag(&kdf::derive(journal_key, "journal snapshot header v1", &[]), [bytes]);
    let mut out = [0; MAC_BYTES];
    out.copy_from_slice(&tag[..MAC_BYTES]);
    out
}
