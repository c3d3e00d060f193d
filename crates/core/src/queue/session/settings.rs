//! What a queue says about its sessions.

use crate::job::words;
use crate::limits;
use crate::queue::settings::SettingsError;
use crate::time::Millis;

words! {
    /// Whether the jobs of one session are kept in their order.
    SessionMode {
        /// A session id is data like other data. The default.
        Off = "off" / 1,
        /// Jobs with a session id are kept in order; those without one are not.
        On = "on" / 2,
        /// The same, and jobs without a session id are refused.
        Required = "required" / 3,
    }
}

/// What a queue says about its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// Whether there are any.
    pub mode: SessionMode,
    /// How long a session's holder may have no job of it and say nothing.
    pub idle: Millis,
    /// How long a session is held at most, however often that is renewed.
    pub hold: Millis,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { mode: SessionMode::Off, idle: Millis::from_secs(60), hold: Millis::from_secs(60 * 60) }
    }
}

impl SessionSettings {
    /// Whether the queue keeps the jobs of a session in order.
    pub fn are_kept(&self) -> bool {
        self.mode != SessionMode::Off
    }

    /// Refuses what is out of its bounds.
    pub(in crate::queue) fn check(&self) -> Result<(), SettingsError> {
        if !(limits::LEASE_MS_MIN..=limits::SESSION_IDLE_MS_MAX).contains(&self.idle.get()) {
            return Err(SettingsError::SessionIdle);
        }
        if !(limits::LEASE_MS_MIN..=limits::SESSION_HOLD_MS_MAX).contains(&self.hold.get()) {
            return Err(SettingsError::SessionHold);
        }
        Ok(())
    }
}
