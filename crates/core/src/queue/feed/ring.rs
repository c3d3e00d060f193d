//! The last steps of a namespace, within a bound of number and one of bytes.

use std::collections::VecDeque;

use super::place::{Incarnation, Place};
use super::step::Step;
use crate::limits;

/// The last steps, numbered from 1 in the order in which they happened.
#[derive(Debug)]
pub struct Feed {
    incarnation: Incarnation,
    steps: VecDeque<Step>,
    bytes: usize,
    /// The number of the newest step, 0 where there never was one.
    newest: u64,
}

/// What a reader finds behind its place.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// The steps that follow, in order, each with its number; none where the reader has seen them all.
    Steps(Vec<(u64, Step)>),
    /// What followed is not there any more, or the place is not one of this feed.
    Lost,
}

impl Feed {
    /// An empty one.
    pub fn new(incarnation: Incarnation) -> Self {
        Self { incarnation, steps: VecDeque::new(), bytes: 0, newest: 0 }
    }

    /// The place of whoever begins to read now.
    pub fn now(&self) -> Place {
        self.place(self.newest)
    }

    /// The place right behind a step.
    pub fn place(&self, step: u64) -> Place {
        Place { incarnation: self.incarnation, step }
    }

    /// How many steps there are to be read.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Adds a step; the oldest leave where there are too many.
    pub fn push(&mut self, step: Step) {
        self.bytes += step.bytes();
        self.steps.push_back(step);
        self.newest += 1;
        while self.steps.len() > limits::EVENTS_KEPT_MAX || self.bytes > limits::EVENTS_KEPT_BYTES_MAX {
            let Some(oldest) = self.steps.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
    }

    /// At most so many of the steps that follow a place.
    pub fn read(&self, place: Place, max: usize) -> Read {
        let kept = u64::try_from(self.steps.len()).unwrap_or(u64::MAX);
        let left = self.newest - kept;
        if place.incarnation != self.incarnation || !(left..=self.newest).contains(&place.step) {
            return Read::Lost;
        }
        let skip = usize::try_from(place.step - left).unwrap_or(usize::MAX);
        let steps = self.steps.iter().skip(skip).take(max).cloned();
        Read::Steps((place.step + 1..).zip(steps).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::step::What;
    use super::*;
    use crate::id::JobId;
    use crate::job::State;
    use crate::name::{Principal, QueueName};
    use crate::time::Time;

    fn step(number: u64, owner: &str) -> Step {
        Step {
            job: JobId::from_bytes([1; 16]),
            at: Time::from_unix_ms(number),
            queue: QueueName::parse("q").unwrap(),
            owner: Arc::new(Principal::parse(owner).unwrap()),
            attempt: 0,
            state: State::Ready,
            what: What::Accepted,
        }
    }

    fn filled(count: usize, owner: &str) -> Feed {
        let mut feed = Feed::new(Incarnation(7));
        (1..=u64::try_from(count).unwrap()).for_each(|number| feed.push(step(number, owner)));
        feed
    }

    fn numbers(read: Read) -> Option<Vec<u64>> {
        match read {
            Read::Lost => None,
            Read::Steps(steps) => {
                assert!(steps.iter().all(|(number, step)| step.at.unix_ms() == *number), "{steps:?}");
                Some(steps.into_iter().map(|(number, _)| number).collect())
            }
        }
    }

    #[test]
    fn a_reader_gets_what_follows_its_place_and_nothing_twice() {
        let feed = filled(5, "p");
        assert_eq!(numbers(feed.read(feed.place(0), 3)), Some(vec![1, 2, 3]));
        assert_eq!(numbers(feed.read(feed.place(3), 3)), Some(vec![4, 5]));
        assert_eq!(numbers(feed.read(feed.now(), 3)), Some(vec![]));
        assert_eq!(numbers(feed.read(feed.place(6), 3)), None, "a place that was not reached yet");
        let other = Place { incarnation: Incarnation(8), step: 3 };
        assert_eq!(numbers(feed.read(other, 3)), None, "a place in another feed");
    }

    #[test]
    fn an_empty_feed_has_one_place() {
        let feed = Feed::new(Incarnation(7));
        assert_eq!((feed.now(), numbers(feed.read(feed.now(), 1))), (feed.place(0), Some(vec![])));
        assert_eq!(numbers(feed.read(feed.place(1), 1)), None);
    }

    #[test]
    fn the_oldest_steps_leave_by_number() {
        let most = limits::EVENTS_KEPT_MAX;
        let full = filled(most, "p");
        assert_eq!((full.len(), numbers(full.read(full.place(0), 1))), (most, Some(vec![1])));
        let beyond = filled(most + 1, "p");
        assert_eq!((beyond.len(), numbers(beyond.read(beyond.place(0), 1))), (most, None), "the first left");
        assert_eq!(numbers(beyond.read(beyond.place(1), 1)), Some(vec![2]), "the others did not");
    }

    #[test]
    fn the_oldest_steps_leave_by_bytes() {
        let owner = "p".repeat(limits::PRINCIPAL_BYTES_MAX);
        let each = step(1, &owner).bytes();
        let most = limits::EVENTS_KEPT_BYTES_MAX / each;
        assert!(most < limits::EVENTS_KEPT_MAX, "the bytes are the tighter bound here");
        assert_eq!(filled(most, &owner).len(), most);
        let beyond = filled(most + 1, &owner);
        assert_eq!((beyond.len(), numbers(beyond.read(beyond.place(0), 1))), (most, None));
    }
}
