//! A victim behind another server, and a server that guards it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use codepurify::testing::TriggerWordVictim;
use codepurify::{Decision, Defender, Language, Model, ModelError, Snippet, Victim};
use codepurify_server::{Upstream, UpstreamError, classify};
use serde_json::{Value, json};

use crate::common::triggered;

/// Answers to a request: its path and body become status and body.
type Answers = Box<dyn FnMut(&str, &Value) -> (u16, Value) + Send>;

/// An answer that is none, and a part of the error that it gives.
type BadAnswer = (fn() -> (u16, Value), &'static str);

/// A server that answers each connection's one request.
fn server(mut answers: Answers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some((path, body)) = asked(&mut stream) else { continue };
            let (status, body) = answers(&path, &body);
            let body = body.to_string();
            let head =
                format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all([head, body].concat().as_bytes());
        }
    });
    address
}

/// Path and body of a request.
fn asked(stream: &mut TcpStream) -> Option<(String, Value)> {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let bytes = stream.read(&mut buffer).ok().filter(|bytes| *bytes > 0)?;
        read.extend_from_slice(&buffer[..bytes]);
        let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(read[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if read.len() >= end + 4 + length {
            let body = serde_json::from_slice(&read[end + 4..]).unwrap_or_default();
            return Some((head.split(' ').nth(1).unwrap().to_owned(), body));
        }
    }
}

fn info() -> Value {
    json!({
        "model_id": "elsewhere", "model_sha": "abc", "max_client_batch_size": 4,
        "model_type": { "classifier": { "id2label": { "0": "fooled", "1": "benign" } } },
    })
}

/// Scores as the backdoored victim of the tests gives them, the highest first.
fn scores(victim: &TriggerWordVictim, body: &Value) -> Value {
    assert_eq!((&body["raw_scores"], &body["truncate"]), (&json!(true), &json!(false)));
    let rows = body["inputs"].as_array().unwrap().iter();
    let rows: Vec<Vec<String>> = rows.map(|row| vec![row[0].as_str().unwrap().to_owned()]).collect();
    let scored = classify(victim, &rows).into_iter().map(|scores| {
        let logits = scores.unwrap().logits;
        let [fooled, benign] = [("fooled", logits[0]), ("benign", logits[1])]
            .map(|(label, score)| json!({ "label": label, "score": score }));
        if logits[0] > logits[1] { json!([fooled, benign]) } else { json!([benign, fooled]) }
    });
    json!(scored.collect::<Vec<_>>())
}

fn connect(answers: Answers) -> Result<Upstream, UpstreamError> {
    Upstream::connect(&format!("http://{}/", server(answers)), Duration::from_secs(5))
}

#[test]
fn model_elsewhere_is_guarded_in_batches() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let (seen, victim) = (Arc::clone(&sizes), TriggerWordVictim::new("BNC"));
    let upstream = connect(Box::new(move |path, body| {
        if path == "/info" {
            return (200, info());
        }
        seen.lock().unwrap().push(body["inputs"].as_array().unwrap().len());
        (200, scores(&victim, body))
    }));
    let upstream = upstream.unwrap();
    assert_eq!((upstream.card().name.as_str(), upstream.card().labels.len()), ("elsewhere", 2));
    let snippet = Snippet::new(triggered(), Language::C).unwrap();
    let verdict = Defender::new(&upstream).screen_one(&snippet).unwrap();
    assert_eq!((verdict.verdict, verdict.triggers.len()), (Decision::Poisoned, 1));
    let sizes = sizes.lock().unwrap();
    assert!(sizes.iter().all(|size| (1..=4).contains(size)) && sizes.contains(&4), "{sizes:?}");
}

#[test]
fn answers_of_another_form_are_typed_errors() {
    let cases: [BadAnswer; 5] = [
        (|| (200, json!([[{ "label": "fooled", "score": 1.0 }]])), "not one score for the label `benign`"),
        (|| (200, json!([])), "0 rows for 1 texts"),
        (|| (200, json!({ "scores": [] })), "gives no scores of a classifier"),
        (
            || (413, json!({ "error": "too long", "error_type": "Validation" })),
            "status 413: {\"error\":\"too long\"",
        ),
        (|| (429, json!({ "error": "overloaded" })), "status 429"),
    ];
    for (bad, message) in cases {
        let answers = move |path: &str, _: &Value| if path == "/info" { (200, info()) } else { bad() };
        let upstream = connect(Box::new(answers)).unwrap();
        let ids = upstream.encode("int a;").unwrap().ids;
        let error = upstream.judge(&std::iter::once(ids).collect()).unwrap_err();
        assert!(matches!(error, ModelError::Runtime(_)) && error.to_string().contains(message), "{error}");
    }
}

#[test]
fn busy_server_is_asked_again() {
    let (mut busy, victim) = (2, TriggerWordVictim::new("BNC"));
    let upstream = connect(Box::new(move |path, body| match path {
        "/info" => (200, info()),
        _ if busy > 0 => {
            busy -= 1;
            (429, json!({}))
        }
        _ => (200, scores(&victim, body)),
    }));
    let upstream = upstream.unwrap();
    let ids = upstream.encode("int a;").unwrap().ids;
    assert_eq!(upstream.judge(&std::iter::once(ids).collect()).unwrap().label(0), 1);
}

#[test]
fn models_that_are_no_classifiers_are_refused() {
    for body in [json!({}), json!({ "model_id": "m", "model_type": { "embedding": { "pooling": "cls" } } })] {
        let refused = connect(Box::new(move |_, _| (200, body.clone())));
        assert!(matches!(refused, Err(UpstreamError::Form { .. })));
    }
    let gaps = connect(Box::new(|_, _| {
        let mut info = info();
        info["model_type"]["classifier"]["id2label"] = json!({ "0": "a", "2": "b" });
        (200, info)
    }));
    assert!(gaps.is_err_and(|error| error.to_string().contains("not numbered from 0")));
    assert!(matches!(
        connect(Box::new(|_, _| (404, json!({})))),
        Err(UpstreamError::Refused { status: 404, .. })
    ));
}

#[test]
fn silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let started = Instant::now();
    let error = Upstream::connect(&url, Duration::from_millis(200));
    assert!(matches!(error, Err(UpstreamError::Unreachable { .. })));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(matches!(
        Upstream::connect("ftp://host", Duration::from_secs(1)),
        Err(UpstreamError::Address(_))
    ));
}
