//! The server in this process, on a disk that loses what was not synced, reached over TLS.

mod bad_input;
mod bulk_work;
mod certificate;
mod dead_letter;
mod durability;
mod event_reader;
mod events;
mod flows;
mod formats;
mod gone;
mod http;
mod job_list;
mod keys;
mod life;
mod limits;
mod numbers;
mod numbers_base;
mod published;
mod reports;
mod run_limits;
mod schedules;
mod sessions;
mod strangers;
mod support;
mod together;
mod wire;
