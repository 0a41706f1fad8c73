//! A server that speaks the hub's routes, on a port of this machine.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Response of the server to a path.
#[derive(Clone, Default)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes of the body that are sent; the connection is closed behind them.
    pub(crate) cut: Option<usize>,
    /// The token without which the answer is 401.
    pub(crate) token: Option<String>,
}

impl Page {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// A redirect.
    pub(crate) fn to(location: &(impl ToString + ?Sized)) -> Self {
        Self::new(302, "Found. Redirecting").with("Location", location)
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

/// A running server; it ends with the test process.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: String,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, pages: Arc::default(), requests: Arc::default() };
        let running = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up is the client's business.
                let _ = running.serve(&stream.unwrap());
            }
        });
        server
    }

    /// Answers `path` with `page` from now on.
    pub(crate) fn page(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// Changes the answer to `path`.
    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Page)) {
        change(self.pages.lock().unwrap().get_mut(path).unwrap());
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut authorization = None;
        for line in lines {
            let line = line?;
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    authorization = Some(value.to_owned());
                }
                Some(_) => {}
                None => break,
            }
        }
        let page =
            self.pages.lock().unwrap().get(&path).cloned().unwrap_or_else(|| Page::new(404, "no such page"));
        let allowed =
            page.token.as_ref().is_none_or(|token| authorization == Some(format!("Bearer {token}")));
        let page = if allowed { page } else { Page::new(401, "who are you?") };
        self.requests.lock().unwrap().push(Request { path, authorization });
        answer(stream, &page)
    }
}

fn answer(mut stream: &TcpStream, page: &Page) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {} Whatever\r\nConnection: close\r\n", page.status)?;
    write!(stream, "Content-Length: {}\r\n", page.body.len())?;
    for (name, value) in &page.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&page.body[..page.cut.unwrap_or(page.body.len())])
}
