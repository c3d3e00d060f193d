//! A file of jobs, sent by the binary: each line for itself, or all of them.

use serde_json::Value;

use crate::support::{Place, contains, files_below};

/// Stands in the bodies below, and nowhere else.
const PLANTED: &str = "periwinkle-2209";

/// Sends the lines; the exit code, and an answer for each of them.
fn send(place: &Place, options: &[&str], lines: &str) -> (Option<i32>, Vec<Value>) {
    let arguments = [&["job", "enqueue", "orders", "--batch", "-", "-o", "json"], options].concat();
    let output = place.sealane(&arguments, lines);
    let text = String::from_utf8(output.stdout).expect("text");
    let answers = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (output.status.code(), answers)
}

fn waiting(place: &Place) -> u64 {
    place.json(&["queue", "get", "orders"], "")["jobs"]["ready"].as_u64().expect("a number")
}

fn place_with_queue() -> (Place, crate::support::Serving) {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    (place, server)
}

// covers JOB-10 (batches at the command line, each line for itself or all of them)
// covers SEAL-1 (a batch is sealed as a single job is)
// attack 26
#[test]
fn of_three_lines_one_is_bad_two_are_accepted_alone_and_none_together() {
    let (place, server) = place_with_queue();
    let good = |n: u32| format!("{{\"kind\":\"k\",\"text\":\"{PLANTED} {n}\"}}\n");
    // Broken on this side, and refused by the server.
    for (bad, code) in [
        (format!("{{\"kind\":\"k\",\"tekst\":\"{PLANTED}\"}}\n"), "invalid_request"),
        ("{\"kind\":\"k\",\"text\":\"\",\"delay_ms\":9999999999999}\n".to_owned(), "invalid_request"),
        (
            "{\"kind\":\"k\",\"text\":\"\",\"after\":[\"019b7400-0000-7000-8000-000000000001\"]}\n"
                .to_owned(),
            "not_found",
        ),
    ] {
        let lines = [good(1), "\n".to_owned(), bad, good(4)].concat();
        let before = waiting(&place);

        let (exit, answers) = send(&place, &["--atomic"], &lines);
        assert_eq!(exit, Some(3), "{answers:?}");
        let codes: Vec<_> = answers.iter().map(|answer| answer["error"]["code"].as_str()).collect();
        assert_eq!(codes, [Some("not_done"), Some(code), Some("not_done")], "{answers:?}");
        assert_eq!(waiting(&place), before, "none of them");

        let (exit, answers) = send(&place, &[], &lines);
        assert_eq!(exit, Some(3), "{answers:?}");
        let said: Vec<_> = answers
            .iter()
            .map(|answer| (answer["line"].as_u64().expect("a number"), answer["error"]["code"].as_str()))
            .collect();
        assert_eq!(said, [(1, None), (3, Some(code)), (4, None)]);
        assert_eq!(waiting(&place), before + 2, "the two good ones");
        let id = answers[0]["id"].as_str().expect("an id");
        assert_eq!(place.json(&["job", "get", id], "")["state"], "ready");
        assert!(!format!("{answers:?}").contains(PLANTED));
    }
    let opened = place.sealane(&["work", "orders", "--exec", "cat", "--max-jobs", "1"], "");
    assert_eq!(opened.stdout, format!("{PLANTED} 1").into_bytes());
    assert_eq!(server.terminate(), Some(0));
    for (path, bytes) in files_below(place.dir.path()) {
        assert!(!contains(&bytes, PLANTED.as_bytes()), "{} has the planted word", path.display());
    }
}

#[test]
fn a_file_longer_than_a_request_goes_in_several_but_not_together() {
    let (place, _server) = place_with_queue();
    let line = "{\"kind\":\"k\",\"body\":\"AP8=\"}\n";
    let lines = line.repeat(1_001);
    let refused = place.sealane(&["job", "enqueue", "orders", "--batch", "-", "--atomic"], &lines);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(contains(&refused.stderr, b"at most 1000 lines") && refused.stdout.is_empty(), "{refused:?}");
    assert_eq!(waiting(&place), 0);

    let (exit, answers) = send(&place, &[], &lines);
    assert_eq!((exit, answers.len()), (Some(0), 1_001));
    assert_eq!(waiting(&place), 1_001);
    let (exit, answers) = send(&place, &["--atomic"], &line.repeat(1_000));
    assert_eq!((exit, answers.len()), (Some(0), 1_000), "a thousand are one request");
}

#[test]
fn a_file_and_the_options_of_one_job_do_not_go_together() {
    let place = Place::new();
    for arguments in [
        &["--batch", "-", "--kind", "k"][..],
        &["--batch", "-", "--body", "-"],
        &["--kind", "k"],
        &["--kind", "k", "--body", "-", "--atomic"],
        &[],
    ] {
        let refused = place.sealane(&[&["job", "enqueue", "orders"], arguments].concat(), "");
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {refused:?}");
    }
}

#[test]
fn without_a_server_no_line_is_said_to_be_sent_and_each_has_an_id_to_ask_after() {
    let (place, server) = place_with_queue();
    server.kill();
    let lines = "{\"kind\":\"k\",\"text\":\"a\"}\n".repeat(1_001);
    let (exit, answers) = send(&place, &[], &lines);
    assert_eq!((exit, answers.len()), (Some(5), 1_000), "the rest is not tried");
    for answer in &answers {
        assert!(answer["error"]["code"] == "unreachable" && answer["id"].is_string(), "{answer}");
    }
}
