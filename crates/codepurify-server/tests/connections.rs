//! Connections that misbehave, many of them, and HTTP/2.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::client::{connect, response, try_response};
use crate::common::guard::TestGuard;
use crate::common::{CLEAN, Running, config, eventually};

/// Time for heads and bodies in these tests.
const SHORT: Duration = Duration::from_millis(300);

fn impatient() -> Running {
    let mut config = config();
    (config.timeouts.head, config.timeouts.body) = (SHORT, SHORT);
    Running::new(TestGuard::classifier(), config)
}

#[test]
fn connections_without_a_whole_head_are_closed() {
    let server = impatient();
    for start in
        ["", "P", "PRI * HTTP/2.0\r\n", "POST /v1/scan HTTP/1.1\r\nHost: t", "GET /health HTTP/1.1\r\n"]
    {
        let started = Instant::now();
        let mut stream = connect(server.address);
        stream.write_all(start.as_bytes()).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let took = started.elapsed();
        assert!(took >= SHORT && took < Duration::from_secs(20), "`{start}`: {took:?}");
    }
    eventually("closed connections", || server.metric("codepurify_connections") == 1);
}

#[test]
fn head_that_trickles_is_cut_off() {
    let server = impatient();
    let mut stream = connect(server.address);
    let started = Instant::now();
    let trickle = std::iter::repeat_with(|| {
        std::thread::sleep(SHORT / 10);
        stream.write_all(b"X-A: b\r\n").is_ok()
    });
    let sent = trickle.take(400).take_while(|sent| *sent).count();
    assert!(sent < 400 && started.elapsed() < Duration::from_secs(20), "{sent}");
}

#[test]
fn slow_body_is_a_problem_of_its_own() {
    let server = impatient();
    let mut stream = connect(server.address);
    let head = "POST /v1/scan HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"code\"";
    stream.write_all(head.as_bytes()).unwrap();
    response(&mut stream).assert_problem(408, "slow-body", None);
}

#[test]
fn body_that_ends_early_costs_others_nothing() {
    let server = Running::classifier();
    let head =
        "POST /v1/scan HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    for _ in 0..20 {
        let mut stream = connect(server.address);
        stream.write_all(head.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        if let Ok(response) = try_response(&mut stream) {
            assert_eq!(response.status, 400, "{}", response.text());
        }
    }
    assert_eq!(server.post("/v1/scan", &json!({ "code": CLEAN, "language": "c" })).status, 200);
    eventually("closed connections", || server.metric("codepurify_connections") == 1);
}

#[test]
fn client_that_does_not_read_is_given_up() {
    let mut config = config();
    config.timeouts.write = SHORT;
    config.limits.body_bytes = 64 << 20;
    config.limits.snippet_bytes = 32 << 20;
    let server = Running::new(TestGuard::classifier(), config);
    // The report repeats a name that fills the buffers of both ends many times.
    let path = format!("{}.c", "n".repeat(4000));
    let inputs = vec![json!({ "code": CLEAN, "path": path }); 250];
    let body = json!({ "inputs": inputs, "evidence": true }).to_string();
    let head = format!(
        "POST /v1/scan HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut streams: Vec<_> = (0..3).map(|_| connect(server.address)).collect();
    for stream in &mut streams {
        // Many requests at once, and none of the answers is read.
        for _ in 0..6 {
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    }
    eventually("closed connections", || server.metric("codepurify_connections") == 1);
}

#[test]
fn hundreds_of_idle_connections_delay_nobody() {
    let server = Running::classifier();
    let idle: Vec<_> = (0..400).map(|_| connect(server.address)).collect();
    eventually("open connections", || server.metric("codepurify_connections") == 401);
    let started = Instant::now();
    assert_eq!(server.post("/v1/scan", &json!({ "code": CLEAN, "language": "c" })).status, 200);
    assert!(started.elapsed() < Duration::from_secs(5));
    drop(idle);
    eventually("closed connections", || server.metric("codepurify_connections") == 1);
}

#[test]
fn connection_is_kept_for_further_requests() {
    let server = Running::classifier();
    let mut stream = connect(server.address);
    for _ in 0..3 {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        assert_eq!(response(&mut stream).text(), "ok\n");
    }
}

#[test]
fn http2_requests_share_a_connection() {
    let server = Running::classifier();
    let address = server.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut responses = Vec::new();
        for _ in 0..5 {
            let request = axum::http::Request::post("http://test/v1/scan");
            let request = request.header("content-type", "application/json").body(()).unwrap();
            std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
            let (response, mut body) = client.send_request(request, false).unwrap();
            let json = json!({ "code": CLEAN, "language": "c" }).to_string();
            body.send_data(json.into(), true).unwrap();
            responses.push(response);
        }
        for response in responses {
            let response = response.await.unwrap();
            assert_eq!(response.status(), 200);
            let (mut body, mut bytes) = (response.into_body(), Vec::new());
            while let Some(data) = body.data().await {
                let data = data.unwrap();
                body.flow_control().release_capacity(data.len()).unwrap();
                bytes.extend_from_slice(&data);
            }
            let report: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(report["results"][0]["verdict"], "clean");
        }
    });
}
