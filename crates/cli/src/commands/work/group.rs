//! The process group of a command: who is in it hears the same signals. Its number is the leader's, so the
//! leader is not taken note of as ended while the group may still get one: nobody else has the number then.

use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

/// The process group of a command; killed when it is let go of, unless it was given up before.
pub(super) struct Group {
    leader: Option<Pid>,
}

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: number.and_then(Pid::from_raw) }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // Why ignored: a group that is gone needs no signal.
            let _ = kill_process_group(leader, signal);
        }
    }

    /// Returns when the leader has ended, and leaves it to its parent to be waited for. May be dropped and
    /// called again.
    pub(super) async fn leader_ended(&self) -> io::Result<()> {
        let Some(leader) = self.leader else { return Ok(()) };
        // Why before the look: an end between look and wait must wake this one.
        let mut children = signal(SignalKind::child())?;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(leader), look) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) if children.recv().await.is_none() => {
                    return Err(io::Error::other("the end of processes is not told any more"));
                }
                Ok(None) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// From here on the number may belong to somebody else.
    pub(super) fn give_up(mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
