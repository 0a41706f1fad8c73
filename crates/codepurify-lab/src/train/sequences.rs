//! Teacher forcing: training of an encoder-decoder on sources and targets.

use anyhow::Result;
use candle_core::Tensor;

use codepurify_models::generate::StepDecoder;
use codepurify_models::tokenizer::SpecialIds;

use super::losses::cross_entropy;
use super::workers::Workers;

/// Content tokens of a source and of its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) source: Vec<u32>,
    pub(super) target: Vec<u32>,
}

/// Decoder in training.
pub(super) struct Sequences<D> {
    pub(super) decoder: D,
    pub(super) special: SpecialIds,
}

/// Returns the decoder's tokens: `<s> content </s>`, after its `start` token if that is another
/// than `<s>`.
///
/// All but the last token are inputs, all but the first are learned. An output is decoded from the
/// start token alone, so a T5, which starts with padding, has to learn the `<s>` as well.
/// (`Generator::likelihoods` leaves it out.)
pub(crate) fn target(start: u32, special: SpecialIds, content: &[u32]) -> Vec<u32> {
    let target = special.framed(content);
    if start == special.begin { target } else { [&[start], target.as_slice()].concat() }
}

impl<D: StepDecoder> Sequences<D> {
    fn target(&self, content: &[u32]) -> Vec<u32> {
        target(self.decoder.start_id(), self.special, content)
    }

    /// Returns the number of tokens of both sides, special tokens included.
    pub(super) fn length(&self, source: usize, target: usize) -> usize {
        source + 2 + target + self.target(&[]).len()
    }

    /// Returns the sum over parts of their mean cross-entropy over the learned tokens, in nats,
    /// times their share.
    pub(super) fn loss(&self, parts: Vec<(Vec<Pair>, f64)>) -> candle_core::Result<Tensor> {
        let learned = |pairs: &[Pair]| pairs.iter().map(|pair| self.target(&pair.target).len() - 1).sum();
        let counts: Vec<(usize, f64)> = parts.iter().map(|(pairs, share)| (learned(pairs), *share)).collect();
        let pairs: Vec<Pair> = parts.into_iter().flat_map(|(pairs, _)| pairs).collect();
        let (logits, labels) = self.logits(&pairs)?;
        cross_entropy(&logits, &labels, &counts)
    }

    /// Returns logits, `[tokens, vocabulary]`, of the learned tokens of all pairs, and these
    /// tokens.
    fn logits(&self, pairs: &[Pair]) -> candle_core::Result<(Tensor, Vec<u32>)> {
        let sources: Vec<Vec<u32>> = pairs.iter().map(|pair| self.special.framed(&pair.source)).collect();
        let targets: Vec<Vec<u32>> = pairs.iter().map(|pair| self.target(&pair.target)).collect();
        let inputs: Vec<Vec<u32>> =
            targets.iter().map(|target| target[..target.len() - 1].to_vec()).collect();
        let logits = self.decoder.forced(&sources, &inputs)?;
        let labels: Vec<u32> = targets.iter().flat_map(|target| &target[1..]).copied().collect();
        Ok((logits, labels))
    }

    /// Returns the mean log-likelihood of the learned tokens of all pairs, in nats, at most 0; 0
    /// without pairs.
    pub(super) fn log_likelihood(&self, workers: &Workers, pairs: &[Pair]) -> Result<f64> {
        let groups = groups(pairs);
        let sums = workers.map(groups.len(), |index| {
            let pairs: Vec<Pair> = groups[index].iter().map(|&row| pairs[row].clone()).collect();
            let (logits, labels) = self.logits(&pairs)?;
            let (count, logits) = (labels.len(), logits.detach());
            let loss = cross_entropy(&logits, &labels, &[(count, 1.0)])?;
            Ok((f64::from(loss.to_scalar::<f32>()?) * count as f64, count))
        })?;
        let (loss, count) = sums.into_iter().fold((0.0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
        Ok(-loss / count.max(1) as f64)
    }
}

/// Returns groups of indices of pairs of similar length.
pub(super) fn groups(pairs: &[Pair]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by_key(|&row| pairs[row].source.len() + pairs[row].target.len());
    order.chunks(8).map(<[usize]>::to_vec).collect()
}
