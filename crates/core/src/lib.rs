//! What a queue *is*: a deterministic state machine.
//!
//! This crate performs no input or output, reads no clock and draws no random number: time, ids and
//! random values are arguments, and a stored record is an opaque reference that only the journal can
//! resolve. [`queue::Shard::decide`] judges a command, [`queue::Shard::evolve`] applies an event, and
//! recovery is nothing but `evolve` over the events that were stored.
//!
//! Start reading at [`queue`]. [`control`] is the second machine (access keys). [`sealed`] knows the
//! shape of a sealed body, not how to open one.

pub mod cadence;
pub mod control;
pub mod id;
pub mod job;
pub mod limits;
pub mod name;
pub mod queue;
pub mod record;
pub mod retry;
pub mod sealed;
pub mod time;
pub mod token;
