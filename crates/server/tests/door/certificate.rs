//! The certificate follows the server's names; clients keep trusting the same authority.

use std::sync::Arc;

use sealane_storage::testing::lossy_disk::LossyDisk;

use crate::http::Http;
use crate::support::Home;

// covers TLS-1 (own authority, certificate for the present names)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_name_is_certified_at_the_next_start_by_the_same_authority() {
    let (mut home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let authority = std::fs::read(home.dir.path().join("ca.pem")).expect("an authority");
    let stranger = Http::admin_calling(&server, "queue.example");
    let refused = Http::reply(stranger.request("GET", "/livez", "")).await;
    assert!(refused.is_err(), "a name that is not in the certificate");
    server.stop().await.expect("a clean stop");

    home.names = vec!["queue.example".to_owned()];
    let server = home.start(Arc::new(disk)).await;
    let admin = Http::admin(&server);
    let named = Http::admin_calling(&server, "queue.example");
    assert_eq!(named.get("/v1/queues").await.status, 200);
    assert_eq!(admin.get("/v1/queues").await.status, 200, "the old name is as good as before");
    assert_eq!(std::fs::read(home.dir.path().join("ca.pem")).expect("an authority"), authority);
    server.stop().await.expect("a clean stop");
}
