//! HTTP client. Redirects are followed by hand, since the hub describes a file on the redirect, and
//! because the token is for the hub alone.

use std::sync::Arc;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::Remote;
use crate::error::HubError;
use crate::id::{ModelId, is_plain};

const MAX_REDIRECTS: usize = 5;
/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Speaks to the hub about one model.
pub(crate) struct Client {
    agent: Agent,
    endpoint: Uri,
    token: Option<String>,
    id: String,
}

/// An answer: what the hub said about the file, and the file.
pub(crate) struct Answer {
    /// The commit that the file belongs to.
    pub(crate) commit: Option<String>,
    /// The content's identifier, fit to be a file name; SHA-256 for large files.
    pub(crate) etag: Option<String>,
    /// The content's size.
    pub(crate) bytes: Option<u64>,
    pub(crate) body: Body,
}

/// Headers of the hub's own responses; redirects come before the file itself.
#[derive(Default)]
struct About {
    commit: Option<String>,
    linked_etag: Option<String>,
    linked_bytes: Option<u64>,
    etag: Option<String>,
}

impl Client {
    pub(crate) fn new(remote: &Remote, id: &ModelId) -> Result<Self, HubError> {
        let wrong = || HubError::Endpoint { endpoint: remote.endpoint.clone() };
        let endpoint: Uri = remote.endpoint.parse().map_err(|_| wrong())?;
        if !matches!(endpoint.scheme_str(), Some("http" | "https")) || endpoint.host().is_none() {
            return Err(wrong());
        }
        Ok(Self { agent: agent(), endpoint, token: remote.token.read()?, id: id.to_string() })
    }

    /// Asks for `url`, which is on the hub, and follows its redirects.
    pub(crate) fn get(&self, url: &str) -> Result<Answer, HubError> {
        let mut about = About::default();
        let mut at = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let bad = |message: String| HubError::BadAnswer { url: at.clone(), message };
            let uri: Uri = at.parse().map_err(|error| bad(format!("redirected to no address: {error}")))?;
            let of_the_hub = same_origin(&uri, &self.endpoint);
            if self.endpoint.scheme_str() == Some("https") && uri.scheme_str() != Some("https") {
                return Err(bad("redirected away from https".to_owned()));
            }
            let response = self.send(&at, of_the_hub)?;
            if of_the_hub {
                about.read(response.headers());
            }
            match response.status() {
                StatusCode::OK => return Ok(about.answer(response)),
                status if status.is_redirection() => {
                    let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
                    at = to
                        .and_then(|to| joined(&uri, to))
                        .ok_or_else(|| bad("redirected nowhere".to_owned()))?;
                }
                status => return Err(self.refusal(at, status)),
            }
        }
        Err(HubError::BadAnswer {
            url: url.to_owned(),
            message: format!("more than {MAX_REDIRECTS} redirects"),
        })
    }

    fn send(&self, url: &str, with_token: bool) -> Result<Response<Body>, HubError> {
        // A compressed answer would not have the announced size.
        let mut request = self.agent.get(url).header(header::ACCEPT_ENCODING, "identity");
        if let Some(token) = self.token.as_ref().filter(|_| with_token) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request.call().map_err(|error| HubError::Connection {
            id: self.id.clone(),
            url: url.to_owned(),
            message: error.to_string(),
        })
    }

    fn refusal(&self, url: String, status: StatusCode) -> HubError {
        match status.as_u16() {
            status @ (401 | 403) => HubError::Unauthorized { id: self.id.clone(), url, status },
            404 => HubError::NotOnServer { id: self.id.clone(), url },
            status => HubError::Server { url, status },
        }
    }
}

impl About {
    fn read(&mut self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let etag = |name| Some(text(name)?.trim_start_matches("W/").trim_matches('"').to_owned());
        self.commit = text("x-repo-commit").map(str::to_owned).or(self.commit.take());
        self.linked_etag = etag("x-linked-etag").or(self.linked_etag.take());
        self.linked_bytes = text("x-linked-size").and_then(|size| size.parse().ok()).or(self.linked_bytes);
        self.etag = etag("etag").or(self.etag.take());
    }

    fn answer(self, response: Response<Body>) -> Answer {
        let body = response.into_body();
        Answer {
            commit: self.commit,
            etag: self.linked_etag.or(self.etag).filter(|etag| is_plain(etag)),
            bytes: self.linked_bytes.or(body.content_length()),
            body,
        }
    }
}

fn agent() -> Agent {
    let certificates: Vec<_> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("codepurify/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build()
        .new_agent()
}

fn same_origin(one: &Uri, other: &Uri) -> bool {
    let origin = |uri: &Uri| {
        let secure = uri.scheme_str() == Some("https");
        let host = uri.host().map(str::to_ascii_lowercase);
        (secure, host, uri.port_u16().unwrap_or(if secure { 443 } else { 80 }))
    };
    origin(one) == origin(other)
}

/// Resolves the address `to` of a redirect from `from`; `None` if it must not be followed.
fn joined(from: &Uri, to: &str) -> Option<String> {
    let scheme = from.scheme_str()?;
    if to.starts_with("http://") || to.starts_with("https://") {
        Some(to.to_owned())
    } else if to.starts_with("//") {
        Some(format!("{scheme}:{to}"))
    } else if to.starts_with('/') {
        Some(format!("{scheme}://{}{to}", from.authority()?))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_host_and_port() {
        let same = |one: &str, other: &str| same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://hub.example/a", "https://HUB.example:443/b"));
        for other in
            ["http://hub.example/", "https://hub.example:8443/", "https://hub.example@other.example/"]
        {
            assert!(!same("https://hub.example/", other), "{other}");
        }
    }

    #[test]
    fn redirects_are_joined() {
        let from = "https://hub.example:81/a/b?c".parse().unwrap();
        assert_eq!(joined(&from, "/x?y").unwrap(), "https://hub.example:81/x?y");
        assert_eq!(joined(&from, "//cdn.example/x").unwrap(), "https://cdn.example/x");
        assert_eq!(joined(&from, "http://cdn.example/x").unwrap(), "http://cdn.example/x");
        for to in ["file:///etc/passwd", "x", ""] {
            assert_eq!(joined(&from, to), None, "{to}");
        }
    }
}
