//! The life of jobs as the server tells it.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use sealane_api::operation::{EventWatch, Operation as _};
use sealane_api::problem::{Code, Problem};
use sealane_api::v1::{EventEnd, EventsIn};
use serde::de::DeserializeOwned;

use super::answer::not_understood;
use super::event_text::{Block, EventText};
use super::exchange::Server;
use super::transport::Pieces;
use crate::error::Error;
use crate::provider::{EventSource, Heard};

/// A server that is there gives a sign of life every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);

impl Server {
    pub(super) async fn open_events(&self, wish: &EventsIn) -> Result<Box<dyn EventSource>, Error> {
        let path = format!("{}?{}", EventWatch::PATH, wish.query());
        let pieces = self.open::<EventWatch>(&path, wish.last_event_id.as_deref()).await?;
        Ok(Box::new(ServerEvents { pieces, text: EventText::default(), blocks: VecDeque::new() }))
    }
}

/// One connection.
struct ServerEvents {
    pieces: Box<dyn Pieces>,
    text: EventText,
    /// Of one piece, the first to be heard in front.
    blocks: VecDeque<Block>,
}

#[async_trait]
impl EventSource for ServerEvents {
    async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            if let Some(block) = self.blocks.pop_front() {
                match understood(block)? {
                    Some(heard) => return Ok(heard),
                    None => continue,
                }
            }
            let Some(piece) = self.pieces.next(SILENCE_MAX).await? else { return Ok(Heard::End) };
            self.text.take(&piece, &mut self.blocks).map_err(|detail| answer(detail.to_owned()))?;
        }
    }
}

/// What a block says; nothing where only a newer version would know.
fn understood(block: Block) -> Result<Option<Heard>, Error> {
    let Block { name, id, data } = block;
    match (name.as_str(), data) {
        ("" | "message", Some(data)) => read(&data).map(|event| Some(Heard::Event(event))),
        ("reset", Some(data)) => read(&data).map(|reset| Some(Heard::Reset(reset))),
        ("end", Some(data)) => match read::<EventEnd>(&data) {
            // Why no end that is begun anew: the next connection would be told the same.
            Ok(end) if end.reason == EventEnd::OUT_OF_SIGHT => {
                Err(Error::refused(&Problem::new(Code::NotFound, end.detail)))
            }
            _ => Ok(Some(Heard::End)),
        },
        _ => Ok(id.map(Heard::Place)),
    }
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    // Why without the reader's own words: they may quote what came.
    serde_json::from_str(data).map_err(|_| answer("an event has another form".to_owned()))
}

fn answer(detail: String) -> Error {
    not_understood(StatusCode::OK, detail)
}
