//! The state that the engine owns: access keys and the shard of each namespace. Built from the
//! journal's facts and changed by them only.

use std::collections::BTreeMap;

use sealane_core::control::Control;
use sealane_core::name::Namespace;
use sealane_core::queue::Shard;
use sealane_core::record::RecordRef;
use sealane_core::time::Time;
use sealane_storage::Fact;

/// Everything the server knows.
#[derive(Default)]
pub struct Machine {
    control: Control,
    shards: BTreeMap<Namespace, Shard>,
    nothing: Shard,
    last_at: Time,
}

impl Machine {
    /// The access keys.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// A namespace's queues; an empty one where nothing was ever stored.
    pub fn shard(&self, namespace: &Namespace) -> &Shard {
        self.shards.get(namespace).unwrap_or(&self.nothing)
    }

    /// Every namespace with something in it.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.shards.keys()
    }

    /// When something happens by itself next.
    pub fn next_deadline(&self) -> Option<Time> {
        self.shards.values().filter_map(Shard::next_deadline).min()
    }

    /// The time of the latest fact.
    pub fn last_at(&self) -> Time {
        self.last_at
    }

    /// Jobs in the hands of workers.
    pub fn running_jobs(&self) -> u64 {
        let of = |shard: &Shard| -> u64 {
            shard.queues().map(|queue| queue.counts.of(sealane_core::job::State::Running)).sum()
        };
        self.shards.values().map(of).sum()
    }

    /// Applies a fact that stands in the journal at `record`.
    pub fn evolve(&mut self, fact: &Fact, record: RecordRef) {
        match fact {
            Fact::Control(event) => self.control.evolve(event),
            Fact::Shard { namespace, event } => {
                self.last_at = self.last_at.max(event.at());
                match self.shards.get_mut(namespace) {
                    Some(shard) => shard.evolve(event, record),
                    None => {
                        let mut shard = Shard::default();
                        shard.evolve(event, record);
                        self.shards.insert(namespace.clone(), shard);
                    }
                }
            }
        }
    }
}
