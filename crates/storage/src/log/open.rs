//! From files to an open journal: check, visit, and only then change anything.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use sealane_crypto::{Key, Random};

use super::files;
use super::frame::SegmentSeal;
use super::header::{Before, HEADER_BYTES, HeaderError, Left, SegmentHeader};
use super::preparer::{Preparer, fill, is_no_space};
use super::recovery::{SegmentBytes, Walked};
use super::segments::{Segment, Segments, offset_in};
use super::settings::LogSettings;
use super::snapshot::{self, LoadError, SnapshotFound, SnapshotHeader};
use super::stop_marker::{MarkerError, StopMarker};
use super::writer::{Active, LogJournal, Snapshots, segment_uuid};
use crate::disk::{Disk, DiskFile};
use crate::error::{Damage, OpenError, Place};
use crate::journal::{DamagedSnapshot, LastStop, Loaded, Opened, Recovery, Visit};
use crate::keys::DataKeys;
use crate::state::{FactsOnly, Restore};

/// A segment found on disk.
pub(super) struct Found {
    name: String,
    header: SegmentHeader,
    seal: SegmentSeal,
    file: Arc<dyn DiskFile>,
}

/// A segment's file, and the length of it that is used.
type Untrimmed = (Arc<dyn DiskFile>, u64);

/// What the segments hold, all checks passed.
pub(super) struct Checked {
    pub(super) recovery: Recovery,
    /// Segments that end in zeros nobody will use.
    untrimmed: Vec<Untrimmed>,
    /// The end of the newest segment, to be made durable once more.
    last_group: Option<LastGroup>,
}

/// The end of the newest segment as it was read.
struct LastGroup {
    file: Arc<dyn DiskFile>,
    name: String,
    offset: u64,
    bytes: Vec<u8>,
}

/// Opens the log in `disk`, visiting every durable record, and begins a fresh segment.
///
/// The caller holds the directory's lock. A start that fails has changed nothing that was durable.
///
/// # Errors
/// See [`OpenError`]: whatever is not whole, and not the torn end of the last group, is refused with
/// its place.
pub fn open(
    disk: Arc<dyn Disk>,
    keys: Arc<dyn DataKeys>,
    random: Arc<dyn Random>,
    settings: LogSettings,
    visit: &mut Visit<'_>,
) -> Result<Opened, OpenError> {
    restore(disk, keys, random, settings, &mut FactsOnly(visit))
}

/// The same, beginning with the newest snapshot that is whole and visiting the records behind it.
///
/// # Errors
/// As [`open`]. A snapshot that is not whole is no error: the records that it stands for are visited.
pub fn restore(
    disk: Arc<dyn Disk>,
    keys: Arc<dyn DataKeys>,
    random: Arc<dyn Random>,
    settings: LogSettings,
    restore: &mut dyn Restore,
) -> Result<Opened, OpenError> {
    let journal_key = keys.journal_key();
    let names = disk.list().map_err(fault("list", "the journal directory"))?;
    let found = find(disk.as_ref(), &names, &journal_key)?;
    let numbers: Vec<u64> = names.iter().filter_map(|name| files::snapshot_sequence(name)).collect();
    let chosen = choose(disk.as_ref(), &numbers, &found, &journal_key, restore)?;
    check_chain(&found)?;
    let marker = read_marker(disk.as_ref(), &names)?;
    let checked = check(&found, marker, &chosen, restore)?;

    // From here on the disk is changed.
    if let Some(last_group) = &checked.last_group {
        last_group.confirm()?;
    }
    remove_unfinished(disk.as_ref(), &names)?;
    let ready = adopt_prepared(disk.as_ref(), &names, settings.segment_bytes)?;
    let header = next_header(&found, &checked.recovery, random.as_ref(), settings)?;
    let (active, ready) = begin(disk.as_ref(), header, &journal_key, settings, ready)?;

    let end_lsn = checked.recovery.end_lsn;
    let mut list: Vec<Segment> = found.iter().map(Found::segment).collect();
    list.push(active.segment());
    let segments = Arc::new(Segments::new(Arc::clone(&disk), list));
    segments.set_durable_lsn(end_lsn);
    let preparer = Preparer::start(Arc::clone(&disk), settings.segment_bytes, settings.prepare, ready)
        .map_err(fault("start a thread for", files::PREPARED))?;
    for (file, len) in checked.untrimmed {
        preparer.trim(file, len);
    }
    preparer.request();
    let snapshots = Snapshots::new(
        chosen.header.as_ref().map(|header| (header, chosen.bytes)),
        numbers.iter().copied().max().unwrap_or(0),
        found.first().map_or(1, |first| first.header.sequence),
    );
    let journal =
        LogJournal::new(disk, keys, random, settings, segments, preparer, active, end_lsn, snapshots);
    Ok(Opened { journal: Box::new(journal), recovery: checked.recovery })
}

/// The state to begin with, if any, and the newer ones that are not whole.
#[derive(Default)]
pub(super) struct Chosen {
    header: Option<SnapshotHeader>,
    /// What its file takes.
    bytes: u64,
    loaded: Option<Loaded>,
    damaged: Vec<DamagedSnapshot>,
}

/// Loads the newest snapshot that is whole.
fn choose(
    disk: &dyn Disk,
    numbers: &[u64],
    segments: &[Found],
    journal_key: &Key,
    restore: &mut dyn Restore,
) -> Result<Chosen, OpenError> {
    let mut chosen = Chosen::default();
    if !restore.takes_states() {
        return Ok(chosen);
    }
    let mut newest_first = numbers.to_vec();
    newest_first.sort_unstable_by(|one, other| other.cmp(one));
    for sequence in newest_first {
        let loaded = snapshot::read_header(disk, sequence, journal_key).and_then(|found| {
            stands_in(&found, segments)?;
            snapshot::load(&found, restore).map(|loaded| (found, loaded))
        });
        match loaded {
            Ok((found, (rows, bytes))) => {
                chosen.bytes = bytes;
                chosen.loaded = Some(Loaded { file: found.name, lsn: found.header.lsn, rows });
                chosen.header = Some(found.header);
                return Ok(chosen);
            }
            Err(LoadError::Damaged(damaged)) => {
                restore.begin();
                chosen.damaged.push(damaged);
            }
            Err(LoadError::Open(error)) => return Err(error),
        }
    }
    Ok(chosen)
}

/// A snapshot proves that the segment which it stands in was there, with all before its position.
fn stands_in(found: &SnapshotFound, segments: &[Found]) -> Result<(), OpenError> {
    let SnapshotHeader { segment: sequence, segment_uuid, lsn, first_segment, .. } = found.header;
    let missing = |missing| OpenError::MissingSegment { missing, file: files::segment(missing) };
    let segment = segments.iter().find(|segment| segment.header.sequence == sequence);
    let segment = segment.ok_or_else(|| missing(sequence))?;
    if segments.first().is_some_and(|first| first.header.sequence > first_segment) {
        return Err(missing(first_segment));
    }
    if segment.header.uuid == segment_uuid && segment.header.base_lsn <= lsn {
        return Ok(());
    }
    let place = Place { file: found.name.clone(), offset: 0, lsn: Some(lsn) };
    Err(OpenError::Damaged { damage: Damage::Contradiction, place })
}

/// All segments in order, each with a header that passed its checks.
pub(super) fn find(disk: &dyn Disk, names: &[String], journal_key: &Key) -> Result<Vec<Found>, OpenError> {
    let by_sequence: BTreeMap<u64, &String> =
        names.iter().filter_map(|name| Some((files::sequence(name)?, name))).collect();
    let mut found: Vec<Found> = Vec::with_capacity(by_sequence.len());
    for (sequence, name) in by_sequence {
        let file = disk.open(name).map_err(fault("open", name))?;
        let mut sector = [0; HEADER_BYTES];
        let read = file.read_at(&mut sector, 0).map_err(fault("read", name))?;
        let damaged =
            |damage| OpenError::Damaged { damage, place: Place { file: name.clone(), offset: 0, lsn: None } };
        if read < HEADER_BYTES {
            return Err(damaged(Damage::SegmentHeader));
        }
        let header = SegmentHeader::decode(&sector, journal_key).map_err(|error| match error {
            HeaderError::Damaged => damaged(Damage::SegmentHeader),
            HeaderError::UnknownFormat(version) => OpenError::UnknownFormat { file: name.clone(), version },
            // Why: where another segment opened under this key, the key is not what is wrong.
            HeaderError::WrongKey if found.is_empty() => OpenError::WrongKey { file: name.clone() },
            HeaderError::WrongKey => damaged(Damage::Tampered),
        })?;
        if header.sequence != sequence {
            return Err(damaged(Damage::Contradiction));
        }
        let seal = SegmentSeal::new(journal_key, header.uuid);
        found.push(Found { name: name.clone(), header, seal, file });
    }
    Ok(found)
}

/// Every segment names the one before it, and none is missing between.
pub(super) fn check_chain(found: &[Found]) -> Result<(), OpenError> {
    let mut sequence = 0;
    let mut uuid = [0; 16];
    let mut base_lsn = 0;
    for segment in found {
        sequence += 1;
        if segment.header.sequence != sequence {
            return Err(OpenError::MissingSegment { missing: sequence, file: files::segment(sequence) });
        }
        let first = sequence == 1;
        let linked = segment.header.previous == uuid
            && (segment.header.previous_left == Left::None) == first
            && if first { segment.header.base_lsn == 0 } else { segment.header.base_lsn >= base_lsn };
        if !linked {
            let place = Place { file: segment.name.clone(), offset: 0, lsn: None };
            return Err(OpenError::Damaged { damage: Damage::Contradiction, place });
        }
        uuid = segment.header.uuid;
        base_lsn = segment.header.base_lsn;
    }
    Ok(())
}

pub(super) fn read_marker(disk: &dyn Disk, names: &[String]) -> Result<Option<StopMarker>, OpenError> {
    if !names.iter().any(|name| name == files::STOPPED) {
        return Ok(None);
    }
    let file = disk.open(files::STOPPED).map_err(fault("open", files::STOPPED))?;
    let bytes = read_whole(file.as_ref(), files::STOPPED)?;
    StopMarker::decode(&bytes).map(Some).map_err(|error| match error {
        MarkerError::Damaged => OpenError::Damaged {
            damage: Damage::StopMarker,
            place: Place { file: files::STOPPED.into(), offset: 0, lsn: None },
        },
        MarkerError::UnknownFormat(version) => {
            OpenError::UnknownFormat { file: files::STOPPED.into(), version }
        }
    })
}

/// Walks the segments from the one on that the state stands in, and visits the records behind the state.
pub(super) fn check(
    found: &[Found],
    marker: Option<StopMarker>,
    chosen: &Chosen,
    restore: &mut dyn Restore,
) -> Result<Checked, OpenError> {
    let (from_segment, from_lsn) = chosen.header.as_ref().map_or((0, 0), |state| (state.segment, state.lsn));
    let visit = &mut |record, fact| restore.fact(record, fact);
    if let Some(marker) = marker {
        let newest = found.last().map_or(0, |segment| segment.header.sequence);
        if marker.sequence > newest {
            return Err(OpenError::MissingSegment { missing: newest + 1, file: files::segment(newest + 1) });
        }
    }
    let mut recovery = Recovery {
        snapshot: chosen.loaded.clone(),
        damaged_snapshots: chosen.damaged.clone(),
        records: 0,
        end_lsn: 0,
        last_stop: LastStop::Never,
        cut: None,
    };
    let mut untrimmed = Vec::new();
    let mut last_group = None;
    for (index, segment) in found.iter().enumerate() {
        let next = found.get(index + 1).map(|next| &next.header);
        if let Some(next) = next.filter(|_| segment.header.sequence < from_segment) {
            untrimmed.extend(segment.unused_end(next)?);
            continue;
        }
        let bytes = read_whole(segment.file.as_ref(), &segment.name)?;
        let segment_bytes = segment.with(&bytes);
        // A state at the very end of a segment stands in it and visits all of the next one.
        let behind = if segment.header.sequence == from_segment { from_lsn } else { segment.header.base_lsn };
        let walked = segment_bytes.walk(next.map(|next| next.base_lsn), behind, visit)?;
        let cut = match next {
            Some(next) => check_left(&segment_bytes, next, &walked).map(|()| None)?,
            None => segment_bytes.judge_tail(&walked)?,
        };
        check_marker(&segment_bytes, marker, &walked)?;
        recovery.records += walked.records;
        recovery.end_lsn = walked.end_lsn;
        if next.is_none() {
            recovery.last_stop = if walked.clean_stop { LastStop::Clean } else { LastStop::Crash };
            recovery.cut = cut;
            last_group = Some(LastGroup {
                file: Arc::clone(&segment.file),
                name: segment.name.clone(),
                offset: length(walked.last_group.start),
                bytes: bytes[walked.last_group.clone()].to_vec(),
            });
        }
        // What was torn stays: the next header says where it was cut, and a person may want to look.
        let used = length(segment_bytes.used_bytes()).max(offset_in(segment.header.base_lsn, walked.end_lsn));
        if used < length(bytes.len()) {
            untrimmed.push((Arc::clone(&segment.file), used));
        }
    }
    Ok(Checked { recovery, untrimmed, last_group })
}

/// The next header and the segment's own end must tell the same story.
fn check_left(segment: &SegmentBytes<'_>, next: &SegmentHeader, walked: &Walked) -> Result<(), OpenError> {
    if (next.previous_left == Left::CleanStop) == walked.clean_stop {
        Ok(())
    } else {
        Err(segment.damaged(Damage::Contradiction, walked.end_lsn))
    }
}

/// A clean stop that was written down elsewhere must still be there.
fn check_marker(
    segment: &SegmentBytes<'_>,
    marker: Option<StopMarker>,
    walked: &Walked,
) -> Result<(), OpenError> {
    let Some(marker) = marker.filter(|marker| marker.sequence == segment.header.sequence) else {
        return Ok(());
    };
    if marker.uuid != segment.header.uuid {
        return Err(segment.damaged(Damage::Contradiction, segment.header.base_lsn));
    }
    if walked.clean_stop && marker.end_lsn == walked.end_lsn {
        return Ok(());
    }
    let short = length(segment.bytes.len()) < offset_in(segment.header.base_lsn, marker.end_lsn);
    Err(segment.damaged(if short { Damage::Short } else { Damage::Frame }, walked.end_lsn))
}

fn remove_unfinished(disk: &dyn Disk, names: &[String]) -> Result<(), OpenError> {
    for name in names.iter().filter(|name| files::UNFINISHED.contains(&name.as_str())) {
        disk.remove(name).map_err(fault("remove", name))?;
    }
    Ok(())
}

/// The prepared segment an earlier run left, if it can be used.
fn adopt_prepared(
    disk: &dyn Disk,
    names: &[String],
    segment_bytes: u64,
) -> Result<Option<Arc<dyn DiskFile>>, OpenError> {
    if !names.iter().any(|name| name == files::PREPARED) {
        return Ok(None);
    }
    let file = disk.open(files::PREPARED).map_err(fault("open", files::PREPARED))?;
    let mut sector = [0; HEADER_BYTES];
    let read = file.read_at(&mut sector, 0).map_err(fault("read", files::PREPARED))?;
    let len = file.len().map_err(fault("read", files::PREPARED))?;
    // A header means that a crash came between header and name: no group is in it, but a UUID was.
    if read == HEADER_BYTES && sector == [0; HEADER_BYTES] && len == segment_bytes {
        return Ok(Some(file));
    }
    disk.remove(files::PREPARED).map_err(fault("remove", files::PREPARED))?;
    Ok(None)
}

fn next_header(
    found: &[Found],
    recovery: &Recovery,
    random: &dyn Random,
    settings: LogSettings,
) -> Result<SegmentHeader, OpenError> {
    let previous = found.last().map(|segment| &segment.header);
    Ok(SegmentHeader {
        uuid: segment_uuid(random)?,
        sequence: previous.map_or(1, |previous| previous.sequence + 1),
        base_lsn: recovery.end_lsn,
        file_bytes: settings.first_segment_bytes.min(settings.segment_bytes),
        before: Before::Zeros,
        previous: previous.map_or([0; 16], |previous| previous.uuid),
        previous_left: match recovery.last_stop {
            LastStop::Never => Left::None,
            LastStop::Clean => Left::CleanStop,
            LastStop::Crash => Left::Crash,
        },
    })
}

/// Makes the segment this run begins with; on a full disk, of the prepared one.
fn begin(
    disk: &dyn Disk,
    mut header: SegmentHeader,
    journal_key: &Key,
    settings: LogSettings,
    ready: Option<Arc<dyn DiskFile>>,
) -> Result<(Active, Option<Arc<dyn DiskFile>>), OpenError> {
    let name = files::segment(header.sequence);
    let (file, from, ready) = match make(disk, &header, journal_key) {
        Ok(file) => (file, files::SEGMENT_UNFINISHED, ready),
        Err(error) if is_no_space(&error) => {
            // It may not have come into being at all; what is left of it is removed at the next start.
            let _ = disk.remove(files::SEGMENT_UNFINISHED);
            let file = ready.ok_or(OpenError::NoSpace)?;
            header.file_bytes = settings.segment_bytes;
            file.write_at(&header.encode(journal_key), 0)
                .and_then(|()| file.sync_data())
                .map_err(fault("start", files::PREPARED))?;
            (file, files::PREPARED, None)
        }
        Err(error) => return Err(fault("start", &name)(error)),
    };
    disk.rename(from, &name).and_then(|()| disk.sync_dir()).map_err(fault("name", &name))?;
    let seal = SegmentSeal::new(journal_key, header.uuid);
    Ok((Active { header, seal, file }, ready))
}

fn make(disk: &dyn Disk, header: &SegmentHeader, journal_key: &Key) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(files::SEGMENT_UNFINISHED)?;
    file.write_at(&header.encode(journal_key), 0)?;
    fill(file.as_ref(), length(HEADER_BYTES), header.file_bytes, || false)?;
    file.sync_data()?;
    Ok(file)
}

impl LastGroup {
    /// Makes the newest segment's last group durable once more.
    ///
    /// Why: it was read, but perhaps only from the system's cache. After a failed sync the cache can
    /// hold bytes, marked clean, that never reached the disk; a sync alone would then prove nothing.
    /// Writing the same bytes again makes them dirty, so this sync means what it says. All groups
    /// before this one were synced before this one was begun.
    fn confirm(&self) -> Result<(), OpenError> {
        if !self.bytes.is_empty() {
            self.file.write_at(&self.bytes, self.offset).map_err(fault("write", &self.name))?;
        }
        self.file.sync_data().map_err(fault("sync", &self.name))
    }
}

impl Found {
    /// Of a segment whose records are not read: what a former start may have left uncut. All up to where the
    /// next one begins must be there.
    fn unused_end(&self, next: &SegmentHeader) -> Result<Option<Untrimmed>, OpenError> {
        let used = offset_in(self.header.base_lsn, next.base_lsn);
        let len = self.file.len().map_err(fault("read", &self.name))?;
        if len < used {
            let place = Place { file: self.name.clone(), offset: len, lsn: None };
            return Err(OpenError::Damaged { damage: Damage::Short, place });
        }
        // What was torn stays: a person may want to look.
        let torn = next.previous_left == Left::Crash;
        Ok((len > used && !torn).then(|| (Arc::clone(&self.file), used)))
    }

    /// How long the file is.
    pub(super) fn bytes(&self) -> Result<u64, OpenError> {
        self.file.len().map_err(fault("read", &self.name))
    }

    pub(super) fn segment(&self) -> Segment {
        Segment { sequence: self.header.sequence, base_lsn: self.header.base_lsn, seal: self.seal.clone() }
    }

    fn with<'a>(&'a self, bytes: &'a [u8]) -> SegmentBytes<'a> {
        SegmentBytes { name: &self.name, header: &self.header, seal: &self.seal, bytes }
    }
}

fn read_whole(file: &dyn DiskFile, name: &str) -> Result<Vec<u8>, OpenError> {
    let len = file.len().map_err(fault("read", name))?;
    let too_long = |_| io::Error::new(io::ErrorKind::FileTooLarge, "the file does not fit into memory");
    let len = usize::try_from(len).map_err(too_long).map_err(fault("read", name))?;
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0).map_err(fault("read", name))?;
    bytes.truncate(read);
    Ok(bytes)
}

pub(super) fn fault(action: &'static str, file: &str) -> impl Fn(io::Error) -> OpenError {
    let file = file.to_owned();
    move |source| OpenError::Disk { action, file: file.clone(), source }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length in memory fits 64 bits")
}
