//! Log lines, JSON objects, written by a thread of their own: who does not read them stops no request.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Lines that wait to be written.
const WAITING: usize = 4096;
/// Time for the last lines.
const LAST: Duration = Duration::from_secs(1);

/// The log of a server.
pub(crate) struct Log {
    lines: Mutex<Option<SyncSender<String>>>,
    done: Mutex<Receiver<()>>,
    lost: AtomicU64,
}

impl Log {
    /// A log to `out`.
    pub(crate) fn to(mut out: impl Write + Send + 'static) -> Self {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        let (end, done) = sync_channel(1);
        std::thread::spawn(move || {
            for line in waiting {
                // Where nobody reads, nothing can be said.
                let _ = out.write_all(line.as_bytes());
            }
            let _ = out.flush();
            let _ = end.send(());
        });
        Self { lines: Mutex::new(Some(lines)), done: Mutex::new(done), lost: AtomicU64::new(0) }
    }

    /// Writes a line with these fields and the time in seconds since 1970. `fields` is an object.
    pub(crate) fn line(&self, level: &str, message: &str, fields: Value) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = json!({ "time": now.as_secs_f64(), "level": level, "message": message });
        if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
            line.extend(fields);
        }
        let lines = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let sent = lines.as_ref().map(|lines| lines.try_send(format!("{line}\n")));
        if matches!(sent, Some(Err(TrySendError::Full(_)))) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Number of lines that were lost, since those before them were not read.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits, unless nobody reads it.
    pub(crate) fn finish(&self) {
        drop(self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        let done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = done.recv_timeout(LAST);
    }
}
