//! Owns a PostgreSQL of our own with a table of jobs.

use super::fetched::Fetched;
use super::list::{Server, free_address};
use crate::bench::child::{Child, Start, log};
use crate::command::Line;
use crate::failure::Failure;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const START_TIME_MAX: Duration = Duration::from_secs(60);

/// In its favour: rows that are gone are cleared away at once, as a queue's table needs it.
const TABLE: &str = "CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL) \
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)\n";

pub(super) fn start(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    let programs = fetched.only("postgres", "usr/lib/postgresql")?.join("bin");
    let data = directory.join("data");
    let (name, libraries) = fetched.libraries("postgres");
    let initdb = as_somebody(
        &programs.join("initdb"),
        &["-A", "trust", "-U", "bench", "--no-locale", "-E", "UTF8", "-D"],
    );
    initdb_line(&initdb, &data).env(name, &libraries).answer()?;
    create_table(&programs, &data, (name, &libraries), directory)?;
    let address = free_address()?;
    let port = address.port().to_string();
    let settings = [
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-c",
        "max_connections=100",
        "-c",
        "fsync=on",
        "-c",
        "synchronous_commit=on",
        "-c",
        "autovacuum_naptime=1s",
        "-c",
        "jit=off",
        "-p",
        &port,
        "-D",
    ];
    let mut line = as_somebody(&programs.join("postgres"), &settings);
    line.push(data.into_os_string());
    let mut child = Child::silent(&Start {
        program: PathBuf::from(line.remove(0)),
        arguments: line,
        environment: vec![(name, libraries)],
        log: log(directory, "postgres"),
    })?;
    // Why not whether it listens: it does so before it answers.
    child.wait_logged("ready to accept connections", START_TIME_MAX)?;
    let version = fetched.version("postgres", &programs.join("postgres"), "--version")?;
    Ok(Server { address, version, children: vec![child] })
}

/// In single-user mode, so that no client program is needed.
fn create_table(
    programs: &Path,
    data: &Path,
    (name, libraries): (&str, &OsString),
    directory: &Path,
) -> Result<(), Failure> {
    let script = directory.join("table.sql");
    fs::write(&script, TABLE).map_err(|cause| Failure::file("write", &script, &cause))?;
    let mut line = as_somebody(&programs.join("postgres"), &["--single", "-D"]);
    line.push(data.into());
    line.push("postgres".into());
    // The statement comes through its input, as that mode has it.
    Line::new("sh")
        .args(["-c", "script=$1; shift; exec \"$@\" <\"$script\"", "sh"])
        .args([&script])
        .args(line)
        .env(name, libraries)
        .answer()
        .map(drop)
}

fn initdb_line(words: &[OsString], data: &Path) -> Line {
    let (program, arguments) = words.split_first().expect("a line has a program in front");
    Line::new(program).args(arguments).args([data])
}

/// PostgreSQL refuses to be started by root. Inside a user namespace root is somebody else and still
/// owns the same files.
fn as_somebody(program: &Path, arguments: &[&str]) -> Vec<OsString> {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut words: Vec<OsString> = Vec::new();
    if root {
        words.extend(["unshare", "--user", "--map-user=1000", "--map-group=1000"].map(Into::into));
    }
    words.push(program.into());
    words.extend(arguments.iter().map(Into::into));
    words
}
