//! Nothing that a client holds can be read off its debug output.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use sealane::{Job, Outcome, PlaintextPolicy};
use support::{keys, world};

// covers SEAL-9 (never in Debug)
// attack 27
#[tokio::test(start_paused = true)]
async fn no_debug_output_holds_a_body_or_a_key() {
    let shown = Arc::new(Mutex::new(String::new()));
    let show = |value: &dyn Debug| {
        let text = format!("{value:?} {value:#?}");
        assert!(!text.to_lowercase().contains("canary"), "{text}");
        shown.lock().unwrap().push_str(&text);
    };
    let (world, keys) = (world().await, keys());
    let builder = world.plain().keys(Arc::clone(&keys) as _).plaintext(PlaintextPolicy::Reject);
    show(&builder);
    let client = builder.build();
    show(&client);
    show(&client.producer());
    let job = Job::new("canary", "canary")
        .content_type("canary")
        .attribute("canary", "canary")
        .clear_attribute("canary2", "canary")
        .session("canary")
        .subject("canary")
        .tag("canary");
    show(&job);
    let sent = client.producer().send("orders", job).await.unwrap();
    show(&sent);
    let seen = Arc::new(Mutex::new(None));
    let into = Arc::clone(&seen);
    let builder = client.worker("orders").max_jobs(1).default_handler(move |delivery, context| {
        *into.lock().unwrap() = Some((format!("{delivery:?} {delivery:#?}"), format!("{context:?}")));
        std::future::ready(Outcome::complete_with("canary"))
    });
    show(&builder);
    let worker = builder.build().unwrap();
    show(&worker);
    show(&worker.run(std::future::pending()).await.unwrap());
    let (delivery, context) = seen.lock().unwrap().take().unwrap();
    assert!(!delivery.contains("canary") && !context.contains("canary"), "{delivery} {context}");
    for outcome in [Outcome::complete_with("canary"), Outcome::fail("canary"), Outcome::COMPLETE] {
        show(&outcome);
    }
    show(&world.between.memory);
    assert!(shown.lock().unwrap().len() > 500, "something was looked at");
}
