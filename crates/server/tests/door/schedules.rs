//! Schedules through the door: they fire by themselves, once each, whatever happens to the server.

use std::collections::BTreeSet;
use std::sync::Arc;

use sealane_storage::testing::lossy_disk::{Call, Fault, Loss, LossyDisk};
use serde_json::{Value, json};

use crate::http::Http;
use crate::support::{Home, Running};

async fn started() -> (Home, LossyDisk, Running, Http) {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    for queue in ["q", "other"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    (home, disk, server, admin)
}

fn each_second() -> Value {
    json!({"queue": "q", "every_ms": 1_000, "job": {"kind": "tick", "body": "aGk=", "tags": ["a"], "priority": "high"}})
}

impl Http {
    async fn put(&self, name: &str, schedule: &Value) -> crate::http::Reply {
        self.send("PUT", &format!("/v1/schedules/{name}"), &schedule.to_string()).await
    }

    /// Takes what the queue has, waiting for it, and completes it: the firings, as times they were due.
    async fn firings(&self, wait_ms: u64) -> Vec<String> {
        let leased = self.post("/v1/queues/q/leases", &json!({"max": 100, "wait_ms": wait_ms})).await;
        let jobs = leased.json["jobs"].as_array().expect("a list").clone();
        for job in &jobs {
            let done = json!({"items": [{"receipt": job["receipt"]}]});
            assert_eq!(self.post("/v1/leases:complete", &done).await.json["results"][0]["ok"], true);
        }
        jobs.iter().map(|job| job["firing"]["due_at"].as_str().expect("a time").to_owned()).collect()
    }
}

// covers JOB-12 (an interval fires by itself; a job for each firing, the way it was told)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_sends_its_jobs_by_itself() {
    let (home, disk, server, admin) = started().await;
    let made = admin.put("tick", &each_second()).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(made.json["next"].as_array().map(Vec::len), Some(5), "{made:?}");
    let again = admin.put("tick", &each_second()).await;
    assert_eq!(again.json["changed_at"], made.json["changed_at"], "the same again changes nothing");
    assert_eq!(again.json["first_at"], made.json["first_at"], "an interval goes on as it was counted");

    let leased = admin.post("/v1/queues/q/leases", &json!({"wait_ms": 60_000})).await;
    let job = &leased.json["jobs"][0];
    assert_eq!(
        (&job["kind"], &job["body"], &job["tags"]),
        (&json!("tick"), &json!("aGk="), &json!(["a"])),
        "{job}"
    );
    assert_eq!((&job["priority"], &job["owner"]), (&json!("high"), &made.json["owner"]));
    assert_eq!(
        (&job["firing"]["schedule_id"], &job["firing"]["due_at"]),
        (&made.json["id"], &made.json["next"][0])
    );
    let shown = admin.get(&format!("/v1/jobs/{}", job["id"].as_str().expect("an id"))).await;
    assert_eq!(shown.json["firing"], job["firing"]);
    let seen = admin.get("/v1/schedules/tick").await.json;
    assert_eq!((&seen["kind"], &seen["paused"]), (&json!("tick"), &json!(false)), "{seen}");
    assert!(seen["fired"].as_u64().is_some_and(|fired| fired >= 1), "{seen}");

    let paused = admin.send("POST", "/v1/schedules/tick:pause", "").await;
    assert_eq!((&paused.json["paused"], &paused.json["next"]), (&json!(true), &json!([])), "{paused:?}");
    admin.firings(0).await;
    let fired = admin.send("POST", "/v1/schedules/tick:fire", "").await;
    assert_eq!(fired.status, 201, "{fired:?}");
    assert_eq!(
        admin.firings(0).await,
        [fired.json["due_at"].as_str().expect("a time")],
        "beside the regular ones"
    );
    server.stop().await.expect("a clean stop");

    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    assert_eq!(admin.get("/v1/schedules/tick").await.json["paused"], true, "it was durable");
    assert_eq!(admin.send("POST", "/v1/schedules/tick:resume", "").await.json["paused"], false);
    assert_eq!(admin.firings(60_000).await.len(), 1);
    let gone = admin.send("DELETE", "/v1/schedules/tick", "").await;
    assert_eq!((gone.status, &gone.json["name"]), (200, &json!("tick")));
    assert_eq!(admin.get("/v1/schedules/tick").await.problem(), "not_found");
    assert_eq!(admin.send("DELETE", "/v1/schedules/tick", "").await.problem(), "not_found");
    server.stop().await.expect("a clean stop");
}

// covers JOB-12
// covers JOB-12 (each firing exactly one job, also across restart)
// attack 73
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_power_goes_at_any_sync_and_each_firing_is_one_job() {
    let mut cases = tokio::task::JoinSet::new();
    for nth in 1..=4 {
        for (fault, loss) in [
            (Fault::PowerOffBefore, Loss::Everything),
            (Fault::PowerOffAfter, Loss::Everything),
            (Fault::PowerOffBefore, Loss::Seeded(nth)),
        ] {
            cases.spawn(one_power_cut(nth, fault, loss));
        }
    }
    let ended = cases.join_all().await;
    assert_eq!(ended.len(), 12);
}

async fn one_power_cut(nth: u64, fault: Fault, loss: Loss) {
    let (home, disk, server, admin) = started().await;
    let made = admin.put("tick", &each_second()).await;
    assert_eq!(made.status, 200, "{made:?}");
    disk.fail(Call::Sync, nth, fault);
    // Nobody leases: every sync is one of a firing, and the last of them is the end.
    assert!(server.ended().await.is_err(), "it stood at a sync");
    let server = home.start(Arc::new(disk.after_power_cut(loss))).await;
    let admin = Http::admin(&server);
    let mut due = Vec::new();
    while due.len() < usize::try_from(nth).expect("small") + 2 {
        due.extend(admin.firings(60_000).await);
    }
    let distinct: BTreeSet<&String> = due.iter().collect();
    assert_eq!(distinct.len(), due.len(), "a firing became two jobs: {due:?}");
    assert_eq!(Some(due[0].as_str()), made.json["next"][0].as_str(), "the first is there");
    let known = made.json["next"].as_array().expect("a list").iter().filter_map(Value::as_str);
    assert!(known.take(due.len()).all(|next| distinct.contains(&next.to_owned())), "one is missing: {due:?}");
    server.stop().await.expect("a clean stop");
}

// covers JOB-12 (who may see and touch a schedule)
// attack 43
// attack 44
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_is_its_owners_and_its_queues() {
    let (_home, _disk, server, admin) = started().await;
    let anna = admin.made("anna", "submitter", &["q"]).await;
    let bert = admin.made("bert", "submitter", &["q"]).await;
    let elsewhere = admin.made("carl", "admin", &["other"]).await;
    let worker = admin.made("dora", "worker", &["q"]).await;
    let hourly = json!({"queue": "q", "cron": "0 * * * *", "job": {"kind": "k", "body": ""}});
    assert_eq!(anna.put("hers", &hourly).await.status, 200);
    assert_eq!(
        anna.put("hers", &json!({"queue": "other", "cron": "0 * * * *", "job": {"kind": "k", "body": ""}}))
            .await
            .problem(),
        "not_found"
    );
    assert_eq!(bert.put("hers", &hourly).await.problem(), "schedule_state", "the name is taken");
    for other in [&bert, &elsewhere, &worker] {
        for (method, path) in [
            ("GET", "/v1/schedules/hers"),
            ("POST", "/v1/schedules/hers:pause"),
            ("POST", "/v1/schedules/hers:resume"),
            ("POST", "/v1/schedules/hers:fire"),
            ("DELETE", "/v1/schedules/hers"),
        ] {
            let refused = other.send(method, path, "").await;
            assert_eq!(refused.problem(), "not_found", "{method} {path}: {refused:?}");
        }
    }
    // Neither may he take its name by sending to a queue that is open to him.
    let elsewhere_hourly = json!({"queue": "other", "cron": "0 * * * *", "job": {"kind": "k", "body": ""}});
    let taken = elsewhere.put("hers", &elsewhere_hourly).await;
    assert_eq!(taken.problem(), "schedule_state", "{taken:?}");
    let mut with_id = elsewhere_hourly.clone();
    with_id["id"] = json!("018f0000-0000-7000-8000-000000000001");
    let hers = anna.get("/v1/schedules/hers").await.json["id"].as_str().expect("an id").to_owned();
    assert!(!elsewhere.put("hers", &with_id).await.text.contains(&hers), "its id is not told");
    assert_eq!(anna.get("/v1/schedules/hers").await.json["queue"], "q");
    let names = |listed: &Value| -> Vec<String> {
        let all = listed["schedules"].as_array().expect("a list").iter();
        all.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    };
    for (caller, sees) in
        [(&anna, vec!["hers"]), (&bert, vec![]), (&elsewhere, vec![]), (&admin, vec!["hers"])]
    {
        assert_eq!(names(&caller.post("/v1/schedules:list", &json!({})).await.json), sees);
    }
    assert_eq!(worker.post("/v1/schedules:list", &json!({})).await.problem(), "not_found");
    for name in ["a", "z"] {
        assert_eq!(admin.put(name, &hourly).await.status, 200);
    }
    let page = admin.post("/v1/schedules:list", &json!({"max": 2})).await.json;
    assert_eq!((names(&page), &page["next"]), (vec!["a".to_owned(), "hers".to_owned()], &json!("hers")));
    let page = admin.post("/v1/schedules:list", &json!({"max": 2, "after": "hers"})).await.json;
    assert_eq!((names(&page), page.get("next")), (vec!["z".to_owned()], None));
    server.stop().await.expect("a clean stop");
}

// covers JOB-12 (what cannot be is refused, with what to do)
// attack 55
// attack 63
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_cannot_be_is_refused() {
    let (_home, _disk, server, admin) = started().await;
    let with = |change: Value| {
        let mut schedule = json!({"queue": "q", "cron": "0 3 * * *", "job": {"kind": "k", "body": ""}});
        for (name, value) in change.as_object().expect("an object") {
            match name.strip_prefix("job.") {
                Some(inner) => schedule["job"][inner] = value.clone(),
                None if value.is_null() => drop(schedule.as_object_mut().expect("an object").remove(name)),
                None => schedule[name] = value.clone(),
            }
        }
        schedule
    };
    assert_eq!(admin.put("good", &with(json!({"time_zone": "Europe/Berlin"}))).await.status, 200);
    let every = |ms: Value| with(json!({"cron": null, "every_ms": ms}));
    assert_eq!(admin.put("good-2", &every(json!(1_000))).await.status, 200);
    for (what, wrong) in [
        ("neither", with(json!({"cron": null}))),
        ("both", with(json!({"every_ms": 5_000}))),
        ("too often", every(json!(999))),
        ("too rarely", every(json!(31_622_400_001_u64))),
        ("negative", every(json!(-1))),
        ("huge", every(json!(9_223_372_036_854_775_808_u64))),
        ("huger", every(json!(1e18))),
        ("not a number", every(json!("5"))),
        ("no pattern", with(json!({"cron": "61 * * * *"}))),
        ("not at all", with(json!({"cron": ""}))),
        ("a long pattern", with(json!({"cron": format!("0 0 {} * *", "1,".repeat(200))}))),
        ("never", with(json!({"cron": "0 0 30 2 *"}))),
        ("year 9999", with(json!({"cron": "0 0 0 1 1 * 9999"}))),
        ("no such place", with(json!({"time_zone": "Europe/Atlantis"}))),
        ("a path", with(json!({"time_zone": "../../etc/passwd"}))),
        ("zone of an interval", with(json!({"cron": null, "every_ms": 5_000, "time_zone": "UTC"}))),
        ("first of a pattern", with(json!({"first_at": "2030-01-01T00:00:00Z"}))),
        ("ends first", with(json!({"begins_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}))),
        ("is over", with(json!({"ends_at": "2020-01-01T00:00:00Z"}))),
        ("jitter", with(json!({"jitter_ms": 86_400_001}))),
        ("missed", with(json!({"missed": "some"}))),
        ("overlap", with(json!({"overlap": "maybe"}))),
        ("id", with(json!({"id": "7"}))),
        ("job id", with(json!({"job.id": "018f0000-0000-7000-8000-000000000000"}))),
        ("delay", with(json!({"job.delay_ms": 1}))),
        ("delay of nothing", with(json!({"job.delay_ms": 0}))),
        ("run_at", with(json!({"job.run_at": "2030-01-01T00:00:00Z"}))),
        ("expires_at", with(json!({"job.expires_at": "2030-01-01T00:00:00Z"}))),
        ("after", with(json!({"job.after": [crate::support::job_id().to_string()]}))),
        ("attempts", with(json!({"job.max_attempts": 1_001}))),
        ("ttl", with(json!({"job.ttl_ms": 0}))),
        ("sealed and is not", with(json!({"job.content_type": "application/vnd.sealane.qre2"}))),
    ] {
        let refused = admin.put("bad", &wrong).await;
        assert_eq!(refused.problem(), "invalid_request", "{what}: {refused:?}");
    }
    assert_eq!(admin.put("bad", &with(json!({"colour": "red"}))).await.problem(), "unknown_field");
    assert_eq!(admin.put("bad", &with(json!({"queue": "nowhere"}))).await.problem(), "not_found");
    assert_eq!(admin.put("BAD", &with(json!({}))).await.problem(), "invalid_request");
    let id = "018f0000-0000-7000-8000-000000000001";
    assert_eq!(
        admin.put("good", &with(json!({"id": id}))).await.problem(),
        "schedule_state",
        "it has another id"
    );
    server.stop().await.expect("a clean stop");
}
