//! The one writer. Records gather in memory with their final position; a commit decides which segment
//! they go to, seals them for it, and makes them durable with one write and one sync.

use std::io;
use std::sync::Arc;

use sealane_core::record::RecordRef;
use sealane_crypto::{Random, Zeroize, at_rest};

use super::files::{self, PREPARED, STOPPED, STOPPED_UNFINISHED};
use super::frame::{
    COMMIT_BYTES, DATA_BYTES_MAX, FrameKind, FramePrefix, STOP_BYTES, SegmentSeal, encode_commit,
};
use super::header::{Before, HEADER_BYTES, Left, SegmentHeader};
use super::preparer::{PrepareError, Preparer};
use super::reader::{self, LogReader};
use super::recent::Recent;
use super::segments::{Segment, Segments, offset_in};
use super::settings::LogSettings;
use super::snapshot::{SnapshotFile, SnapshotHeader};
use super::stop_marker::StopMarker;
use crate::codec;
use crate::disk::{Disk, DiskFile};
use crate::error::{JournalError, SnapshotError};
use crate::fact::{CallerData, Fact};
use crate::journal::{Journal, JournalReader, Mark, Room, Snapshot, SnapshotDone};
use crate::keys::DataKeys;

/// What systems keep a file's bytes in memory by; a larger one costs a read, not an error.
const PAGE_BYTES: u64 = 4_096;
/// A buffer that grew beyond this for one large group is given back after it.
const BUFFER_BYTES_KEPT: usize = 16 << 20;

/// The segment that is written.
pub(super) struct Active {
    pub(super) header: SegmentHeader,
    pub(super) seal: SegmentSeal,
    pub(super) file: Arc<dyn DiskFile>,
}

/// The snapshots that there are.
pub(super) struct Snapshots {
    /// The last one known to be whole.
    last: Option<u64>,
    /// What it takes.
    bytes: u64,
    /// Where one was begun last, whatever became of it: what failed is not tried again at once.
    tried_lsn: u64,
    /// The highest number in use, whatever it holds.
    highest: u64,
    /// The oldest segment.
    first_segment: u64,
}

impl Snapshots {
    pub(super) fn new(loaded: Option<(&SnapshotHeader, u64)>, highest: u64, first_segment: u64) -> Self {
        let (last, bytes) = loaded.map(|(header, bytes)| (header.sequence, bytes)).unzip();
        let tried_lsn = loaded.map_or(0, |(header, _)| header.lsn);
        Self { last, bytes: bytes.unwrap_or(0), tried_lsn, highest, first_segment }
    }
}

/// A staged frame: everything is in the group's buffer except what depends on the segment.
struct Staged {
    at: usize,
    prefix: FramePrefix,
}

/// The journal on disk, open.
pub(super) struct LogJournal {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) keys: Arc<dyn DataKeys>,
    pub(super) random: Arc<dyn Random>,
    pub(super) settings: LogSettings,
    pub(super) segments: Arc<Segments>,
    pub(super) preparer: Preparer,
    pub(super) active: Active,
    /// Where the next group begins. Everything before it is durable.
    pub(super) end_lsn: u64,
    group: Vec<u8>,
    staged: Vec<Staged>,
    recent: Arc<Recent>,
    snapshots: Snapshots,
    /// After a failed write nobody knows what the disk holds: nothing more is taken.
    poisoned: bool,
}

impl Active {
    /// The segment as readers need it.
    pub(super) fn segment(&self) -> Segment {
        Segment { sequence: self.header.sequence, base_lsn: self.header.base_lsn, seal: self.seal.clone() }
    }

    /// Bytes left for groups at `lsn`. The clean stop's are kept back: closing must not need space.
    fn room(&self, lsn: u64) -> u64 {
        self.header.file_bytes.saturating_sub(offset_in(self.header.base_lsn, lsn) + bytes_u64(STOP_BYTES))
    }
}

/// What fits into an empty segment of this length.
fn capacity(file_bytes: u64) -> u64 {
    file_bytes.saturating_sub(bytes_u64(HEADER_BYTES + STOP_BYTES))
}

impl LogJournal {
    #[expect(clippy::too_many_arguments, reason = "the parts of an open log, each used once")]
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        keys: Arc<dyn DataKeys>,
        random: Arc<dyn Random>,
        settings: LogSettings,
        segments: Arc<Segments>,
        preparer: Preparer,
        active: Active,
        end_lsn: u64,
        snapshots: Snapshots,
    ) -> Self {
        Self {
            disk,
            keys,
            random,
            settings,
            segments,
            preparer,
            active,
            end_lsn,
            group: Vec::new(),
            staged: Vec::new(),
            recent: Arc::new(Recent::new(settings.recent_bytes)),
            snapshots,
            poisoned: false,
        }
    }

    fn alive(&self) -> Result<(), JournalError> {
        if self.poisoned { Err(JournalError::Poisoned) } else { Ok(()) }
    }

    /// Adds a frame to the group's buffer; takes everything back if it cannot.
    fn stage(&mut self, fact: &Fact, data: Option<CallerData<'_>>) -> Result<RecordRef, JournalError> {
        let at = self.group.len();
        let staged = self.try_stage(at, fact, data);
        if staged.is_err() {
            self.group.truncate(at);
            self.staged.truncate(self.staged.partition_point(|staged| staged.at < at));
        }
        let key_ref = staged?;
        let bytes = u32::try_from(self.group.len() - at).expect("no frame is longer than FRAME_BYTES_MAX");
        let record = RecordRef { lsn: self.end_lsn + bytes_u64(at), bytes };
        if let (Some(CallerData::Job { input, .. }), Some(key_ref)) = (data, key_ref) {
            self.recent.put(record, key_ref, input);
        }
        Ok(record)
    }

    fn try_stage(
        &mut self,
        at: usize,
        fact: &Fact,
        data: Option<CallerData<'_>>,
    ) -> Result<Option<u32>, JournalError> {
        let sealed_at = at + FramePrefix::sealed_at();
        self.group.resize(sealed_at, 0);
        codec::encode_fact(fact, &mut self.group);
        let sealed = self.group.len() - sealed_at;
        let max = usize::from(u16::MAX);
        let too_large = |_| JournalError::TooLarge { part: "event", bytes: sealed, max };
        let mut prefix = FramePrefix {
            kind: FrameKind::Record,
            sealed_bytes: u16::try_from(sealed).map_err(too_large)?,
            data_bytes: 0,
            group_offset: u32::try_from(at).expect("a group is at most one segment, far below 4 GiB"),
        };
        self.group.resize(at + prefix.data_at(), 0);
        let mut key_ref = None;
        if let Some(data) = data {
            let from = self.group.len();
            key_ref = Some(self.encrypt(fact, data, self.end_lsn + bytes_u64(at))?);
            let bytes = self.group.len() - from;
            prefix.data_bytes = u32::try_from(bytes).expect("checked against DATA_BYTES_MAX");
        }
        self.group.resize(at + prefix.frame_bytes(), 0);
        self.staged.push(Staged { at, prefix });
        self.make_room()?;
        Ok(key_ref)
    }

    /// Adds what the caller supplied to the group's buffer, under the data key of its queue and bound
    /// to this position. Gives the key's number.
    fn encrypt(&mut self, fact: &Fact, data: CallerData<'_>, lsn: u64) -> Result<u32, JournalError> {
        let Fact::Shard { namespace, event } = fact else { return Err(JournalError::Misplaced) };
        let place = reader::place(namespace, event, lsn)
            .filter(|_| data.belongs_to(fact))
            .ok_or(JournalError::Misplaced)?;
        let key = self.keys.for_queue(namespace, data.queue())?;
        let from = self.group.len();
        self.group.resize(from + at_rest::HEAD_BYTES, 0);
        match data {
            CallerData::Job { input, .. } => codec::encode_job_input(input, &mut self.group),
            CallerData::Outcome { bytes, .. } | CallerData::Session { bytes, .. } => {
                self.group.extend_from_slice(bytes)
            }
        }
        let bytes = self.group.len() - from - at_rest::HEAD_BYTES;
        let max = DATA_BYTES_MAX - at_rest::OVERHEAD;
        if bytes > max {
            self.group[from..].zeroize();
            return Err(JournalError::TooLarge { part: "caller data", bytes, max });
        }
        at_rest::seal_end(&mut self.group, from, key.key_ref, &key.key, &place, self.random.as_ref())?;
        Ok(key.key_ref)
    }

    /// Sees to it that the group as staged has a segment to go to, so that a commit never lacks one.
    fn make_room(&mut self) -> Result<(), JournalError> {
        let bytes = bytes_u64(self.group.len() + COMMIT_BYTES);
        if bytes <= self.active.room(self.end_lsn) {
            return Ok(());
        }
        let max = capacity(self.settings.segment_bytes);
        if bytes > max {
            return Err(JournalError::GroupFull { bytes, max });
        }
        match self.preparer.wait_ready() {
            Ok(()) => Ok(()),
            Err(PrepareError::NoSpace) => Err(JournalError::NoSpace),
            Err(PrepareError::Disk(source)) => Err(self.poison("prepare", PREPARED.into(), source)),
        }
    }

    fn poison(&mut self, action: &'static str, file: String, source: io::Error) -> JournalError {
        self.poisoned = true;
        JournalError::Disk { action, file, source }
    }

    /// Leaves the active segment for the prepared one, which begins where this one ends.
    fn rotate(&mut self) -> Result<(), JournalError> {
        let file = match self.preparer.take() {
            Ok(file) => file,
            Err(PrepareError::NoSpace) => unreachable!("append waited until the next segment was ready"),
            Err(PrepareError::Disk(source)) => return Err(self.poison("prepare", PREPARED.into(), source)),
        };
        let header = SegmentHeader {
            uuid: segment_uuid(self.random.as_ref())?,
            sequence: self.active.header.sequence + 1,
            base_lsn: self.end_lsn,
            file_bytes: self.settings.segment_bytes,
            before: Before::Zeros,
            previous: self.active.header.uuid,
            previous_left: Left::Full,
        };
        let journal_key = self.keys.journal_key();
        let name = files::segment(header.sequence);
        // The header is durable before the file has its name, and the name before a group is in it.
        let mut page = header.encode(&journal_key).to_vec();
        page.resize(usize::try_from(header.file_bytes.min(PAGE_BYTES)).expect("at most a page"), 0);
        file.write_at(&page, 0)
            .and_then(|()| file.sync_data())
            .map_err(|source| self.poison("start", PREPARED.into(), source))?;
        self.disk
            .rename(PREPARED, &name)
            .and_then(|()| self.disk.sync_dir())
            .map_err(|source| self.poison("name", name.clone(), source))?;

        let seal = SegmentSeal::new(&journal_key, header.uuid);
        let left = std::mem::replace(&mut self.active, Active { header, seal, file });
        self.segments.push(self.active.segment());
        self.preparer.trim(left.file, offset_in(left.header.base_lsn, self.end_lsn));
        self.preparer.request();
        Ok(())
    }

    /// Finishes the group's frames for the active segment, the commit frame included.
    fn seal_group(&mut self) -> Result<(), JournalError> {
        let seal = &self.active.seal;
        for staged in &self.staged {
            let frame = &mut self.group[staged.at..staged.at + staged.prefix.frame_bytes()];
            seal.seal(frame, staged.prefix, self.end_lsn + bytes_u64(staged.at))?;
        }
        let at = self.group.len();
        let records = u32::try_from(self.staged.len()).expect("a group is at most one segment of frames");
        let payload = encode_commit(records);
        let prefix = FramePrefix {
            kind: FrameKind::Commit,
            sealed_bytes: u16::try_from(payload.len()).expect("4 fits"),
            data_bytes: 0,
            group_offset: u32::try_from(at).expect("a group is at most one segment, far below 4 GiB"),
        };
        self.group.resize(at + COMMIT_BYTES, 0);
        let frame = &mut self.group[at..];
        frame[FramePrefix::sealed_at()..][..payload.len()].copy_from_slice(&payload);
        seal.seal(frame, prefix, self.end_lsn + bytes_u64(at))?;
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), JournalError> {
        let offset = offset_in(self.active.header.base_lsn, self.end_lsn);
        let file = Arc::clone(&self.active.file);
        let name = files::segment(self.active.header.sequence);
        // Why to the end of a page, with the zeros that stand there: half a page the system must first
        // read from the disk, since prepared segments were written past its cache.
        let end = offset + bytes_u64(self.group.len());
        let page_end = end.next_multiple_of(PAGE_BYTES).min(self.active.header.file_bytes.max(end));
        let bytes = self.group.len();
        let padding = usize::try_from(page_end - end).expect("less than a page");
        self.group.resize(bytes + padding, 0);
        let written = file.write_at(&self.group, offset);
        self.group.truncate(bytes);
        written.map_err(|source| self.poison("write", name.clone(), source))?;
        file.sync_data().map_err(|source| self.poison("sync", name, source))
    }

    fn try_commit(&mut self) -> Result<(), JournalError> {
        if bytes_u64(self.group.len() + COMMIT_BYTES) > self.active.room(self.end_lsn) {
            self.rotate()?;
        }
        self.seal_group()?;
        self.write_group()?;
        self.end_lsn += bytes_u64(self.group.len());
        self.segments.set_durable_lsn(self.end_lsn);
        self.drop_group();
        Ok(())
    }

    fn drop_group(&mut self) {
        self.group.clear();
        self.group.shrink_to(BUFFER_BYTES_KEPT);
        self.staged.clear();
    }

    /// Ends the active segment and writes down, in a second place, that it was ended.
    fn stop(&mut self) -> Result<(), JournalError> {
        let prefix =
            FramePrefix { kind: FrameKind::CleanStop, sealed_bytes: 0, data_bytes: 0, group_offset: 0 };
        self.group.resize(STOP_BYTES, 0);
        self.active.seal.seal(&mut self.group, prefix, self.end_lsn)?;
        self.write_group()?;
        let marker = StopMarker {
            uuid: self.active.header.uuid,
            sequence: self.active.header.sequence,
            end_lsn: self.end_lsn + bytes_u64(STOP_BYTES),
        };
        write_whole(self.disk.as_ref(), STOPPED_UNFINISHED, STOPPED, &marker.encode())
            .map_err(|source| self.poison("write", STOPPED.into(), source))
    }
}

impl Journal for LogJournal {
    fn append(&mut self, fact: &Fact, data: Option<CallerData<'_>>) -> Result<RecordRef, JournalError> {
        self.alive()?;
        self.stage(fact, data)
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.alive()?;
        if self.staged.is_empty() {
            return Ok(());
        }
        let result = self.try_commit();
        // Why also for errors that are not the disk's: the group is half sealed, and a frame must
        // never be sealed twice under one position.
        self.poisoned |= result.is_err();
        result
    }

    fn staged_bytes(&self) -> usize {
        self.group.len()
    }

    fn mark(&self) -> Mark {
        Mark(self.end_lsn + bytes_u64(self.group.len()))
    }

    fn rollback(&mut self, mark: Mark) {
        let at = usize::try_from(mark.0.saturating_sub(self.end_lsn)).unwrap_or(usize::MAX);
        let keep = self.staged.partition_point(|staged| staged.at < at);
        let end = self.staged.get(keep).map_or(self.group.len(), |staged| staged.at);
        self.staged.truncate(keep);
        self.group.truncate(end);
        self.recent.take_back(self.end_lsn + bytes_u64(end));
    }

    fn snapshot_is_due(&self, closing: bool) -> bool {
        let tail = self.end_lsn - self.snapshots.tried_lsn;
        // Why not less than what a snapshot takes: a large state would be written again and again.
        let enough = self.settings.snapshot_bytes.max(self.snapshots.bytes.saturating_mul(2));
        // What room there is on a full disk is for settling.
        !self.preparer.is_low()
            && tail >= if closing { self.settings.closing_snapshot_bytes.min(enough) } else { enough }
    }

    fn snapshot(&mut self) -> Result<Box<dyn Snapshot>, SnapshotError> {
        if !self.staged.is_empty() {
            return Err(SnapshotError::Staged);
        }
        self.snapshots.highest += 1;
        self.snapshots.tried_lsn = self.end_lsn;
        let header = SnapshotHeader {
            uuid: segment_uuid(self.random.as_ref())?,
            sequence: self.snapshots.highest,
            lsn: self.end_lsn,
            segment: self.active.header.sequence,
            segment_uuid: self.active.header.uuid,
            first_segment: self.snapshots.first_segment,
        };
        let file = SnapshotFile::begin(Arc::clone(&self.disk), header, &self.keys.journal_key())?;
        Ok(Box::new(file))
    }

    fn trim(&mut self, done: &SnapshotDone) {
        self.snapshots.bytes = done.bytes;
        let Some(keep) = self.snapshots.last.replace(done.sequence) else { return };
        let names = self.disk.list().unwrap_or_default();
        let older = |name: &&String| files::snapshot_sequence(name).is_some_and(|number| number < keep);
        for name in names.iter().filter(older) {
            // Why ignored: nothing depends on it, and the next one tries again.
            let _ = self.disk.remove(name);
        }
    }

    fn room(&self) -> Room {
        if self.preparer.is_low() { Room::Low { bytes: self.active.room(self.end_lsn) } } else { Room::Ok }
    }

    fn retry_room(&mut self) {
        self.preparer.request();
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(LogReader {
            segments: Arc::clone(&self.segments),
            keys: Arc::clone(&self.keys),
            recent: Arc::clone(&self.recent),
        })
    }

    fn close(mut self: Box<Self>) -> Result<(), JournalError> {
        self.alive()?;
        self.drop_group();
        self.stop()
    }
}

/// A fresh segment UUID (version 4).
pub(super) fn segment_uuid(random: &dyn Random) -> Result<[u8; 16], sealane_crypto::SealError> {
    let mut uuid = [0; 16];
    random.fill(&mut uuid)?;
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    Ok(uuid)
}

/// Writes a small file so that it is there whole or not at all.
pub(super) fn write_whole(disk: &dyn Disk, unfinished: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let file = disk.create(unfinished)?;
    file.write_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(unfinished, name)?;
    disk.sync_dir()
}

fn bytes_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length in memory fits 64 bits")
}
