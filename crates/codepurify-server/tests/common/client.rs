//! A client that writes bytes and reads a response.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A response as it came.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = |line: &'_ str| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim().len())
        };
        let line = self.head.lines().find(|line| value(line).is_some())?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    /// Checks that this is a problem of the kind `kind` in the field `field`.
    pub(crate) fn assert_problem(&self, status: u16, kind: &str, field: Option<&str>) {
        assert_eq!(self.status, status, "{self:?} {}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:codepurify:problem:{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["field"].as_str(), field, "{problem}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
    }
}

/// A connection that gives up after half a minute.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// A request with a body, after which the connection is closed.
pub(crate) fn post(path: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}");
    write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    [head.as_bytes(), body].concat()
}

/// Sends bytes on a connection of their own and reads the response.
pub(crate) fn request(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    let mut stream = connect(address);
    // A server that refuses a body does not read it.
    let _ = stream.write_all(bytes.as_ref());
    response(&mut stream)
}

/// Reads one response with a declared length.
pub(crate) fn response(stream: &mut TcpStream) -> Response {
    try_response(stream)
        .unwrap_or_else(|read| panic!("no response, but {:?}", String::from_utf8_lossy(&read)))
}

/// Reads one response, or returns what came before the connection ended.
pub(crate) fn try_response(stream: &mut TcpStream) -> Result<Response, Vec<u8>> {
    let mut read = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let response = Response { status, head, body: read[end + 4..].to_vec() };
            let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
            if response.body.len() >= length {
                return Ok(response);
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return Err(read),
            Ok(bytes) => read.extend_from_slice(&buffer[..bytes]),
        }
    }
}
