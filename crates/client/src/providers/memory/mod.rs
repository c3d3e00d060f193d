//! Jobs inside this process, by the very machine that runs inside a server: for tests of code
//! that sends and works, with the real rules about leases, repeats, retries and time.
//!
//! Nothing is durable, nobody is authenticated. Timers wake sleepers when something is due;
//! nothing polls.

mod acts;
mod dead_letter;
mod events;
mod flows;
mod machine;
mod operations;
mod receipt;
mod records;
mod reports;
mod schedules;
mod sessions;
mod together;
mod view;

pub use operations::Memory;
