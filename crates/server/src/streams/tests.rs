//! One stream in virtual time, with the connection's end in the test's hand.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::HttpBody;
use sealane_api::v1::{EventWish, EventsIn};
use sealane_core::control::{AccessKey, Control, ControlEvent, QueuePattern, Role};
use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::{KeyId, Principal, QueueName};
use sealane_core::queue::feed::{Incarnation, Step, What};
use sealane_core::time::{Millis, Time};
use sealane_crypto::secret::Key;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::body::{Outlet, StreamBody, outlet};
use super::driver::{EventStream, Over};
use super::places::Streams;
use crate::authn::{AccessKeys, Environment};
use crate::clock::Clock;
use crate::runtime::Events;

const START: u64 = 1_767_225_600_000;
const KEY_LIFE: Duration = Duration::from_secs(3_600);

/// Does something just before somebody is told the time.
type AtLook = Box<dyn FnMut() + Send>;

/// Follows the runtime's timers, which the tests move.
struct Virtual {
    began: Instant,
    at_look: Mutex<Option<AtLook>>,
}

impl Clock for Virtual {
    fn now(&self) -> Time {
        if let Some(act) = &mut *self.at_look.lock().unwrap() {
            act();
        }
        let since = u64::try_from(self.began.elapsed().as_millis()).expect("short");
        Time::from_unix_ms(START).plus(Millis::new(since))
    }
}

struct Stage {
    control: Control,
    access_keys: Arc<AccessKeys>,
    events: Arc<Events>,
    draining: watch::Sender<bool>,
    clock: Arc<Virtual>,
    streams: Arc<Streams>,
    cut: Arc<AtomicBool>,
    began: Instant,
    told: u64,
}

impl Stage {
    fn new() -> Self {
        let mut control = Control::default();
        for role in [Role::Admin, Role::Worker] {
            control.evolve(&ControlEvent::AccessKeyCreated(Self::key(role)));
        }
        let access_keys = AccessKeys::new(&Key::new([1; 32]), Environment::parse("live").unwrap());
        access_keys.replace(control.clone());
        Self {
            control,
            access_keys: Arc::new(access_keys),
            events: Arc::new(Events::new(Incarnation(7))),
            draining: watch::Sender::new(false),
            clock: Arc::new(Virtual { began: Instant::now(), at_look: Mutex::new(None) }),
            streams: Arc::default(),
            cut: Arc::default(),
            began: Instant::now(),
            told: 0,
        }
    }

    fn key(role: Role) -> AccessKey {
        let id = if role == Role::Admin { "aaaaaaaaaaaaaaaa" } else { "bbbbbbbbbbbbbbbb" };
        AccessKey {
            id: KeyId::parse(id).unwrap(),
            principal: Principal::parse("p").unwrap(),
            role,
            queues: vec![QueuePattern::any()],
            hash: [0; 32],
            created_at: Time::from_unix_ms(START),
            expires_at: Time::from_unix_ms(START).plus(Millis::from_secs(KEY_LIFE.as_secs())),
            revoked_at: None,
        }
    }

    fn open(&self) -> (JoinHandle<(Over, u64)>, Pin<Box<StreamBody>>) {
        self.open_for(&EventsIn::default())
    }

    fn open_for(&self, wish: &EventsIn) -> (JoinHandle<(Over, u64)>, Pin<Box<StreamBody>>) {
        let wish = EventWish::try_from(wish).unwrap();
        let stream = EventStream::new(
            &Self::key(Role::Worker),
            wish,
            Arc::clone(&self.events),
            Arc::clone(&self.access_keys),
            self.draining.subscribe(),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            self.streams.take(&Principal::parse("p").unwrap()).unwrap(),
        );
        let (outlet, body): (Outlet, StreamBody) = outlet();
        let cut = Arc::clone(&self.cut);
        (tokio::spawn(stream.run(outlet, move || cut.store(true, Ordering::SeqCst))), Box::pin(body))
    }

    fn step() -> Step {
        Step {
            job: JobId::from_bytes([1; 16]),
            at: Time::from_unix_ms(START),
            queue: QueueName::parse("q").unwrap(),
            owner: Arc::new(Principal::parse("p").unwrap()),
            attempt: 0,
            state: State::Ready,
            what: What::Accepted,
        }
    }

    fn happen(&mut self, count: usize) {
        self.events.publish(&mut (0..count).map(|_| Self::step()).collect());
        self.told += u64::try_from(count).unwrap();
    }

    /// Lets something happen whenever a stream looks at the clock from here on.
    fn at_look(&self, act: impl FnMut() + Send + 'static) {
        *self.clock.at_look.lock().unwrap() = Some(Box::new(act));
    }

    fn revoke(&mut self) {
        let revoked = self.control.revoke_key(self.clock.now(), &Self::key(Role::Worker).id).unwrap();
        self.control.evolve(&revoked);
        self.access_keys.replace(self.control.clone());
    }
}

/// The next piece; nothing at the end.
async fn piece(body: &mut Pin<Box<StreamBody>>) -> Option<String> {
    let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await?;
    let bytes = frame.unwrap_or_else(|never| match never {}).into_data().expect("data");
    Some(String::from_utf8(bytes.to_vec()).expect("text"))
}

/// Pieces until one has this in it.
async fn until(body: &mut Pin<Box<StreamBody>>, what: &str) -> String {
    loop {
        let piece = piece(body).await.expect("the stream goes on");
        if piece.contains(what) {
            return piece;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_gives_a_sign_of_life_with_its_place_every_15_s() {
    let mut stage = Stage::new();
    let (_running, mut body) = stage.open();
    let opening = piece(&mut body).await.unwrap();
    assert_eq!(opening, "retry: 1000\n\n:\nid: 0000000000000007-0\n\n");
    tokio::time::advance(Duration::from_secs(5)).await;
    stage.happen(1);
    assert!(until(&mut body, "data: ").await.starts_with("id: 0000000000000007-1\ndata: {"));
    for beat in 1..=3_u64 {
        assert_eq!(piece(&mut body).await.unwrap(), ":\nid: 0000000000000007-1\n\n");
        assert_eq!(stage.began.elapsed().as_secs(), 5 + 15 * beat, "15 s after the last word");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_told_nothing_gives_its_sign_of_life_however_much_happens() {
    const MOST: u32 = 1_000;
    let mut stage = Stage::new();
    let wish = EventsIn { types: vec!["dead".to_owned()], ..EventsIn::default() };
    let (_running, mut body) = stage.open_for(&wish);
    piece(&mut body).await;
    // In every round there is one more, of those that are not for this reader.
    let (events, mut happened) = (Arc::clone(&stage.events), 0);
    stage.at_look(move || {
        if happened < MOST {
            happened += 1;
            events.publish(&mut vec![Stage::step()]);
        }
    });
    stage.happen(1);
    tokio::time::advance(Duration::from_secs(15)).await;
    let alive = piece(&mut body).await.unwrap();
    let place = alive.strip_prefix(":\nid: 0000000000000007-").expect("a sign of life").trim_end();
    assert!((1..10).contains(&place.parse::<u32>().unwrap()), "at once and not after all of it: {alive}");
}

// attack 35
#[tokio::test(start_paused = true)]
async fn what_happens_after_the_end_of_the_key_is_not_told_even_where_it_was_read_already() {
    let mut stage = Stage::new();
    let (running, mut body) = stage.open();
    piece(&mut body).await;
    tokio::task::yield_now().await;
    // The round's first look finds the key as it was; it is revoked before the second one.
    let revoked = stage.control.revoke_key(stage.clock.now(), &Stage::key(Role::Worker).id).unwrap();
    stage.control.evolve(&revoked);
    let (access_keys, control, mut looks) = (Arc::clone(&stage.access_keys), stage.control.clone(), 0);
    stage.at_look(move || {
        looks += 1;
        if looks == 2 {
            access_keys.replace(control.clone());
        }
    });
    stage.happen(1);
    let last = piece(&mut body).await.unwrap();
    assert!(last.starts_with("event: end\n") && last.contains("key_ended"), "{last}");
    assert_eq!(piece(&mut body).await, None);
    drop(body);
    assert_eq!(running.await.unwrap(), (Over::KeyEnded, 0));
}

// attack 35
#[tokio::test(start_paused = true)]
async fn a_stream_is_over_with_its_key() {
    for revoked in [true, false] {
        let mut stage = Stage::new();
        let (running, mut body) = stage.open();
        stage.happen(1);
        until(&mut body, "data: ").await;
        let at = if revoked {
            stage.revoke();
            Duration::ZERO
        } else {
            KEY_LIFE
        };
        let last = until(&mut body, "event: end").await;
        assert!(last.contains(r#""reason":"key_ended""#), "{last}");
        let late = stage.began.elapsed() - at;
        assert!(late < Duration::from_secs(1), "{late:?} late");
        assert_eq!(piece(&mut body).await, None);
        drop(body);
        assert_eq!(running.await.unwrap(), (Over::KeyEnded, 1));
        assert!(!stage.cut.load(Ordering::SeqCst), "the connection let go by itself");
    }
}

// attack 35
// attack 51
#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_is_cut_with_its_key_and_soon_without() {
    for revoked in [true, false] {
        let mut stage = Stage::new();
        let (running, _body) = stage.open();
        stage.happen(limits::EVENTS_AT_ONCE_MAX);
        if revoked {
            tokio::task::yield_now().await;
            stage.revoke();
        }
        let (over, _) = running.await.unwrap();
        assert!(stage.cut.load(Ordering::SeqCst));
        let took = stage.began.elapsed();
        if revoked {
            assert_eq!(over, Over::KeyEnded);
            assert!(took < Duration::from_secs(1), "{took:?}");
        } else {
            assert_eq!(over, Over::ReaderStalled);
            let most = Duration::from_millis(limits::EVENT_STALL_MS_MAX);
            assert!(took >= most && took < most + Duration::from_secs(1), "{took:?}");
        }
        let again: Vec<_> = (0..limits::EVENT_STREAMS_OF_PRINCIPAL_MAX).map(|_| stage.open()).collect();
        assert_eq!(again.len(), limits::EVENT_STREAMS_OF_PRINCIPAL_MAX, "its place is free again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_for_a_while_has_one_piece_waiting_and_then_a_reset() {
    let mut stage = Stage::new();
    let (_running, mut body) = stage.open();
    stage.happen(1);
    // It has the opening in its hands and goes away for a moment.
    tokio::task::yield_now().await;
    stage.happen(limits::EVENTS_KEPT_MAX + limits::EVENTS_AT_ONCE_MAX + 2);
    assert!(piece(&mut body).await.unwrap().starts_with("retry"));
    let next = piece(&mut body).await.unwrap();
    assert!(next.starts_with("event: reset\n"), "{next}");
    assert!(next.contains(&format!("id: 0000000000000007-{}\n", stage.told)), "to now: {next}");
    stage.happen(2);
    let after = piece(&mut body).await.unwrap();
    assert_eq!(after.matches("data: ").count(), 2, "{after}");
}

#[tokio::test(start_paused = true)]
async fn so_many_events_are_one_piece_and_the_next_one_is_another() {
    let mut stage = Stage::new();
    let (_running, mut body) = stage.open();
    piece(&mut body).await;
    stage.happen(limits::EVENTS_AT_ONCE_MAX + 1);
    let pieces = [piece(&mut body).await.unwrap(), piece(&mut body).await.unwrap()];
    assert_eq!(pieces.map(|piece| piece.matches("data: ").count()), [limits::EVENTS_AT_ONCE_MAX, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_says_so_and_waits_for_no_stream() {
    let mut stage = Stage::new();
    let (running, mut body) = stage.open();
    stage.happen(1);
    until(&mut body, "data: ").await;
    stage.draining.send_replace(true);
    assert!(until(&mut body, "event: end").await.contains(r#""reason":"draining""#));
    assert_eq!(piece(&mut body).await, None);
    drop(body);
    assert_eq!(running.await.unwrap(), (Over::Draining, 1));
    let mut late = pin!(stage.open().0);
    assert_eq!(late.as_mut().await.unwrap().0, Over::Draining, "also one that came too late");
    assert!(stage.began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_ends_its_stream() {
    let stage = Stage::new();
    let (running, mut body) = stage.open();
    piece(&mut body).await;
    drop(body);
    assert_eq!(running.await.unwrap(), (Over::ReaderGone, 0));
    assert!(stage.began.elapsed() < Duration::from_secs(1) && !stage.cut.load(Ordering::SeqCst));
}
