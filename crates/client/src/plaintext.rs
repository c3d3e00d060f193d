//! What a reader does with bodies that are not sealed.

/// What a reader that has keys does with a body that does not say that it is sealed. Only what
/// the job declares counts; nobody guesses from the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlaintextPolicy {
    /// Take it and log a warning each time.
    Allow,
    /// Take it and log an error each time.
    AllowWithAlert,
    /// Do not take it: the job is held. The default once there are keys.
    #[default]
    Reject,
}
