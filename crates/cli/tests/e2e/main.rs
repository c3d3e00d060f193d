//! The binary as a user has it: real processes, real disk, real signals.

mod batches;
mod bench;
mod clock;
mod cloning;
mod data_dir;
mod doctor;
mod events;
mod faults;
mod flows;
mod full_disk;
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
