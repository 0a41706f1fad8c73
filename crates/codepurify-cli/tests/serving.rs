//! `serve`: a server of the bundled model gives the command's own verdicts; signals, keys, a model that changes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};

use crate::common::{Place, TRIGGER, triggered};

/// A running server.
struct Serving {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
}

impl Serving {
    fn start(place: &Place, args: &[&str]) -> Self {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        let command = place.command(&args);
        let mut own = Command::new(command.get_program());
        own.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => own.env(name, value),
                None => own.env_remove(name),
            };
        }
        let mut child = own.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut serving = Self { child, log, address: String::new() };
        let listening = serving.logged("listening");
        serving.address += listening["address"].as_str().unwrap();
        serving
    }

    /// The next line of the log with this message.
    fn logged(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "no line `{message}` in the log");
            if let Ok(line) = serde_json::from_str::<Value>(&line)
                && line["message"] == message
            {
                return line;
            }
        }
    }

    /// Status and body of the answer.
    fn asked(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.asked("POST", path, "", &body.to_string());
        assert_eq!(status, 200, "{answer}");
        answer
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rounds all numbers that are not whole, since batches of other sizes add in another order, and sets times to 0.
fn rounded(mut value: Value) -> Value {
    match &mut value {
        Value::Number(number) if number.is_f64() => {
            let places = number.as_f64().map(|number| (number * 1e4).round() / 1e4);
            value = json!(places);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = rounded(item.take())),
        Value::Object(fields) => {
            for (name, field) in fields {
                *field = if name == "milliseconds" { json!(0) } else { rounded(field.take()) };
            }
        }
        _ => {}
    }
    value
}

#[test]
fn server_gives_the_verdicts_of_scan() {
    let place = Place::with_code();
    place.write("two.java", "class A { int f(int n) { return n; } int g() { return 1; } }");
    let server = Serving::start(&place, &[]);
    for path in ["triggered.c", "clean.c", "two.java"] {
        let scanned = rounded(place.run(&["scan", path, "--format", "json"]).json());
        let served = server.post("/v1/scan", &json!({ "code": place.read(path), "path": path }));
        assert_eq!(rounded(served), scanned, "{path}");
        // `explain` loads no masked language model, so it purifies nothing.
        let evidence = |report: &Value| -> Vec<Value> {
            report["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|result| rounded(result["evidence"].clone()))
                .collect()
        };
        let explained = place.run(&["explain", path, "--format", "json"]).json();
        let body = json!({ "inputs": [{ "code": place.read(path), "path": path }], "evidence": true });
        assert_eq!(evidence(&server.post("/v1/scan", &body)["outputs"][0]), evidence(&explained), "{path}");
    }
    let purified = server.post("/v1/purify", &json!({ "code": triggered(), "language": "c" }));
    assert_eq!(purified["files"][0]["purified"], place.run(&["purify", "triggered.c"]).out);
    // The bundled model is one for C, so its clients need not say it.
    let scores = server.post("/predict", &json!({ "inputs": triggered() }));
    assert_eq!(scores[0]["label"], "vulnerable");
    let (_, info) = server.asked("GET", "/info", "", "");
    assert_eq!((&info["kind"], &info["calibrated"]), (&json!("classifier"), &json!(true)));
}

#[test]
fn curl_commands_of_the_documents_work() {
    let server = Serving::start(&Place::new(), &["--lang", "c"]);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["README.md", "docs/serve.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap().replace("\\\n  ", "");
        let curl = text.lines().find(|line| line.starts_with("curl ")).unwrap();
        let (head, body) = curl.split_once(" -d '").unwrap();
        assert!(head.ends_with("-H 'Content-Type: application/json'"), "{curl}");
        let path = head.split(' ').nth(1).unwrap().split_once(":8080").unwrap().1;
        let answer = server.post(path, &serde_json::from_str(body.trim_end_matches('\'')).unwrap());
        assert!(
            answer.get("results").or(answer.get("prediction")).is_some_and(|it| !it.is_null()),
            "{answer}"
        );
    }
}

#[test]
fn pair_model_is_served_as_it_scans() {
    let place = Place::with_code();
    place.golden("roberta-clone", "model");
    let args = ["--model", "model"];
    let server = Serving::start(&place, &args);
    let side = |path: &str| json!({ "code": place.read(path), "path": path });
    let body = json!({ "left": side("clean.c"), "right": side("triggered.c") });
    let scanned = place.run(&["scan", "clean.c", "triggered.c", "--model", "model", "--format", "json"]);
    assert_eq!(rounded(server.post("/v1/scan", &body)), rounded(scanned.json()));
}

#[test]
#[cfg(unix)]
fn changed_model_keeps_answering_and_is_told() {
    let place = Place::with_code();
    place.copy_of_victim();
    let server = Serving::start(&place, &["--model", "model", "--lang", "c"]);
    let body = json!({ "code": triggered() });
    let before = rounded(server.post("/v1/scan", &body));
    let ready = |changed: bool| (200, json!({ "ready": true, "model_changed": changed }));
    assert_eq!(server.asked("GET", "/ready", "", ""), ready(false));
    std::fs::remove_file(place.path("model/model.safetensors")).unwrap();
    assert_eq!(server.asked("GET", "/ready", "", ""), ready(true));
    assert_eq!(rounded(server.post("/v1/scan", &body)), before);
    assert!(before["results"][0]["triggers"][0]["text"].as_str().unwrap().contains(TRIGGER));
}

#[test]
#[ignore = "needs 10,100 file descriptors; CONTRIBUTING.md has the command"]
fn ten_thousand_idle_connections_delay_nobody() {
    let server = Serving::start(&Place::new(), &[]);
    let idle: Vec<TcpStream> = (0..10_000).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let started = std::time::Instant::now();
    server.post("/v1/scan", &json!({ "code": triggered(), "language": "c" }));
    assert!(started.elapsed() < std::time::Duration::from_secs(10));
    // All of them are still open: nothing was sent, and the connection has not ended.
    for mut stream in idle {
        stream.set_nonblocking(true).unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
#[cfg(unix)]
fn signals_stop_the_server_and_change_its_keys() {
    let place = Place::new();
    place.write("keys", "first-key-0123456789\n");
    let mut server = Serving::start(&place, &["--key-file", "keys"]);
    let info = |server: &Serving, key: &str| {
        server.asked("GET", "/info", &format!("Authorization: Bearer {key}\r\n"), "").0
    };
    assert_eq!((info(&server, "first-key-0123456789"), info(&server, "second-key-0123456789")), (200, 401));
    place.write("keys", "second-key-0123456789\n");
    server.signal("-HUP");
    assert_eq!(server.logged("keys read")["keys"], 1);
    assert_eq!((info(&server, "first-key-0123456789"), info(&server, "second-key-0123456789")), (401, 200));
    server.signal("-TERM");
    server.logged("stopped");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn upstream_that_cannot_be_used_says_why() {
    let place = Place::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--upstream", "https://localhost"], 64, "starts with http://"),
        (&["--upstream", &url], 2, "does not answer"),
        (&["--upstream", &url, "--model", "model"], 64, "leave --model out"),
        (&["--upstream", &url, "--cache", "verdicts"], 64, "and --cache"),
    ];
    for (args, code, message) in cases {
        let run = place.run(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        assert_eq!(run.code, code, "{args:?}: {run:?}");
        assert!(run.err.contains(message), "{args:?}: {}", run.err);
    }
}

#[test]
fn server_that_cannot_start_says_why() {
    let place = Place::new();
    place.write("short", "key\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--listen", "0.0.0.0:0"], 64, "can be reached from other machines"),
        (&["--listen", &taken], 2, "cannot listen on"),
        (&["--listen", "localhost"], 64, "invalid socket address"),
        (&["--key-file", "none"], 2, "keys in none"),
        (&["--key-file", "short"], 2, "key 1 must have at least 16"),
        (&["--queue", "0"], 64, "at least 1"),
    ];
    for (args, code, message) in cases {
        let run = place.run(&[&["serve"], args].concat());
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{args:?}: {run:?}");
        assert!(run.err.contains(message), "{args:?}: {}", run.err);
    }
}
