//! For each operation whose request carries numbers, a request that is good as it is, with every number in
//! it and none of them in the way of another's ends.

use sealane_core::limits;
use serde_json::{Value, json};

use crate::http::{Http, job};
use crate::support::job_id;

/// Makes requests.
pub struct Bases {
    http: Http,
    ended: String,
}

impl Bases {
    /// With queues to try them on, and one job that has ended.
    pub async fn new(http: &Http) -> Self {
        let far = json!({"sealing": "allowed", "horizon_ms": limits::HORIZON_MS_MAX, "max_run_ms": limits::RUN_MS_MAX});
        for queue in ["sent", "leased", "fired"] {
            assert_eq!(http.send("PUT", &format!("/v1/queues/{queue}"), &far.to_string()).await.status, 200);
        }
        let sessions =
            json!({"sealing": "allowed", "sessions": "on", "session_hold_ms": limits::SESSION_HOLD_MS_MAX});
        assert_eq!(http.send("PUT", "/v1/queues/sessions", &sessions.to_string()).await.status, 200);
        let mut bases = Self { http: http.clone(), ended: String::new() };
        let (_, settle) = bases.settle().await;
        let done = http.post("/v1/leases:complete", &settle).await;
        bases.ended = done.json["results"][0]["id"].as_str().expect("an id").to_owned();
        bases
    }

    /// A new request for this operation: where to, and what.
    pub async fn fresh(&self, operation: &str) -> (String, Value) {
        let on = |path: &str, request: Value| (path.to_owned(), request);
        match operation {
            "access.key.create" => {
                on("/v1/access/keys", json!({"principal": "p", "role": "worker", "ttl_ms": 1_000}))
            }
            "dead_letter.list" | "dead_letter.preview" | "dead_letter.redrive" => {
                let verb = operation.rsplit('.').next().expect("a verb");
                let field = if verb == "redrive" { "rate" } else { "max" };
                on(&format!("/v1/queues/leased/dead:{verb}"), json!({field: 1}))
            }
            "queue.preview_held" => on("/v1/queues/leased/held:preview", json!({"max": 1})),
            "queue.release_held" => on("/v1/queues/leased/held:release", json!({"rate": 1})),
            "flow.submit" => {
                let mut job = a_job();
                job["id"] = json!(job_id().to_string());
                let node = json!({"name": "a", "queue": "sent", "job": job});
                on("/v1/flows", json!({"id": job_id().to_string(), "nodes": [node]}))
            }
            "job.enqueue" => on("/v1/queues/sent/jobs", a_job()),
            "job.enqueue_batch" => on("/v1/queues/sent/jobs:batch", json!({"jobs": [a_job()]})),
            "job.list" => on("/v1/jobs:list", json!({"max": 1})),
            "job.logs" => {
                let page = json!({"max": 1, "after": {"attempt": 1, "seq": 0}});
                on(&format!("/v1/jobs/{}/logs", self.ended), page)
            }
            "job.wait" => on(&format!("/v1/jobs/{}:wait", self.ended), json!({"wait_ms": 0})),
            "lease.acquire" => {
                // So that nobody has to wait.
                self.sent().await;
                on("/v1/queues/leased/leases", json!({"max": 1, "lease_ms": 1_000, "wait_ms": 0}))
            }
            "lease.extend" => self.settling("extend", "lease_ms", json!(1_000)).await,
            "lease.fail" => self.settling("fail", "retry_after_ms", json!(0)).await,
            "lease.release" => self.settling("release", "delay_ms", json!(0)).await,
            "lease.report" => {
                let (path, mut request) = self.settling("report", "seq", json!(0)).await;
                request["items"][0]["progress"] = json!({"percent": 1});
                (path, request)
            }
            "queue.create" => on("/v1/queues/set", settings()),
            "schedule.list" => on("/v1/schedules:list", json!({"max": 1})),
            "schedule.put" => {
                let wish = json!({"queue": "fired", "every_ms": 60_000, "jitter_ms": 0, "job": a_job()});
                on("/v1/schedules/nightly", wish)
            }
            "session.accept" => on(
                "/v1/queues/sessions/sessions:accept",
                json!({"session_id": job_id().to_string(), "hold_ms": 1_000, "wait_ms": 0}),
            ),
            "session.list" => on("/v1/queues/sessions/sessions:list", json!({"max": 1})),
            "session.renew" => {
                let wish = json!({"session_id": job_id().to_string()});
                let held = self.http.post("/v1/queues/sessions/sessions:accept", &wish).await;
                let receipt = &held.json["session"]["receipt"];
                assert!(receipt.is_string(), "{held:?}");
                on("/v1/sessions:renew", json!({"receipt": receipt, "hold_ms": 1_000}))
            }
            other => panic!("{other} takes numbers: add a good request of it here"),
        }
    }

    async fn sent(&self) {
        let sent = self.http.post("/v1/queues/leased/jobs", &job("x")).await;
        assert_eq!(sent.status, 201, "{sent:?}");
    }

    /// One item with the receipt of a job that was just leased.
    async fn settle(&self) -> (String, Value) {
        self.sent().await;
        let leased = self.http.post("/v1/queues/leased/leases", &json!({"lease_ms": 600_000})).await;
        let receipt = &leased.json["jobs"][0]["receipt"];
        assert!(receipt.is_string(), "{leased:?}");
        (String::new(), json!({"items": [{"receipt": receipt}]}))
    }

    async fn settling(&self, verb: &str, field: &str, value: Value) -> (String, Value) {
        let (_, mut request) = self.settle().await;
        request["items"][0][field] = value;
        (format!("/v1/leases:{verb}"), request)
    }
}

/// A plain job with all numbers.
fn a_job() -> Value {
    let mut all = job("x");
    all["ttl_ms"] = json!(limits::TTL_MS_MAX);
    all["max_attempts"] = json!(1);
    all["retry"] = json!({"base_ms": 1, "cap_ms": limits::DELAY_MS_MAX, "jitter_percent": 0});
    all
}

fn settings() -> Value {
    let rate = json!({"starts": 1, "period_ms": 1_000, "burst": 1});
    json!({
        "sealing": "allowed", "lease_ms": limits::LEASE_MS_MIN, "max_run_ms": limits::RUN_MS_MAX,
        "max_attempts": 1, "retry_base_ms": 1, "retry_cap_ms": limits::DELAY_MS_MAX, "retry_jitter_percent": 0,
        "horizon_ms": 0, "max_depth": 1, "max_body_bytes": 1, "sessions": "on", "session_idle_ms": limits::LEASE_MS_MIN,
        "session_hold_ms": limits::SESSION_HOLD_MS_MAX, "concurrency": 1, "concurrency_per_key": 1,
        "rate": rate, "rate_per_key": rate, "idempotency_window_ms": limits::IDEMPOTENCY_WINDOW_MS_MIN,
    })
}
