//! Owns a Redis of our own: the distribution's program, a directory and a port for this run, no
//! service of the system touched.

use super::child::Child;
use super::redis_load;
use super::run::Setting;
use crate::command::{Line, is_installed};
use crate::failure::Failure;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Debian's tools package has the server's program under another name and starts no service.
const PACKAGE: &str = "redis-tools";
const OTHER_NAME: &str = "/usr/bin/redis-check-rdb";

/// When Redis makes a change durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Before it answers, as we do.
    Always,
    /// Once a second; what was answered since is lost with the power.
    EverySecond,
}

/// A running server.
pub(crate) struct Redis {
    _server: Child,
    address: SocketAddr,
    pub(crate) version: String,
}

impl Redis {
    pub(crate) fn start(program: &Path, directory: &Path, sync: Sync) -> Result<Self, Failure> {
        let word = match sync {
            Sync::Always => "always",
            Sync::EverySecond => "everysec",
        };
        let data = directory.join(format!("redis-{word}"));
        fs::create_dir(&data).map_err(|cause| Failure::file("create", &data, &cause))?;
        let address = free_address()?;
        let port = address.port().to_string();
        let mut arguments =
            vec!["--bind", "127.0.0.1", "--port", &port, "--appendonly", "yes", "--appendfsync", word];
        // In its favour: neither snapshots nor rewrites of the log while it is measured.
        arguments.extend(["--save", "", "--auto-aof-rewrite-percentage", "0", "--dir"]);
        let shown = data.display().to_string();
        arguments.push(&shown);
        let mut server = Child::start(program, arguments, &directory.join(format!("redis-{word}.log")))?;
        server.wait_for("eady to accept connections")?;
        let said = Line::new(program).args(["--version"]).answer()?;
        let version =
            said.split_whitespace().find_map(|part| part.strip_prefix("v=")).unwrap_or("of unknown version");
        Ok(Self { _server: server, address, version: version.to_owned() })
    }

    /// Full cycles per second.
    pub(crate) fn measure(&self, setting: Setting, time: Duration) -> Result<f64, Failure> {
        redis_load::measure(self.address, setting, time)
            .map_err(|cause| Failure::new(format!("the Redis side of the measurement failed: {cause}")))
    }
}

/// The server's program; installs it where that can be done and starts nothing.
pub(crate) fn program(directory: &Path) -> Result<PathBuf, Failure> {
    if is_installed("redis-server") {
        return Ok(PathBuf::from("redis-server"));
    }
    if !Path::new(OTHER_NAME).exists() {
        install()?;
    }
    let program = directory.join("redis-server");
    symlink(OTHER_NAME, &program).map_err(|cause| Failure::file("link", &program, &cause))?;
    Ok(program)
}

fn install() -> Result<(), Failure> {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root || !is_installed("apt-get") {
        let line = format!("sudo apt-get install -y --no-install-recommends {PACKAGE}");
        return Err(Failure::with_line("Redis is missing, install it and repeat:", line));
    }
    Line::new("apt-get").args(["update"]).run()?;
    Line::new("apt-get")
        .args(["install", "-y", "--no-install-recommends", PACKAGE])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}

fn free_address() -> Result<SocketAddr, Failure> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|cause| Failure::new(format!("no free port could be had: {cause}")))
}
