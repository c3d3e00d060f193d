//! One server per directory. The lock is the system's: it ends with the process that holds it,
//! however that ends, so a stale one cannot exist and nothing needs to be cleaned up.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Holds a directory for this process until it is dropped.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

/// The directory could not be taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("{} is held by another running server: stop that one or choose another data directory", .path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("could not lock {}", .path.display())]
    System {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DirLock {
    /// Takes the file `lock` in `dir`, making it if necessary.
    ///
    /// # Errors
    /// [`LockError::Held`] at once, without waiting, while another process has it.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join("lock");
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(source) => return Err(LockError::System { path, source }),
        };
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held { path }),
            Err(TryLockError::Error(source)) => Err(LockError::System { path, source }),
        }
    }
}

impl DirLock {
    /// Takes the lock of a directory that is only looked at: makes no file, and needs none to be writable.
    /// Without a lock file nobody ever served from there.
    ///
    /// # Errors
    /// As [`DirLock::acquire`].
    pub fn of_existing(dir: &Path) -> Result<Option<Self>, LockError> {
        let path = dir.join("lock");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LockError::System { path, source }),
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Err(LockError::Held { path }),
            Err(TryLockError::Error(source)) => Err(LockError::System { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::acquire(dir.path()).unwrap();
        let refusal = DirLock::acquire(dir.path()).unwrap_err();
        assert!(matches!(refusal, LockError::Held { .. }), "{refusal}");
        drop(first);
        DirLock::acquire(dir.path()).unwrap();
        let other = tempfile::tempdir().unwrap();
        assert!(DirLock::of_existing(other.path()).unwrap().is_none());
        assert!(!other.path().join("lock").exists(), "a look makes no file");
        let held = DirLock::acquire(dir.path()).unwrap();
        assert!(matches!(DirLock::of_existing(dir.path()), Err(LockError::Held { .. })));
        drop(held);
        let looked_at = DirLock::of_existing(dir.path()).unwrap();
        assert!(looked_at.is_some() && DirLock::acquire(dir.path()).is_err());
        drop(looked_at);
        let nowhere = DirLock::acquire(&dir.path().join("missing")).unwrap_err();
        assert!(matches!(nowhere, LockError::System { .. }), "{nowhere}");
    }
}
