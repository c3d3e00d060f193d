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

/// Of a run without a rate.
const FIELDS: [&str; 12] = [
    "batch",
    "cpu_us_per_job",
    "jobs",
    "jobs_per_s",
    "max_us",
    "op",
    "p50_us",
    "p90_us",
    "p999_us",
    "p99_us",
    "producers",
    "size",
];

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
        assert_eq!(names(run), FIELDS);
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
#[tokio::test]
async fn one_program_works_all_that_it_sends_in_fewer_requests_than_jobs() {
    let place = Place::new();
    let server = place.serve();
    let words =
        ["bench", "--op", "work", "--producers", "16", "--batch", "1,5", "--size", "100", "--seconds", "0.3"];
    let report = place.json(&words, "");
    let runs = report["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 2);
    let jobs: f64 = runs.iter().map(|run| number(&run["jobs"])).sum();
    // Before each run every producer sends once.
    let expected = jobs + 16.0 + 5.0 * 16.0;
    let queues = place.json(&["queue", "list"], "");
    assert_eq!(number(&queues["queues"][0]["jobs"]["completed"]), expected);
    let log = std::fs::read_to_string(place.path("server.log")).expect("a log");
    assert_eq!(server.terminate(), Some(0));
    let settles = log.lines().filter(|line| line.contains("lease.complete")).count();
    assert!(settles > 0 && (settles as f64) < expected / 2.0, "{settles} requests for {expected} jobs");
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
        (&["--server-pid", "4294967295"][..], 1),
        (&["--disk-dir", "missing"], 1),
        (&["--producers", "0"], 2),
        (&["--seconds", "3600"], 2),
        (&["--op", "work", "--rate", "5"], 2),
        (&["--op", "cycle", "--rate", "9"], 2),
    ] {
        let output = place.sealane(&[&words[..], more].concat(), "");
        assert_eq!(output.status.code(), Some(code), "{more:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{more:?}: {output:?}");
    }
}

// covers CLI-1 (bench)
#[test]
fn a_sweep_over_rates_begins_its_jobs_by_the_clock_and_is_drawn() {
    let place = Place::new();
    let _server = place.serve();
    let words =
        ["bench", "--producers", "2", "--batch", "5", "--size", "64", "--seconds", "0.2", "--histogram"];
    let report = place.json(&[&words[..], &["--op", "cycle,enqueue", "--rate", "50%,200"]].concat(), "");
    let runs = report["runs"].as_array().expect("runs");
    let asked: Vec<_> = runs.iter().map(|run| run["rate_asked"].as_str().unwrap_or("none")).collect();
    assert_eq!(asked, ["none", "50%", "200", "none", "50%", "200"]);
    for three in runs.chunks(3) {
        assert!(three[0].get("rate").is_none() && three[0].get("missed").is_none(), "{}", three[0]);
        let half = number(&three[0]["jobs_per_s"]) / 2.0;
        assert!((number(&three[1]["rate"]) - half).abs() <= 1.0, "{}", three[1]);
        // 200 a second for 0.2 s, by fives, however long the server takes.
        assert_eq!(number(&three[2]["rate"]), 200.0);
        assert_eq!(number(&three[2]["jobs"]) + number(&three[2]["missed"]), 40.0, "{}", three[2]);
    }
    for run in runs {
        let counted: f64 =
            run["histogram_us"].as_array().expect("buckets").iter().map(|pair| number(&pair[1])).sum();
        let batches = (number(&run["jobs"]) + run.get("missed").map_or(0.0, number)) / 5.0;
        assert_eq!(counted, batches, "{run}");
    }

    std::fs::write(place.path("sweep.json"), report.to_string()).expect("a file");
    let drawn = place.json(&["bench", "plot", "sweep.json", "--out", "sweep.svg"], "");
    assert_eq!((&drawn["series"], &drawn["points"]), (&Value::from(2), &Value::from(4)));
    let svg = std::fs::read_to_string(place.path("sweep.svg")).expect("a picture");
    let document = roxmltree::Document::parse(&svg).expect("it is XML");
    let words: Vec<_> = document.descendants().filter_map(|node| node.text()).collect();
    for expected in
        ["jobs per second that were to begin", "cycle, 2 × 5, 64 bytes", "enqueue, 2 × 5, 64 bytes"]
    {
        assert!(words.contains(&expected), "{expected}: {words:?}");
    }
}

// covers CLI-1 (bench)
#[test]
fn two_benches_are_compared_run_by_run_and_a_slower_one_can_fail() {
    let place = Place::new();
    let server = place.serve();
    let words =
        ["bench", "--producers", "1", "--batch", "2", "--size", "64", "--seconds", "0.1", "--op", "cycle"];
    let before = place.json(&words, "");
    // Nothing of the rest needs a server.
    server.kill();
    let mut after = before.clone();
    after["runs"][0]["jobs_per_s"] = Value::from(number(&before["runs"][0]["jobs_per_s"]) * 0.5);
    after["settings"]["sealing"] = Value::from("forbidden");
    after["machine"]["cores"] = Value::from(10_000);
    let mut other = before.clone();
    other["runs"][0]["batch"] = Value::from(3);
    for (name, report) in [("a", &before), ("b", &after), ("other", &other)] {
        std::fs::write(place.path(name), report.to_string()).expect("a file");
    }
    std::fs::write(place.path("text"), "no report").expect("a file");

    let found = place.json(&["bench", "compare", "a", "b"], "");
    assert_eq!(found["runs"][0]["jobs_per_s"]["ratio"], 0.5);
    assert_eq!(found["runs"][0]["p99_us"]["ratio"], 1.0);
    assert_eq!(found["machine_differs"][0]["name"], "cores");
    assert_eq!(found["settings_differ"][0]["b"], "forbidden");
    let table = place.sealane(&["bench", "compare", "a", "b", "-o", "table"], "");
    let text = String::from_utf8(table.stdout).expect("text");
    assert!(text.contains("DIFFERS: cores") && text.contains("B/A") && text.contains("0.50"), "{text}");

    for (line, exit) in [
        (&["a", "a", "--fail-below", "1"][..], 0),
        (&["a", "b", "--fail-below", "0.5"], 0),
        (&["a", "b", "--fail-below", "0.51"], 1),
        (&["--seconds", "3600"], 2),
        (&["a", "other"], 6),
        (&["a", "other", "--fail-below", "0.5"], 1),
        (&["a", "text"], 6),
        (&["a", "missing"], 6),
    ] {
        let output = place.sealane(&[&["bench", "compare"], line].concat(), "");
        assert_eq!(output.status.code(), Some(exit), "{line:?}: {output:?}");
    }
    for line in [["plot", "a", "--out", "a.svg"], ["plot", "text", "--out", "a.svg"]] {
        let output = place.sealane(&[&["bench"], &line[..]].concat(), "");
        assert_eq!(output.status.code(), Some(6), "{line:?}: {output:?}");
        assert!(!place.path("a.svg").exists());
    }
}
