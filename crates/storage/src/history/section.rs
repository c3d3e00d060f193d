//! A section of a run: pages of entries in the order of their keys, and behind them, level by level,
//! pages of fences: the first key of each page of the level below, until one page is enough. Fences have
//! one length, so where a page stands follows from numbers alone and nothing points anywhere.

use super::error::HistoryError;
use super::page::{PAYLOAD_BYTES, PageKind};
use super::run::Run;
use super::writer::PageWriter;

/// Where a section stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// Its first page.
    pub(super) first: u32,
    /// Its pages of entries.
    pub(super) pages: u32,
    /// Its entries.
    pub(super) entries: u32,
}

/// How many fences of so many bytes fit into a page.
fn fences_per_page(key_bytes: usize) -> u32 {
    u32::try_from(PAYLOAD_BYTES / key_bytes).expect("a page is far smaller than 2^32 bytes")
}

/// Writes the entries of one section, of keys of `K` bytes.
pub(super) struct SectionWriter<const K: usize> {
    kind: PageKind,
    fence_kind: PageKind,
    page: Vec<u8>,
    page_key: Option<[u8; K]>,
    fences: Vec<[u8; K]>,
    entries: u32,
}

impl<const K: usize> SectionWriter<K> {
    pub(super) fn new(kind: PageKind, fence_kind: PageKind) -> Self {
        Self {
            kind,
            fence_kind,
            page: Vec::with_capacity(PAYLOAD_BYTES),
            page_key: None,
            fences: Vec::new(),
            entries: 0,
        }
    }

    /// Entries written so far: the number of the next one.
    pub(super) fn entries(&self) -> u32 {
        self.entries
    }

    /// Writes the next entry, which has a page for itself at most.
    pub(super) fn push(
        &mut self,
        key: [u8; K],
        entry: &[u8],
        out: &mut PageWriter,
    ) -> Result<(), HistoryError> {
        if self.page.len() + entry.len() > PAYLOAD_BYTES {
            self.end_page(out)?;
        }
        self.page_key.get_or_insert(key);
        self.page.extend_from_slice(entry);
        self.entries += 1;
        Ok(())
    }

    /// Writes the fences. Nothing else was written since the first entry.
    pub(super) fn finish(mut self, out: &mut PageWriter) -> Result<Section, HistoryError> {
        self.end_page(out)?;
        let pages = count(self.fences.len());
        let first = out.next() - pages;
        let per_page = fences_per_page(K);
        let mut fences = self.fences;
        while fences.len() > 1 {
            let chunk = usize::try_from(per_page).expect("32 bits fit into a length");
            for level in fences.chunks(chunk) {
                out.put(self.fence_kind, &level.concat())?;
            }
            fences = fences.chunks(chunk).map(|level| level[0]).collect();
        }
        Ok(Section { first, pages, entries: self.entries })
    }

    fn end_page(&mut self, out: &mut PageWriter) -> Result<(), HistoryError> {
        if let Some(key) = self.page_key.take() {
            out.put(self.kind, &self.page)?;
            self.page.clear();
            self.fences.push(key);
        }
        Ok(())
    }
}

impl Section {
    /// The page, counted in the section, that holds the last entry at or before `key`, if any does.
    pub(super) fn page_of<const K: usize>(
        &self,
        run: &Run,
        fence_kind: PageKind,
        key: &[u8; K],
    ) -> Result<Option<u32>, HistoryError> {
        if self.pages == 0 {
            return Ok(None);
        }
        let per_page = fences_per_page(K);
        // First page and length of each level of fences, the lowest first.
        let (mut levels, mut start, mut below) = (Vec::new(), self.first + self.pages, self.pages);
        while below > 1 {
            let pages = below.div_ceil(per_page);
            levels.push(start);
            start += pages;
            below = pages;
        }
        let mut at = 0;
        for start in levels.into_iter().rev() {
            let page = run.page(start + at, fence_kind)?;
            let fences = page.chunks_exact(K);
            let behind = fences.take_while(|fence| *fence <= &key[..]).count();
            at = at * per_page + count(behind.saturating_sub(1));
        }
        if at >= self.pages {
            return Err(run.contradiction(self.first));
        }
        Ok(Some(at))
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).expect("a run has far fewer than 2^32 pages")
}
