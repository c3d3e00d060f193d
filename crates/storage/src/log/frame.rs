//! One frame: a record, the commit of a group, or a clean stop.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 4 | CRC-32C over segment UUID ‖ u64 LSN ‖ bytes 4 to the end of the frame |
//! | 4 | 1 | kind: 1 record, 2 commit, 3 clean stop |
//! | 5 | 1 | zero |
//! | 6 | 2 | e, length of the sealed part before sealing |
//! | 8 | 4 | d, length of the caller's data as stored, 0 = none |
//! | 12 | 4 | LSN of this frame − LSN of its group's first frame |
//! | 16 | e | sealed part: AES-256-GCM, key of the segment, nonce 0⁴ ‖ u64 LSN, AAD = bytes 4..16 |
//! | 16+e | 16 | its tag |
//! | 32+e | d | the caller's data, encrypted on its own |
//! | 32+e+d | 0–7 | zeros, to a multiple of 8 |
//!
//! The checksum tells what the disk did; the tag tells what somebody did. Since UUID and LSN go into
//! both, a frame of another segment or another place is none.

use std::sync::Arc;

use sealane_crypto::aead::{self, PreparedKey};
use sealane_crypto::{Key, OpenError, SealError, Secret, kdf};

/// Frames begin at multiples of this, so that one can be looked for behind damage.
pub(super) const ALIGNMENT: usize = 8;
/// Bytes before the sealed part.
const PREFIX_BYTES: usize = 16;
/// A whole commit frame.
pub(super) const COMMIT_BYTES: usize = aligned(PREFIX_BYTES + COMMIT_PAYLOAD_BYTES + aead::TAG_BYTES);
/// A whole clean-stop frame.
pub(super) const STOP_BYTES: usize = aligned(PREFIX_BYTES + aead::TAG_BYTES);
/// Sealed part of a commit: the number of records in the group.
const COMMIT_PAYLOAD_BYTES: usize = 4;
/// More caller data than this is not one record: the limits of bodies and attributes end far below.
pub(super) const DATA_BYTES_MAX: usize = 4 << 20;
/// No frame is longer.
pub(super) const FRAME_BYTES_MAX: usize = aligned(PREFIX_BYTES + 0xffff + aead::TAG_BYTES + DATA_BYTES_MAX);

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    Record,
    Commit,
    CleanStop,
}

/// What makes a segment's frames its own.
#[derive(Clone)]
pub(super) struct SegmentSeal {
    key: Arc<PreparedKey>,
    /// Of the segment's UUID, with which every checksum begins.
    crc: u32,
}

/// The first sixteen bytes, without the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FramePrefix {
    pub(super) kind: FrameKind,
    pub(super) sealed_bytes: u16,
    pub(super) data_bytes: u32,
    pub(super) group_offset: u32,
}

/// A frame whose checksum is right.
pub(super) struct Frame<'a> {
    pub(super) prefix: FramePrefix,
    bytes: &'a [u8],
    lsn: u64,
}

impl SegmentSeal {
    /// Every segment has its own key, so that an LSN written twice is never one nonce used twice.
    pub(super) fn new(journal_key: &Key, uuid: [u8; 16]) -> Self {
        let key = kdf::derive(journal_key, "journal segment v1", &[&uuid]);
        Self { key: Arc::new(PreparedKey::new(&key)), crc: crc32c::crc32c(&uuid) }
    }

    /// Finishes a frame: `frame` holds the sealed part in the clear, the caller's data, and zeros
    /// everywhere else.
    pub(super) fn seal(&self, frame: &mut [u8], prefix: FramePrefix, lsn: u64) -> Result<(), SealError> {
        debug_assert_eq!(frame.len(), prefix.frame_bytes());
        let fixed = prefix.encode();
        frame[4..PREFIX_BYTES].copy_from_slice(&fixed);
        let end = PREFIX_BYTES + usize::from(prefix.sealed_bytes);
        let tag = self.key.seal_in_place(&nonce(lsn), &fixed, &mut frame[PREFIX_BYTES..end])?;
        frame[end..end + aead::TAG_BYTES].copy_from_slice(&tag);
        let crc = self.checksum(lsn, &frame[4..]);
        frame[..4].copy_from_slice(&crc.to_be_bytes());
        Ok(())
    }

    /// The frame at the front of `bytes`, if its checksum says there is one.
    pub(super) fn check<'a>(&self, bytes: &'a [u8], lsn: u64) -> Option<Frame<'a>> {
        let prefix = FramePrefix::decode(bytes.get(..PREFIX_BYTES)?)?;
        let bytes = bytes.get(..prefix.frame_bytes())?;
        let good = bytes[..4] == self.checksum(lsn, &bytes[4..]).to_be_bytes();
        // A group cannot begin before the journal does.
        (good && u64::from(prefix.group_offset) <= lsn).then_some(Frame { prefix, bytes, lsn })
    }

    /// A frame that was checked before, without computing its checksum again.
    pub(super) fn reopen<'a>(&self, bytes: &'a [u8], lsn: u64) -> Option<Frame<'a>> {
        let prefix = FramePrefix::decode(bytes.get(..PREFIX_BYTES)?)?;
        (prefix.frame_bytes() == bytes.len()).then_some(Frame { prefix, bytes, lsn })
    }

    /// Opens the sealed part.
    pub(super) fn open(&self, frame: &Frame<'_>) -> Result<Secret<Vec<u8>>, OpenError> {
        let end = PREFIX_BYTES + usize::from(frame.prefix.sealed_bytes) + aead::TAG_BYTES;
        self.key.open(&nonce(frame.lsn), &frame.bytes[4..PREFIX_BYTES], &frame.bytes[PREFIX_BYTES..end])
    }

    fn checksum(&self, lsn: u64, bytes: &[u8]) -> u32 {
        let crc = crc32c::crc32c_append(self.crc, &lsn.to_be_bytes());
        crc32c::crc32c_append(crc, bytes)
    }
}

impl FramePrefix {
    /// The whole frame, padding included.
    pub(super) fn frame_bytes(&self) -> usize {
        let data =
            usize::try_from(self.data_bytes).expect("checked against DATA_BYTES_MAX when read or made");
        aligned(PREFIX_BYTES + usize::from(self.sealed_bytes) + aead::TAG_BYTES + data)
    }

    /// Where the sealed part begins.
    pub(super) const fn sealed_at() -> usize {
        PREFIX_BYTES
    }

    /// Where the caller's data begins.
    pub(super) fn data_at(&self) -> usize {
        PREFIX_BYTES + usize::from(self.sealed_bytes) + aead::TAG_BYTES
    }

    fn encode(self) -> [u8; PREFIX_BYTES - 4] {
        let mut out = [0; PREFIX_BYTES - 4];
        out[0] = match self.kind {
            FrameKind::Record => 1,
            FrameKind::Commit => 2,
            FrameKind::CleanStop => 3,
        };
        out[2..4].copy_from_slice(&self.sealed_bytes.to_be_bytes());
        out[4..8].copy_from_slice(&self.data_bytes.to_be_bytes());
        out[8..].copy_from_slice(&self.group_offset.to_be_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PREFIX_BYTES] = bytes.try_into().ok()?;
        let kind = match bytes[4] {
            1 => FrameKind::Record,
            2 => FrameKind::Commit,
            3 => FrameKind::CleanStop,
            _ => return None,
        };
        let data_bytes = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let in_bounds = bytes[5] == 0 && usize::try_from(data_bytes).is_ok_and(|data| data <= DATA_BYTES_MAX);
        in_bounds.then(|| Self {
            kind,
            sealed_bytes: u16::from_be_bytes([bytes[6], bytes[7]]),
            data_bytes,
            group_offset: u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]),
        })
    }
}

impl<'a> Frame<'a> {
    /// The whole frame, padding included.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The LSN of the first frame of its group. All before it was durable when this was written.
    pub(super) fn group_lsn(&self) -> u64 {
        self.lsn - u64::from(self.prefix.group_offset)
    }

    /// The caller's data as stored.
    pub(super) fn data(&self) -> Option<&'a [u8]> {
        let from = self.prefix.data_at();
        let len = usize::try_from(self.prefix.data_bytes).expect("checked against DATA_BYTES_MAX when read");
        (len > 0).then(|| &self.bytes[from..from + len])
    }
}

/// A commit frame's sealed part.
pub(super) fn encode_commit(records: u32) -> [u8; COMMIT_PAYLOAD_BYTES] {
    records.to_be_bytes()
}

/// Reads a commit frame's sealed part.
pub(super) fn decode_commit(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(u32::from_be_bytes)
}

pub(super) const fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

fn nonce(lsn: u64) -> [u8; aead::NONCE_BYTES] {
    let mut nonce = [0; aead::NONCE_BYTES];
    nonce[4..].copy_from_slice(&lsn.to_be_bytes());
    nonce
}
