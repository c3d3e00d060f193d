//! Testing code that sends and works: a whole server in the test's own process, in virtual time.
//!
//! [`TestServer`] is the state machine that runs in a real server, so leases, retries, back-offs,
//! delays and dead-letter are the real ones. Its clock moves when the test says so, or when everything
//! waits: a retry in an hour is a line of a test and no hour.
//!
//! ```
//! use std::time::Duration;
//! use sealane::testing::TestServer;
//! use sealane::{Job, Outcome, QueueIn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), sealane::Error> {
//! // A test of yours begins with #[tokio::test(start_paused = true)].
//! let server = TestServer::start();
//! let client = server.client();
//! client.put_queue("mail", &QueueIn::default()).await?;
//!
//! let worker = client
//!     .worker("mail")
//!     .handler("mail.send", async |delivery, _| match delivery.attempt {
//!         1 => Outcome::fail("the mail server is down"),
//!         _ => Outcome::COMPLETE,
//!     })
//!     .build()?;
//!
//! let later = Job::new("mail.send", "to ann").delay(Duration::from_secs(3_600));
//! let sent = client.producer().send("mail", later).await?;
//! assert_eq!(worker.run_until_idle().await?.settled(), 0, "not for an hour");
//!
//! server.advance(Duration::from_secs(3_600)).await;
//! assert_eq!(worker.run_until_idle().await?.failed, 1);
//! assert_eq!(client.job(sent.id).await?.state, "retrying");
//!
//! server.advance(Duration::from_secs(60)).await;
//! assert_eq!(worker.run_until_idle().await?.completed, 1);
//! assert_eq!(server.jobs("mail")[0].attempts.len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//! `start_paused` gives the test a runtime whose clock stands. It jumps to the next timer whenever
//! every task waits for one, so `tokio::time` in handlers, time-outs, long polls, heartbeats and
//! back-offs all follow the same virtual clock, in order, without waiting; while anything can run it
//! stands. Code that waits for real sockets, files or threads must not be left alone with timers:
//! time runs ahead of it.
//!
//! A worker leaves a kind of job alone for 30 s once five attempts failed in a row, here as anywhere. A
//! test of many failures lets that time pass, or gives the worker [`Breaker::NEVER`](crate::Breaker).
//!
//! The same test does the same each time: ids, keys and jitter come from a seed.

mod server;

pub use server::TestServer;
