//! State that requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::config::{Limits, Timeouts};
use crate::guard::Info;
use crate::keys::Keys;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::queue::Queue;

/// State that requests share.
pub(crate) struct State {
    pub(crate) info: Info,
    pub(crate) keys: Keys,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) queue: Arc<Queue>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Arc<Log>,
    /// One permit for each request that may be answered now.
    pub(crate) permits: Semaphore,
    pub(crate) stopping: AtomicBool,
}

impl State {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Moment at which a request must be answered; an extension of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

/// Number of snippets of a request, for the log; an extension of its response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged(pub(crate) usize);
