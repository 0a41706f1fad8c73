//! Rows that wait to be judged: bounded, in order of arrival, and freed when their client leaves.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use codepurify::{ModelError, Snippet};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::guard::{Scores, Sides};

/// Rows that wait, of all requests.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Told when there are rows, and when the queue is closed.
    changed: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Number of the next request.
    next: u64,
    closed: bool,
    /// Rows that were dropped, since nobody waits for them any more.
    dropped: u64,
}

/// A row to be judged.
pub(crate) struct Job {
    request: u64,
    pub(crate) row: Vec<Snippet>,
    pub(crate) wanted: Wanted,
    pub(crate) answer: oneshot::Sender<Judgement>,
    deadline: Instant,
}

/// Extent of an answer besides the verdicts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Evidence of every candidate.
    pub(crate) evidence: bool,
    /// Scores of all classes for the purified code.
    pub(crate) scores: bool,
}

/// Answer to a job.
pub(crate) struct Judgement {
    pub(crate) sides: Sides,
    /// Scores for the purified row, if they were wanted and the model has some.
    pub(crate) scores: Option<Result<Scores, ModelError>>,
}

/// There is no room for the rows of a request.
#[derive(Debug, Error)]
#[error("{waiting} snippets wait already, and there is room for {capacity}: try again later")]
pub(crate) struct QueueFull {
    waiting: usize,
    capacity: usize,
}

/// The rows of one request. When it is dropped, those that still wait leave the queue.
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    request: u64,
    answers: Vec<oneshot::Receiver<Judgement>>,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), capacity }
    }

    /// Adds all rows of a request, or none. A request with more rows than fit is alone in the queue.
    pub(crate) fn submit(
        self: &Arc<Self>,
        rows: Vec<Vec<Snippet>>,
        wanted: Wanted,
        deadline: Instant,
    ) -> Result<Ticket, QueueFull> {
        let mut state = self.state();
        let waiting = state.waiting.len();
        if waiting > 0 && waiting + rows.len() > self.capacity {
            return Err(QueueFull { waiting, capacity: self.capacity });
        }
        let request = state.next;
        state.next += 1;
        let mut answers = Vec::with_capacity(rows.len());
        for row in rows {
            let (answer, receiver) = oneshot::channel();
            answers.push(receiver);
            state.waiting.push_back(Job { request, row, wanted, answer, deadline });
        }
        drop(state);
        self.changed.notify_all();
        Ok(Ticket { queue: Arc::clone(self), request, answers })
    }

    /// The next row that somebody waits for, or `None` if there is none.
    pub(crate) fn try_next(&self) -> Option<Job> {
        self.state().pop()
    }

    /// As [`Queue::try_next`], but waits for a row; `None` once the queue is closed and empty.
    pub(crate) fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.pop() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets those that wait for rows go once there are none.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Number of rows that wait.
    pub(crate) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// Number of rows that were dropped so far, since nobody waited for them any more.
    pub(crate) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self) -> Option<Job> {
        while let Some(job) = self.waiting.pop_front() {
            if !job.answer.is_closed() && Instant::now() < job.deadline {
                return Some(job);
            }
            self.dropped += 1;
        }
        None
    }
}

impl Ticket {
    /// The answers to all rows, in order.
    pub(crate) async fn answers(mut self) -> Vec<Judgement> {
        let mut judgements = Vec::with_capacity(self.answers.len());
        for answer in std::mem::take(&mut self.answers) {
            let lost = |_| Judgement {
                sides: vec![Err(ModelError::Internal("a row without an answer"))],
                scores: None,
            };
            judgements.push(answer.await.unwrap_or_else(lost));
        }
        judgements
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let before = state.waiting.len();
        state.waiting.retain(|job| job.request != self.request);
        state.dropped += (before - state.waiting.len()) as u64;
    }
}
