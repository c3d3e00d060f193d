//! The machine that the server runs on: its disks, and the server process while there is one. The
//! process can end at any moment between two turns of its tasks; a disk can end it inside of one.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{self, Poll};

use http::{Request, Response};
use sealane::crypto::{Key, Random, SeededRandom};
use sealane_core::queue::Event;
use sealane_server::authn::Environment;
use sealane_server::keys::{MasterKey, ServerKeys};
use sealane_server::runtime::{Machine, Restoring, Stopped};
use sealane_server::service::{Parts, Service};
use sealane_storage::Fact;
use sealane_storage::log::{LogSettings, Prepare, open as open_log, restore as restore_log};
pub(crate) use sealane_storage::testing::lossy_disk::Loss;
use sealane_storage::testing::lossy_disk::LossyDisk;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::clock;
use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::trace::Trace;

/// Small, so that a run fills several.
const SEGMENT_BYTES: u64 = 96 << 10;

const LOG: LogSettings = LogSettings {
    segment_bytes: SEGMENT_BYTES,
    first_segment_bytes: SEGMENT_BYTES / 2,
    prepare: Prepare::Inline,
    recent_bytes: 16 << 10,
    // So that most starts begin with one, some of them with one from the middle of a run.
    snapshot_bytes: 200 << 10,
    closing_snapshot_bytes: 1,
};

fn master_key() -> MasterKey {
    MasterKey::from_key(Key::new([7; 32]))
}

/// The machine.
pub(crate) struct Host {
    trace: Arc<Trace>,
    oracle: Arc<Oracle>,
    clock_back_ms: u64,
    state: Mutex<State>,
    /// Told when a server process ended by itself.
    pub(crate) ended: Notify,
}

struct State {
    dice: Dice,
    journal: LossyDisk,
    keys: LossyDisk,
    up: Option<Up>,
    starts: u64,
    /// What the administrator wrote down at the first start.
    admin_key: Option<String>,
}

/// A server process.
struct Up {
    service: Arc<Service>,
    engine: AbortHandle,
    /// The duty beside the engine.
    labeller: AbortHandle,
    requests: Vec<AbortHandle>,
    number: u64,
}

impl Host {
    /// A new machine with empty disks, switched off.
    pub(crate) fn new(dice: &Dice, trace: Arc<Trace>, oracle: Arc<Oracle>, clock_back_ms: u64) -> Self {
        let state = State {
            dice: dice.fork("host"),
            journal: LossyDisk::new(),
            keys: LossyDisk::new(),
            up: None,
            starts: 0,
            admin_key: None,
        };
        Self { trace, oracle, clock_back_ms, state: Mutex::new(state), ended: Notify::new() }
    }

    /// Starts the server. Whatever the disks went through, it must come up.
    pub(crate) async fn start(self: &Arc<Self>) {
        let opened = self.open();
        let (service, first) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.oracle.fail("the server starts again", format!("it does not: {error}"));
                return;
            }
        };
        if let Some(first) = first {
            self.lock().admin_key = Some(first.text().reveal());
            if service.store_first_key(first).await.is_err() {
                self.trace.note(format_args!("server: the first key was not stored"));
            }
        }
    }

    fn open(self: &Arc<Self>) -> Result<(Arc<Service>, Option<sealane_server::service::FirstKey>), String> {
        let mut state = self.lock();
        state.starts += 1;
        let number = state.starts;
        let random: Arc<dyn Random> = Arc::new(SeededRandom::danger_from_seed(state.dice.draw()));
        let behind = match state.dice.chance(200) {
            true => state.dice.between(0, self.clock_back_ms),
            false => 0,
        };
        let keys = ServerKeys::on_disk(Arc::new(state.keys.clone()), master_key(), Arc::clone(&random))
            .map_err(|error| error.to_string())?;
        let parts = Parts {
            keys,
            disk: Arc::new(state.journal.clone()),
            log: LOG,
            environment: Environment::parse("sim").expect("a good word"),
            random,
        };
        let run_ms = self.trace.now();
        let (service, engine) = Service::open(parts, |last_at| clock::start(run_ms, behind, last_at))
            .map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                format!("{error}: {}", cause.unwrap_or_default())
            })?;
        let recovery = service.recovery();
        self.trace.note(format_args!(
            "server: start {number}, {} records, {:?}, cut {:?}",
            recovery.records,
            recovery.last_stop,
            recovery.cut.as_ref().map(|cut| cut.lsn)
        ));
        let first = service.first_key().map_err(|error| error.to_string())?;
        let service = Arc::new(service);
        let labeller = tokio::spawn(service.dead_letter_labeller()).abort_handle();
        let engine = tokio::spawn(engine.run());
        let abort = engine.abort_handle();
        let host = Arc::downgrade(self);
        tokio::spawn(async move {
            let how = engine.await;
            let Some(host) = host.upgrade() else { return };
            match how {
                Ok(Stopped::Clean) => host.trace.note(format_args!("server: {number} ended")),
                Ok(Stopped::Journal(error)) => {
                    host.trace.note(format_args!("server: {number} stopped, {error}"));
                    host.ended.notify_one();
                }
                Ok(Stopped::Panicked) => {
                    host.oracle.fail("the server does not panic", "the engine did".into())
                }
                Err(error) if error.is_panic() => {
                    host.oracle.fail("the server does not panic", "the engine did".into());
                }
                Err(_) => {}
            }
        });
        state.up =
            Some(Up { service: Arc::clone(&service), engine: abort, labeller, requests: Vec::new(), number });
        Ok((service, first))
    }

    /// Whether there is a server process.
    pub(crate) fn is_up(&self) -> bool {
        self.lock().up.is_some()
    }

    /// The administrator's key.
    pub(crate) fn admin_key(&self) -> String {
        self.lock().admin_key.clone().expect("the server was started before anybody asks")
    }

    /// The journal's disk, to make it fail.
    pub(crate) fn journal(&self) -> LossyDisk {
        self.lock().journal.clone()
    }

    /// Answers a request; nothing when there is no server, or none any more before the answer was made, or
    /// when the connection broke in the moment that the server turned to it for the `torn`th time. Dropped
    /// meanwhile, the connection is cut.
    pub(crate) async fn answer(
        &self,
        request: Request<Vec<u8>>,
        torn: Option<u64>,
    ) -> Option<Response<Vec<u8>>> {
        let answering = {
            let mut state = self.lock();
            let up = state.up.as_mut()?;
            let service = Arc::clone(&up.service);
            let answer = async move { service.answer(request).await };
            let task = tokio::spawn(Torn { answer: Box::pin(answer), turns_left: torn });
            up.requests.retain(|task| !task.is_finished());
            up.requests.push(task.abort_handle());
            CutWhenDropped(task)
        };
        let mut answering = answering;
        match (&mut answering.0).await {
            Ok(answer) => answer,
            Err(error) => {
                if error.is_panic() {
                    self.oracle.fail("the server does not panic", "a handler did".into());
                }
                None
            }
        }
    }

    /// Ends the process at once. What was not synced fares as `loss` says.
    pub(crate) fn kill(&self, loss: &Loss) {
        let mut state = self.lock();
        if let Some(up) = state.up.take() {
            self.trace.note(format_args!("server: {} killed, loss {loss:?}", up.number));
            up.engine.abort();
            up.labeller.abort();
            for request in up.requests {
                request.abort();
            }
        }
        // The old tasks write to the old disks from here on, if at all.
        state.journal = state.journal.after_power_cut(loss.clone());
        state.keys = state.keys.after_power_cut(loss.clone());
    }

    /// Stops the server as an operator does: what it was doing is finished, the journal is closed. Then
    /// the power goes: nothing may depend on it.
    pub(crate) async fn stop(&self) {
        let service = self.lock().up.as_ref().map(|up| Arc::clone(&up.service));
        if let Some(service) = service {
            self.trace.note(format_args!("server: asked to stop"));
            service.drain().await;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        {
            let mut state = self.lock();
            // With the last handle the engine ends by itself: only requests are cut.
            if let Some(up) = state.up.take() {
                up.labeller.abort();
                for request in up.requests {
                    request.abort();
                }
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        self.kill(&Loss::Everything);
    }

    /// What the journal says, in its order. Looked at on a copy of the disks, so that the machine stays as it is.
    pub(crate) fn recorded(&self) -> Result<Vec<Event>, String> {
        let state = self.lock();
        let (journal, keys) =
            (state.journal.after_power_cut(Loss::Nothing), state.keys.after_power_cut(Loss::Nothing));
        drop(state);
        let random: Arc<dyn Random> = Arc::new(SeededRandom::danger_from_seed(0));
        let keys = ServerKeys::on_disk(Arc::new(keys), master_key(), Arc::clone(&random))
            .map_err(|error| error.to_string())?;
        let mut events = Vec::new();
        open_log(Arc::new(journal), keys.registry(), random, LOG, &mut |_, fact| {
            if let Fact::Shard { event, .. } = fact {
                events.push(event);
            }
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        Ok(events)
    }

    /// Says whether the last snapshot and the records behind it make the same state as all records.
    pub(crate) fn compare_states(&self) -> Result<(), String> {
        let state = self.lock();
        let journal = [(); 2].map(|()| state.journal.after_power_cut(Loss::Nothing));
        let keys = state.keys.after_power_cut(Loss::Nothing);
        drop(state);
        let [first, second] = journal.map(Arc::new);
        let random: Arc<dyn Random> = Arc::new(SeededRandom::danger_from_seed(0));
        let keys = ServerKeys::on_disk(Arc::new(keys), master_key(), Arc::clone(&random))
            .map_err(|error| error.to_string())?;
        let mut restoring = Restoring::default();
        let opened = restore_log(first, keys.registry(), Arc::clone(&random), LOG, &mut restoring)
            .map_err(|error| error.to_string())?;
        let mut machine = Machine::default();
        open_log(second, keys.registry(), random, LOG, &mut |record, fact| {
            machine.evolve(&fact, record);
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        match &opened.recovery.snapshot {
            None => Err("there is no snapshot, and the server was stopped".to_owned()),
            Some(snapshot) if restoring.done() == machine => {
                self.trace.note(format_args!("the snapshot at {} is what was recorded", snapshot.lsn));
                Ok(())
            }
            Some(snapshot) => Err(format!("that of {} makes another state than the records", snapshot.file)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer whose connection breaks when the server comes back to it, at a turn that is drawn before: also
/// between the moment that a job is handed out and the one that its answer would have left.
struct Torn<F> {
    answer: Pin<Box<F>>,
    turns_left: Option<u64>,
}

impl<F: Future> Future for Torn<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        if let Some(left) = &mut self.turns_left {
            if *left == 0 {
                return Poll::Ready(None);
            }
            *left -= 1;
        }
        self.answer.as_mut().poll(context).map(Some)
    }
}

struct CutWhenDropped(tokio::task::JoinHandle<Option<Response<Vec<u8>>>>);

impl Drop for CutWhenDropped {
    fn drop(&mut self) {
        self.0.abort();
    }
}
