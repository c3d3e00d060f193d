//! Random bytes drawn ahead in blocks: asking the generator costs some hundred nanoseconds
//! whatever the length, and a server asks several times per job.
//!
//! Each thread has its own block, so no two threads share a byte. What was handed out is wiped.
//! A copy of the process would hand out the same bytes: this program never forks without starting
//! another one in the child. Nor must a machine that runs be copied, for this and for other reasons:
//! SECURITY.md says so.

use zeroize::Zeroize;

use super::RandomError;

/// Bytes drawn ahead.
const BLOCK_BYTES: usize = 1_024;
/// Bytes of each block that are handed to nobody: by them a block is told from the one before.
const MARK_BYTES: usize = 16;
/// Longer draws go to the generator: there is nothing to be saved.
pub(super) const POOLED_BYTES_MAX: usize = 64;

/// The bytes of one thread.
pub(super) struct Pool {
    /// The mark, then what is handed out.
    block: [u8; MARK_BYTES + BLOCK_BYTES],
    /// Where the bytes begin that nobody has seen.
    next: usize,
}

impl Pool {
    pub(super) const fn new() -> Self {
        Self { block: [0; MARK_BYTES + BLOCK_BYTES], next: MARK_BYTES + BLOCK_BYTES }
    }

    /// Fills `dest`, of at most [`POOLED_BYTES_MAX`] bytes, and a new block from `source` if needed.
    ///
    /// # Errors
    /// When `source` fails, or gives the same block twice: whoever watches the draws could not see
    /// that any more.
    pub(super) fn draw(
        &mut self,
        dest: &mut [u8],
        source: impl FnOnce(&mut [u8]) -> Result<(), RandomError>,
    ) -> Result<(), RandomError> {
        if self.block.len() - self.next < dest.len() {
            self.refill(source)?;
        }
        let drawn = &mut self.block[self.next..self.next + dest.len()];
        dest.copy_from_slice(drawn);
        drawn.zeroize();
        self.next += dest.len();
        Ok(())
    }

    fn refill(
        &mut self,
        source: impl FnOnce(&mut [u8]) -> Result<(), RandomError>,
    ) -> Result<(), RandomError> {
        let mut previous = [0; MARK_BYTES];
        previous.copy_from_slice(&self.block[..MARK_BYTES]);
        // Until the new block is known to be good there is nothing to hand out.
        self.next = self.block.len();
        source(&mut self.block)?;
        if self.block[..MARK_BYTES] == previous {
            return Err(RandomError::Repeated);
        }
        self.next = MARK_BYTES;
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.block.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks that begin with their number and go on counting bytes.
    fn block(number: u8) -> impl FnOnce(&mut [u8]) -> Result<(), RandomError> {
        move |dest| {
            for (at, byte) in dest.iter_mut().enumerate() {
                *byte = number ^ at.to_le_bytes()[0];
            }
            Ok(())
        }
    }

    fn unasked(_: &mut [u8]) -> Result<(), RandomError> {
        panic!("there are bytes left")
    }

    #[test]
    fn every_byte_is_handed_out_once_and_wiped() {
        let mut pool = Pool::new();
        let mut seen = Vec::new();
        for draw in 0..BLOCK_BYTES / POOLED_BYTES_MAX {
            let mut dest = [0; POOLED_BYTES_MAX];
            if draw == 0 { pool.draw(&mut dest, block(1)) } else { pool.draw(&mut dest, unasked) }.unwrap();
            seen.extend_from_slice(&dest);
            assert!(pool.block[MARK_BYTES..pool.next].iter().all(|byte| *byte == 0), "draw {draw}");
        }
        let mut whole = [0; MARK_BYTES + BLOCK_BYTES];
        block(1)(&mut whole).unwrap();
        assert_eq!(seen, whole[MARK_BYTES..], "the mark is nobody's");
        let mut one = [0];
        pool.draw(&mut one, block(2)).unwrap();
        assert_eq!(one[0], 2 ^ 16);
    }

    #[test]
    fn a_draw_that_does_not_fit_takes_a_new_block_and_no_byte_twice() {
        let mut pool = Pool::new();
        let mut dest = [0; 44];
        for _ in 0..BLOCK_BYTES / 44 {
            pool.draw(&mut dest, block(1)).unwrap();
        }
        pool.draw(&mut dest, block(9)).unwrap();
        assert_eq!((dest[0], pool.next), (9 ^ 16, MARK_BYTES + 44));
    }

    // attack 21
    #[test]
    fn a_source_that_repeats_or_fails_gives_nothing() {
        let mut pool = Pool::new();
        let mut dest = [0; 64];
        assert_eq!(pool.draw(&mut dest, |_| Err(RandomError::Unavailable)), Err(RandomError::Unavailable));
        for _ in 0..BLOCK_BYTES / 64 {
            pool.draw(&mut dest, block(1)).unwrap();
        }
        dest = [0; 64];
        for _ in 0..2 {
            assert_eq!(pool.draw(&mut dest, block(1)), Err(RandomError::Repeated));
            assert_eq!(dest, [0; 64]);
        }
        assert_eq!(pool.draw(&mut dest, block(2)), Ok(()));
    }
}
