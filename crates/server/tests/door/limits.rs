//! Every line of the table of limits, tried at its limit and one beyond. A line without a probe fails
//! here, so a limit cannot be written down without being kept.

use std::sync::Arc;

use sealane_core::limits::{self, Limit};
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::Home;

/// Stands for the id of a job that has ended.
const ENDED: &str = "{ended}";

/// How a line is tried.
enum Probe {
    /// Through the door: a request whose size is the number given. What is beyond gets the line's code.
    Door(fn(u64) -> (&'static str, String, String)),
    /// Elsewhere, by the test named beside it: the door cannot be made to reach it in a test's time.
    Elsewhere,
}

fn text(count: u64) -> String {
    "a".repeat(usize::try_from(count).expect("a size for tests"))
}

fn with(name: &str, value: Value) -> (&'static str, String, String) {
    let mut job = job("x");
    job[name] = value;
    ("POST", "/v1/queues/q/jobs".to_owned(), job.to_string())
}

fn body_of(bytes: u64) -> (&'static str, String, String) {
    ("POST", "/v1/queues/q/jobs".to_owned(), job(&text(bytes)).to_string())
}

fn setting(name: &str, value: u64) -> (&'static str, String, String) {
    ("PUT", "/v1/queues/settings".to_owned(), json!({name: value, "sealing": "allowed"}).to_string())
}

fn rate(rate: &Value) -> (&'static str, String, String) {
    let wish = json!({"rate_per_key": rate, "sealing": "allowed"});
    ("PUT", "/v1/queues/settings".to_owned(), wish.to_string())
}

fn key(name: &str, value: Value) -> (&'static str, String, String) {
    let mut wish = json!({"principal": "p", "role": "worker"});
    wish[name] = value;
    ("POST", "/v1/access/keys".to_owned(), wish.to_string())
}

fn schedule(name: &str, value: Value) -> (&'static str, String, String) {
    let mut wish = json!({"queue": "q", "every_ms": 86_400_000, "job": job("x")});
    wish[name] = value;
    ("PUT", "/v1/schedules/s".to_owned(), wish.to_string())
}

fn lease(name: &str, value: u64) -> (&'static str, String, String) {
    // A queue with a job in it, so that nobody waits.
    ("POST", "/v1/queues/q/leases".to_owned(), json!({name: value}).to_string())
}

fn many(count: u64, item: impl Fn(u64) -> Value) -> Value {
    (0..count).map(item).collect()
}

fn node(name: &str) -> Value {
    let mut job = job("x");
    job["id"] = json!(crate::support::job_id().to_string());
    json!({"name": name, "queue": "q", "job": job})
}

fn flow(nodes: &Value) -> (&'static str, String, String) {
    let id = crate::support::job_id().to_string();
    ("POST", "/v1/flows".to_owned(), json!({"id": id, "nodes": nodes}).to_string())
}

fn probe(limit: &Limit) -> Option<Probe> {
    Some(Probe::Door(match limit.name {
        "QUEUE_NAME_BYTES_MAX" => |n| ("PUT", format!("/v1/queues/{}", text(n)), "{}".to_owned()),
        "PRINCIPAL_BYTES_MAX" => |n| key("principal", json!(text(n))),
        "KIND_BYTES_MAX" => |n| with("kind", json!(text(n))),
        "SESSION_ID_BYTES_MAX" => |n| with("session_id", json!(text(n))),
        "CORRELATION_ID_BYTES_MAX" => |n| with("correlation_id", json!(text(n))),
        "SUBJECT_BYTES_MAX" => |n| with("subject", json!(text(n))),
        "TAG_BYTES_MAX" => |n| with("tags", json!([text(n)])),
        "TAGS_MAX" => |n| with("tags", many(n, |_| json!("t"))),
        "CONTENT_TYPE_BYTES_MAX" => |n| with("content_type", json!(text(n))),
        "ATTRIBUTES_MAX" => |n| {
            with(
                "attributes",
                (0..n).map(|at| (format!("a{at}"), json!(""))).collect::<serde_json::Map<_, _>>().into(),
            )
        },
        "ATTRIBUTE_NAME_BYTES_MAX" => |n| with("attributes", json!({text(n): ""})),
        "ATTRIBUTE_VALUE_BYTES_MAX" => |n| with("attributes", json!({"a": text(n)})),
        "BODY_BYTES_MAX" => body_of,
        "BATCH_ITEMS_MAX" => |n| {
            ("POST", "/v1/queues/q/jobs:batch".to_owned(), json!({"jobs": many(n, |_| job("x"))}).to_string())
        },
        "REQUEST_BYTES_MAX" => |n| {
            let (method, path, body) = with("kind", json!("k"));
            let spaces = " ".repeat(usize::try_from(n).expect("a size") - body.len());
            (method, path, format!("{body}{spaces}"))
        },
        "REQUEST_DEPTH_MAX" => |n| {
            // What is nested too deeply is refused as such; up to the limit, as what it is not.
            let n = usize::try_from(n).expect("a depth") - 1;
            (
                "POST",
                "/v1/queues/q/jobs".to_owned(),
                format!(r#"{{"kind":{}{}}}"#, "[".repeat(n), "]".repeat(n)),
            )
        },
        "IDEMPOTENCY_KEY_BYTES_MAX" => |n| with("idempotency_key", json!(text(n))),
        "UNIQUE_KEY_BYTES_MAX" => |n| with("unique", json!({"key": text(n)})),
        "IDEMPOTENCY_WINDOW_MS_MAX" => |n| setting("idempotency_window_ms", n),
        "DELAY_MS_MAX" => |n| with("delay_ms", json!(n)),
        "TTL_MS_MAX" => |n| with("ttl_ms", json!(n)),
        "ATTEMPTS_MAX" => |n| setting("max_attempts", n),
        "RETRY_JITTER_PERCENT_MAX" => |n| setting("retry_jitter_percent", n),
        "REDRIVE_RATE_MAX" => {
            |n| ("POST", "/v1/queues/q/dead:redrive".to_owned(), json!({"rate": n}).to_string())
        }
        "QUEUE_DEPTH_MAX" => |n| setting("max_depth", n),
        "QUEUE_BODY_BYTES_MAX" => |n| setting("max_body_bytes", n),
        "ROOT_IDS_MAX" => |n| {
            let ids = many(n, |at| json!(format!("{at:032x}")));
            ("PUT", "/v1/queues/settings".to_owned(), json!({"root_ids": ids}).to_string())
        },
        "HORIZON_MS_MAX" => |n| setting("horizon_ms", n),
        "CONCURRENCY_MAX" => |n| setting("concurrency_per_key", n),
        "RATE_STARTS_MAX" => |n| rate(&json!({"starts": n, "period_ms": 1})),
        "RATE_PERIOD_MS_MAX" => |n| rate(&json!({"starts": 1, "period_ms": n})),
        "FAIR_KEY_BYTES_MAX" => |n| with("fair_key", json!(text(n))),
        "RUN_MS_MAX" => |n| setting("max_run_ms", n),
        "LEASE_MS_MAX" => |n| {
            let wish = json!({"lease_ms": n, "max_run_ms": limits::RUN_MS_MAX, "sealing": "allowed"});
            ("PUT", "/v1/queues/settings".to_owned(), wish.to_string())
        },
        "SESSION_IDLE_MS_MAX" => |n| setting("session_idle_ms", n),
        "SESSION_HOLD_MS_MAX" => |n| setting("session_hold_ms", n),
        "SESSION_PAGE_MAX" => {
            |n| ("POST", "/v1/queues/q/sessions:list".to_owned(), json!({"max": n}).to_string())
        }
        "FLOW_NODES_MAX" => |n| flow(&many(n, |at| node(&format!("n{at}")))),
        "FLOW_NODE_NAME_BYTES_MAX" => |n| flow(&json!([node(&text(n))])),
        "REASON_BYTES_MAX" => {
            |n| ("POST", format!("/v1/jobs/{ENDED}/body"), json!({"reason": text(n)}).to_string())
        }
        "JOB_WAIT_MS_MAX" => |n| {
            // A job that ended, so that nobody waits.
            ("POST", format!("/v1/jobs/{ENDED}:wait"), json!({"wait_ms": n}).to_string())
        },
        "LEASE_WAIT_MS_MAX" => |n| lease("wait_ms", n),
        "SCHEDULE_NAME_BYTES_MAX" => |n| {
            let (method, _, body) = schedule("every_ms", json!(5_000));
            (method, format!("/v1/schedules/{}", text(n)), body)
        },
        "SCHEDULE_EVERY_MS_MAX" => |n| schedule("every_ms", json!(n)),
        "SCHEDULE_JITTER_MS_MAX" => |n| schedule("jitter_ms", json!(n)),
        "ACCESS_KEY_QUEUES_MAX" => |n| key("queues", many(n, |_| json!("q"))),
        "ACCESS_KEY_TTL_MS_MAX" => |n| key("ttl_ms", json!(n)),
        _ => {
            return match limit.name {
                // core/tests/bounds.rs
                "ACCESS_KEYS_MAX"
                | "AGEING_PASSES_MAX"
                | "ANALYSIS_HOURS_MAX"
                | "ANALYSIS_LABELS_MAX"
                | "ATTEMPTS_KEPT_MAX"
                | "ATTEMPTS_REMEMBERED_MAX"
                | "DEAD_LABELLED_PER_TURN_MAX"
                | "EXPIRIES_PER_TURN_MAX"
                | "FAIR_KEYS_MAX"
                | "FINISHED_JOBS_MAX"
                | "CHECKPOINT_BYTES_MAX"
                | "IDEMPOTENCY_KEYS_MAX"
                | "IDEMPOTENCY_KEYS_PER_PRINCIPAL_MAX"
                | "JOBS_MAX"
                | "JOBS_PER_PRINCIPAL_MAX"
                | "LOG_BYTES_MAX"
                | "LOG_ENTRIES_MAX"
                | "LOG_ENTRIES_OF_ALL_MAX"
                | "LOG_ENTRY_BYTES_MAX"
                | "PROGRESS_MESSAGE_BYTES_MAX"
                | "REPORTS_MAX"
                | "LOOKED_AT_MAX"
                | "NAMESPACE_BYTES_MAX"
                | "QUEUES_MAX"
                | "REDRIVES_MAX"
                | "LINKS_KEPT_MAX"
                | "SCHEDULES_MAX"
                | "SESSIONS_HELD_MAX"
                | "SESSION_LOOKS_MAX"
                | "SESSION_STATES_MAX"
                | "SCHEDULE_CATCH_UP_MS_MAX"
                | "SCHEDULE_LATE_MS_MAX"
                | "METRICS_QUEUES_MAX"
                | "SWEEP_JOBS_PER_TURN_MAX" => Some(Probe::Elsewhere),
                // core/tests/scenarios/session_end.txt, and with a door in sessions.rs
                "SESSION_STATE_BYTES_MAX" => Some(Probe::Elsewhere),
                // core/tests/flows.rs
                "FLOW_BREADTH_MAX" | "FLOW_DEPTH_MAX" | "FLOW_STEPS_PER_TURN_MAX" => Some(Probe::Elsewhere),
                // flows: results_reach_a_child_as_far_as_their_limit
                "PARENT_RESULTS_BYTES_MAX" => Some(Probe::Elsewhere),
                // life: attempts_are_remembered_with_worker_times_category_and_code
                "INSTANCE_BYTES_MAX" | "CODE_VERSION_BYTES_MAX" => Some(Probe::Elsewhere),
                // life: an_error_s_code_has_its_limit
                "ERROR_CODE_BYTES_MAX" => Some(Probe::Elsewhere),
                // an_answer_has_as_many_bodies_as_its_limit_allows
                "LEASE_BODIES_BYTES_MAX" => Some(Probe::Elsewhere),
                // reports: reports_are_durable_shown_to_the_owner_and_hand_the_checkpoint_on
                "LOG_PAGE_MAX" => Some(Probe::Elsewhere),
                // server/src/config.rs
                "CERTIFICATE_NAMES_MAX" => Some(Probe::Elsewhere),
                // a_result_has_its_limit
                "OUTCOME_BYTES_MAX" => Some(Probe::Elsewhere),
                // strangers: every_operation_of_the_list_refuses_strangers
                "REQUEST_HEADER_BYTES_MAX" => Some(Probe::Elsewhere),
                // server/src/runtime/bounds.rs
                "ENGINE_REQUESTS_MAX"
                | "FIRINGS_PER_TURN_MAX"
                | "GROUP_BYTES_MAX"
                | "JOB_WAITERS_MAX"
                | "LEASE_WAITERS_MAX" => Some(Probe::Elsewhere),
                // core/src/cadence.rs and name.rs, and with a door in schedules.rs
                "ZONE_NAME_BYTES_MAX" | "CRON_PATTERN_BYTES_MAX" => Some(Probe::Elsewhere),
                // core/src/queue/feed/ring.rs
                "EVENTS_KEPT_MAX" | "EVENTS_KEPT_BYTES_MAX" => Some(Probe::Elsewhere),
                // server/src/streams/tests.rs and places.rs
                "EVENTS_AT_ONCE_MAX"
                | "EVENT_STALL_MS_MAX"
                | "EVENT_STREAMS_MAX"
                | "EVENT_STREAMS_OF_PRINCIPAL_MAX" => Some(Probe::Elsewhere),
                // events: filters_mean_what_they_say
                "EVENT_FILTERS_MAX" => Some(Probe::Elsewhere),
                // client/src/providers/server/event_text.rs
                "EVENT_BYTES_MAX" => Some(Probe::Elsewhere),
                // storage/tests/history and storage/src/history/cache.rs
                "HISTORY_RUN_ROWS_MAX"
                | "HISTORY_RUNS_MAX"
                | "HISTORY_ROW_TOKENS_MAX"
                | "HISTORY_STEPS_MAX"
                | "HISTORY_MERGE_ENTRIES_PER_STEP_MAX"
                | "HISTORY_CACHE_BYTES_MAX" => Some(Probe::Elsewhere),
                // storage/src/log/recent.rs
                "RECENT_INPUTS_BYTES_MAX" => Some(Probe::Elsewhere),
                // cli/src/commands/work/reports.rs
                "WORK_REPORT_LINE_BYTES_MAX" => Some(Probe::Elsewhere),
                // client/src/worker/circuits.rs
                "WORKER_CIRCUITS_MAX" => Some(Probe::Elsewhere),
                // client/src/worker/builder.rs
                "WORKER_RATE_JOBS_MAX" | "WORKER_RATE_PERIOD_MS_MAX" => Some(Probe::Elsewhere),
                // server/src/transport/listener.rs
                "CONNECTIONS_MAX" => Some(Probe::Elsewhere),
                _ => None,
            };
        }
    }))
}

// attack 23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_is_kept_at_its_number_and_refused_one_beyond() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    admin.post("/v1/queues/q/jobs:batch", &json!({"jobs": many(20, |_| job("x"))})).await;
    let ended = crate::support::job_id().to_string();
    let mut ends = job("x");
    ends["id"] = json!(ended);
    admin.post("/v1/queues/q/jobs", &ends).await;
    admin.send("POST", &format!("/v1/jobs/{ended}:cancel"), "{}").await;
    let mut tried = 0;
    for limit in limits::ALL {
        let probe = probe(limit).unwrap_or_else(|| panic!("{} has no probe", limit.name));
        let Probe::Door(request) = probe else { continue };
        let (method, path, body) = request(limit.value);
        let at = admin.send(method, &path.replace(ENDED, &ended), &body).await;
        let kept = match limit.name {
            "REQUEST_DEPTH_MAX" => at.problem() == limit.beyond && !at.text.contains("nested"),
            _ => at.status < 300,
        };
        assert!(kept, "{} = {}: {at:?}", limit.name, limit.value);
        let (method, path, body) = request(limit.value + 1);
        let beyond = admin.send(method, &path.replace(ENDED, &ended), &body).await;
        assert_eq!(beyond.problem(), limit.beyond, "{} = {}", limit.name, limit.value + 1);
        if limit.name == "REQUEST_DEPTH_MAX" {
            assert!(beyond.text.contains("nested"), "{beyond:?}");
        }
        tried += 1;
    }
    assert!(tried >= 23, "only {tried} limits were tried through the door");
    server.stop().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_has_its_limit() {
    use base64::Engine as _;
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    for (verb, field) in [("complete", "result"), ("fail", "error")] {
        admin.post("/v1/queues/q/jobs", &job("x")).await;
        let leased = admin.post("/v1/queues/q/leases", &json!({})).await;
        let receipt = &leased.json["jobs"][0]["receipt"];
        let outcome = |bytes: usize| {
            let data = base64::engine::general_purpose::STANDARD.encode(vec![7u8; bytes]);
            json!({"items": [{"receipt": receipt, field: data}]})
        };
        let path = format!("/v1/leases:{verb}");
        let beyond = admin.post(&path, &outcome(limits::OUTCOME_BYTES_MAX + 1)).await;
        assert_eq!(beyond.json["results"][0]["error"]["code"], "body_too_large", "{beyond:?}");
        let kept = admin.post(&path, &outcome(limits::OUTCOME_BYTES_MAX)).await;
        assert_eq!(kept.json["results"][0]["ok"], true, "{verb}: {:?}", kept.status);
    }
    server.stop().await.expect("a clean stop");
}

// attack 23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_has_as_many_bodies_as_its_limit_allows() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    admin.send("PUT", "/v1/queues/q", r#"{"sealing":"allowed"}"#).await;
    let large = limits::BODY_BYTES_MAX;
    let fit = limits::LEASE_BODIES_BYTES_MAX / large;
    assert_eq!(fit * large, limits::LEASE_BODIES_BYTES_MAX, "whole bodies reach the limit");
    let send = |bytes: usize| {
        let job = job(&text(u64::try_from(bytes).expect("a size for tests")));
        let admin = admin.clone();
        async move { assert_eq!(admin.post("/v1/queues/q/jobs", &job).await.status, 201) }
    };
    let take = || async {
        let leased = admin.post("/v1/queues/q/leases", &json!({"max": 100})).await;
        leased.json["jobs"].as_array().expect("jobs").len()
    };
    // At the limit nothing is added, one byte below it one more job is.
    for (first, handed_out) in [(large, fit), (large - 1, fit + 1)] {
        send(first).await;
        for _ in 1..=fit {
            send(large).await;
        }
        assert_eq!(take().await, handed_out, "the first of {first} bytes");
        assert_eq!(take().await, fit + 1 - handed_out, "the rest stayed ready");
    }
    server.stop().await.expect("a clean stop");
}
