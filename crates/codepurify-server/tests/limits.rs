//! Requests that are refused: each with its status, and the field that is wrong.

use serde_json::{Value, json};

use crate::common::client::{post, request};
use crate::common::guard::TestGuard;
use crate::common::{CLEAN, Running, config};

fn refused(server: &Running, body: &Value, status: u16, kind: &str, field: &str) {
    server.post("/v1/scan", body).assert_problem(status, kind, Some(field));
}

#[test]
fn fields_that_are_wrong_are_named() {
    let server = Running::classifier();
    refused(&server, &json!({}), 422, "invalid", "code");
    refused(&server, &json!({ "code": 7 }), 422, "invalid", "code");
    refused(&server, &json!({ "code": CLEAN }), 422, "invalid", "language");
    refused(&server, &json!({ "code": CLEAN, "language": "rust" }), 422, "invalid", "language");
    refused(&server, &json!({ "code": CLEAN, "path": "" }), 422, "invalid", "path");
    refused(&server, &json!({ "code": " \n", "language": "c" }), 422, "invalid", "code");
    refused(&server, &json!({ "code": "int a;\u{0}", "language": "c" }), 422, "invalid", "code");
    refused(&server, &json!({ "code": CLEAN, "language": "c", "colour": 1 }), 422, "invalid", "colour");
    refused(&server, &json!({ "code": CLEAN, "language": "c", "changes": "all" }), 422, "invalid", "changes");
    refused(&server, &json!({ "code": CLEAN, "inputs": [] }), 422, "invalid", "code");
    refused(&server, &json!({ "inputs": [] }), 422, "invalid", "inputs");
    refused(&server, &json!({ "left": { "code": CLEAN } }), 422, "invalid", "left");
    let inputs =
        json!({ "inputs": [{ "code": CLEAN, "language": "c" }, { "code": CLEAN, "language": "go" }] });
    refused(&server, &inputs, 422, "invalid", "inputs[1].language");
    let inputs = json!({ "inputs": [{ "code": CLEAN, "language": "c" }, { "language": "c" }] });
    refused(&server, &inputs, 422, "invalid", "inputs[1].code");
}

#[test]
fn one_and_many_snippets_have_the_same_limits() {
    let mut config = config();
    config.limits.snippet_bytes = CLEAN.len();
    config.limits.inputs = 3;
    let server = Running::new(TestGuard::classifier(), config);
    let input = |code: String| json!({ "code": code, "language": "c" });
    let large = format!("{CLEAN} ");
    assert_eq!(server.post("/v1/scan", &input(CLEAN.into())).status, 200);
    refused(&server, &input(large.clone()), 413, "too-large", "code");
    let inputs =
        |last: &str| json!({ "inputs": [input(CLEAN.into()), input(CLEAN.into()), input(last.into())] });
    assert_eq!(server.post("/v1/scan", &inputs(CLEAN)).status, 200);
    refused(&server, &inputs(&large), 413, "too-large", "inputs[2].code");
    refused(&server, &json!({ "inputs": vec![input(CLEAN.into()); 4] }), 413, "too-large", "inputs");
}

#[test]
fn bodies_that_are_no_json_are_malformed() {
    let server = Running::classifier();
    let malformed = |body: &[u8]| {
        server.post_with("/v1/scan", "", body).assert_problem(400, "malformed", None);
    };
    malformed(b"");
    malformed(b"{\"code\": \"int a;\"");
    malformed(b"{\"code\": \"int a;\"} {}");
    malformed(b"{\"code\": \"\xff\"}");
    malformed(br#"{"code": "\ud800"}"#);
}

#[test]
fn bodies_and_inputs_must_be_objects() {
    let server = Running::classifier();
    for body in ["[]", "[\"int a;\", \"c\"]", "7", "null", "\"int a;\""] {
        server.post_with("/v1/scan", "", body).assert_problem(422, "invalid", None);
    }
    refused(&server, &json!({ "inputs": [["int a;", "c"]] }), 422, "invalid", "inputs[0]");
    refused(&server, &json!({ "left": ["int a;"] }), 422, "invalid", "left");
}

#[test]
fn nested_values_and_repeated_keys_are_refused() {
    let server = Running::classifier();
    let refused = |body: String| {
        let response = server.post_with("/v1/scan", "", body);
        assert!([400, 422].contains(&response.status), "{}", response.text());
        response.text()
    };
    let nested = format!("{{\"code\": {}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    refused(nested);
    refused(format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)));
    refused(format!("{{\"x\": {}1{}}}", "{\"x\":".repeat(50_000), "}".repeat(50_000)));
    let repeated = refused(r#"{"code": "int a;", "code": "int b;", "language": "c"}"#.to_owned());
    assert!(repeated.contains("duplicate field `code`"), "{repeated}");
}

#[test]
fn wrong_content_types_are_refused() {
    let server = Running::classifier();
    let body = json!({ "code": CLEAN, "language": "c" }).to_string();
    let sent = |headers: &str| request(server.address, post("/v1/scan", headers, &body));
    for headers in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/json; charset=latin-1\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
    ] {
        sent(headers).assert_problem(415, "media-type", Some("content-type"));
    }
    assert_eq!(sent("Content-Type: Application/JSON; charset=\"UTF-8\"\r\n").status, 200);
}

#[test]
fn large_bodies_are_refused_declared_or_not() {
    let mut config = config();
    config.limits.body_bytes = 10_000;
    let server = Running::new(TestGuard::classifier(), config);
    let head = "POST /v1/scan HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n";
    let declared = format!("{head}Content-Length: 1073741824\r\n\r\n");
    request(server.address, declared).assert_problem(413, "too-large", None);
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(3));
    request(server.address, chunked).assert_problem(413, "too-large", None);
    let exact = format!("{}{}", json!({ "code": CLEAN, "language": "c" }), " ".repeat(10_000));
    assert_eq!(server.post_with("/v1/scan", "", &exact[..10_000]).status, 200);
    server.post_with("/v1/scan", "", &exact[..10_001]).assert_problem(413, "too-large", None);
}

#[test]
fn refused_bodies_are_not_asked_for() {
    let mut config = config();
    config.limits.body_bytes = 1000;
    let server = Running::new(TestGuard::classifier(), config);
    let head = |length: usize| {
        format!(
            "POST /v1/scan HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    request(server.address, head(1001)).assert_problem(413, "too-large", None);

    let body = json!({ "code": CLEAN, "language": "c" }).to_string();
    let mut stream = crate::common::client::connect(server.address);
    std::io::Write::write_all(&mut stream, head(body.len()).as_bytes()).unwrap();
    assert_eq!(crate::common::client::response(&mut stream).status, 100);
    std::io::Write::write_all(&mut stream, body.as_bytes()).unwrap();
    assert_eq!(crate::common::client::response(&mut stream).status, 200);
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let server = Running::classifier();
    server.get("/v2/scan").assert_problem(404, "not-found", None);
    let response = server.get("/v1/scan");
    response.assert_problem(405, "method-not-allowed", None);
    assert_eq!(response.header("allow"), Some("POST"));
}
