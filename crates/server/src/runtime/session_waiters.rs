//! Requests that wait for a session, or for the next job of one that they hold. They are looked at
//! when something happened to what they wait for, and not before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::QueueNumber;
use sealane_core::time::Time;
use sealane_core::token::Token;

use super::fault::Fault;
use super::request::{AcceptedSession, LeaseWish, LeasedJobs, Reply, SessionWish};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The next free session of a queue.
    Next(QueueName),
    /// One session.
    One(QueueNumber, Token),
}

/// What is wished, and who wishes it.
pub(super) enum Wish {
    Accept(SessionWish, Reply<Result<Option<AcceptedSession>, Fault>>),
    Lease(LeaseWish, Reply<Result<LeasedJobs, Fault>>),
}

impl Wish {
    fn is_closed(&self) -> bool {
        match self {
            Self::Accept(_, reply) => reply.is_closed(),
            Self::Lease(_, reply) => reply.is_closed(),
        }
    }
}

pub(super) struct Waiter {
    pub(super) wish: Wish,
    number: u64,
    until: Time,
}

#[derive(Default)]
pub(super) struct SessionWaiters {
    /// By the number with which they came: their order, and one of thousands is taken out without a look at
    /// the others.
    places: BTreeMap<Place, BTreeMap<u64, Waiter>>,
    ends: BTreeSet<(Time, u64, Place)>,
    touched: BTreeSet<Place>,
    next_number: u64,
}

impl SessionWaiters {
    /// Lets a request wait; gives it back when too many wait already.
    pub(super) fn add(&mut self, place: Place, wish: Wish, until: Time) -> Result<(), Wish> {
        if self.ends.len() >= limits::LEASE_WAITERS_MAX {
            self.forget_gone();
        }
        if self.ends.len() >= limits::LEASE_WAITERS_MAX {
            return Err(wish);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.ends.insert((until, number, place.clone()));
        self.places.entry(place).or_default().insert(number, Waiter { wish, number, until });
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Something happened to a session.
    pub(super) fn touch(&mut self, queue: QueueNumber, session: Token) {
        let place = Place::One(queue, session);
        if self.places.contains_key(&place) {
            self.touched.insert(place);
        }
    }

    /// What something happened to since this was asked last, and the queues whose next free session is
    /// waited for.
    pub(super) fn take_touched(&mut self) -> Vec<Place> {
        let nexts = self.places.keys().take_while(|place| matches!(place, Place::Next(_)));
        nexts.cloned().chain(std::mem::take(&mut self.touched)).collect()
    }

    /// Those who wait at a place and are still there, the longest first. What is not served goes back
    /// with [`SessionWaiters::put_back`].
    pub(super) fn take(&mut self, place: &Place) -> VecDeque<Waiter> {
        let line = self.places.remove(place).unwrap_or_default();
        for waiter in line.values() {
            self.ends.remove(&(waiter.until, waiter.number, place.clone()));
        }
        line.into_values().filter(|waiter| !waiter.wish.is_closed()).collect()
    }

    /// Lets those wait on who were not served.
    pub(super) fn put_back(&mut self, place: Place, line: VecDeque<Waiter>) {
        if line.is_empty() {
            return;
        }
        for waiter in &line {
            self.ends.insert((waiter.until, waiter.number, place.clone()));
        }
        let line = line.into_iter().map(|waiter| (waiter.number, waiter));
        self.places.entry(place).or_default().extend(line);
    }

    /// When the first of them has waited long enough.
    pub(super) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(until, ..)| *until)
    }

    /// Those who have waited long enough.
    pub(super) fn ended(&mut self, now: Time) -> Vec<Waiter> {
        let mut ended = Vec::new();
        while let Some((until, number, place)) =
            self.ends.first().filter(|(until, ..)| *until <= now).cloned()
        {
            self.ends.remove(&(until, number, place.clone()));
            let Some(line) = self.places.get_mut(&place) else { continue };
            ended.extend(line.remove(&number));
            if line.is_empty() {
                self.places.remove(&place);
            }
        }
        ended
    }

    /// Drops those whose callers left.
    fn forget_gone(&mut self) {
        let places: Vec<Place> = self.places.keys().cloned().collect();
        for place in places {
            let line = self.take(&place);
            self.put_back(place, line);
        }
    }
}
