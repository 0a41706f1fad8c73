//! The queue: batches across requests, its bound, deadlines, and clients that leave.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::client::{Response, connect, post, request, response};
use crate::common::guard::{Gate, TestGuard};
use crate::common::{CLEAN, Running, config, eventually};

/// A server with one worker that the gate holds up, and room for this many snippets.
fn held(queue: usize) -> (Running, Gate, std::sync::Arc<std::sync::Mutex<Vec<usize>>>) {
    let guard = TestGuard::classifier();
    let (gate, batches) = (guard.gate.clone(), guard.batches.clone());
    let mut config = config();
    config.workers = 1;
    config.limits.queue = queue;
    gate.close();
    (Running::new(guard, config), gate, batches)
}

fn body() -> Value {
    json!({ "code": CLEAN, "language": "c" })
}

/// Sends a request and leaves its connection open.
fn sent(server: &Running, body: &Value) -> std::net::TcpStream {
    let mut stream = connect(server.address);
    stream.write_all(&post("/v1/scan", "Content-Type: application/json\r\n", body.to_string())).unwrap();
    stream
}

fn waiting(server: &Running, snippets: u64) {
    eventually("snippets in the queue", || server.metric("codepurify_queue_snippets") == snippets);
}

#[test]
fn requests_that_wait_share_a_batch() {
    let (server, gate, batches) = held(100);
    let mut streams = vec![sent(&server, &body())];
    eventually("a judge that waits", || gate.waiting() == 1);
    streams.extend((0..4).map(|_| sent(&server, &body())));
    streams.push(sent(&server, &json!({ "inputs": [body(), body()] })));
    waiting(&server, 6);
    gate.open();
    for stream in &mut streams {
        assert_eq!(response(stream).status, 200);
    }
    assert_eq!(*batches.lock().unwrap(), [1, 6]);
    assert_eq!(server.metric("codepurify_batch_snippets_sum"), 7);
}

#[test]
fn batches_end_at_their_budget_of_tokens() {
    let guard = TestGuard::classifier();
    let (gate, batches) = (guard.gate.clone(), guard.batches.clone());
    let mut config = config();
    config.workers = 1;
    // Two and a half snippets.
    config.limits.batch_tokens = CLEAN.split_whitespace().count() * 5 / 2;
    gate.close();
    let server = Running::new(guard, config);
    let mut first = sent(&server, &body());
    eventually("a judge that waits", || gate.waiting() == 1);
    let mut others = sent(&server, &json!({ "inputs": vec![body(); 7] }));
    waiting(&server, 7);
    gate.open();
    assert_eq!([response(&mut first).status, response(&mut others).status], [200, 200]);
    assert_eq!(*batches.lock().unwrap(), [1, 3, 3, 1]);
}

#[test]
fn full_queue_refuses_whole_requests() {
    let (server, gate, _) = held(3);
    let mut first = sent(&server, &body());
    eventually("a judge that waits", || gate.waiting() == 1);
    let mut second = sent(&server, &json!({ "inputs": [body(), body()] }));
    waiting(&server, 2);
    let refused: Response = server.post("/v1/scan", &json!({ "inputs": [body(), body()] }));
    refused.assert_problem(429, "queue-full", None);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let mut third = sent(&server, &body());
    waiting(&server, 3);
    gate.open();
    for stream in [&mut first, &mut second, &mut third] {
        assert_eq!(response(stream).status, 200);
    }
}

#[test]
fn more_requests_than_allowed_are_refused() {
    let guard = TestGuard::classifier();
    let gate = guard.gate.clone();
    let mut config = config();
    config.limits.requests = 2;
    gate.close();
    let server = Running::new(guard, config);
    let mut streams = [sent(&server, &body()), sent(&server, &body())];
    eventually("judges that wait", || gate.waiting() > 0);
    eventually("two requests", || server.metric("codepurify_requests_in_flight") == 3);
    let refused = server.post("/v1/scan", &body());
    refused.assert_problem(429, "busy", None);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.get("/health").status, 200);
    gate.open();
    for stream in &mut streams {
        assert_eq!(response(stream).status, 200);
    }
}

#[test]
fn passed_deadline_frees_the_queue() {
    let (server, gate, batches) = held(100);
    let mut first = sent(&server, &body());
    eventually("a judge that waits", || gate.waiting() == 1);
    let started = Instant::now();
    let late = server.post_with("/v1/scan", "X-Request-Timeout: 0.2\r\n", body().to_string());
    late.assert_problem(504, "deadline", None);
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(10), "{took:?}");
    waiting(&server, 0);
    gate.open();
    assert_eq!(response(&mut first).status, 200);
    assert_eq!(*batches.lock().unwrap(), [1]);
    assert_eq!(server.metric("codepurify_dropped_snippets_total"), 1);
}

#[test]
fn server_has_the_last_word_on_deadlines() {
    let guard = TestGuard::classifier();
    let gate = guard.gate.clone();
    let mut config = config();
    config.timeouts.request = Duration::from_millis(200);
    gate.close();
    let server = Running::new(guard, config);
    server
        .post_with("/v1/scan", "X-Request-Timeout: 1e300\r\n", body().to_string())
        .assert_problem(504, "deadline", None);
    server.post("/v1/scan", &body()).assert_problem(504, "deadline", None);
    gate.open();
    for wrong in ["0", "-1", "NaN", "inf", "soon", ""] {
        let header = format!("X-Request-Timeout: {wrong}\r\n");
        let response = server.post_with("/v1/scan", &header, body().to_string());
        response.assert_problem(400, "malformed", Some("x-request-timeout"));
    }
}

#[test]
fn client_that_leaves_frees_its_work() {
    let (server, gate, batches) = held(100);
    let mut first = sent(&server, &body());
    eventually("a judge that waits", || gate.waiting() == 1);
    let leaver = sent(&server, &json!({ "inputs": vec![body(); 5] }));
    waiting(&server, 5);
    drop(leaver);
    waiting(&server, 0);
    let half_closed = sent(&server, &json!({ "inputs": vec![body(); 3] }));
    waiting(&server, 3);
    half_closed.shutdown(std::net::Shutdown::Write).unwrap();
    waiting(&server, 0);
    gate.open();
    assert_eq!(response(&mut first).status, 200);
    assert_eq!(
        request(server.address, post("/v1/scan", "Content-Type: application/json\r\n", body().to_string()))
            .status,
        200
    );
    assert_eq!(*batches.lock().unwrap(), [1, 1]);
    assert_eq!(server.metric("codepurify_dropped_snippets_total"), 8);
    assert_eq!(server.log.with("client left").len(), 2);
}
