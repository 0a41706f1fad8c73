//! Threads of one guard. A fork copies no threads: the child starts its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codepurify::ModelError;
use codepurify::victim::{Encoding, MaskedLm, Proposal, Ragged};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors;

/// Time between two looks for signals.
const SIGNALS: Duration = Duration::from_millis(50);

/// A pool that belongs to the process that uses it.
pub(crate) struct Pool {
    /// One thread for each core if absent.
    threads: Option<usize>,
    started: Mutex<Option<(u32, Arc<ThreadPool>)>>,
}

impl Pool {
    pub(crate) fn new(threads: Option<usize>) -> Self {
        Self { threads, started: Mutex::new(None) }
    }

    /// The pool of this process.
    pub(crate) fn get(&self) -> PyResult<Arc<ThreadPool>> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some((owner, pool)) = started.as_ref().filter(|(owner, _)| *owner == process) {
            debug_assert_eq!(*owner, process);
            return Ok(Arc::clone(pool));
        }
        let pool = ThreadPoolBuilder::new().num_threads(self.threads.unwrap_or(0)).build();
        let pool = pool.map(Arc::new).map_err(|error| {
            let message = format!("cannot start threads: {error}");
            Python::attach(|py| errors::exception(py, "CodepurifyError", &message))
        })?;
        // The threads of a parent are not in this process, so its pool cannot be ended here.
        std::mem::forget(started.replace((process, Arc::clone(&pool))));
        Ok(pool)
    }

    /// Runs `work` on the pool without holding the interpreter. `work` gets a flag that is set when the user
    /// interrupts: it should end soon then.
    ///
    /// # Errors
    /// The exception of a signal handler, such as `KeyboardInterrupt`.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&AtomicBool) -> T + Send,
    ) -> PyResult<T> {
        let pool = self.get()?;
        let stop = &AtomicBool::new(false);
        let (done, ended) = channel();
        py.detach(move || {
            pool.in_place_scope(move |scope| {
                scope.spawn(move |_| {
                    // The receiver waits until the scope ends.
                    let _ = done.send(work(stop));
                });
                wait(&ended, stop)
            })
        })
    }
}

/// Waits for a result. A signal handler that raises sets `stop`, and its exception takes the place of the result.
fn wait<T>(ended: &Receiver<T>, stop: &AtomicBool) -> PyResult<T> {
    let mut interrupted = None;
    loop {
        match ended.recv_timeout(SIGNALS) {
            Ok(result) => return interrupted.map_or(Ok(result), Err),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(signal) = Python::attach(|py| py.check_signals().err()) {
                    stop.store(true, Ordering::Relaxed);
                    interrupted = Some(signal);
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                let internal = || Python::attach(|py| errors::exception(py, "InternalError", "a panic"));
                return Err(interrupted.unwrap_or_else(internal));
            }
        }
    }
}

/// A masked language model that computes on the pool, whichever thread asks.
pub(crate) struct PooledMaskedLm {
    inner: Arc<dyn MaskedLm>,
    pool: Arc<Pool>,
}

impl PooledMaskedLm {
    pub(crate) fn new(inner: Arc<dyn MaskedLm>, pool: Arc<Pool>) -> Self {
        Self { inner, pool }
    }

    fn on_pool<T: Send>(
        &self,
        work: impl FnOnce(&dyn MaskedLm) -> Result<T, ModelError> + Send,
    ) -> Result<T, ModelError> {
        self.pool.get().map_err(ModelError::runtime)?.install(|| work(self.inner.as_ref()))
    }
}

impl MaskedLm for PooledMaskedLm {
    fn window(&self) -> usize {
        self.inner.window()
    }

    fn mask_id(&self) -> u32 {
        self.inner.mask_id()
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.inner.encode(text)
    }

    fn token_text(&self, id: u32) -> Option<String> {
        self.inner.token_text(id)
    }

    fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
        self.on_pool(|mlm| mlm.fill(batch, top))
    }

    fn surprisals(&self, rows: &Ragged, hidden: &[Vec<usize>]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.on_pool(|mlm| mlm.surprisals(rows, hidden))
    }
}
