//! Takes rows that wait, of any requests, and judges them together.

use std::panic::{AssertUnwindSafe, catch_unwind};

use codepurify::verdict::Verdict;
use codepurify::{ModelError, Snippet};

use crate::guard::{Guard, Scores, Sides};
use crate::metrics::Metrics;
use crate::queue::{Job, Judgement, Queue};

/// Judges rows until the queue is closed. A batch is what waits, up to `budget` tokens: nobody waits for it to fill.
pub(crate) fn work(guard: &dyn Guard, queue: &Queue, metrics: &Metrics, budget: usize) {
    while let Some(first) = queue.next() {
        let mut tokens = guard.tokens(&first.row).max(1);
        let mut batch = vec![first];
        while tokens < budget
            && let Some(job) = queue.try_next()
        {
            tokens += guard.tokens(&job.row).max(1);
            batch.push(job);
        }
        metrics.batch(batch.len(), tokens);
        let (with_evidence, without): (Vec<Job>, Vec<Job>) =
            batch.into_iter().partition(|job| job.wanted.evidence);
        for (jobs, evidence) in [(with_evidence, true), (without, false)] {
            if !jobs.is_empty() {
                answer(guard, metrics, jobs, evidence);
            }
        }
    }
}

fn answer(guard: &dyn Guard, metrics: &Metrics, mut jobs: Vec<Job>, evidence: bool) {
    let rows: Vec<Vec<Snippet>> = jobs.iter_mut().map(|job| std::mem::take(&mut job.row)).collect();
    let failed = || rows.iter().map(|row| row.iter().map(|_| Err(PANIC)).collect()).collect();
    let judged = shielded(|| guard.judge(&rows, evidence)).unwrap_or_else(failed);
    for verdict in judged.iter().flatten() {
        metrics.verdict(verdict.as_ref().ok().map(|verdict| verdict.verdict));
    }
    let wanted = || jobs.iter().zip(rows.iter().zip(&judged)).filter(|(job, _)| job.wanted.scores);
    let texts: Vec<Vec<String>> = wanted().map(|(_, (row, sides))| purified(row, sides)).collect();
    let mut scores = if texts.is_empty() { Vec::new() } else { scores(guard, &texts) }.into_iter();
    for (job, sides) in jobs.into_iter().zip(judged) {
        let scores = if job.wanted.scores { scores.next() } else { None };
        // A client that left does not care.
        let _ = job.answer.send(Judgement { sides, scores });
    }
}

/// Error of rows at which the program panics.
const PANIC: ModelError = ModelError::Internal("a panic");

fn scores(guard: &dyn Guard, texts: &[Vec<String>]) -> Vec<Result<Scores, ModelError>> {
    let failed = || Some(texts.iter().map(|_| Err(PANIC)).collect());
    shielded(|| guard.scores(texts)).unwrap_or_else(failed).unwrap_or_default()
}

/// The texts of a row after purification.
fn purified(row: &[Snippet], sides: &Sides) -> Vec<String> {
    let new = |verdict: &Result<Verdict, ModelError>| verdict.as_ref().ok()?.purified.clone();
    let side = |(snippet, verdict): (&Snippet, _)| new(verdict).unwrap_or_else(|| snippet.text().to_owned());
    row.iter().zip(sides).map(side).collect()
}

fn shielded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
