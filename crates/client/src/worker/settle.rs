//! Telling the provider what became of a job. What is reported about a sealed job is sealed
//! first, or not reported.

use std::time::Duration;

use sealane_api::problem::Code;
use sealane_api::v1::{CompleteItem, FailItem, HoldItem, ReleaseItem, SettleResult};
use sealane_api::wire::Bytes;
use sealane_core::id::JobId;
use sealane_core::job::Category;
use sealane_core::limits;
use sealane_core::name::{ErrorCode, QueueName};
use sealane_envelope::Part;

use super::outcome::{ERROR_BYTES_MAX, Outcome};
use crate::client::Client;
use crate::error::Error;
use crate::retry::Chain;
use crate::sealing::PartPlace;

/// How an attempt ended for the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Completed,
    Failed,
    Held,
    Released,
    /// Handed back because jobs of its kind fail.
    TurnedAway,
    /// The lease was lost, or the provider could not be told.
    Unsettled,
}

/// One lease to settle.
pub(super) struct Lease {
    pub(super) queue: QueueName,
    pub(super) job: JobId,
    pub(super) attempt: u32,
    pub(super) receipt: String,
    pub(super) sealed: bool,
    /// The number of its next report.
    pub(super) next_report: u32,
}

impl Lease {
    pub(super) async fn settle(&self, client: &Client, outcome: Outcome) -> Ended {
        match outcome {
            Outcome::Complete(None) => self.complete(client, None).await,
            Outcome::Complete(Some(result)) => {
                let bytes = result.len();
                match self.report(client, Part::Result, result).await {
                    Some(report) if report.len() <= limits::OUTCOME_BYTES_MAX => {
                        self.complete(client, Some(report)).await
                    }
                    Some(report) => {
                        let error = format!(
                            "the result of {bytes} bytes takes {} as it travels and may take {}: store it elsewhere and return a reference",
                            report.len(),
                            limits::OUTCOME_BYTES_MAX
                        );
                        self.fail(client, (Category::Permanent, None), error.into_bytes(), None).await
                    }
                    None => self.fail(client, (Category::System, None), Vec::new(), None).await,
                }
            }
            Outcome::Fail { category, code, error, retry_after } => {
                self.fail(client, (category, code), error, retry_after).await
            }
            Outcome::Release { delay } => self.release(client, delay).await,
        }
    }

    async fn complete(&self, client: &Client, result: Option<Vec<u8>>) -> Ended {
        let item = CompleteItem { receipt: self.receipt.clone(), result: result.map(Bytes::from) };
        let lane = &client.gathering().complete;
        let answer = client.retry_gathered("lease.complete", || lane.join(item.clone())).await;
        self.ended(answer, Ended::Completed)
    }

    async fn fail(
        &self,
        client: &Client,
        (category, code): (Category, Option<String>),
        mut error: Vec<u8>,
        retry_after: Option<Duration>,
    ) -> Ended {
        // Why dropped and not refused: a failure with a code that is none is still a failure.
        let code = code.filter(|code| ErrorCode::parse(code).is_ok());
        error.drain(..error.len().saturating_sub(ERROR_BYTES_MAX));
        let error_fingerprint = if self.sealed && !error.is_empty() {
            client.sealing().error_fingerprint(&self.queue, &error).await.map(|print| print.to_vec().into())
        } else {
            None
        };
        let report = if error.is_empty() { None } else { self.report(client, Part::Error, error).await };
        let item = FailItem {
            receipt: self.receipt.clone(),
            error: report.map(Bytes::from),
            category: Some(category.as_str().to_owned()),
            code,
            error_fingerprint,
            retry_after_ms: retry_after.map(millis),
        };
        let lane = &client.gathering().fail;
        let answer = client.retry_gathered("lease.fail", || lane.join(item.clone())).await;
        self.ended(answer, Ended::Failed)
    }

    pub(super) async fn release(&self, client: &Client, delay: Duration) -> Ended {
        let delay_ms = Some(millis(delay)).filter(|ms| *ms > 0);
        let item = ReleaseItem { receipt: self.receipt.clone(), delay_ms };
        let lane = &client.gathering().release;
        let answer = client.retry_gathered("lease.release", || lane.join(item.clone())).await;
        self.ended(answer, Ended::Released)
    }

    pub(super) async fn hold(&self, client: &Client) -> Ended {
        let item = HoldItem { receipt: self.receipt.clone() };
        let lane = &client.gathering().hold;
        let answer = client.retry_gathered("lease.hold", || lane.join(item.clone())).await;
        self.ended(answer, Ended::Held)
    }

    /// The bytes to report, sealed if the job was; `None` where they cannot be sealed.
    pub(super) async fn report(&self, client: &Client, part: Part, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if !self.sealed {
            return Some(bytes);
        }
        let place = PartPlace { queue: &self.queue, job: self.job, part, attempt: self.attempt };
        match client.sealing().seal_part(&place, bytes).await {
            Ok(sealed) => Some(sealed),
            Err(error) => {
                tracing::error!(job = %self.job, error = %Chain(&error), "a report could not be sealed and is left out");
                None
            }
        }
    }

    fn ended(&self, answer: Result<SettleResult, Error>, ended: Ended) -> Ended {
        let error = match answer {
            Ok(settled) => match settled.error {
                None => return ended,
                Some(error) => Error::item(&error),
            },
            Err(error) => error,
        };
        if matches!(error.code(), Some(Code::LeaseLost | Code::SessionLockLost)) {
            tracing::warn!(job = %self.job, attempt = self.attempt, "the lease was lost before the job was settled");
        } else {
            tracing::error!(job = %self.job, attempt = self.attempt, error = %Chain(&error), "the job could not be settled");
        }
        Ended::Unsettled
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
