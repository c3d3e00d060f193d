//! What is done with runs in the background, a bounded piece at a time: what is over is dropped whole,
//! runs of one size that follow each other are merged, and one of which half is over is written again
//! without it. A row is written once for each size that it passes, so the cost of one more is the same
//! however many there are.

use std::sync::Arc;

use sealane_core::time::Time;

use super::error::HistoryError;
use super::merge::{Merge, Merged, Older};
use super::run::Run;
use super::set::{History, Stretch};

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Ask again soon.
    More,
    /// Nothing for now.
    Idle,
}

impl History {
    /// Does the next piece of work. What is told of until `now` or a time before is over; runs and the records
    /// that they refer to take `bytes_max` at most, or the oldest go.
    ///
    /// # Errors
    /// When a run is damaged (set it aside and go on) or the disk refuses (go on later).
    pub fn work(&mut self, now: Time, bytes_max: u64) -> Result<Work, HistoryError> {
        self.check_poison()?;
        self.remove_leftovers();
        if let Some((number, missing_too)) = self.over(now, bytes_max) {
            self.drop_run(number, missing_too)?;
            return Ok(Work::More);
        }
        let merge = match self.merge.take() {
            Some(merge) => merge,
            None => match self.wanted(now) {
                Some((from, to)) => self.begin(from, to, now)?,
                None => return Ok(Work::Idle),
            },
        };
        let number = merge.number();
        match merge.step(&self.keys, self.settings.entries_per_step).inspect_err(|_| self.leave(number))? {
            Merged::Further(merge) => self.merge = Some(*merge),
            Merged::Done(inputs, new) => {
                if new.is_none() {
                    self.leave(number);
                }
                let gone: Vec<u64> = inputs.iter().map(|run| run.summary.number).collect();
                self.add(self.catalogue.clone(), &gone, new).inspect_err(|_| self.leave(number))?;
            }
        }
        Ok(Work::More)
    }

    /// A run to be dropped whole: one that nobody is told of any more and that hides nothing, or the oldest,
    /// where there is too much of all. What is missing before that one is older still and would have gone first.
    fn over(&self, now: Time, bytes_max: u64) -> Option<(u64, bool)> {
        let oldest = self.runs.first()?;
        if self.bytes() > bytes_max || self.runs.len() > self.settings.runs_max {
            return Some((oldest.summary.number, true));
        }
        let hides = |at: usize, run: &Run| {
            run.summary.again > 0 && (at > 0 || self.is_missing_before(run.summary.stretch))
        };
        let mut runs = self.runs.iter().enumerate();
        let over = runs.find(|(at, run)| run.summary.kept_until <= now && !hides(*at, run));
        over.map(|(_, run)| (run.summary.number, false))
    }

    fn drop_run(&mut self, number: u64, missing_too: bool) -> Result<(), HistoryError> {
        self.abandon_merge_of(number);
        let mut next = self.catalogue.clone();
        if let Some(oldest) = self.runs.first().filter(|_| missing_too) {
            next.missing.retain(|hole| hole.from > oldest.summary.stretch.from);
        }
        self.add(next, &[number], None)
    }

    fn is_missing_before(&self, stretch: Stretch) -> bool {
        self.catalogue.missing.iter().any(|hole| hole.from < stretch.from)
    }

    /// Which runs to merge next: the first, and the one behind the last.
    fn wanted(&self, now: Time) -> Option<(usize, usize)> {
        if let Some(half) = self.runs.iter().position(|run| run.summary.half_kept_until <= now) {
            return Some((half, half + 1));
        }
        let sizes: Vec<u32> = self.runs.iter().map(|run| self.size(run)).collect();
        let largest = sizes.iter().filter(|size| **size < u32::MAX).max().copied()?;
        (0..=largest).find_map(|size| self.alike(&sizes, size))
    }

    /// The oldest runs that follow each other, are no larger than this, and are enough to be merged.
    fn alike(&self, sizes: &[u32], size: u32) -> Option<(usize, usize)> {
        let (mut from, mut rows) = (0, 0_u64);
        for (at, own) in sizes.iter().enumerate() {
            let run_rows = u64::from(self.runs[at].summary.rows);
            if *own > size || (at > from && self.is_missing_between(at - 1, at)) {
                (from, rows) = (if *own > size { at + 1 } else { at }, 0);
            }
            if *own > size {
                continue;
            }
            if rows + run_rows > u64::from(self.settings.run_rows_max) {
                // Two that are not full fit together, so there are two at least.
                return Some((from, at));
            }
            rows += run_rows;
            if at + 1 - from == self.settings.merged_at_once {
                return Some((from, at + 1));
            }
        }
        None
    }

    /// How often a run was merged, about; no size at all for one that is full.
    fn size(&self, run: &Run) -> u32 {
        let rows = run.summary.rows.max(1);
        if rows > self.settings.run_rows_max / 2 {
            return u32::MAX;
        }
        rows.ilog(u32::try_from(self.settings.merged_at_once.max(2)).unwrap_or(u32::MAX))
    }

    /// Whether a stretch between two runs is missing: what is put there later must find its place.
    fn is_missing_between(&self, left: usize, right: usize) -> bool {
        let (left, right) = (self.runs[left].summary.stretch, self.runs[right].summary.stretch);
        self.catalogue.missing.iter().any(|hole| hole.from >= left.to && hole.to <= right.from)
    }

    fn begin(&mut self, from: usize, to: usize, now: Time) -> Result<Merge, HistoryError> {
        let inputs: Vec<Arc<Run>> = self.runs[from..to].to_vec();
        let missing = self.is_missing_before(self.runs[from].summary.stretch);
        let older = Older { runs: self.runs[..from].to_vec(), missing };
        let rows = inputs.iter().map(|run| run.summary.rows).sum();
        let (first, last) = (self.runs[from].summary.stretch, self.runs[to - 1].summary.stretch);
        let writer = self.create(Stretch { from: first.from, to: last.to }, rows)?;
        Ok(Merge::new(inputs, older, writer, now))
    }
}
