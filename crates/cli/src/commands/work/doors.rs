//! Files through which a command and its worker speak while it runs: a pipe for what it reports, and what
//! an earlier attempt left. Both are in memory, so no disk ever has them, and both are gone with the
//! worker, however it ends.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use rustix::io::{DupFlags, dup3};
use tokio::net::unix::pipe::Receiver;

/// Whether open files can be found by a path here. Elsewhere a command is not told of these doors.
const HAS_PATHS: bool = cfg!(target_os = "linux");

/// The doors of one command.
pub(super) struct Doors {
    /// What the command says comes out here.
    pub(super) reports: Receiver,
    /// Kept open, so that the command can open it by its path at any time.
    pub(super) way_in: WayIn,
    /// What an earlier attempt left.
    checkpoint: Option<OwnedFd>,
}

impl Doors {
    pub(super) fn open(checkpoint: Option<&[u8]>) -> std::io::Result<Self> {
        let (out, way_in) = std::io::pipe()?;
        let checkpoint = checkpoint.filter(|_| HAS_PATHS).map(in_memory).transpose()?;
        let reports = Receiver::from_owned_fd(OwnedFd::from(out))?;
        Ok(Self { reports, way_in: WayIn(way_in.into()), checkpoint })
    }

    /// Where the command finds the pipe.
    pub(super) fn reports_path(&self) -> Option<PathBuf> {
        HAS_PATHS.then(|| path(&self.way_in.0))
    }

    /// Where it finds what an earlier attempt left.
    pub(super) fn checkpoint_path(&self) -> Option<PathBuf> {
        self.checkpoint.as_ref().map(path)
    }
}

/// The end of the pipe that the command opens.
pub(super) struct WayIn(OwnedFd);

impl WayIn {
    /// Who has opened the pipe can write on; who opens its path from here on writes to nowhere. The number in
    /// the path is nobody else's until what is returned is dropped: it could be another command's pipe.
    pub(super) fn shut(mut self) -> Option<OwnedFd> {
        let nowhere = File::options().read(true).write(true).open("/dev/null");
        let shut = nowhere.is_ok_and(|nowhere| dup3(nowhere, &mut self.0, DupFlags::CLOEXEC).is_ok());
        // Why not kept otherwise: the pipe ends when nobody can write any more.
        shut.then_some(self.0)
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
    let mut file = File::from(file);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
fn in_memory(_: &[u8]) -> std::io::Result<OwnedFd> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_path_that_is_shut_leads_to_nowhere_and_to_no_other_command() {
        let mut doors = Doors::open(None).unwrap();
        let path = doors.reports_path().unwrap();
        std::fs::write(&path, "while it runs").unwrap();
        let shut = doors.way_in.shut();
        let next = Doors::open(None).unwrap();
        std::fs::write(&path, "afterwards").unwrap();
        let mut heard = String::new();
        doors.reports.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "while it runs", "and it ends there");
        assert_ne!(next.reports_path().unwrap(), path);
        drop(shut);
        let mut heard = String::new();
        let Doors { mut reports, way_in, .. } = next;
        drop(way_in);
        reports.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "");
    }
}
