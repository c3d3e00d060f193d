//! One request under watch. However its client's task ends, the oracle hears how the request did.

use std::sync::Arc;

use http::Response;

use super::Oracle;

/// One request under watch.
pub(crate) struct Watch {
    oracle: Arc<Oracle>,
    number: u64,
}

impl Watch {
    pub(super) fn new(oracle: Arc<Oracle>, number: u64) -> Self {
        Self { oracle, number }
    }

    /// Its answer arrived.
    pub(crate) fn answered(&self, answer: &Response<Vec<u8>>) {
        self.oracle.answered(self.number, answer);
    }

    /// Its answer will never arrive.
    pub(crate) fn lost(&self) {
        self.oracle.lost(self.number);
    }

    /// Its connection is cut while the server may still work on it.
    pub(crate) fn cut(&self) {
        self.oracle.cut(self.number);
    }

    /// It will arrive once more, later.
    pub(crate) fn twice(&self) {
        self.oracle.twice(self.number);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.oracle.cut(self.number);
        self.oracle.lost(self.number);
    }
}
