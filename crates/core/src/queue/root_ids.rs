//! Roots that a queue's sealed bodies may be sealed under, by their ids. Nothing here knows a key: an id
//! says which one a worker needs, and a producer with another one hears of it before any worker does.

use super::settings::SettingsError;
use crate::limits;

/// The id of a sealing root.
pub type RootId = [u8; 16];

/// At most [`limits::ROOT_IDS_MAX`] ids, ascending and each once. None means any root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootIds {
    // Invariant: the first ones, ascending and each once; the rest is zero, so that equal sets are equal.
    ids: [RootId; limits::ROOT_IDS_MAX],
    len: usize,
}

impl RootIds {
    /// The set of these.
    pub fn of(ids: &[RootId]) -> Result<Self, SettingsError> {
        let distinct: std::collections::BTreeSet<RootId> = ids.iter().copied().collect();
        let mut found = Self { len: distinct.len(), ..Self::default() };
        if found.len > limits::ROOT_IDS_MAX {
            return Err(SettingsError::RootIds);
        }
        for (place, id) in found.ids.iter_mut().zip(distinct) {
            *place = id;
        }
        Ok(found)
    }

    /// The ids, ascending.
    pub fn as_slice(&self) -> &[RootId] {
        &self.ids[..self.len]
    }

    /// Whether a body may be sealed under this root, or under none that it names.
    pub(super) fn allow(&self, root: Option<RootId>) -> bool {
        self.len == 0 || root.is_some_and(|root| self.as_slice().contains(&root))
    }
}
