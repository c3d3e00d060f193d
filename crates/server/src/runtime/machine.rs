//! The state that the engine owns: access keys and the shard of each namespace. Built from the
//! journal's facts and changed by them only.

use std::collections::BTreeMap;

use sealane_core::control::Control;
use sealane_core::name::Namespace;
use sealane_core::queue::Shard;
use sealane_core::queue::state::Rebuild;
use sealane_core::record::RecordRef;
use sealane_core::time::Time;
use sealane_storage::{Fact, Restore, StateRow, VisitError};

/// Everything the server knows.
#[derive(Debug, Default, PartialEq, Eq)]
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

    /// All of it as rows.
    pub fn rows(&self) -> impl Iterator<Item = StateRow> {
        let shards = self.shards.iter().flat_map(|(namespace, shard)| {
            std::iter::once(StateRow::Namespace(namespace.clone())).chain(shard.rows().map(StateRow::Row))
        });
        self.control.keys().cloned().map(StateRow::AccessKey).chain(shards)
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

/// A machine in the making: from a state's rows and the facts behind it, or from all facts.
#[derive(Default)]
pub struct Restoring {
    machine: Machine,
    /// The namespace whose rows come, and what is made of them.
    shard: Option<(Namespace, Rebuild)>,
}

impl Restoring {
    /// The machine that it became.
    pub fn done(self) -> Machine {
        self.machine
    }

    fn end_shard(&mut self) -> Result<(), VisitError> {
        let Some((namespace, rebuild)) = self.shard.take() else { return Ok(()) };
        let shard = rebuild.finish()?;
        self.machine.last_at = self.machine.last_at.max(shard.last_at());
        match self.machine.shards.insert(namespace, shard) {
            None => Ok(()),
            Some(_) => Err("the same namespace stands there twice".into()),
        }
    }
}

impl Restore for Restoring {
    fn takes_states(&self) -> bool {
        true
    }

    fn begin(&mut self) {
        *self = Self::default();
    }

    fn row(&mut self, row: StateRow) -> Result<(), VisitError> {
        match row {
            StateRow::AccessKey(key) => self.machine.control.put_back(key)?,
            StateRow::Namespace(namespace) => {
                self.end_shard()?;
                self.shard = Some((namespace, Rebuild::default()));
            }
            StateRow::Row(row) => {
                let (_, rebuild) = self.shard.as_mut().ok_or("a row is of no namespace")?;
                rebuild.take(row)?;
            }
        }
        Ok(())
    }

    fn whole(&mut self) -> Result<(), VisitError> {
        self.end_shard()
    }

    fn fact(&mut self, record: RecordRef, fact: Fact) -> Result<(), VisitError> {
        self.machine.evolve(&fact, record);
        Ok(())
    }
}
