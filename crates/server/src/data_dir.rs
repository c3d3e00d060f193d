//! The data directory: who may read it, one server at a time, files written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sealane_storage::lock::{DirLock, LockError};

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Others may read or enter it.
    #[error(
        "{path} is open to others (mode {mode:03o}): type 'chmod 700 {path}' after making sure that nobody has read what is in it"
    )]
    OpenToOthers {
        /// Which.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to another user.
    #[error("{path} belongs to another user: start the server as its owner")]
    Foreign {
        /// Which.
        path: String,
    },
    /// Another server is running on it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file system said no.
    #[error("could not {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A data directory that is ours alone.
pub struct DataDir {
    path: PathBuf,
    /// None where nobody ever served from it and it is only looked at.
    _lock: Option<DirLock>,
}

impl DataDir {
    /// Opens the directory, makes it where it is missing, tightens it where it is empty, refuses it
    /// where others could have read it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        if !path.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create", path))?;
        }
        let path = path.canonicalize().map_err(failed("find", path))?;
        check(&path)?;
        let lock = DirLock::acquire(&path)?;
        Ok(Self { path, _lock: Some(lock) })
    }

    /// Takes a directory that is there. Tightens and makes nothing.
    pub fn existing(path: &Path) -> Result<Self, DataDirError> {
        let path = path.canonicalize().map_err(failed("find", path))?;
        refuse_open(&path)?;
        let lock = DirLock::of_existing(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it that is ours alone, made where it is missing.
    pub fn folder(&self, name: &str) -> Result<PathBuf, DataDirError> {
        let path = self.path.join(name);
        if !path.exists() {
            fs::DirBuilder::new().mode(0o700).create(&path).map_err(failed("create", &path))?;
            File::open(&self.path).and_then(|dir| dir.sync_all()).map_err(failed("sync", &self.path))?;
        }
        check(&path)?;
        Ok(path)
    }

    /// Whether a file is there.
    pub fn exists(&self, name: &str) -> bool {
        self.path.join(name).exists()
    }

    /// Reads a file; refuses one that others can read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, DataDirError> {
        let path = self.path.join(name);
        let mode = fs::metadata(&path).map_err(failed("read", &path))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(DataDirError::OpenToOthers { path: path.display().to_string(), mode });
        }
        fs::read(&path).map_err(failed("read", &path))
    }

    /// Writes a file that only we can read: all of it or nothing, also when the power goes.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!(".{name}.new"));
        let write = || -> io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }
}

/// Refuses a directory that others may enter or that is another user's.
fn refuse_open(path: &Path) -> Result<(), DataDirError> {
    let metadata = fs::metadata(path).map_err(failed("read", path))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(DataDirError::Foreign { path: path.display().to_string() });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(DataDirError::OpenToOthers { path: path.display().to_string(), mode })
}

/// The same, and tightens one that is empty.
fn check(path: &Path) -> Result<(), DataDirError> {
    let Err(refused) = refuse_open(path) else { return Ok(()) };
    let empty = fs::read_dir(path).map_err(failed("read", path))?.next().is_none();
    if !empty || matches!(refused, DataDirError::Foreign { .. }) {
        return Err(refused);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed("tighten", path))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.display().to_string();
    move |source| DataDirError::File { action, path, source }
}
