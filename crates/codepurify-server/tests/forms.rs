//! Bytes that are no HTTP, and heads that are too large.

use crate::common::Running;
use crate::common::client::request;

#[test]
fn bytes_that_are_no_http_are_refused() {
    let server = Running::classifier();
    assert_eq!(request(server.address, "\0\u{1}garbage\r\n\r\n").status, 400);
    assert_eq!(request(server.address, "GET /health HTTP/1.1\r\nbad header\r\n\r\n").status, 400);
    let large = format!("GET /health HTTP/1.1\r\nHost: t\r\nX-Large: {}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(request(server.address, large).status, 431);
    assert_eq!(server.get("/health").status, 200);
}
