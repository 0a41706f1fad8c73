//! Ids of requests, and W3C Trace Context (`traceparent`, version 00).

use std::hash::{BuildHasher, Hasher, RandomState};

use axum::http::{HeaderMap, HeaderValue};

/// Header with the id of a request.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// Header with the trace that a request belongs to.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Longest id of a request that is taken over from a client.
const LONGEST_ID: usize = 128;

/// Identity of a request in logs and traces.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) request_id: String,
    /// Id of the whole trace: 32 hexadecimal digits.
    pub(crate) id: String,
    /// 16 hexadecimal digits: this server's part of the trace.
    pub(crate) span_id: String,
    /// The client's part of the trace, if it has one.
    pub(crate) parent_id: Option<String>,
    flags: String,
}

impl Trace {
    /// The client's ids where it sends valid ones, else new ones.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let request_id = text(headers, REQUEST_ID).filter(|id| is_id(id));
        let request_id = request_id.map_or_else(random, str::to_owned);
        let span_id = random();
        let of_client = text(headers, TRACEPARENT).and_then(parent);
        let [id, flags] = of_client.map_or_else(
            || [random() + &random(), "00".to_owned()],
            |[id, _, flags]| [id, flags].map(str::to_owned),
        );
        Self { request_id, id, span_id, parent_id: of_client.map(|[_, parent, _]| parent.to_owned()), flags }
    }

    /// Writes the ids into the headers of a response.
    pub(crate) fn echo(&self, headers: &mut HeaderMap) {
        let parent = format!("00-{}-{}-{}", self.id, self.span_id, self.flags);
        for (name, value) in [(REQUEST_ID, &self.request_id), (TRACEPARENT, &parent)] {
            let value = HeaderValue::from_str(value).expect("ids are visible ASCII");
            headers.insert(name, value);
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Returns true for ids that are safe in logs.
fn is_id(id: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(safe)
}

/// Trace id, parent id and flags of a valid header.
fn parent(value: &str) -> Option<[&str; 3]> {
    let (version, rest) = value.split_once('-')?;
    let mut parts = rest.splitn(4, '-');
    let all = [parts.next()?, parts.next()?, parts.next()?];
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = version.len() == 2 && all.map(str::len) == [32, 16, 2];
    let known = version != "ff" && (version != "00" || parts.next().is_none());
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let valid = is_hex(version) && all.iter().all(|part| is_hex(part));
    (lengths && known && valid && !is_zero(all[0]) && !is_zero(all[1])).then_some(all)
}

/// 16 random hexadecimal digits.
fn random() -> String {
    // Each of these has random keys of its own.
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
