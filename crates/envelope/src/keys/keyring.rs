//! The list of roots and what each may still do. It knows no file and no provider.
//!
//! ```text
//! pre-active ──► active ──► decrypt-only ──► disabled ──► destroyed
//!    opens      seals,opens     opens         nothing    key is gone
//! ```
//!
//! A state only moves to the right; steps may be left out. Why a pre-active root opens: a
//! producer may learn of its activation before a consumer does.

use std::sync::Arc;

use sealane_crypto::{Random, RandomError};
use thiserror::Error;

use super::root::{Root, RootId};

/// What a root may still do.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RootState {
    /// Handed out, not sealed with yet.
    PreActive,
    /// The one that seals.
    Active,
    /// Opens what it sealed, seals nothing new.
    DecryptOnly,
    /// Neither seals nor opens; can no longer be brought back by this keyring.
    Disabled,
    /// Its key is erased; only the id is remembered.
    Destroyed,
}

impl RootState {
    /// All states in the order they follow each other.
    pub const ALL: [Self; 5] =
        [Self::PreActive, Self::Active, Self::DecryptOnly, Self::Disabled, Self::Destroyed];

    /// The state's name in files and on screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreActive => "pre-active",
            Self::Active => "active",
            Self::DecryptOnly => "decrypt-only",
            Self::Disabled => "disabled",
            Self::Destroyed => "destroyed",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a root in this state opens bodies.
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, Self::PreActive | Self::Active | Self::DecryptOnly)
    }
}

/// One root of a keyring.
#[derive(Clone, Debug)]
pub struct RootEntry {
    id: RootId,
    state: RootState,
    // Invariant: `None` exactly when the state is `Destroyed`.
    root: Option<Arc<Root>>,
}

impl RootEntry {
    /// The root's public name.
    #[must_use]
    pub const fn id(&self) -> RootId {
        self.id
    }

    /// What it may still do.
    #[must_use]
    pub const fn state(&self) -> RootState {
        self.state
    }

    /// The root itself, unless it is destroyed.
    #[must_use]
    pub const fn root(&self) -> Option<&Arc<Root>> {
        self.root.as_ref()
    }
}

/// Roots, oldest first; at most one is active.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    entries: Vec<RootEntry>,
}

impl Keyring {
    /// A keyring without roots; it can neither seal nor open.
    #[must_use]
    pub const fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    /// A keyring with one fresh, active root.
    ///
    /// # Errors
    /// When `random` has no bytes to give.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut keyring = Self::empty();
        keyring.rotate(random)?;
        Ok(keyring)
    }

    /// Makes a fresh root active and lets the one before only open. Gives the new id.
    ///
    /// # Errors
    /// When `random` has no bytes to give; the keyring is then unchanged.
    pub fn rotate(&mut self, random: &dyn Random) -> Result<RootId, RandomError> {
        let root = Root::generate(random)?;
        let id = root.id();
        self.retire_active();
        self.push(root, RootState::Active);
        Ok(id)
    }

    /// Takes in a root made elsewhere. As an active one it retires the one before.
    ///
    /// # Errors
    /// When a root of that id is here already, or the state leaves no key to keep.
    pub fn add(&mut self, root: Root, state: RootState) -> Result<(), KeyringError> {
        let id = root.id();
        if self.entry(id).is_some() {
            return Err(KeyringError::Duplicate { id });
        }
        if state == RootState::Destroyed {
            return Err(KeyringError::DestroyedOnArrival { id });
        }
        if state == RootState::Active {
            self.retire_active();
        }
        self.push(root, state);
        Ok(())
    }

    /// Remembers the id of a root whose key is gone.
    pub(super) fn add_destroyed(&mut self, id: RootId) -> Result<(), KeyringError> {
        if self.entry(id).is_some() {
            return Err(KeyringError::Duplicate { id });
        }
        self.entries.push(RootEntry { id, state: RootState::Destroyed, root: None });
        Ok(())
    }

    /// Moves a root on. Destroying one drops its key here; copies in other files are not touched.
    ///
    /// # Errors
    /// When there is no such root, or the state would move back.
    pub fn set_state(&mut self, id: RootId, state: RootState) -> Result<(), KeyringError> {
        let from = self.entry(id).ok_or(KeyringError::Unknown { id })?.state;
        if state < from {
            return Err(KeyringError::Backwards { id, from, to: state });
        }
        if state == RootState::Active && from != RootState::Active {
            self.retire_active();
        }
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            entry.state = state;
            if state == RootState::Destroyed {
                entry.root = None;
            }
        }
        Ok(())
    }

    /// All roots, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[RootEntry] {
        &self.entries
    }

    /// The root that seals.
    #[must_use]
    pub fn active(&self) -> Option<&Arc<Root>> {
        self.entries.iter().find(|entry| entry.state == RootState::Active)?.root()
    }

    /// A root that may open.
    #[must_use]
    pub fn openable(&self, id: RootId) -> Option<&Arc<Root>> {
        self.entry(id).filter(|entry| entry.state.opens())?.root()
    }

    /// The ids of all roots that may open, oldest first.
    pub fn openable_ids(&self) -> impl Iterator<Item = RootId> {
        self.entries.iter().filter(|entry| entry.state.opens()).map(|entry| entry.id)
    }

    fn entry(&self, id: RootId) -> Option<&RootEntry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    fn push(&mut self, root: Root, state: RootState) {
        self.entries.push(RootEntry { id: root.id(), state, root: Some(Arc::new(root)) });
    }

    fn retire_active(&mut self) {
        for entry in &mut self.entries {
            if entry.state == RootState::Active {
                entry.state = RootState::DecryptOnly;
            }
        }
    }
}

/// Why a keyring refuses a change.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KeyringError {
    /// States move one way.
    #[error("root {id} is {}, which does not go back to {}; add a new root instead", from.name(), to.name())]
    Backwards {
        /// The root.
        id: RootId,
        /// What it is.
        from: RootState,
        /// What was asked for.
        to: RootState,
    },
    /// A root cannot arrive destroyed.
    #[error("root {id} has a key and so cannot be added as destroyed")]
    DestroyedOnArrival {
        /// The root.
        id: RootId,
    },
    /// The root is here already.
    #[error("root {id} is in the keyring already")]
    Duplicate {
        /// The root.
        id: RootId,
    },
    /// No such root.
    #[error("no root {id} is in the keyring")]
    Unknown {
        /// The root asked for.
        id: RootId,
    },
}
