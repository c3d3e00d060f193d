//! What happened to jobs, for whoever listens: the engine writes, streams read.
//!
//! The engine stages steps while it applies events and publishes them after the commit that carries the
//! events. A reader holds the lock for as long as it takes to copy a bounded number of steps; what it
//! does with them, and how slowly, is nothing to the engine.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sealane_core::limits;
use sealane_core::queue::feed::{Feed, Incarnation, Place, Read, Step};
use sealane_storage::Fact;
use tokio::sync::watch;

use super::engine::Engine;

/// The last events of the namespace's jobs.
pub struct Events {
    feed: Mutex<Feed>,
    /// Whether anybody ever asked. Before that nobody has a place from which to go on, so nothing is kept.
    asked: AtomicBool,
    newest: watch::Sender<Place>,
}

impl Events {
    /// None yet.
    pub fn new(incarnation: Incarnation) -> Self {
        let feed = Feed::new(incarnation);
        Self { newest: watch::Sender::new(feed.now()), asked: AtomicBool::new(false), feed: Mutex::new(feed) }
    }

    /// The place of whoever begins to listen now.
    pub fn now(&self) -> Place {
        self.asked.store(true, Ordering::SeqCst);
        self.feed().now()
    }

    /// The place right behind a step.
    pub fn place(&self, step: u64) -> Place {
        self.feed().place(step)
    }

    /// Some of what follows a place.
    pub fn read(&self, place: Place) -> Read {
        self.feed().read(place, limits::EVENTS_AT_ONCE_MAX)
    }

    /// Hears of it when there is more.
    pub fn listen(&self) -> watch::Receiver<Place> {
        self.asked.store(true, Ordering::SeqCst);
        self.newest.subscribe()
    }

    /// Tells of these: they are durable.
    pub(crate) fn publish(&self, staged: &mut Vec<Step>) {
        let mut feed = self.feed();
        staged.drain(..).for_each(|step| feed.push(step));
        let newest = feed.now();
        drop(feed);
        self.newest.send_replace(newest);
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        // Why poison is let go: a push that panicked half-way is a step too few, and no job's harm.
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("now", &self.feed().now()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Notes what a fact is going to be to those who listen, before it is applied.
    pub(super) fn stage_before(&mut self, fact: &Fact) {
        let Fact::Shard { namespace, event } = fact else { return };
        if self.events.is_asked()
            && *namespace == self.namespace
            && let Some(step) = self.shard().step_away(event)
        {
            self.staged.push(step);
        }
    }

    /// Notes what a fact was to those who listen, after it was applied.
    pub(super) fn stage_after(&mut self, fact: &Fact) {
        let Fact::Shard { namespace, event } = fact else { return };
        if self.events.is_asked()
            && *namespace == self.namespace
            && let Some(step) = self.shard().step(event)
        {
            self.staged.push(step);
        }
    }

    /// Tells what was noted: it is durable.
    pub(super) fn publish(&mut self) {
        if !self.staged.is_empty() {
            self.events.publish(&mut self.staged);
        }
    }
}
