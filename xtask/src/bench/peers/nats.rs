//! Owns a NATS server of our own with JetStream in files.

use super::fetched::Fetched;
use super::list::{Server, free_address};
use crate::bench::child::{Child, Start, log};
use crate::failure::Failure;
use std::fs;
use std::path::Path;
use std::time::Duration;

const START_TIME_MAX: Duration = Duration::from_secs(60);

pub(super) fn always(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    start(fetched, directory, "sync_interval: always")
}

pub(super) fn default(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    start(fetched, directory, "")
}

fn start(fetched: &Fetched, directory: &Path, sync: &str) -> Result<Server, Failure> {
    let program = [fetched.path("nats", "usr/sbin/nats-server"), fetched.path("nats", "usr/bin/nats-server")];
    let program = program.into_iter().find(|program| program.exists());
    let program = program.ok_or_else(|| Failure::new("no nats-server in what was fetched"))?;
    let address = free_address()?;
    let settings = directory.join("nats.conf");
    let text = format!(
        "listen: \"{address}\"\njetstream {{\n  store_dir: \"{}\"\n  {sync}\n}}\n",
        directory.join("data").display()
    );
    fs::write(&settings, text).map_err(|cause| Failure::file("write", &settings, &cause))?;
    let mut child = Child::silent(&Start {
        arguments: vec!["-c".into(), settings.into()],
        environment: Vec::new(),
        log: log(directory, "nats"),
        program: program.clone(),
    })?;
    child.wait_reachable(address, START_TIME_MAX)?;
    let version = fetched.version("nats", &program, "--version")?;
    Ok(Server { address, version, children: vec![child] })
}
