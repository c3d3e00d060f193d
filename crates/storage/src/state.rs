//! What a snapshot says, and who takes a state in while a journal opens. Refuses to know how it is stored.

use sealane_core::control::AccessKey;
use sealane_core::name::Namespace;
use sealane_core::queue::state::Row;
use sealane_core::record::RecordRef;

use crate::fact::Fact;
use crate::journal::{Visit, VisitError};

/// One row of a state: everything that all facts up to a position made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateRow {
    /// An access key.
    AccessKey(AccessKey),
    /// The rows from here on are this namespace's.
    Namespace(Namespace),
    /// Of the namespace before.
    Row(Row),
}

/// Takes in what a journal holds while it opens: a state row by row, then the facts behind it; without a
/// state, all facts.
pub trait Restore {
    /// Whether it takes states. Who does not is told all facts from the beginning.
    fn takes_states(&self) -> bool;

    /// Forgets all rows that came: the snapshot that they are from is not whole.
    fn begin(&mut self);

    /// The next row of a state.
    ///
    /// # Errors
    /// When it cannot be one of a state. The snapshot is then taken for damaged.
    fn row(&mut self, row: StateRow) -> Result<(), VisitError>;

    /// All rows of a state came.
    ///
    /// # Errors
    /// When they make none. The snapshot is then taken for damaged.
    fn whole(&mut self) -> Result<(), VisitError>;

    /// The next fact.
    ///
    /// # Errors
    /// Stops the opening.
    fn fact(&mut self, record: RecordRef, fact: Fact) -> Result<(), VisitError>;
}

/// Takes facts, from the very first on.
pub struct FactsOnly<'a, 'b>(pub &'a mut Visit<'b>);

impl Restore for FactsOnly<'_, '_> {
    fn takes_states(&self) -> bool {
        false
    }

    fn begin(&mut self) {}

    fn row(&mut self, _: StateRow) -> Result<(), VisitError> {
        Err("only facts are taken here".into())
    }

    fn whole(&mut self) -> Result<(), VisitError> {
        Err("only facts are taken here".into())
    }

    fn fact(&mut self, record: RecordRef, fact: Fact) -> Result<(), VisitError> {
        (self.0)(record, fact)
    }
}
