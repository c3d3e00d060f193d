//! The list of everything that can be asked of the server.
//!
//! An operation is a type: its fields are the request, its constants say how it is called on the
//! wire, in audit lines and in the permission matrix. [`for_each_operation`](crate::for_each_operation)
//! hands the whole list to a macro; the server registers its routes with it, so an operation without a
//! handler does not compile and a handler without an operation cannot be reached.

mod idempotency;
#[macro_use]
mod list;
mod query;

pub use idempotency::{IDEMPOTENCY_KEY, give_idempotency_key};
pub use list::*;
pub use query::{LAST_EVENT_ID, NoQuery, QueryField, RequestQuery};

use sealane_core::id::{FlowId, JobId};
use sealane_core::name::{QueueName, ScheduleName};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::Format;
use crate::permission::Permission;
use crate::problem::Problem;
use crate::wire::MapOnly;

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Removes.
    Delete,
    /// Reads.
    Get,
    /// Acts.
    Post,
    /// Makes so.
    Put,
}

impl Method {
    /// As it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// What an operation touches: the authoriser looks at this, not at the address that was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The namespace as a whole.
    Namespace,
    /// A queue.
    Queue(QueueName),
    /// Several queues at once: each of them.
    Queues(Vec<QueueName>),
    /// A flow: its jobs decide, and at least one must be the caller's to see.
    Flow(FlowId),
    /// A job: its queue and its owner decide.
    Job(JobId),
    /// A schedule: its queue and its owner decide.
    Schedule(ScheduleName),
    /// Leases: each receipt names the principal that it was given to.
    Leases,
}

/// What an operation costs the server, and when it is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Changes what the server is: queues, keys.
    Manage,
    /// Brings or takes work. Refused while the server drains.
    NewWork,
    /// Only looks.
    Read,
    /// Ends work that was handed out. Admitted to the last.
    Settle,
}

/// No request body.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBody;

/// How a request body is read.
pub trait RequestBody: Sized {
    /// Whether there may be one.
    const EXPECTED: bool;
    /// Whether there must be one.
    const REQUIRED: bool = Self::EXPECTED;
    /// Reads it.
    fn read(format: Format, bytes: &[u8]) -> Result<Self, Problem>;
}

impl RequestBody for NoBody {
    const EXPECTED: bool = false;

    fn read(_: Format, bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.is_empty() {
            Ok(Self)
        } else {
            Err(Problem::invalid("this operation takes no request body"))
        }
    }
}

/// A request body that may be left out, which says nothing.
#[derive(Clone, Debug, Default)]
pub struct OrNothing<T>(pub T);

impl<T: DeserializeOwned + Default> RequestBody for OrNothing<T> {
    const EXPECTED: bool = true;
    const REQUIRED: bool = false;

    fn read(format: Format, bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        format.read(bytes).map(|MapOnly(body)| Self(body))
    }
}

impl<T: DeserializeOwned> RequestBody for T {
    const EXPECTED: bool = true;

    fn read(format: Format, bytes: &[u8]) -> Result<Self, Problem> {
        format.read(bytes)
    }
}

/// Something that can be asked of the server.
pub trait Operation: Sized + Send + 'static {
    /// Its name on every floor.
    const NAME: &'static str;
    /// One line about it.
    const SUMMARY: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The path; at most one `{parameter}`.
    const PATH: &'static str;
    /// What the caller must be permitted.
    const PERMISSION: Permission;
    /// What it costs.
    const CLASS: Class;
    /// Whether asking twice is the same as asking once.
    const REPEATABLE: bool;
    /// Whether the answer is a stream of events that ends when somebody ends it.
    const STREAMS: bool = false;
    /// What may stand behind the path.
    type Query: RequestQuery + Send;
    /// The request body.
    type Body: RequestBody + Send;
    /// The answer; one event of it where it is a stream.
    type Answer: Answer;

    /// Makes the operation from the path's parameter, what stands behind the path, and the body.
    fn from_request(parameter: &str, query: Self::Query, body: Self::Body) -> Result<Self, Problem>;

    /// Why it is asked, for the audit line, where its caller says so.
    fn reason(&self) -> Option<&str> {
        None
    }

    /// What it touches.
    fn target(&self) -> Target;
}

/// An answer on the wire.
pub trait Answer: Serialize + Send {
    /// The HTTP status; 200 unless something was made.
    fn status(&self) -> u16 {
        200
    }

    /// The media type, where the answer is a text of its own and no document of JSON or CBOR.
    const TEXT: Option<&'static str> = None;

    /// That text.
    fn into_text(self) -> String
    where
        Self: Sized,
    {
        String::new()
    }

    /// About how many bytes it takes as it travels: room is made for so many at once.
    fn bytes(&self) -> usize {
        1_024
    }
}
