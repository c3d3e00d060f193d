//! What can be permitted. Which role holds what is the server's business.

/// The right to do one sort of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Create, list and revoke access keys.
    AccessManage,
    /// Send jobs to a queue.
    JobEnqueue,
    /// Read a job's metadata.
    JobRead,
    /// Lease and settle jobs of a queue.
    JobWork,
    /// Create a queue or change its settings.
    QueueConfigure,
    /// Read a queue's settings and counts.
    QueueRead,
    /// Read what the server is and how it is set up.
    ServerRead,
}

impl Permission {
    /// Every permission.
    pub const ALL: &'static [Self] = &[
        Self::AccessManage,
        Self::JobEnqueue,
        Self::JobRead,
        Self::JobWork,
        Self::QueueConfigure,
        Self::QueueRead,
        Self::ServerRead,
    ];

    /// The word in audit lines and in the matrix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessManage => "access.manage",
            Self::JobEnqueue => "job.enqueue",
            Self::JobRead => "job.read",
            Self::JobWork => "job.work",
            Self::QueueConfigure => "queue.configure",
            Self::QueueRead => "queue.read",
            Self::ServerRead => "server.read",
        }
    }
}
