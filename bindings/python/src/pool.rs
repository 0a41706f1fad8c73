//! Threads of one guard. A fork copies no threads: the child starts its own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codepurify::ModelError;
use codepurify::victim::{Encoding, MaskedLm, Proposal, Ragged};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors;

/// Time between two looks for signals and progress.
const LOOKS: Duration = Duration::from_millis(50);

/// Messages between work on a pool and the thread that waits for it.
#[derive(Default)]
pub(crate) struct Watch {
    /// Set when the user interrupts: the work should end soon then.
    stop: AtomicBool,
    /// Number of rows that are done.
    rows: AtomicUsize,
}

impl Watch {
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, rows: usize) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}

/// Gets the number of rows that are done, again and again; may raise.
pub(crate) type Progress<'p> = &'p (dyn Fn(Python<'_>, usize) -> PyResult<()> + Sync);

/// For work without rows.
pub(crate) const NO_PROGRESS: Progress<'static> = &|_, _| Ok(());

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

    /// Runs `work` on the pool without holding the interpreter.
    ///
    /// # Errors
    /// The exception of a signal handler, such as `KeyboardInterrupt`, or of `progress`.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        progress: Progress<'_>,
        work: impl FnOnce(&Watch) -> T + Send,
    ) -> PyResult<T> {
        let pool = self.get()?;
        let watch = &Watch::default();
        let (done, ended) = channel();
        py.detach(move || {
            pool.in_place_scope(move |scope| {
                scope.spawn(move |_| {
                    // The receiver waits until the scope ends.
                    let _ = done.send(work(watch));
                });
                wait(&ended, watch, progress)
            })
        })
    }
}

/// Waits for a result. A signal handler or `progress` that raises stops the work, and its exception takes the place
/// of the result.
fn wait<T>(ended: &Receiver<T>, watch: &Watch, progress: Progress<'_>) -> PyResult<T> {
    let mut interrupted = None;
    loop {
        match ended.recv_timeout(LOOKS) {
            Ok(result) => return interrupted.map_or(Ok(result), Err),
            Err(RecvTimeoutError::Timeout) if interrupted.is_none() => {
                let rows = watch.rows.load(Ordering::Relaxed);
                let look = |py: Python<'_>| py.check_signals().and_then(|()| progress(py, rows));
                if let Err(raised) = Python::attach(look) {
                    watch.stop.store(true, Ordering::Relaxed);
                    interrupted = Some(raised);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
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
