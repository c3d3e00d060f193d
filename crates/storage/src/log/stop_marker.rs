//! The file that says which segment the last clean stop ended, and where. The clean-stop frame says
//! the same at the end of the segment itself; this second witness notices when that end was cut off.
//! What it says stays true for ever, so it is replaced by the next clean stop and never removed.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 8 | `SEALSTOP` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 6 | zero |
//! | 16 | 16 | segment UUID |
//! | 32 | 8 | sequence number |
//! | 40 | 8 | LSN after the clean-stop frame |
//! | 48 | 4 | zero |
//! | 52 | 4 | CRC-32C over 0..52 |
//!
//! It has no MAC: to move the end of a journal it would have to agree with a frame that has one.

/// The whole file.
pub(super) const MARKER_BYTES: usize = 56;

const MAGIC: &[u8; 8] = b"SEALSTOP";
const FORMAT_VERSION: u16 = 1;
const CRC_AT: usize = 52;

/// Where the last clean stop was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StopMarker {
    pub(super) uuid: [u8; 16],
    pub(super) sequence: u64,
    pub(super) end_lsn: u64,
}

/// Why a file is not a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkerError {
    Damaged,
    UnknownFormat(u16),
}

impl StopMarker {
    pub(super) fn encode(&self) -> [u8; MARKER_BYTES] {
        let mut out = [0; MARKER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
        out[16..32].copy_from_slice(&self.uuid);
        out[32..40].copy_from_slice(&self.sequence.to_be_bytes());
        out[40..48].copy_from_slice(&self.end_lsn.to_be_bytes());
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, MarkerError> {
        let bytes: &[u8; MARKER_BYTES] = bytes.try_into().map_err(|_| MarkerError::Damaged)?;
        if bytes[CRC_AT..] != crc32c::crc32c(&bytes[..CRC_AT]).to_be_bytes() || &bytes[..8] != MAGIC {
            return Err(MarkerError::Damaged);
        }
        let version = u16::from_be_bytes([bytes[8], bytes[9]]);
        if version != FORMAT_VERSION {
            return Err(MarkerError::UnknownFormat(version));
        }
        let number = |at: usize| {
            let mut out = [0; 8];
            out.copy_from_slice(&bytes[at..at + 8]);
            u64::from_be_bytes(out)
        };
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[16..32]);
        Ok(Self { uuid, sequence: number(32), end_lsn: number(40) })
    }
}
