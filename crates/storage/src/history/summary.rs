//! What is known of a run without reading its rows. It stands at the end of the run and, for all of
//! them, in the catalogue; the two must agree.

use std::collections::BTreeMap;

use sealane_core::time::Time;

use super::row::{Ended, Row};
use super::section::Section;
use super::set::Stretch;
use crate::codec::{Cursor, DecodeError, Fields};

const DAY_MS: u64 = 86_400_000;

/// What is known of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Part of the file's name. Never given twice, except for a file that no catalogue ever named.
    pub(super) number: u64,
    pub(super) uuid: [u8; 16],
    /// All pages of the file, the header's and the one with this summary included.
    pub(super) pages: u32,
    /// The records whose ends are told of here, of those that are still told of.
    pub(super) stretch: Stretch,
    /// All rows.
    pub(super) rows: u32,
    /// Rows that may hide an older one.
    pub(super) again: u32,
    /// Ends of the first and of the last job that is listed here.
    pub(super) earliest: Time,
    pub(super) latest: Time,
    /// From when on nobody is told of anything here.
    pub(super) kept_until: Time,
    /// From when on that is so for half of the rows that nothing depends on.
    pub(super) half_kept_until: Time,
    /// The oldest record that a row refers to; the end of all positions where none does.
    pub(super) oldest_record: u64,
    /// Bytes of all records that rows refer to.
    pub(super) record_bytes: u64,
    pub(super) row_section: Section,
    pub(super) age_section: Section,
    pub(super) posting_section: Section,
    pub(super) filter_first: u32,
    pub(super) filter_lines: u32,
}

/// Counts rows while they are written.
#[derive(Default)]
pub(super) struct Count {
    pub(super) rows: u32,
    pub(super) again: u32,
    pub(super) earliest: Option<Time>,
    pub(super) latest: Time,
    pub(super) kept_until: Time,
    pub(super) oldest_record: Option<u64>,
    pub(super) record_bytes: u64,
    /// How many rows are over by the end of each day: no more entries than days of the longest retention.
    over_by_day: BTreeMap<u64, u32>,
}

impl Count {
    pub(super) fn add(&mut self, row: &Row) {
        self.rows += 1;
        self.kept_until = self.kept_until.max(row.kept_until);
        if row.again {
            self.again += 1;
        } else {
            *self.over_by_day.entry(row.kept_until.unix_ms() / DAY_MS).or_default() += 1;
        }
        let Ended::Job(job) = &row.end else { return };
        self.earliest = Some(self.earliest.map_or(row.at, |earliest| earliest.min(row.at)));
        self.latest = self.latest.max(row.at);
        for record in [Some(job.input), job.outcome].into_iter().flatten() {
            self.oldest_record = Some(self.oldest_record.map_or(record.lsn, |oldest| oldest.min(record.lsn)));
            self.record_bytes = self.record_bytes.saturating_add(u64::from(record.bytes));
        }
    }

    /// When half of the rows that nothing depends on are over, to the day; never where there are none.
    pub(super) fn half_kept_until(&self) -> Time {
        let all: u32 = self.over_by_day.values().sum();
        let mut over = 0;
        for (day, rows) in &self.over_by_day {
            over += rows;
            if over >= all.div_ceil(2) {
                return Time::from_unix_ms((day + 1).saturating_mul(DAY_MS));
            }
        }
        Time::from_unix_ms(u64::MAX)
    }
}

impl Summary {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut put = Fields(out);
        put.u64(self.number);
        put.fixed(&self.uuid);
        put.u32(self.pages);
        put.u64(self.stretch.from);
        put.u64(self.stretch.to);
        put.u32(self.rows);
        put.u32(self.again);
        put.time(self.earliest);
        put.time(self.latest);
        put.time(self.kept_until);
        put.time(self.half_kept_until);
        put.u64(self.oldest_record);
        put.u64(self.record_bytes);
        for section in [self.row_section, self.age_section, self.posting_section] {
            put.u32(section.first);
            put.u32(section.pages);
            put.u32(section.entries);
        }
        put.u32(self.filter_first);
        put.u32(self.filter_lines);
    }

    pub(super) fn decode(take: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: take.u64("number")?,
            uuid: take.fixed("uuid")?,
            pages: take.u32("pages")?,
            stretch: Stretch { from: take.u64("from")?, to: take.u64("to")? },
            rows: take.u32("rows")?,
            again: take.u32("again")?,
            earliest: take.time("earliest")?,
            latest: take.time("latest")?,
            kept_until: take.time("kept until")?,
            half_kept_until: take.time("half kept until")?,
            oldest_record: take.u64("oldest record")?,
            record_bytes: take.u64("record bytes")?,
            row_section: section(take)?,
            age_section: section(take)?,
            posting_section: section(take)?,
            filter_first: take.u32("filter")?,
            filter_lines: take.u32("filter lines")?,
        })
    }

    /// Bytes that dropping the run gives back, in the end: its own and those of the records that it refers to.
    pub(super) fn bytes(&self) -> u64 {
        super::page::offset(self.pages).saturating_add(self.record_bytes)
    }
}

fn section(take: &mut Cursor<'_>) -> Result<Section, DecodeError> {
    Ok(Section { first: take.u32("section")?, pages: take.u32("pages")?, entries: take.u32("entries")? })
}
