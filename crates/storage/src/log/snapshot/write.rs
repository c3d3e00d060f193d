//! Makes a snapshot: under another name until it is whole and durable.

use std::io;
use std::sync::Arc;

use sealane_crypto::Key;

use super::block::{BLOCK_BYTES, BlockKind, PREFIX_BYTES, ROW_BYTES_MAX, SnapshotSeal};
use super::header::SnapshotHeader;
use crate::codec;
use crate::disk::{Disk, DiskFile};
use crate::error::SnapshotError;
use crate::journal::{Snapshot, SnapshotDone};
use crate::log::files;

use crate::state::StateRow;

/// A snapshot in the making.
pub(in crate::log) struct SnapshotFile {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    header: SnapshotHeader,
    seal: SnapshotSeal,
    /// The block that is filled, its prefix left open.
    block: Vec<u8>,
    blocks: u64,
    rows: u64,
    /// Where the next block goes.
    offset: u64,
    finished: bool,
}

impl SnapshotFile {
    /// Begins a file; what is left of one that was given up goes.
    pub(in crate::log) fn begin(
        disk: Arc<dyn Disk>,
        header: SnapshotHeader,
        journal_key: &Key,
    ) -> Result<Self, SnapshotError> {
        let fault = fault("begin", files::SNAPSHOT_UNFINISHED);
        match disk.remove(files::SNAPSHOT_UNFINISHED) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
        let file = disk.create(files::SNAPSHOT_UNFINISHED).map_err(&fault)?;
        let seal = SnapshotSeal::new(journal_key, header.uuid);
        let mut begun = Self {
            disk,
            file,
            header,
            seal,
            block: Vec::new(),
            blocks: 0,
            rows: 0,
            offset: 0,
            finished: false,
        };
        begun.write(&begun.header.encode(journal_key))?;
        begun.block.resize(PREFIX_BYTES, 0);
        Ok(begun)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.file.write_at(bytes, self.offset).map_err(fault("write", files::SNAPSHOT_UNFINISHED))?;
        self.offset += length(bytes.len());
        Ok(())
    }

    fn write_block(&mut self, kind: BlockKind) -> Result<(), SnapshotError> {
        self.seal.seal(&mut self.block, kind, self.blocks)?;
        let block = std::mem::take(&mut self.block);
        let written = self.write(&block);
        self.block = block;
        self.block.clear();
        self.block.resize(PREFIX_BYTES, 0);
        self.blocks += 1;
        written
    }

    fn try_finish(&mut self) -> Result<SnapshotDone, SnapshotError> {
        if self.block.len() > PREFIX_BYTES {
            self.write_block(BlockKind::Rows)?;
        }
        self.block.extend_from_slice(&self.rows.to_be_bytes());
        self.write_block(BlockKind::End)?;
        self.file.sync_data().map_err(fault("sync", files::SNAPSHOT_UNFINISHED))?;
        let name = files::snapshot(self.header.sequence);
        self.disk
            .rename(files::SNAPSHOT_UNFINISHED, &name)
            .and_then(|()| {
                self.finished = true;
                self.disk.sync_dir()
            })
            .map_err(fault("name", &name))?;
        Ok(SnapshotDone {
            sequence: self.header.sequence,
            lsn: self.header.lsn,
            rows: self.rows,
            bytes: self.offset,
        })
    }
}

impl Snapshot for SnapshotFile {
    fn put(&mut self, row: &StateRow) -> Result<(), SnapshotError> {
        let at = self.block.len();
        self.block.extend_from_slice(&[0; 4]);
        codec::encode_row(row, &mut self.block);
        let bytes = self.block.len() - at - 4;
        if bytes > ROW_BYTES_MAX {
            self.block.truncate(at);
            return Err(SnapshotError::TooLarge { bytes, max: ROW_BYTES_MAX });
        }
        let prefix = u32::try_from(bytes).expect("ROW_BYTES_MAX is far below 4 GiB").to_be_bytes();
        self.block[at..at + 4].copy_from_slice(&prefix);
        self.rows += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.write_block(BlockKind::Rows)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<SnapshotDone, SnapshotError> {
        self.try_finish()
    }
}

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        if !self.finished {
            // Gives the space back. Should that fail, the next snapshot or start does it.
            let _ = self.disk.remove(files::SNAPSHOT_UNFINISHED);
        }
    }
}

fn fault(action: &'static str, file: &str) -> impl Fn(io::Error) -> SnapshotError {
    let file = file.to_owned();
    move |source| SnapshotError::Disk { action, file: file.clone(), source }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length in memory fits 64 bits")
}
