//! The one door. Every request, whatever it asks, takes the same walk:
//!
//! ```text
//! authenticate ─▶ permitted at all? ─▶ read the body ─▶ authorise ─▶ admit ─▶ execute ─▶ audit line
//!   who?            by role              bounded          by what       now?     handler
//!                                                         it touches
//! ```
//! - [`Door`]: what the walk needs.
//! - [`Handle`]: what an operation's handler is. It receives [`Authorized`](crate::authz::Authorized).
//! - `delivery`: what an answer carries, and takes back when it reaches nobody.
//! - [`Stream`]: the same for operations whose answer is a stream of events.
//! - `walk`: the walk itself; `stream`: the end of it where the answer goes on. `routes`: every operation of the list, registered in one place.

mod delivery;
mod door;
mod routes;
mod stream;
mod walk;

pub use delivery::{Carried, Connection, Delivery, HeldOpen};
pub use door::Door;
pub use routes::routes;
pub use stream::{Stream, in_one_piece};
pub use walk::Handle;
