//! What the system calls say: the answer leaves after the disk has confirmed.

use sealane::{Provider as _, QueueIn, QueueName};
use sealane_api::v1::JobIn;

use crate::support::Place;

/// What a line of the trace says about the order of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Bytes arrived from a client.
    Arrived,
    /// The disk confirmed.
    Synced,
    /// Bytes began to leave to a client.
    Answered,
}

fn read(trace: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    // Calls that were interrupted in the trace are finished under their thread's number.
    let mut reading_socket = std::collections::BTreeSet::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or(("", line));
        let call = call.trim_start();
        let socket = call.contains("<TCP");
        let gave = |call: &str| {
            call.rsplit("= ")
                .next()
                .and_then(|result| result.trim().parse::<i64>().ok())
                .is_some_and(|bytes| bytes > 0)
        };
        let reads = call.starts_with("recvfrom(") || call.starts_with("read(");
        let resumed = call.starts_with("<... recvfrom resumed") || call.starts_with("<... read resumed");
        if reads && socket && call.ends_with("<unfinished ...>") {
            reading_socket.insert(thread.to_owned());
        } else if (reads && socket && gave(call)) || (resumed && reading_socket.remove(thread) && gave(call))
        {
            seen.push(Seen::Arrived);
        } else if call.contains("fdatasync") && call.trim_end().ends_with("= 0") {
            seen.push(Seen::Synced);
        } else if socket
            && ["write(", "writev(", "sendto(", "sendmsg("].iter().any(|name| call.starts_with(name))
        {
            seen.push(Seen::Answered);
        }
    }
    seen
}

// covers REL-1 (no byte of an answer leaves between the request's arrival and its fdatasync)
#[tokio::test]
async fn with_one_request_in_flight_nothing_is_written_before_the_sync() {
    let place = Place::new();
    let server = place.serve_under(&[
        "strace",
        "-f",
        "-yy",
        "-s",
        "0",
        "-o",
        "trace",
        "-e",
        "trace=read,recvfrom,write,writev,sendto,sendmsg,fdatasync",
    ]);
    let remote = server.remote();
    let queue = QueueName::parse("orders").expect("a name");
    let plain = QueueIn { sealing: Some("allowed".to_owned()), ..QueueIn::default() };
    remote.put_queue(&queue, &plain).await.expect("a queue");
    let before =
        read(&std::fs::read_to_string(place.path("trace")).expect("strace is installed and writes")).len();
    for _ in 0..20 {
        let job = JobIn { kind: "test".into(), body: b"x".to_vec().into(), ..JobIn::default() };
        remote.enqueue(&queue, &job).await.expect("accepted");
    }
    let seen = read(&std::fs::read_to_string(place.path("trace")).expect("the trace"));
    let (mut since_arrival, mut answers) = (Vec::new(), 0);
    for what in &seen[before..] {
        match what {
            Seen::Arrived => since_arrival.clear(),
            Seen::Synced => since_arrival.push(Seen::Synced),
            Seen::Answered => {
                assert!(
                    since_arrival.contains(&Seen::Synced),
                    "an answer left before its sync: {:?}",
                    &seen[before..]
                );
                answers += 1;
            }
        }
    }
    assert!(answers >= 20, "the trace shows {answers} answers: {:?}", &seen[before..]);
    assert_eq!(server.terminate(), Some(0));
}
