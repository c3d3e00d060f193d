//! The life of jobs on the command line, and over a client that everybody has.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{DEADLINE, Place, Serving, wait};

/// A command that goes on, and what it prints line by line.
struct Following {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Following {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it runs");
        let stdout: ChildStdout = child.stdout.take().expect("a pipe");
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line")
    }

    /// The first line, while something is done again and again for it to be told.
    fn first_line(&self, mut act: impl FnMut()) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            act();
            match self.lines.try_recv() {
                Ok(line) => return line,
                Err(TryRecvError::Empty) => assert!(Instant::now() < end, "nothing is told"),
                Err(TryRecvError::Disconnected) => panic!("it ended and told nothing"),
            }
        }
    }

    /// Type, state and job of the next event.
    fn told(&self) -> (String, String, String) {
        let event: Value = serde_json::from_str(&self.line()).expect("JSON, one line each");
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        (text("type"), text("state"), text("job"))
    }

    fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn exit(mut self) -> Option<i32> {
        wait(&mut self.child).code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // Why the results are let go: it may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn events(place: &Place, arguments: &[&str]) -> Following {
    Following::start(&mut place.command(&[arguments, &["-o", "json"]].concat()))
}

fn place() -> (Place, Serving) {
    let place = Place::new();
    let server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    (place, server)
}

fn enqueue(place: &Place) -> String {
    let sent = place.json(&["job", "enqueue", "orders", "--kind", "k", "--body", "-"], "body");
    sent["id"].as_str().expect("an id").to_owned()
}

fn told(kind: &str, state: &str, job: &str) -> (String, String, String) {
    (kind.to_owned(), state.to_owned(), job.to_owned())
}

// covers OBS-3 (on the command line)
#[test]
fn a_job_is_watched_until_it_has_ended_and_events_go_on_where_they_were() {
    let (place, server) = place();
    let id = enqueue(&place);
    let watch = events(&place, &["job", "watch", &id]);
    assert_eq!(watch.told(), told("standing", "ready", &id));
    let worked = place.sealane(&["work", "orders", "--exec", "true", "--max-jobs", "1"], "");
    assert!(worked.status.success(), "{worked:?}");
    assert_eq!(watch.told(), told("leased", "running", &id));
    assert_eq!(watch.told(), told("completed", "completed", &id));
    assert_eq!(watch.exit(), Some(0));
    // One that has ended is told as it stands; it is no success unless it is completed.
    assert_eq!(events(&place, &["job", "watch", &id]).told(), told("standing", "completed", &id));
    let other = enqueue(&place);
    place.json(&["job", "cancel", &other], "");
    let watch = events(&place, &["job", "watch", &other]);
    assert_eq!(watch.told(), told("standing", "cancelled", &other));
    assert_eq!(watch.exit(), Some(1));

    let follow = events(&place, &["events", "--queue", "orders", "--type", "accepted", "--max-events", "1"]);
    // Whether it listens already is not to be seen from here: jobs come until one was told.
    let mut sent = Vec::new();
    let line = follow.first_line(|| sent.push(enqueue(&place)));
    let first: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(follow.exit(), Some(0));
    sent.push(enqueue(&place));
    let at = sent.iter().position(|job| first["job"] == **job).expect("one of them");
    let behind = &sent[at + 1..];
    let (after, count) = (first["id"].as_str().expect("an id"), behind.len().to_string());
    let arguments = ["events", "--after", after, "--type", "accepted", "--max-events", &count];
    let again = events(&place, &arguments);
    for job in behind {
        assert_eq!(again.told(), told("accepted", "ready", job));
    }
    assert_eq!(again.exit(), Some(0));
    let wrong = place.sealane(&["events", "--type", "exploded"], "");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_watch_ends_and_says_so_when_its_key_does_not_see_the_job_any_more() {
    let (place, server) = place();
    place.json(&["queue", "create", "away"], "");
    let worker = ["access", "key", "create", "--principal", "clerk", "--role", "worker", "--queue", "orders"];
    let made = place.json(&worker, "");
    let admin = std::fs::read_to_string(place.path("data/admin.context")).expect("a context");
    let key = |line: &str| line.starts_with("api_key").then(|| format!("api_key = {}", made["key"]));
    let clerk: Vec<String> = admin.lines().map(|line| key(line).unwrap_or_else(|| line.to_owned())).collect();
    let path = place.path("clerk.context");
    std::fs::write(&path, clerk.join("\n")).expect("it is written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a file of one's own");
    let id = enqueue(&place);
    let mut command = place.command(&["job", "watch", &id, "-o", "json"]);
    let error = std::fs::File::create(place.path("watch.err")).expect("a file");
    let watch = Following::start(command.env("SEALANE_CONTEXT", "clerk.context").stderr(error));
    assert_eq!(watch.told(), told("standing", "ready", &id));
    place.json(&["job", "move", &id, "away"], "");
    assert_eq!(watch.told(), told("moved_away", "ready", &id));
    assert_eq!(watch.exit(), Some(3));
    let error = std::fs::read_to_string(place.path("watch.err")).expect("what it said");
    assert!(error.contains("not_found") && error.contains("in another queue"), "{error}");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn events_outlast_a_server_that_is_away_for_longer_than_a_command_waits() {
    let (place, server) = place();
    let id = enqueue(&place);
    let said = std::fs::File::create(place.path("events.err")).expect("a file");
    let mut command = place.command(&["events", "--queue", "orders", "--type", "accepted", "-o", "json"]);
    let mut follow = Following::start(command.stderr(said));
    let mut watch = events(&place, &["job", "watch", &id]);
    assert_eq!(watch.told(), told("standing", "ready", &id));
    follow.first_line(|| drop(enqueue(&place)));
    let address = server.address();
    server.kill();
    // It says so when it has waited as long as other commands do.
    let end = Instant::now() + DEADLINE;
    while !std::fs::read_to_string(place.path("events.err")).expect("a file").contains("tried again") {
        assert!(Instant::now() < end && follow.runs(), "it goes on");
        std::thread::yield_now();
    }
    let server = place.serve_at(&address);
    while follow.told().0 != "reset" {}
    let sent = std::iter::repeat_with(|| enqueue(&place)).take(2).collect::<Vec<_>>();
    assert_eq!([follow.told().2, follow.told().2], [sent[0].as_str(), sent[1].as_str()]);
    assert_eq!(watch.told(), told("standing", "ready", &id));
    assert!(watch.runs(), "the job has not ended");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_server_that_is_told_to_stop_does_not_wait_for_who_listens() {
    let place = Place::new();
    let server = place.serve_draining("60s");
    place.json(&["queue", "create", "orders"], "");
    let id = enqueue(&place);
    let watch = events(&place, &["job", "watch", &id]);
    assert_eq!(watch.told(), told("standing", "ready", &id));
    let began = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    // Nothing runs, so that nothing but the stream could have held it up.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let log = std::fs::read_to_string(place.path("server.log")).expect("the log");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("event.watch")).collect();
    assert_eq!(lines.len(), 2, "a line at the opening and one at the end: {log}");
    assert!(!lines[0].contains("ended") && lines[1].contains("draining"), "{lines:?}");
}
