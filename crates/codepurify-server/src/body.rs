//! Bodies of requests: read within limits of size and time, parsed off the threads that serve connections.

use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::config::{Limits, Timeouts};
use crate::object::Object;
use crate::problem::{Kind, Problem};

/// Reads the whole body of a request with JSON.
pub(crate) async fn read(
    request: Request<Body>,
    limits: &Limits,
    timeouts: &Timeouts,
) -> Result<Vec<u8>, Problem> {
    check_type(request.headers())?;
    let body = request.into_body();
    let limit = limits.body_bytes;
    if axum::body::HttpBody::size_hint(&body).lower() > limit as u64 {
        return Err(too_large(limit));
    }
    let slow = |_| {
        let seconds = timeouts.body.as_secs_f64();
        Problem::new(Kind::SlowBody, format!("the body did not arrive within {seconds} seconds"))
    };
    tokio::time::timeout(timeouts.body, collected(body, limit)).await.map_err(slow)?
}

async fn collected(mut body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let broken = |error| Problem::new(Kind::Malformed, format!("the body ended early: {error}"));
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            if bytes.len() + data.len() > limit {
                return Err(too_large(limit));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("the body is larger than {limit} bytes"))
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let wrong = |detail: &str| Err(Problem::new(Kind::MediaType, detail).at("content-type"));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return wrong("compressed bodies are not read");
    }
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    if parts.next().as_deref() != Some("application/json") {
        return wrong("the body must be `application/json`");
    }
    let charset = parts.find_map(|part| part.strip_prefix("charset=").map(|name| name.replace('"', "")));
    if charset.is_some_and(|name| name != "utf-8") {
        return wrong("JSON is written in UTF-8");
    }
    Ok(())
}

/// Parses JSON; a value of the wrong form is named by its place, such as `inputs[3].language`.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Object(parsed) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        match error.inner().classify() {
            Category::Data if field == "." => Problem::new(Kind::Invalid, error.inner().to_string()),
            Category::Data => Problem::new(Kind::Invalid, error.inner().to_string()).at(field),
            _ => malformed(error.inner()),
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(parsed)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Kind::Malformed, format!("the body is no JSON: {error}"))
}
