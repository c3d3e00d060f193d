//! A quorum queue: published with confirms, delivered to a consumer, acknowledged.
//!
//! In favour of RabbitMQ: a batch is published at once and confirmed together, deliveries are pushed
//! ahead, one acknowledgement stands for a batch, and nobody waits until it is stored: the protocol
//! has no answer to it.

use crate::body::Ledger;
use crate::failure::{Failure, Tried as _};
use crate::tasks::Client;
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use std::net::SocketAddr;
use std::time::Duration;

const QUEUE: &str = "jobs";
/// Acknowledgements are not answered, so the count at the end may be asked for too early.
const LEFT_TRIES: u32 = 200;
const LEFT_WAIT: Duration = Duration::from_millis(50);

/// One connection, one channel, one consumer.
pub(crate) struct Rabbitmq {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
}

impl Client for Rabbitmq {
    async fn open(address: SocketAddr, batch: u32) -> Result<Self, Failure> {
        let connection = connect(address).await?;
        let (channel, consumer) = consume(&connection, batch).await?;
        Ok(Self { connection, channel, consumer })
    }

    async fn step(&mut self, batch: u32, ledger: &mut Ledger) -> Result<(), Failure> {
        let mut confirms = Vec::new();
        for _ in 0..batch {
            let body = ledger.produce();
            let published = self.channel.basic_publish(
                ShortString::default(),
                QUEUE.into(),
                BasicPublishOptions::default(),
                &body,
                BasicProperties::default().with_delivery_mode(2),
            );
            confirms.push(published.await.tried("publish a job")?);
        }
        for confirm in confirms {
            if !matches!(confirm.await.tried("wait for a confirm")?, Confirmation::Ack(_)) {
                return Err(Failure::new("RabbitMQ did not confirm a job"));
            }
        }
        let mut last = None;
        for _ in 0..batch {
            let delivery = self.consumer.next().await;
            let delivery = delivery.ok_or_else(|| Failure::new("RabbitMQ ended the deliveries"))?;
            let delivery = delivery.tried("be delivered a job")?;
            ledger.take(&delivery.data)?;
            last = Some(delivery);
        }
        if let Some(delivery) = last {
            let all = BasicAckOptions { multiple: true };
            delivery.acker.ack(all).await.tried("acknowledge jobs")?;
        }
        Ok(())
    }

    async fn rest(&mut self) -> Result<(), Failure> {
        // What was pushed ahead goes back to the queue and to the lanes that still work.
        self.channel.close(200, "rest".into()).await.tried("close the channel")
    }

    async fn wake(&mut self, batch: u32) -> Result<(), Failure> {
        (self.channel, self.consumer) = consume(&self.connection, batch).await?;
        Ok(())
    }

    async fn close(mut self) -> Result<(), Failure> {
        self.rest().await?;
        self.connection.close(200, "done".into()).await.tried("close the connection")
    }

    async fn left(address: SocketAddr) -> Result<u64, Failure> {
        let connection = connect(address).await?;
        let channel = connection.create_channel().await.tried("open a channel")?;
        let mut left = 0;
        for _ in 0..LEFT_TRIES {
            left = declare(&channel).await?;
            if left == 0 {
                break;
            }
            tokio::time::sleep(LEFT_WAIT).await;
        }
        connection.close(200, "done".into()).await.tried("close the connection")?;
        Ok(left)
    }
}

async fn connect(address: SocketAddr) -> Result<Connection, Failure> {
    let place = format!("amqp://guest:guest@{address}/%2f");
    let connection = Connection::connect(&place, ConnectionProperties::default()).await;
    connection.tried("connect to RabbitMQ")
}

/// A channel that confirms, with a consumer that is given a batch ahead.
async fn consume(connection: &Connection, batch: u32) -> Result<(Channel, Consumer), Failure> {
    let channel = connection.create_channel().await.tried("open a channel")?;
    declare(&channel).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.tried("ask for confirms")?;
    let ahead = u16::try_from(batch).tried("ask for deliveries")?;
    channel.basic_qos(ahead, BasicQosOptions::default()).await.tried("ask for deliveries")?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), ShortString::default(), options, none).await;
    Ok((channel, consumer.tried("consume")?))
}

/// Makes the queue where it is not there, and says how many jobs are ready in it.
async fn declare(channel: &Channel) -> Result<u64, Failure> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut kind = FieldTable::default();
    kind.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let queue = channel.queue_declare(QUEUE.into(), options, kind).await.tried("declare the queue")?;
    Ok(queue.message_count().into())
}
