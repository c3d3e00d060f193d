//! Whether a run may hold a job: one line of 64 bytes says no for certain, or maybe.
//!
//! A Bloom filter in lines. Own, because its bits are part of a file and read a page at a time: a
//! library's filter lies in memory whole, and may set other bits in its next version. A job has one
//! line, bytes 0..8 of its hash modulo the number of lines, and eight bits in it: of each two bytes from
//! byte 8 of the hash on, the lower nine bits.

use super::page::PAYLOAD_BYTES;

/// Bytes of a line.
pub(super) const LINE_BYTES: usize = 64;

/// Lines in a page.
pub(super) const LINES_PER_PAGE: usize = PAYLOAD_BYTES / LINE_BYTES;

/// With eight bits each, about one answer in a hundred is a maybe too many.
const BITS_PER_ROW: usize = 12;

/// A filter that is being made.
pub(super) struct Filter {
    bytes: Vec<u8>,
}

impl Filter {
    /// For at most so many rows.
    pub(super) fn for_rows(rows: u32) -> Self {
        let rows = usize::try_from(rows).expect("32 bits fit into a length");
        let lines = (rows * BITS_PER_ROW).div_ceil(LINE_BYTES * 8).max(1);
        Self { bytes: vec![0; lines * LINE_BYTES] }
    }

    pub(super) fn lines(&self) -> u32 {
        u32::try_from(self.bytes.len() / LINE_BYTES).expect("a run has far fewer than 2^32 rows")
    }

    pub(super) fn add(&mut self, hash: &[u8; 32]) {
        let line = usize::try_from(line(hash, self.lines())).expect("32 bits fit into a length");
        let line = &mut self.bytes[line * LINE_BYTES..][..LINE_BYTES];
        for (byte, mask) in bits(hash) {
            line[byte] |= mask;
        }
    }

    /// The lines of each page.
    pub(super) fn pages(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(LINES_PER_PAGE * LINE_BYTES)
    }
}

/// The line of a job, of so many.
pub(super) fn line(hash: &[u8; 32], lines: u32) -> u32 {
    let mut high = [0; 8];
    high.copy_from_slice(&hash[..8]);
    u32::try_from(u64::from_be_bytes(high) % u64::from(lines.max(1))).expect("less than a number of 32 bits")
}

/// Whether a line says maybe.
pub(super) fn may_hold(line: &[u8], hash: &[u8; 32]) -> bool {
    bits(hash).all(|(byte, mask)| line.get(byte).is_some_and(|bits| bits & mask != 0))
}

fn bits(hash: &[u8; 32]) -> impl Iterator<Item = (usize, u8)> {
    hash[8..24].chunks_exact(2).map(|two| {
        let bit = usize::from(u16::from_be_bytes([two[0], two[1]])) % (LINE_BYTES * 8);
        (bit / 8, 1 << (bit % 8))
    })
}

#[cfg(test)]
mod tests {
    use sealane_crypto::digest;

    use super::*;

    fn hash(number: u32) -> [u8; 32] {
        digest::sha256(&[&number.to_be_bytes()])
    }

    #[test]
    fn what_was_added_may_be_there_and_most_else_is_not() {
        let mut filter = Filter::for_rows(5_000);
        (0..5_000).for_each(|number| filter.add(&hash(number)));
        let pages: Vec<&[u8]> = filter.pages().collect();
        let may = |number: u32| {
            let hash = hash(number);
            let line = usize::try_from(line(&hash, filter.lines())).unwrap();
            may_hold(&pages[line / LINES_PER_PAGE][line % LINES_PER_PAGE * LINE_BYTES..][..LINE_BYTES], &hash)
        };
        assert!((0..5_000).all(may));
        let wrong = (5_000..25_000).filter(|number| may(*number)).count();
        assert!((1..500).contains(&wrong), "{wrong} of 20000");
    }

    #[test]
    fn a_filter_for_nothing_holds_nothing() {
        let filter = Filter::for_rows(0);
        assert_eq!(filter.lines(), 1);
        assert!(!may_hold(filter.pages().next().unwrap(), &hash(1)));
    }
}
