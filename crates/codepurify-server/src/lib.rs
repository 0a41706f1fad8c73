//! Serves a guarded model over HTTP.
//!
//! A [`Guard`] judges rows of snippets; a [`Server`] answers requests with its verdicts. Rows of all
//! requests wait in one bounded queue, and each worker judges what waits together.
//!
//! ```text
//! connections → layers → routes → body, inputs → queue → worker → Guard
//!                             └──────────────── answers ←────┘
//! ```

mod app;
mod body;
mod compat;
mod config;
mod connections;
mod guard;
mod inputs;
mod judging;
mod keys;
mod layers;
mod log;
mod metrics;
mod object;
mod openapi;
mod patient;
mod problem;
mod queue;
mod routes;
mod server;
mod signals;
mod state;
mod trace;
mod upstream;
mod wire;
mod worker;

pub use config::{Config, Limits, Timeouts};
pub use guard::{Guard, Info, Kind, Scores, Sides, classify, classify_pairs};
pub use keys::{KeyError, Keys};
pub use server::{Server, ServerError, Stop};
pub use upstream::{Upstream, UpstreamError};
