//! A web server on this machine with as much of the protocol of S3 as one client needs. It can fail on purpose.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The server. It ends with the test program.
pub(crate) struct Server {
    address: SocketAddr,
    pub(crate) state: Arc<State>,
}

/// Files and faults of a server.
#[derive(Default)]
pub(crate) struct State {
    /// Path without the first slash → content.
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Parts of files that are being uploaded.
    parts: Mutex<BTreeMap<usize, Vec<u8>>>,
    /// Bytes of all bodies that were sent.
    pub(crate) sent: AtomicUsize,
    /// Parts that were received.
    pub(crate) received: AtomicUsize,
    /// Answers that will be cut off in the middle.
    pub(crate) cuts: AtomicUsize,
    /// Everything is forbidden.
    pub(crate) denies: AtomicBool,
    /// Files are sent whole, whatever part is wanted.
    pub(crate) ignores_ranges: AtomicBool,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    /// First and last byte that are wanted.
    range: Option<(usize, usize)>,
    body: Vec<u8>,
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    /// Size of the body, where only its header is sent.
    size: usize,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<State>::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away is no fault of the server.
                std::thread::spawn(move || state.serve(&stream).ok());
            }
        });
        Self { address, state }
    }

    /// URL of a path, or of the server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.state.files.lock().unwrap().insert(path.to_owned(), content.into());
    }

    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.state.files.lock().unwrap().get(path).cloned()
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let request = Request::read(stream)?;
        let answer = self.answer(&request);
        let is_cut = !answer.body.is_empty()
            && self.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |cuts| cuts.checked_sub(1)).is_ok();
        let body = if is_cut { &answer.body[..answer.body.len() / 2] } else { &answer.body[..] };
        self.sent.fetch_add(body.len(), Ordering::SeqCst);
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n{}\r\n",
            answer.status, answer.size, answer.headers
        );
        let mut stream = stream;
        stream.write_all(&[head.as_bytes(), body].concat())
    }

    fn answer(&self, request: &Request) -> Answer {
        if self.denies.load(Ordering::SeqCst) {
            return Answer::new("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>");
        }
        let part = request.query.get("partNumber").map(|number| number.parse().unwrap());
        match (request.method.as_str(), part) {
            ("PUT", Some(number)) => {
                self.received.fetch_add(1, Ordering::SeqCst);
                self.parts.lock().unwrap().insert(number, request.body.clone());
                Answer::new("200 OK", "").with(&format!("ETag: \"{number}\"\r\n"))
            }
            ("PUT", None) => {
                self.files.lock().unwrap().insert(request.path.clone(), request.body.clone());
                Answer::new("200 OK", "").with("ETag: \"whole\"\r\n")
            }
            ("POST", _) if request.query.contains_key("uploads") => {
                self.parts.lock().unwrap().clear();
                Answer::new("200 OK", "<R><UploadId>7</UploadId></R>")
            }
            ("POST", _) => {
                let parts = std::mem::take(&mut *self.parts.lock().unwrap());
                let whole = parts.into_values().flatten().collect();
                self.files.lock().unwrap().insert(request.path.clone(), whole);
                Answer::new("200 OK", "<R><ETag>\"parts\"</ETag></R>")
            }
            ("GET", _) if request.query.contains_key("list-type") => self.list(request),
            ("GET" | "HEAD", _) => self.file(request),
            _ => Answer::new("204 No Content", ""),
        }
    }

    fn list(&self, request: &Request) -> Answer {
        let prefix = request.query.get("prefix").map_or("", String::as_str).replace("%2F", "/");
        let mut list = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
        for (path, content) in self.files.lock().unwrap().iter() {
            let key = path.strip_prefix(&format!("{}/", request.path)).unwrap_or_default();
            if !key.is_empty() && key.starts_with(&prefix) {
                let size = content.len();
                let time = "2015-10-21T07:28:00.000Z";
                write!(list, "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{time}</LastModified></Contents>")
                    .unwrap();
            }
        }
        Answer::new("200 OK", &(list + "</ListBucketResult>"))
    }

    fn file(&self, request: &Request) -> Answer {
        let files = self.files.lock().unwrap();
        let Some(content) = files.get(&request.path) else {
            return Answer::new("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>");
        };
        let tag = format!("ETag: \"{}\"\r\n", content.len());
        if request.method == "HEAD" {
            return Answer { size: content.len(), ..Answer::new("200 OK", "") }.with(&tag);
        }
        match request.range.filter(|_| !self.ignores_ranges.load(Ordering::SeqCst)) {
            None => Answer::of("200 OK", content.clone()).with(&tag),
            Some((first, last)) => {
                let range = format!("Content-Range: bytes {first}-{last}/{}\r\n", content.len());
                Answer::of("206 Partial Content", content[first..=last].to_vec()).with(&(tag + &range))
            }
        }
    }
}

impl Answer {
    fn new(status: &'static str, body: &str) -> Self {
        Self::of(status, body.as_bytes().to_vec())
    }

    fn of(status: &'static str, body: Vec<u8>) -> Self {
        Self { status, headers: String::new(), size: body.len(), body }
    }

    fn with(mut self, header: &str) -> Self {
        self.headers += header;
        self
    }
}

impl Request {
    fn read(stream: &TcpStream) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut range, mut length) = (None, 0);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "range" => {
                    let (first, last) = value.trim_start_matches("bytes=").split_once('-').unwrap();
                    range = Some((first.parse().unwrap(), last.parse().unwrap()));
                }
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { method, path: path.trim_matches('/').to_owned(), query, range, body })
    }
}
