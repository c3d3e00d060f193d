//! A server process, the command line beside it, and the client library in this process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealane::keys::file::load;
use sealane::keys::memory::MemoryKeys;
use sealane::providers::server::Server as Remote;
use sealane::{Client, Context};
use serde_json::Value;

/// Long enough for any machine; reaching it is a failure.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Settings of a place's server, where there are any.
pub const CONFIG: &str = "sealane.toml";

/// What a server that is told to stop waits for, at most.
const DRAIN: &str = "2s";

pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_sealane")
}

/// A place with a data directory and a keyring.
pub struct Place {
    pub dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        let made = place.sealane(&["keyring", "init", "keyring"], "");
        assert!(made.status.success(), "{made:?}");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the command line here, as the first administrator and with the keyring.
    pub fn sealane(&self, arguments: &[&str], stdin: &str) -> Output {
        self.sealane_as("data/admin.context", arguments, stdin)
    }

    pub fn sealane_as(&self, context: &str, arguments: &[&str], stdin: &str) -> Output {
        let mut child = self
            .command_as(context, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        // Why the result is let go: a command that reads no input may be gone already.
        let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
        child.wait_with_output().expect("it ends")
    }

    /// The command line, not begun yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_as("data/admin.context", arguments)
    }

    fn command_as(&self, context: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.dir.path());
        command.env("SEALANE_CONTEXT", context).env("SEALANE_KEYRING", "keyring");
        command
    }

    /// The same, expected to succeed with JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str], stdin: &str) -> Value {
        let output = self.sealane(&[arguments, &["-o", "json"]].concat(), stdin);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {output:?}"))
    }

    /// Starts the server; its log goes to `server.log`, one start after the other.
    pub fn serve(&self) -> Serving {
        self.serve_under(&[])
    }

    /// Starts the server as the argument of another program.
    pub fn serve_under(&self, wrapper: &[&str]) -> Serving {
        self.try_serve_under(wrapper).unwrap_or_else(|output| panic!("the server did not start: {output}"))
    }

    /// The same where the start itself may come to nothing; what it said.
    pub fn try_serve_under(&self, wrapper: &[&str]) -> Result<Serving, String> {
        Serving::start(self, wrapper, "127.0.0.1:0", DRAIN)
    }

    /// Starts the server; told to stop, it waits so long for what runs.
    pub fn serve_draining(&self, drain: &str) -> Serving {
        Serving::start(self, &[], "127.0.0.1:0", drain)
            .unwrap_or_else(|output| panic!("the server did not start: {output}"))
    }

    /// Starts the server where another one was that is gone: its clients find it there.
    pub fn serve_at(&self, address: &str) -> Serving {
        Serving::start(self, &[], address, DRAIN)
            .unwrap_or_else(|output| panic!("the server did not start: {output}"))
    }
}

/// A running server process. Dropped, it is killed.
pub struct Serving {
    pub child: Child,
    pub ready: Value,
    context: PathBuf,
    keyring: PathBuf,
}

impl Serving {
    fn start(place: &Place, wrapper: &[&str], listen: &str, drain: &str) -> Result<Self, String> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(place.path("server.log"))
            .expect("a log");
        let mut words = wrapper.to_vec();
        words.extend([binary(), "serve", "--data-dir", "data", "--listen", listen, "--drain-timeout", drain]);
        if place.path(CONFIG).exists() {
            words.extend(["--config", CONFIG]);
        }
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .current_dir(place.dir.path())
            .env_remove("SEALANE_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        match serde_json::from_str::<Value>(&line) {
            Ok(ready) if ready["event"] == "ready" => Ok(Self {
                child,
                ready,
                context: place.path("data/admin.context"),
                keyring: place.path("keyring"),
            }),
            _ => {
                let status = child.wait().expect("it ends");
                let log = std::fs::read_to_string(place.path("server.log")).unwrap_or_default();
                Err(format!("{status} {line} {log}"))
            }
        }
    }

    /// The client library, with the keyring.
    pub fn client(&self) -> Client {
        let keys = MemoryKeys::new(load(&self.keyring).expect("the keyring"));
        Client::builder(Arc::new(self.remote())).keys(Arc::new(keys)).build()
    }

    /// Single requests without retries and without keys.
    pub fn remote(&self) -> Remote {
        Remote::connect(&Context::load(&self.context).expect("the context")).expect("a client")
    }

    pub fn kill(mut self) {
        signal(self.process(), "KILL");
        wait(&mut self.child);
    }

    /// What `/readyz` answers, asked by a client that nobody here wrote.
    pub fn ready(&self, ca: &Path) -> String {
        let url = format!("https://{}/readyz", self.address());
        let asked = Command::new("curl")
            .args(["--silent", "--max-time", "60", "--output", "/dev/null", "--write-out", "%{http_code}"])
            .args(["--cacert".as_ref(), ca.as_os_str(), url.as_ref()])
            .output()
            .expect("curl is installed");
        String::from_utf8(asked.stdout).expect("a number")
    }

    /// Where it listens, for another one in its place.
    pub fn address(&self) -> String {
        let url = self.ready["url"].as_str().expect("the ready line says it");
        let port = url.rsplit(':').next().expect("a port").trim_end_matches('/');
        format!("127.0.0.1:{port}")
    }

    /// The server itself, not what it was started under.
    pub fn process(&self) -> u32 {
        self.ready["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("the ready line says it")
    }

    /// Asks for a stop; the exit code.
    pub fn terminate(mut self) -> Option<i32> {
        signal(self.process(), "TERM");
        wait(&mut self.child).code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // The server first: a tracer that is killed would leave it running.
            // Why the results are let go: it may end at this very moment, and that is fine.
            let _ = Command::new("kill").args(["-s", "KILL", &self.process().to_string()]).status();
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

/// Waits for a process, within the deadline.
pub fn wait(child: &mut Child) -> std::process::ExitStatus {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return status;
        }
        assert!(Instant::now() < end, "the process does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// All bytes of all files below a directory, file by file.
pub fn files_below(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).expect("a readable file")));
        }
    }
    found
}

/// Whether the bytes stand anywhere in the others.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}
