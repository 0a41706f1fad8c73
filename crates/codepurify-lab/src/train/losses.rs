//! Loss of the parts of a batch that pass through the network together.

use candle_core::{Result, Tensor};
use candle_nn::loss;
use codepurify_models::ops;

/// Returns the sum over parts of their mean cross-entropy times their share, a scalar.
///
/// `logits` are `[labels, classes]`; `parts` holds the number of labels and the share of each part,
/// in order.
pub(super) fn cross_entropy(logits: &Tensor, labels: &[u32], parts: &[(usize, f64)]) -> Result<Tensor> {
    if let [(_, share)] = parts {
        let labels = Tensor::from_slice(labels, labels.len(), logits.device())?;
        return loss::cross_entropy(logits, &labels)? * *share;
    }
    let weights = parts
        .iter()
        .flat_map(|&(count, share)| std::iter::repeat_n((share / count.max(1) as f64) as f32, count));
    ops::cross_entropy(logits, labels, &weights.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn parts_together_give_the_sum_of_their_losses() {
        let logits =
            Tensor::new(&[[1.0f32, -2.0, 0.5], [0.0, 3.0, 1.0], [2.0, 2.0, -1.0]], &Device::Cpu).unwrap();
        let value = |loss: Result<Tensor>| loss.unwrap().to_scalar::<f32>().unwrap();
        let first = cross_entropy(&logits.narrow(0, 0, 2).unwrap(), &[2, 0], &[(2, 0.7)]);
        let second = cross_entropy(&logits.narrow(0, 2, 1).unwrap(), &[1], &[(1, 0.3)]);
        let together = value(cross_entropy(&logits, &[2, 0, 1], &[(2, 0.7), (1, 0.3)]));
        assert!((value(first) + value(second) - together).abs() < 1e-6, "{together}");
    }
}
