//! Which key files may be made and which must be there. A missing file next to what it protects is
//! never replaced by a fresh one: that would turn a mislaid key into lost data without a word.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealane_crypto::{Key, Random, kdf};
use sealane_storage::DataKeys;
use sealane_storage::disk::{Disk, RealDisk};
use thiserror::Error;

use super::master::{MasterKey, MasterKeyError};
use super::registry::{Registry, RegistryError};

/// The server has no keys: it stays sealed.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The master key cannot be used.
    #[error("the server stays sealed")]
    Master(#[from] MasterKeyError),
    /// The registry cannot be used.
    #[error("the server stays sealed")]
    Registry(#[from] RegistryError),
    /// A journal without its registry.
    #[error("the server stays sealed: {} is missing and {} holds data under its keys, put the file back", .registry.display(), .journal.display())]
    RegistryMissing {
        /// Where the registry should be.
        registry: PathBuf,
        /// The journal.
        journal: PathBuf,
    },
    /// The system refused.
    #[error("could not {action} {}", .path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The server's keys, unsealed.
#[derive(Debug)]
pub struct ServerKeys {
    registry: Arc<Registry>,
}

impl ServerKeys {
    /// Opens the keys of a data directory, making them only where there is nothing yet that needs them.
    /// The caller holds the directory's lock.
    ///
    /// # Errors
    /// When a key file is missing beside what it protects, open to others, or not whole.
    pub fn open(data_dir: &Path, random: Arc<dyn Random>) -> Result<Self, KeysError> {
        open(data_dir, random).map(|registry| Self { registry: Arc::new(registry) })
    }

    /// Keys kept on another disk than the data directory's, under a master key that its owner brings:
    /// for simulations.
    ///
    /// # Errors
    /// When the registry is not whole, not under this master key, or the disk refuses.
    pub fn on_disk(
        disk: Arc<dyn Disk>,
        master: MasterKey,
        random: Arc<dyn Random>,
    ) -> Result<Self, KeysError> {
        let registry = match Registry::exists(disk.as_ref())? {
            true => Registry::open(disk, master, random)?,
            false => Registry::create(disk, master, random)?,
        };
        Ok(Self { registry: Arc::new(registry) })
    }

    /// The data keys.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// A key of the server's own for one purpose. It comes from the journal's key and not from the
    /// master key: it belongs to what is in the journal, and stays when the master key is changed.
    pub fn derive(&self, purpose: &str) -> Key {
        kdf::derive(&self.registry.journal_key(), "server", &[purpose.as_bytes()])
    }
}

fn open(data_dir: &Path, random: Arc<dyn Random>) -> Result<Registry, KeysError> {
    let dir = data_dir.join("keys");
    match DirBuilder::new().mode(0o700).create(&dir) {
        Ok(()) => File::open(data_dir)
            .and_then(|dir| dir.sync_all())
            .map_err(|source| KeysError::System { action: "sync", path: data_dir.to_path_buf(), source })?,
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(KeysError::System { action: "create", path: dir, source }),
    }
    let disk = Arc::new(RealDisk::new(&dir));
    let master_path = data_dir.join("master.key");
    if Registry::exists(disk.as_ref())? {
        return Ok(Registry::open(disk, MasterKey::load(&master_path)?, random)?);
    }
    let journal = data_dir.join("journal");
    if holds_anything(&journal)? {
        return Err(KeysError::RegistryMissing { registry: dir.join("registry"), journal });
    }
    // A master key may be there first: put by its owner, or left by a start that was cut short.
    let master = match MasterKey::load(&master_path) {
        Err(MasterKeyError::Missing { .. }) => MasterKey::create(&master_path, random.as_ref())?,
        loaded => loaded?,
    };
    Ok(Registry::create(disk, master, random)?)
}

fn holds_anything(dir: &Path) -> Result<bool, KeysError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(KeysError::System { action: "read", path: dir.to_path_buf(), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::os::unix::fs::MetadataExt;

    use sealane_crypto::SeededRandom;

    use super::*;

    fn open_in(dir: &Path) -> Result<Registry, KeysError> {
        open(dir, Arc::new(SeededRandom::danger_from_seed(3)))
    }

    #[test]
    fn the_first_start_makes_both_files_and_later_ones_read_them() {
        let dir = tempfile::tempdir().unwrap();
        let first = open_in(dir.path()).unwrap();
        for (path, mode) in [("master.key", 0o600), ("keys", 0o700), ("keys/registry", 0o600)] {
            assert_eq!(fs::metadata(dir.path().join(path)).unwrap().mode() & 0o7777, mode, "{path}");
        }
        let second = open_in(dir.path()).unwrap();
        assert_eq!(first.journal_key().expose(), second.journal_key().expose());
        let keys = ServerKeys { registry: Arc::new(second) };
        assert_eq!(keys.derive("receipts").expose(), keys.derive("receipts").expose());
        assert_ne!(keys.derive("receipts").expose(), keys.derive("access keys").expose());
    }

    #[test]
    fn a_missing_file_is_never_replaced_beside_what_it_protects() {
        let dir = tempfile::tempdir().unwrap();
        drop(open_in(dir.path()).unwrap());
        let master = fs::read(dir.path().join("master.key")).unwrap();
        fs::remove_file(dir.path().join("master.key")).unwrap();
        let error = open_in(dir.path()).unwrap_err();
        assert!(matches!(error, KeysError::Master(MasterKeyError::Missing { .. })), "{error}");
        assert!(error.source().unwrap().to_string().contains("there is no master key at"));
        assert!(!dir.path().join("master.key").exists(), "and none was made");

        fs::write(dir.path().join("master.key"), master).unwrap();
        fs::set_permissions(
            dir.path().join("master.key"),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        fs::remove_file(dir.path().join("keys/registry")).unwrap();
        fs::create_dir(dir.path().join("journal")).unwrap();
        fs::write(dir.path().join("journal/0000000001.segment"), b"").unwrap();
        assert!(matches!(open_in(dir.path()), Err(KeysError::RegistryMissing { .. })));
        assert!(!dir.path().join("keys/registry").exists(), "and none was made");
    }
}
