//! What can be permitted. Which role holds what is the server's business.

/// The right to do one sort of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Create, list and revoke access keys.
    AccessManage,
    /// List a queue's dead-letter.
    DeadLetterRead,
    /// Re-drive and purge dead-letter and other ended jobs.
    DeadLetterManage,
    /// Read what an ended job was sent with, its body as it is stored included.
    JobBodyRead,
    /// End jobs that are not wanted any more.
    JobCancel,
    /// Send jobs to a queue.
    JobEnqueue,
    /// Hold, release, promote, re-prioritise and move jobs.
    JobManage,
    /// Read a job's metadata.
    JobRead,
    /// Lease and settle jobs of a queue.
    JobWork,
    /// Read what monitoring reads.
    MetricsRead,
    /// Create a queue or change its settings.
    QueueConfigure,
    /// Read a queue's settings and counts.
    QueueRead,
    /// Put, pause, resume, fire and remove schedules.
    ScheduleManage,
    /// Read schedules.
    ScheduleRead,
    /// Decide about the server itself.
    ServerManage,
    /// Read what the server is and how it is set up.
    ServerRead,
}

impl Permission {
    /// Every permission.
    pub const ALL: &'static [Self] = &[
        Self::AccessManage,
        Self::DeadLetterManage,
        Self::DeadLetterRead,
        Self::JobBodyRead,
        Self::JobCancel,
        Self::JobEnqueue,
        Self::JobManage,
        Self::JobRead,
        Self::JobWork,
        Self::MetricsRead,
        Self::QueueConfigure,
        Self::QueueRead,
        Self::ScheduleManage,
        Self::ScheduleRead,
        Self::ServerManage,
        Self::ServerRead,
    ];

    /// The word in audit lines and in the matrix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessManage => "access.manage",
            Self::DeadLetterManage => "dead_letter.manage",
            Self::DeadLetterRead => "dead_letter.read",
            Self::JobBodyRead => "job.body.read",
            Self::JobCancel => "job.cancel",
            Self::JobManage => "job.manage",
            Self::JobEnqueue => "job.enqueue",
            Self::JobRead => "job.read",
            Self::JobWork => "job.work",
            Self::MetricsRead => "metrics.read",
            Self::QueueConfigure => "queue.configure",
            Self::QueueRead => "queue.read",
            Self::ScheduleManage => "schedule.manage",
            Self::ScheduleRead => "schedule.read",
            Self::ServerManage => "server.manage",
            Self::ServerRead => "server.read",
        }
    }
}
