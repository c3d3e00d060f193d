//! Planted words are looked for wherever a secret could come out.

use std::process::Command;

use crate::support::{Place, contains, files_below};

// covers SEC-1 (secrets in no log, no error, no environment, no argument, no memory dump)
// attack 26
// attack 28
#[test]
fn planted_secrets_come_out_nowhere() {
    let place = Place::new();
    let mut server = place.serve();
    place.json(&["queue", "create", "orders"], "");
    let made = place.json(&["access", "key", "create", "--principal", "shop", "--role", "submitter"], "");
    let access_key = made["key"].as_str().expect("a key").to_owned();
    let context = std::fs::read_to_string(place.path("data/admin.context")).expect("a context");
    let admin_key = context
        .lines()
        .find_map(|line| line.strip_prefix("api_key = "))
        .expect("a key")
        .trim_matches('"')
        .to_owned();
    let body = "canary-body-7261";
    place.json(
        &["job", "enqueue", "orders", "--kind", "k", "--attr", "a=canary-attribute-7261", "--body", "-"],
        body,
    );
    let worked = place.sealane(
        &[
            "work",
            "orders",
            "--max-jobs",
            "1",
            "--result",
            "--exec",
            "cat >/dev/null; echo canary-result-7261",
        ],
        "",
    );
    assert!(worked.status.success(), "{worked:?}");
    // Refusals, so that error paths run as well.
    let wrong = context.replace(&admin_key, &access_key.replace("sl_live", "sl_test"));
    let wrong_file = place.path("wrong.context");
    std::fs::write(&wrong_file, wrong).expect("a file");
    std::fs::set_permissions(&wrong_file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode");
    let refused = place.sealane_as("wrong.context", &["queue", "get", "orders"], "");
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(
        !contains(&refused.stderr, &access_key.as_bytes()[25..])
            && !contains(&refused.stdout, &access_key.as_bytes()[25..])
    );

    // The sealing secret: everything in the keyring file that is as long as a key.
    let keyring = std::fs::read_to_string(place.path("keyring")).expect("a keyring");
    let root = keyring.split_whitespace().max_by_key(|word| word.len()).expect("a secret").to_owned();
    let process = server.process();
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert!(core.split_whitespace().filter(|word| *word == "0").count() == 2, "core dumps are off: {core}");
    let dumped = Command::new("gcore")
        .args(["-o", "dump", &process.to_string()])
        .current_dir(place.dir.path())
        .output();
    let dumped = dumped.expect("gcore is installed");
    let dump = place.path(&format!("dump.{process}"));
    // Without the right to read another process's memory there is no dump, and that is as good.
    let memory = if dump.exists() { std::fs::read(&dump).expect("a dump") } else { Vec::new() };
    let root_allows = rustix::process::geteuid().is_root();
    assert!(!root_allows || memory.len() > 1 << 20, "gcore made no dump: {dumped:?}");
    for secret in [body, "canary-attribute-7261", "canary-result-7261", root.as_str()] {
        assert!(!contains(&memory, secret.as_bytes()), "{secret} is in the server's memory");
    }
    for name in ["environ", "cmdline"] {
        let bytes = std::fs::read(format!("/proc/{process}/{name}")).unwrap_or_default();
        for secret in [body, root.as_str(), access_key.as_str(), admin_key.as_str()] {
            assert!(!contains(&bytes, secret.as_bytes()), "{secret} in {name}");
        }
    }
    assert!(server.child.try_wait().expect("it can be asked").is_none(), "it still runs");
    assert_eq!(server.terminate(), Some(0));
    let log = std::fs::read(place.path("server.log")).expect("the log");
    for secret in [body, "7261", root.as_str(), &access_key[25..], &admin_key[25..]] {
        assert!(!contains(&log, secret.as_bytes()), "{secret} in the log");
    }
    for (path, bytes) in files_below(&place.path("data")) {
        for secret in [body, "canary-attribute-7261", "canary-result-7261", root.as_str(), &access_key[25..]]
        {
            assert!(!contains(&bytes, secret.as_bytes()), "{secret} in {}", path.display());
        }
    }
}
