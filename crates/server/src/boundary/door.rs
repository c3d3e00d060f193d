//! What stands at the door: everything that a request needs on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sealane_api::operation::Class;
use sealane_api::problem::{Code, Problem};
use sealane_core::name::Namespace;
use sealane_crypto::random::Random;
use sealane_storage::JournalReader;
use tokio::sync::watch;

use crate::authn::AccessKeys;
use crate::clock::Clock;
use crate::keys::BlindTokens;
use crate::operations::JobDigests;
use crate::receipt::Receipts;
use crate::runtime::EngineHandle;
use crate::streams::Streams;

/// Everything that a request needs.
pub struct Door {
    /// The namespace behind this door.
    pub namespace: Namespace,
    /// The queues.
    pub engine: EngineHandle,
    /// What callers supplied, by reference.
    pub records: Arc<dyn JournalReader>,
    /// Who may come in.
    pub access_keys: Arc<AccessKeys>,
    /// Makes and checks receipts.
    pub receipts: Receipts,
    /// Tells a repeated job from another one.
    pub job_digests: JobDigests,
    /// Makes what stands for callers' texts in the queues' state.
    pub blind_tokens: BlindTokens,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
    /// Set when a stored record fails its checksum: the server must stop.
    pub damaged: tokio::sync::Notify,
    /// The streams of events that are open.
    pub streams: Arc<Streams>,
    draining: watch::Sender<bool>,
    requests: AtomicU64,
    instance: u32,
}

impl Door {
    /// Opens the door.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that stands at the door")]
    pub fn new(
        namespace: Namespace,
        engine: EngineHandle,
        records: Arc<dyn JournalReader>,
        access_keys: Arc<AccessKeys>,
        receipts: Receipts,
        job_digests: JobDigests,
        blind_tokens: BlindTokens,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        instance: u32,
    ) -> Self {
        Self {
            namespace,
            engine,
            records,
            access_keys,
            receipts,
            job_digests,
            blind_tokens,
            clock,
            random,
            damaged: tokio::sync::Notify::new(),
            streams: Arc::default(),
            draining: watch::Sender::new(false),
            requests: AtomicU64::new(0),
            instance,
        }
    }

    /// From now on no new work comes in; what was handed out can still be settled.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Whether the server is about to stop.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Hears of it when it is.
    pub fn drained(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// What a request for something new is told from then on.
    pub fn draining() -> Problem {
        Problem::new(Code::Draining, "the server is stopping: try again when it is back, or elsewhere")
    }

    /// A name for the next request: unique across restarts, and it tells nothing.
    pub(super) fn next_request_id(&self) -> String {
        format!("{:08x}-{:x}", self.instance, self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether an operation of this class is admitted now.
    pub(super) fn admit(&self, class: Class) -> Result<(), Problem> {
        match class {
            Class::NewWork if self.is_draining() => Err(Self::draining()),
            Class::Manage | Class::NewWork | Class::Read | Class::Settle => Ok(()),
        }
    }
}
