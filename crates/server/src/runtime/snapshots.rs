//! Writes the state down, so that the next start need not read all that made it.
//!
//! Between two turns, and nothing else happens meanwhile: what is written is the state at one position.

use sealane_storage::{SnapshotDone, SnapshotError};

use super::Engine;

impl Engine {
    /// Writes a snapshot where one is due. Nothing depends on it: what fails is told and left.
    pub(super) fn snapshot_if_due(&mut self, closing: bool) {
        if !self.journal.snapshot_is_due(closing) {
            return;
        }
        match self.write_snapshot() {
            Ok(done) => {
                self.journal.trim(&done);
                let SnapshotDone { sequence, lsn, rows, bytes } = done;
                tracing::info!(sequence, lsn, rows, bytes, "wrote a snapshot");
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "no snapshot was written: nothing is lost, and the next start reads more of the journal"
            ),
        }
    }

    fn write_snapshot(&mut self) -> Result<SnapshotDone, SnapshotError> {
        let mut snapshot = self.journal.snapshot()?;
        self.machine.rows().try_for_each(|row| snapshot.put(&row))?;
        snapshot.finish()
    }
}
