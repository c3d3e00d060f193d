//! The few things the log asks of a disk, so that tests can put a worse one below it.
//!
//! What is assumed of the real one stands in `FORMAT.md`: what `sync_data` and `sync_dir` confirmed
//! stays, a sector of 512 bytes is written whole or not at all, everything else may be lost, torn or
//! reordered.

mod real;

pub use real::RealDisk;

use std::io;
use std::sync::Arc;

/// What writes past the system's cache must be aligned to, on every disk in use.
pub const DIRECT_ALIGNMENT: usize = 4_096;

/// One flat directory of files.
pub trait Disk: Send + Sync {
    /// Makes a file that must not exist yet; only its owner may read it.
    ///
    /// # Errors
    /// When it exists or the system refuses.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// The names of all files.
    ///
    /// # Errors
    /// When the system refuses.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// When it does not exist or the system refuses.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Removes a file. Durable after [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    /// When it does not exist or the system refuses.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name, replacing what had that name. Durable after
    /// [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    /// When it does not exist or the system refuses.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Makes all changes of names durable.
    ///
    /// # Errors
    /// When the system refuses.
    fn sync_dir(&self) -> io::Result<()>;
}

/// One file. Reads and writes name their place, so that any number of threads can use it.
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// When the system refuses.
    fn len(&self) -> io::Result<u64>;

    /// Whether nothing is in it.
    ///
    /// # Errors
    /// When the system refuses.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Fills `buffer` from `offset` on; fewer bytes only where the file ends.
    ///
    /// # Errors
    /// When the system refuses.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When the system refuses. What is durable then is unknown, and asking again proves nothing.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file to this length.
    ///
    /// # Errors
    /// When the system refuses.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Writes all of `bytes` from `offset` on.
    ///
    /// # Errors
    /// When the system refuses; any part may then have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// As [`write_at`](Self::write_at), and where the system can do it without a copy in its cache. It
    /// can if memory, length and offset are all multiples of [`DIRECT_ALIGNMENT`]. For a file that
    /// nobody else uses yet.
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at).
    fn write_past_cache(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_at(bytes, offset)
    }
}
