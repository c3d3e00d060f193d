//! Reads a snapshot back, and believes none of it before it passed: checksum, tag, row, and the count at
//! the end.

use std::io;

use sealane_crypto::Key;

use super::block::{BlockKind, BlockPrefix, PREFIX_BYTES, SnapshotSeal};
use super::header::SnapshotHeader;
use crate::codec;
use crate::disk::{Disk, DiskFile};
use crate::error::{Damage, OpenError, Place};
use crate::journal::DamagedSnapshot;
use crate::log::files;
use crate::log::header::{HEADER_BYTES, HeaderError};
use crate::state::Restore;

/// Why a snapshot was not loaded.
pub(in crate::log) enum LoadError {
    /// It is not whole: there may be another way to the same state.
    Damaged(DamagedSnapshot),
    /// It is whole and not for this version, or the disk refused.
    Open(OpenError),
}

impl From<OpenError> for LoadError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// A snapshot's file, open, with a header that passed its checks.
pub(in crate::log) struct SnapshotFound {
    pub(in crate::log) header: SnapshotHeader,
    pub(in crate::log) name: String,
    seal: SnapshotSeal,
    file: std::sync::Arc<dyn DiskFile>,
}

/// Reads the header of the snapshot with this number.
pub(in crate::log) fn read_header(
    disk: &dyn Disk,
    sequence: u64,
    journal_key: &Key,
) -> Result<SnapshotFound, LoadError> {
    let name = files::snapshot(sequence);
    let file = disk.open(&name).map_err(fault("open", &name))?;
    let mut sector = [0; HEADER_BYTES];
    let read = file.read_at(&mut sector, 0).map_err(fault("read", &name))?;
    if read < HEADER_BYTES {
        return Err(damaged(&name, 0, &Damage::Short));
    }
    let header = SnapshotHeader::decode(&sector, journal_key).map_err(|error| match error {
        HeaderError::Damaged => damaged(&name, 0, &Damage::Snapshot),
        // Why not the key: it opened the segments.
        HeaderError::WrongKey => damaged(&name, 0, &Damage::Tampered),
        HeaderError::UnknownFormat(version) => {
            LoadError::Open(OpenError::UnknownFormat { file: name.clone(), version })
        }
    })?;
    if header.sequence != sequence {
        return Err(damaged(&name, 0, &Damage::Contradiction));
    }
    let seal = SnapshotSeal::new(journal_key, header.uuid);
    Ok(SnapshotFound { header, name, seal, file })
}

/// Hands over all rows. Gives their number, and the length of the file.
pub(in crate::log) fn load(
    found: &SnapshotFound,
    restore: &mut dyn Restore,
) -> Result<(u64, u64), LoadError> {
    let name = &found.name;
    let mut at = length(HEADER_BYTES);
    let (mut number, mut rows) = (0, 0);
    let mut block = Vec::new();
    loop {
        let kind = read_block(found, at, number, &mut block)?;
        let tampered = |_| damaged(name, at, &Damage::Tampered);
        let sealed = found.seal.open(&block, number).map_err(tampered)?;
        let mut rest = sealed.expose().as_slice();
        if kind == BlockKind::End {
            let end = at + length(block.len());
            let whole =
                rest == u64::to_be_bytes(rows) && found.file.len().map_err(fault("read", name))? == end;
            if !whole {
                return Err(damaged(name, at, &Damage::Contradiction));
            }
            restore.whole().map_err(|error| damaged(name, at, &error))?;
            return Ok((rows, end));
        }
        while !rest.is_empty() {
            let row = take_row(&mut rest).ok_or_else(|| damaged(name, at, &Damage::Contradiction))?;
            let place = Place { file: name.clone(), offset: at, lsn: None };
            let row = codec::decode_row(row).map_err(|source| OpenError::UnknownRecord { place, source })?;
            restore.row(row).map_err(|error| damaged(name, at, &error))?;
            rows += 1;
        }
        at += length(block.len());
        number += 1;
    }
}

/// Reads the block at `at`, whose checksum is right.
fn read_block(
    found: &SnapshotFound,
    at: u64,
    number: u64,
    block: &mut Vec<u8>,
) -> Result<BlockKind, LoadError> {
    let name = &found.name;
    let mut prefix = [0; PREFIX_BYTES];
    let read = found.file.read_at(&mut prefix, at).map_err(fault("read", name))?;
    if read < PREFIX_BYTES {
        return Err(damaged(name, at, &Damage::Short));
    }
    let Some(prefix) = BlockPrefix::decode(&prefix) else {
        return Err(damaged(name, at, &Damage::Snapshot));
    };
    block.resize(prefix.block_bytes(), 0);
    let read = found.file.read_at(block, at).map_err(fault("read", name))?;
    if read < block.len() {
        return Err(damaged(name, at, &Damage::Short));
    }
    if !found.seal.is_whole(block, number) {
        return Err(damaged(name, at, &Damage::Snapshot));
    }
    Ok(prefix.kind)
}

/// A row stands behind its length.
fn take_row<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, behind) = rest.split_first_chunk()?;
    let (row, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
    *rest = behind;
    Some(row)
}

fn damaged(file: &str, offset: u64, why: &dyn std::fmt::Display) -> LoadError {
    let place = Place { file: file.to_owned(), offset, lsn: None };
    LoadError::Damaged(DamagedSnapshot { place, why: why.to_string() })
}

fn fault(action: &'static str, file: &str) -> impl Fn(io::Error) -> OpenError {
    let file = file.to_owned();
    move |source| OpenError::Disk { action, file: file.clone(), source }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length in memory fits 64 bits")
}
