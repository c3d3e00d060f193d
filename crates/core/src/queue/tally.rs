//! How often each of many values occurs, the most frequent at hand.

use std::collections::{BTreeMap, BTreeSet};

/// Counts values. Kept with every change: nothing is ever counted through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally<K> {
    counts: BTreeMap<K, u64>,
    /// The same, by how often.
    order: BTreeSet<(u64, K)>,
    total: u64,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), order: BTreeSet::new(), total: 0 }
    }
}

/// The values that occur most, and how many others there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted<K> {
    /// Each with how often it occurs.
    pub top: Vec<(K, u64)>,
    /// Jobs with any other value.
    pub other: u64,
    /// Jobs without a value.
    pub none: u64,
}

impl<K: Ord + Clone> Tally<K> {
    pub(super) fn add(&mut self, value: K) {
        self.step(value, |count| count.saturating_add(1));
        self.total += 1;
    }

    /// Takes back what was added.
    pub(super) fn remove(&mut self, value: K) {
        self.step(value, |count| count.saturating_sub(1));
        self.total -= 1;
    }

    fn step(&mut self, value: K, step: impl Fn(u64) -> u64) {
        let before = self.counts.get(&value).copied().unwrap_or(0);
        let after = step(before);
        self.order.remove(&(before, value.clone()));
        if after == 0 {
            self.counts.remove(&value);
        } else {
            self.order.insert((after, value.clone()));
            self.counts.insert(value, after);
        }
    }

    /// The most frequent values, of things of which there are `all`.
    pub(super) fn most(&self, max: usize, all: u64) -> Counted<K> {
        self.counted(self.order.iter().rev().map(|(count, value)| (value, *count)), max, all)
    }

    /// The greatest values.
    pub(super) fn greatest(&self, max: usize, all: u64) -> Counted<K> {
        self.counted(self.counts.iter().rev().map(|(value, count)| (value, *count)), max, all)
    }

    fn counted<'a>(&self, values: impl Iterator<Item = (&'a K, u64)>, max: usize, all: u64) -> Counted<K>
    where
        K: 'a,
    {
        let top: Vec<(K, u64)> = values.take(max).map(|(value, count)| (value.clone(), count)).collect();
        let shown: u64 = top.iter().map(|(_, count)| count).sum();
        Counted { top, other: self.total.saturating_sub(shown), none: all.saturating_sub(self.total) }
    }
}
