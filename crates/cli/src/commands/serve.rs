//! `sealane serve`: runs the server.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealane_crypto::random::{SystemRandom, Watched};
use sealane_server::{Config, ConfigError, Options, Server, StartError, StopError, Surroundings};
use tokio::signal::unix::{SignalKind, signal};

/// Runs the server until SIGTERM or SIGINT.
#[derive(Debug, clap::Args)]
pub struct Serve {
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

/// Why the server is not running.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It stopped by itself.
    #[error(transparent)]
    Stop(#[from] StopError),
    /// The system would not do a small thing.
    #[error("could not {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ServeError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Start(error) if error.is_about_data() => 6,
            Self::Stop(_) => 6,
            Self::Start(_) | Self::System { .. } => 1,
        }
    }
}

impl Serve {
    /// Runs the server.
    pub async fn run(self) -> Result<(), ServeError> {
        no_core_dumps()?;
        let config = self.config.as_deref().map(Config::read).transpose()?.unwrap_or_default();
        let options =
            Options { data_dir: self.data_dir, listen: self.listen, drain_timeout: self.drain_timeout, config };
        // Before the server is up: a stop that is asked for while it starts must not be lost.
        let mut terminate = signal(SignalKind::terminate()).map_err(system("wait for SIGTERM"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system("wait for SIGINT"))?;
        let surroundings = Surroundings { random: Arc::new(Watched::new(SystemRandom)), journal_disk: None };
        let server = Server::start(options, surroundings).await?;
        say_ready(&server).map_err(system("write to stdout"))?;
        server
            .run_until(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            })
            .await?;
        Ok(())
    }
}

/// One line for whoever started us.
fn say_ready(server: &Server) -> std::io::Result<()> {
    let recovery = server.recovery();
    let line = serde_json::json!({
        "event": "ready",
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
fn no_core_dumps() -> Result<(), ServeError> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let nothing = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, nothing).map_err(|error| system("switch core dumps off")(error.into()))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| system("close the process's memory to others")(error.into()))
}

fn system(action: &'static str) -> impl FnOnce(std::io::Error) -> ServeError {
    move |source| ServeError::System { action, source }
}
