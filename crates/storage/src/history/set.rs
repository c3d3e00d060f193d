//! Which runs there are: takes new rows, says what must be made again, and hands out views.
//!
//! What is in a catalogue is durable, and nothing else counts: a file that none names is removed at the
//! next opening. So a run that was being written when the power went was never there.

use std::sync::Arc;

use sealane_core::limits;
use sealane_crypto::Random;

use super::cache::PageCache;
use super::catalogue::{CATALOGUE, Catalogue};
use super::error::HistoryError;
use super::keys::HistoryKeys;
use super::merge::Merge;
use super::row::{Ended, Row, RowKey, age_key, row_key};
use super::run::Run;
use super::summary::Summary;
use super::writer::{RunWriter, run_name};
use crate::disk::Disk;

/// Positions in the journal: from `from` on and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first.
    pub from: u64,
    /// The one behind the last.
    pub to: u64,
}

/// How a history is kept.
#[derive(Clone, Copy, Debug)]
pub struct HistorySettings {
    /// Rows of one run.
    pub run_rows_max: u32,
    /// Runs of all sizes; there may be one more until the next piece of work.
    pub runs_max: usize,
    /// How many runs of one size are merged.
    pub merged_at_once: usize,
    /// Entries that a merge goes on by in one step.
    pub entries_per_step: usize,
    /// Memory for pages read a moment ago.
    pub cache_bytes: usize,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self {
            run_rows_max: limits::HISTORY_RUN_ROWS_MAX,
            runs_max: limits::HISTORY_RUNS_MAX,
            merged_at_once: 8,
            entries_per_step: limits::HISTORY_MERGE_ENTRIES_PER_STEP_MAX,
            cache_bytes: limits::HISTORY_CACHE_BYTES_MAX,
        }
    }
}

/// The runs at one moment. Whoever has a view reads what was there then, whatever is done meanwhile.
#[derive(Clone)]
pub struct HistoryView {
    pub(super) keys: Arc<HistoryKeys>,
    /// The oldest stretch first.
    pub(super) runs: Arc<Vec<Arc<Run>>>,
}

/// A history that was opened.
pub struct OpenedHistory {
    /// It.
    pub history: History,
    /// Runs that failed a check and were set aside.
    pub set_aside: Vec<HistoryError>,
}

/// What is known of jobs that have ended. One owner writes; views read.
pub struct History {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) keys: Arc<HistoryKeys>,
    pub(super) random: Arc<dyn Random>,
    pub(super) settings: HistorySettings,
    pub(super) catalogue: Catalogue,
    /// As in the catalogue.
    pub(super) runs: Arc<Vec<Arc<Run>>>,
    pub(super) merge: Option<Merge>,
    cache: Arc<PageCache>,
    /// Files that no catalogue names any more and that the disk did not remove yet.
    leftovers: Vec<String>,
    poisoned: bool,
}

impl History {
    /// Opens what is there; begins anew where nothing is.
    ///
    /// # Errors
    /// When the catalogue is damaged, of another key or version, or the disk refuses. A run that fails a check
    /// is set aside instead: its stretch is then missing, and its rows are to be made again.
    pub fn open(
        disk: Arc<dyn Disk>,
        keys: Arc<HistoryKeys>,
        random: Arc<dyn Random>,
        settings: HistorySettings,
    ) -> Result<OpenedHistory, HistoryError> {
        let catalogue = Catalogue::read(disk.as_ref(), &keys)?.unwrap_or_default();
        let cache = Arc::new(PageCache::new(settings.cache_bytes));
        let (mut runs, mut kept, mut set_aside) = (Vec::new(), catalogue.clone(), Vec::new());
        kept.runs.clear();
        for summary in catalogue.runs {
            match Run::open(disk.as_ref(), &keys, &cache, summary.clone()) {
                Ok(run) => {
                    runs.push(Arc::new(run));
                    kept.runs.push(summary);
                }
                // Why another key too: the catalogue is under this one, so the run is not the one it names.
                Err(error @ (HistoryError::Damaged { .. } | HistoryError::WrongKey { .. })) => {
                    set_aside.push(error);
                    kept.lose(summary.stretch);
                }
                Err(error) => return Err(error),
            }
        }
        let mut history = Self {
            disk,
            keys,
            random,
            settings,
            catalogue: kept.clone(),
            runs: Arc::new(runs),
            merge: None,
            cache,
            leftovers: Vec::new(),
            poisoned: false,
        };
        let strangers = history.strangers()?;
        if !set_aside.is_empty() || !strangers.is_empty() {
            // Why before anything is removed: the catalogue may have been read from the system's cache, and
            // the durable one may name what this one does not.
            history.save(kept)?;
        }
        history.leftovers = strangers;
        history.remove_leftovers();
        Ok(OpenedHistory { history, set_aside })
    }

    /// Removes everything and begins anew: for a history whose catalogue is damaged.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn start_over(
        disk: Arc<dyn Disk>,
        keys: Arc<HistoryKeys>,
        random: Arc<dyn Random>,
        settings: HistorySettings,
    ) -> Result<Self, HistoryError> {
        match disk.remove(CATALOGUE) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(HistoryError::disk("remove", CATALOGUE)(error));
            }
            _ => {}
        }
        Ok(Self::open(disk, keys, random, settings)?.history)
    }

    /// Takes the rows of the next stretch of the journal, or of the beginning of one that is missing, in any
    /// order. They are durable when this returns.
    ///
    /// # Errors
    /// When they are not of such a stretch, are too many, or the disk refuses; nothing was taken then.
    pub fn append(&mut self, stretch: Stretch, rows: Vec<Row>) -> Result<(), HistoryError> {
        self.check_poison()?;
        let (rows, keyed) = (rows.len(), self.keyed(stretch, rows)?);
        let next = self.catalogue.taking(stretch).ok_or(HistoryError::Misplaced)?;
        if keyed.is_empty() {
            return self.save(next);
        }
        let max = self.settings.run_rows_max;
        let count = u32::try_from(rows).ok().filter(|count| *count <= max);
        let count = count.ok_or(HistoryError::TooManyRows { rows, max })?;
        let writer = self.create(stretch, count)?;
        let number = self.catalogue.next_number - 1;
        let written = write(writer, &self.keys, keyed);
        let summary = written.inspect_err(|_| self.leftovers.push(run_name(number)))?;
        if stretch.to <= self.catalogue.reached {
            // Why: what a merge takes for not hidden any more may be hidden by what comes back here.
            self.abandon_merge();
        }
        let next = self.catalogue.taking(stretch).ok_or(HistoryError::Misplaced)?;
        let added = self.add(next, &[], Some(summary));
        if added.is_err() {
            // Why: whoever tries again on a full disk would leave another file with each try.
            self.leave(number);
        }
        added
    }

    /// The runs as they are now.
    pub fn view(&self) -> HistoryView {
        HistoryView { keys: Arc::clone(&self.keys), runs: Arc::clone(&self.runs) }
    }

    /// The position up to which all rows were taken, but for those that are missing.
    pub fn reached(&self) -> u64 {
        self.catalogue.reached
    }

    /// Stretches whose rows are to be made again, ascending.
    pub fn missing(&self) -> &[Stretch] {
        &self.catalogue.missing
    }

    /// The oldest position in the journal that is needed: what is not in a run yet has to be read again, and
    /// rows refer to what callers supplied. What is older may go.
    pub fn oldest_needed(&self) -> u64 {
        let records = self.runs.iter().map(|run| run.summary.oldest_record);
        let missing = self.catalogue.missing.iter().map(|stretch| stretch.from);
        records.chain(missing).fold(self.catalogue.reached, u64::min)
    }

    /// Bytes on disk, and of the records that rows refer to.
    pub fn bytes(&self) -> u64 {
        self.runs.iter().fold(0, |all, run| all.saturating_add(run.summary.bytes()))
    }

    /// How many rows there are, those that are over and not removed yet included.
    pub fn rows(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.summary.rows)).sum()
    }

    /// Takes a run out that failed a check: what it told of is missing from here on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_aside(&mut self, number: u64) -> Result<(), HistoryError> {
        self.check_poison()?;
        let Some(run) = self.runs.iter().find(|run| run.summary.number == number).cloned() else {
            return Ok(());
        };
        self.abandon_merge_of(number);
        let mut next = self.catalogue.clone();
        next.lose(run.summary.stretch);
        self.add(next, &[number], None)
    }

    /// Puts a run in the place of others and makes that durable.
    pub(super) fn add(
        &mut self,
        mut next: Catalogue,
        gone: &[u64],
        new: Option<Summary>,
    ) -> Result<(), HistoryError> {
        let mut runs: Vec<Arc<Run>> = self.runs.to_vec();
        if let Some(summary) = new {
            let name = run_name(summary.number);
            let run = Run::open(self.disk.as_ref(), &self.keys, &self.cache, summary);
            runs.push(Arc::new(run.inspect_err(|_| self.leftovers.push(name))?));
        }
        runs.retain(|run| !gone.contains(&run.summary.number));
        runs.sort_by_key(|run| run.summary.stretch.from);
        next.runs = runs.iter().map(|run| run.summary.clone()).collect();
        self.save(next)?;
        self.runs = Arc::new(runs);
        self.leftovers.extend(gone.iter().map(|number| run_name(*number)));
        self.remove_leftovers();
        Ok(())
    }

    /// Begins a run for at most so many rows.
    pub(super) fn create(&mut self, stretch: Stretch, rows_max: u32) -> Result<RunWriter, HistoryError> {
        let number = self.catalogue.next_number;
        // Why at once: a file that was begun keeps its number, also if nothing comes of it.
        self.catalogue.next_number += 1;
        let (disk, random) = (self.disk.as_ref(), self.random.as_ref());
        let made = RunWriter::create(disk, &self.keys, random, number, stretch, rows_max);
        made.inspect_err(|_| self.leftovers.push(run_name(number)))
    }

    /// Ends a merge that includes this run: it is begun anew without it.
    pub(super) fn abandon_merge_of(&mut self, number: u64) {
        if self.merge.as_ref().is_some_and(|merge| merge.takes(number)) {
            self.abandon_merge();
        }
    }

    fn abandon_merge(&mut self) {
        if let Some(merge) = self.merge.take() {
            self.leftovers.push(run_name(merge.number()));
        }
    }

    /// Remembers a file that has come to nothing.
    pub(super) fn leave(&mut self, number: u64) {
        self.leftovers.push(run_name(number));
    }

    /// Refuses where it is unknown what is durable.
    pub(super) fn check_poison(&self) -> Result<(), HistoryError> {
        if self.poisoned { Err(HistoryError::Poisoned) } else { Ok(()) }
    }

    /// Removes what no catalogue names. What the disk does not remove now it is asked for again later.
    pub(super) fn remove_leftovers(&mut self) {
        let disk = &self.disk;
        self.leftovers.retain(|name| match disk.remove(name) {
            Ok(()) => false,
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        });
    }

    fn save(&mut self, mut next: Catalogue) -> Result<(), HistoryError> {
        next.next_number = next.next_number.max(self.catalogue.next_number);
        next.prepare(self.disk.as_ref(), &self.keys)?;
        self.poisoned = true;
        Catalogue::put_in_place(self.disk.as_ref())?;
        self.poisoned = false;
        self.catalogue = next;
        Ok(())
    }

    /// Files of ours that the catalogue does not name.
    fn strangers(&self) -> Result<Vec<String>, HistoryError> {
        let names = self.disk.list().map_err(HistoryError::disk("list", "the history's directory"))?;
        let ours: Vec<String> = self.catalogue.runs.iter().map(|run| run_name(run.number)).collect();
        let run = |name: &String| name.ends_with(".run") || name.ends_with(".unfinished");
        Ok(names.into_iter().filter(|name| run(name) && !ours.contains(name)).collect())
    }

    /// The rows by key, the youngest of each job.
    fn keyed(&self, stretch: Stretch, rows: Vec<Row>) -> Result<Vec<(RowKey, Row)>, HistoryError> {
        let mut keyed = Vec::with_capacity(rows.len());
        for mut row in rows {
            let tokens = row.ended().map_or(0, |job| job.tokens.len());
            if tokens > limits::HISTORY_ROW_TOKENS_MAX {
                return Err(HistoryError::TooManyTokens { tokens, max: limits::HISTORY_ROW_TOKENS_MAX });
            }
            if row.lsn < stretch.from || row.lsn >= stretch.to {
                return Err(HistoryError::Misplaced);
            }
            row.again |= row.end == Ended::Back;
            keyed.push((row_key(&self.keys, &row.namespace, row.job), row));
        }
        keyed.sort_by(|(a, left), (b, right)| (a, right.lsn).cmp(&(b, left.lsn)));
        keyed.dedup_by(|(key, hidden), (first, row)| {
            let same = key == first;
            // What the hidden one may hide, the one that stays hides.
            row.again |= same && hidden.again;
            same
        });
        Ok(keyed)
    }
}

impl Catalogue {
    /// With a stretch taken; `None` where another one is wanted.
    fn taking(&self, stretch: Stretch) -> Option<Self> {
        let mut next = self.clone();
        if stretch.from >= stretch.to {
            return None;
        }
        if stretch.from == self.reached {
            next.reached = stretch.to;
            return Some(next);
        }
        let hole = next.missing.iter().position(|hole| hole.from == stretch.from && stretch.to <= hole.to)?;
        next.missing[hole].from = stretch.to;
        next.missing.retain(|hole| hole.from < hole.to);
        Some(next)
    }

    /// What was told of this stretch is missing.
    fn lose(&mut self, stretch: Stretch) {
        self.missing.push(stretch);
        self.missing.sort_by_key(|hole| hole.from);
    }
}

fn write(
    mut writer: RunWriter,
    keys: &HistoryKeys,
    rows: Vec<(RowKey, Row)>,
) -> Result<Summary, HistoryError> {
    let (mut ages, mut tokens) = (Vec::new(), Vec::new());
    for (key, row) in rows {
        let number = writer.rows();
        writer.push_row(&key, &row)?;
        if row.ended().is_some() {
            ages.push((age_key(row.at, &key), number, row.index_tokens(keys)));
        }
    }
    writer.end_rows()?;
    ages.sort_unstable_by_key(|(key, _, _)| *key);
    for (key, number, own) in ages {
        let rank = writer.push_age(&key, number)?;
        tokens.extend(own.into_iter().map(|token| (token, rank)));
    }
    writer.end_ages()?;
    tokens.sort_unstable();
    for (token, rank) in tokens {
        writer.push_posting(token, rank)?;
    }
    writer.finish()
}
