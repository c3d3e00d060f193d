//! Owns a server that runs beside us and ends with us.

use crate::command::forget_cargo_run;
use crate::failure::Failure;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take to its end before it is killed.
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
/// How long what a server started may outlive it.
const GROUP_TIME_MAX: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A program that finds its port taken ends within this.
const OWN_PORT_TIME: Duration = Duration::from_millis(300);
/// Waits for the end of this program, however that comes, and takes the group in `$1` along.
const GUARD: &str = "read -r _; kill -s TERM -- \"-$1\"";
/// How much of a log is worth reading when its server did not start.
const REPORT_LINES_MAX: usize = 15;

/// What is to be started.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// What it complains about.
    pub(crate) log: PathBuf,
}

/// A started program; stopped when let go.
#[derive(Debug)]
pub(crate) struct Child {
    child: process::Child,
    /// Why: in a group of its own it does not hear when a person interrupts this program.
    guard: process::Child,
    name: String,
    log: PathBuf,
}

impl Child {
    /// Starts it with what it prints in a pipe, to be waited for by a word.
    pub(crate) fn speaking(start: &Start) -> Result<Self, Failure> {
        Self::begin(start, |_| Ok(Stdio::piped()))
    }

    /// Starts it with what it prints in its log as well.
    pub(crate) fn silent(start: &Start) -> Result<Self, Failure> {
        Self::begin(start, |log| log.try_clone().map(Stdio::from))
    }

    fn begin(start: &Start, out: impl Fn(&File) -> std::io::Result<Stdio>) -> Result<Self, Failure> {
        let made = || -> std::io::Result<(File, Stdio)> {
            let log = File::create(&start.log)?;
            let out = out(&log)?;
            Ok((log, out))
        };
        let (log, out) = made().map_err(|cause| Failure::file("create", &start.log, &cause))?;
        let mut command = Command::new(&start.program);
        command.args(&start.arguments).stdin(Stdio::null()).stdout(out).stderr(log);
        // What it starts shall end with it: RabbitMQ is a script in front of its machine.
        command.process_group(0);
        forget_cargo_run(&mut command);
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().map_err(|cause| Failure::file("start", &start.program, &cause))?;
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh", &child.id().to_string()]).stdin(Stdio::piped()).process_group(0);
        let guard = guard.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|cause| {
            // Why ignored: it may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            Failure::new(format!("could not start sh: {cause}"))
        })?;
        Ok(Self { child, guard, name: start.program.display().to_string(), log: start.log.clone() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads what it prints up to the line that has this in it. The rest is read and dropped, so
    /// that it never waits for a reader.
    pub(crate) fn wait_for(&mut self, word: &str, time_max: Duration) -> Result<String, Failure> {
        let stdout = self.child.stdout.take();
        let stdout = stdout.ok_or_else(|| Failure::new("it was waited for before"))?;
        let (sender, found) = mpsc::channel();
        let wanted = word.to_owned();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            if let Some(line) = lines.find(|line| line.contains(&wanted)) {
                // Why ignored: nobody waits any more, and the rest must be read all the same.
                let _ = sender.send(line);
            }
            drop(sender);
            lines.for_each(drop);
        });
        found.recv_timeout(time_max).map_err(|_| self.failed(&format!("did not say `{word}`")))
    }

    /// Waits until it can be connected there: somebody can, and it did not end over a port that is taken.
    pub(crate) fn wait_reachable(&mut self, address: SocketAddr, time_max: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time_max;
        while Instant::now() < end {
            let reached = TcpStream::connect_timeout(&address, LOOK_EVERY).is_ok();
            if reached {
                std::thread::sleep(OWN_PORT_TIME);
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return Err(self.failed("ended at once"));
            }
            if reached {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(self.failed(&format!("did not listen on {address} within {} s", time_max.as_secs())))
    }

    /// Waits until its log has a line with this in it.
    pub(crate) fn wait_logged(&mut self, word: &str, time_max: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time_max;
        while Instant::now() < end {
            if fs::read_to_string(&self.log).is_ok_and(|log| log.contains(word)) {
                return Ok(());
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return Err(self.failed("ended at once"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(self.failed(&format!("did not write `{word}` within {} s", time_max.as_secs())))
    }

    fn failed(&self, how: &str) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(REPORT_LINES_MAX)..].join("\n");
        Failure::new(format!("{} {how}; its last words:\n{last}", self.name))
    }

    /// Asks it to end and waits, within bounds.
    fn stop(&mut self) {
        let asked = signal("-TERM", &self.pid().to_string());
        let end = Instant::now() + STOP_TIME_MAX;
        while asked && Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // Why ignored: it may have ended by itself, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends what it started and left behind.
    fn sweep(&self) {
        let group = format!("-{}", self.pid());
        let end = Instant::now() + GROUP_TIME_MAX;
        let mut asked = signal("-TERM", &group);
        while asked && Instant::now() < end {
            std::thread::sleep(LOOK_EVERY);
            asked = signal("-0", &group);
        }
        if asked {
            signal("-KILL", &group);
        }
    }
}

/// Whether there was anybody to hear it.
fn signal(which: &str, whom: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args([which, "--", whom]).stderr(Stdio::null());
    kill.status().is_ok_and(|status| status.success())
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
        self.sweep();
        // Why ignored: without its guard the child has ended all the same.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// The log's path for a server of this name.
pub(crate) fn log(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.log"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const LONG: Duration = Duration::from_secs(60);

    fn script(name: &str, text: &str) -> Start {
        let log = std::env::temp_dir().join(format!("xtask-child-{name}-{}", process::id()));
        let arguments = ["-c".into(), text.into()].to_vec();
        Start { program: "sh".into(), arguments, environment: vec![("WORD", "ready now".into())], log }
    }

    #[test]
    fn a_program_is_waited_for_by_its_word_and_stopped_when_let_go() {
        let start = script("word", "echo one; echo $WORD; exec sleep 60");
        let mut lasting = Child::speaking(&start).expect("sh is there");
        assert_eq!(lasting.wait_for("ready", LONG).expect("it says so"), "ready now");
        let process = format!("/proc/{}", lasting.pid());
        assert!(Path::new(&process).exists());
        drop(lasting);
        assert!(!Path::new(&process).exists());
        let mut silent = Child::speaking(&script("word", "exec sleep 60")).expect("sh is there");
        assert!(silent.wait_for("ready", Duration::from_millis(1)).is_err());
        fs::remove_file(&start.log).expect("it was written above");
    }

    #[test]
    fn what_a_program_started_ends_with_it() {
        let start = script("group", "sleep 60 & echo started $!; wait");
        let mut parent = Child::speaking(&start).expect("sh is there");
        let line = parent.wait_for("started", LONG).expect("it says so");
        let grandchild = format!("/proc/{}/cmdline", line.trim_start_matches("started "));
        // One that has ended has no line, whether or not somebody has asked how it ended.
        let lives = || fs::read(&grandchild).is_ok_and(|line| !line.is_empty());
        assert!(lives());
        drop(parent);
        assert!(!lives());
        fs::remove_file(&start.log).expect("it was written above");
    }

    #[test]
    fn a_program_ends_with_this_one_however_that_ends() {
        let start = script("guard", "exec sleep 60");
        let mut lasting = Child::silent(&start).expect("sh is there");
        // As the system does for a program that is killed.
        drop(lasting.guard.stdin.take());
        let ended = lasting.child.wait().expect("it is ours");
        assert!(!ended.success());
        fs::remove_file(&start.log).expect("it was written above");
    }

    #[test]
    fn one_that_does_not_come_up_is_told_with_its_last_words() {
        let start = script("last", "echo no luck; echo at all >&2");
        let refused =
            Child::speaking(&start).expect("sh is there").wait_for("ready", LONG).expect_err("it ends");
        assert!(refused.to_string().contains("did not say `ready`"), "{refused}");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let refused = Child::silent(&start).expect("sh is there").wait_reachable(address, LONG);
        assert!(refused.expect_err("somebody else listens").to_string().contains("ended at once"));
        let lasting = script("lasting", "exec sleep 60");
        let mut reached = Child::silent(&lasting).expect("sh is there");
        reached.wait_reachable(address, LONG).expect("it lives and somebody listens");
        fs::remove_file(&lasting.log).expect("it was written above");
        drop(listener);
        let mut lasting = Child::silent(&script("log", "echo at last; exec sleep 60")).expect("sh is there");
        lasting.wait_logged("at last", LONG).expect("it wrote so");
        assert!(lasting.wait_logged("never", Duration::from_millis(1)).is_err());
        fs::remove_file(script("log", "").log).expect("it was written above");
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let refused =
            Child::silent(&start).expect("sh is there").wait_reachable(nowhere, LONG).expect_err("not us");
        let text = refused.to_string();
        assert!(text.contains("no luck") && text.contains("at all"), "{text}");
        fs::remove_file(&start.log).expect("it was written above");
    }
}
