//! Owns a server that runs beside us and ends with us.

use crate::command::forget_cargo_run;
use crate::failure::Failure;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{self, Command, Stdio};

/// A started program; killed when let go.
#[derive(Debug)]
pub(crate) struct Child {
    child: process::Child,
    name: String,
}

impl Child {
    /// Starts it. What it complains about goes into `log`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        log: &Path,
    ) -> Result<Self, Failure> {
        let log = File::create(log).map_err(|cause| Failure::file("create", log, &cause))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        forget_cargo_run(&mut command);
        let child = command.spawn().map_err(|cause| Failure::file("start", program, &cause))?;
        Ok(Self { child, name: program.display().to_string() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads what it prints up to the line that has this in it. The rest is read and dropped, so
    /// that it never waits for a reader.
    pub(crate) fn wait_for(&mut self, word: &str) -> Result<String, Failure> {
        let stdout = self.child.stdout.take();
        let mut lines =
            BufReader::new(stdout.ok_or_else(|| Failure::new("it was waited for before"))?).lines();
        loop {
            match lines.next() {
                Some(Ok(line)) if line.contains(word) => {
                    std::thread::spawn(move || lines.for_each(drop));
                    return Ok(line);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    return Err(Failure::new(format!("{} ended without saying `{word}`", self.name)));
                }
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Why ignored: it may have ended by itself, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_waited_for_by_its_word_and_killed_when_let_go() {
        let log = std::env::temp_dir().join(format!("xtask-child-{}", process::id()));
        let script = |text: &str| Child::start(Path::new("sh"), ["-c", text], &log).expect("sh is there");
        let mut lasting = script("echo one; echo ready now; exec sleep 60");
        assert_eq!(lasting.wait_for("ready").expect("it says so"), "ready now");
        let process = format!("/proc/{}", lasting.pid());
        assert!(Path::new(&process).exists());
        drop(lasting);
        assert!(!Path::new(&process).exists());
        let refused = script("echo no").wait_for("ready").expect_err("it ends before");
        assert!(refused.to_string().contains("without saying `ready`"), "{refused}");
        std::fs::remove_file(&log).expect("it was written above");
    }
}
