//! Jobs that wait for each other, through the door.

use std::sync::Arc;

use base64::Engine as _;
use sealane_core::limits;
use sealane_storage::testing::lossy_disk::{Call, Fault, Loss, LossyDisk};
use serde_json::{Value, json};

use crate::http::{Http, Reply, job};
use crate::support::{DEADLINE, Home, Running, job_id};

async fn started() -> (Home, LossyDisk, Running, Http) {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let admin = Http::admin(&server);
    for queue in ["q", "other"] {
        admin.send("PUT", &format!("/v1/queues/{queue}"), r#"{"sealing":"allowed"}"#).await;
    }
    (home, disk, server, admin)
}

/// A node; `more` goes beside its name, what begins with `job.` into its job.
fn node(name: &str, more: &Value) -> Value {
    let mut node = json!({"name": name, "queue": "q", "job": job(name)});
    node["job"]["id"] = json!(job_id().to_string());
    for (field, value) in more.as_object().expect("an object") {
        match field.strip_prefix("job.") {
            Some(field) => node["job"][field] = value.clone(),
            None => node[field] = value.clone(),
        }
    }
    node
}

fn flow(nodes: &[Value]) -> Value {
    json!({"id": job_id().to_string(), "nodes": nodes})
}

impl Http {
    async fn submitted(&self, flow: &Value) -> Reply {
        let reply = self.post("/v1/flows", flow).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply
    }

    /// The states of a flow's jobs, sorted: the order of jobs is that of random ids.
    async fn flow_states(&self, id: &Value) -> Vec<String> {
        let shown = self.get(&format!("/v1/flows/{}", id.as_str().expect("an id"))).await;
        let jobs = shown.json["jobs"].as_array().unwrap_or_else(|| panic!("{shown:?}")).clone();
        let mut states: Vec<String> =
            jobs.iter().map(|job| job["state"].as_str().expect("a state").to_owned()).collect();
        states.sort_unstable();
        states
    }

    /// Waits until all jobs of a flow stand where they should.
    async fn until_states(&self, id: &Value, wanted: impl Fn(&[String]) -> bool) {
        let there = async {
            while !wanted(&self.flow_states(id).await) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, there).await.expect("they come there");
    }

    async fn take(&self, queue: &str) -> Value {
        let leased = self.post(&format!("/v1/queues/{queue}/leases"), &json!({})).await;
        leased.json["jobs"][0].clone()
    }

    async fn complete(&self, leased: &Value, result: &[u8]) {
        let result = base64::engine::general_purpose::STANDARD.encode(result);
        let item = json!({"receipt": leased["receipt"], "result": result});
        let done = self.post("/v1/leases:complete", &json!({"items": [item]})).await;
        assert_eq!(done.json["results"][0]["state"], "completed", "{done:?}");
    }
}

fn bytes(base64: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64.as_str().expect("base64")).expect("base64")
}

// covers JOB-8 (fan-out, fan-in, results of parents, across restarts)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_goes_on_where_it_was_after_every_restart() {
    let (home, disk, server, admin) = started().await;
    let wish = flow(&[
        node("join", &json!({"after": ["left"], "children": ["right"]})),
        node("left", &json!({"after": ["start"]})),
        node("right", &json!({"after": ["start"], "queue": "other"})),
        node("start", &json!({})),
    ]);
    let sent = admin.submitted(&wish).await;
    let states: Vec<&Value> =
        sent.json["nodes"].as_array().expect("nodes").iter().map(|node| &node["state"]).collect();
    assert_eq!(states, ["blocked", "blocked", "blocked", "ready"], "in the order they came: {sent:?}");
    assert_eq!(sent.json["nodes"][0]["name"], "join");
    assert_eq!(admin.post("/v1/flows", &wish).await.status, 200, "twice is once");

    let mut next = (server, admin);
    for (queue, name) in [("q", "start"), ("other", "right"), ("q", "left")] {
        let leased = next.1.take(queue).await;
        assert_eq!(bytes(&leased["body"]), name.as_bytes());
        next.1.complete(&leased, format!("{name} is done").as_bytes()).await;
        next.0.stop().await.expect("a clean stop");
        let server = home.start(Arc::new(disk.clone())).await;
        let admin = Http::admin(&server);
        next = (server, admin);
    }
    let (server, admin) = next;
    let leased = admin.take("q").await;
    assert_eq!(bytes(&leased["body"]), b"join");
    let mut parents = leased["parents"].as_array().expect("parents").clone();
    parents.sort_by_key(|parent| parent["origin_queue"].to_string());
    for (parent, (queue, said, place)) in
        parents.iter().zip([("other", "right is done", 2), ("q", "left is done", 1)])
    {
        assert_eq!(parent["job_id"], wish["nodes"][place]["job"]["id"]);
        assert_eq!((&parent["origin_queue"], &parent["attempt"]), (&json!(queue), &json!(1)));
        assert_eq!((&parent["state"], bytes(&parent["result"])), (&json!("completed"), said.into()));
    }
    assert_eq!(parents.len(), 2, "{leased}");
    let shown = admin.get(&format!("/v1/jobs/{}", leased["id"].as_str().expect("an id"))).await;
    let of = &shown.json["dependencies"];
    assert_eq!((&of["flow"], &of["on_failure"]), (&wish["id"], &json!("fail")), "{shown:?}");
    assert_eq!(of["after"][0]["state"], "completed");
    assert!(of["blocked_by"].is_null() && !shown.text.contains("is done"), "{shown:?}");
    assert_eq!(admin.post("/v1/flows", &wish).await.status, 200, "and is so after all of this");
    server.stop().await.expect("a clean stop");
}

// covers JOB-8 (cycle, missing reference, depth and breadth refused, all or nothing)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_breaks_a_rule_is_refused_whole_and_says_where() {
    let (_home, _disk, server, admin) = started().await;
    let ghost = job_id().to_string();
    let mut twice = node("b", &json!({}));
    let first = node("a", &json!({}));
    twice["job"]["id"] = first["job"]["id"].clone();
    let mut without = node("a", &json!({}));
    without["job"].as_object_mut().expect("an object").remove("id");
    let chain = |length: usize| -> Vec<Value> {
        let after = |at: usize| if at == 0 { json!([]) } else { json!([format!("n{}", at - 1)]) };
        (0..length).map(|at| node(&format!("n{at}"), &json!({"after": after(at)}))).collect()
    };
    let depth = usize::try_from(limits::FLOW_DEPTH_MAX).expect("a small number");
    let bad: Vec<(Vec<Value>, &str, &str)> = vec![
        (vec![], "invalid_request", "1 to 1000 nodes"),
        (
            vec![
                node("a", &json!({"after": ["c"]})),
                node("b", &json!({"after_any": ["a"]})),
                node("c", &json!({"children": ["b"]})),
                node("d", &json!({"after": ["a"]})),
            ],
            "invalid_request",
            "a → c → b → a",
        ),
        (vec![node("a", &json!({"after": ["a"]}))], "invalid_request", "a → a"),
        (vec![node("a", &json!({"after": ["z"]}))], "invalid_request", "node a: "),
        (vec![first.clone(), node("b", &json!({"job.after": [ghost]}))], "not_found", &ghost),
        (vec![first.clone(), node("a", &json!({}))], "invalid_request", "two nodes"),
        (vec![first.clone(), twice], "invalid_request", "node b: another node has the same job id"),
        (vec![without], "invalid_request", "needs an id"),
        (vec![node("a", &json!({"job.id": "1"}))], "invalid_request", "UUID"),
        (vec![node("", &json!({}))], "invalid_request", "name"),
        (vec![node("a\n", &json!({}))], "invalid_request", "name"),
        (
            vec![first.clone(), node("b", &json!({"after": ["a"], "after_any": ["a"]}))],
            "invalid_request",
            "named twice",
        ),
        (vec![first.clone(), node("b", &json!({"after": ["a", "a"]}))], "invalid_request", "named twice"),
        (vec![node("a", &json!({"job.on_failure": "panic"}))], "invalid_request", "fail, cancel, run"),
        (vec![node("a", &json!({"job.delay_ms": u64::MAX}))], "invalid_request", "node a: "),
        (vec![first.clone(), node("b", &json!({"queue": "nowhere"}))], "not_found", "node b: "),
        (chain(depth + 1), "invalid_request", "100 jobs wait for each other"),
    ];
    for (nodes, code, words) in bad {
        let wish = flow(&nodes);
        let refused = admin.post("/v1/flows", &wish).await;
        assert_eq!(refused.problem(), code, "{words}: {refused:?}");
        assert!(
            refused.json["detail"].as_str().is_some_and(|text| text.contains(words)),
            "{words}: {refused:?}"
        );
        let path = format!("/v1/flows/{}", wish["id"].as_str().expect("an id"));
        assert_eq!(admin.get(&path).await.problem(), "not_found", "nothing of it is there");
    }
    let unknown = json!({"id": job_id().to_string(), "nodes": [first], "more": 1});
    assert_eq!(admin.post("/v1/flows", &unknown).await.problem(), "unknown_field");
    assert_eq!(admin.post("/v1/flows", &json!({"id": "x", "nodes": []})).await.problem(), "invalid_request");
    let wish = flow(&chain(depth));
    admin.submitted(&wish).await;
    let mut other = wish.clone();
    other["nodes"].as_array_mut().expect("nodes").push(node("more", &json!({})));
    assert_eq!(admin.post("/v1/flows", &other).await.problem(), "job_id_conflict");
    server.stop().await.expect("a clean stop");
}

// covers JOB-8 (failure propagates by policy through depth 100 and breadth 1000)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_reaches_everybody_who_waits_however_deep_and_however_many() {
    let (home, disk, server, admin) = started().await;
    let depth = usize::try_from(limits::FLOW_DEPTH_MAX).expect("a small number");
    let mut nodes = vec![node("n0", &json!({}))];
    nodes.extend((1..depth).map(|at| {
        let policy = if at % 2 == 0 { "fail" } else { "cancel" };
        node(&format!("n{at}"), &json!({"after": [format!("n{}", at - 1)], "job.on_failure": policy}))
    }));
    let deep = flow(&nodes);
    let broad: Vec<Value> = std::iter::once(node("root", &json!({"queue": "other"})))
        .chain(
            (1..limits::FLOW_NODES_MAX)
                .map(|at| node(&format!("n{at}"), &json!({"after": ["root"], "queue": "other"}))),
        )
        .collect();
    let broad = flow(&broad);
    admin.submitted(&deep).await;
    admin.submitted(&broad).await;
    let root = broad["nodes"][0]["job"]["id"].clone();
    let child = || {
        let mut child = job("x");
        child["after"] = json!([root]);
        child
    };
    let last = admin.post("/v1/queues/q/jobs", &child()).await;
    assert_eq!((last.status, &last.json["state"]), (201, &json!("blocked")), "the thousandth: {last:?}");
    assert_eq!(admin.post("/v1/queues/q/jobs", &child()).await.problem(), "invalid_request");

    let first = deep["nodes"][0]["job"]["id"].as_str().expect("an id").to_owned();
    let cancel = async |admin: &Http, id: &str| {
        assert_eq!(admin.send("POST", &format!("/v1/jobs/{id}:cancel"), "{}").await.status, 200);
    };
    // In the middle of it the power goes: what is left follows from what is stored.
    disk.fail(Call::Sync, 30, Fault::PowerOffBefore);
    cancel(&admin, &first).await;
    assert!(server.ended().await.is_err(), "it stood somewhere on the way down");
    let server = home.start(Arc::new(disk.after_power_cut(Loss::Everything))).await;
    let admin = Http::admin(&server);
    cancel(&admin, root.as_str().expect("an id")).await;
    let ended = |states: &[String]| states.iter().all(|state| state == "dead" || state == "cancelled");
    admin.until_states(&deep["id"], ended).await;
    admin.until_states(&broad["id"], ended).await;
    let states = admin.flow_states(&deep["id"]).await;
    assert_eq!(states.iter().filter(|state| *state == "dead").count(), depth / 2 - 1);
    let last = format!("/v1/jobs/{}", last.json["id"].as_str().expect("an id"));
    let shown = admin.get(&last).await;
    assert_eq!((&shown.json["state"], &shown.json["dead_because"]), (&json!("dead"), &json!("parent_ended")));
    assert_eq!(shown.json["dependencies"]["ended_with"], root);
    assert_eq!(
        admin.send("POST", &format!("/v1/jobs/{}:redrive", &last[9..]), "").await.problem(),
        "job_state"
    );
    assert!(admin.take("q").await.is_null() && admin.take("other").await.is_null(), "nobody is handed out");
    server.stop().await.expect("a clean stop");
}

// covers JOB-8 (who may wait for what)
// attack 43
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_job_or_sees_a_flow_that_is_not_theirs() {
    let (_home, _disk, server, admin) = started().await;
    let shop = admin.made("shop", "submitter", &["q"]).await;
    let other = admin.made("other", "submitter", &["**"]).await;
    let worker = admin.made("w", "worker", &["other"]).await;
    let wish = flow(&[node("a", &json!({})), node("b", &json!({"after": ["a"]}))]);
    shop.submitted(&wish).await;
    let id = wish["nodes"][0]["job"]["id"].clone();
    let path = format!("/v1/flows/{}", wish["id"].as_str().expect("an id"));

    let nobody = job_id().to_string();
    let asks = |parent: &Value| {
        let mut after = job("x");
        after["after"] = json!([parent]);
        let mut any = job("x");
        any["after_any"] = json!([parent]);
        (after, any, flow(&[node("c", &json!({"job.after": [parent]}))]))
    };
    let (after, any, submit) = asks(&id);
    let (_, _, nothing) = asks(&json!(nobody));
    let unknown = other.post("/v1/flows", &nothing).await;
    assert_eq!((unknown.status, unknown.problem()), (404, "not_found"));
    for refused in [
        other.post("/v1/queues/q/jobs", &after).await,
        other.post("/v1/queues/q/jobs", &any).await,
        other.post("/v1/flows", &submit).await,
    ] {
        assert_eq!((refused.status, refused.problem()), (404, "not_found"), "{refused:?}");
        let words = |reply: &Reply, id: &str| {
            let detail = reply.json["detail"].as_str().expect("words").replace(id, "ID");
            detail.trim_start_matches("node c: ").to_owned()
        };
        assert_eq!(words(&refused, id.as_str().expect("an id")), words(&unknown, &nobody));
    }
    let batch = other.post("/v1/queues/q/jobs:batch", &json!({"jobs": [after]})).await;
    assert_eq!(batch.json["results"][0]["error"]["code"], "not_found");
    for reply in [
        other.get(&path).await,
        worker.get(&path).await,
        other.send("POST", &format!("{path}:cancel"), "").await,
        worker.send("POST", &format!("{path}:cancel"), "").await,
        worker.post("/v1/flows", &flow(&[node("a", &json!({"queue": "other"}))])).await,
        shop.post("/v1/flows", &flow(&[node("a", &json!({})), node("b", &json!({"queue": "other"}))])).await,
    ] {
        assert_eq!((reply.status, reply.problem()), (404, "not_found"), "{reply:?}");
    }
    assert_eq!(shop.flow_states(&wish["id"]).await, ["blocked", "ready"]);
    assert_eq!(shop.post("/v1/queues/q/jobs", &after).await.status, 201, "one's own");
    assert_eq!(admin.post("/v1/queues/q/jobs", &any).await.status, 201, "an administrator");
    let ended = shop.send("POST", &format!("{path}:cancel"), "").await;
    let states: Vec<&Value> =
        ended.json["jobs"].as_array().expect("jobs").iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["cancelled", "cancelled"], "{ended:?}");
    assert_eq!(shop.send("POST", &format!("{path}:cancel"), "").await.status, 200, "twice is once");
    server.stop().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_reach_a_child_as_far_as_their_limit() {
    let (_home, _disk, server, admin) = started().await;
    let large = limits::OUTCOME_BYTES_MAX;
    let fit = limits::PARENT_RESULTS_BYTES_MAX / large;
    let names: Vec<String> = (0..=fit).map(|at| format!("n{at}")).collect();
    let mut nodes: Vec<Value> = names.iter().map(|name| node(name, &json!({"queue": "other"}))).collect();
    nodes.push(node("all", &json!({"after": names})));
    admin.submitted(&flow(&nodes)).await;
    for _ in 0..=fit {
        let leased = admin.take("other").await;
        admin.complete(&leased, &vec![7; large]).await;
    }
    let leased = admin.take("q").await;
    let parents = leased["parents"].as_array().expect("parents");
    let (with, without): (Vec<&Value>, Vec<&Value>) =
        parents.iter().partition(|parent| parent["result"].is_string());
    assert_eq!((with.len(), without.len()), (fit, 1));
    assert_eq!(without[0]["result_left_out"], true);
    assert!(with.iter().all(|parent| parent["result_left_out"].is_null()));
    server.stop().await.expect("a clean stop");
}

// covers JOB-8 (the end of a flow: whom it is for)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_is_ended_as_far_as_a_key_reaches_and_its_dead_jobs_stay() {
    let (_home, _disk, server, admin) = started().await;
    let hand = admin.made("hand", "admin", &["q"]).await;
    let wish = flow(&[
        node("dies", &json!({})),
        node("waits", &json!({"after": ["dies"], "job.on_failure": "run"})),
        node("elsewhere", &json!({"queue": "other"})),
    ]);
    admin.submitted(&wish).await;
    let failed = json!({"items": [{"receipt": admin.take("q").await["receipt"], "category": "permanent"}]});
    assert_eq!(admin.post("/v1/leases:fail", &failed).await.json["results"][0]["state"], "dead");
    admin.until_states(&wish["id"], |states| states == ["dead", "ready", "ready"]).await;
    // A dead job of somebody else is not seen by who may see the one that waited for it: nor what that one heard.
    let worker = admin.made("w", "worker", &["**"]).await;
    let waits = format!("/v1/jobs/{}", wish["nodes"][1]["job"]["id"].as_str().expect("an id"));
    let heard = async |who: &Http| who.get(&waits).await.json["dependencies"]["after"][0]["state"].clone();
    assert_eq!((heard(&admin).await, heard(&worker).await), (json!("dead"), Value::Null));
    let path = format!("/v1/flows/{}:cancel", wish["id"].as_str().expect("an id"));
    assert_eq!(hand.send("POST", &path, "").await.status, 200);
    assert_eq!(
        admin.flow_states(&wish["id"]).await,
        ["cancelled", "dead", "ready"],
        "what is in q, dead apart"
    );
    assert_eq!(admin.send("POST", &path, "").await.status, 200);
    assert_eq!(admin.flow_states(&wish["id"]).await, ["cancelled", "cancelled", "dead"]);
    server.stop().await.expect("a clean stop");
}
