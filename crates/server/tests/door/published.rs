//! What is published about the server is what the server does.

use std::sync::Arc;

use sealane_api::for_each_operation;
use sealane_api::operation::Operation as _;
use sealane_api::permission::Permission;
use sealane_core::control::Role;
use sealane_server::authz::role::{Reach, reach};
use sealane_storage::testing::lossy_disk::LossyDisk;

use crate::http::Http;
use crate::support::Home;

/// A page or file in the repository that is made from code. `SEALANE_BLESS=1` writes it.
#[track_caller]
fn same_as(path: &str, made: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("SEALANE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, made).expect("it can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == made,
        "{} is out of date: run SEALANE_BLESS=1 cargo test -p sealane-server --test door published",
        path.display()
    );
}

// covers RBAC-1 (the matrix as published)
#[test]
fn the_permission_matrix_in_the_docs_is_the_one_in_force() {
    let mut page = String::from(
        "# Permissions\n\nWhich role may do what. Made from `crates/server/src/authz/role.rs` and the operation list.\n\n\
         *granted*: within the queues that the key opens. *own*: there, and only what the caller sent itself. Everything \
         that is not allowed is answered as if it did not exist.\n\n\
         A job in dead-letter is behind two permissions: `dead_letter.read` beside `job.read`, where it is not the caller's \
         own, and `dead_letter.manage` beside whatever else is asked of it, also of one's own: cancelling it would purge \
         it.\n\n| permission |",
    );
    Role::ALL.iter().for_each(|role| page.push_str(&format!(" {role} |")));
    page.push_str("\n|---|");
    Role::ALL.iter().for_each(|_| page.push_str("---|"));
    for permission in Permission::ALL {
        page.push_str(&format!("\n| {} |", permission.as_str()));
        for role in Role::ALL {
            page.push_str(match reach(*role, *permission) {
                Reach::None => " – |",
                Reach::Own => " own |",
                Reach::Granted => " granted |",
            });
        }
    }
    page.push_str("\n\n| operation | request | permission |\n|---|---|---|\n");
    macro_rules! rows {
        ($($op:ident),*) => { $({
            use sealane_api::operation::$op;
            page.push_str(&format!("| `{}` | `{} {}` | {} |\n", $op::NAME, $op::METHOD.as_str(), $op::PATH, $op::PERMISSION.as_str()));
        })* };
    }
    for_each_operation!(rows);
    same_as("docs/permissions.md", &page);
}

// covers API-1 (OpenAPI 3.1 generated from code)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_served_document_is_the_published_one() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let served = Http::admin(&server).get("/v1/openapi.json").await;
    assert_eq!(served.status, 200);
    let mut text = serde_json::to_string_pretty(&served.json).expect("JSON");
    text.push('\n');
    same_as("spec/openapi.json", &text);
    server.stop().await.expect("a clean stop");
}
