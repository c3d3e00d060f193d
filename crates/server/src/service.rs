//! A server without its port: keys, journal, engine and the door before them. [`Server`](crate::Server)
//! puts a data directory below it and TLS before it; a simulation puts its own disk and network there.
//! It reads no clock, draws no randomness of its own and knows no socket.
//!
//! ```text
//! keys ─▶ journal (recovery) ─▶ machine ─▶ engine ─▶ door ─▶ routes
//! ```

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use sealane_core::control::{AccessKey, QueuePattern, Role};
use sealane_core::name::{Namespace, Principal};
use sealane_core::queue::feed::Incarnation;
use sealane_core::time::Time;
use sealane_crypto::random::{Random, RandomError};
use sealane_storage::disk::Disk;
use sealane_storage::log::{LogSettings, restore as restore_log};
use sealane_storage::{Journal, LastStop, OpenError, Recovery};
use tower_service::Service as _;

use crate::authn::{AccessKeyText, AccessKeys, Environment};
use crate::boundary::{Door, in_one_piece, routes};
use crate::clock::Clock;
use crate::keys::{BlindTokens, ServerKeys};
use crate::labelling::dead_letter_labeller;
use crate::operations::{DEFAULT_KEY_TTL, JobDigests};
use crate::receipt::Receipts;
use crate::runtime::{Engine, EngineHandle, Events, Fault, Machine, Restoring};

/// What a service is made of.
pub struct Parts {
    /// The server's keys, unsealed.
    pub keys: ServerKeys,
    /// Where the journal is kept.
    pub disk: Arc<dyn Disk>,
    /// How it is kept.
    pub log: LogSettings,
    /// The word in access keys.
    pub environment: Environment,
    /// Random bytes.
    pub random: Arc<dyn Random>,
}

/// The service could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The journal.
    #[error("the journal does not open")]
    Journal(#[from] OpenError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] RandomError),
}

/// The first admin key: its text for the administrator's file, and what is stored of it.
pub struct FirstKey {
    text: AccessKeyText,
    key: AccessKey,
}

impl FirstKey {
    /// The key as it is shown at the door.
    pub fn text(&self) -> &AccessKeyText {
        &self.text
    }
}

/// A server without its port.
pub struct Service {
    door: Arc<Door>,
    router: Router,
    recovery: Recovery,
    needs_first_key: bool,
}

impl Service {
    /// Opens the journal and what stands before it. `clock` is started at the time of the latest fact:
    /// it must not go back behind that. Nothing is answered before the engine runs.
    ///
    /// # Errors
    /// When the journal does not open or there is no randomness.
    pub fn open(
        parts: Parts,
        clock: impl FnOnce(Time) -> Arc<dyn Clock>,
    ) -> Result<(Self, Engine), ServiceError> {
        let Parts { keys, disk, log, environment, random } = parts;
        let (journal, recovery, machine) = open_journal(disk, &keys, &random, log)?;
        let clock = clock(machine.last_at());
        let access_keys = Arc::new(AccessKeys::new(&keys.derive("access keys"), environment));
        let needs_first_key =
            !machine.control().has_admin(clock.now()) && machine.control().keys().next().is_none();
        // Here and not by the engine's first turn: a request may arrive before that.
        access_keys.replace(machine.control().clone());
        let records = journal.reader();
        let namespace = Namespace::parse("default").expect("a good name");
        let mut incarnation = [0; 8];
        random.fill(&mut incarnation)?;
        let (engine, handle) = Engine::new(
            namespace.clone(),
            machine,
            journal,
            Arc::clone(&clock),
            Arc::clone(&random),
            Arc::clone(&access_keys),
            Events::new(Incarnation(u64::from_be_bytes(incarnation))),
        );
        let mut instance = [0; 4];
        random.fill(&mut instance)?;
        let door = Arc::new(Door::new(
            namespace,
            handle,
            records,
            access_keys,
            Receipts::new(&keys.derive("receipts")),
            JobDigests::new(&keys.derive("job digests")),
            BlindTokens::new(&keys.derive("blind tokens")),
            clock,
            random,
            u32::from_be_bytes(instance),
        ));
        let router = routes(Arc::clone(&door));
        Ok((Self { door, router, recovery, needs_first_key }, engine))
    }

    /// What opening the journal found.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Every route of the door.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// What stands at the door.
    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// The engine's handle.
    pub(crate) fn engine(&self) -> &EngineHandle {
        &self.door.engine
    }

    /// The duty beside the engine: makes dead jobs known by kind and tag. Never ready while the service is
    /// there; whoever runs the engine runs it too.
    pub fn dead_letter_labeller(&self) -> impl Future<Output = ()> + Send + 'static {
        dead_letter_labeller(Arc::downgrade(&self.door), self.door.engine.died())
    }

    /// Answers one request as the port would, without one. Dropped before it is done, it is a connection
    /// that was cut.
    pub async fn answer(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let answered = self.router.clone().call(request.map(Body::from)).await;
        let (parts, body) = in_one_piece(answered.unwrap_or_else(|never| match never {})).into_parts();
        // Why no limit: the door made it whole, in memory.
        let bytes =
            axum::body::to_bytes(body, usize::MAX).await.expect("a body in memory has no way to fail");
        Response::from_parts(parts, bytes.into())
    }

    /// An admin key, drawn where nothing in the journal lets anybody in. It is to be written down before
    /// it is stored: a key that nobody has would lock everybody out.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn first_key(&self) -> Result<Option<FirstKey>, RandomError> {
        if !self.needs_first_key {
            return Ok(None);
        }
        let access_keys = &self.door.access_keys;
        let now = self.door.clock.now();
        let text = AccessKeyText::generate(access_keys.environment(), self.door.random.as_ref())?;
        let key = AccessKey {
            id: text.id.clone(),
            principal: Principal::parse("admin").expect("a good name"),
            role: Role::Admin,
            queues: vec![QueuePattern::any()],
            hash: access_keys.hash(&text.id, &text.secret),
            created_at: now,
            expires_at: now.plus(DEFAULT_KEY_TTL),
            revoked_at: None,
        };
        Ok(Some(FirstKey { text, key }))
    }

    /// Stores the first admin key.
    ///
    /// # Errors
    /// When the journal did not take it.
    pub async fn store_first_key(&self, first: FirstKey) -> Result<(), Fault> {
        self.door.engine.create_key(first.key).await.map(|_| ())
    }

    /// From here on no new work is taken and nobody waits for some. What was handed out can be settled.
    pub async fn drain(&self) {
        self.door.drain();
        self.door.engine.drain().await;
    }
}

fn open_journal(
    disk: Arc<dyn Disk>,
    keys: &ServerKeys,
    random: &Arc<dyn Random>,
    settings: LogSettings,
) -> Result<(Box<dyn Journal>, Recovery, Machine), OpenError> {
    let mut restoring = Restoring::default();
    let opened = restore_log(disk, keys.registry(), Arc::clone(random), settings, &mut restoring)?;
    let recovery = opened.recovery;
    for damaged in &recovery.damaged_snapshots {
        tracing::error!(
            place = %damaged.place,
            why = damaged.why,
            "a snapshot is damaged: the records that it stands for were read instead and nothing is lost by it, but something changed this file; look at the disk"
        );
    }
    match (&recovery.last_stop, &recovery.cut) {
        (LastStop::Crash, None) => tracing::info!(records = recovery.records, "recovered after a crash"),
        (LastStop::Crash, Some(cut)) if cut.missing_bytes > 0 => tracing::error!(
            records = recovery.records,
            file = cut.file,
            lsn = cut.lsn,
            missing_bytes = cut.missing_bytes,
            "recovered after a crash, but the journal's last file is shorter than it was made: a power cut does not do that, so answered work may be missing; compare with a copy"
        ),
        (LastStop::Crash, Some(cut)) => tracing::warn!(
            records = recovery.records,
            file = cut.file,
            lsn = cut.lsn,
            bytes = cut.bytes,
            "recovered after a crash: the end of the last group was torn and cut; nothing in it was answered, unless the disk lost what it had confirmed"
        ),
        _ => {}
    }
    Ok((opened.journal, recovery, restoring.done()))
}
