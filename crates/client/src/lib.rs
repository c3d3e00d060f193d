//! Client library: producers and workers whose job bodies stay sealed from one to the other.
//!
//! A [`Client`] joins three things: a [`Provider`] that carries jobs (a server, or the very same
//! state machine inside this process), the keys that seal and open their bodies, and a rule for
//! what happens to bodies that are not sealed. From it come [`Producer`]s, which send, and
//! [`Worker`]s, which run handlers. With keys everything a producer says about a job's content is
//! sealed before it leaves this process; without keys the same calls send it as it is.
//!
//! ```
//! use std::sync::Arc;
//! use sealane::crypto::SystemRandom;
//! use sealane::keys::{Keyring, memory::MemoryKeys};
//! use sealane::providers::memory::Memory;
//! use sealane::{Client, Job, Outcome, QueueIn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = MemoryKeys::new(Keyring::generate(&SystemRandom)?);
//! let client = Client::builder(Arc::new(Memory::new())).keys(Arc::new(keys)).build();
//! client.put_queue("invoices", &QueueIn::default()).await?;
//!
//! let sent = client.producer().send("invoices", Job::new("invoice.render", "order 42")).await?;
//!
//! let worker = client
//!     .worker("invoices")
//!     .handler("invoice.render", async |delivery, _context| {
//!         Outcome::complete_with([b"rendered: ", delivery.body.as_slice()].concat())
//!     })
//!     .max_jobs(1)
//!     .build()?;
//! worker.run(std::future::pending()).await?;
//!
//! assert_eq!(client.result(sent.id).await?.as_deref(), Some(&b"rendered: order 42"[..]));
//! # Ok(())
//! # }
//! ```
//!
//! Over a server the provider is [`providers::server::Server`], made from a [`Context`] file:
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc};
//! # use sealane::{Client, Context, providers::server::Server};
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let context = Context::load(Path::new("admin.context"))?;
//! let client = Client::builder(Arc::new(Server::connect(&context)?)).build();
//! # Ok(())
//! # }
//! ```
//!
//! Start reading at [`Client`]; [`provider`] is the joint for other carriers of jobs.

mod circuit;
mod client;
pub mod clock;
mod cloning;
mod context;
mod delivery;
mod error;
mod events;
mod flow;
mod gather;
mod job;
mod job_ids;
mod job_log;
mod parent;
mod plaintext;
mod producer;
pub mod provider;
pub mod providers;
mod reach;
mod retry;
mod schedule;
mod sealing;
mod session;
mod session_key;
mod tally;
#[cfg(feature = "testing")]
pub mod testing;
mod typed;
mod wait;
mod worker;

pub use circuit::Breaker;
pub use client::{Client, ClientBuilder};
pub use cloning::JobClone;
pub use context::{Context, ContextError};
pub use delivery::{Delivery, Unopenable};
pub use error::Error;
pub use events::{EventFilter, Events, Told};
pub use flow::{Flow, FlowSent};
pub use job::Job;
pub use job_log::{JobLog, Logged};
pub use parent::Parent;
pub use plaintext::PlaintextPolicy;
pub use producer::{Producer, Sent};
pub use provider::{BulkWork, JobAct, Provider};
pub use retry::Retry;
pub use schedule::Schedule;
pub use session::{Session, SessionRequest};
pub use session_key::SessionKey;
pub use tally::Tally;
pub use typed::{Failure, TypedJob};
pub use wait::WaitError;
pub use worker::{
    CheckpointError, ERROR_BYTES_MAX, HandedJob, Heard, JobContext, JobSignals, LOG_BYTES_WAITING_MAX,
    MESSAGE_BYTES_MAX, Outcome, REPORT_EVERY, Worked, Worker, WorkerBuilder,
};
#[cfg(feature = "tower")]
pub use worker::{HandlerService, JobRequest};

pub use sealane_api::v1::{
    AttemptOut, DeadAnalysisOut, DeadFilterIn, DeadJob, DeadLetterIn, DeadLetterOut, DeadPreviewOut,
    DeadPurgeIn, DeadRedriveIn, DependenciesOut, DependencyOut, EventReset, FlowJobOut, FlowOut,
    HeldFilterIn, HeldJob, HeldPreviewIn, HeldPreviewOut, HeldReleaseIn, HeldSession, JobEvent, JobListIn,
    JobListOut, JobListed, JobOut, JobStands, PatternCount, QueueIn, QueueOut, RetryIn, ScheduleListIn,
    ScheduleListOut, ScheduleOut, SessionListIn, SessionListOut, SessionOut, SessionStands, StartRate,
    SweepOut, WordCount,
};
pub use sealane_core::id::{FlowId, JobId};
pub use sealane_core::job::{Category, Priority, State};
pub use sealane_core::name::{Namespace, QueueName};
pub use sealane_core::queue::feed::StepKind;
pub use sealane_core::queue::{MissedPolicy, OnConflict, OnFailure, OverlapPolicy, QueueMode, SweepKind};
/// Randomness and secrets, as the arguments of this library need them.
pub use sealane_crypto as crypto;
/// Where sealing keys live.
pub use sealane_envelope::keys;

/// The examples of the page about sessions.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/sessions.md")]
struct Sessions;

/// The examples of the page about this library.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/client.md")]
struct Page;
