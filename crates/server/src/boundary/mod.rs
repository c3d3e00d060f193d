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
//! - `walk`: the walk itself. `routes`: every operation of the list, registered in one place.

mod delivery;
mod door;
mod routes;
mod walk;

pub use delivery::{Carried, Connection, Delivery, HeldOpen};
pub use door::Door;
pub use routes::routes;
pub use walk::Handle;
