//! `sealane serve`: runs the server.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealane_crypto::random::{SystemRandom, Watched};
use sealane_server::{Config, Options, Server, Surroundings};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{DATA, FAILED, Failure};

/// Runs the server until SIGTERM or SIGINT.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Where journal, keys and certificates are kept; made on the first start
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7373")]
    listen: SocketAddr,
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How long running jobs may still be settled after a stop was asked for
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::duration::parse)]
    drain_timeout: Duration,
}

/// Runs the server.
pub(crate) async fn run(command: Serve) -> Result<(), Failure> {
    no_core_dumps().map_err(|error| Failure::stream("switching core dumps off", &error))?;
    let config = command.config.as_deref().map(Config::read).transpose();
    let config = config.map_err(|error| Failure::usage(crate::failure::chain(&error)))?.unwrap_or_default();
    let options = Options {
        data_dir: command.data_dir,
        listen: command.listen,
        drain_timeout: command.drain_timeout,
        config,
    };
    // Before the server is up: a stop that is asked for while it starts must not be lost.
    let waiting = |error: std::io::Error| Failure::stream("waiting for signals", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(waiting)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(waiting)?;
    let surroundings = Surroundings { random: Arc::new(Watched::new(SystemRandom)), journal_disk: None };
    let server = Server::start(options, surroundings).await.map_err(|error| {
        let exit = if error.is_about_data() { DATA } else { FAILED };
        Failure::new(exit, "server_not_started", "the server did not start", crate::failure::chain(&error))
    })?;
    say_ready(&server).map_err(|error| Failure::stream("stdout", &error))?;
    let asked = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.run_until(asked).await.map_err(|error| {
        Failure::new(DATA, "server_stopped", "the server stopped by itself", crate::failure::chain(&error))
    })
}

/// One line for whoever started us.
fn say_ready(server: &Server) -> std::io::Result<()> {
    let recovery = server.recovery();
    let line = serde_json::json!({
        "event": "ready",
        "pid": std::process::id(),
        "url": server.url(),
        "context": server.context_file(),
        "recovered_records": recovery.records,
        "cut_bytes": recovery.cut.as_ref().map_or(0, |cut| cut.bytes),
    });
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// The process holds the master key: its memory must not land in a file when it crashes, nor be open
/// to other processes of the same user.
fn no_core_dumps() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
