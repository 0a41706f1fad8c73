//! Signals: SIGTERM and SIGINT stop the server, SIGHUP lets it read its keys again.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use crate::state::State;

/// Watches signals on a task of its own.
#[cfg(unix)]
pub(crate) fn watch(state: Arc<State>, stop: watch::Sender<bool>) -> io::Result<()> {
    use serde_json::json;
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => { stop.send_replace(true); }
                _ = interrupt.recv() => { stop.send_replace(true); }
                _ = hang_up.recv() => match state.keys.reload() {
                    Ok(keys) => state.log.line("info", "keys read", json!({ "keys": keys })),
                    Err(error) => {
                        let fields = json!({ "error": error.to_string() });
                        state.log.line("error", "keys not read: the old ones hold", fields);
                    }
                },
            }
        }
    });
    Ok(())
}

/// Watches Ctrl-C on a task of its own.
#[cfg(not(unix))]
pub(crate) fn watch(_: Arc<State>, stop: watch::Sender<bool>) -> io::Result<()> {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.send_replace(true);
        }
    });
    Ok(())
}
