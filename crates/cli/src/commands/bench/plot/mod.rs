//! `sealane bench plot`: latency over load, as a picture.

mod axis;
mod command;
mod picture;
mod series;

pub(super) use command::{Plot, run};
