//! What the disk itself takes for one small write to become durable: the floor below every answer.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::histogram::{Histogram, Quantiles};

const BLOCK: usize = 4_096;

/// Blocks that a bench writes in turn.
pub(super) const SPREAD: u64 = 1_024;

/// Writes 4 KiB and waits for the disk, again and again for so long and in so many places, in a file that
/// is gone afterwards.
pub(in crate::commands) fn fdatasync(directory: &Path, blocks: u64, time: Duration) -> io::Result<Quantiles> {
    let scratch = Scratch::create(directory)?;
    // Written once before: new blocks would cost the file system more.
    for block in 0..blocks {
        scratch.write(block, 0)?;
    }
    scratch.file.sync_all()?;
    let mut histogram = Histogram::new();
    let start = Instant::now();
    for block in (0..blocks).cycle() {
        let begin = Instant::now();
        scratch.write(block, 1)?;
        scratch.file.sync_data()?;
        histogram.record(begin.elapsed());
        if start.elapsed() >= time {
            break;
        }
    }
    Ok(histogram.quantiles())
}

struct Scratch {
    file: File,
    path: PathBuf,
}

impl Scratch {
    fn create(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!(".bench-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path })
    }

    fn write(&self, block: u64, byte: u8) -> io::Result<()> {
        self.file.write_all_at(&[byte; BLOCK], block * 4_096)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Why ignored: a file that stays is not worth losing the figures.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_timed_and_nothing_stays() {
        let directory = tempfile::tempdir().unwrap();
        let quantiles = fdatasync(directory.path(), SPREAD, Duration::from_millis(5)).unwrap();
        assert!(quantiles.p50 <= quantiles.p99 && quantiles.p99 > 0);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(fdatasync(&directory.path().join("missing"), 1, Duration::ZERO).is_err());
    }
}
