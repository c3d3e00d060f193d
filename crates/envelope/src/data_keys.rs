//! Remembers derived data keys, so that a day's key is derived once and not per message.
//!
//! Invariant: only derivations are remembered, never a decision. Whether a root may still seal
//! or open is asked of the key provider each time, so a remembered key cannot outlive its
//! permission.

use std::sync::{Arc, Mutex, PoisonError};

use crate::keys::{DataKey, Root, RootId};

/// Keys remembered at once: some queues, times the days of their backlog.
const REMEMBERED_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct DataKeys {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    remembered: Vec<Remembered>,
    // The slot a full memory gives up next.
    oldest: usize,
}

#[derive(Debug)]
struct Remembered {
    root_id: RootId,
    epoch: u32,
    namespace: Box<str>,
    queue: Box<str>,
    key: Arc<DataKey>,
}

impl DataKeys {
    pub(crate) fn of(&self, root: &Root, namespace: &str, queue: &str, epoch: u32) -> Arc<DataKey> {
        // Why poison is no news: entries are whole before they are stored.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.remembered.iter().find(|known| {
            known.epoch == epoch
                && known.root_id == root.id()
                && *known.queue == *queue
                && *known.namespace == *namespace
        });
        if let Some(known) = known {
            return Arc::clone(&known.key);
        }
        let key = Arc::new(root.data_key(namespace, queue, epoch));
        state.remember(Remembered {
            root_id: root.id(),
            epoch,
            namespace: namespace.into(),
            queue: queue.into(),
            key: Arc::clone(&key),
        });
        key
    }
}

impl State {
    fn remember(&mut self, key: Remembered) {
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.push(key);
            return;
        }
        self.remembered[self.oldest] = key;
        self.oldest = (self.oldest + 1) % REMEMBERED_MAX;
    }
}

#[cfg(test)]
mod tests {
    use sealane_crypto::Key;

    use super::*;

    #[test]
    fn each_place_has_its_key_also_when_memory_is_full() {
        let root = Root::from_key(Key::new([1; 32]));
        let other = Root::from_key(Key::new([2; 32]));
        let keys = DataKeys::default();
        for round in 0..2 {
            for epoch in 0..100 {
                let key = keys.of(&root, "acme", "orders", epoch);
                assert_eq!(key.id(), root.data_key("acme", "orders", epoch).id(), "round {round}");
            }
        }
        assert_eq!(keys.state.lock().unwrap().remembered.len(), REMEMBERED_MAX);
        let base = *keys.of(&root, "acme", "orders", 7).id();
        assert_ne!(base, *keys.of(&root, "acme", "order", 7).id());
        assert_ne!(base, *keys.of(&root, "acm", "orders", 7).id());
        assert_ne!(base, *keys.of(&root, "acme", "orders", 8).id());
        assert_ne!(base, *keys.of(&other, "acme", "orders", 7).id());
    }
}
