//! A disk in memory that keeps only what was synced, and fails when told to.
//!
//! A power cut ([`LossyDisk::after_power_cut`]) gives the disk as the next start would find it: every
//! sector of 512 bytes that was written and not synced, and every name that was given and not synced,
//! is kept or lost as [`Loss`] decides, in any combination. No page cache can make a missing sync look
//! harmless here.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::lossy_file::FileState;
use crate::disk::{Disk, DiskFile};

/// Longest wait for a sync that should come at once: a test that lacks it fails instead of hanging.
const HELD_SYNC_WAIT_MAX: Duration = Duration::from_secs(20);

/// What a power cut does to what was not synced.
#[derive(Clone, Debug)]
pub enum Loss {
    /// All of it is lost.
    Everything,
    /// Nothing is lost: as when only the process ends.
    Nothing,
    /// Each sector's fate is drawn from this seed.
    Seeded(u64),
}

/// The calls that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Syncs of files and of the directory.
    Sync,
    /// Writes.
    Write,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With this error. A write has by then written half; a sync has lost what it should have kept.
    Error(io::ErrorKind),
    /// The power goes after it has done its work and before it returns.
    PowerOffAfter,
    /// The power goes before it does anything.
    PowerOffBefore,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct LossyDisk(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    files: Vec<FileState>,
    names: BTreeMap<String, usize>,
    kept_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    syncs: u64,
    writes: u64,
    /// A call, its number, and what happens to it.
    faults: Vec<(Call, u64, Fault)>,
    power_is_off: bool,
    capacity: Option<usize>,
    hold_syncs: bool,
    held_syncs: usize,
}

#[derive(Clone)]
enum NameChange {
    Remove(String),
    Rename { from: String, to: String },
    Set(String, usize),
}

impl LossyDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as the next start finds it when the power goes now.
    pub fn after_power_cut(&self, mut loss: Loss) -> Self {
        let state = self.lock();
        let files = state.files.iter().map(|file| file.survive(&mut loss)).collect();
        let mut names = state.kept_names.clone();
        // Names are kept up to some point: a file system's own journal is in order.
        for change in &state.unsynced_names {
            if !loss.keeps() {
                break;
            }
            change.apply(&mut names);
        }
        let kept = State { files, kept_names: names.clone(), names, ..State::default() };
        Self(Arc::new(Shared { state: Mutex::new(kept), changed: Condvar::new() }))
    }

    /// Makes the `nth` such call from now (first = 1) fail.
    pub fn fail(&self, call: Call, nth: u64, fault: Fault) {
        let mut state = self.lock();
        let done = match call {
            Call::Sync => state.syncs,
            Call::Write => state.writes,
        };
        state.faults.push((call, done + nth, fault));
    }

    /// Lets all files together grow to this many bytes only; `None` lifts the limit.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.lock().capacity = bytes;
    }

    /// Syncs called so far.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Writes called so far.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// From now on syncs wait.
    pub fn hold_syncs(&self) {
        self.lock().hold_syncs = true;
    }

    /// Waits until this many syncs wait. `false` when that takes so long that it will not happen.
    pub fn wait_for_held_syncs(&self, count: usize) -> bool {
        let state = self.lock();
        let (state, _) = self
            .0
            .changed
            .wait_timeout_while(state, HELD_SYNC_WAIT_MAX, |state| state.held_syncs < count)
            .unwrap_or_else(PoisonError::into_inner);
        state.held_syncs >= count
    }

    /// Lets all syncs go on.
    pub fn release_syncs(&self) {
        self.lock().hold_syncs = false;
        self.0.changed.notify_all();
    }

    /// The names of all files, in order.
    pub fn names(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// What is in a file; `None` when there is none of this name.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        state.names.get(name).map(|id| state.files[*id].seen.clone())
    }

    /// Whether these bytes are in any file, in one that was removed or replaced, or in what a power cut
    /// would bring back.
    pub fn holds_anywhere(&self, bytes: &[u8]) -> bool {
        let holds = |content: &[u8]| content.windows(bytes.len()).any(|window| window == bytes);
        self.lock().files.iter().any(|file| holds(&file.seen) || holds(&file.kept))
    }

    /// Changes a file behind everybody's back, durably. A file that is not there is made.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        let id = match state.names.get(name) {
            Some(id) => *id,
            None => state.add(name),
        };
        let file = &mut state.files[id];
        change(&mut file.seen);
        file.keep_all();
        state.sync_names();
    }

    /// Removes a file behind everybody's back, durably.
    pub fn tamper_remove(&self, name: &str) {
        let mut state = self.lock();
        state.names.remove(name);
        state.sync_names();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One sync: waits while held, then does `work` unless a fault says otherwise.
    fn sync(&self, work: impl FnOnce(&mut State), lose: impl FnOnce(&mut State)) -> io::Result<()> {
        let mut state = self.lock();
        state.check_power()?;
        state.syncs += 1;
        let number = state.syncs;
        if state.hold_syncs {
            state.held_syncs += 1;
            self.0.changed.notify_all();
            while state.hold_syncs {
                state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.held_syncs -= 1;
        }
        match state.take_fault(Call::Sync, number) {
            None => work(&mut state),
            Some(Fault::Error(kind)) => {
                lose(&mut state);
                return Err(kind.into());
            }
            Some(Fault::PowerOffAfter) => {
                work(&mut state);
                return Err(state.power_off());
            }
            Some(Fault::PowerOffBefore) => return Err(state.power_off()),
        }
        Ok(())
    }
}

impl Loss {
    /// Whether the next thing that was not synced is kept.
    pub(super) fn keeps(&mut self) -> bool {
        match self {
            Self::Everything => false,
            Self::Nothing => true,
            Self::Seeded(seed) => {
                // SplitMix64: short, and good enough to draw lots with.
                *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut lot = *seed;
                lot = (lot ^ (lot >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                lot = (lot ^ (lot >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                (lot ^ (lot >> 31)) & 1 == 1
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename { from, to } => {
                if let Some(id) = names.remove(from) {
                    names.insert(to.clone(), id);
                }
            }
            Self::Set(name, id) => {
                names.insert(name.clone(), *id);
            }
        }
    }
}

impl State {
    fn check_power(&self) -> io::Result<()> {
        if self.power_is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn power_off(&mut self) -> io::Error {
        self.power_is_off = true;
        io::Error::other("the power is off")
    }

    fn take_fault(&mut self, call: Call, number: u64) -> Option<Fault> {
        let at = self.faults.iter().position(|(of, nth, _)| *of == call && *nth == number)?;
        Some(self.faults.swap_remove(at).2)
    }

    fn add(&mut self, name: &str) -> usize {
        self.files.push(FileState::default());
        let id = self.files.len() - 1;
        self.change_name(NameChange::Set(name.to_owned(), id));
        id
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn sync_names(&mut self) {
        self.kept_names.clone_from(&self.names);
        self.unsynced_names.clear();
    }

    fn id(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Whether `id` may grow to `len`.
    fn fits(&self, id: usize, len: usize) -> bool {
        let Some(capacity) = self.capacity else { return true };
        let present = self.files[id].seen.len();
        let all: usize = self.names.values().map(|id| self.files[*id].seen.len()).sum();
        len <= present || all - present.min(all) + len <= capacity
    }
}

impl Disk for LossyDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock();
        state.check_power()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = state.add(name);
        Ok(Arc::new(LossyHandle { disk: self.clone(), id }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.lock().check_power()?;
        Ok(self.names())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.lock();
        state.check_power()?;
        Ok(Arc::new(LossyHandle { disk: self.clone(), id: state.id(name)? }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.check_power()?;
        state.id(name)?;
        state.change_name(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.check_power()?;
        state.id(from)?;
        state.change_name(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.sync(State::sync_names, |_| {})
    }
}

struct LossyHandle {
    disk: LossyDisk,
    id: usize,
}

impl DiskFile for LossyHandle {
    fn len(&self) -> io::Result<u64> {
        let state = self.disk.lock();
        state.check_power()?;
        Ok(u64::try_from(state.files[self.id].seen.len()).expect("a length in memory fits 64 bits"))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.lock();
        state.check_power()?;
        let seen = &state.files[self.id].seen;
        let from = place(offset)?.min(seen.len());
        let read = buffer.len().min(seen.len() - from);
        buffer[..read].copy_from_slice(&seen[from..from + read]);
        Ok(read)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync(|state| state.files[self.id].sync(), |state| state.files[self.id].fail_sync())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.check_power()?;
        state.files[self.id].truncate(place(len)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.check_power()?;
        state.writes += 1;
        let number = state.writes;
        let at = place(offset)?;
        if !state.fits(self.id, at + bytes.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = self.id;
        match state.take_fault(Call::Write, number) {
            None => state.files[file].write(bytes, at),
            Some(Fault::Error(kind)) => {
                state.files[file].write(&bytes[..bytes.len() / 2], at);
                return Err(kind.into());
            }
            Some(Fault::PowerOffAfter) => {
                state.files[file].write(bytes, at);
                return Err(state.power_off());
            }
            Some(Fault::PowerOffBefore) => return Err(state.power_off()),
        }
        Ok(())
    }
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}
