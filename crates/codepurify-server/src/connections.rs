//! Connections: accepted until the server stops, each with limits of time, HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tower::Service;

use crate::patient::Patient;
use crate::state::State;

/// Pause after a connection could not be accepted, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);
/// Time for the first request of a connection that is open when the server stops.
const LAST_REQUEST: Duration = Duration::from_secs(1);
/// Interval of pings on HTTP/2 connections, and time for the answer.
const PING: Duration = Duration::from_secs(20);
/// Requests at the same time on an HTTP/2 connection.
const STREAMS: u32 = 128;
/// Largest head of a request, in bytes.
const HEAD: usize = 64 << 10;

/// Accepts connections until `stop` says so, then waits for those that are open.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    state: Arc<State>,
    stop: watch::Receiver<bool>,
) {
    // Closed once every connection has dropped its end.
    let (open, mut closed) = mpsc::channel::<()>(1);
    let connect = |stream: TcpStream| {
        let (app, state, stop, open) = (app.clone(), Arc::clone(&state), stop.clone(), open.clone());
        tokio::spawn(async move {
            let _counted = state.metrics.connections.count();
            connection(stream, app, &state, stop).await;
            drop(open);
        });
    };
    let mut stopped = stop.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connect(stream),
                Err(error) => {
                    state.log.line("error", "no connection", json!({ "error": error.to_string() }));
                    sleep(PAUSE).await;
                }
            },
            _ = stopped.wait_for(|stop| *stop) => break,
        }
    }
    // Connections that the system has accepted already are not lost.
    while let Poll::Ready(Ok((stream, _))) =
        poll_fn(|context| Poll::Ready(listener.poll_accept(context))).await
    {
        connect(stream);
    }
    drop(listener);
    drop(open);
    if timeout(state.timeouts.grace, closed.recv()).await.is_err() {
        state.log.line("error", "requests were cut off at the end of the grace time", json!({}));
    }
}

/// Serves a connection until its client leaves, is too slow, or the server stops.
async fn connection(stream: TcpStream, app: Router, state: &State, mut stop: watch::Receiver<bool>) {
    let timeouts = &state.timeouts;
    let _ = stream.set_nodelay(true);
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let asked = Arc::clone(&asked);
        service_fn(move |request: hyper::Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            let mut app = app.clone();
            async move {
                Ok::<_, Infallible>(
                    app.call(request.map(Body::new)).await.unwrap_or_else(|never| match never {}),
                )
            }
        })
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(timeouts.head).max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD as u32);
    let connection = builder.serve_connection(TokioIo::new(Patient::new(stream, timeouts.write)), service);
    tokio::pin!(connection);
    // Until its first request a connection has shown nothing: neither a version of HTTP nor a whole head.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(timeouts.head) => if !asked.load(Ordering::Relaxed) { return },
        _ = stop.wait_for(|stop| *stop) => {}
    }
    if !*stop.borrow() {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    if !asked.load(Ordering::Relaxed) {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = sleep(LAST_REQUEST) => if !asked.load(Ordering::Relaxed) { return },
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
