//! A server on a disk of ours, and clients of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealane::providers::server::Server as Remote;
use sealane::{Client, Context, Error, JobId, Provider, QueueIn, QueueName};
use sealane_api::v1::{Complete, CompleteItem, JobIn, LeaseIn};
use sealane_crypto::random::{Random as _, SystemRandom};
use sealane_server::runtime::QueuedRequests;
use sealane_server::{Config, Options, Server, StopError, Surroundings};
use sealane_storage::disk::Disk;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Long enough for any machine; reaching it is a failure.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A data directory that several servers run in, one after the other.
pub struct Home {
    pub dir: tempfile::TempDir,
    /// What clients call it, besides this machine's own names.
    pub names: Vec<String>,
}

/// A running server.
pub struct Running {
    pub context: PathBuf,
    pub queued: QueuedRequests,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), StopError>>,
}

impl Home {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory"), names: Vec::new() }
    }

    /// Starts a server whose journal is on `disk`.
    pub async fn start(&self, disk: Arc<dyn Disk>) -> Running {
        let mut config = Config::default();
        config.journal.segment_bytes = 4 << 20;
        config.tls.names.clone_from(&self.names);
        let options = Options {
            data_dir: self.dir.path().to_owned(),
            listen: "127.0.0.1:0".parse().expect("an address"),
            drain_timeout: Duration::from_millis(100),
            config,
        };
        let surroundings = Surroundings { random: Arc::new(SystemRandom), journal_disk: Some(disk) };
        let server = Server::start(options, surroundings).await.expect("the server starts");
        let (context, queued) = (server.context_file(), server.queued_requests());
        let (stop, asked) = oneshot::channel();
        let ended = tokio::spawn(server.run_until(async {
            // Why the result is let go: a dropped sender asks for the same.
            let _ = asked.await;
        }));
        Running { context, queued, stop, ended }
    }
}

impl Running {
    fn context(&self) -> Context {
        Context::load(&self.context).expect("the context was written at the start")
    }

    /// The client library without keys.
    pub fn client(&self) -> Client {
        Client::builder(Arc::new(self.remote())).build()
    }

    /// Single requests: no retries, so an answer that was not given is seen.
    pub fn remote(&self) -> Remote {
        Remote::connect(&self.context()).expect("a client")
    }

    /// Asks for a stop and waits for its end.
    pub async fn stop(self) -> Result<(), StopError> {
        // Why the result is let go: a server that ended by itself is asked in vain.
        let _ = self.stop.send(());
        tokio::time::timeout(DEADLINE, self.ended).await.expect("it ends").expect("it does not panic")
    }

    /// Waits until it ends by itself.
    pub async fn ended(self) -> Result<(), StopError> {
        tokio::time::timeout(DEADLINE, self.ended).await.expect("it ends").expect("it does not panic")
    }
}

/// Plain bodies: what happens on the disk is the same.
pub fn plain() -> QueueIn {
    QueueIn { sealing: Some("allowed".to_owned()), ..QueueIn::default() }
}

/// A queue's name.
pub fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("a queue name")
}

/// A fresh id of now.
pub fn job_id() -> JobId {
    let mut random = [0; 10];
    SystemRandom.fill(&mut random).expect("random bytes");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    JobId::v7(u64::try_from(now.as_millis()).expect("before the year 584 million"), random)
}

/// Sends one plain job, once.
pub async fn enqueue(remote: &Remote, body: &str) -> Result<JobId, Error> {
    let id = job_id();
    let job = JobIn {
        id: Some(id.to_string()),
        kind: "test".into(),
        body: body.as_bytes().to_vec().into(),
        ..JobIn::default()
    };
    remote.enqueue(&queue("orders"), &job).await.map(|_| id)
}

/// Takes one job and completes it, once.
pub async fn work_one(remote: &Remote) -> Result<JobId, Error> {
    let mut leased = remote.lease(&queue("orders"), &LeaseIn::default()).await?;
    let job = leased.jobs.pop().expect("a job is waiting");
    let item = CompleteItem { receipt: job.receipt, result: None };
    let settled = remote.complete(&Complete { items: vec![item], atomic: false }).await?;
    assert_eq!(settled.results[0].ok, Some(true));
    Ok(job.id.0)
}
