//! One file for each server: how it is asked to do the work.

pub(crate) mod beanstalkd;
pub(crate) mod nats;
pub(crate) mod postgres;
pub(crate) mod rabbitmq;
pub(crate) mod redis_lists;
pub(crate) mod redis_streams;
mod resp;
