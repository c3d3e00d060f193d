//! The names of the log's files.

/// Zero-filled, becomes the next segment.
pub(super) const PREPARED: &str = "prepared";
/// Being zero-filled.
pub(super) const PREPARED_UNFINISHED: &str = "prepared.unfinished";
/// The segment a start makes, until it is whole.
pub(super) const SEGMENT_UNFINISHED: &str = "segment.unfinished";
/// A snapshot, until it is whole.
pub(super) const SNAPSHOT_UNFINISHED: &str = "snapshot.unfinished";
/// Which segment the last clean stop ended.
pub(super) const STOPPED: &str = "stopped";
/// The same, until it is whole.
pub(super) const STOPPED_UNFINISHED: &str = "stopped.unfinished";

/// What a crash can leave behind half made. Nothing refers to these.
pub(super) const UNFINISHED: [&str; 4] =
    [PREPARED_UNFINISHED, SEGMENT_UNFINISHED, SNAPSHOT_UNFINISHED, STOPPED_UNFINISHED];

const SUFFIX: &str = ".segment";
const SNAPSHOT_SUFFIX: &str = ".snapshot";

/// The file of a snapshot.
pub(super) fn snapshot(sequence: u64) -> String {
    format!("{sequence:010}{SNAPSHOT_SUFFIX}")
}

/// The snapshot a file holds; `None` for any other file.
pub(super) fn snapshot_sequence(name: &str) -> Option<u64> {
    let number = name.strip_suffix(SNAPSHOT_SUFFIX)?.parse().ok()?;
    (snapshot(number) == name).then_some(number)
}

/// The file of a segment.
pub(super) fn segment(sequence: u64) -> String {
    format!("{sequence:010}{SUFFIX}")
}

/// The segment a file holds; `None` for any other file.
pub(super) fn sequence(name: &str) -> Option<u64> {
    let number = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (segment(number) == name).then_some(number)
}
