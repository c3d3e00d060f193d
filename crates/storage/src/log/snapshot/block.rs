//! One block of a snapshot: some rows, or the end.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 4 | CRC-32C over snapshot UUID ‖ u64 number of the block, first = 0 ‖ bytes 4 to the end |
//! | 4 | 1 | kind: 1 rows, 2 end |
//! | 5 | 3 | zero |
//! | 8 | 4 | e, length of the sealed part before sealing |
//! | 12 | 4 | zero |
//! | 16 | e | sealed part: AES-256-GCM, key of the snapshot, nonce 0⁴ ‖ u64 number, AAD = bytes 4..16 |
//! | 16+e | 16 | its tag |
//!
//! The sealed part of rows: for each, u32 length and the row. Of the end: u64 rows of all blocks.

use sealane_crypto::aead::{self, PreparedKey};
use sealane_crypto::{Key, OpenError, SealError, Secret, kdf};

pub(super) const PREFIX_BYTES: usize = 16;
/// A block is written when it has so many bytes.
pub(super) const BLOCK_BYTES: usize = 256 << 10;
/// No row is longer: the limits of what a job remembers end far below.
pub(super) const ROW_BYTES_MAX: usize = 1 << 20;
/// No sealed part is longer.
const SEALED_BYTES_MAX: usize = BLOCK_BYTES + ROW_BYTES_MAX + 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Rows,
    End,
}

/// What makes a snapshot's blocks its own.
pub(super) struct SnapshotSeal {
    key: PreparedKey,
    crc: u32,
}

/// The first sixteen bytes, without the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockPrefix {
    pub(super) kind: BlockKind,
    pub(super) sealed_bytes: u32,
}

impl BlockPrefix {
    /// The whole block.
    pub(super) fn block_bytes(self) -> usize {
        let sealed =
            usize::try_from(self.sealed_bytes).expect("checked against SEALED_BYTES_MAX when read or made");
        PREFIX_BYTES + sealed + aead::TAG_BYTES
    }

    fn encode(self) -> [u8; PREFIX_BYTES - 4] {
        let mut out = [0; PREFIX_BYTES - 4];
        out[0] = match self.kind {
            BlockKind::Rows => 1,
            BlockKind::End => 2,
        };
        out[4..8].copy_from_slice(&self.sealed_bytes.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8; PREFIX_BYTES]) -> Option<Self> {
        let kind = match bytes[4] {
            1 => BlockKind::Rows,
            2 => BlockKind::End,
            _ => return None,
        };
        let sealed_bytes = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let in_bounds = usize::try_from(sealed_bytes).is_ok_and(|sealed| sealed <= SEALED_BYTES_MAX);
        let zeros = bytes[5..8] == [0; 3] && bytes[12..] == [0; 4];
        (in_bounds && zeros).then_some(Self { kind, sealed_bytes })
    }
}

impl SnapshotSeal {
    /// Every snapshot has its own key, so that no number of a block is one nonce used twice.
    pub(super) fn new(journal_key: &Key, uuid: [u8; 16]) -> Self {
        let key = kdf::derive(journal_key, "journal snapshot v1", &[&uuid]);
        Self { key: PreparedKey::new(&key), crc: crc32c::crc32c(&uuid) }
    }

    /// Finishes a block: `block` holds room for the prefix and the sealed part in the clear.
    pub(super) fn seal(&self, block: &mut Vec<u8>, kind: BlockKind, number: u64) -> Result<(), SealError> {
        let sealed = block.len() - PREFIX_BYTES;
        let sealed_bytes = u32::try_from(sealed).expect("checked against SEALED_BYTES_MAX when made");
        let fixed = BlockPrefix { kind, sealed_bytes }.encode();
        block[4..PREFIX_BYTES].copy_from_slice(&fixed);
        let tag = self.key.seal_in_place(&nonce(number), &fixed, &mut block[PREFIX_BYTES..])?;
        block.extend_from_slice(&tag);
        let crc = self.checksum(number, &block[4..]);
        block[..4].copy_from_slice(&crc.to_be_bytes());
        Ok(())
    }

    /// Whether the checksum says that this is the whole block of this number.
    pub(super) fn is_whole(&self, block: &[u8], number: u64) -> bool {
        block.len() >= PREFIX_BYTES && block[..4] == self.checksum(number, &block[4..]).to_be_bytes()
    }

    /// Opens the sealed part of a whole block.
    pub(super) fn open(&self, block: &[u8], number: u64) -> Result<Secret<Vec<u8>>, OpenError> {
        self.key.open(&nonce(number), &block[4..PREFIX_BYTES], &block[PREFIX_BYTES..])
    }

    fn checksum(&self, number: u64, bytes: &[u8]) -> u32 {
        let crc = crc32c::crc32c_append(self.crc, &number.to_be_bytes());
        crc32c::crc32c_append(crc, bytes)
    }
}

fn nonce(number: u64) -> [u8; aead::NONCE_BYTES] {
    let mut nonce = [0; aead::NONCE_BYTES];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}
