//! A reader of server-sent events that was not written here, over the plain HTTP client.

use std::pin::Pin;
use std::task::{Context, Poll};

use eventsource_stream::{EventStream, EventStreamError};
use futures_core::Stream;
use serde_json::Value;

use crate::http::Http;
use crate::support::DEADLINE;

/// The answer's pieces as they come.
pub struct Pieces {
    answer: Option<reqwest::Response>,
    #[expect(clippy::type_complexity, reason = "what a call that is on its way is")]
    next: Option<Pin<Box<dyn Future<Output = (reqwest::Response, reqwest::Result<Option<Vec<u8>>>)> + Send>>>,
}

impl Stream for Pieces {
    type Item = reqwest::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(mut answer) = self.answer.take() {
            self.next = Some(Box::pin(async move {
                let piece = answer.chunk().await;
                (answer, piece.map(|piece| piece.map(|bytes| bytes.to_vec())))
            }));
        }
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let Poll::Ready((answer, piece)) = next.as_mut().poll(context) else { return Poll::Pending };
        self.next = None;
        if matches!(piece, Ok(Some(_))) {
            self.answer = Some(answer);
        }
        Poll::Ready(piece.transpose())
    }
}

/// One open stream.
pub struct Reader {
    events: Pin<Box<EventStream<Pieces>>>,
}

/// An event as the reader understood it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub name: String,
    pub id: String,
    pub data: Value,
}

impl Heard {
    /// Type and state, to be compared at one glance.
    pub fn in_short(&self) -> String {
        match self.name.as_str() {
            "message" => format!("{} {}", self.data["type"], self.data["state"]).replace('"', ""),
            name => name.to_owned(),
        }
    }
}

impl Reader {
    /// The next event; nothing where the server ended the stream.
    pub async fn next(&mut self) -> Option<Heard> {
        let next = std::future::poll_fn(|context| self.events.as_mut().poll_next(context));
        let event = match tokio::time::timeout(DEADLINE, next).await.expect("an event, or the end")? {
            Ok(event) => event,
            Err(EventStreamError::Transport(_)) => return None,
            Err(error) => panic!("the stream is not what the standard says: {error}"),
        };
        let data = serde_json::from_str(&event.data).expect("JSON");
        Some(Heard { name: event.event, id: event.id, data })
    }

    /// So many events.
    pub async fn take(&mut self, count: usize) -> Vec<Heard> {
        let mut heard = Vec::with_capacity(count);
        while heard.len() < count {
            heard.push(self.next().await.expect("the stream goes on"));
        }
        heard
    }
}

impl Http {
    /// Opens a stream; `query` with its question mark.
    pub async fn listen(&self, query: &str) -> Reader {
        self.listen_behind(query, None).await
    }

    /// The same as a reader does it that begins anew by itself.
    pub async fn listen_behind(&self, query: &str, last: Option<&str>) -> Reader {
        let request = self.request("GET", &format!("/v1/events{query}"), "");
        let mut request = request.header("authorization", format!("Bearer {}", self.key));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/event-stream".parse().expect("a header"))
        );
        Reader { events: Box::pin(EventStream::new(Pieces { answer: Some(answer), next: None })) }
    }
}
