//! What stands behind the path of a request.

use crate::problem::Problem;

/// The header that a stream is taken up again with: the id of the last event that came. It counts before
/// `after` in the query, which a client that begins anew by itself does not change.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// A field that may stand there, for the published document.
#[derive(Clone, Copy, Debug)]
pub struct QueryField {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Whether it may be given more than once.
    pub repeats: bool,
}

/// How it is read.
pub trait RequestQuery: Sized {
    /// What there is.
    const FIELDS: &'static [QueryField];

    /// Reads it, and the id of the last event where the request carries one.
    fn read(query: &str, last_event_id: Option<&str>) -> Result<Self, Problem>;
}

/// Nothing: whatever stands there says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoQuery;

impl RequestQuery for NoQuery {
    const FIELDS: &'static [QueryField] = &[];

    fn read(_: &str, _: Option<&str>) -> Result<Self, Problem> {
        Ok(Self)
    }
}
