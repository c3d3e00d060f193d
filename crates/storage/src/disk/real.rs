//! A directory of the operating system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Disk, DiskFile};

/// Only the owner may read or write.
const FILE_MODE: u32 = 0o600;

/// A directory of the operating system. It must exist; who may enter it is the caller's business.
#[derive(Clone, Debug)]
pub struct RealDisk {
    dir: PathBuf,
}

impl RealDisk {
    /// The files in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(self.dir.join(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            // A name that is not text is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.dir.join(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + u64::try_from(done).expect("a length in memory fits 64 bits");
            match self.0.read_at(&mut buffer[done..], at) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn write_past_cache(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.write_direct(bytes, offset) {
            // Not every file system can, and none says so otherwise.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.write_at(bytes, offset),
            done => done,
        }
    }
}

impl RealFile {
    #[cfg(target_os = "linux")]
    fn write_direct(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

        let flags = fcntl_getfl(&self.0)?;
        fcntl_setfl(&self.0, flags | OFlags::DIRECT)?;
        let written = self.0.write_all_at(bytes, offset);
        fcntl_setfl(&self.0, flags)?;
        written
    }

    #[cfg(not(target_os = "linux"))]
    fn write_direct(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_go_past_the_cache_is_written_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let file = RealDisk::new(dir.path()).create("file").unwrap();
        // Whole pages from memory that may begin anywhere, then what no system takes directly.
        file.write_past_cache(&[1; 8_192], 0).unwrap();
        file.write_past_cache(&[2; 3], 4_095).unwrap();
        file.write_at(&[3], 0).unwrap();
        let mut found = [0; 9_000];
        assert_eq!(file.read_at(&mut found, 0).unwrap(), 8_192);
        let expected = [vec![3], vec![1; 4_094], vec![2; 3], vec![1; 4_094]].concat();
        assert!(found[..8_192] == expected);
    }
}
