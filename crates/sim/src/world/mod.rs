//! The world around server and clients: time, disk, network, and what goes wrong in it.
//!
//! - [`clock`]: the server's clock, which follows the runtime's timers.
//! - [`host`]: the machine that the server runs on; it can be cut off from power.
//! - [`network`]: what lies between clients and server.
//! - [`fate`]: what happens to the server, and when.

mod clock;
mod fate;
mod host;
mod network;

pub(crate) use crate::plan::Network;
pub(crate) use clock::WALL_MS;
pub(crate) use fate::{Wind, tempt};
pub(crate) use host::{Host, Loss};
pub(crate) use network::{Links, PLACE, Wire};
