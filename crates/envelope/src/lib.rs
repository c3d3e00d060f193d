//! The sealed envelope: seal, open and the keyrings behind them.
//!
//! A producer writes an envelope instead of a body, and only a consumer with the right key can
//! open it. `SPEC.md` beside this crate is the contract, byte by byte; this crate carries it
//! out. It knows no network and no server. Time, randomness and keys are handed in: [`Clock`],
//! [`Random`](sealane_crypto::Random) and [`keys::KeyProvider`].
//!
//! Start reading at [`Envelope`]. [`inspect`] shows what anybody can see of a sealed body,
//! [`keys`] is where keys live, [`raw`] is the floor below, for vectors and tests.

mod clock;
mod cloning;
mod content;
mod context;
mod data_keys;
mod envelope;
mod error;
mod fingerprint;
mod format;
mod inspection;
pub mod keys;
mod open;
pub mod raw;
pub mod recipient;
mod seal;
mod session_state;
mod template;

pub use clock::{Clock, SystemClock};
pub use content::{Content, Opened};
pub use context::{BodyContext, Part, PartContext};
pub use envelope::Envelope;
pub use error::{ContentError, OpenError, SealError};
pub use inspection::{InspectedRecipient, Inspection, inspect};
pub use sealane_core::sealed::{CONTENT_TYPE, SyntaxError};
pub use session_state::SessionContext;
pub use template::TemplateContext;
