//! Owns what is asked of every server in the same way.

use std::fmt;

/// How many do how much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) connections: u32,
    pub(crate) batch: u32,
}

/// Bytes in a body beside other servers.
pub(crate) const BODY_BYTES: u32 = 1_024;

const fn setting(connections: u32, batch: u32) -> Setting {
    Setting { connections, batch }
}

/// Beside other servers.
pub(crate) const CYCLES: [Setting; 6] =
    [setting(1, 1), setting(8, 1), setting(64, 1), setting(1, 100), setting(8, 100), setting(64, 100)];

/// Of our own measurements.
pub(crate) const ALONE: [Setting; 5] =
    [setting(1, 1), setting(8, 1), setting(64, 1), setting(8, 100), setting(8, 1_000)];

/// The one that is judged.
pub(crate) const BAR: Setting = setting(8, 100);

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} × {}", self.connections, self.batch)
    }
}
