//! Keys, and addresses that need one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use codepurify_server::{Config, Keys, Server, ServerError};
use serde_json::json;

use crate::common::guard::TestGuard;
use crate::common::{CLEAN, Running, config};

const FIRST: &str = "first-key-0123456789";
const SECOND: &str = "second-key-0123456789";

/// A file of its own with these keys.
fn file(text: &str) -> std::path::PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("codepurify-keys-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn keys() -> Keys {
    let path = file(&format!("# keys of tests\n\n{FIRST}\n  {SECOND}  \n"));
    Keys::read(Some(path), Some("listed-key-0123456789"), "LIST").unwrap()
}

#[test]
fn requests_need_one_of_the_keys() {
    let server = Running::new(TestGuard::classifier(), Config { keys: keys(), ..config() });
    let body = json!({ "code": CLEAN, "language": "c" }).to_string();
    let sent = |authorization: &str| server.post_with("/v1/scan", authorization, &body);
    for wrong in [
        "",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer first-key-012345678\r\n",
        "Authorization: Bearer first-key-01234567890\r\n",
        "Authorization: Basic first-key-0123456789\r\n",
        "Authorization: first-key-0123456789\r\n",
    ] {
        let response = sent(wrong);
        response.assert_problem(401, "unauthorized", Some("authorization"));
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    }
    for key in [FIRST, SECOND, "listed-key-0123456789"] {
        assert_eq!(sent(&format!("Authorization: bearer {key}\r\n")).status, 200);
    }
    for (path, status) in
        [("/health", 200), ("/ready", 200), ("/docs", 200), ("/info", 401), ("/metrics", 401)]
    {
        assert_eq!(server.get(path).status, status, "{path}");
    }
    assert!(!server.log.text().contains("key-0123456789"));
}

#[test]
fn keys_are_read_again_and_bad_files_change_nothing() {
    let path = file(FIRST);
    let keys = Keys::read(Some(path.clone()), None, "").unwrap();
    let accepted = |key: &str| keys.accept(Some(format!("Bearer {key}").as_bytes()));
    assert!(accepted(FIRST) && !accepted(SECOND) && !keys.accept(None));
    std::fs::write(&path, SECOND).unwrap();
    assert_eq!(keys.reload().unwrap(), 1);
    assert!(accepted(SECOND) && !accepted(FIRST));
    for (text, message) in [("", "there is none"), ("short", "key 1"), ("a key with spaces in it", "key 1")] {
        std::fs::write(&path, text).unwrap();
        let error = keys.reload().unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(path.to_str().unwrap()), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(keys.reload().is_err() && accepted(SECOND));
}

#[test]
fn open_addresses_need_keys_or_permission() {
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Server::bind(Config { listen, ..config() });
    assert!(matches!(refused, Err(ServerError::Open(_))));
    assert!(Server::bind(Config { listen, keys: keys(), ..config() }).is_ok());
    assert!(Server::bind(Config { listen, allow_anonymous: true, ..config() }).is_ok());
}
