//! Which segment holds which positions, shared between the one writer and all readers.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::files;
use super::frame::SegmentSeal;
use super::header::HEADER_BYTES;
use crate::disk::{Disk, DiskFile};

/// Files kept open for readers. A segment more than this costs an `open` per read, not an error.
const OPEN_FILES_MAX: usize = 64;

/// One segment, as readers need it.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) sequence: u64,
    pub(super) base_lsn: u64,
    pub(super) seal: SegmentSeal,
}

/// All segments, ascending.
pub(super) struct Segments {
    disk: Arc<dyn Disk>,
    list: RwLock<Vec<Segment>>,
    /// Positions before this one may be read.
    durable_lsn: AtomicU64,
    open: Mutex<VecDeque<(u64, Arc<dyn DiskFile>)>>,
}

impl Segment {
    /// The file.
    pub(super) fn file(&self) -> String {
        files::segment(self.sequence)
    }

    /// The byte of the file where a position stands.
    pub(super) fn offset(&self, lsn: u64) -> u64 {
        offset_in(self.base_lsn, lsn)
    }
}

/// The byte, in a segment that begins at `base_lsn`, where a position stands.
pub(super) fn offset_in(base_lsn: u64, lsn: u64) -> u64 {
    u64::try_from(HEADER_BYTES).expect("512 fits") + (lsn - base_lsn)
}

impl Segments {
    pub(super) fn new(disk: Arc<dyn Disk>, list: Vec<Segment>) -> Self {
        Self { disk, list: RwLock::new(list), durable_lsn: AtomicU64::new(0), open: Mutex::default() }
    }

    /// Adds the segment that is written from now on.
    pub(super) fn push(&self, segment: Segment) {
        // Why: a list that a panicking thread only read is still a list; the same below.
        self.list.write().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    pub(super) fn durable_lsn(&self) -> u64 {
        self.durable_lsn.load(Ordering::Acquire)
    }

    /// Lets readers see everything before `lsn`.
    pub(super) fn set_durable_lsn(&self, lsn: u64) {
        self.durable_lsn.store(lsn, Ordering::Release);
    }

    /// The segment a position lies in.
    pub(super) fn locate(&self, lsn: u64) -> Option<Segment> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        // Of segments that begin at the same position all but the last are empty.
        let after = list.partition_point(|segment| segment.base_lsn <= lsn);
        list.get(after.checked_sub(1)?).cloned()
    }

    /// The segment's file, opened if it is not.
    pub(super) fn file(&self, segment: &Segment) -> io::Result<Arc<dyn DiskFile>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|(sequence, _)| *sequence == segment.sequence) {
            let found = open.remove(at).expect("the position was just found under the same lock");
            let file = Arc::clone(&found.1);
            open.push_back(found);
            return Ok(file);
        }
        let file = self.disk.open(&segment.file())?;
        open.push_back((segment.sequence, Arc::clone(&file)));
        if open.len() > OPEN_FILES_MAX {
            open.pop_front();
        }
        Ok(file)
    }
}
