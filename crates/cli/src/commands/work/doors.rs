//! Files through which a command and its worker speak while it runs: a pipe for what it reports, and what
//! an earlier attempt left. Both are in memory, so no disk ever has them, and both are gone with the
//! worker, however it ends.

use std::io::PipeWriter;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use tokio::net::unix::pipe::Receiver;

/// Whether open files can be found by a path here. Elsewhere a command is not told of these doors.
const HAS_PATHS: bool = cfg!(target_os = "linux");

/// The doors of one command.
pub(super) struct Doors {
    /// What the command says comes out here.
    pub(super) reports: Receiver,
    /// Kept open, so that the command can open it by its path at any time.
    pub(super) way_in: PipeWriter,
    /// What an earlier attempt left.
    checkpoint: Option<OwnedFd>,
}

impl Doors {
    pub(super) fn open(checkpoint: Option<&[u8]>) -> std::io::Result<Self> {
        let (out, way_in) = std::io::pipe()?;
        let checkpoint = checkpoint.filter(|_| HAS_PATHS).map(in_memory).transpose()?;
        Ok(Self { reports: Receiver::from_owned_fd(OwnedFd::from(out))?, way_in, checkpoint })
    }

    /// Where the command finds the pipe.
    pub(super) fn reports_path(&self) -> Option<PathBuf> {
        HAS_PATHS.then(|| path(&self.way_in))
    }

    /// Where it finds what an earlier attempt left.
    pub(super) fn checkpoint_path(&self) -> Option<PathBuf> {
        self.checkpoint.as_ref().map(path)
    }
}

/// The path of an open file of this process. Why not handed down as an open file: whatever the command
/// starts would have it too, and what closes such files, as many languages do, would have it no more.
fn path(file: &impl AsFd) -> PathBuf {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_fd().as_raw_fd()).into()
}

/// A file without a disk, to be read any number of times and never written.
#[cfg(target_os = "linux")]
fn in_memory(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    use std::io::Write as _;

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    let file = memfd_create("checkpoint", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = std::fs::File::from(file);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
fn in_memory(_: &[u8]) -> std::io::Result<OwnedFd> {
    Err(std::io::ErrorKind::Unsupported.into())
}
