//! What producers sent a moment ago, as it was before it was encrypted, so that the lease that soon
//! follows need not read it back. Knows positions and sizes; whether a position may be read, and
//! whether its key still exists, is the reader's to ask.

use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealane_core::job::JobInput;
use sealane_core::record::RecordRef;

/// The newest inputs, in the order of their positions.
pub(super) struct Recent {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: VecDeque<Entry>,
    bytes: usize,
}

struct Entry {
    record: RecordRef,
    key_ref: u32,
    bytes: usize,
    input: Arc<JobInput>,
}

impl Recent {
    /// Keeps at most so many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    /// Keeps an input whose position is behind all that are kept; the oldest make room for it.
    pub(super) fn put(&self, record: RecordRef, key_ref: u32, input: &Arc<JobInput>) {
        let bytes = bytes_in_memory(input);
        if bytes > self.bytes_max {
            return;
        }
        let mut kept = self.kept();
        debug_assert!(kept.entries.back().is_none_or(|last| last.record.lsn < record.lsn));
        while kept.bytes + bytes > self.bytes_max {
            kept.drop_oldest();
        }
        kept.bytes += bytes;
        kept.entries.push_back(Entry { record, key_ref, bytes, input: Arc::clone(input) });
    }

    /// Forgets what stands at `lsn` and behind it: those positions are given out again.
    pub(super) fn take_back(&self, lsn: u64) {
        let mut kept = self.kept();
        while let Some(entry) = kept.entries.pop_back_if(|last| last.record.lsn >= lsn) {
            kept.bytes -= entry.bytes;
        }
    }

    /// What was stored as exactly this record, and the number of the key it is under.
    pub(super) fn get(&self, record: RecordRef) -> Option<(u32, Arc<JobInput>)> {
        let kept = self.kept();
        let at = kept.entries.binary_search_by_key(&record.lsn, |entry| entry.record.lsn).ok()?;
        let entry = &kept.entries[at];
        (entry.record == record).then(|| (entry.key_ref, Arc::clone(&entry.input)))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Why poison is no news: nothing between these locks and unlocks panics halfway.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= oldest.bytes;
        }
    }
}

/// What an input takes, from above: its own bytes, and for each piece what it costs to keep one.
fn bytes_in_memory(input: &JobInput) -> usize {
    /// The counters before a shared text, the allocator's own bytes, and for lists their slot.
    const PIECE: usize = 64;
    let texts = [
        Some(input.kind.as_str()),
        input.content_type.as_ref().map(|text| text.as_str()),
        input.session_id.as_ref().map(|text| text.as_str()),
        input.correlation_id.as_ref().map(|text| text.as_str()),
        input.subject.as_ref().map(|text| text.as_str()),
    ];
    let texts: usize = texts.iter().flatten().map(|text| PIECE + text.len()).sum();
    let tags: usize = input.tags.iter().map(|tag| PIECE + tag.as_str().len()).sum();
    let attributes: usize =
        input.attributes.iter().map(|(name, value)| 2 * PIECE + name.as_str().len() + value.capacity()).sum();
    // Why twice: a full queue of entries grows by doubling.
    2 * size_of::<Entry>() + PIECE + size_of::<JobInput>() + input.body.capacity() + texts + tags + attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::samples::{full_input, input};

    fn record(number: u64) -> RecordRef {
        RecordRef { lsn: number * 8, bytes: 8 }
    }

    fn kept(recent: &Recent) -> Vec<u64> {
        (0..10).filter(|number| recent.get(record(*number)).is_some()).collect()
    }

    #[test]
    fn the_oldest_leave_at_one_byte_beyond_the_bound() {
        let one = bytes_in_memory(&input(0, 100));
        for (bytes_max, expected) in
            [(3 * one, &[1_u64, 2, 3][..]), (3 * one - 1, &[2, 3]), (one, &[3]), (one - 1, &[]), (0, &[])]
        {
            let recent = Recent::new(bytes_max);
            for number in 1..=3 {
                recent.put(record(number), 1, &input(number, 100));
                assert!(recent.kept().bytes <= bytes_max);
            }
            assert_eq!(kept(&recent), expected, "{bytes_max}");
            assert_eq!(recent.kept().bytes, expected.len() * one);
        }
    }

    #[test]
    fn every_part_of_an_input_counts() {
        let (short, long) = (full_input("word"), full_input("longer-by-ten"));
        // Kind, body, content type, attribute name and value, session, correlation, subject, tag.
        assert_eq!(bytes_in_memory(&long) - bytes_in_memory(&short), 9 * 9);
        let mut roomy = JobInput::clone(&short);
        roomy.body.reserve_exact(1_000);
        assert!(bytes_in_memory(&roomy) >= bytes_in_memory(&short) + 1_000 - 9);
    }

    #[test]
    fn what_was_taken_back_is_gone_and_its_position_is_free() {
        let recent = Recent::new(usize::MAX);
        for number in 0..4 {
            recent.put(record(number), 7, &input(number, 10));
        }
        recent.take_back(record(2).lsn);
        assert_eq!(kept(&recent), [0, 1]);
        recent.put(record(2), 8, &input(9, 10));
        assert_eq!(recent.get(record(2)), Some((8, input(9, 10))));
        assert_eq!(
            recent.get(RecordRef { bytes: 16, ..record(2) }),
            None,
            "another length is another record"
        );
        recent.take_back(0);
        assert_eq!((kept(&recent), recent.kept().bytes), (vec![], 0));
    }
}
