//! Probes, counts, logs, traces, and the description of the routes.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::common::guard::TestGuard;
use crate::common::{CLEAN, Running, config, triggered};

#[test]
fn probes_tell_the_state() {
    let guard = TestGuard::classifier();
    let changed = guard.changed.clone();
    let server = Running::new(guard, config());
    assert_eq!(server.get("/health").text(), "ok\n");
    assert_eq!(server.get("/ready").json(), json!({ "ready": true, "model_changed": false }));
    changed.store(true, Ordering::SeqCst);
    let ready = server.get("/ready");
    assert_eq!((ready.status, ready.json()), (200, json!({ "ready": true, "model_changed": true })));
    let info = server.get("/info").json();
    assert_eq!((&info["kind"], &info["labels"]), (&json!("classifier"), &json!(["fooled", "benign"])));
    assert_eq!(info["limits"]["queue"], 1024);
}

#[test]
fn metrics_count_requests_and_verdicts() {
    let server = Running::classifier();
    let inputs =
        json!({ "inputs": [{ "code": CLEAN, "language": "c" }, { "code": triggered(), "language": "c" }] });
    assert_eq!(server.post("/v1/scan", &inputs).status, 200);
    assert_eq!(server.post("/v1/scan", &json!({})).status, 422);
    server.get("/nothing/secret-path");
    let count = |name: &str| server.metric(&format!("codepurify_{name}"));
    assert_eq!(count("requests_total{route=\"/v1/scan\",status=\"200\"}"), 1);
    assert_eq!(count("requests_total{route=\"/v1/scan\",status=\"422\"}"), 1);
    assert_eq!(count("requests_total{route=\"none\",status=\"404\"}"), 1);
    assert_eq!(count("verdicts_total{verdict=\"poisoned\"}"), 1);
    assert_eq!(count("verdicts_total{verdict=\"clean\"}"), 1);
    assert_eq!(count("request_seconds_count{route=\"/v1/scan\"}"), 2);
    assert_eq!(count("request_seconds_bucket{route=\"/v1/scan\",le=\"+Inf\"}"), 2);
    let page = server.get("/metrics");
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(!page.text().contains("secret-path"));
    for line in page.text().lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("codepurify_") && value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn log_has_a_line_for_each_request() {
    let server = Running::classifier();
    let headers =
        "X-Request-Id: my-id.7\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let body = json!({ "code": CLEAN, "language": "c" }).to_string();
    let response = server.post_with("/v1/scan?key=secret", headers, body);
    assert_eq!(response.header("x-request-id"), Some("my-id.7"));
    let line = server.log.with("request").pop().unwrap();
    assert_eq!((&line["request_id"], &line["status"]), (&json!("my-id.7"), &json!(200)));
    assert_eq!((&line["route"], &line["method"]), (&json!("/v1/scan"), &json!("POST")));
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(line["parent_id"], "00f067aa0ba902b7");
    assert_eq!((&line["snippets"], &line["level"]), (&json!(1), &json!("info")));
    let own = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", line["span_id"].as_str().unwrap());
    assert_eq!(response.header("traceparent"), Some(own.as_str()));
    assert!(!server.log.text().contains("secret"));
}

#[test]
fn ids_that_are_not_valid_are_replaced() {
    let server = Running::classifier();
    for traceparent in [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "nothing",
    ] {
        let headers = format!("X-Request-Id: a b\r\ntraceparent: {traceparent}\r\n");
        let response = server.post_with("/v1/scan", &headers, "{}");
        assert_ne!(response.header("x-request-id"), Some("a b"));
        let own = response.header("traceparent").unwrap();
        assert!(own.len() == 55 && !own.contains("00f067aa0ba902b7") && !own.contains("4bf92f"), "{own}");
    }
}

#[test]
fn openapi_describes_every_route_and_resolves() {
    let server = Running::classifier();
    let document = server.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.0.3");
    let paths = document["paths"].as_object().unwrap();
    for (path, method) in [
        ("/v1/scan", "post"),
        ("/v1/purify", "post"),
        ("/v1/predict", "post"),
        ("/predict", "post"),
        ("/classify", "post"),
        ("/health", "get"),
        ("/ready", "get"),
        ("/info", "get"),
        ("/v1/models", "get"),
        ("/metrics", "get"),
        ("/openapi.json", "get"),
        ("/docs", "get"),
    ] {
        assert!(paths[path].get(method).is_some(), "{path}");
    }
    let mut references = 0;
    let mut values = vec![&document];
    while let Some(value) = values.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                    references += 1;
                    assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
                }
                values.extend(fields.values());
            }
            Value::Array(items) => values.extend(items),
            _ => {}
        }
    }
    assert!(references > 30, "only {references} references");
    assert!(document["components"]["schemas"]["Verdict"]["properties"]["p_value"].is_object());
}

#[test]
fn docs_page_loads_nothing() {
    let page = Running::classifier().get("/docs");
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let text = page.text();
    assert!(!["src=", "<script", "<link", "url("].iter().any(|part| text.contains(part)));
    assert!(text.contains("/v1/scan"));
}
