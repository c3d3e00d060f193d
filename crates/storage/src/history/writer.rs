//! Writes one run: rows, then the same by age, then the lists of tokens, each in order, then what tells
//! whether a job may be here, then the summary. In memory meanwhile: one page of each, the fences, and
//! the filter.

use std::sync::Arc;

use sealane_crypto::Random;

use super::error::HistoryError;
use super::filter::Filter;
use super::header;
use super::keys::{BlindToken, HistoryKeys};
use super::page::{self, PAGE_BYTES, PageCipher, PageKind};
use super::postings::{Piece, PostingKey};
use super::row::{AgeKey, Row, RowKey};
use super::section::{Section, SectionWriter};
use super::set::Stretch;
use super::summary::{Count, Summary};
use crate::disk::{Disk, DiskFile};

/// Pages that go to the disk with one write.
const PAGES_PER_WRITE: usize = 32;

/// The name of a run's file.
pub(super) fn run_name(number: u64) -> String {
    format!("{number:010}.run")
}

/// Writes pages one after the other.
pub(super) struct PageWriter {
    file: Arc<dyn DiskFile>,
    name: String,
    cipher: PageCipher,
    next: u32,
    written: u32,
    waiting: Vec<u8>,
}

impl PageWriter {
    /// The number of the next page.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    pub(super) fn put(&mut self, kind: PageKind, payload: &[u8]) -> Result<(), HistoryError> {
        self.cipher.seal(self.next, kind, payload, &mut self.waiting)?;
        self.next += 1;
        if self.waiting.len() >= PAGES_PER_WRITE * PAGE_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), HistoryError> {
        let done = self.file.write_at(&self.waiting, page::offset(self.written));
        done.map_err(HistoryError::disk("write", &self.name))?;
        self.waiting.clear();
        self.written = self.next;
        Ok(())
    }

    fn finish(mut self) -> Result<(), HistoryError> {
        self.write()?;
        self.file.sync_data().map_err(HistoryError::disk("sync", &self.name))
    }
}

/// Writes one run. Nobody reads it before a catalogue names it.
pub(super) struct RunWriter {
    keys: Arc<HistoryKeys>,
    number: u64,
    uuid: [u8; 16],
    stretch: Stretch,
    out: PageWriter,
    count: Count,
    filter: Filter,
    rows: SectionWriter<24>,
    ages: SectionWriter<32>,
    postings: SectionWriter<12>,
    piece: Piece,
    row_section: Section,
    age_section: Section,
}

impl RunWriter {
    /// Begins a file for at most `rows_max` rows about a stretch of the journal.
    pub(super) fn create(
        disk: &dyn Disk,
        keys: &Arc<HistoryKeys>,
        random: &dyn Random,
        number: u64,
        stretch: Stretch,
        rows_max: u32,
    ) -> Result<Self, HistoryError> {
        let mut uuid = [0; 16];
        random.fill(&mut uuid).map_err(sealane_crypto::SealError::Random)?;
        let name = run_name(number);
        let file = disk.create(&name).map_err(HistoryError::disk("create", &name))?;
        let cipher = PageCipher { uuid, key: keys.file(&uuid) };
        let waiting = header::encode(&uuid, keys);
        Ok(Self {
            keys: Arc::clone(keys),
            number,
            uuid,
            stretch,
            out: PageWriter { file, name, cipher, next: 1, written: 0, waiting },
            count: Count::default(),
            filter: Filter::for_rows(rows_max),
            rows: SectionWriter::new(PageKind::Rows, PageKind::RowFences),
            ages: SectionWriter::new(PageKind::Ages, PageKind::AgeFences),
            postings: SectionWriter::new(PageKind::Postings, PageKind::PostingFences),
            piece: Piece::default(),
            row_section: Section::default(),
            age_section: Section::default(),
        })
    }

    /// The number of the run.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Rows written so far: the number of the next one.
    pub(super) fn rows(&self) -> u32 {
        self.rows.entries()
    }

    /// Writes the next row by key.
    pub(super) fn push_row(&mut self, key: &RowKey, row: &Row) -> Result<(), HistoryError> {
        let bytes = row.encode();
        let mut entry = Vec::with_capacity(key.len() + 2 + bytes.len());
        entry.extend_from_slice(key);
        let len = u16::try_from(bytes.len()).expect("names and tokens of a row are limited far below 64 KiB");
        entry.extend_from_slice(&len.to_be_bytes());
        entry.extend_from_slice(&bytes);
        self.rows.push(*key, &entry, &mut self.out)?;
        self.filter.add(&self.keys.id_hash(&row.namespace, row.job));
        self.count.add(row);
        Ok(())
    }

    /// All rows are written.
    pub(super) fn end_rows(&mut self) -> Result<(), HistoryError> {
        let rows = SectionWriter::new(PageKind::Rows, PageKind::RowFences);
        self.row_section = std::mem::replace(&mut self.rows, rows).finish(&mut self.out)?;
        Ok(())
    }

    /// Ranks given so far: the next one.
    pub(super) fn ranks(&self) -> u32 {
        self.ages.entries()
    }

    /// Writes the next listed row by age, and gives its rank; `row` is its number among all by key.
    pub(super) fn push_age(&mut self, key: &AgeKey, row: u32) -> Result<u32, HistoryError> {
        let rank = self.ranks();
        let mut entry = [0; 36];
        entry[..32].copy_from_slice(key);
        entry[32..].copy_from_slice(&row.to_be_bytes());
        self.ages.push(*key, &entry, &mut self.out)?;
        Ok(rank)
    }

    /// All ages are written.
    pub(super) fn end_ages(&mut self) -> Result<(), HistoryError> {
        let ages = SectionWriter::new(PageKind::Ages, PageKind::AgeFences);
        self.age_section = std::mem::replace(&mut self.ages, ages).finish(&mut self.out)?;
        Ok(())
    }

    /// Writes the next rank of a token: by token, then by rank.
    pub(super) fn push_posting(&mut self, token: BlindToken, rank: u32) -> Result<(), HistoryError> {
        if self.piece.is_full_for(token) {
            self.end_piece()?;
        }
        self.piece.push(token, rank);
        Ok(())
    }

    fn end_piece(&mut self) -> Result<(), HistoryError> {
        let Some((key, entry)): Option<(PostingKey, Vec<u8>)> = self.piece.take() else { return Ok(()) };
        self.postings.push(key, &entry, &mut self.out)
    }

    /// Writes the rest and makes the file durable; its name is not yet.
    pub(super) fn finish(mut self) -> Result<Summary, HistoryError> {
        self.end_piece()?;
        let posting_section = self.postings.finish(&mut self.out)?;
        let filter_first = self.out.next();
        for lines in self.filter.pages() {
            self.out.put(PageKind::Filter, lines)?;
        }
        let summary = Summary {
            number: self.number,
            uuid: self.uuid,
            pages: self.out.next() + 1,
            stretch: self.stretch,
            rows: self.count.rows,
            again: self.count.again,
            earliest: self.count.earliest.unwrap_or_default(),
            latest: self.count.latest,
            kept_until: self.count.kept_until,
            half_kept_until: self.count.half_kept_until(),
            oldest_record: self.count.oldest_record.unwrap_or(u64::MAX),
            record_bytes: self.count.record_bytes,
            row_section: self.row_section,
            age_section: self.age_section,
            posting_section,
            filter_first,
            filter_lines: self.filter.lines(),
        };
        let mut payload = Vec::new();
        summary.encode(&mut payload);
        self.out.put(PageKind::Summary, &payload)?;
        self.out.finish()?;
        Ok(summary)
    }
}
