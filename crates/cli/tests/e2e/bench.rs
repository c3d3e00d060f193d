//! `sealane bench` against a real server: not how fast, but whether the figures are about what they
//! say they are.

use serde_json::Value;

use crate::support::Place;

fn names(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

// covers CLI-1 (bench)
#[tokio::test]
async fn a_bench_says_what_it_measured_and_leaves_no_work_behind() {
    let place = Place::new();
    let server = place.serve();
    let pid = server.child.id().to_string();
    let words = ["bench", "--producers", "1,2", "--batch", "1,10", "--size", "100", "--seconds", "0.2"];
    let report = place.json(&[&words[..], &["--server-pid", &pid]].concat(), "");

    assert_eq!(names(&report), ["cpu_of", "fdatasync_us", "machine", "runs", "settings"]);
    assert_eq!(names(&report["machine"]), ["cores", "cpu", "kernel", "memory_mb"]);
    assert_eq!(report["cpu_of"], "bench and server");
    assert!(number(&report["fdatasync_us"]["p50"]) > 0.0);
    assert!(number(&report["fdatasync_us"]["p99"]) >= number(&report["fdatasync_us"]["p50"]));

    let described = serde_json::to_value(server.remote().describe().await.expect("it describes itself"));
    let described = described.expect("plain data");
    for name in ["tls", "auth", "audit", "at_rest", "sync", "version"] {
        assert_eq!(report["settings"][name], described[name], "{name}");
    }
    assert_eq!(report["settings"]["sealing"], "required");

    let runs = report["runs"].as_array().expect("runs");
    let mut seen = Vec::new();
    for run in runs {
        let fields =
            ["batch", "cpu_us_per_job", "jobs", "jobs_per_s", "op", "p50_us", "p99_us", "producers", "size"];
        assert_eq!(names(run), fields);
        assert!(number(&run["jobs_per_s"]) > 0.0 && number(&run["cpu_us_per_job"]) >= 0.0, "{run}");
        assert!(number(&run["p50_us"]) > 0.0 && number(&run["p99_us"]) >= number(&run["p50_us"]), "{run}");
        assert_eq!(number(&run["jobs"]) % number(&run["batch"]), 0.0, "{run}");
        seen.push(format!("{} {} {}", run["op"], run["producers"], run["batch"]));
    }
    let ops = ["\"enqueue\"", "\"cycle\""];
    let all = ops.iter().flat_map(|op| ["1 1", "2 1", "1 10", "2 10"].map(|rest| format!("{op} {rest}")));
    assert_eq!(seen, all.collect::<Vec<_>>());

    let queues = place.json(&["queue", "list"], "");
    let queues = queues["queues"].as_array().expect("queues");
    assert_eq!(queues.len(), 1, "one queue of its own: {queues:?}");
    let jobs = &queues[0]["jobs"];
    assert!(queues[0]["name"].as_str().expect("a name").starts_with("bench-"));
    for state in ["ready", "running", "retrying", "delayed", "held", "dead"] {
        assert_eq!(jobs[state], 0, "{state}");
    }
    // Every counted job and, before each run, a batch for each producer.
    let measured: f64 = runs.iter().map(|run| number(&run["jobs"])).sum();
    let before: f64 = runs.iter().map(|run| number(&run["producers"]) * number(&run["batch"])).sum();
    assert_eq!(number(&jobs["completed"]), measured + before);
}

// covers CLI-1 (bench)
#[test]
fn plaintext_is_measured_only_when_asked_for_and_then_it_says_so() {
    let place = Place::new();
    let _server = place.serve();
    let words =
        ["bench", "--producers", "1", "--batch", "2", "--size", "64", "--seconds", "0.1", "--op", "cycle"];
    let report = place.json(&[&words[..], &["--plaintext"]].concat(), "");
    assert_eq!(report["settings"]["sealing"], "forbidden");
    assert_eq!(report["cpu_of"], "bench");
    assert!(number(&report["runs"][0]["jobs_per_s"]) > 0.0);

    let table = place.sealane(&[&words[..], &["-o", "table"]].concat(), "");
    let text = String::from_utf8(table.stdout).expect("text");
    assert!(text.contains("sealing") && text.contains("required") && text.contains("JOBS/S"), "{text}");
}

// covers CLI-1 (bench)
#[test]
fn a_bench_that_cannot_measure_what_was_asked_says_so_and_prints_no_figures() {
    let place = Place::new();
    let _server = place.serve();
    let words =
        ["bench", "--producers", "1", "--batch", "1", "--size", "64", "--seconds", "0.1", "-o", "json"];
    for (more, code) in [
        (["--server-pid", "4294967295"], 1),
        (["--disk-dir", "missing"], 1),
        (["--producers", "0"], 2),
        (["--seconds", "3600"], 2),
    ] {
        let output = place.sealane(&[&words[..], &more].concat(), "");
        assert_eq!(output.status.code(), Some(code), "{more:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{more:?}: {output:?}");
    }
}
