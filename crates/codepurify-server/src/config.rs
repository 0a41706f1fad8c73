//! Settings of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::keys::Keys;

/// Settings of a server.
pub struct Config {
    /// Address and port; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Keys that clients must show, if any.
    pub keys: Keys,
    /// Accept requests without a key on an address that other machines reach.
    pub allow_anonymous: bool,
    /// Limits of requests.
    pub limits: Limits,
    /// Limits of time.
    pub timeouts: Timeouts,
    /// Number of threads that judge batches.
    pub workers: usize,
    /// Stop on SIGTERM and SIGINT, and read keys again on SIGHUP.
    pub signals: bool,
}

/// Limits of requests. A request with one snippet and one with many have the same.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Limits {
    /// Largest body in bytes.
    pub body_bytes: usize,
    /// Largest snippet in bytes.
    pub snippet_bytes: usize,
    /// Number of inputs in a request.
    pub inputs: usize,
    /// Number of requests that are answered at the same time.
    pub requests: usize,
    /// Number of snippets that wait to be judged.
    pub queue: usize,
    /// Tokens of the snippets that are judged together.
    pub batch_tokens: usize,
}

/// Limits of time.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// Longest time for a request; clients may ask for less.
    pub request: Duration,
    /// Time for the head of a request, and for a connection without one.
    pub head: Duration,
    /// Time for the body of a request.
    pub body: Duration,
    /// Time in which a client must read a part of its response.
    pub write: Duration,
    /// Time for requests in progress once the server stops.
    pub grace: Duration,
}

impl Default for Config {
    /// Loopback, port 8080, no keys, one worker.
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            keys: Keys::default(),
            allow_anonymous: false,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            workers: 1,
            signals: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 8 << 20,
            snippet_bytes: 1 << 20,
            inputs: 256,
            requests: 256,
            queue: 1024,
            batch_tokens: 4096,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            request: seconds(60),
            head: seconds(30),
            body: seconds(30),
            write: seconds(30),
            grace: seconds(60),
        }
    }
}
