//! Owns a beanstalkd of our own.

use super::fetched::Fetched;
use super::list::{Server, free_address};
use crate::bench::child::{Child, Start, log};
use crate::failure::Failure;
use std::path::Path;
use std::time::Duration;

const START_TIME_MAX: Duration = Duration::from_secs(60);

pub(super) fn start(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    let program = fetched.path("beanstalkd", "usr/bin/beanstalkd");
    let address = free_address()?;
    let port = address.port().to_string();
    let mut arguments = ["-l", "127.0.0.1", "-p", &port, "-f", "0", "-b"].map(Into::into).to_vec();
    arguments.push(directory.into());
    let mut child = Child::silent(&Start {
        arguments,
        environment: vec![fetched.libraries("beanstalkd")],
        log: log(directory, "beanstalkd"),
        program: program.clone(),
    })?;
    child.wait_reachable(address, START_TIME_MAX)?;
    let version = fetched.version("beanstalkd", &program, "-v")?;
    Ok(Server { address, version, children: vec![child] })
}
