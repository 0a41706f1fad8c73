//! How likely given targets are, under teacher forcing.

use std::ops::Range;

use codepurify::error::ModelError;

use super::{StepDecoder, finite, log_normalizer, runtime};
use crate::ops::Rows;
use crate::tokenizer::SpecialIds;

/// A target as it is fed and what is to follow each token.
///
/// Targets are framed as sources are, `<s> target </s>`. Where the decoder starts with another token than `<s>` (T5:
/// with padding), `<s>` is part of what is fed, but its own likelihood says nothing about the target and is left out.
#[derive(Debug)]
pub(super) struct ForcedTarget {
    /// The start token first; the end token is not fed.
    pub(super) input: Vec<u32>,
    /// The target and the end token: what follows the last tokens of the input.
    pub(super) labels: Vec<u32>,
}

/// Returns the tokens that the decoder is fed before a target.
pub(super) fn prompt<D: StepDecoder>(decoder: &D, special: SpecialIds) -> Vec<u32> {
    let start = decoder.start_id();
    if start == special.begin { vec![start] } else { vec![start, special.begin] }
}

impl ForcedTarget {
    pub(super) fn new<D: StepDecoder>(decoder: &D, target: &[u32], special: SpecialIds) -> Self {
        Self {
            input: [&prompt(decoder, special), target].concat(),
            labels: [target, &[special.end]].concat(),
        }
    }

    /// The label that follows the input token `at`, if it counts.
    fn label(&self, at: usize) -> Option<u32> {
        let first = self.input.len() - self.labels.len();
        self.labels.get(at.checked_sub(first)?).copied()
    }
}

/// Σ ln p of the labels of each target, ≤ 0, given its framed source; in one pass.
pub(super) fn forced<D: StepDecoder>(
    decoder: &D,
    sources: &[Vec<u32>],
    targets: &[&ForcedTarget],
) -> Result<Vec<f64>, ModelError> {
    let inputs: Vec<Vec<u32>> = targets.iter().map(|target| target.input.clone()).collect();
    let logits = decoder.forced(sources, &inputs).map_err(runtime)?;
    let places = Rows::of_lengths(inputs.iter().map(Vec::len));
    let sum = |(tokens, target): (Range<usize>, &&ForcedTarget)| {
        let scored = target.labels.len();
        let rows = logits.narrow(0, tokens.end - scored, scored).map_err(runtime)?;
        let rows = finite(&rows)?;
        let rows = rows.chunks(rows.len() / scored);
        rows.zip(&target.labels).map(|(row, &label)| log_probability(row, label)).sum()
    };
    places.ranges().zip(targets).map(sum).collect()
}

/// Σ ln p of the labels of every target for every framed source, source after source. Goes step by step, so that a
/// source is encoded once for all targets; meant for short ones.
pub(super) fn compared<D: StepDecoder>(
    decoder: &D,
    sources: &[Vec<u32>],
    targets: &[ForcedTarget],
) -> Result<Vec<f64>, ModelError> {
    let mut state = decoder.begin(sources).map_err(runtime)?;
    let repeated = (0..sources.len() as u32).flat_map(|source| targets.iter().map(move |_| source));
    decoder.select(&mut state, &repeated.collect::<Vec<_>>()).map_err(runtime)?;
    let rows = sources.len() * targets.len();
    let mut sums = vec![0.0; rows];
    for at in 0..targets.iter().map(|target| target.input.len()).max().unwrap_or(0) {
        // A target that is over goes on with any token; nothing is read from it any more.
        let fed = |target: &ForcedTarget| target.input.get(at).copied().unwrap_or(decoder.start_id());
        let tokens: Vec<u32> = targets.iter().map(fed).cycle().take(rows).collect();
        let logits = finite(&decoder.step(&mut state, &tokens).map_err(runtime)?)?;
        let logits = logits.chunks(logits.len() / rows);
        for ((sum, row), target) in sums.iter_mut().zip(logits).zip(targets.iter().cycle()) {
            if let Some(label) = target.label(at) {
                *sum += log_probability(row, label)?;
            }
        }
    }
    Ok(sums)
}

/// ln p of one token, ≤ 0.
fn log_probability(logits: &[f32], token: u32) -> Result<f64, ModelError> {
    let Some(&logit) = logits.get(token as usize) else {
        let (token, last) = (token, logits.len().saturating_sub(1));
        return Err(ModelError::output(format!("token {token} has no logit; the last is {last}")));
    };
    Ok((f64::from(logit) - log_normalizer(logits)).min(0.0))
}
