//! One server from start to stop.
//!
//! ```text
//! data directory (lock, modes) ─▶ keys ─▶ journal (recovery) ─▶ engine ─▶ first admin key?
//!   ─▶ certificate ─▶ port ─▶ serving ─▶ draining ─▶ connections closed ─▶ journal closed
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealane_crypto::random::Random;
use sealane_storage::disk::{Disk, RealDisk};
use sealane_storage::log::LogSettings;
use sealane_storage::{OpenError, Recovery};
use tokio::sync::{oneshot, watch};

use crate::authn::Environment;
use crate::clock::ServerClock;
use crate::config::Config;
use crate::context_file::{self, ContextError};
use crate::data_dir::{DataDir, DataDirError};
use crate::keys::{KeysError, ServerKeys};
use crate::runtime::{EngineHandle, Fault, Machine, QueuedRequests, Stopped};
use crate::service::{Parts, Service, ServiceError};
use crate::transport::{CertificateError, Certificates, Listener, serve, server_config};

/// Between two looks at whether the last running job is settled.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// How long running jobs may still be settled after a stop was asked for.
    pub drain_timeout: Duration,
    /// The configuration file's settings.
    pub config: Config,
}

/// What a server takes from its surroundings. Tests and simulations bring their own.
#[derive(Clone)]
pub struct Surroundings {
    /// Random bytes.
    pub random: Arc<dyn Random>,
    /// Where the journal is kept; `journal/` in the data directory where absent.
    pub journal_disk: Option<Arc<dyn Disk>>,
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The journal.
    #[error("the journal does not open")]
    Journal(#[from] OpenError),
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The administrator's context.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The first key could not be stored.
    #[error("the first admin key could not be stored")]
    FirstKey,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] sealane_crypto::random::RandomError),
    /// The port.
    #[error("could not listen on {address}: choose another --listen address, or stop what uses it")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread.
    #[error("the engine could not be started")]
    Thread(#[source] std::io::Error),
}

impl StartError {
    /// Whether the data directory, its lock or what is in it is the trouble.
    pub fn is_about_data(&self) -> bool {
        !matches!(self, Self::Listen { .. } | Self::Thread(_) | Self::Random(_))
    }
}

impl From<ServiceError> for StartError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Journal(error) => Self::Journal(error),
            ServiceError::Random(error) => Self::Random(error),
        }
    }
}

/// How a server ended.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The journal failed, or a stored record is damaged. Nothing that was answered is lost.
    #[error("the server stopped because its storage failed: {0}")]
    Storage(String),
}

/// A server that serves.
pub struct Server {
    service: Service,
    url: String,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    labelling: tokio::task::JoinHandle<()>,
    engine: oneshot::Receiver<Stopped>,
    drain_timeout: Duration,
    /// Held until the journal is closed.
    data_dir: DataDir,
}

impl Server {
    /// Starts a server. When this returns it takes requests.
    pub async fn start(options: Options, surroundings: Surroundings) -> Result<Self, StartError> {
        let Surroundings { random, journal_disk } = surroundings;
        let data_dir = DataDir::open(&options.data_dir)?;
        let keys = ServerKeys::open(data_dir.path(), Arc::clone(&random))?;
        let disk = match journal_disk {
            Some(disk) => disk,
            None => Arc::new(RealDisk::new(data_dir.folder("journal")?)),
        };
        let parts = Parts {
            keys,
            disk,
            log: LogSettings {
                segment_bytes: options.config.journal.segment_bytes,
                snapshot_bytes: options.config.journal.snapshot_bytes,
                ..LogSettings::default()
            },
            environment: Environment::parse(&options.config.environment)
                .expect("the configuration was checked"),
            random,
        };
        let (service, engine) = Service::open(parts, |last_at| Arc::new(ServerClock::start(last_at)))?;
        let ended = engine.start_thread().map_err(StartError::Thread)?;
        let door = service.door();

        let certificates = Certificates::load_or_make(
            &data_dir,
            options.listen.ip(),
            &options.config.tls.names,
            door.clock.now(),
        )?;
        let tls = server_config(certificates)?;
        let listener = Listener::bind(options.listen)
            .await
            .map_err(|source| StartError::Listen { address: options.listen, source })?;
        let url = listener.url();
        match service.first_key()? {
            Some(first) => {
                // The file first: a key that nobody has would lock everybody out; a key that is only in the
                // file is replaced at the next start.
                context_file::write(&data_dir, &url, door.namespace.as_str(), &first.text().reveal())?;
                service.store_first_key(first).await.map_err(|_: Fault| StartError::FirstKey)?;
            }
            None => context_file::renew(&data_dir, &url)?,
        }

        let labelling = tokio::spawn(service.dead_letter_labeller());
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, tls, service.router(), stopped));
        Ok(Self {
            service,
            url,
            stop,
            serving,
            labelling,
            engine: ended,
            drain_timeout: options.drain_timeout,
            data_dir,
        })
    }

    /// Where it is reached.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file with the administrator's context.
    pub fn context_file(&self) -> PathBuf {
        self.data_dir.path().join(context_file::NAME)
    }

    /// What opening the journal found.
    pub fn recovery(&self) -> &Recovery {
        self.service.recovery()
    }

    /// How many requests wait for the engine's next turn.
    pub fn queued_requests(&self) -> QueuedRequests {
        self.service.engine().gauge()
    }

    /// Serves until `asked` completes or the storage fails, then stops: no new work, running jobs may
    /// still be settled for a while, every request is finished, the journal is closed.
    pub async fn run_until(mut self, asked: impl Future<Output = ()>) -> Result<(), StopError> {
        tokio::select! {
            () = asked => {}
            ended = &mut self.engine => return Err(storage_failed(ended)),
            () = self.service.door().damaged.notified() => {
                return Err(StopError::Storage("a stored record is damaged".to_owned()));
            }
        }
        tracing::info!("stopping: no new work is taken");
        self.service.drain().await;
        let settled =
            tokio::time::timeout(self.drain_timeout, running_jobs_settled(self.service.engine())).await;
        if settled.is_err() {
            tracing::info!("some jobs are still running: their leases go on when the server is back");
        }
        // Why the result is let go: the receiver is the serving task, which is ending anyway if it is gone.
        let _ = self.stop.send(true);
        if tokio::time::timeout(self.drain_timeout.max(Duration::from_secs(1)), &mut self.serving)
            .await
            .is_err()
        {
            self.serving.abort();
        }
        self.labelling.abort();
        // The last handles: with them the engine ends and closes the journal.
        let Self { service, engine, data_dir, .. } = self;
        drop(service);
        let ended = engine.await;
        drop(data_dir);
        match ended {
            Ok(Stopped::Clean) => Ok(()),
            other => Err(storage_failed(other)),
        }
    }
}

async fn running_jobs_settled(engine: &EngineHandle) {
    while engine.read(Machine::running_jobs).await.is_ok_and(|running| running > 0) {
        tokio::time::sleep(DRAIN_STEP).await;
    }
}

fn storage_failed(ended: Result<Stopped, oneshot::error::RecvError>) -> StopError {
    StopError::Storage(match ended {
        Ok(Stopped::Journal(error)) => chain(&error),
        Ok(Stopped::Panicked) | Err(_) => "the engine stopped on a fault of its own".to_owned(),
        Ok(Stopped::Clean) => "the engine ended before the server".to_owned(),
    })
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
