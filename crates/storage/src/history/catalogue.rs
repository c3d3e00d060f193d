//! The file that names the runs. It is replaced whole: written under another name, synced, renamed.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 8 | `SEALHIST` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 6 | zero |
//! | 16 | 8 | number for the next run |
//! | 24 | 8 | position in the journal up to which all ends are told of, in runs or missing stretches |
//! | 32 | 4 | runs |
//! | 36 | 4 | missing stretches |
//! | 40 | | summary of each run, oldest stretch first |
//! | | 16 each | missing stretches: first position, position behind |
//! | | 16 | MAC over all before |
//! | | 4 | CRC-32C over all before |

use super::error::{Flaw, HistoryError};
use super::keys::{HistoryKeys, MAC_BYTES};
use super::set::Stretch;
use super::summary::Summary;
use crate::codec::{Cursor, DecodeError, Fields};
use crate::disk::Disk;

/// What the file is called.
pub(super) const CATALOGUE: &str = "catalogue";
/// The same, until it is whole.
pub(super) const CATALOGUE_UNFINISHED: &str = "catalogue.unfinished";

const MAGIC: &[u8; 8] = b"SEALHIST";
const FORMAT_VERSION: u16 = 1;
const CRC_BYTES: usize = 4;

/// Longer than any catalogue of as many runs and stretches as there may be.
const CATALOGUE_BYTES_MAX: usize = 16 << 20;

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Catalogue {
    pub(super) next_number: u64,
    pub(super) reached: u64,
    /// By the stretches that they tell of.
    pub(super) runs: Vec<Summary>,
    /// Stretches whose rows were lost and must be made again, ascending.
    pub(super) missing: Vec<Stretch>,
}

impl Catalogue {
    pub(super) fn encode(&self, keys: &HistoryKeys) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 6]);
        let mut put = Fields(&mut out);
        put.u64(self.next_number);
        put.u64(self.reached);
        for count in [self.runs.len(), self.missing.len()] {
            put.u32(u32::try_from(count).expect("there are at most some thousand runs"));
        }
        self.runs.iter().for_each(|run| run.encode(&mut out));
        for stretch in &self.missing {
            let mut put = Fields(&mut out);
            put.u64(stretch.from);
            put.u64(stretch.to);
        }
        let mac = keys.mac("catalogue", &out);
        out.extend_from_slice(&mac);
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8], keys: &HistoryKeys) -> Result<Self, HistoryError> {
        let damaged = |flaw| HistoryError::damaged(flaw, CATALOGUE, 0);
        let (rest, crc) = bytes.split_last_chunk::<CRC_BYTES>().ok_or_else(|| damaged(Flaw::Short))?;
        if *crc != crc32c::crc32c(rest).to_be_bytes() || !rest.starts_with(MAGIC) {
            return Err(damaged(Flaw::Checksum));
        }
        let (rest, mac) = rest.split_last_chunk::<MAC_BYTES>().ok_or_else(|| damaged(Flaw::Short))?;
        let head = rest.get(MAGIC.len()..).ok_or_else(|| damaged(Flaw::Short))?;
        let mut take = Cursor::new(head);
        let version = take.u16("version").map_err(|_| damaged(Flaw::Short))?;
        if version != FORMAT_VERSION {
            return Err(HistoryError::UnknownFormat { file: CATALOGUE.to_owned(), version });
        }
        if *mac != keys.mac("catalogue", rest) {
            return Err(HistoryError::WrongKey { file: CATALOGUE.to_owned() });
        }
        Self::take(take).map_err(|_| damaged(Flaw::Contradiction))
    }

    fn take(mut take: Cursor<'_>) -> Result<Self, DecodeError> {
        take.fixed::<6>("zero")?;
        let (next_number, reached) = (take.u64("next number")?, take.u64("reached")?);
        let (runs, missing) = (take.u32("runs")?, take.u32("missing")?);
        let catalogue = Self {
            next_number,
            reached,
            runs: (0..runs).map(|_| Summary::decode(&mut take)).collect::<Result<_, _>>()?,
            missing: (0..missing)
                .map(|_| Ok(Stretch { from: take.u64("from")?, to: take.u64("to")? }))
                .collect::<Result<_, DecodeError>>()?,
        };
        take.end()?;
        Ok(catalogue)
    }

    /// Reads the file; `None` where there is none.
    pub(super) fn read(disk: &dyn Disk, keys: &HistoryKeys) -> Result<Option<Self>, HistoryError> {
        let file = match disk.open(CATALOGUE) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(HistoryError::disk("open", CATALOGUE))?,
        };
        let len = file.len().map_err(HistoryError::disk("read", CATALOGUE))?;
        // Why before memory is taken: a length is believed only as far as a catalogue can have it.
        let len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= CATALOGUE_BYTES_MAX)
            .ok_or_else(|| HistoryError::damaged(Flaw::Contradiction, CATALOGUE, 0))?;
        let mut bytes = vec![0; len];
        let read = file.read_at(&mut bytes, 0).map_err(HistoryError::disk("read", CATALOGUE))?;
        Self::decode(&bytes[..read], keys).map(Some)
    }

    /// Writes the file beside the one that is there, and makes durable all that it names.
    pub(super) fn prepare(&self, disk: &dyn Disk, keys: &HistoryKeys) -> Result<(), HistoryError> {
        let failed = |action| HistoryError::disk(action, CATALOGUE_UNFINISHED);
        match disk.remove(CATALOGUE_UNFINISHED) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("remove")(error));
            }
            _ => {}
        }
        let file = disk.create(CATALOGUE_UNFINISHED).map_err(failed("create"))?;
        file.write_at(&self.encode(keys), 0).map_err(failed("write"))?;
        file.sync_data().map_err(failed("sync"))?;
        // Why now: a catalogue must never be durable before the names of the runs that it names.
        disk.sync_dir().map_err(failed("sync"))
    }

    /// Puts what was prepared in place. After a failure it is unknown which one is durable.
    pub(super) fn put_in_place(disk: &dyn Disk) -> Result<(), HistoryError> {
        let renamed = disk.rename(CATALOGUE_UNFINISHED, CATALOGUE);
        renamed.map_err(HistoryError::disk("rename", CATALOGUE_UNFINISHED))?;
        disk.sync_dir().map_err(HistoryError::disk("sync", CATALOGUE))
    }
}
