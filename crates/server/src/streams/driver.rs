//! One stream, from its first block to its last. It reads the events that its key sees and its reader
//! wished for, and knows when it is over. It holds nothing of the engine.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use sealane_api::v1::{Begin, EventEnd, EventReset, EventWish, JobEvent};
use sealane_core::control::AccessKey;
use sealane_core::limits;
use sealane_core::queue::feed::{Place, Read};
use sealane_core::time::{Millis, Time};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::body::Outlet;
use super::places::StreamPlace;
use super::sight::Sight;
use super::text;
use crate::authn::AccessKeys;
use crate::authz::{Standing, sees};
use crate::clock::Clock;
use crate::runtime::Events;

/// Between two signs of life, where there is nothing else to say.
const HEARTBEAT: Millis = Millis::from_secs(15);

/// How long a connection may take to let go of a stream that is over before it is cut.
const LETTING_GO: Duration = Duration::from_millis(500);

/// Longest sleep: a bound for the wait, not a rhythm; nothing depends on it.
const SLEEP_MS_MAX: u64 = 3_600_000;

/// Why a stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The server stops.
    Draining,
    /// The key was revoked or expired.
    KeyEnded,
    /// The one job that it is about is not to be seen any more with its key.
    OutOfSight,
    /// Nobody listens any more.
    ReaderGone,
    /// The reader took nothing for too long.
    ReaderStalled,
}

impl Over {
    /// The word in audit lines and in the last event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::KeyEnded => "key_ended",
            Self::OutOfSight => EventEnd::OUT_OF_SIGHT,
            Self::ReaderGone => "reader_gone",
            Self::ReaderStalled => "reader_stalled",
        }
    }

    /// What the reader is told, where it can be.
    fn last_words(self) -> Option<EventEnd> {
        let detail = match self {
            Self::Draining => "the server stops: begin anew with the id of the last event when it is back",
            Self::KeyEnded => "the access key was revoked or expired: begin anew with another one",
            Self::OutOfSight => {
                "the job is dead or in another queue now, where this access key does not see it: \
                 look with one that does"
            }
            Self::ReaderGone | Self::ReaderStalled => return None,
        };
        Some(EventEnd { reason: self.as_str().to_owned(), detail: detail.to_owned() })
    }
}

/// What one reader gets.
#[derive(Debug)]
pub struct EventStream {
    wish: EventWish,
    events: Arc<Events>,
    /// Up to where the reader has been told; `None` where it came from nowhere known.
    told: Option<Place>,
    /// Of the job, where it is about one.
    sight: Option<Sight>,
    /// There is nothing to tell any more: what was read is, and then the stream is over.
    out_of_sight: bool,
    spoke_at: Time,
    sent: u64,
    end: End,
    _place: StreamPlace,
}

/// What ends a stream from this side.
struct End {
    key: AccessKey,
    access_keys: Arc<AccessKeys>,
    keys_changed: watch::Receiver<()>,
    draining: watch::Receiver<bool>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("End").field("key", &self.key).finish_non_exhaustive()
    }
}

impl EventStream {
    /// A stream that nobody has heard anything of.
    pub fn new(
        key: &AccessKey,
        wish: EventWish,
        events: Arc<Events>,
        access_keys: Arc<AccessKeys>,
        draining: watch::Receiver<bool>,
        clock: Arc<dyn Clock>,
        place: StreamPlace,
    ) -> Self {
        let told = match wish.begin {
            Begin::Now => Some(events.now()),
            Begin::Behind(place) => Some(place),
            Begin::Unknown => None,
        };
        let sight = wish.job().map(|job| Sight::behind(told, job, key, &events));
        let keys_changed = access_keys.changes();
        let spoke_at = clock.now();
        let end = End { key: key.clone(), access_keys, keys_changed, draining, clock };
        Self { wish, events, told, sight, out_of_sight: false, spoke_at, sent: 0, end, _place: place }
    }

    /// Tells the reader until that is over. Says why it was, and how many events were sent; `cut` is for a
    /// connection that does not let go.
    pub async fn run(mut self, outlet: Outlet, cut: impl FnOnce()) -> (Over, u64) {
        let Outlet { pieces, gone } = outlet;
        let over = self.tell(&pieces).await;
        if let Some(end) = over.last_words() {
            let mut last = String::new();
            text::end(&mut last, &end);
            // Why the result is let go: a reader that has not taken the piece before hears nothing more.
            let _ = pieces.try_send(Bytes::from(last));
        }
        drop(pieces);
        if over != Over::ReaderGone && !let_go(gone).await {
            cut();
        }
        (over, self.sent)
    }

    async fn tell(&mut self, pieces: &mpsc::Sender<Bytes>) -> Over {
        let mut newest = self.events.listen();
        let mut first = String::new();
        text::opening(&mut first);
        text::alive(&mut first, self.told);
        let mut ready = Some(first);
        loop {
            // Why room before the next look: a reader that takes nothing falls behind in the events, where
            // there is a bound, and not in texts that wait here.
            let stall = Duration::from_millis(limits::EVENT_STALL_MS_MAX);
            let room = tokio::select! {
                biased;
                over = self.end.over() => return over,
                room = timeout(stall, pieces.reserve()) => room,
            };
            let room = match room {
                Err(_) => return Over::ReaderStalled,
                Ok(Err(_)) => return Over::ReaderGone,
                Ok(Ok(room)) => room,
            };
            if self.out_of_sight {
                return Over::OutOfSight;
            }
            newest.mark_unchanged();
            let said = match ready.take() {
                Some(text) => Said { text, events: 0, more: true },
                None => self.next_text(),
            };
            if !said.text.is_empty() {
                // Why once more: what was read may have happened after the key's end.
                if !self.end.key_is_live() {
                    return Over::KeyEnded;
                }
                room.send(Bytes::from(said.text));
                self.sent += said.events;
                self.spoke_at = self.end.clock.now();
                continue;
            }
            drop(room);
            let silent = self.end.clock.now().since(self.spoke_at);
            let until_heartbeat = HEARTBEAT.get().saturating_sub(silent.get());
            // Why before the wait: where something always happens that is not for this reader, no wait lasts
            // long enough.
            if until_heartbeat == 0 {
                ready = Some(self.sign_of_life());
                continue;
            }
            if said.more {
                continue;
            }
            tokio::select! {
                biased;
                over = self.end.over() => return over,
                () = pieces.closed() => return Over::ReaderGone,
                // Why the result is let go: the other end is kept by this stream itself.
                _ = newest.changed() => {}
                () = sleep(Duration::from_millis(until_heartbeat)) => ready = Some(self.sign_of_life()),
            }
        }
    }

    fn sign_of_life(&self) -> String {
        let mut alive = String::new();
        text::alive(&mut alive, self.told);
        alive
    }

    /// What there is to say now.
    fn next_text(&mut self) -> Said {
        let mut said = Said { text: String::new(), events: 0, more: true };
        let found = self.told.map_or(Read::Lost, |told| self.events.read(told));
        let Read::Steps(steps) = found else {
            let now = self.events.now();
            self.told = Some(now);
            text::reset(&mut said.text, &EventReset::to(now));
            return said;
        };
        said.more = !steps.is_empty();
        for (number, step) in steps {
            let key = &self.end.key;
            let seen = sees(key, Standing { owner: &step.owner, queue: &step.queue, state: step.state });
            if self.sight.as_mut().is_some_and(|sight| sight.is_lost(key, &step, seen)) {
                self.out_of_sight = true;
                break;
            }
            let place = self.events.place(number);
            self.told = Some(place);
            if seen && self.wish.wants(&step) {
                said.text.reserve(text::EVENT_BYTES);
                text::job(&mut said.text, &JobEvent::show(&step, place));
                said.events += 1;
            }
        }
        said
    }
}

/// What is said at once.
struct Said {
    /// Empty where there is nothing to say.
    text: String,
    /// How many events are in it.
    events: u64,
    /// There may be more right behind it.
    more: bool,
}

impl End {
    fn key_is_live(&self) -> bool {
        self.access_keys.is_live(&self.key.id, self.clock.now())
    }

    /// Returns when the stream must end.
    async fn over(&mut self) -> Over {
        loop {
            let now = self.clock.now();
            if !self.access_keys.is_live(&self.key.id, now) {
                return Over::KeyEnded;
            }
            if *self.draining.borrow_and_update() {
                return Over::Draining;
            }
            let left = self.key.expires_at.since(now).get().min(SLEEP_MS_MAX);
            tokio::select! {
                changed = self.keys_changed.changed() => if changed.is_err() { return Over::Draining },
                changed = self.draining.changed() => if changed.is_err() { return Over::Draining },
                () = sleep(Duration::from_millis(left)) => {}
            }
        }
    }
}

/// Whether a connection lets go of its body in time.
async fn let_go(gone: oneshot::Receiver<Infallible>) -> bool {
    timeout(LETTING_GO, gone).await.is_ok()
}
