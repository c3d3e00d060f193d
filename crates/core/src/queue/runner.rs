//! Which of its principal's workers ran an attempt, and with which code, as that worker says itself. Kept
//! once for all attempts that say the same.

use std::sync::Arc;

use super::shard::Shard;
use crate::name::{CodeVersion, InstanceName};

/// Runners whose words are kept once for all their attempts.
const RUNNERS_SHARED_MAX: usize = 4_096;

/// A worker as it calls itself: an instance, a version of its code, or both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Runner {
    instance: Option<InstanceName>,
    version: Option<CodeVersion>,
}

impl Runner {
    /// Of a worker that says this; nothing where it says nothing.
    pub fn new(instance: Option<InstanceName>, version: Option<CodeVersion>) -> Option<Self> {
        (instance.is_some() || version.is_some()).then_some(Self { instance, version })
    }

    /// Which of its principal's workers it is.
    pub fn instance(&self) -> Option<&InstanceName> {
        self.instance.as_ref()
    }

    /// Which version of its code it runs.
    pub fn version(&self) -> Option<&CodeVersion> {
        self.version.as_ref()
    }
}

impl Shard {
    /// The same runner once for all that it runs: read from the journal, each would be a text of its own.
    pub(super) fn shared_runner(&mut self, runner: &Arc<Runner>) -> Arc<Runner> {
        self.runners.one(runner, RUNNERS_SHARED_MAX, || Arc::clone(runner))
    }
}
