//! Every engine, one suite.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use sealane_storage::disk::RealDisk;
use sealane_storage::journal::Opened;
use sealane_storage::log::{LogSettings, Prepare};
use sealane_storage::memory::MemoryStore;
use sealane_storage::testing::conformance;
use sealane_storage::testing::home::{Home, LogHome};
use sealane_storage::{OpenError, Restore};

#[test]
fn memory() {
    conformance::run(MemoryStore::default);
}

#[test]
fn log_on_a_disk_that_loses() {
    conformance::run(|| LogHome::lossy(64 << 10).0);
}

/// Once with room in memory for an input or two, and once for all.
#[test]
fn log_with_recent_inputs_in_memory() {
    for recent_bytes in [1_000, 1 << 20] {
        conformance::run(|| {
            let mut home = LogHome::lossy(64 << 10).0;
            home.settings.recent_bytes = recent_bytes;
            home
        });
    }
}

/// Segments so small that the suite fills several.
#[test]
fn log_in_small_segments() {
    conformance::run(|| LogHome::lossy(4 << 10).0);
}

struct RealHome {
    home: LogHome,
    _dir: tempfile::TempDir,
}

impl Home for RealHome {
    fn restore(&self, restore: &mut dyn Restore) -> Result<Opened, OpenError> {
        self.home.restore(restore)
    }
}

#[test]
fn log_on_a_real_disk_with_its_background_thread() {
    conformance::run(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut home = LogHome::new(Arc::new(RealDisk::new(dir.path())), 64 << 10);
        home.settings = LogSettings {
            segment_bytes: 64 << 10,
            first_segment_bytes: 4 << 10,
            prepare: Prepare::Background,
            recent_bytes: 1 << 20,
            ..LogSettings::default()
        };
        RealHome { home, _dir: dir }
    });
}
