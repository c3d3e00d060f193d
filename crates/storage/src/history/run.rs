//! Reads one run. A page that fails a check is never served: the answer is an error that names it.

use std::sync::Arc;

use sealane_core::id::JobId;
use sealane_core::name::Namespace;

use super::cache::PageCache;
use super::error::{Flaw, HistoryError};
use super::filter::{self, LINE_BYTES, LINES_PER_PAGE};
use super::header;
use super::keys::HistoryKeys;
use super::page::{self, PAGE_BYTES, PAYLOAD_BYTES, PageCipher, PageKind};
use super::row::{AgeKey, Row, RowKey};
use super::summary::Summary;
use super::writer::run_name;
use crate::codec::Cursor;
use crate::disk::{Disk, DiskFile};

/// Age key and number of the row.
pub(super) const AGE_ENTRY_BYTES: usize = 36;

/// A run that is there to be read.
pub(super) struct Run {
    pub(super) summary: Summary,
    name: String,
    file: Arc<dyn DiskFile>,
    cipher: PageCipher,
    cache: Arc<PageCache>,
}

impl Run {
    /// Opens the file that the catalogue has this summary of, and compares.
    pub(super) fn open(
        disk: &dyn Disk,
        keys: &HistoryKeys,
        cache: &Arc<PageCache>,
        summary: Summary,
    ) -> Result<Self, HistoryError> {
        let name = run_name(summary.number);
        let file = match disk.open(&name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let run = Some(summary.number);
                return Err(HistoryError::Damaged { flaw: Flaw::Short, file: name, offset: 0, run });
            }
            opened => opened.map_err(HistoryError::disk("open", &name))?,
        };
        let cipher = PageCipher { uuid: summary.uuid, key: keys.file(&summary.uuid) };
        let run = Self { summary, name, file, cipher, cache: Arc::clone(cache) };
        let uuid = header::decode(&run.read(0)?, &run.name, keys).map_err(|error| run.own(error))?;
        if uuid != run.summary.uuid {
            return Err(run.contradiction(0));
        }
        let last = run.summary.pages.checked_sub(1).ok_or_else(|| run.contradiction(0))?;
        let mut expected = Vec::new();
        run.summary.encode(&mut expected);
        if run.page_uncached(last, PageKind::Summary)? != expected {
            return Err(run.contradiction(last));
        }
        Ok(run)
    }

    /// The job's row.
    pub(super) fn row(&self, key: &RowKey) -> Result<Option<Row>, HistoryError> {
        let section = self.summary.row_section;
        let Some(at) = section.page_of(self, PageKind::RowFences, key)? else { return Ok(None) };
        let number = section.first + at;
        let page = self.page(number, PageKind::Rows)?;
        let mut rest = &page[..];
        while !rest.is_empty() {
            let (own, bytes, behind) = split_row(rest).ok_or_else(|| self.contradiction(number))?;
            if own == *key {
                return Row::decode(key, bytes).map(Some).map_err(|_| self.contradiction(number));
            }
            rest = behind;
        }
        Ok(None)
    }

    /// All rows of one page of rows.
    pub(super) fn rows_of(&self, at: u32) -> Result<Vec<(RowKey, Row)>, HistoryError> {
        let number = self.summary.row_section.first + at;
        let page = self.page_uncached(number, PageKind::Rows)?;
        let (mut rows, mut rest) = (Vec::new(), &page[..]);
        while !rest.is_empty() {
            let row = split_row(rest).and_then(|(key, bytes, behind)| {
                rest = behind;
                Row::decode(&key, bytes).ok().map(|row| (key, row))
            });
            rows.push(row.ok_or_else(|| self.contradiction(number))?);
        }
        Ok(rows)
    }

    /// Whether a job may have a row here.
    pub(super) fn may_hold(
        &self,
        keys: &HistoryKeys,
        namespace: &Namespace,
        job: JobId,
    ) -> Result<bool, HistoryError> {
        let hash = keys.id_hash(namespace, job);
        let line = filter::line(&hash, self.summary.filter_lines);
        let per_page = u32::try_from(LINES_PER_PAGE).expect("a page is far smaller than 2^32 bytes");
        let page = self.page(self.summary.filter_first + line / per_page, PageKind::Filter)?;
        let at = usize::try_from(line % per_page).expect("32 bits fit into a length") * LINE_BYTES;
        let line = page.get(at..at + LINE_BYTES);
        Ok(filter::may_hold(line.ok_or_else(|| self.contradiction(self.summary.filter_first))?, &hash))
    }

    /// The age key at a rank, and the number of its row.
    pub(super) fn age(&self, rank: u32) -> Result<(AgeKey, u32), HistoryError> {
        let per_page = ages_per_page();
        let number = self.summary.age_section.first + rank / per_page;
        let page = self.page(number, PageKind::Ages)?;
        let at = usize::try_from(rank % per_page).expect("32 bits fit into a length");
        let entry = page.chunks_exact(AGE_ENTRY_BYTES).nth(at).and_then(split_age);
        entry.ok_or_else(|| self.contradiction(number))
    }

    /// The ages of one page of ages.
    pub(super) fn ages_of(&self, at: u32) -> Result<Vec<(AgeKey, u32)>, HistoryError> {
        let number = self.summary.age_section.first + at;
        let page = self.page_uncached(number, PageKind::Ages)?;
        let entries = page.chunks(AGE_ENTRY_BYTES).map(split_age).collect::<Option<Vec<_>>>();
        entries.ok_or_else(|| self.contradiction(number))
    }

    /// How many listed rows stand before `key` by age.
    pub(super) fn ranks_before(&self, key: &AgeKey) -> Result<u32, HistoryError> {
        let section = self.summary.age_section;
        let Some(at) = section.page_of(self, PageKind::AgeFences, key)? else { return Ok(0) };
        let page = self.page(section.first + at, PageKind::Ages)?;
        let before = page.chunks_exact(AGE_ENTRY_BYTES).take_while(|entry| entry[..32] < key[..]).count();
        Ok(at * ages_per_page() + u32::try_from(before).expect("a page is far smaller than 2^32 bytes"))
    }

    /// The content of a page.
    pub(super) fn page(&self, number: u32, kind: PageKind) -> Result<Arc<Vec<u8>>, HistoryError> {
        if let Some(page) = self.cache.get(self.summary.number, number) {
            return Ok(page);
        }
        let page = Arc::new(self.page_uncached(number, kind)?);
        self.cache.put(self.summary.number, number, &page);
        Ok(page)
    }

    /// The same for one that is read once.
    pub(super) fn page_uncached(&self, number: u32, kind: PageKind) -> Result<Vec<u8>, HistoryError> {
        let page = self.read(number)?;
        self.cipher.open(number, kind, &page).map_err(|flaw| self.damaged(flaw, number))
    }

    /// A page that opens and does not fit the others.
    pub(super) fn contradiction(&self, number: u32) -> HistoryError {
        self.damaged(Flaw::Contradiction, number)
    }

    fn read(&self, number: u32) -> Result<Vec<u8>, HistoryError> {
        let mut page = vec![0; PAGE_BYTES];
        let read = self.file.read_at(&mut page, page::offset(number));
        let read = read.map_err(HistoryError::disk("read", &self.name))?;
        if read < PAGE_BYTES { Err(self.damaged(Flaw::Short, number)) } else { Ok(page) }
    }

    fn damaged(&self, flaw: Flaw, number: u32) -> HistoryError {
        self.own(HistoryError::damaged(flaw, &self.name, page::offset(number)))
    }

    /// Damage, with the number of this run.
    fn own(&self, error: HistoryError) -> HistoryError {
        match error {
            HistoryError::Damaged { flaw, file, offset, .. } => {
                HistoryError::Damaged { flaw, file, offset, run: Some(self.summary.number) }
            }
            other => other,
        }
    }
}

fn ages_per_page() -> u32 {
    u32::try_from(PAYLOAD_BYTES / AGE_ENTRY_BYTES).expect("a page is far smaller than 2^32 bytes")
}

fn split_row(page: &[u8]) -> Option<(RowKey, &[u8], &[u8])> {
    let (key, rest) = page.split_first_chunk::<24>()?;
    let (len, rest) = rest.split_first_chunk::<2>()?;
    let (row, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    Some((*key, row, rest))
}

fn split_age(entry: &[u8]) -> Option<(AgeKey, u32)> {
    let mut take = Cursor::new(entry);
    let key = take.fixed("age").ok()?;
    let row = take.u32("row").ok()?;
    take.end().ok().map(|()| (key, row))
}

#[cfg(test)]
mod tests {
    use sealane_crypto::{Key, SeededRandom};

    use super::*;
    use crate::history::set::Stretch;
    use crate::history::writer::RunWriter;
    use crate::testing::lossy_disk::LossyDisk;

    /// The catalogue and the end of the file must say the same: one of them was put back from a copy otherwise.
    #[test]
    fn a_run_that_the_catalogue_describes_otherwise_is_not_opened() {
        let (disk, keys) = (LossyDisk::new(), Arc::new(HistoryKeys::new(&Key::new([1; 32]))));
        let random = SeededRandom::danger_from_seed(1);
        let writer = RunWriter::create(&disk, &keys, &random, 4, Stretch { from: 1, to: 9 }, 0).unwrap();
        let summary = writer.finish().unwrap();
        let open = |summary: Summary| Run::open(&disk, &keys, &Arc::new(PageCache::new(0)), summary);
        assert!(open(summary.clone()).is_ok());
        for other in [
            Summary { rows: 1, ..summary.clone() },
            Summary { stretch: Stretch { from: 0, to: 9 }, ..summary.clone() },
            Summary { uuid: [7; 16], ..summary.clone() },
        ] {
            let error = open(other).err().unwrap();
            let HistoryError::Damaged { flaw, run, .. } = error else { panic!("{error}") };
            assert_eq!((flaw, run), (Flaw::Contradiction, Some(4)));
        }
        let fewer = Summary { pages: summary.pages - 1, ..summary };
        assert!(matches!(open(fewer).err(), Some(HistoryError::Damaged { .. })));
    }
}
