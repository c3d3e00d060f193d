//! One file of the lossy disk: what a reader sees, what would survive, and the writes between.

use super::lossy_disk::Loss;

/// Written whole or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Clone)]
enum Change {
    Truncate(usize),
    Write { at: usize, bytes: Vec<u8> },
}

#[derive(Clone, Default)]
pub(super) struct FileState {
    /// What a reader sees: the system's cache.
    pub(super) seen: Vec<u8>,
    /// What survives a power cut for certain.
    pub(super) kept: Vec<u8>,
    unsynced: Vec<Change>,
}

impl FileState {
    pub(super) fn write(&mut self, bytes: &[u8], at: usize) {
        apply(&mut self.seen, &Change::Write { at, bytes: bytes.to_vec() });
        // Sector by sector, because each of them survives or not on its own.
        let mut from = 0;
        while from < bytes.len() {
            let to = (((at + from) / SECTOR_BYTES + 1) * SECTOR_BYTES - at).min(bytes.len());
            self.unsynced.push(Change::Write { at: at + from, bytes: bytes[from..to].to_vec() });
            from = to;
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        apply(&mut self.seen, &Change::Truncate(len));
        self.unsynced.push(Change::Truncate(len));
    }

    /// Keeps what is dirty, and only that: what a failed sync forgot is not dirty any more.
    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            apply(&mut self.kept, &change);
        }
    }

    /// Keeps all that is seen.
    pub(super) fn keep_all(&mut self) {
        self.kept.clone_from(&self.seen);
        self.unsynced.clear();
    }

    /// A sync that failed the way real ones do: what was dirty is marked clean, still seen, and gone.
    pub(super) fn fail_sync(&mut self) {
        self.unsynced.clear();
    }

    /// What is there after a power cut.
    pub(super) fn survive(&self, loss: &mut Loss) -> Self {
        let mut bytes = self.kept.clone();
        for change in &self.unsynced {
            if loss.keeps() {
                apply(&mut bytes, change);
            }
        }
        Self { seen: bytes.clone(), kept: bytes, unsynced: Vec::new() }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Truncate(len) => bytes.truncate(*len),
        Change::Write { at, bytes: new } => {
            let end = at + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(new);
        }
    }
}
