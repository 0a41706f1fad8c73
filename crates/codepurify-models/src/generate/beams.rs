//! Beam search in the two dialects.

use super::log_normalizer;
use super::search::{Continuation, Search};
use crate::masked_lm::best;

/// Tokens with their score: the sum of their log-probabilities.
#[derive(Debug, Clone, Default)]
struct Hypothesis {
    tokens: Vec<u32>,
    score: f32,
}

/// A hypothesis that is one token longer than its parent.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    continuation: Continuation,
    score: f32,
}

impl Candidate {
    fn grown_from(&self, live: &[Hypothesis]) -> Hypothesis {
        let Continuation { parent, token } = self.continuation;
        Hypothesis { tokens: [&live[parent].tokens[..], &[token]].concat(), score: self.score }
    }
}

/// The `count` best continuations of all live hypotheses, best first; among equals the first parent, then the smaller
/// token.
fn candidates(live: &[Hypothesis], logits: &[&[f32]], count: usize) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    for (parent, (hypothesis, row)) in live.iter().zip(logits).enumerate() {
        let normalizer = log_normalizer(row);
        all.extend(best(row, count).into_iter().map(|logit| {
            let log_probability = (f64::from(logit.log_probability) - normalizer) as f32;
            let continuation = Continuation { parent, token: logit.id };
            Candidate { continuation, score: hypothesis.score + log_probability }
        }));
    }
    // Stable: among equals the first stays first.
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all.truncate(count);
    all
}

/// Beam search of transformers with a length penalty of 1 and without early stopping.
///
/// A step looks at twice as many candidates as there are beams. Of the better half those that end are finished, with
/// their mean log-probability as score; the best that do not end live on. The search is over when the best live mean
/// does not exceed the worst of a full list of finished ones, or at the limit, where everything counts as finished.
pub(super) struct TransformersBeams {
    beams: usize,
    steps: usize,
    end: u32,
    step: usize,
    live: Vec<Hypothesis>,
    /// Best first.
    finished: Vec<Hypothesis>,
}

impl TransformersBeams {
    pub(super) fn new(beams: usize, steps: usize, end: u32) -> Self {
        Self { beams, steps, end, step: 0, live: vec![Hypothesis::default()], finished: Vec::new() }
    }

    fn is_over(&self) -> bool {
        let mean = self.live.first().map(|best| best.score / self.step as f32);
        let hopeless = self.finished.len() == self.beams
            && self.finished.last().zip(mean).is_none_or(|(worst, mean)| mean <= worst.score);
        self.step == self.steps || self.live.is_empty() || hopeless
    }
}

impl Search for TransformersBeams {
    fn advance(&mut self, logits: &[&[f32]]) -> Vec<Continuation> {
        self.step += 1;
        let mut alive = Vec::new();
        for (rank, candidate) in candidates(&self.live, logits, 2 * self.beams).into_iter().enumerate() {
            let ends = candidate.continuation.token == self.end || self.step == self.steps;
            if ends && rank < self.beams {
                let mut hypothesis = candidate.grown_from(&self.live);
                hypothesis.score /= self.step as f32;
                self.finished.push(hypothesis);
            } else if !ends && alive.len() < self.beams {
                alive.push(candidate);
            }
        }
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.finished.truncate(self.beams);
        self.live = alive.iter().map(|candidate| candidate.grown_from(&self.live)).collect();
        if self.is_over() { Vec::new() } else { alive.iter().map(|alive| alive.continuation).collect() }
    }

    fn answer(&self) -> Vec<u32> {
        answer(self.finished.first(), self.end)
    }
}

/// Beam search of the CodeXGLUE scripts.
///
/// A step keeps as many candidates as there are beams; those that end leave their beams empty. The search is over when
/// as many have finished as there are beams and the best candidate of any step was a finished one, or at the limit. The
/// answer is the finished hypothesis with the largest sum of log-probabilities; only if there is none, the best live
/// one.
pub(super) struct ScriptBeams {
    beams: usize,
    steps: usize,
    end: u32,
    step: usize,
    live: Vec<Hypothesis>,
    finished: usize,
    best_finished: Option<Hypothesis>,
    /// True once the best candidate of a step was a finished one.
    top_finished: bool,
}

impl ScriptBeams {
    pub(super) fn new(beams: usize, steps: usize, end: u32) -> Self {
        Self {
            beams,
            steps,
            end,
            step: 0,
            live: vec![Hypothesis::default()],
            finished: 0,
            best_finished: None,
            top_finished: false,
        }
    }
}

impl Search for ScriptBeams {
    fn advance(&mut self, logits: &[&[f32]]) -> Vec<Continuation> {
        self.step += 1;
        let grown = candidates(&self.live, logits, self.beams);
        let ends = |candidate: &Candidate| candidate.continuation.token == self.end;
        self.top_finished |= grown.first().is_some_and(ends);
        let (ended, alive): (Vec<Candidate>, Vec<Candidate>) = grown.into_iter().partition(ends);
        self.finished += ended.len();
        for candidate in ended {
            if self.best_finished.as_ref().is_none_or(|best| candidate.score > best.score) {
                self.best_finished = Some(candidate.grown_from(&self.live));
            }
        }
        self.live = alive.iter().map(|candidate| candidate.grown_from(&self.live)).collect();
        let done = self.top_finished && self.finished >= self.beams;
        if done || self.step == self.steps {
            return Vec::new();
        }
        alive.iter().map(|alive| alive.continuation).collect()
    }

    fn answer(&self) -> Vec<u32> {
        answer(self.best_finished.as_ref().or(self.live.first()), self.end)
    }
}

/// The tokens before the end token.
fn answer(best: Option<&Hypothesis>, end: u32) -> Vec<u32> {
    let tokens = best.map(|best| best.tokens.as_slice()).unwrap_or_default();
    tokens.strip_suffix(&[end]).unwrap_or(tokens).to_vec()
}
