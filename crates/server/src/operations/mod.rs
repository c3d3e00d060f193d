//! What is done once the door has let a request through: one file per noun.

mod access;
mod acts;
mod bodies;
mod dead_letter;
mod digest;
mod events;
mod flows;
mod job_list;
mod jobs;
mod keys;
mod leases;
mod metrics;
mod queues;
mod schedules;
mod server;
mod sessions;

pub(crate) use access::DEFAULT_TTL as DEFAULT_KEY_TTL;
pub use digest::JobDigests;
