//! What an envelope is bound to besides its own header. Every value comes from the reader's own
//! knowledge of where it found the bytes, none from the bytes.

use sealane_crypto::commit::ContextHash;

/// Where a body belongs.
#[derive(Clone, Copy, Debug)]
pub struct BodyContext<'a> {
    /// The tenant.
    pub namespace: &'a str,
    /// The logical queue: for a moved job the one it was made for.
    pub queue: &'a str,
    /// The job.
    pub job_id: [u8; 16],
    /// The kind of job. An empty one is not bound.
    pub kind: &'a str,
    /// The job's session. An empty one counts as none.
    pub session_id: Option<&'a str>,
    /// The job's correlation id. An empty one counts as none.
    pub correlation_id: Option<&'a str>,
}

/// What a worker reports about a job, each sealed on its own.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// What the next attempt is to go on from.
    Checkpoint {
        /// The report's number in its attempt, the first being 0.
        seq: u32,
    },
    /// Why an attempt failed.
    Error,
    /// Lines of a log.
    Log {
        /// The report's number in its attempt, the first being 0.
        seq: u32,
    },
    /// How far a job is, in words.
    Progress {
        /// The report's number in its attempt, the first being 0.
        seq: u32,
    },
    /// What a completed job came to.
    Result,
}

impl Part {
    /// The part's name, as it is bound.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkpoint { .. } => "checkpoint",
            Self::Error => "error",
            Self::Log { .. } => "log",
            Self::Progress { .. } => "progress",
            Self::Result => "result",
        }
    }

    /// Which of the attempt's reports it came with. There is one result or error, and no number.
    #[must_use]
    pub const fn seq(self) -> Option<u32> {
        match self {
            Self::Checkpoint { seq } | Self::Log { seq } | Self::Progress { seq } => Some(seq),
            Self::Error | Self::Result => None,
        }
    }
}

/// Where a part belongs. Whoever knows job, queue and attempt can open it.
#[derive(Clone, Copy, Debug)]
pub struct PartContext<'a> {
    /// The tenant.
    pub namespace: &'a str,
    /// The logical queue of the job.
    pub queue: &'a str,
    /// The job.
    pub job_id: [u8; 16],
    /// Which part.
    pub part: Part,
    /// Which attempt reported it, the first being 1.
    pub attempt: u32,
}

impl BodyContext<'_> {
    pub(crate) fn hash(&self) -> ContextHash {
        let mut bound = [("", ""); 3];
        let mut count = 0;
        // Invariant: these names stand in ascending order.
        let candidates = [
            ("correlation-id", self.correlation_id.unwrap_or("")),
            ("kind", self.kind),
            ("session-id", self.session_id.unwrap_or("")),
        ];
        for pair in candidates {
            if !pair.1.is_empty() {
                bound[count] = pair;
                count += 1;
            }
        }
        ContextHash::new(self.namespace, self.queue, &bound[..count])
            .expect("three fixed names, written in ascending order")
    }
}

impl PartContext<'_> {
    pub(crate) fn hash(&self) -> ContextHash {
        let attempt = self.attempt.to_string();
        let seq = self.part.seq().map(|seq| seq.to_string());
        let bound = [
            ("$attempt", attempt.as_str()),
            ("$part", self.part.name()),
            ("$seq", seq.as_deref().unwrap_or("")),
        ];
        let names = if seq.is_some() { 3 } else { 2 };
        ContextHash::new(self.namespace, self.queue, &bound[..names])
            .expect("fixed names, written in ascending order")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: BodyContext<'_> = BodyContext {
        namespace: "acme",
        queue: "orders",
        job_id: [1; 16],
        kind: "invoice",
        session_id: Some("s"),
        correlation_id: None,
    };

    #[test]
    fn an_empty_value_is_an_absent_one() {
        assert_eq!(BODY.hash(), BodyContext { correlation_id: Some(""), ..BODY }.hash());
        assert_ne!(BODY.hash(), BodyContext { session_id: None, ..BODY }.hash());
        let bare = BodyContext { session_id: None, kind: "", ..BODY };
        assert_eq!(bare.hash(), ContextHash::new("acme", "orders", &[]).unwrap());
    }

    #[test]
    fn a_value_counts_under_its_own_name_only() {
        let session = BodyContext { session_id: Some("x"), correlation_id: None, ..BODY };
        let correlation = BodyContext { session_id: None, correlation_id: Some("x"), ..BODY };
        assert_ne!(session.hash(), correlation.hash());
        let all = BodyContext { correlation_id: Some("c"), ..BODY }.hash();
        let bound = [("correlation-id", "c"), ("kind", "invoice"), ("session-id", "s")];
        assert_eq!(all, ContextHash::new("acme", "orders", &bound).unwrap());
    }
}
