//! Owns the shell behind a page: one bash process fed through its input, so that directories and
//! variables live from fence to fence as they do at a reader's prompt.
//!
//! What fences print goes to files. The shell's own output carries nothing but our marks, one
//! line each time a fence has ended. It runs with `-e`, so a command that fails ends the shell,
//! and the missing mark tells.

use crate::command::forget_cargo_run;
use crate::failure::Failure;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often the output of a background fence is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What went wrong in a fence, and what it had printed by then.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) sentence: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running shell. Dropping it ends everything it started.
#[derive(Debug)]
pub(crate) struct Shell {
    child: Child,
    input: Option<ChildStdin>,
    marks: Receiver<String>,
    records: PathBuf,
    fences: usize,
    background: Vec<Background>,
}

#[derive(Debug)]
struct Background {
    line: usize,
    group: String,
    files: Files,
}

/// The files of one fence: its code, what it prints, and for a background fence how it ended.
#[derive(Debug)]
struct Files {
    code: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
    status: PathBuf,
}

impl Shell {
    /// Starts it in `directory`, with builds going to `target`.
    pub(crate) fn start(directory: &Path, records: &Path, target: &Path) -> Result<Self, Failure> {
        let shell_log = records.join("shell.stderr");
        let log = File::create(&shell_log).map_err(|cause| Failure::file("create", &shell_log, &cause))?;
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]);
        command
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0);
        forget_cargo_run(&mut command);
        forget_own_settings(&mut command);
        command.env("CARGO_TARGET_DIR", target);
        let mut child =
            command.spawn().map_err(|cause| Failure::new(format!("could not start bash: {cause}")))?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("stdout was asked for as a pipe");
        let (sender, marks) = mpsc::channel();
        std::thread::spawn(move || {
            for mark in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(mark).is_err() {
                    break;
                }
            }
        });
        let records = records.to_path_buf();
        let mut shell = Self { child, input, marks, records, fences: 0, background: Vec::new() };
        // Should this program be killed, the shell's input ends, and it takes its children along.
        shell.type_in(
            "_page_groups=(); trap 'for _page_group in \"${_page_groups[@]}\"; do kill -TERM -- \"-$_page_group\" 2>/dev/null || true; done' EXIT",
        );
        Ok(shell)
    }

    /// Runs a fence to its end and returns what it printed.
    pub(crate) fn run(&mut self, code: &str, time_max: Duration) -> Result<String, Trouble> {
        let files = self.next_files(code)?;
        self.type_in(&format!(
            "source {} </dev/null >{} 2>{}; printf 'done\\n'",
            quoted(&files.code),
            quoted(&files.stdout),
            quoted(&files.stderr)
        ));
        match self.marks.recv_timeout(time_max) {
            Ok(_) => Ok(contents(&files.stdout)),
            Err(RecvTimeoutError::Timeout) => {
                Err(files.trouble(format!("the command did not end within {} s", time_max.as_secs())))
            }
            Err(RecvTimeoutError::Disconnected) => Err(files.trouble(self.how_it_ended())),
        }
    }

    /// Starts a fence, waits until a line it prints contains `until`, and leaves it running.
    pub(crate) fn start_background(
        &mut self,
        line: usize,
        code: &str,
        until: &str,
        time_max: Duration,
    ) -> Result<String, Trouble> {
        let files = self.next_files(code)?;
        // Why so long: `set -m` gives the fence a process group of its own, which is what is
        // signalled in the end; the trap keeps the subshell alive through that signal to report
        // how its command took it.
        self.type_in(&format!(
            "set -m; ( set +m; trap : TERM; trap 'printf %s \"$?\" >{}' EXIT; source {} ) </dev/null >{} 2>{} & set +m; _page_groups+=(\"$!\"); printf '%s\\n' \"$!\"",
            quoted(&files.status).replace('\'', "\""),
            quoted(&files.code),
            quoted(&files.stdout),
            quoted(&files.stderr)
        ));
        let group = self
            .marks
            .recv_timeout(time_max)
            .map_err(|_| files.trouble("it could not be started".to_owned()))?;
        let start = Instant::now();
        let found = loop {
            let ended = files.ended();
            let printed = contents(&files.stdout);
            if printed.lines().any(|line| line.contains(until)) {
                break Ok(printed);
            }
            if let Some(status) = ended {
                break Err(files.trouble(format!("it ended before it said {until}, status {status}")));
            }
            if start.elapsed() > time_max {
                break Err(files.trouble(format!("it did not say {until} within {} s", time_max.as_secs())));
            }
            std::thread::sleep(LOOK_EVERY);
        };
        self.background.push(Background { line, group, files });
        found
    }

    /// Ends the background fences by SIGTERM, last one first; each must have lived until now and
    /// must leave with status 0. The line tells which one did not.
    pub(crate) fn stop(&mut self, time_max: Duration) -> Result<(), (usize, Trouble)> {
        while let Some(last) = self.background.last() {
            let (line, group) = (last.line, last.group.clone());
            if let Some(status) = last.files.ended() {
                return Err((
                    line,
                    last.files.trouble(format!("it ended by itself before the page did, status {status}")),
                ));
            }
            self.type_in(&format!(
                "kill -TERM -- -{group} || true; wait {group} || true; printf 'stopped\\n'"
            ));
            let mark = self.marks.recv_timeout(time_max);
            let Some(last) = self.background.last() else { break };
            if mark.is_err() {
                return Err((
                    line,
                    last.files.trouble(format!("it did not end within {} s of SIGTERM", time_max.as_secs())),
                ));
            }
            // Children the command left behind are nobody's claim, only ours to clear away.
            kill_group(&group);
            let status = contents(&last.files.status);
            if status != "0" {
                return Err((
                    line,
                    last.files.trouble(format!("it answered SIGTERM with status {status} and not with 0")),
                ));
            }
            self.background.pop();
        }
        Ok(())
    }

    fn type_in(&mut self, line: &str) {
        // A shell that is gone is noticed at the mark it does not send.
        if let Some(input) = &mut self.input {
            let _ = writeln!(input, "{line}");
        }
    }

    fn next_files(&mut self, code: &str) -> Result<Files, Trouble> {
        self.fences += 1;
        let of = |kind: &str| self.records.join(format!("{}.{kind}", self.fences));
        let files =
            Files { code: of("sh"), stdout: of("stdout"), stderr: of("stderr"), status: of("status") };
        match fs::write(&files.code, code) {
            Ok(()) => Ok(files),
            Err(cause) => Err(files.trouble(format!("could not write the fence to a file: {cause}"))),
        }
    }

    fn how_it_ended(&mut self) -> String {
        match self.child.wait() {
            Ok(status) => format!("the command failed with {status}"),
            Err(cause) => format!("the shell is gone: {cause}"),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for background in &self.background {
            kill_group(&background.group);
        }
        kill_group(&self.child.id().to_string());
        self.input = None;
        // Already ended, or killed just now: either way there is nothing left to report.
        let _ = self.child.wait();
    }
}

impl Files {
    /// The status a background fence ended with. The file exists a moment before it is written.
    fn ended(&self) -> Option<String> {
        Some(contents(&self.status)).filter(|status| !status.is_empty())
    }

    fn trouble(&self, sentence: String) -> Trouble {
        Trouble { sentence, stdout: contents(&self.stdout), stderr: contents(&self.stderr) }
    }
}

/// Signals by way of bash, which has `kill` built in: the standard library has no call for it.
fn kill_group(group: &str) {
    let _ = Command::new("bash")
        .args(["-c", "kill -KILL -- \"-$1\"", "kill", group])
        .stderr(Stdio::null())
        .status();
}

/// A reader's prompt has none of the settings a developer may have exported.
fn forget_own_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SEALANE_") {
            command.env_remove(&name);
        }
    }
}

fn contents(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
