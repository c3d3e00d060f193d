//! A page: what a run is read and written by. Each is encrypted on its own, under the file's key and its
//! own number, and opens nowhere else.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 4 | CRC-32C of run UUID ‖ u32 page number ‖ bytes 4 to the end |
//! | 4 | 1 | kind |
//! | 5 | 1 | zero |
//! | 6 | 2 | bytes in use before encryption |
//! | 8 | 8168 | AES-256-GCM ciphertext, zeros behind what is in use |
//! | 8176 | 16 | its tag |
//!
//! Nonce: eight zero bytes ‖ u32 page number; associated data: bytes 4..8. A file's key is fresh and a
//! page is written once, so no nonce comes twice.

use sealane_crypto::SealError;
use sealane_crypto::aead::{PreparedKey, TAG_BYTES};

use super::error::Flaw;

/// Bytes of a page on disk.
pub(super) const PAGE_BYTES: usize = 8_192;

/// The same, as positions are counted.
pub(super) const PAGE_BYTES_U64: u64 = 8_192;

/// Bytes that fit into one.
pub(super) const PAYLOAD_BYTES: usize = PAGE_BYTES - HEAD_BYTES - TAG_BYTES;

const CRC_BYTES: usize = 4;
const HEAD_BYTES: usize = 8;

/// What is in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    Rows,
    RowFences,
    Ages,
    AgeFences,
    Postings,
    PostingFences,
    Filter,
    Summary,
}

impl PageKind {
    const fn code(self) -> u8 {
        match self {
            Self::Rows => 1,
            Self::RowFences => 2,
            Self::Ages => 3,
            Self::AgeFences => 4,
            Self::Postings => 5,
            Self::PostingFences => 6,
            Self::Filter => 7,
            Self::Summary => 8,
        }
    }
}

/// Seals and opens the pages of one file.
#[derive(Debug)]
pub(super) struct PageCipher {
    pub(super) uuid: [u8; 16],
    pub(super) key: PreparedKey,
}

impl PageCipher {
    /// Puts a page behind `out`.
    pub(super) fn seal(
        &self,
        number: u32,
        kind: PageKind,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let start = out.len();
        let used = u16::try_from(payload.len()).expect("a payload is at most 8168 bytes");
        out.extend_from_slice(&[0; CRC_BYTES]);
        out.extend_from_slice(&[kind.code(), 0]);
        out.extend_from_slice(&used.to_be_bytes());
        out.extend_from_slice(payload);
        out.resize(start + HEAD_BYTES + PAYLOAD_BYTES, 0);
        let (head, text) = out[start..].split_at_mut(HEAD_BYTES);
        let tag = self.key.seal_in_place(&nonce(number), &head[CRC_BYTES..], text)?;
        out.extend_from_slice(&tag);
        let crc = self.checksum(number, &out[start + CRC_BYTES..]);
        out[start..start + CRC_BYTES].copy_from_slice(&crc.to_be_bytes());
        Ok(())
    }

    /// What is in a page.
    pub(super) fn open(&self, number: u32, kind: PageKind, page: &[u8]) -> Result<Vec<u8>, Flaw> {
        if page.len() != PAGE_BYTES {
            return Err(Flaw::Short);
        }
        if page[..CRC_BYTES] != self.checksum(number, &page[CRC_BYTES..]).to_be_bytes() {
            return Err(Flaw::Checksum);
        }
        let (head, sealed) = page.split_at(HEAD_BYTES);
        let opened = self.key.open(&nonce(number), &head[CRC_BYTES..], sealed).map_err(|_| Flaw::Tampered)?;
        let used = usize::from(u16::from_be_bytes([head[6], head[7]]));
        let mut payload = opened.into_inner();
        if head[4] != kind.code() || head[5] != 0 || used > payload.len() {
            return Err(Flaw::Contradiction);
        }
        payload.truncate(used);
        Ok(payload)
    }

    fn checksum(&self, number: u32, rest: &[u8]) -> u32 {
        let crc = crc32c::crc32c(&self.uuid);
        crc32c::crc32c_append(crc32c::crc32c_append(crc, &number.to_be_bytes()), rest)
    }
}

/// Where a page stands in its file.
pub(super) fn offset(number: u32) -> u64 {
    u64::from(number) * PAGE_BYTES_U64
}

fn nonce(number: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&number.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use sealane_crypto::Key;

    use super::*;

    fn cipher(byte: u8) -> PageCipher {
        PageCipher { uuid: [byte; 16], key: PreparedKey::new(&Key::new([byte; 32])) }
    }

    #[test]
    fn a_page_opens_at_its_place_as_what_it_is_under_its_key() {
        let mut page = Vec::new();
        cipher(1).seal(7, PageKind::Rows, b"rows", &mut page).unwrap();
        assert_eq!(page.len(), PAGE_BYTES);
        assert_eq!(cipher(1).open(7, PageKind::Rows, &page).unwrap(), b"rows");
        assert_eq!(cipher(1).open(7, PageKind::Ages, &page), Err(Flaw::Contradiction));
        assert_eq!(cipher(1).open(8, PageKind::Rows, &page), Err(Flaw::Checksum));
        assert_eq!(cipher(2).open(7, PageKind::Rows, &page), Err(Flaw::Checksum));
        assert_eq!(cipher(1).open(7, PageKind::Rows, &page[1..]), Err(Flaw::Short));
        // Somebody who can make checksums but has no key.
        let stranger = PageCipher { uuid: [1; 16], key: PreparedKey::new(&Key::new([9; 32])) };
        assert_eq!(stranger.open(7, PageKind::Rows, &page), Err(Flaw::Tampered));
    }
}
