//! The servers beside ours: the list, and one file for each that knows how it is started.

mod beanstalkd;
mod fetched;
mod list;
mod nats;
mod postgres;
mod rabbitmq;
mod redis;

pub(crate) use fetched::Fetched;
pub(crate) use list::{ALL, Candidate, Running};
