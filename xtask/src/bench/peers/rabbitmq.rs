//! Owns a RabbitMQ of our own: one node, and the name server that Erlang wants beside it.

use super::fetched::Fetched;
use super::list::{FreePort, Server};
use crate::bench::child::{Child, Start, log};
use crate::failure::Failure;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Erlang starts slowly on a small machine.
const START_TIME_MAX: Duration = Duration::from_secs(180);
const LOOPBACK_ONLY: &str = "-kernel inet_dist_use_interface {127,0,0,1}";

pub(super) fn start(fetched: &Fetched, directory: &Path) -> Result<Server, Failure> {
    let home = fetched.only("rabbitmq", "usr/lib/rabbitmq/lib")?;
    let name = home.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let version = name.rsplit('-').next().unwrap_or_default().to_owned();
    let erlang = fetched.path("rabbitmq", "usr/lib/erlang/bin");
    let (node_port, names, between) = (FreePort::hold()?, FreePort::hold()?, FreePort::hold()?);
    let names = names.release();
    let mut names_child = Child::silent(&Start {
        program: erlang.join("epmd"),
        arguments: ["-port", &names.port().to_string(), "-address", "127.0.0.1"].map(Into::into).to_vec(),
        environment: Vec::new(),
        log: log(directory, "epmd"),
    })?;
    names_child.wait_reachable(names, START_TIME_MAX)?;

    for (file, text) in [("rabbitmq.conf", ""), ("plugins", "[].\n"), ("env", "")] {
        let path = directory.join(file);
        fs::write(&path, text).map_err(|cause| Failure::file("write", &path, &cause))?;
    }
    let file = |name: &str| directory.join(name).into_os_string();
    let mut path = erlang.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let port = |address: std::net::SocketAddr| OsString::from(address.port().to_string());
    let (address, between) = (node_port.release(), between.release());
    let mut node = Child::silent(&Start {
        program: home.join("sbin/rabbitmq-server"),
        arguments: Vec::new(),
        environment: vec![
            ("PATH", path),
            ("HOME", directory.into()),
            ("ERL_EPMD_PORT", port(names)),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_NODENAME", format!("bench-{}@localhost", address.port()).into()),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_NODE_PORT", port(address)),
            ("RABBITMQ_DIST_PORT", port(between)),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", LOOPBACK_ONLY.into()),
            ("RABBITMQ_MNESIA_BASE", file("data")),
            ("RABBITMQ_LOG_BASE", file("logs")),
            ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", file("env")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", file("plugins")),
            ("RABBITMQ_PID_FILE", file("pid")),
            fetched.libraries("rabbitmq"),
        ],
        log: log(directory, "rabbitmq"),
    })?;
    node.wait_reachable(address, START_TIME_MAX)?;
    Ok(Server { address, version, children: vec![names_child, node] })
}
