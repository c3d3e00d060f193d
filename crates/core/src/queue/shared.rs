//! Values that many things have, kept once for all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Each value once. What is shared saves memory and says nothing about the state, so two of these are
/// always equal.
#[derive(Clone, Debug)]
pub(super) struct Shared<T>(BTreeSet<Arc<T>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Shared<T> {}

impl<T: Ord> Shared<T> {
    /// The one that is kept of equal values; of a new one, what `make` gives. At most `max` are kept.
    pub(super) fn one(&mut self, value: &T, max: usize, make: impl FnOnce() -> Arc<T>) -> Arc<T> {
        if let Some(known) = self.0.get(value) {
            return Arc::clone(known);
        }
        // Why all at once: with more of them than this, sharing saves little, and nothing depends on it.
        if self.0.len() >= max {
            self.0.clear();
        }
        let made = make();
        self.0.insert(Arc::clone(&made));
        made
    }
}
