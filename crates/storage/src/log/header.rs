//! The first sector of a segment. It is synced before the file gets its name, so a file with a
//! segment's name always has one: a header that fails its checks is damage, never a torn write.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 8 | `SEALJRNL` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 1 | content before use: 1 zeros, 2 an older segment |
//! | 11 | 1 | how the previous segment was left: 0 none, 1 full, 2 clean stop, 3 crash |
//! | 12 | 4 | zero |
//! | 16 | 16 | segment UUID, random |
//! | 32 | 8 | sequence number, first = 1 |
//! | 40 | 8 | base LSN: of the first frame here, and where the previous segment was left |
//! | 48 | 8 | length of the file when it was made |
//! | 56 | 16 | UUID of the previous segment, zero for the first |
//! | 72 | 16 | MAC over 0..72 |
//! | 88 | 420 | zero |
//! | 508 | 4 | CRC-32C over 0..508 |

use sealane_crypto::{Key, kdf, token};

/// Where frames begin.
pub(super) const HEADER_BYTES: usize = 512;

const MAGIC: &[u8; 8] = b"SEALJRNL";
const FORMAT_VERSION: u16 = 1;
const MAC_AT: usize = 72;
const MAC_BYTES: usize = 16;
const CRC_AT: usize = 508;

/// How the previous segment was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    None,
    Full,
    CleanStop,
    Crash,
}

/// What the file held before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Zeros,
    OlderSegment,
}

/// A segment's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) uuid: [u8; 16],
    pub(super) sequence: u64,
    pub(super) base_lsn: u64,
    pub(super) file_bytes: u64,
    pub(super) before: Before,
    pub(super) previous: [u8; 16],
    pub(super) previous_left: Left,
}

/// Why a sector is not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    Damaged,
    UnknownFormat(u16),
    /// Whole, but not under this key.
    WrongKey,
}

impl SegmentHeader {
    /// The sector.
    pub(super) fn encode(&self, journal_key: &Key) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
        out[10] = match self.before {
            Before::Zeros => 1,
            Before::OlderSegment => 2,
        };
        out[11] = match self.previous_left {
            Left::None => 0,
            Left::Full => 1,
            Left::CleanStop => 2,
            Left::Crash => 3,
        };
        out[16..32].copy_from_slice(&self.uuid);
        out[32..40].copy_from_slice(&self.sequence.to_be_bytes());
        out[40..48].copy_from_slice(&self.base_lsn.to_be_bytes());
        out[48..56].copy_from_slice(&self.file_bytes.to_be_bytes());
        out[56..72].copy_from_slice(&self.previous);
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
        let before = match sector[10] {
            1 => Before::Zeros,
            2 => Before::OlderSegment,
            _ => return Err(HeaderError::Damaged),
        };
        let previous_left = match sector[11] {
            0 => Left::None,
            1 => Left::Full,
            2 => Left::CleanStop,
            3 => Left::Crash,
            _ => return Err(HeaderError::Damaged),
        };
        Ok(Self {
            uuid: array(sector, 16),
            sequence: u64::from_be_bytes(array(sector, 32)),
            base_lsn: u64::from_be_bytes(array(sector, 40)),
            file_bytes: u64::from_be_bytes(array(sector, 48)),
            before,
            previous: array(sector, 56),
            previous_left,
        })
    }
}

/// `N` bytes of a sector.
fn array<const N: usize>(sector: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&sector[at..at + N]);
    out
}

/// Keeps a stranger from making a segment, and tells the wrong key from a damaged file.
fn mac(journal_key: &Key, bytes: &[u8]) -> [u8; MAC_BYTES] {
    let tag = token::tag(&kdf::derive(journal_key, "journal header v1", &[]), [bytes]);
    let mut out = [0; MAC_BYTES];
    out.copy_from_slice(&tag[..MAC_BYTES]);
    out
}
