//! Integrated gradients (Sundararajan et al. 2017) over the word embeddings.

use std::ops::Range;

use candle_core::{Device, Tensor, Var};
use codepurify_attacks::data::report::Sample;
use codepurify_models::ops::Rows;

use super::body::QueriedOutput;
use super::{BATCH_TOKENS, WhiteBox, WhiteBoxError, in_row, spread};
use crate::baseline::BaselineError;
use crate::baseline::code_detector::TokenAttribution;
use crate::train::workers::Workers;

/// Default number of steps of the path; the port of `CodeDetector` takes 50.
pub const STEPS: usize = 20;

/// Contribution of each token of a row to the evidence for an output.
///
/// The evidence is the log-odds of a class, or the mean log-likelihood of a text's tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// For each text of the row, one number per token that the victim sees, without special tokens.
    pub tokens: Vec<Vec<f64>>,
    /// Evidence for the row's output.
    pub evidence: f64,
    /// Evidence minus that of unknown tokens in place of the row's; with enough steps the
    /// attributions sum to it.
    pub gain: f64,
}

impl WhiteBox {
    /// Attributes the evidence for a row's output to its tokens, by the midpoint rule over `steps`
    /// ≥ 1 points.
    ///
    /// The path goes from the unknown token in every place to the row; special tokens stay. It does
    /// not begin at zero embeddings, as is common. A T5 normalises lengths, so its prediction
    /// changes abruptly near zero and no number of steps suffices.
    ///
    /// # Errors
    /// [`WhiteBoxError`] if the row has another task, or the model fails or returns values that are
    /// not finite.
    pub fn attribution(&self, row: &impl Sample, steps: usize) -> Result<Attribution, WhiteBoxError> {
        let input = self.framed(&row.texts())?;
        let target = self.target(row.answer())?;
        let start = self.content_start();
        let unknown = self.reading.tokenizer.special().unknown;
        let hidden = |row: &Vec<u32>| {
            let mut row = row.clone();
            let end = row.len() - 1;
            row[start..end].fill(unknown);
            row
        };
        let from = self.body.words(&input.iter().map(hidden).collect::<Vec<_>>())?;
        let path = Path { from: from.clone(), step: (self.body.words(&input)? - from)? };
        let sums = self.integrate(&input, &path, &target, steps.max(1))?;
        let ends = self.evidence_at(&input, &path, &target, &[0.0, 1.0])?.to_vec1::<f32>()?;
        let rows = Rows::of_lengths(input.iter().map(Vec::len));
        let content = |row: Range<usize>| &sums[row.start + start..row.end - 1];
        let tokens: Vec<Vec<f64>> =
            rows.ranges().map(|row| content(row).iter().map(|&value| f64::from(value)).collect()).collect();
        let evidence = f64::from(ends[1]);
        let attribution = Attribution { tokens, evidence, gain: evidence - f64::from(ends[0]) };
        let finite = attribution.gain.is_finite()
            && attribution.tokens.iter().flatten().all(|value| value.is_finite());
        if finite { Ok(attribution) } else { Err(WhiteBoxError::NotFinite) }
    }

    /// Returns the mean gradient along the path, times the path, summed over the dimensions: one
    /// number per position.
    fn integrate(
        &self,
        input: &[Vec<u32>],
        path: &Path,
        target: &QueriedOutput,
        steps: usize,
    ) -> Result<Vec<f32>, WhiteBoxError> {
        let points: Vec<f32> = (0..steps).map(|step| (step as f32 + 0.5) / steps as f32).collect();
        let (positions, hidden) = path.step.dims2()?;
        let together = (BATCH_TOKENS / (positions + target.content().len())).max(1);
        let mut total = path.step.zeros_like()?;
        for points in points.chunks(together) {
            let words = Var::from_tensor(&path.at(points)?)?;
            let gradients = self.evidence(input, &words, target, points.len())?.sum_all()?.backward()?;
            if let Some(gradient) = gradients.get(&words) {
                total = (total + gradient.reshape((points.len(), positions, hidden))?.sum(0)?)?;
            }
        }
        Ok(((total * &path.step)?.sum(1)? / steps as f64)?.to_vec1()?)
    }

    fn evidence_at(
        &self,
        input: &[Vec<u32>],
        path: &Path,
        target: &QueriedOutput,
        points: &[f32],
    ) -> Result<Tensor, WhiteBoxError> {
        self.evidence(input, &path.at(points)?, target, points.len())
    }

    /// Returns the evidence for the target in `copies` copies of an input, each with its own word
    /// embeddings.
    fn evidence(
        &self,
        input: &[Vec<u32>],
        words: &Tensor,
        target: &QueriedOutput,
        copies: usize,
    ) -> Result<Tensor, WhiteBoxError> {
        let rows: Vec<Vec<u32>> = input.iter().cloned().cycle().take(copies * input.len()).collect();
        Ok(self.body.evidence(&rows, words, target)?)
    }
}

/// Straight path between embeddings, `[positions, hidden]` both.
struct Path {
    from: Tensor,
    step: Tensor,
}

impl Path {
    /// Returns the points at these shares of the path, concatenated.
    fn at(&self, shares: &[f32]) -> candle_core::Result<Tensor> {
        let (positions, hidden) = self.step.dims2()?;
        let shares = Tensor::from_slice(shares, (shares.len(), 1, 1), &Device::Cpu)?;
        let points =
            shares.broadcast_mul(&self.step.unsqueeze(0)?)?.broadcast_add(&self.from.unsqueeze(0)?)?;
        points.reshape((shares.dim(0)? * positions, hidden))
    }
}

/// Attributions of training rows for `CodeDetector`; the tokens of a pair are concatenated.
pub struct IntegratedGradients<'a, S> {
    /// Model trained on the rows.
    pub victim: &'a WhiteBox,
    /// All training rows.
    pub rows: &'a [S],
    /// Number of points on the path.
    pub steps: usize,
    /// Threads to work on.
    pub workers: &'a Workers,
}

impl<S: Sample + Sync> TokenAttribution for IntegratedGradients<'_, S> {
    fn attributions(&self, rows: &[usize]) -> Result<Vec<Vec<f64>>, BaselineError> {
        let of_row = |at: usize| {
            let row = rows[at];
            in_row(row, self.victim.attribution(&self.rows[row], self.steps))
                .map(|found| found.tokens.concat())
        };
        Ok(spread(self.workers, rows.len(), of_row)?)
    }
}
