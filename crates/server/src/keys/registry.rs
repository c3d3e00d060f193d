//! The data keys, and the file they are in. A key is durable before anything is encrypted under it,
//! and once destroyed it is nowhere: not in the new file, and not in the blocks of the old one.
//!
//! It knows no job and no journal; it keeps keys for whoever names a queue.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sealane_core::name::Namespace;
use sealane_core::queue::QueueNumber;
use sealane_crypto::at_rest;
use sealane_crypto::{Key, Random, RandomError, SealError, wrap};
use sealane_storage::disk::{Disk, DiskFile};
use sealane_storage::{DataKey, DataKeys, KeyError};
use thiserror::Error;

use super::master::MasterKey;
use super::registry_bytes::{Entry, Purpose, RegistryBytes, RegistryBytesError};

const FILE: &str = "registry";
const UNFINISHED: &str = "registry.unfinished";
/// The namespace that the journal's key is wrapped for; no tenant can have this name.
const JOURNAL_NAMESPACE: &str = "$journal";
const JOURNAL_KEY_REF: u32 = 0;

/// The registry cannot be used, or a key not be made.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The file is not whole.
    #[error("keys/registry is damaged: put back a good copy of the file")]
    Damaged,
    /// The system refused.
    #[error("could not {action} keys/registry")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// All key refs are used up.
    #[error("the key registry has given out all its numbers")]
    Full,
    /// No fresh key.
    #[error("no data key was made")]
    Random(#[from] RandomError),
    /// The key could not be wrapped.
    #[error("the new data key could not be wrapped")]
    Seal(#[from] SealError),
    /// Somebody changed the file.
    #[error("keys/registry was changed by something that does not have the master key: put back a good copy")]
    Tampered,
    /// There is no such key.
    #[error("there is no data key {key_ref}")]
    Unknown {
        /// Its number.
        key_ref: u32,
    },
    /// Written by a newer version.
    #[error(
        "keys/registry has format version {version}, which this version cannot read: start the version that wrote it"
    )]
    UnknownFormat {
        /// The version.
        version: u16,
    },
    /// The master key is another one.
    #[error("keys/registry belongs to another master key: put back the master key of this data directory")]
    WrongMasterKey,
}

/// The data keys.
pub struct Registry {
    disk: Arc<dyn Disk>,
    random: Arc<dyn Random>,
    master: MasterKey,
    journal_key: Arc<Key>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    version: u64,
    entries: BTreeMap<u32, Entry>,
    /// Keys of queues only: no record may name the journal's.
    keys: BTreeMap<u32, Arc<at_rest::DataKey>>,
    queues: BTreeMap<(Namespace, u32), u32>,
}

impl Registry {
    /// Whether there is one on this disk.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn exists(disk: &dyn Disk) -> Result<bool, RegistryError> {
        Ok(disk.list().map_err(fault("look for"))?.iter().any(|name| name == FILE))
    }

    /// Makes one, with a fresh journal key in it.
    ///
    /// # Errors
    /// When the system refuses or there is no randomness.
    pub fn create(
        disk: Arc<dyn Disk>,
        master: MasterKey,
        random: Arc<dyn Random>,
    ) -> Result<Self, RegistryError> {
        let key = Arc::new(Key::generate(random.as_ref())?);
        let entry = wrapped(&master, random.as_ref(), JOURNAL_KEY_REF, Purpose::Journal, &key)?;
        let mut state = State { version: 1, ..State::default() };
        state.insert(entry, &key);
        let registry = Self { disk, random, master, journal_key: key, state: RwLock::default() };
        registry.store(&state)?;
        *registry.write() = state;
        Ok(registry)
    }

    /// Reads the one on this disk and unwraps its keys.
    ///
    /// # Errors
    /// When it is not whole, not under this master key, or the system refuses.
    pub fn open(
        disk: Arc<dyn Disk>,
        master: MasterKey,
        random: Arc<dyn Random>,
    ) -> Result<Self, RegistryError> {
        // Why first: a name that an earlier process gave may not be durable yet.
        disk.sync_dir().map_err(fault("sync"))?;
        let bytes = read(disk.as_ref())?;
        let stored =
            RegistryBytes::decode(&bytes, master.key(), &master.id()).map_err(|error| match error {
                RegistryBytesError::Damaged => RegistryError::Damaged,
                RegistryBytesError::Tampered => RegistryError::Tampered,
                RegistryBytesError::UnknownFormat(version) => RegistryError::UnknownFormat { version },
                RegistryBytesError::WrongMasterKey => RegistryError::WrongMasterKey,
            })?;
        let mut state = State { version: stored.version, ..State::default() };
        let mut journal_key = None;
        for entry in stored.entries {
            match &entry.wrapped {
                None => {
                    state.entries.insert(entry.key_ref, entry);
                }
                Some(bytes) => {
                    let key = wrap::unwrap(
                        master.key(),
                        &place(&master.id(), &entry.purpose, &entry.key_id),
                        bytes,
                    )
                    .map_err(|_| RegistryError::Tampered)?;
                    let is_journal_key = entry.key_ref == JOURNAL_KEY_REF;
                    state.insert(entry, &key);
                    if is_journal_key {
                        journal_key = Some(Arc::new(key));
                    }
                }
            }
        }
        let journal_key = journal_key.ok_or(RegistryError::Damaged)?;
        Ok(Self { disk, random, master, journal_key, state: RwLock::new(state) })
    }

    /// Destroys a data key: whatever was encrypted under it stays unreadable, in this directory and in
    /// every copy of the journal. New records of the queue get a new key.
    ///
    /// # Errors
    /// When there is no such key or the system refuses; the key is then still there.
    pub fn destroy(&self, key_ref: u32) -> Result<(), RegistryError> {
        let mut state = self.write();
        let mut next = state.duplicate();
        let known = next.keys.remove(&key_ref).is_some();
        let entry =
            next.entries.get_mut(&key_ref).filter(|_| known).ok_or(RegistryError::Unknown { key_ref })?;
        entry.wrapped = None;
        next.queues.retain(|_, present| *present != key_ref);
        self.replace(&mut state, next)
    }

    /// The data key that new records of a queue get, if one was made.
    pub fn key_ref_of(&self, namespace: &Namespace, queue: QueueNumber) -> Option<u32> {
        self.read().queues.get(&(namespace.clone(), queue.0)).copied()
    }

    /// How often the registry was written. It only grows.
    pub fn version(&self) -> u64 {
        self.read().version
    }

    /// The key of a queue, made now if nobody was faster.
    fn make(&self, namespace: &Namespace, queue: QueueNumber) -> Result<DataKey, RegistryError> {
        let mut state = self.write();
        if let Some(key) = state.queue(namespace, queue) {
            return Ok(key);
        }
        let last = state.entries.last_key_value().map_or(JOURNAL_KEY_REF, |(last, _)| *last);
        // Destroyed entries stay in the list, so that a number never comes twice.
        let key_ref = last.checked_add(1).ok_or(RegistryError::Full)?;
        let key = Key::generate(self.random.as_ref())?;
        let purpose = Purpose::Queue { namespace: namespace.clone(), queue: queue.0 };
        let entry = wrapped(&self.master, self.random.as_ref(), key_ref, purpose, &key)?;
        let mut next = state.duplicate();
        next.insert(entry, &key);
        self.replace(&mut state, next)?;
        Ok(state.queue(namespace, queue).expect("it was inserted two lines above"))
    }

    /// The file first, then what others see.
    fn replace(&self, state: &mut State, mut next: State) -> Result<(), RegistryError> {
        next.version = next.version.checked_add(1).ok_or(RegistryError::Full)?;
        self.store(&next)?;
        *state = next;
        Ok(())
    }

    fn store(&self, state: &State) -> Result<(), RegistryError> {
        let entries = state.entries.values().cloned().collect();
        let bytes =
            RegistryBytes { version: state.version, entries }.encode(self.master.key(), &self.master.id());
        let names = self.disk.list().map_err(fault("look for"))?;
        if names.iter().any(|name| name == UNFINISHED) {
            // A start that was cut short left it, with wrapped keys in it.
            self.disk.open(UNFINISHED).and_then(|file| wipe(file.as_ref())).map_err(fault("wipe the old"))?;
            self.disk.remove(UNFINISHED).map_err(fault("replace"))?;
        }
        let old = match names.iter().any(|name| name == FILE) {
            true => Some(self.disk.open(FILE).map_err(fault("open"))?),
            false => None,
        };
        let file = self.disk.create(UNFINISHED).map_err(fault("write"))?;
        file.write_at(&bytes, 0).and_then(|()| file.sync_data()).map_err(fault("write"))?;
        self.disk.rename(UNFINISHED, FILE).map_err(fault("replace"))?;
        self.disk.sync_dir().map_err(fault("sync"))?;
        if let Some(old) = old {
            // Why: the old file has no name any more, but its blocks hold keys that may be destroyed
            // one day. Every version is wiped when the next replaces it.
            wipe(old.as_ref()).map_err(fault("wipe the old"))?;
        }
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Why: the state is replaced whole or not at all, so a panic elsewhere leaves a good one.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DataKeys for Registry {
    fn journal_key(&self) -> Arc<Key> {
        Arc::clone(&self.journal_key)
    }

    fn for_queue(&self, namespace: &Namespace, queue: QueueNumber) -> Result<DataKey, KeyError> {
        if let Some(key) = self.read().queue(namespace, queue) {
            return Ok(key);
        }
        self.make(namespace, queue).map_err(KeyError::new)
    }

    fn by_ref(&self, key_ref: u32) -> Option<Arc<at_rest::DataKey>> {
        self.read().keys.get(&key_ref).cloned()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("version", &self.version()).finish_non_exhaustive()
    }
}

impl State {
    fn insert(&mut self, entry: Entry, key: &Key) {
        if let Purpose::Queue { namespace, queue } = &entry.purpose {
            self.queues.insert((namespace.clone(), *queue), entry.key_ref);
            self.keys.insert(entry.key_ref, Arc::new(at_rest::DataKey::new(key)));
        }
        self.entries.insert(entry.key_ref, entry);
    }

    fn queue(&self, namespace: &Namespace, queue: QueueNumber) -> Option<DataKey> {
        let key_ref = *self.queues.get(&(namespace.clone(), queue.0))?;
        let key = self.keys.get(&key_ref).cloned()?;
        Some(DataKey { key_ref, key })
    }

    /// A second one to change. The keys in it are shared, not copied.
    fn duplicate(&self) -> Self {
        Self {
            version: self.version,
            entries: self.entries.clone(),
            keys: self.keys.clone(),
            queues: self.queues.clone(),
        }
    }
}

fn wrapped(
    master: &MasterKey,
    random: &dyn Random,
    key_ref: u32,
    purpose: Purpose,
    key: &Key,
) -> Result<Entry, SealError> {
    let key_id = wrap::data_key_id(key);
    let bytes = wrap::wrap(master.key(), &place(&master.id(), &purpose, &key_id), random, key)?;
    Ok(Entry { key_ref, purpose, key_id, wrapped: Some(bytes) })
}

fn place<'a>(master_id: &'a [u8; 16], purpose: &'a Purpose, key_id: &'a [u8; 16]) -> wrap::Place<'a> {
    let namespace = match purpose {
        Purpose::Journal => JOURNAL_NAMESPACE,
        Purpose::Queue { namespace, .. } => namespace.as_str(),
    };
    wrap::Place { namespace, recipient_id: master_id, key_id }
}

fn read(disk: &dyn Disk) -> Result<Vec<u8>, RegistryError> {
    let file = disk.open(FILE).map_err(fault("open"))?;
    let len = usize::try_from(file.len().map_err(fault("read"))?).map_err(|_| RegistryError::Damaged)?;
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0).map_err(fault("read"))?;
    bytes.truncate(read);
    Ok(bytes)
}

fn wipe(file: &dyn DiskFile) -> io::Result<()> {
    let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    file.write_at(&vec![0; len], 0)?;
    file.sync_data()
}

fn fault(action: &'static str) -> impl Fn(io::Error) -> RegistryError {
    move |source| RegistryError::Disk { action, source }
}

#[cfg(test)]
mod tests {
    use sealane_crypto::SeededRandom;
    use sealane_storage::testing::lossy_disk::{Call, Fault, Loss, LossyDisk};

    use super::*;

    fn master(seed: u64) -> MasterKey {
        let dir = tempfile::tempdir().unwrap();
        MasterKey::create(&dir.path().join("master.key"), &SeededRandom::danger_from_seed(seed)).unwrap()
    }

    fn create(disk: &LossyDisk) -> Registry {
        let random = Arc::new(SeededRandom::danger_from_seed(7));
        Registry::create(Arc::new(disk.clone()), master(1), random).unwrap()
    }

    fn open(disk: &LossyDisk) -> Result<Registry, RegistryError> {
        Registry::open(Arc::new(disk.clone()), master(1), Arc::new(SeededRandom::danger_from_seed(8)))
    }

    fn namespace() -> Namespace {
        Namespace::parse("acme").unwrap()
    }

    /// Whether what one key seals the other opens.
    fn same(one: &at_rest::DataKey, other: &at_rest::DataKey) -> bool {
        let place = at_rest::Place {
            namespace: "acme",
            table: "job",
            record_id: b"1",
            field: "input",
            version: 1,
            lsn: 0,
        };
        let mut record = vec![0; at_rest::HEAD_BYTES];
        at_rest::seal_end(&mut record, 0, 1, one, &place, &SeededRandom::danger_from_seed(1)).unwrap();
        at_rest::open(other, &place, &record).is_ok()
    }

    // covers REST-1 (data keys wrapped by a key-encryption key)
    #[test]
    fn keys_are_made_on_demand_and_come_back_after_a_power_cut() {
        let disk = LossyDisk::new();
        let registry = create(&disk);
        let first = registry.for_queue(&namespace(), QueueNumber(0)).unwrap();
        let again = registry.for_queue(&namespace(), QueueNumber(0)).unwrap();
        let second = registry.for_queue(&namespace(), QueueNumber(1)).unwrap();
        assert!(first.key_ref == again.key_ref && same(&first.key, &again.key));
        assert!(first.key_ref != second.key_ref && !same(&first.key, &second.key));

        let after = open(&disk.after_power_cut(Loss::Everything)).unwrap();
        assert_eq!(after.journal_key().expose(), registry.journal_key().expose());
        assert!(same(&after.by_ref(first.key_ref).unwrap(), &first.key));
        assert_eq!(after.for_queue(&namespace(), QueueNumber(1)).unwrap().key_ref, second.key_ref);
        assert_eq!(after.version(), registry.version());
        assert!(after.by_ref(JOURNAL_KEY_REF).is_none() && after.by_ref(99).is_none());
        let bytes = disk.contents(FILE).unwrap();
        let (state, master) = (registry.read(), master(1));
        let master_id = master.id();
        assert_eq!(state.entries.len(), 3);
        for entry in state.entries.values() {
            let place = place(&master_id, &entry.purpose, &entry.key_id);
            let key = wrap::unwrap(master.key(), &place, &entry.wrapped.unwrap()).unwrap();
            assert!(!bytes.windows(32).any(|window| window == key.expose()), "a key in the clear");
        }
    }

    // covers REST-2 (a destroyed key is erased)
    #[test]
    fn a_destroyed_key_is_nowhere_and_its_number_is_not_given_again() {
        let disk = LossyDisk::new();
        let registry = create(&disk);
        let key = registry.for_queue(&namespace(), QueueNumber(0)).unwrap();
        let wrapped = registry.read().entries[&key.key_ref].wrapped.unwrap();
        assert!(disk.holds_anywhere(&wrapped));
        registry.destroy(key.key_ref).unwrap();
        assert!(!disk.holds_anywhere(&wrapped), "in the file or in blocks of an older one");
        for registry in [open(&disk).unwrap(), registry] {
            assert!(registry.by_ref(key.key_ref).is_none());
            assert!(matches!(registry.destroy(key.key_ref), Err(RegistryError::Unknown { .. })));
            assert!(matches!(registry.destroy(JOURNAL_KEY_REF), Err(RegistryError::Unknown { .. })));
            assert_eq!(registry.key_ref_of(&namespace(), QueueNumber(0)), None);
        }
        let new = open(&disk).unwrap().for_queue(&namespace(), QueueNumber(0)).unwrap();
        assert!(new.key_ref > key.key_ref && !same(&new.key, &key.key));
    }

    // attack 76
    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let disk = LossyDisk::new();
        create(&disk).for_queue(&namespace(), QueueNumber(0)).unwrap();
        let good = disk.contents(FILE).unwrap();
        let open_with = |bytes: &[u8]| {
            disk.tamper(FILE, |file| *file = bytes.to_vec());
            open(&disk).err()
        };
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let error = open_with(&bad).unwrap_or_else(|| panic!("bit {bit} was not noticed"));
            assert!(matches!(error, RegistryError::Damaged | RegistryError::Tampered), "bit {bit}: {error}");
        }
        for len in (0..good.len()).step_by(7) {
            assert!(matches!(open_with(&good[..len]), Some(RegistryError::Damaged)), "cut at {len}");
        }
        assert!(open_with(&good).is_none());
        let other =
            Registry::open(Arc::new(disk.clone()), master(2), Arc::new(SeededRandom::danger_from_seed(8)));
        assert!(matches!(other, Err(RegistryError::WrongMasterKey)));
    }

    #[test]
    fn somebody_with_a_checksum_but_no_key_is_noticed() {
        let disk = LossyDisk::new();
        create(&disk).for_queue(&namespace(), QueueNumber(0)).unwrap();
        disk.tamper(FILE, |file| {
            let body = file.len() - 40;
            file[23] ^= 1;
            let checksum = sealane_crypto::digest::sha256(&[&file[..body]]);
            file[body..body + 8].copy_from_slice(&checksum[..8]);
        });
        assert!(matches!(open(&disk), Err(RegistryError::Tampered)));
    }

    // attack 73
    #[test]
    fn a_power_cut_anywhere_leaves_the_old_registry_or_the_new_one() {
        for (call, nth) in
            [(Call::Sync, 1), (Call::Sync, 2), (Call::Sync, 3), (Call::Write, 1), (Call::Write, 2)]
        {
            for fault in [Fault::PowerOffBefore, Fault::PowerOffAfter] {
                for seed in 0..32 {
                    let disk = LossyDisk::new();
                    let registry = create(&disk);
                    let kept = registry.for_queue(&namespace(), QueueNumber(0)).unwrap();
                    disk.fail(call, nth, fault);
                    let unsure = registry.for_queue(&namespace(), QueueNumber(1));
                    let after = open(&disk.after_power_cut(Loss::Seeded(seed))).unwrap();
                    assert!(
                        same(&after.by_ref(kept.key_ref).unwrap(), &kept.key),
                        "{call:?} {nth} {fault:?} {seed}"
                    );
                    if let Ok(key) = unsure {
                        assert!(same(&after.by_ref(key.key_ref).unwrap(), &key.key));
                    }
                }
            }
        }
    }

    /// A sync of the directory fails, so the key was not given out; but the new file has its name, and
    /// the next process reads it. What that one gives out must survive the power cut that follows.
    // attack 74
    #[test]
    fn a_key_that_is_read_after_a_failed_sync_is_durable_before_it_is_given_out() {
        let disk = LossyDisk::new();
        let registry = create(&disk);
        disk.fail(Call::Sync, 2, Fault::Error(io::ErrorKind::Other));
        assert!(registry.for_queue(&namespace(), QueueNumber(0)).is_err());
        drop(registry);
        let key = open(&disk).unwrap().for_queue(&namespace(), QueueNumber(0)).unwrap();
        let after = open(&disk.after_power_cut(Loss::Everything)).unwrap();
        assert!(same(&after.by_ref(key.key_ref).unwrap(), &key.key));
    }

    #[test]
    fn a_full_disk_makes_no_key_and_harms_none() {
        let disk = LossyDisk::new();
        let registry = create(&disk);
        let key = registry.for_queue(&namespace(), QueueNumber(0)).unwrap();
        disk.set_capacity(Some(disk.contents(FILE).unwrap().len()));
        assert!(registry.for_queue(&namespace(), QueueNumber(1)).is_err());
        assert_eq!(registry.for_queue(&namespace(), QueueNumber(0)).unwrap().key_ref, key.key_ref);
        disk.set_capacity(None);
        let second = registry.for_queue(&namespace(), QueueNumber(1)).unwrap();
        assert!(same(&open(&disk).unwrap().by_ref(second.key_ref).unwrap(), &second.key));
    }
}
