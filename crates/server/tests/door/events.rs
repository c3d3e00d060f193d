//! The life of jobs as it is told to those who listen, through the door.

use std::sync::Arc;

use sealane_core::limits;
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::event_reader::Heard;
use crate::http::{Http, Reply, job};
use crate::support::{Home, Running};

async fn server() -> (Home, LossyDisk, Running, Http) {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    for queue in ["a.one", "b.one"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    (home, disk, server, admin)
}

impl Http {
    async fn send_job(&self, queue: &str) -> String {
        let sent = self.post(&format!("/v1/queues/{queue}/jobs"), &job("x")).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        sent.json["id"].as_str().expect("an id").to_owned()
    }

    async fn take_one(&self, queue: &str) -> Value {
        let leased = self.post(&format!("/v1/queues/{queue}/leases"), &json!({"lease_ms": 60_000})).await;
        leased.json["jobs"][0]["receipt"].clone()
    }

    /// Where a stream begins that is opened now, as its first piece says.
    async fn place(&self) -> String {
        let request =
            self.request("GET", "/v1/events", "").header("authorization", format!("Bearer {}", self.key));
        let first =
            request.send().await.expect("an answer").chunk().await.expect("a piece").expect("a piece");
        let first = String::from_utf8(first.to_vec()).expect("text");
        first.lines().find_map(|line| line.strip_prefix("id: ")).expect("a place").to_owned()
    }

    async fn item(&self, verb: &str, item: Value) -> Reply {
        let done = self.post(&format!("/v1/leases:{verb}"), &json!({"items": [item]})).await;
        assert_eq!(done.json["results"][0]["ok"], true, "{done:?}");
        done
    }
}

fn in_short(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(Heard::in_short).collect()
}

fn ids(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|event| event.id.as_str()).collect()
}

// covers OBS-3 (the life of a job as events, in order)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_s_life_is_told_in_order() {
    let (_home, _disk, server, admin) = server().await;
    let mut all = admin.listen("").await;
    let id = admin.send_job("a.one").await;
    let receipt = admin.take_one("a.one").await;
    admin.item("report", json!({"receipt": receipt, "seq": 0, "progress": {"percent": 40}})).await;
    admin.item("fail", json!({"receipt": receipt, "category": "temporary"})).await;
    assert_eq!(admin.send("POST", &format!("/v1/jobs/{id}:promote"), "").await.status, 200);
    admin.post(&format!("/v1/jobs/{id}:reprioritise"), &json!({"priority": "high"})).await;
    let receipt = admin.take_one("a.one").await;
    admin.item("fail", json!({"receipt": receipt, "category": "permanent"})).await;
    assert_eq!(admin.send("POST", &format!("/v1/jobs/{id}:redrive"), "").await.status, 200);
    let receipt = admin.take_one("a.one").await;
    admin.item("complete", json!({"receipt": receipt})).await;
    let heard = all.take(11).await;
    assert_eq!(
        in_short(&heard),
        [
            "accepted ready",
            "leased running",
            "progress running",
            "failed retrying",
            "promoted ready",
            "reprioritised ready",
            "leased running",
            "dead dead",
            "redriven ready",
            "leased running",
            "completed completed",
        ]
    );
    for event in &heard {
        assert_eq!((&event.data["job"], &event.data["queue"]), (&json!(id), &json!("a.one")), "{event:?}");
        assert_eq!(
            (&event.data["owner"], &event.data["id"]),
            (&json!("admin"), &json!(event.id)),
            "{event:?}"
        );
        assert!(event.data["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{event:?}");
    }
    assert_eq!(heard[2].data["percent"], 40);
    assert_eq!(heard[3].data["category"], "temporary");
    assert_eq!(heard[5].data["priority"], "high");
    assert_eq!(
        (&heard[7].data["category"], &heard[7].data["reason"]),
        (&json!("permanent"), &json!("permanent"))
    );
    assert_eq!(
        heard.iter().map(|event| event.data["attempt"].as_u64().expect("a number")).collect::<Vec<_>>(),
        [0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3]
    );
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (what is done together is told as what is done one by one)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_together_is_told_as_well() {
    let (_home, _disk, server, admin) = server().await;
    let mut all = admin.listen("").await;
    let batch = json!({"jobs": [job("x"), job("y")], "atomic": true});
    assert_eq!(admin.post("/v1/queues/a.one/jobs:batch", &batch).await.status, 200);
    let leased = admin.post("/v1/queues/a.one/leases", &json!({"max": 2, "lease_ms": 60_000})).await;
    let items: Vec<Value> = leased.json["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| json!({"receipt": job["receipt"]}))
        .collect();
    let done = admin.post("/v1/leases:complete", &json!({"items": items, "atomic": true})).await;
    assert_eq!(done.json["results"][1]["ok"], true, "{done:?}");
    let flow = crate::support::job_id().to_string();
    let mut first = job("x");
    first["id"] = json!(crate::support::job_id().to_string());
    let node = json!({"name": "n", "queue": "b.one", "job": first});
    assert_eq!(admin.post("/v1/flows", &json!({"id": flow, "nodes": [node]})).await.status, 201);
    assert_eq!(admin.send("POST", &format!("/v1/flows/{flow}:cancel"), "").await.status, 200);
    let mut heard = in_short(&all.take(8).await);
    // Of a batch's jobs either may come first; what is about one is in its order.
    heard[..2].sort();
    assert_eq!(
        heard,
        [
            "accepted ready",
            "accepted ready",
            "leased running",
            "leased running",
            "completed completed",
            "completed completed",
            "accepted ready",
            "cancelled cancelled",
        ]
    );
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (resume id)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_taken_up_again_without_loss_and_without_repeats() {
    let (_home, _disk, server, admin) = server().await;
    let mut first = admin.listen("").await;
    for _ in 0..5 {
        admin.send_job("a.one").await;
    }
    let before = first.take(3).await;
    drop(first);
    admin.send_job("a.one").await;
    let last = &before[2].id;
    // As a browser does it, as a person does it, and the browser's word counts.
    let by_header = admin.listen_behind("", Some(last)).await.take(3).await;
    let by_query = admin.listen(&format!("?after={last}")).await.take(3).await;
    let both = admin.listen_behind(&format!("?after={}", before[0].id), Some(last)).await.take(3).await;
    assert_eq!(in_short(&by_header), ["accepted ready"; 3]);
    assert_eq!((ids(&by_query), ids(&both)), (ids(&by_header), ids(&by_header)));
    let mut all: Vec<&str> = ids(&before);
    all.extend(ids(&by_header));
    let mut jobs: Vec<_> =
        before.iter().chain(&by_header).map(|event| event.data["job"].to_string()).collect();
    jobs.dedup();
    assert_eq!((all.len(), jobs.len()), (6, 6), "each job once: {all:?}");
    // Whoever begins with the id that the opening carried misses nothing either.
    assert_eq!(admin.place().await, by_header[2].id);
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (a restart is a reset)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_from_before_a_restart_is_a_reset_and_the_stream_goes_on_from_there() {
    let (home, disk, server, admin) = server().await;
    let mut stream = admin.listen("").await;
    admin.send_job("a.one").await;
    let last = stream.next().await.expect("an event").id;
    server.stop().await.expect("a clean stop");
    let end = stream.next().await.expect("a last event");
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("draining")));
    assert!(stream.next().await.is_none(), "and nothing behind it");
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    for last in [last.as_str(), "nonsense", "ffffffffffffffff-18446744073709551615"] {
        let mut again = admin.listen_behind("", Some(last)).await;
        let reset = again.next().await.expect("an event");
        assert_eq!(reset.name, "reset", "{last}");
        assert!(reset.data["detail"].as_str().is_some_and(|what| what.contains("anew")), "{reset:?}");
        admin.send_job("a.one").await;
        let next = again.next().await.expect("an event");
        assert_eq!(next.in_short(), "accepted ready");
        let behind = admin.listen_behind("", Some(&reset.id)).await.take(1).await;
        assert_eq!(ids(&behind), [next.id.as_str()], "its id is a place like any other");
    }
    assert_eq!(admin.get("/v1/events?after=nonsense").await.problem(), "invalid_request", "a person is told");
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (a reader that is too slow is told so)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_too_far_behind_gets_a_reset() {
    let (_home, _disk, server, admin) = server().await;
    // A name as long as a name may be: fewer events are kept.
    let sender = admin.made(&"p".repeat(limits::PRINCIPAL_BYTES_MAX), "submitter", &["**"]).await;
    let mut stream = sender.listen("").await;
    sender.send_job("a.one").await;
    let first = stream.next().await.expect("an event").id;
    let batch = json!({"jobs": vec![job("x"); 1_000]});
    let batches = limits::EVENTS_KEPT_BYTES_MAX / 1_000 / limits::PRINCIPAL_BYTES_MAX + 1;
    for _ in 0..batches {
        let sent = sender.post("/v1/queues/a.one/jobs:batch", &batch).await;
        assert_eq!(sent.status, 200, "{sent:?}");
    }
    let mut behind = sender.listen_behind("", Some(&first)).await;
    assert_eq!(behind.next().await.expect("an event").in_short(), "reset");
    sender.send_job("a.one").await;
    assert_eq!(behind.next().await.expect("an event").in_short(), "accepted ready", "and it goes on");
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (filtered by what the caller may see)
// attack 46
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_is_told_what_it_sees_and_nothing_else() {
    let (_home, _disk, server, admin) = server().await;
    let shop = admin.made("shop", "submitter", &["**"]).await;
    let of_a = admin.made("clerk", "worker", &["a.*"]).await;
    let of_b = admin.made("worker", "worker", &["b.*"]).await;
    let mut all = admin.listen("").await;
    let (mut own, mut a, mut b) = (shop.listen("").await, of_a.listen("").await, of_b.listen("").await);
    let of_admin = admin.send_job("a.one").await;
    let of_shop = shop.send_job("a.one").await;
    let in_b = admin.send_job("b.one").await;
    let moved = admin.post(&format!("/v1/jobs/{of_shop}:move"), &json!({"queue": "b.one"})).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    // A dead job of somebody else's is a matter of dead-letter, into which a worker has no look.
    let wish = json!({"max": 10, "lease_ms": 60_000});
    let leased = of_b.post("/v1/queues/b.one/leases", &wish).await.json["jobs"].clone();
    let leased =
        leased.as_array().expect("jobs").iter().find(|job| job["id"] == *in_b).expect("it was ready");
    of_b.item("fail", json!({"receipt": leased["receipt"], "category": "permanent"})).await;
    // Last of all, a job that each of them sees: what came before it was all.
    let last = shop.send_job("a.one").await;
    let last_b = shop.send_job("b.one").await;
    let heard = |heard: Vec<Heard>| -> Vec<(String, String)> {
        let short = |event: Heard| (event.in_short(), event.data["job"].as_str().expect("an id").to_owned());
        heard.into_iter().map(short).collect()
    };
    let told = |what: &str, job: &str| (what.to_owned(), job.to_owned());
    let away = || told("moved_away ready", &of_shop);
    let here = || told("moved ready", &of_shop);
    let sent = |job: &str| told("accepted ready", job);
    let leased = |job: &str| told("leased running", job);
    let first =
        [sent(&of_admin), sent(&of_shop), sent(&in_b), away(), here(), leased(&of_shop), leased(&in_b)];
    let all = heard(all.take(10).await);
    assert_eq!(all[..7], first);
    assert_eq!(all[7..], [told("dead dead", &in_b), sent(&last), sent(&last_b)]);
    let own = heard(own.take(6).await);
    assert_eq!(own, [sent(&of_shop), away(), here(), leased(&of_shop), sent(&last), sent(&last_b)]);
    let of_a = a.take(4).await;
    assert!(!format!("{of_a:?}").contains("b.one"), "{of_a:?}");
    assert_eq!(heard(of_a), [sent(&of_admin), sent(&of_shop), away(), sent(&last)]);
    let of_b = b.take(5).await;
    assert!(!format!("{of_b:?}").contains("a.one"), "{of_b:?}");
    assert_eq!(heard(of_b), [sent(&in_b), here(), leased(&of_shop), leased(&in_b), sent(&last_b)]);
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (the end of what may be seen)
// attack 46
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_one_job_ends_when_its_key_loses_sight_of_it_and_not_where_it_never_saw_it() {
    let (_home, _disk, server, admin) = server().await;
    let worker = admin.made("clerk", "worker", &["a.*"]).await;
    let stranger = admin.made("stranger", "worker", &["c.*"]).await;
    let out_of_sight = |heard: Option<Heard>| {
        let end = heard.expect("a last event");
        assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("out_of_sight")), "{end:?}");
    };

    // It dies: a matter of dead-letter, into which a worker has no look.
    let dies = admin.send_job("a.one").await;
    let of_dying = format!("?job={dies}");
    let (mut watch, mut asked) = (worker.listen(&of_dying).await, admin.listen(&of_dying).await);
    let mut only_ends = worker.listen(&format!("{of_dying}&type=completed")).await;
    let receipt = worker.take_one("a.one").await;
    // Something else lies between, so that this stream knows nothing of the job before it dies.
    admin.send_job("a.one").await;
    let mut late = worker.listen(&of_dying).await;
    worker.item("fail", json!({"receipt": receipt, "category": "permanent"})).await;
    let leased = watch.next().await.expect("an event");
    assert_eq!(leased.in_short(), "leased running");
    for stream in [&mut watch, &mut only_ends, &mut late] {
        out_of_sight(stream.next().await);
        assert!(stream.next().await.is_none(), "that was the last of it");
    }
    assert_eq!(in_short(&asked.take(2).await), ["leased running", "dead dead"], "who sees it is told");
    let mut again = worker.listen_behind(&of_dying, Some(&leased.id)).await;
    out_of_sight(again.next().await);

    // It moves to where this key does not reach. Other streams go on.
    let moves = admin.send_job("a.one").await;
    let of_moving = format!("?job={moves}");
    let (mut watch, mut never) = (worker.listen(&of_moving).await, stranger.listen(&of_moving).await);
    let mut all = worker.listen("").await;
    let moved = admin.post(&format!("/v1/jobs/{moves}:move"), &json!({"queue": "b.one"})).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    let away = watch.next().await.expect("an event");
    assert_eq!(away.in_short(), "moved_away ready");
    out_of_sight(watch.next().await);
    let mut again = worker.listen_behind(&of_moving, Some(&away.id)).await;
    out_of_sight(again.next().await);
    admin.send_job("a.one").await;
    assert_eq!(in_short(&all.take(2).await), ["moved_away ready", "accepted ready"]);

    // Whoever never saw the job is told nothing of it, not even that there is one. It comes to where it may be
    // seen last of all: what came before that was all.
    let receipt = admin.take_one("b.one").await;
    admin.item("fail", json!({"receipt": receipt, "category": "permanent"})).await;
    assert_eq!(admin.send("POST", &format!("/v1/jobs/{moves}:redrive"), "").await.status, 200);
    admin.send("PUT", "/v1/queues/c.one", r#"{"sealing":"allowed"}"#).await;
    let moved = admin.post(&format!("/v1/jobs/{moves}:move"), &json!({"queue": "c.one"})).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    assert_eq!(never.next().await.expect("an event").in_short(), "moved ready");
    server.stop().await.expect("a clean stop");
}

// attack 23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_mean_what_they_say() {
    let (_home, _disk, server, admin) = server().await;
    let mut of_b = admin.listen("?queue=b.*").await;
    let mut ends = admin.listen("?type=completed&type=cancelled").await;
    let mut ready = admin.listen("?state=ready&queue=a.*&queue=nowhere").await;
    let first = admin.send_job("a.one").await;
    let mut of_first = admin.listen(&format!("?job={first}")).await;
    let second = admin.send_job("b.one").await;
    admin.send("POST", &format!("/v1/jobs/{second}:cancel"), "{}").await;
    let receipt = admin.take_one("a.one").await;
    admin.item("complete", json!({"receipt": receipt})).await;
    let third = admin.send_job("a.one").await;
    let named = |heard: &[Heard]| -> Vec<String> {
        heard.iter().map(|event| event.data["job"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(in_short(&of_b.take(2).await), ["accepted ready", "cancelled cancelled"]);
    let ends = ends.take(2).await;
    assert_eq!(
        (in_short(&ends), named(&ends)),
        (
            vec!["cancelled cancelled".to_owned(), "completed completed".to_owned()],
            vec![second, first.clone()]
        )
    );
    assert_eq!(ends[0].data["reason"], "asked");
    assert_eq!(named(&ready.take(2).await), [first, third]);
    assert_eq!(in_short(&of_first.take(2).await), ["leased running", "completed completed"]);
    let patterns = |count: usize| format!("/v1/events?{}", vec!["queue=a"; count].join("&"));
    for (path, code) in [
        ("/v1/events?colour=red".to_owned(), "unknown_field"),
        ("/v1/events?queue=A..b".to_owned(), "invalid_request"),
        ("/v1/events?type=exploded".to_owned(), "invalid_request"),
        ("/v1/events?state=tired".to_owned(), "invalid_request"),
        ("/v1/events?job=1".to_owned(), "invalid_request"),
        (format!("/v1/events?job={0}&job={0}", crate::support::job_id()), "invalid_request"),
        ("/v1/events?queue=%ff".to_owned(), "invalid_request"),
        (patterns(limits::EVENT_FILTERS_MAX + 1), "invalid_request"),
    ] {
        assert_eq!(admin.get(&path).await.problem(), code, "{path}");
    }
    let most = patterns(limits::EVENT_FILTERS_MAX);
    drop(admin.listen(most.trim_start_matches("/v1/events")).await);
    server.stop().await.expect("a clean stop");
}

// covers AUTH-1 (open streams are cut)
// attack 35
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_cut_when_its_key_is_revoked() {
    let (_home, _disk, server, admin) = server().await;
    let wish = json!({"principal": "p", "role": "worker"});
    let made = admin.post("/v1/access/keys", &wish).await.json;
    let holder = admin.with_key(made["key"].as_str().expect("a key"));
    let (mut cut, mut goes_on) = (holder.listen("").await, admin.listen("").await);
    admin.send_job("a.one").await;
    assert_eq!(cut.next().await.expect("an event").in_short(), "accepted ready");
    let id = made["id"].as_str().expect("an id");
    assert_eq!(admin.send("DELETE", &format!("/v1/access/keys/{id}"), "").await.status, 200);
    admin.send_job("a.one").await;
    let end = cut.next().await.expect("a last event");
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("key_ended")), "not the job");
    assert!(cut.next().await.is_none());
    assert_eq!(holder.get("/v1/events").await.problem(), "unauthenticated");
    assert_eq!(in_short(&goes_on.take(2).await), ["accepted ready"; 2], "nobody else is");
    server.stop().await.expect("a clean stop");
}

// covers LIM-6 (streams of a principal)
// attack 39
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_principal_has_so_many_streams_and_the_next_one_is_told_so() {
    let (_home, _disk, server, admin) = server().await;
    let mut open = Vec::new();
    for _ in 0..limits::EVENT_STREAMS_OF_PRINCIPAL_MAX {
        open.push(admin.listen("").await);
    }
    let refused = admin.get("/v1/events").await;
    assert_eq!((refused.status, refused.problem()), (429, "limit_exceeded"));
    assert!(refused.headers.contains_key("retry-after") && refused.text.contains("close one"), "{refused:?}");
    let other = admin.made("other", "worker", &["**"]).await;
    drop(other.listen("").await);
    open.pop();
    let again = async {
        // The place is free when the server has seen that the reader is gone.
        while admin
            .request("GET", "/v1/events", "")
            .header("authorization", format!("Bearer {}", admin.key))
            .send()
            .await
            .expect("an answer")
            .status()
            != 200
        {}
    };
    tokio::time::timeout(crate::support::DEADLINE, again).await.expect("a place is free again");
    server.stop().await.expect("a clean stop");
}

// covers OBS-3 (nothing that a caller supplied)
// attack 10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_caller_supplied_is_in_a_stream() {
    use base64::Engine as _;
    const WORD: &str = "heliotrope";
    let (_home, _disk, server, admin) = server().await;
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let word = base64(WORD);
    let mut stream = admin.listen("").await;
    let mut sent = job(WORD);
    for (name, value) in [
        ("kind", json!(WORD)),
        ("attributes", json!({WORD: WORD})),
        ("session_id", json!(WORD)),
        ("correlation_id", json!(WORD)),
        ("subject", json!(WORD)),
        ("tags", json!([WORD])),
        ("idempotency_key", json!(WORD)),
        ("content_type", json!("text/heliotrope")),
    ] {
        sent[name] = value;
    }
    let accepted = admin.post("/v1/queues/a.one/jobs", &sent).await;
    assert_eq!(accepted.status, 201, "{accepted:?}");
    let receipt = admin.take_one("a.one").await;
    let said = json!({"receipt": receipt, "seq": 0, "progress": {"percent": 7, "message": word}, "log": word, "checkpoint": word});
    admin.item("report", said).await;
    admin
        .item("fail", json!({"receipt": receipt, "error": word, "code": WORD, "category": "temporary"}))
        .await;
    let id = accepted.json["id"].as_str().expect("an id");
    admin.send("POST", &format!("/v1/jobs/{id}:promote"), "").await;
    let receipt = admin.take_one("a.one").await;
    admin.item("complete", json!({"receipt": receipt, "result": word})).await;
    let heard = stream.take(7).await;
    assert_eq!(heard.last().map(Heard::in_short).as_deref(), Some("completed completed"));
    for event in heard {
        let text = event.data.to_string();
        assert!(
            !text.contains(WORD)
                && !text.contains(&word)
                && !text.contains(receipt.as_str().expect("a receipt")),
            "{text}"
        );
    }
    server.stop().await.expect("a clean stop");
}

// covers REL-4 (streams hold no stop up)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stops_at_once_whoever_listens() {
    let (_home, _disk, server, admin) = server().await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(admin.listen("").await);
    }
    admin.send_job("a.one").await;
    // Nobody reads meanwhile.
    server.stop().await.expect("a clean stop");
    for mut stream in streams {
        assert_eq!(in_short(&stream.take(2).await), ["accepted ready", "end"]);
        assert!(stream.next().await.is_none());
    }
}
