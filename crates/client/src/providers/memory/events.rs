//! The life of jobs as it is told in this process: the same steps, read from the same kind of feed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sealane_api::problem::Problem;
use sealane_api::v1::{Begin, EventReset, EventWish, EventsIn, JobEvent};
use sealane_core::limits;
use sealane_core::queue::feed::{Feed, Incarnation, Place, Read};
use sealane_core::time::Time;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::machine::Machine;
use crate::clock::Clock;
use crate::error::Error;
use crate::provider::{EventSource, Heard};

/// Longest sleep where nothing is due: a bound for the wait, not a rhythm.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);

/// The last steps of this process's jobs.
pub(super) struct MemoryFeed(pub(super) Feed);

impl Default for MemoryFeed {
    fn default() -> Self {
        // One for each of this process: a place in one is none in another.
        static INCARNATIONS: AtomicU64 = AtomicU64::new(0);
        Self(Feed::new(Incarnation(INCARNATIONS.fetch_add(1, Ordering::Relaxed))))
    }
}

/// What of the provider is needed to listen.
type Parts = (Arc<Mutex<Machine>>, Arc<Notify>, Arc<dyn Clock>);

/// Somebody who listens.
pub(super) struct MemoryEvents {
    machine: Arc<Mutex<Machine>>,
    changed: Arc<Notify>,
    clock: Arc<dyn Clock>,
    wish: EventWish,
    told: Option<Place>,
    heard: VecDeque<Heard>,
}

impl MemoryEvents {
    pub(super) fn open((machine, changed, clock): Parts, wish: &EventsIn) -> Result<Self, Problem> {
        let wish = EventWish::try_from(wish)?;
        let mut events = Self { machine, changed, clock, wish, told: None, heard: VecDeque::new() };
        events.told = match events.wish.begin {
            Begin::Behind(place) => Some(place),
            Begin::Now => Some(events.machine(|machine| machine.feed.0.now()).0),
            Begin::Unknown => None,
        };
        events.heard.extend(events.told.map(|place| Heard::Place(place.to_string())));
        Ok(events)
    }

    /// A look after what is due is done, and how long until something is due again.
    fn machine<T>(&self, look: impl FnOnce(&mut Machine) -> T) -> (T, Option<Duration>) {
        let mut machine = self.machine.lock().expect("the machine does not panic while it is locked");
        let now = Time::from_unix_ms(self.clock.now_ms());
        machine.pass_time(now);
        let due = machine.shard.next_deadline().map(|at| Duration::from_millis(at.since(now).get().max(1)));
        (look(&mut machine), due)
    }

    /// Reads on. Says how long there is nothing to read, unless something changes.
    fn read_on(&mut self) -> Option<Duration> {
        let told = self.told;
        let ((read, now), due) = self.machine(|machine| {
            let feed = &machine.feed.0;
            (told.map_or(Read::Lost, |told| feed.read(told, limits::EVENTS_AT_ONCE_MAX)), feed.now())
        });
        let Read::Steps(steps) = read else {
            self.told = Some(now);
            self.heard.push_back(Heard::Reset(EventReset::to(now)));
            return None;
        };
        let nothing = steps.is_empty();
        for (number, step) in steps {
            let place = Place { step: number, ..now };
            self.told = Some(place);
            if self.wish.wants(&step) {
                self.heard.push_back(Heard::Event(JobEvent::show(&step, place)));
            }
        }
        nothing.then(|| due.unwrap_or(SLEEP_MAX))
    }
}

#[async_trait]
impl EventSource for MemoryEvents {
    async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(heard);
            }
            let changed = Arc::clone(&self.changed);
            // Why before the look: a change between look and wait must wake this one.
            let changed = changed.notified();
            if let Some(time) = self.read_on() {
                tokio::select! {
                    () = changed => {}
                    () = sleep(time) => {}
                }
            }
        }
    }
}
