//! Where a journal lives between two openings.

use std::sync::Arc;

use sealane_core::record::RecordRef;
use sealane_crypto::{Random, SeededRandom};

use super::keys::KnownKeys;
use super::lossy_disk::{Loss, LossyDisk};
use crate::disk::Disk;
use crate::error::OpenError;
use crate::fact::Fact;
use crate::journal::{Opened, Visit, VisitError};
use crate::log::{self, LogSettings, Prepare};
use crate::memory::MemoryStore;
use crate::state::{FactsOnly, Restore, StateRow};

/// Where a journal lives between two openings.
pub trait Home {
    /// Opens it, beginning with a snapshot where there is one.
    ///
    /// # Errors
    /// As the engine says.
    fn restore(&self, restore: &mut dyn Restore) -> Result<Opened, OpenError>;

    /// Opens it and visits all facts.
    ///
    /// # Errors
    /// As the engine says.
    fn open(&self, visit: &mut Visit<'_>) -> Result<Opened, OpenError> {
        self.restore(&mut FactsOnly(visit))
    }

    /// Opens it and collects what it holds: a state's rows, and the facts behind them.
    ///
    /// # Errors
    /// As the engine says.
    fn restore_collecting(&self) -> Result<(Opened, Collected), OpenError> {
        let mut collected = Collected::default();
        let opened = self.restore(&mut collected)?;
        Ok((opened, collected))
    }

    /// Opens it and collects what is visited.
    ///
    /// # Errors
    /// As the engine says.
    fn open_collecting(&self) -> Result<(Opened, Vec<(RecordRef, Fact)>), OpenError> {
        let mut records = Vec::new();
        let opened = self.open(&mut |record, fact| {
            records.push((record, fact));
            Ok(())
        })?;
        Ok((opened, records))
    }
}

/// What a journal holds, as it was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Rows of a state.
    pub rows: Vec<StateRow>,
    /// Whether they were said to be all.
    pub whole: bool,
    /// Facts behind it.
    pub facts: Vec<(RecordRef, Fact)>,
}

impl Restore for Collected {
    fn takes_states(&self) -> bool {
        true
    }

    fn begin(&mut self) {
        *self = Self::default();
    }

    fn row(&mut self, row: StateRow) -> Result<(), VisitError> {
        self.rows.push(row);
        Ok(())
    }

    fn whole(&mut self) -> Result<(), VisitError> {
        self.whole = true;
        Ok(())
    }

    fn fact(&mut self, record: RecordRef, fact: Fact) -> Result<(), VisitError> {
        self.facts.push((record, fact));
        Ok(())
    }
}

impl Home for MemoryStore {
    fn restore(&self, restore: &mut dyn Restore) -> Result<Opened, OpenError> {
        Self::restore(self, restore)
    }
}

/// A log on some disk, under known keys.
#[derive(Clone)]
pub struct LogHome {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// The keys.
    pub keys: Arc<KnownKeys>,
    /// Fixed for every run. Shared by all openings, so that no UUID comes twice.
    pub random: Arc<dyn Random>,
    /// The settings.
    pub settings: LogSettings,
}

impl LogHome {
    /// On this disk, with segments of `segment_bytes` prepared inline and no
    /// input kept in memory: every run makes the same calls.
    pub fn new(disk: Arc<dyn Disk>, segment_bytes: u64) -> Self {
        Self {
            disk,
            keys: Arc::new(KnownKeys::danger_from_seed(1)),
            random: Arc::new(SeededRandom::danger_from_seed(1)),
            settings: LogSettings {
                segment_bytes,
                first_segment_bytes: segment_bytes,
                prepare: Prepare::Inline,
                recent_bytes: 0,
                ..LogSettings::default()
            },
        }
    }

    /// On a new lossy disk.
    pub fn lossy(segment_bytes: u64) -> (Self, LossyDisk) {
        let disk = LossyDisk::new();
        (Self::new(Arc::new(disk.clone()), segment_bytes), disk)
    }

    /// Checks it without opening it.
    ///
    /// # Errors
    /// As an opening says.
    pub fn verify(&self) -> Result<log::Verified, OpenError> {
        log::verify(Arc::clone(&self.disk), Arc::clone(&self.keys) as _, &mut |_, _| Ok(()))
    }

    /// The same keys on another disk.
    #[must_use]
    pub fn on(&self, disk: LossyDisk) -> Self {
        Self { disk: Arc::new(disk), ..self.clone() }
    }

    /// The same keys on `disk` as a power cut leaves it.
    #[must_use]
    pub fn after_power_cut(&self, disk: &LossyDisk, loss: Loss) -> (Self, LossyDisk) {
        let left = disk.after_power_cut(loss);
        (self.on(left.clone()), left)
    }
}

impl Home for LogHome {
    fn restore(&self, restore: &mut dyn Restore) -> Result<Opened, OpenError> {
        let (disk, random) = (Arc::clone(&self.disk), Arc::clone(&self.random));
        log::restore(disk, Arc::clone(&self.keys) as _, random, self.settings, restore)
    }
}
