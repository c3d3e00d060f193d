//! The binary as a user has it: real processes, real disk, real signals.

mod batches;
mod bench;
mod cloning;
mod data_dir;
mod events;
mod flows;
mod journey;
mod keys;
mod kill;
mod leaks;
mod life;
mod limits;
mod reports;
mod schedules;
mod sessions;
mod support;
mod sync_order;
mod webhooks;
