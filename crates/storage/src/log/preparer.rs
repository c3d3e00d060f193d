//! Makes the next segment ahead, so that a commit never waits for 64 MiB of zeros, and cuts the unused
//! end off segments that were left. Owns the file `prepared`; knows nothing of frames.
//!
//! ```text
//!   Wanted ──▶ Making ──▶ Ready ──take──▶ Idle ──request──▶ Wanted
//!                │  └──▶ Failed: the disk is broken; whoever needs the segment stops
//!                └─────▶ NoSpace ──request──▶ Wanted
//! ```

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::files::{PREPARED, PREPARED_UNFINISHED};
use super::settings::Prepare;
use crate::disk::{DIRECT_ALIGNMENT, Disk, DiskFile};

/// Zeros are written in pieces of this size: a commit that comes meanwhile waits for one at most.
const PIECE_BYTES: usize = 256 << 10;

/// Why there is no next segment.
#[derive(Debug)]
pub(super) enum PrepareError {
    Disk(io::Error),
    NoSpace,
}

enum Next {
    Failed(io::Error),
    Idle,
    Making,
    NoSpace,
    Ready(Arc<dyn DiskFile>),
    Wanted,
}

struct Work {
    next: Next,
    /// The last attempt that ended did so for want of space. Stays while another one is made: that it
    /// is tried again makes no room yet.
    low: bool,
    /// Files to be cut to a length. Only segments that nothing is written to any more.
    trims: Vec<(Arc<dyn DiskFile>, u64)>,
    stop: bool,
}

struct Shared {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    work: Mutex<Work>,
    changed: Condvar,
}

/// Makes the next segment ahead.
pub(super) struct Preparer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// Begins with what an earlier run left ready, if anything.
    pub(super) fn start(
        disk: Arc<dyn Disk>,
        segment_bytes: u64,
        prepare: Prepare,
        ready: Option<Arc<dyn DiskFile>>,
    ) -> io::Result<Self> {
        let next = ready.map_or(Next::Idle, Next::Ready);
        let work = Mutex::new(Work { next, low: false, trims: Vec::new(), stop: false });
        let shared = Arc::new(Shared { disk, segment_bytes, work, changed: Condvar::new() });
        let thread = match prepare {
            Prepare::Background => {
                let shared = Arc::clone(&shared);
                Some(thread::Builder::new().name("segment_preparer".into()).spawn(move || shared.run())?)
            }
            Prepare::Inline => None,
        };
        Ok(Self { shared, thread })
    }

    /// Asks for a next segment, unless there is one or it is being made.
    pub(super) fn request(&self) {
        let mut work = self.shared.lock();
        if matches!(work.next, Next::Idle | Next::NoSpace) {
            work.next = Next::Wanted;
            self.wake(work);
        }
    }

    /// Cuts a file to this length at the next occasion.
    pub(super) fn trim(&self, file: Arc<dyn DiskFile>, len: u64) {
        let mut work = self.shared.lock();
        work.trims.push((file, len));
        self.wake(work);
    }

    /// Whether the last attempt ended for want of space.
    pub(super) fn is_low(&self) -> bool {
        self.shared.lock().low
    }

    /// Waits until there is a next segment, or none to be had.
    pub(super) fn wait_ready(&self) -> Result<(), PrepareError> {
        let mut work = self.shared.lock();
        loop {
            match &work.next {
                Next::Ready(_) => return Ok(()),
                Next::NoSpace => return Err(PrepareError::NoSpace),
                Next::Failed(error) => {
                    return Err(PrepareError::Disk(io::Error::new(error.kind(), error.to_string())));
                }
                Next::Idle => {
                    drop(work);
                    self.request();
                    work = self.shared.lock();
                }
                Next::Making | Next::Wanted => {
                    work = self.shared.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Takes the next segment, still under the name `prepared`.
    pub(super) fn take(&self) -> Result<Arc<dyn DiskFile>, PrepareError> {
        self.wait_ready()?;
        let mut work = self.shared.lock();
        match std::mem::replace(&mut work.next, Next::Idle) {
            Next::Ready(file) => Ok(file),
            _ => unreachable!("it was ready, and only the one thread that may call this takes it"),
        }
    }

    fn wake(&self, work: MutexGuard<'_, Work>) {
        drop(work);
        if self.thread.is_some() {
            self.shared.changed.notify_all();
        } else {
            self.shared.work_off();
        }
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened; what it made is checked at the next start.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        // Why: every change of `Work` is one assignment, so a panic elsewhere cannot leave half of one.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            self.work_off();
            let mut work = self.lock();
            while !work.stop && work.trims.is_empty() && !matches!(work.next, Next::Wanted) {
                work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
            }
            if work.stop {
                return;
            }
        }
    }

    /// Does what is asked for at this moment.
    fn work_off(&self) {
        let (wanted, trims) = {
            let mut work = self.lock();
            let wanted = matches!(work.next, Next::Wanted);
            if wanted {
                work.next = Next::Making;
            }
            (wanted, std::mem::take(&mut work.trims))
        };
        for (file, len) in trims {
            // Why ignored: nothing depends on it, and the next start tries again.
            let _ = file.truncate(len).and_then(|()| file.sync_data());
        }
        if wanted {
            let next = match self.make() {
                Ok(file) => Next::Ready(file),
                Err(error) if is_no_space(&error) => Next::NoSpace,
                Err(error) => Next::Failed(error),
            };
            let mut work = self.lock();
            work.low = matches!(next, Next::NoSpace);
            work.next = next;
            drop(work);
            self.changed.notify_all();
        }
    }

    fn make(&self) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.create(PREPARED_UNFINISHED)?;
        let filled =
            fill(file.as_ref(), 0, self.segment_bytes, || self.lock().stop).and_then(|()| file.sync_data());
        if let Err(error) = filled {
            // Gives the space back that the attempt took. Should that fail, the next start does it.
            let _ = self.disk.remove(PREPARED_UNFINISHED);
            return Err(error);
        }
        self.disk.rename(PREPARED_UNFINISHED, PREPARED)?;
        self.disk.sync_dir()?;
        Ok(file)
    }
}

/// Writes zeros from `from` to `to`. Zeros and not a hole: the blocks are then really there, and a
/// later write neither needs space nor changes the file system's own records. Past the system's cache
/// where it can be: nobody reads them, and copying them there took a tenth of the server's time.
pub(super) fn fill(file: &dyn DiskFile, from: u64, to: u64, stop: impl Fn() -> bool) -> io::Result<()> {
    let zeros = vec![0; PIECE_BYTES + DIRECT_ALIGNMENT];
    let zeros = &zeros[zeros.as_ptr().align_offset(DIRECT_ALIGNMENT).min(DIRECT_ALIGNMENT)..][..PIECE_BYTES];
    let mut at = from;
    while at < to {
        if stop() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the journal is closing"));
        }
        let piece = usize::try_from(to - at).map_or(PIECE_BYTES, |rest| rest.min(PIECE_BYTES));
        file.write_past_cache(&zeros[..piece], at)?;
        at += u64::try_from(piece).expect("at most a piece");
    }
    Ok(())
}

/// Whether the disk is full, or this user's part of it.
pub(super) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
