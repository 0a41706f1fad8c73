//! A server from its address to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::app;
use crate::config::Config;
use crate::connections;
use crate::guard::Guard;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::signals;
use crate::state::State;
use crate::worker;

/// Threads that serve connections; they only move bytes.
const CONNECTION_THREADS: usize = 2;
/// Connections that wait to be accepted; the standard library's 128 are few when all clients come at once.
const BACKLOG: i32 = 1024;
/// Threads that read requests: JSON into snippets.
const READING_THREADS: usize = 4;

/// A server that listens, but answers only once it runs.
pub struct Server {
    listener: std::net::TcpListener,
    config: Config,
    stop: watch::Sender<bool>,
}

/// Stops a server from another thread.
#[derive(Clone)]
pub struct Stop(watch::Sender<bool>);

/// A server that cannot start, or failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Everybody who reaches the address could use the model.
    #[error("{0} can be reached from other machines: name keys, or allow requests without one")]
    Open(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The problem with it.
        source: io::Error,
    },
    /// The system gives no threads or no events.
    #[error("cannot serve: {0}")]
    Runtime(#[from] io::Error),
}

impl Stop {
    /// Lets the server answer what it accepted, and end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Listens on the address of `config`.
    ///
    /// # Errors
    /// [`ServerError`] if the address cannot be used, or is open to everybody and must not be.
    pub fn bind(config: Config) -> Result<Self, ServerError> {
        let address = config.listen;
        if !address.ip().is_loopback() && config.keys.is_empty() && !config.allow_anonymous {
            return Err(ServerError::Open(address));
        }
        let failed = |source| ServerError::Listen { address, source };
        let listener = listening(address).map_err(failed)?;
        Ok(Self { listener, config, stop: watch::Sender::new(false) })
    }

    /// Returns the address, with the port that was free.
    ///
    /// # Errors
    /// [`ServerError::Runtime`] if the system does not tell.
    pub fn address(&self) -> Result<SocketAddr, ServerError> {
        Ok(self.listener.local_addr()?)
    }

    /// Returns what stops this server.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        Stop(self.stop.clone())
    }

    /// Serves `guard` until the server is stopped; log lines go to `log`.
    ///
    /// # Errors
    /// [`ServerError::Runtime`] if the system gives no threads or no events.
    pub fn run(self, guard: &dyn Guard, log: impl io::Write + Send + 'static) -> Result<(), ServerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(CONNECTION_THREADS)
            .max_blocking_threads(READING_THREADS)
            .enable_all()
            .build()?;
        let address = self.address()?;
        let Self { listener, config, stop } = self;
        let (queue, metrics) = (Arc::new(Queue::new(config.limits.queue)), Arc::new(Metrics::default()));
        let state = Arc::new(State {
            info: guard.info(),
            permits: Semaphore::new(config.limits.requests),
            keys: config.keys,
            limits: config.limits,
            timeouts: config.timeouts,
            queue: Arc::clone(&queue),
            metrics: Arc::clone(&metrics),
            log: Arc::new(Log::to(log)),
            stopping: AtomicBool::new(false),
        });
        let budget = state.limits.batch_tokens;
        let served = std::thread::scope(|scope| {
            for _ in 0..config.workers.max(1) {
                scope.spawn(|| worker::work(guard, &queue, &metrics, budget));
            }
            let _closed = Closed(&queue);
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                let fields = json!({ "address": address.to_string(), "model": state.info.model.name });
                state.log.line("info", "listening", fields);
                if config.signals {
                    signals::watch(Arc::clone(&state), stop.clone())?;
                }
                tokio::spawn(told(Arc::clone(&state), stop.subscribe()));
                connections::serve(listener, app::router(&state), Arc::clone(&state), stop.subscribe()).await;
                Ok(())
            })
        });
        state.log.line("info", "stopped", json!({}));
        state.log.finish();
        runtime.shutdown_background();
        served
    }
}

/// A socket that listens on an address.
fn listening(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this would let others take the address.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Closes the queue when it is dropped, so that the workers end whatever happens.
struct Closed<'q>(&'q Queue);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Says that the server stops, once it does.
async fn told(state: Arc<State>, mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_ok() {
        state.stopping.store(true, Ordering::Relaxed);
        state.log.line("info", "stopping", json!({}));
    }
}
