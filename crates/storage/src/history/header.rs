//! The first page of a run: what the file is, before any of it can be opened.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 8 | `SEALHRUN` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 6 | zero |
//! | 16 | 16 | run UUID, random |
//! | 32 | 16 | MAC over 0..32 |
//! | 48 | 8140 | zero |
//! | 8188 | 4 | CRC-32C over 0..8188 |

use super::error::{Flaw, HistoryError};
use super::keys::{HistoryKeys, MAC_BYTES};
use super::page::PAGE_BYTES;

const MAGIC: &[u8; 8] = b"SEALHRUN";
const FORMAT_VERSION: u16 = 1;
const MAC_AT: usize = 32;
const CRC_AT: usize = PAGE_BYTES - 4;

/// The page for a run with this UUID.
pub(super) fn encode(uuid: &[u8; 16], keys: &HistoryKeys) -> Vec<u8> {
    let mut out = vec![0; PAGE_BYTES];
    out[..8].copy_from_slice(MAGIC);
    out[8..10].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
    out[16..32].copy_from_slice(uuid);
    let mac = keys.mac("run header", &out[..MAC_AT]);
    out[MAC_AT..MAC_AT + MAC_BYTES].copy_from_slice(&mac);
    let crc = crc32c::crc32c(&out[..CRC_AT]);
    out[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
    out
}

/// The UUID in a page.
pub(super) fn decode(page: &[u8], file: &str, keys: &HistoryKeys) -> Result<[u8; 16], HistoryError> {
    if page.len() != PAGE_BYTES {
        return Err(HistoryError::damaged(Flaw::Short, file, 0));
    }
    if page[CRC_AT..] != crc32c::crc32c(&page[..CRC_AT]).to_be_bytes() || &page[..8] != MAGIC {
        return Err(HistoryError::damaged(Flaw::Checksum, file, 0));
    }
    let version = u16::from_be_bytes([page[8], page[9]]);
    if version != FORMAT_VERSION {
        return Err(HistoryError::UnknownFormat { file: file.to_owned(), version });
    }
    if page[MAC_AT..MAC_AT + MAC_BYTES] != keys.mac("run header", &page[..MAC_AT]) {
        return Err(HistoryError::WrongKey { file: file.to_owned() });
    }
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&page[16..32]);
    Ok(uuid)
}
