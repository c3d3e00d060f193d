//! Owns a Redis of our own, with or without BullMQ on it.

use super::fetched::Fetched;
use super::list::{Server, free_address};
use crate::bench::child::{Child, Start, log};
use crate::failure::Failure;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// Debian's tools package has the server's program under another name.
const OTHER_NAME: &str = "usr/bin/redis-check-rdb";
const START_TIME_MAX: Duration = Duration::from_secs(60);

pub(super) fn always(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    start(fetched, directory, "always")
}

pub(super) fn every_second(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    start(fetched, directory, "everysec")
}

pub(super) fn always_bullmq(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    with_bullmq(fetched, always(fetched, directory)?)
}

pub(super) fn every_second_bullmq(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    with_bullmq(fetched, every_second(fetched, directory)?)
}

fn start(fetched: &Fetched, directory: &Path, sync: &str) -> Result<Server, Failure> {
    let program = directory.join("redis-server");
    symlink(fetched.path("redis", OTHER_NAME), &program)
        .map_err(|cause| Failure::file("link", &program, &cause))?;
    let address = free_address()?;
    let port = address.port().to_string();
    let mut arguments = vec!["--bind", "127.0.0.1", "--port", &port, "--appendonly", "yes"];
    // In its favour: neither snapshots nor rewrites of the log while it is measured.
    arguments.extend(["--appendfsync", sync, "--save", "", "--auto-aof-rewrite-percentage", "0", "--dir"]);
    let shown = directory.display().to_string();
    arguments.push(&shown);
    let mut child = Child::silent(&Start {
        arguments: arguments.into_iter().map(Into::into).collect(),
        environment: vec![fetched.libraries("redis")],
        log: log(directory, "redis"),
        program: program.clone(),
    })?;
    child.wait_reachable(address, START_TIME_MAX)?;
    let version = fetched.version("redis", &program, "--version")?;
    Ok(Server { address, version, children: vec![child] })
}

fn with_bullmq(fetched: &Fetched, mut redis: Server) -> Result<Server, Failure> {
    let path = fetched.path("bullmq", "node_modules/bullmq/package.json");
    let text = fs::read_to_string(&path).map_err(|cause| Failure::file("read", &path, &cause))?;
    let package: Option<Value> = serde_json::from_str(&text).ok();
    let version = package.as_ref().and_then(|package| package.get("version")?.as_str());
    redis.version = format!("{} on Redis {}", version.unwrap_or("of unknown version"), redis.version);
    Ok(redis)
}
