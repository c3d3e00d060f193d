//! Who would be next, and next after that, without anything being changed: what `served` will do to the
//! rounds is kept beside them meanwhile.

use std::collections::{BTreeMap, VecDeque};

use super::ageing::CLASSES;
use super::keys::Keys;
use super::{FairKey, Ready};
use crate::id::JobId;
use crate::limits;
use crate::time::Time;

/// So many jobs in the order of service, of those that may be handed out.
pub(super) fn pick(ready: &Ready, wanted: usize, now: Time, may: impl Fn(&JobId) -> bool) -> Vec<JobId> {
    let mut picked = Vec::new();
    if wanted == 0 {
        return picked;
    }
    let keys = &ready.keys;
    let mut taken = Taken { keys, now, by_key: BTreeMap::new(), last: BTreeMap::new(), passed_over: 0 };
    let mut rounds: [_; CLASSES] = std::array::from_fn(|class| Round {
        class,
        waiting: keys.round(class).chain(keys.opened(now)),
        again: VecDeque::new(),
        next: None,
    });
    let (mut passed, mut left) = (ready.passed, ready.waiting);
    while picked.len() < wanted {
        let has = rounds.each_mut().map(|round| round.find(&mut taken, &may));
        let Some(class) = passed.next(has) else { break };
        let Some((key, sequence, id)) = rounds[class].next.take() else { break };
        taken.note(key, class, sequence);
        rounds[class].again.push_back(key);
        picked.push(id);
        left[class] -= 1;
        passed.served(class, left.map(|jobs| jobs > 0));
    }
    picked
}

/// What is handed out already.
struct Taken<'a> {
    keys: &'a Keys,
    now: Time,
    by_key: BTreeMap<FairKey, u64>,
    last: BTreeMap<(usize, FairKey), u64>,
    /// Jobs that may not be handed out.
    passed_over: usize,
}

impl Taken<'_> {
    fn note(&mut self, key: FairKey, class: usize, sequence: u64) {
        *self.by_key.entry(key).or_default() += 1;
        self.last.insert((class, key), sequence);
    }

    fn may_go_on(&self, key: FairKey) -> bool {
        let taken = self.by_key.get(&key).copied().unwrap_or(0);
        taken < self.keys.room(key, self.now)
    }

    /// The next job of this key and class.
    fn next(&mut self, key: FairKey, class: usize, may: impl Fn(&JobId) -> bool) -> Option<(u64, JobId)> {
        let mut behind = self.last.get(&(class, key)).copied();
        loop {
            let (sequence, id) = self.keys.next(key, class, behind)?;
            if may(&id) {
                return Some((sequence, id));
            }
            // Why a bound: those that may not are worked off in slices, and nobody walks over all of them
            // with each request meanwhile.
            self.passed_over += 1;
            if self.passed_over > limits::EXPIRIES_PER_TURN_MAX {
                return None;
            }
            behind = Some(sequence);
        }
    }
}

/// The round of one class, as it would go on.
struct Round<I> {
    class: usize,
    waiting: I,
    /// Those who had a turn in here and come to the end of the round with it.
    again: VecDeque<FairKey>,
    /// The one whose turn it is, and its job.
    next: Option<(FairKey, u64, JobId)>,
}

impl<I: Iterator<Item = FairKey>> Round<I> {
    /// Finds whose turn it is. Who cannot have it is not asked again.
    fn find(&mut self, taken: &mut Taken<'_>, may: impl Fn(&JobId) -> bool) -> bool {
        // Why again: the key may have been given its last slot in another class.
        if self.next.is_some_and(|(key, ..)| taken.may_go_on(key)) {
            return true;
        }
        self.next = None;
        while let Some(key) = self.waiting.next().or_else(|| self.again.pop_front()) {
            // Why here as well: with many keys nobody goes through all of them either.
            if taken.passed_over > limits::EXPIRIES_PER_TURN_MAX {
                return false;
            }
            if taken.may_go_on(key)
                && let Some((sequence, id)) = taken.next(key, self.class, &may)
            {
                self.next = Some((key, sequence, id));
                return true;
            }
        }
        false
    }
}
