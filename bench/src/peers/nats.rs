//! A JetStream work queue in files with one durable pull consumer: published and answered by the
//! stream, fetched, acknowledged with an answer.
//!
//! In favour of NATS: a batch is published without waiting in between, fetched by one request, and
//! its acknowledgements wait for their answers together.

use crate::body::Ledger;
use crate::failure::{Failure, Tried as _};
use crate::tasks::Client;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use std::net::SocketAddr;
use std::time::Duration;

const NAME: &str = "jobs";
const FETCH_TIME: Duration = Duration::from_secs(5);
/// With a sync for each message, thousands that are sent at once wait long for their turn.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
const FETCHES_MAX: u32 = 100;

/// One connection.
pub(crate) struct Nats {
    jetstream: Context,
    consumer: PullConsumer,
}

impl Client for Nats {
    async fn open(address: SocketAddr, _batch: u32) -> Result<Self, Failure> {
        let jetstream = connect(address).await?;
        let stream = jetstream.get_or_create_stream(config()).await.tried("make the stream")?;
        let config = pull::Config {
            durable_name: Some(NAME.to_owned()),
            ack_policy: AckPolicy::Explicit,
            max_ack_pending: 100_000,
            ..pull::Config::default()
        };
        let consumer = stream.get_or_create_consumer(NAME, config).await.tried("make the consumer")?;
        Ok(Self { jetstream, consumer })
    }

    async fn step(&mut self, batch: u32, ledger: &mut Ledger) -> Result<(), Failure> {
        let mut answers = Vec::new();
        for _ in 0..batch {
            let published = self.jetstream.publish(NAME, ledger.produce().into());
            answers.push(published.await.tried("publish a job")?.into_future());
        }
        try_join_all(answers).await.tried("wait for the stream's answers")?;
        let mut left = usize::try_from(batch).tried("count the jobs")?;
        for _ in 0..FETCHES_MAX {
            let fetch = self.consumer.fetch().max_messages(left).expires(FETCH_TIME);
            let mut messages = fetch.messages().await.tried("fetch jobs")?;
            let mut taken = Vec::new();
            while let Some(message) = messages.next().await {
                let message =
                    message.map_err(|cause| Failure::new(format!("could not fetch a job: {cause}")))?;
                ledger.take(&message.payload)?;
                taken.push(message);
            }
            left = left.saturating_sub(taken.len());
            let acknowledged = taken.iter().map(|message| message.double_ack());
            try_join_all(acknowledged)
                .await
                .map_err(|cause| Failure::new(format!("could not acknowledge a job: {cause}")))?;
            if left == 0 {
                return Ok(());
            }
        }
        Err(Failure::new("NATS does not hand out the jobs that were published"))
    }

    async fn close(self) -> Result<(), Failure> {
        Ok(())
    }

    async fn left(address: SocketAddr) -> Result<u64, Failure> {
        let stream = connect(address).await?.get_stream(NAME).await.tried("find the stream")?;
        Ok(stream.cached_info().state.messages)
    }
}

async fn connect(address: SocketAddr) -> Result<Context, Failure> {
    let options = async_nats::ConnectOptions::new().request_timeout(Some(ANSWER_TIME_MAX));
    let client = options.connect(address.to_string()).await.tried("connect to NATS")?;
    let mut jetstream = jetstream::new(client);
    jetstream.set_timeout(ANSWER_TIME_MAX);
    Ok(jetstream)
}

fn config() -> Config {
    Config {
        name: NAME.to_owned(),
        subjects: vec![NAME.to_owned()],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        ..Config::default()
    }
}
