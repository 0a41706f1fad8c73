//! Errors on the way from a name to a directory.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A model that could not be found or fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// The user named something that does not exist and cannot be on the hub.
    #[error(
        "`{model}`: no such file or directory, and no hub id (`org/name` or `org/name@revision`): {reason}"
    )]
    NoSuchModel {
        /// Name that was given.
        model: String,
        /// Why it is no id.
        reason: &'static str,
    },
    /// The cache lacks the model, or a part of it, and it may not be fetched.
    #[error("`{id}` is no path, and the cache {cache} holds no {lack}; {advice}")]
    NotCached {
        /// The hub id.
        id: String,
        /// Where it was looked for.
        cache: PathBuf,
        /// Missing files.
        lack: String,
        /// Advice for the user.
        advice: String,
    },
    /// The cache's note about a revision is damaged.
    #[error("{path} does not hold a commit (40 hexadecimal digits); remove it, and fetch the model again")]
    BadReference {
        /// The note.
        path: PathBuf,
    },
    /// An index of weights is damaged or names files outside its folder.
    #[error("{path} is not a usable index of weights: {message}")]
    BadIndex {
        /// The index.
        path: PathBuf,
        /// Description of the fault.
        message: String,
    },
    /// The disk refuses.
    #[error("{path}: {source}")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// `HF_ENDPOINT` is no address of a server.
    #[error("HF_ENDPOINT `{endpoint}` is not an http:// or https:// address")]
    Endpoint {
        /// Value of the variable.
        endpoint: String,
    },
    /// The token cannot be sent. It is never printed.
    #[error("the token from {origin} cannot be used: {message}")]
    Token {
        /// Where it comes from.
        origin: String,
        /// Description of the fault.
        message: String,
    },
    /// The server wants a token, or another one.
    #[error(
        "`{id}` is no path, and {url} refuses it (status {status}): there is no such model, or HF_TOKEN must be a token \
         that may read it"
    )]
    Unauthorized {
        /// The hub id.
        id: String,
        /// Requested address.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// The server knows no such model, revision or file.
    #[error("`{id}` is no path, and {url} does not exist: no such model, revision or file (status 404)")]
    NotOnServer {
        /// The hub id.
        id: String,
        /// Requested address.
        url: String,
    },
    /// The server has the model, but not a file that it needs.
    #[error("`{id}` on the server holds no {lack}")]
    Incomplete {
        /// The hub id.
        id: String,
        /// Missing files.
        lack: String,
    },
    /// The server failed, or answered with a status that means nothing here.
    #[error("{url}: the server answered with status {status}")]
    Server {
        /// Requested address.
        url: String,
        /// The status.
        status: u16,
    },
    /// The server could not be reached.
    #[error("`{id}` is no path, and {url} cannot be reached: {message}")]
    Connection {
        /// The hub id.
        id: String,
        /// Requested address.
        url: String,
        /// Reason.
        message: String,
    },
    /// The server's answer does not follow the hub's protocol.
    #[error("{url}: unusable answer: {message}")]
    BadAnswer {
        /// Requested address.
        url: String,
        /// Description of the fault.
        message: String,
    },
    /// A download ended before, or went on after, its last byte.
    #[error("{file}: the download broke off after {received} of {expected} bytes: {message}")]
    Interrupted {
        /// The file.
        file: String,
        /// Bytes that arrived.
        received: u64,
        /// Bytes that were announced.
        expected: u64,
        /// Reason.
        message: String,
    },
    /// A download whose content is not what the hub announced.
    #[error("{file}: the content has SHA-256 {found}, announced was {expected}")]
    Corrupt {
        /// The file.
        file: String,
        /// Announced hash.
        expected: String,
        /// Hash of what arrived.
        found: String,
    },
}
