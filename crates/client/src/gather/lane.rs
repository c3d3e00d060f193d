//! One sort of request to one place, and the items that wait for the next one.
//!
//! ```text
//!  first caller ── request of one item ──▶ answered ─┐
//!  callers meanwhile ── wait ────────────────────────┴─▶ one request with all of them, by a task of
//!                                                        its own: no caller's end ends the others'
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sealane_api::problem::Code;
use sealane_core::limits;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::Error;

/// Whoever waited so long behind one request begins another: a stuck connection holds up nobody else.
const PATIENCE: Duration = Duration::from_secs(1);

/// Brings items to the provider in one request.
#[async_trait]
pub(crate) trait Carrier: Send + Sync + 'static {
    type Item: Send + 'static;
    type Answer: Send + 'static;

    /// The most bytes that an item takes in a request.
    fn bytes_max(item: &Self::Item) -> usize;

    /// Tries once. Answers item by item, in their order, and gives the items back for another try.
    async fn carry(&self, items: Vec<Self::Item>) -> (Vec<Self::Item>, Answers<Self::Answer>);
}

/// What became of each item, or of the whole request.
pub(crate) type Answers<A> = Result<Vec<Result<A, Error>>, Error>;

/// One lane.
pub(crate) struct Lane<C: Carrier> {
    carrier: C,
    meets: bool,
    state: Mutex<State<C>>,
}

struct State<C: Carrier> {
    under_way: usize,
    next_ticket: u64,
    waiting: BTreeMap<u64, Waiting<C>>,
}

struct Waiting<C: Carrier> {
    item: C::Item,
    tell: oneshot::Sender<Result<C::Answer, Error>>,
}

impl<C: Carrier> Lane<C> {
    pub(crate) fn new(carrier: C, meets: bool) -> Arc<Self> {
        let state = State { under_way: 0, next_ticket: 0, waiting: BTreeMap::new() };
        Arc::new(Self { carrier, meets, state: Mutex::new(state) })
    }

    /// Has one item carried, alone or with others. Dropped while it waits, the item goes nowhere;
    /// dropped while it is carried, only the answer is lost.
    pub(crate) async fn join(self: &Arc<Self>, item: C::Item) -> Result<C::Answer, Error> {
        if !self.meets {
            return self.carry_one(item).await;
        }
        match self.enter(item) {
            Entered::First(item, turn) => {
                let answer = self.carry_one(item).await;
                drop(turn);
                answer
            }
            Entered::Waits(mut place) => match timeout(PATIENCE, &mut place.told).await {
                Ok(told) => told.unwrap_or_else(|_| Err(broken_off())),
                Err(_) => {
                    self.begin_another(place.ticket);
                    (&mut place.told).await.unwrap_or_else(|_| Err(broken_off()))
                }
            },
        }
    }

    fn enter(self: &Arc<Self>, item: C::Item) -> Entered<C> {
        let mut state = self.lock();
        if state.under_way == 0 {
            state.under_way = 1;
            return Entered::First(item, Turn::new(self, Handle::current(), Kind::Caller));
        }
        let (tell, told) = oneshot::channel();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.insert(ticket, Waiting { item, tell });
        Entered::Waits(Place { lane: Arc::clone(self), ticket, told })
    }

    fn begin_another(self: &Arc<Self>, ticket: u64) {
        {
            let mut state = self.lock();
            if !state.waiting.contains_key(&ticket) {
                return;
            }
            state.under_way += 1;
        }
        let handle = Handle::current();
        let turn = Turn::new(self, handle.clone(), Kind::Task);
        handle.spawn(Arc::clone(self).carry_all(turn));
    }

    /// Carries what waits until nothing does.
    async fn carry_all(self: Arc<Self>, mut turn: Turn<C>) {
        loop {
            let batch = self.take();
            if batch.is_empty() {
                turn.ended = true;
                return;
            }
            let (items, tells): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.item, waiting.tell)).unzip();
            for (tell, answer) in tells.into_iter().zip(self.carry_many(items).await) {
                // Why ignored: whoever asked went away, and the item is as safe without them.
                let _ = tell.send(answer);
            }
        }
    }

    /// As many of those that wait as one request holds.
    fn take(&self) -> Vec<Waiting<C>> {
        let mut state = self.lock();
        let (mut batch, mut bytes) = (Vec::new(), 0usize);
        while let Some(first) = state.waiting.first_entry() {
            bytes = bytes.saturating_add(C::bytes_max(&first.get().item));
            let full = batch.len() >= limits::BATCH_ITEMS_MAX || bytes >= limits::REQUEST_BYTES_MAX;
            if full && !batch.is_empty() {
                break;
            }
            batch.push(first.remove());
        }
        batch
    }

    async fn carry_one(&self, item: C::Item) -> Result<C::Answer, Error> {
        let (_, answers) = self.carrier.carry(vec![item]).await;
        one_each(answers, 1)?.pop().unwrap_or_else(|| Err(broken_off()))
    }

    async fn carry_many(&self, items: Vec<C::Item>) -> Vec<Result<C::Answer, Error>> {
        let count = items.len();
        let (items, answers) = self.carrier.carry(items).await;
        match one_each(answers, count) {
            Ok(answers) => answers,
            Err(error) if count > 1 && blames_an_item(&error) => {
                // Why again, one by one: the fault of one is no fault of those it happened to meet.
                let mut answers = Vec::with_capacity(count);
                for item in items {
                    answers.push(self.carry_one(item).await);
                }
                answers
            }
            Err(error) => (0..count).map(|_| Err(error.clone())).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Why poison is no news: every change is whole before anything in it could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered<C: Carrier> {
    First(C::Item, Turn<C>),
    Waits(Place<C>),
}

/// A caller's place among those that wait.
struct Place<C: Carrier> {
    lane: Arc<Lane<C>>,
    ticket: u64,
    told: oneshot::Receiver<Result<C::Answer, Error>>,
}

impl<C: Carrier> Drop for Place<C> {
    fn drop(&mut self) {
        let gone = self.lane.lock().waiting.remove(&self.ticket);
        drop(gone);
    }
}

/// Who has a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Caller,
    Task,
}

/// A request under way. Whatever ends it, those that wait are seen to.
struct Turn<C: Carrier> {
    lane: Arc<Lane<C>>,
    handle: Handle,
    kind: Kind,
    ended: bool,
}

impl<C: Carrier> Turn<C> {
    fn new(lane: &Arc<Lane<C>>, handle: Handle, kind: Kind) -> Self {
        Self { lane: Arc::clone(lane), handle, kind, ended: false }
    }
}

impl<C: Carrier> Drop for Turn<C> {
    fn drop(&mut self) {
        let left_alone = {
            let mut state = self.lane.lock();
            state.under_way -= 1;
            if state.under_way > 0 || state.waiting.is_empty() {
                return;
            }
            if self.kind == Kind::Task && !self.ended {
                // Why not another task: this one was broken off, with its runtime most likely. Those
                // that wait are told so, and try again by themselves.
                std::mem::take(&mut state.waiting)
            } else {
                state.under_way += 1;
                BTreeMap::new()
            }
        };
        if left_alone.is_empty() {
            let turn = Turn::new(&self.lane, self.handle.clone(), Kind::Task);
            self.handle.spawn(Arc::clone(&self.lane).carry_all(turn));
        }
    }
}

fn one_each<A>(answers: Answers<A>, count: usize) -> Answers<A> {
    let answers = answers?;
    if answers.len() == count {
        return Ok(answers);
    }
    Err(Error::Answer { status: 0, detail: "it has not one result per item".to_owned() })
}

/// Whether a whole request was refused for what stands in one of its items.
fn blames_an_item(error: &Error) -> bool {
    matches!(error.code(), Some(Code::BodyTooLarge | Code::InvalidRequest | Code::UnknownField))
}

fn broken_off() -> Error {
    Error::Unreachable {
        place: "the provider".to_owned(),
        may_have_happened: true,
        cause: Arc::new(std::io::Error::other("the request was broken off on this side")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    /// Never answers the first request; the others with their items.
    struct FirstIsStuck {
        asked: Mutex<usize>,
    }

    #[async_trait]
    impl Carrier for FirstIsStuck {
        type Item = u8;
        type Answer = u8;

        fn bytes_max(_: &u8) -> usize {
            1
        }

        async fn carry(&self, items: Vec<u8>) -> (Vec<u8>, Answers<u8>) {
            let asked = {
                let mut asked = self.asked.lock().unwrap();
                *asked += 1;
                *asked
            };
            if asked == 1 {
                std::future::pending::<()>().await;
            }
            (items.clone(), Ok(items.into_iter().map(Ok).collect()))
        }
    }

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
    }

    fn wait_until(mut true_now: impl FnMut() -> bool) {
        let began = std::time::Instant::now();
        while !true_now() {
            assert!(began.elapsed() < Duration::from_secs(30), "it never came");
            std::thread::yield_now();
        }
    }

    /// A client may be shared by two runtimes. When one ends with a request of its own on the way,
    /// whoever waits behind it in the other is told, and the lane goes on.
    #[test]
    fn the_end_of_one_runtime_leaves_nobody_of_another_waiting() {
        let lane = Lane::new(FirstIsStuck { asked: Mutex::new(0) }, true);
        let (ending, staying) = (runtime(), runtime());
        let join = |item| {
            let lane = Arc::clone(&lane);
            async move { lane.join(item).await }
        };
        ending.spawn(join(1));
        wait_until(|| *lane.carrier.asked.lock().unwrap() == 1);
        let waiting = staying.spawn(join(2));
        wait_until(|| lane.lock().waiting.len() == 1 || waiting.is_finished());
        ending.shutdown_background();
        let told = staying.block_on(waiting).unwrap();
        // Told by its patience where this thread was slow, by the end of the other runtime else.
        assert!(
            told.as_ref().is_ok_and(|item| *item == 2) || told.is_err_and(|error| error.may_have_happened())
        );
        wait_until(|| lane.lock().under_way == 0);
        assert_eq!(staying.block_on(staying.spawn(join(3))).unwrap().unwrap(), 3);
    }
}
