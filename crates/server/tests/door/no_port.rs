//! The door without its port, as whoever runs a whole server in one process asks it.

use std::sync::Arc;

use http::Request;
use sealane_crypto::random::{Random, SystemRandom};
use sealane_crypto::secret::Key;
use sealane_server::authn::Environment;
use sealane_server::clock::ServerClock;
use sealane_server::keys::{MasterKey, ServerKeys};
use sealane_server::service::{Parts, Service};
use sealane_storage::log::LogSettings;
use sealane_storage::testing::lossy_disk::LossyDisk;

use crate::support::DEADLINE;

#[tokio::test]
async fn a_stream_is_refused_where_an_answer_is_taken_whole() {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let master = MasterKey::from_key(Key::new([7; 32]));
    let keys = ServerKeys::on_disk(Arc::new(LossyDisk::new()), master, Arc::clone(&random)).expect("keys");
    let environment = Environment::parse("live").expect("a word");
    let (disk, log) = (Arc::new(LossyDisk::new()), LogSettings::default());
    let parts = Parts { keys, disk, log, environment, random };
    let (service, engine) =
        Service::open(parts, |last_at| Arc::new(ServerClock::start(last_at))).expect("it opens");
    let engine = tokio::spawn(engine.run());
    let first = service.first_key().expect("random bytes").expect("nobody has a key yet");
    let key = first.text().reveal();
    service.store_first_key(first).await.expect("it is stored");
    let ask = |path: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer {key}"));
        service.answer(request.body(Vec::new()).expect("a request"))
    };
    let answer =
        tokio::time::timeout(DEADLINE, ask("/v1/events")).await.expect("it does not wait for an end");
    let text = String::from_utf8(answer.body().clone()).expect("text");
    assert_eq!(answer.status(), 400, "{text}");
    assert!(text.contains("invalid_request") && text.contains("at the server's port"), "{text}");
    let id = answer.headers()["x-request-id"].to_str().expect("text");
    assert!(!id.is_empty() && text.contains(id), "{text}");
    // Everything else is answered whole, and the stream that nobody reads takes no place.
    for _ in 0..2 * sealane_core::limits::EVENT_STREAMS_OF_PRINCIPAL_MAX {
        assert_eq!(ask("/v1/events").await.status(), 400);
        tokio::task::yield_now().await;
    }
    assert_eq!(ask("/v1/queues").await.status(), 200);
    service.drain().await;
    drop(service);
    engine.abort();
}
