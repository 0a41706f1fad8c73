//! Loads a server of the bundled models, and compares it with the library in the same run.
//!
//! `cargo run --release -p codepurify-cli --example load -- [SECONDS]` prints throughput with 64 clients,
//! latency without load and at 70 % load, and the answers at three times the load. SECONDS is the length
//! of each phase, 10 by default.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use codepurify::{Defender, Language, Snippet};
use codepurify_cli::bundled::{MASKED_LM, VICTIM};
use codepurify_cli::{ByLanguage, RowDefender, SNIPPETS_TOGETHER, in_chunks};
use codepurify_models::RobertaMaskedLm;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Clients that send one request after the other.
const CLIENTS: usize = 64;
/// Clients that are enough for three times the load.
const MANY_CLIENTS: usize = 256;
/// Different functions.
const FUNCTIONS: usize = 256;
/// Seconds in which a request must be answered under overload.
const DEADLINE: f64 = 10.0;
/// Argument with which this program is the server.
const SERVE: &str = "serve";

const BASES: [&str; 2] =
    [include_str!("../demo/palette_decode.c"), include_str!("../../../examples/packet.c")];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|argument| argument == SERVE) {
        std::process::exit(codepurify_cli::run(arguments).into());
    }
    let seconds = arguments.get(1).map_or(10.0, |seconds| seconds.parse().expect("SECONDS is a number"));
    let phase = Duration::from_secs_f64(seconds);
    let functions: Vec<String> = (0..FUNCTIONS).map(function).collect();
    let library = library(&functions);
    println!("library   {:8.1} functions/s, one alone {:.1} ms", library.rate, library.alone * 1e3);

    let server = Server::start();
    let alone = closed(&server, &functions, 1, phase);
    println!("idle      {alone}, {:.2} × the library's time", alone.latency(0.5) / library.alone);
    let full = closed(&server, &functions, CLIENTS, phase);
    println!("64 clients {full}, {:.2} × the library's throughput", full.rate() / library.rate);
    let part = open(&server, &functions, CLIENTS, 0.7 * full.rate(), phase);
    println!("70 % load {part}, p99 = {:.1} × p50", part.latency(0.99) / part.latency(0.5));
    let over = open(&server, &functions, MANY_CLIENTS, 3.0 * full.rate(), phase);
    println!("3 × load  {over}");
    let late = over.answered.iter().filter(|time| **time > DEADLINE).count();
    let others: usize =
        over.statuses.iter().filter(|(status, _)| ![200, 429].contains(*status)).map(|it| it.1).sum();
    println!("          {late} answers after their deadline, {others} with another status than 200 and 429");
    println!("memory    {} KiB resident at the peak", server.peak());
}

/// A function like no other.
fn function(number: usize) -> String {
    let base = BASES[number % BASES.len()];
    base.replace("size", &format!("size_{number}")).replace("buf", &format!("buf_{number}"))
}

struct Library {
    /// Functions per second.
    rate: f64,
    /// Median of the seconds for one function.
    alone: f64,
}

/// Judges all functions as the command does.
fn library(functions: &[String]) -> Library {
    let victim = codepurify_models::load(&VICTIM.files()).expect("the bundled model loads");
    let profile = codepurify::Profile::transplant();
    let profile = match victim.own_calibration(&profile) {
        Some(own) => profile.with_calibration(own.clone()),
        None => profile,
    };
    let masked_lm = RobertaMaskedLm::load(&MASKED_LM.files()).expect("the bundled model loads");
    let victim = victim.model.classifier().expect("the bundled model is a classifier");
    let defender = Defender::new(victim).with_masked_lm(masked_lm).with_profile(profile);
    let judge = ByLanguage::new(RowDefender::Single(defender), None);
    let snippet =
        |text: &String| vec![Snippet::new(text.as_str(), Language::C).expect("the functions are C")];
    let rows: Vec<Vec<Snippet>> = functions.iter().map(snippet).collect();
    let screen = |rows: &[Vec<Snippet>]| judge.judge(rows, RowDefender::screen);
    // The first ones wait for what is computed once.
    drop(screen(&rows[..SNIPPETS_TOGETHER]));
    let started = Instant::now();
    let verdicts = in_chunks(&rows, SNIPPETS_TOGETHER, screen, |_| ());
    let rate = verdicts.len() as f64 / started.elapsed().as_secs_f64();
    let alone = |row: &Vec<Snippet>| {
        let started = Instant::now();
        drop(screen(std::slice::from_ref(row)));
        started.elapsed().as_secs_f64()
    };
    let mut times: Vec<f64> = rows[..32].iter().map(alone).collect();
    times.sort_by(f64::total_cmp);
    Library { rate, alone: times[times.len() / 2] }
}

/// This program as a server.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let program = std::env::current_exe().expect("a program has a path");
        let requests = CLIENTS.to_string();
        let args = [SERVE, "--listen", "127.0.0.1:0", "--max-requests", &requests, "--queue", &requests];
        let mut command = Command::new(program);
        let mut child = command.args(args).stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut log = BufReader::new(child.stderr.take().expect("the log is a pipe")).lines();
        let address = loop {
            let line = log.next().expect("the server says its address").expect("the log is text");
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line["message"] == "listening" {
                break line["address"].as_str().unwrap_or_default().to_owned();
            }
        };
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address }
    }

    /// Largest resident memory so far, in KiB.
    fn peak(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.map_or("unknown".to_owned(), |peak| peak.trim().trim_end_matches(" kB").to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers of a phase.
#[derive(Default)]
struct Outcome {
    statuses: BTreeMap<u16, usize>,
    /// Seconds of those with status 200, sorted.
    answered: Vec<f64>,
    took: f64,
}

impl Outcome {
    fn add(&mut self, status: u16, seconds: f64) {
        *self.statuses.entry(status).or_default() += 1;
        if status == 200 {
            self.answered.push(seconds);
        }
    }

    fn rate(&self) -> f64 {
        self.answered.len() as f64 / self.took
    }

    fn latency(&self, share: f64) -> f64 {
        let last = self.answered.len().saturating_sub(1);
        #[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
        let place = (last as f64 * share).round() as usize;
        self.answered.get(place).copied().unwrap_or(f64::NAN)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99] = [0.5, 0.99].map(|share| self.latency(share) * 1e3);
        write!(f, "{:8.1} functions/s, p50 {p50:.1} ms, p99 {p99:.1} ms, {:?}", self.rate(), self.statuses)
    }
}

/// Each client sends its next request when it has an answer.
fn closed(server: &Server, functions: &[String], clients: usize, phase: Duration) -> Outcome {
    let end = Instant::now() + phase;
    run(server, functions, clients, |_| (Instant::now() < end).then(Instant::now))
}

/// Requests are due at a fixed rate; their time starts when they are due, sent or not.
fn open(server: &Server, functions: &[String], clients: usize, rate: f64, phase: Duration) -> Outcome {
    let start = Instant::now();
    run(server, functions, clients, |number| {
        let due = start + Duration::from_secs_f64(number as f64 / rate);
        sleep(due.saturating_duration_since(Instant::now()));
        (due < start + phase).then_some(due)
    })
}

/// Sends requests from as many threads as there are clients. `due` says when a request was due, or that the phase is over.
fn run(
    server: &Server,
    functions: &[String],
    clients: usize,
    due: impl Fn(usize) -> Option<Instant> + Sync,
) -> Outcome {
    let (next, outcome, started) = (AtomicUsize::new(0), Mutex::new(Outcome::default()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let connect = || TcpStream::connect(&server.address).expect("the server accepts");
                let mut client = connect();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(due) = due(number) else { return };
                    let function = &functions[number % functions.len()];
                    // A server may close a connection after an answer; then the request is sent again.
                    let status = scan(&mut client, function).or_else(|| {
                        client = connect();
                        scan(&mut client, function)
                    });
                    let status = status.expect("a new connection is answered");
                    outcome.lock().expect("nobody panics").add(status, due.elapsed().as_secs_f64());
                }
            });
        }
    });
    let mut outcome = outcome.into_inner().expect("nobody panics");
    outcome.answered.sort_by(f64::total_cmp);
    outcome.took = started.elapsed().as_secs_f64();
    outcome
}

/// Status of the answer to a request, or `None` if the connection is closed.
fn scan(client: &mut TcpStream, function: &str) -> Option<u16> {
    let body = json!({ "code": function, "language": "c" }).to_string();
    let head = format!(
        "POST /v1/scan HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\nX-Request-Timeout: {DEADLINE}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    client.write_all([head, body].concat().as_bytes()).ok()?;
    let (mut read, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        let bytes = client.read(&mut buffer).ok().filter(|bytes| *bytes > 0)?;
        read.extend_from_slice(&buffer[..bytes]);
        let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|length| length.parse().ok()).expect("answers have a length");
        if read.len() >= end + 4 + length {
            return Some(head[9..12].parse().expect("answers have a status"));
        }
    }
}
