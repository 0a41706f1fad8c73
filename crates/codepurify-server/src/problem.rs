//! Errors of requests: `application/problem+json` (RFC 9457), with the field that is wrong.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use codepurify::SnippetError;
use schemars::JsonSchema;
use serde::Serialize;

/// Seconds after which a client that met a full server may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An error of a request. As a response it has no body: the outermost layer writes it in the form of the route.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    pub(crate) field: Option<String>,
}

/// Kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Malformed,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    SlowBody,
    TooLarge,
    MediaType,
    Invalid,
    QueueFull,
    Busy,
    Model,
    Internal,
    Deadline,
}

/// An error of a request as it is written.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemBody<'p> {
    /// URN of the kind of the error.
    #[serde(rename = "type")]
    urn: String,
    /// The kind in words.
    title: &'p str,
    /// HTTP status.
    status: u16,
    /// Fault of this request, and advice.
    detail: &'p str,
    /// Field, header or path that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'p str>,
    /// Id of the request in the server's log.
    request_id: &'p str,
}

impl Kind {
    /// Status, name and title.
    fn facts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "Malformed request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "Key missing or unknown"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "No such path"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed")
            }
            Self::SlowBody => (StatusCode::REQUEST_TIMEOUT, "slow-body", "Body took too long"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Wrong content type"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid request"),
            Self::QueueFull => (StatusCode::TOO_MANY_REQUESTS, "queue-full", "Queue full"),
            Self::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy", "Too many requests"),
            Self::Model => (StatusCode::FAILED_DEPENDENCY, "model", "Model failed"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::Deadline => (StatusCode::GATEWAY_TIMEOUT, "deadline", "Deadline passed"),
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        self.facts().0
    }

    pub(crate) fn name(self) -> &'static str {
        self.facts().1
    }
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), field: None }
    }

    /// Names the field that is wrong.
    pub(crate) fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// A text that cannot be judged, in the field `field`.
    pub(crate) fn of_text(error: &SnippetError, field: String) -> Self {
        let kind = match error {
            SnippetError::TooLarge { .. } => Kind::TooLarge,
            _ => Kind::Invalid,
        };
        Self::new(kind, error.to_string()).at(field)
    }

    /// The body in the problem form.
    pub(crate) fn body<'p>(&'p self, request_id: &'p str) -> ProblemBody<'p> {
        let (status, name, title) = self.kind.facts();
        ProblemBody {
            urn: format!("urn:codepurify:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
            request_id,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        let headers = response.headers_mut();
        match self.kind {
            Kind::QueueFull | Kind::Busy => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Kind::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}
