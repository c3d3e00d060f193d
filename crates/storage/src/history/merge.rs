//! Makes one run of several that follow each other, a bounded piece of work at a time.
//!
//! In memory meanwhile: a page of each run, eight bytes for each row, and what the writer needs. What
//! stands in a run is in order already, so nothing is sorted.

use std::collections::VecDeque;
use std::sync::Arc;

use sealane_core::time::Time;

use super::error::HistoryError;
use super::keys::{BlindToken, HistoryKeys};
use super::page::PageKind;
use super::postings::StoredPiece;
use super::row::{AgeKey, Row, RowKey};
use super::run::Run;
use super::summary::Summary;
use super::writer::RunWriter;

/// Where a row went that is not in the new run.
const GONE: u32 = u32::MAX;

/// Marks the rank that a row would have had which is not in the new run: a run has far fewer.
const GONE_BIT: u32 = 1 << 31;

/// Token, rank in the new run, and whether it is not there.
type Posting = (BlindToken, u32, bool);

/// A merge that is going on.
pub(super) struct Merge {
    /// What is merged, the oldest first.
    pub(super) inputs: Vec<Arc<Run>>,
    /// What comes before them, and may hold what a row hides.
    older: Older,
    now: Time,
    writer: RunWriter,
    /// For each run: where each of its rows went, then where each of its ranks went.
    rows: Vec<Vec<u32>>,
    ranks: Vec<Vec<u32>>,
    phase: Phase,
}

/// What lies before the runs that are merged.
pub(super) struct Older {
    pub(super) runs: Vec<Arc<Run>>,
    /// Whether a stretch there is missing, of which nothing is known.
    pub(super) missing: bool,
}

enum Phase {
    Rows(Vec<Stream<(RowKey, Row)>>),
    Ages(Vec<Stream<(AgeKey, u32)>>),
    Postings(Vec<Stream<Posting>>),
}

/// How far a merge is.
pub(super) enum Merged {
    Further(Box<Merge>),
    /// The new run, whose name is not durable yet; nothing where no row was left.
    Done(Vec<Arc<Run>>, Option<Summary>),
}

impl Merge {
    pub(super) fn new(inputs: Vec<Arc<Run>>, older: Older, writer: RunWriter, now: Time) -> Self {
        let phase =
            Phase::Rows(inputs.iter().map(|run| Stream::new(run.summary.row_section.pages)).collect());
        let none = || inputs.iter().map(|_| Vec::new()).collect();
        Self { rows: none(), ranks: none(), inputs, older, now, writer, phase }
    }

    /// The number of the new run.
    pub(super) fn number(&self) -> u64 {
        self.writer.number()
    }

    /// Whether this run is among those that are merged.
    pub(super) fn takes(&self, number: u64) -> bool {
        self.inputs.iter().any(|run| run.summary.number == number)
    }

    /// Goes on for so many entries.
    pub(super) fn step(mut self, keys: &HistoryKeys, entries: usize) -> Result<Merged, HistoryError> {
        for _ in 0..entries {
            let more = match &mut self.phase {
                Phase::Rows(_) => self.next_row(keys)?,
                Phase::Ages(_) => self.next_age()?,
                Phase::Postings(_) => self.next_posting()?,
            };
            if more {
                continue;
            }
            self.phase = match self.phase {
                Phase::Rows(_) => {
                    self.writer.end_rows()?;
                    let ages = |run: &Arc<Run>| Stream::new(run.summary.age_section.pages);
                    Phase::Ages(self.inputs.iter().map(ages).collect())
                }
                Phase::Ages(_) => {
                    self.writer.end_ages()?;
                    self.rows.clear();
                    let lists = |run: &Arc<Run>| Stream::new(run.summary.posting_section.pages);
                    Phase::Postings(self.inputs.iter().map(lists).collect())
                }
                Phase::Postings(_) => {
                    let summary = self.writer.finish()?;
                    return Ok(Merged::Done(self.inputs, Some(summary).filter(|new| new.rows > 0)));
                }
            };
        }
        Ok(Merged::Further(Box::new(self)))
    }

    fn next_row(&mut self, keys: &HistoryKeys) -> Result<bool, HistoryError> {
        let Phase::Rows(streams) = &mut self.phase else { return Ok(false) };
        let mut least: Option<RowKey> = None;
        for (stream, run) in streams.iter_mut().zip(&self.inputs) {
            if let Some((key, _)) = stream.peek(|page| run.rows_of(page))?
                && least.is_none_or(|least| *key < least)
            {
                least = Some(*key);
            }
        }
        let Some(least) = least else { return Ok(false) };
        // The youngest row of a job is the one that is true: what it hides goes, whatever becomes of itself.
        let mut youngest = true;
        for (stream, moved) in streams.iter_mut().zip(&mut self.rows).rev() {
            let Some((_, row)) = stream.waiting.pop_front_if(|(key, _)| *key == least) else { continue };
            let mut place = GONE;
            if youngest && stays(&row, self.now, &self.older, keys)? {
                place = self.writer.rows();
                self.writer.push_row(&least, &row)?;
            }
            youngest = false;
            moved.push(place);
        }
        Ok(true)
    }

    fn next_age(&mut self) -> Result<bool, HistoryError> {
        let Phase::Ages(streams) = &mut self.phase else { return Ok(false) };
        let inputs = &self.inputs;
        let Some((at, (key, row))) = least(streams, |at, page| inputs[at].ages_of(page))? else {
            return Ok(false);
        };
        let row = usize::try_from(row).expect("32 bits fit into a length");
        let place = *self.rows[at].get(row).ok_or_else(|| inputs[at].contradiction(0))?;
        let rank =
            if place == GONE { GONE_BIT | self.writer.ranks() } else { self.writer.push_age(&key, place)? };
        self.ranks[at].push(rank);
        Ok(true)
    }

    fn next_posting(&mut self) -> Result<bool, HistoryError> {
        let Phase::Postings(streams) = &mut self.phase else { return Ok(false) };
        let (inputs, ranks) = (&self.inputs, &self.ranks);
        let next = least(streams, |at, page| postings_of(&inputs[at], &ranks[at], page))?;
        let Some((_, (token, rank, gone))) = next else { return Ok(false) };
        if !gone {
            self.writer.push_posting(token, rank)?;
        }
        Ok(true)
    }
}

/// Whether a row is needed any more: somebody is told of it, or it hides one that would be.
fn stays(row: &Row, now: Time, older: &Older, keys: &HistoryKeys) -> Result<bool, HistoryError> {
    if row.ended().is_some() && row.kept_until > now {
        return Ok(true);
    }
    if row.again && older.missing {
        return Ok(true);
    }
    if row.again {
        for run in &older.runs {
            if run.may_hold(keys, &row.namespace, row.job)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The postings of one page, with the ranks that they have in the new run, or would have.
fn postings_of(run: &Run, ranks: &[u32], page: u32) -> Result<Vec<Posting>, HistoryError> {
    let number = run.summary.posting_section.first + page;
    let content = run.page_uncached(number, PageKind::Postings)?;
    let (mut postings, mut rest) = (Vec::new(), &content[..]);
    while !rest.is_empty() {
        let piece = StoredPiece::split(rest).and_then(|(piece, behind)| {
            rest = behind;
            piece.ranks().map(|ranks| (piece.token, ranks))
        });
        let (token, old) = piece.ok_or_else(|| run.contradiction(number))?;
        for rank in old {
            let rank = usize::try_from(rank).expect("32 bits fit into a length");
            let moved = *ranks.get(rank).ok_or_else(|| run.contradiction(number))?;
            postings.push((token, moved & !GONE_BIT, moved & GONE_BIT != 0));
        }
    }
    Ok(postings)
}

/// Takes the least of what the streams have next, and says whose it is.
fn least<T: Ord + Copy>(
    streams: &mut [Stream<T>],
    read: impl Fn(usize, u32) -> Result<Vec<T>, HistoryError>,
) -> Result<Option<(usize, T)>, HistoryError> {
    let mut least: Option<(usize, T)> = None;
    for (at, stream) in streams.iter_mut().enumerate() {
        if let Some(next) = stream.peek(|page| read(at, page))?
            && least.is_none_or(|(_, least)| *next < least)
        {
            least = Some((at, *next));
        }
    }
    if let Some((at, _)) = least {
        streams[at].waiting.pop_front();
    }
    Ok(least)
}

/// The entries of a section of one run, a page at a time.
struct Stream<T> {
    pages: u32,
    next: u32,
    waiting: VecDeque<T>,
}

impl<T> Stream<T> {
    fn new(pages: u32) -> Self {
        Self { pages, next: 0, waiting: VecDeque::new() }
    }

    /// The next entry.
    fn peek(
        &mut self,
        read: impl Fn(u32) -> Result<Vec<T>, HistoryError>,
    ) -> Result<Option<&T>, HistoryError> {
        // No page is empty, so this reads one at most; a page that says otherwise ends the section's count.
        while self.waiting.is_empty() && self.next < self.pages {
            self.waiting = read(self.next)?.into();
            self.next += 1;
        }
        Ok(self.waiting.front())
    }
}
