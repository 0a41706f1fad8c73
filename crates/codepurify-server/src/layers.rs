//! Around every request: identity, log, counts and the form of errors; around those with work: key, limit and deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::problem::{Kind, Problem};
use crate::state::{Deadline, Judged, State};
use crate::trace::Trace;

/// Header with the seconds in which a client needs its answer.
const TIMEOUT: &str = "x-request-timeout";
/// Routes that are asked every few seconds: they have no line in the log while they answer as usual.
const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];
/// Name of paths without a route in the log and in counts.
const NO_ROUTE: &str = "none";

/// Gives a request its identity, and writes errors, log and counts once it is answered.
pub(crate) async fn observe(
    Shared(state): Shared<Arc<State>>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let started = Instant::now();
    let _in_flight = state.metrics.in_flight.count();
    let trace = Trace::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    request.extensions_mut().insert(trace.clone());
    let record = Record { state: &state, trace: &trace, route: &route, method: method.as_str(), started };
    let mut unanswered = Unanswered(Some(record));
    let mut response = next.run(request).await;
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        write(problem, &route, &trace, &mut response);
    }
    let headers = response.headers_mut();
    trace.echo(headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(record) = unanswered.0.take() {
        record.answered(&response, problem.as_ref());
    }
    response
}

/// A request for the log.
struct Record<'r> {
    state: &'r State,
    trace: &'r Trace,
    route: &'r str,
    method: &'r str,
    started: Instant,
}

/// A request that is not answered yet; if it is dropped, its client left.
struct Unanswered<'r>(Option<Record<'r>>);

impl Record<'_> {
    fn answered(&self, response: &Response, problem: Option<&Problem>) {
        let status = response.status().as_u16();
        self.state.metrics.request(self.route, status, self.started.elapsed());
        if status == 200 && PROBES.contains(&self.route) {
            return;
        }
        let mut fields = self.fields(status);
        if let Some(Judged(rows)) = response.extensions().get() {
            fields["snippets"] = json!(rows);
        }
        if let Some(problem) = problem {
            fields["problem"] = json!(problem.kind.name());
            fields["detail"] = json!(problem.detail);
        }
        self.state.log.line(if status < 500 { "info" } else { "error" }, "request", fields);
    }

    /// Path parameters and queries are left out: they may hold secrets.
    fn fields(&self, status: u16) -> Value {
        json!({
            "request_id": self.trace.request_id,
            "trace_id": self.trace.id,
            "span_id": self.trace.span_id,
            "parent_id": self.trace.parent_id,
            "method": self.method,
            "route": self.route,
            "status": status,
            "milliseconds": self.started.elapsed().as_secs_f64() * 1e3,
        })
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        /// Status in the log of requests whose client left; never sent.
        const LEFT: u16 = 499;
        if let Some(record) = &self.0 {
            record.state.metrics.request(record.route, LEFT, record.started.elapsed());
            record.state.log.line("info", "client left", record.fields(LEFT));
        }
    }
}

/// Writes an error in the form of its route.
fn write(problem: &Problem, route: &str, trace: &Trace, response: &mut Response) {
    let (content, body) = match route {
        "/predict" => {
            ("application/json", json!({ "error": message(problem), "error_type": tei_type(problem.kind) }))
        }
        "/classify" => {
            let status = problem.kind.status();
            let name = status.canonical_reason().unwrap_or_default().replace(' ', "");
            let error = json!({
                "message": problem.detail, "type": name, "param": problem.field, "code": status.as_u16(),
            });
            ("application/json", json!({ "error": error }))
        }
        _ => ("application/problem+json", json!(problem.body(&trace.request_id))),
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body.to_string());
}

fn message(problem: &Problem) -> String {
    match &problem.field {
        Some(field) => format!("{field}: {}", problem.detail),
        None => problem.detail.clone(),
    }
}

/// Kind of an error as text-embeddings-inference names it.
fn tei_type(kind: Kind) -> &'static str {
    match kind {
        Kind::QueueFull | Kind::Busy => "Overloaded",
        Kind::Model | Kind::Internal | Kind::Deadline => "Backend",
        _ => "Validation",
    }
}

/// Lets requests pass that show a key, if keys are needed.
pub(crate) async fn authorise(
    Shared(state): Shared<Arc<State>>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, Problem> {
    let shown = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if !state.keys.accept(shown) {
        let detail = "show a key of this server: `Authorization: Bearer KEY`";
        return Err(Problem::new(Kind::Unauthorized, detail).at("authorization"));
    }
    Ok(next.run(request).await)
}

/// Limits the number of requests that are answered at the same time, and the time of each.
pub(crate) async fn limit(
    Shared(state): Shared<Arc<State>>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response, Problem> {
    let Ok(_permit) = state.permits.try_acquire() else {
        let number = state.limits.requests;
        let detail = format!("{number} requests are being answered already: try again later");
        return Err(Problem::new(Kind::Busy, detail));
    };
    let time = time(request.headers(), state.timeouts.request)?;
    request.extensions_mut().insert(Deadline(Instant::now() + time));
    // Dropping the request frees its rows that wait.
    let passed = |_| {
        let detail = format!("there was no answer within {} seconds", time.as_secs_f64());
        Problem::new(Kind::Deadline, detail)
    };
    tokio::time::timeout(time, next.run(request)).await.map_err(passed)
}

/// Time for a request: that which the client asks for, at most `longest`.
fn time(headers: &HeaderMap, longest: Duration) -> Result<Duration, Problem> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(longest) };
    let seconds = value.to_str().ok().and_then(|value| value.trim().parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let Some(seconds) = seconds else {
        let detail = "a number of seconds above 0 is needed";
        return Err(Problem::new(Kind::Malformed, detail).at(TIMEOUT));
    };
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(longest).min(longest))
}

/// Answers paths without a route.
pub(crate) async fn no_route() -> Response {
    Problem::new(Kind::NotFound, "there is no such path; `/docs` lists them").into_response()
}

/// Answers methods that a path does not have.
pub(crate) async fn no_method() -> Response {
    Problem::new(Kind::MethodNotAllowed, "this path has other methods; `/docs` lists them").into_response()
}
