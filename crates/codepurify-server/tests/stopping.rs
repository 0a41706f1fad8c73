//! The end of a server: what it accepted is answered.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::common::client::{connect, post, response, try_response};
use crate::common::guard::TestGuard;
use crate::common::{CLEAN, Running, config, eventually};

fn scan() -> Vec<u8> {
    post(
        "/v1/scan",
        "Content-Type: application/json\r\n",
        json!({ "code": CLEAN, "language": "c" }).to_string(),
    )
}

#[test]
fn requests_in_progress_are_answered_before_the_end() {
    let guard = TestGuard::classifier();
    let gate = guard.gate.clone();
    gate.close();
    let mut server = Running::new(guard, config());
    let mut streams: Vec<TcpStream> = (0..10).map(|_| connect(server.address)).collect();
    for stream in &mut streams {
        stream.write_all(&scan()).unwrap();
    }
    let mut kept = connect(server.address);
    kept.write_all(b"GET /ready HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    assert_eq!(response(&mut kept).status, 200);
    eventually("ten requests", || server.metric("codepurify_requests_in_flight") == 11);
    server.stop();
    server.log.with("stopping");
    eventually("a closed port", || TcpStream::connect(server.address).is_err());
    gate.open();
    for stream in &mut streams {
        assert_eq!(response(stream).status, 200);
    }
    server.ended().unwrap();
    assert_eq!(server.log.with("stopped").len(), 1);
}

#[test]
fn every_accepted_request_under_load_is_answered() {
    let mut server = Running::classifier();
    let (answered, cut) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let address = server.address;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Ok(mut stream) = TcpStream::connect(address) else { return };
                    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    if stream.write_all(&scan()).is_err() {
                        return;
                    }
                    match try_response(&mut stream) {
                        Ok(response) => {
                            assert_eq!(response.status, 200, "{}", response.text());
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(part) if part.is_empty() => return,
                        Err(_) => _ = cut.fetch_add(1, Ordering::SeqCst),
                    }
                }
            });
        }
        eventually("some answers", || answered.load(Ordering::SeqCst) > 50);
        server.stop();
    });
    server.ended().unwrap();
    // Every request that the server has begun was answered as a whole.
    assert_eq!(cut.load(Ordering::SeqCst), 0);
    assert_eq!(server.log.with("request").len(), answered.load(Ordering::SeqCst));
    assert!(!server.log.text().contains("client left"));
}

#[test]
fn grace_time_ends_requests_that_never_end() {
    let guard = TestGuard::classifier();
    let gate = guard.gate.clone();
    gate.close();
    let mut config = config();
    config.timeouts.grace = Duration::from_millis(200);
    let mut server = Running::new(guard, config);
    let mut stream = connect(server.address);
    stream.write_all(&scan()).unwrap();
    eventually("a judge that waits", || gate.waiting() == 1);
    server.stop();
    server.log.with("requests were cut off at the end of the grace time");
    gate.open();
    server.ended().unwrap();
}
