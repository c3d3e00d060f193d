//! Answers, read back from the bytes that travelled.

use http::Response;
use sealane::{JobId, JobOut};
use sealane_api::format::Format;
use sealane_api::problem::ProblemDocument;
use sealane_api::v1::{
    FlowAccepted, HeldSession, JobAccepted, JobBatchOut, JobBatchResult, JobStands, LeaseOut, LeasedJob,
    ScheduleOut, SessionAcceptOut, SessionStands, SessionStateOut, SettleResult, Settled,
};

use super::asked::{Asked, OfSession, read};

/// A job that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) id: JobId,
    pub(crate) state: String,
    pub(crate) created_ms: u64,
    /// Whether another one stood in.
    pub(crate) merged: bool,
}

impl From<JobAccepted> for Taken {
    fn from(accepted: JobAccepted) -> Self {
        Self {
            id: accepted.id.0,
            state: accepted.state.into_owned(),
            created_ms: accepted.created_at.0.unix_ms(),
            merged: accepted.merged,
        }
    }
}

/// What an answer says.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// For each job of the request, what was accepted or the code of the refusal.
    Accepted(Vec<Result<Taken, String>>),
    Done,
    Handed(Vec<LeasedJob>),
    /// A session in somebody's hands, or none.
    Held(Option<HeldSession>),
    /// The code.
    Refused(String),
    /// How often a schedule fired and left something out.
    Schedule {
        fired: u64,
        skips: u64,
    },
    /// For how long a session is held from now on; nothing where it is not.
    Holds(Option<u64>),
    /// What a session remembers.
    Remembered(Option<Vec<u8>>),
    Settled(Vec<SettleResult>),
    Shown(Box<JobOut>),
    Stands(JobStands),
    /// The jobs of a flow that was accepted.
    Submitted(Vec<JobId>),
}

impl Asked {
    /// Reads the answer to this.
    pub(super) fn read_answer(&self, answer: &Response<Vec<u8>>) -> Result<Answer, String> {
        let body = answer.body();
        if !answer.status().is_success() {
            let problem: ProblemDocument = Format::Json.read(body).map_err(|error| error.to_string())?;
            return Ok(Answer::Refused(problem.code));
        }
        Ok(match self {
            Self::Enqueue { batch: false, .. } => {
                Answer::Accepted(vec![Ok(read::<JobAccepted>(body)?.into())])
            }
            Self::Enqueue { batch: true, .. } => {
                let results = read::<JobBatchOut>(body)?.results.into_iter();
                Answer::Accepted(
                    results
                        .map(|result| match result {
                            JobBatchResult::Accepted(accepted) => Ok(accepted.into()),
                            JobBatchResult::Refused { error, .. } => Err(error.code),
                        })
                        .collect(),
                )
            }
            Self::Lease { .. } => Answer::Handed(read::<LeaseOut>(body)?.jobs),
            Self::Settle { .. } | Self::Extend { .. } => Answer::Settled(read::<Settled>(body)?.results),
            Self::Look { .. } => Answer::Shown(Box::new(read(body)?)),
            Self::Act { .. } => Answer::Stands(read(body)?),
            Self::Schedule { .. } => {
                let schedule: ScheduleOut = read(body)?;
                Answer::Schedule { fired: schedule.fired, skips: schedule.skips }
            }
            Self::Submit { .. } => {
                let nodes = read::<FlowAccepted>(body)?.nodes.into_iter();
                Answer::Submitted(nodes.map(|node| node.id.0).collect())
            }
            Self::SessionAccept { .. } => Answer::Held(read::<SessionAcceptOut>(body)?.session),
            Self::SessionOf { what: OfSession::Read, .. } => {
                Answer::Remembered(read::<SessionStateOut>(body)?.state.map(Vec::from))
            }
            Self::SessionOf { .. } => Answer::Holds(read::<SessionStands>(body)?.hold_ms),
            Self::CancelFlow { .. }
            | Self::Mode { .. }
            | Self::Other
            | Self::PutQueue { .. }
            | Self::SessionBreak { .. }
            | Self::Sweep { .. } => Answer::Done,
        })
    }
}
