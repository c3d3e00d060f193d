//! Walks one segment and tells a torn end from damage.
//!
//! A group counts when all its frames pass and its commit frame says how many they are. Where the
//! walk can go no further, the segment either ends there rightly (the next segment's header says so),
//! or it is the newest one and the last group was being written; then nothing of a *later* group can
//! be on disk, because a group is only begun when the one before is durable. So one good frame of a
//! later group behind the break proves that what broke had been durable: that is damage.

use std::ops::Range;

use sealane_core::record::RecordRef;

use super::frame::{ALIGNMENT, Frame, FrameKind, SegmentSeal, decode_commit};
use super::header::{Before, SegmentHeader};
use super::segments::offset_in;
use crate::codec;
use crate::error::{Damage, OpenError, Place};
use crate::journal::{Cut, Visit};

/// One segment, read whole.
pub(super) struct SegmentBytes<'a> {
    pub(super) name: &'a str,
    pub(super) header: &'a SegmentHeader,
    pub(super) seal: &'a SegmentSeal,
    pub(super) bytes: &'a [u8],
}

/// How far a segment's groups go.
pub(super) struct Walked {
    /// After the last group, or after the clean stop.
    pub(super) end_lsn: u64,
    pub(super) records: u64,
    pub(super) clean_stop: bool,
    /// The last group in the file, with the clean stop behind it if there is one.
    pub(super) last_group: Range<usize>,
    /// Where the walk broke off inside the group that begins at `end_lsn`.
    broken_at: u64,
}

/// What stands at the beginning of a group.
enum Step {
    Broken { at: u64 },
    Group { records: Vec<(RecordRef, Range<usize>)>, end: u64 },
    Stop { end: u64 },
}

impl SegmentBytes<'_> {
    /// Visits the records of all groups: up to `declared_end` where the next segment names it, which
    /// must then be reached exactly; else as far as groups go. Those before `from_lsn`, where a group must
    /// begin, are checked and not visited: a snapshot holds what they made.
    pub(super) fn walk(
        &self,
        declared_end: Option<u64>,
        from_lsn: u64,
        visit: &mut Visit<'_>,
    ) -> Result<Walked, OpenError> {
        let base = self.header.base_lsn;
        let start = self.index(base);
        let mut walked = Walked {
            end_lsn: base,
            records: 0,
            clean_stop: false,
            last_group: start..start,
            broken_at: base,
        };
        while declared_end != Some(walked.end_lsn) && !(walked.clean_stop && declared_end.is_none()) {
            let from = walked.end_lsn;
            let end = match self.step(from)? {
                Step::Broken { at } if declared_end.is_none() => {
                    walked.broken_at = at;
                    break;
                }
                Step::Broken { at } => return Err(self.damaged(self.kind_of_break(at), at)),
                Step::Group { records, end } => {
                    self.within(declared_end, from, end)?;
                    if from < from_lsn && from_lsn < end {
                        return Err(self.damaged(Damage::Contradiction, from));
                    }
                    for (record, sealed) in records.iter().filter(|_| from >= from_lsn) {
                        self.visit(*record, sealed, visit)?;
                        walked.records += 1;
                    }
                    walked.last_group = self.index(from)..self.index(end);
                    end
                }
                Step::Stop { end } => {
                    self.within(declared_end, from, end)?;
                    walked.clean_stop = true;
                    walked.last_group.end = self.index(end);
                    end
                }
            };
            walked.end_lsn = end;
        }
        // The snapshot was written when all before it was durable.
        if walked.end_lsn < from_lsn {
            return Err(self.damaged(self.kind_of_break(walked.broken_at), walked.broken_at));
        }
        Ok(walked)
    }

    /// Judges what follows the last group of the newest segment.
    pub(super) fn judge_tail(&self, walked: &Walked) -> Result<Option<Cut>, OpenError> {
        if walked.clean_stop {
            return Ok(None);
        }
        let group_lsn = walked.end_lsn;
        let cut_from = self.index(group_lsn).min(self.bytes.len());
        let used = self.used_bytes();
        // The frames of the broken group itself that passed are the first witnesses of a torn write.
        let mut own_end = self.index(walked.broken_at);
        let mut at = walked.broken_at + bytes_u64(ALIGNMENT);
        while self.index(at) < used {
            if let Some(frame) = self.frame(at).filter(|frame| self.seal.open(frame).is_ok()) {
                if frame.group_lsn() > group_lsn {
                    return Err(self.damaged(Damage::Frame, walked.broken_at));
                }
                own_end = own_end.max(self.index(at) + frame.len());
            }
            at += bytes_u64(ALIGNMENT);
        }
        let torn_to = match self.header.before {
            Before::Zeros => used,
            // Why: what is not ours there is what the file held before.
            Before::OlderSegment => own_end,
        };
        let missing_bytes = self.header.file_bytes.saturating_sub(bytes_u64(self.bytes.len()));
        let bytes = bytes_u64(torn_to.saturating_sub(cut_from));
        Ok((bytes > 0 || missing_bytes > 0).then(|| Cut {
            file: self.name.to_owned(),
            lsn: group_lsn,
            bytes,
            missing_bytes,
        }))
    }

    /// Up to where the file holds anything but zeros.
    pub(super) fn used_bytes(&self) -> usize {
        const PIECE: usize = 4_096;
        let mut end = self.bytes.len();
        while end > 0 {
            let from = end.saturating_sub(PIECE);
            let piece = &self.bytes[from..end];
            if piece != &[0; PIECE][..piece.len()] {
                return from + piece.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            }
            end = from;
        }
        0
    }

    /// Reads from one group's beginning to its end.
    fn step(&self, from: u64) -> Result<Step, OpenError> {
        let mut records = Vec::new();
        let mut at = from;
        loop {
            let Some(frame) = self.frame(at) else { return Ok(Step::Broken { at }) };
            let end = at + bytes_u64(frame.len());
            let kind = frame.prefix.kind;
            let belongs = match kind {
                FrameKind::CleanStop => at == from && frame.prefix.group_offset == 0,
                FrameKind::Commit | FrameKind::Record => frame.group_lsn() == from,
            };
            if !belongs {
                return Err(self.damaged(Damage::Contradiction, at));
            }
            match kind {
                FrameKind::Record => {
                    let bytes = u32::try_from(frame.len()).expect("no frame is longer than FRAME_BYTES_MAX");
                    let index = self.index(at);
                    records.push((RecordRef { lsn: at, bytes }, index..index + frame.len()));
                }
                FrameKind::Commit => {
                    let payload = self.seal.open(&frame).map_err(|_| self.damaged(Damage::Tampered, at))?;
                    let said = decode_commit(payload.expose()).and_then(|count| usize::try_from(count).ok());
                    if said != Some(records.len()) {
                        return Err(self.damaged(Damage::Contradiction, at));
                    }
                    return Ok(Step::Group { records, end });
                }
                FrameKind::CleanStop => {
                    self.seal.open(&frame).map_err(|_| self.damaged(Damage::Tampered, at))?;
                    return Ok(Step::Stop { end });
                }
            }
            at = end;
        }
    }

    fn visit(&self, record: RecordRef, frame: &Range<usize>, visit: &mut Visit<'_>) -> Result<(), OpenError> {
        let frame = self
            .seal
            .reopen(&self.bytes[frame.clone()], record.lsn)
            .ok_or_else(|| self.damaged(Damage::Contradiction, record.lsn))?;
        let sealed = self.seal.open(&frame).map_err(|_| self.damaged(Damage::Tampered, record.lsn))?;
        let fact = codec::decode_fact(sealed.expose())
            .map_err(|source| OpenError::UnknownRecord { place: self.place(record.lsn), source })?;
        visit(record, fact).map_err(|source| OpenError::Visit { place: self.place(record.lsn), source })
    }

    fn within(&self, declared_end: Option<u64>, from: u64, end: u64) -> Result<(), OpenError> {
        match declared_end {
            Some(declared) if end > declared => Err(self.damaged(Damage::Contradiction, from)),
            _ => Ok(()),
        }
    }

    fn frame(&self, lsn: u64) -> Option<Frame<'_>> {
        self.seal.check(self.bytes.get(self.index(lsn)..)?, lsn)
    }

    fn kind_of_break(&self, at: u64) -> Damage {
        if self.index(at) >= self.bytes.len() { Damage::Short } else { Damage::Frame }
    }

    pub(super) fn damaged(&self, damage: Damage, lsn: u64) -> OpenError {
        OpenError::Damaged { damage, place: self.place(lsn) }
    }

    pub(super) fn place(&self, lsn: u64) -> Place {
        Place { file: self.name.to_owned(), offset: offset_in(self.header.base_lsn, lsn), lsn: Some(lsn) }
    }

    /// Where a position stands in `bytes`.
    fn index(&self, lsn: u64) -> usize {
        usize::try_from(offset_in(self.header.base_lsn, lsn))
            .expect("a position inside a file that is in memory")
    }
}

fn bytes_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length in memory fits 64 bits")
}
