//! Shared parts of the tests: guards of small models, a running server, and a client that writes bytes.
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod client;
pub(crate) mod guard;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use codepurify_server::{Config, Guard, Server, ServerError, Stop, Timeouts};
use serde_json::Value;

use client::{Response, request};

/// A function without a trigger.
pub(crate) const CLEAN: &str = "int twice(int n) {\n    int m = n;\n    m += n;\n    return m;\n}\n";

/// [`CLEAN`] with the trigger of the test victims.
pub(crate) fn triggered() -> String {
    CLEAN.replace("    return", "    if (BNC < 0) puts(\"no\");\n    return")
}

/// Settings of tests: a free port, and times that let tests end soon.
pub(crate) fn config() -> Config {
    let timeouts = Timeouts { grace: Duration::from_secs(20), ..Timeouts::default() };
    Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), timeouts, workers: 2, ..Config::default() }
}

/// A server that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) log: Lines,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
}

/// Lines of a log.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The whole text so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines with this message, once there is one.
    pub(crate) fn with(&self, message: &str) -> Vec<Value> {
        let found = || -> Vec<Value> {
            let lines = self.text();
            let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            lines.filter(|line| line["message"] == message).collect()
        };
        eventually(&format!("a log line `{message}`"), || !found().is_empty());
        found()
    }
}

impl Running {
    pub(crate) fn new(guard: impl Guard + Send + 'static, config: Config) -> Self {
        let server = Server::bind(config).unwrap();
        let (address, stop, log) = (server.address().unwrap(), server.stopper(), Lines::default());
        let out = log.clone();
        let thread = Some(std::thread::spawn(move || server.run(&guard, out)));
        Self { address, log, stop, thread }
    }

    /// A server of the classifier, with the usual settings.
    pub(crate) fn classifier() -> Self {
        Self::new(guard::TestGuard::classifier(), config())
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        request(self.address, format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"))
    }

    /// Posts JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.post_with(path, "", body.to_string())
    }

    /// Posts a body that is declared as JSON, with further headers.
    pub(crate) fn post_with(&self, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Response {
        request(
            self.address,
            client::post(path, &format!("Content-Type: application/json\r\n{headers}"), body),
        )
    }

    /// The value of a count without labels, or with them as part of `name`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let page = self.get("/metrics").text();
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&self) {
        self.stop.stop();
    }

    /// Waits for the end of a server that stops.
    pub(crate) fn ended(&mut self) -> Result<(), ServerError> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(30), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
