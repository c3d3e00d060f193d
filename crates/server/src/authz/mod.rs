//! May they? The second room behind the door.
//!
//! - [`role`]: which role holds which permission.
//! - [`Authorized`]: an operation together with the proof that its caller may ask it. Handlers take
//!   nothing else, and only [`authorise`] makes it.

mod authorise;
pub mod role;

pub use authorise::{Authorized, Standing, authorise, permits, permits_on, sees};
