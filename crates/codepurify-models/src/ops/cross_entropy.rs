//! The loss of classifiers and language models.

use candle_core::{D, Result, Tensor};

use super::known::with_gradient;

/// `Σ wᵢ · (−ln p(labelᵢ))` over the rows of `logits`, `[rows, classes]`; a scalar. The weights get no gradient.
///
/// # Errors
/// If there is not one label and one weight a row, or the tensor runtime fails.
pub fn cross_entropy(logits: &Tensor, labels: &[u32], weights: &[f32]) -> Result<Tensor> {
    let (rows, _) = logits.dims2()?;
    if labels.len() != rows || weights.len() != rows {
        candle_core::bail!("{} labels and {} weights for {rows} rows", labels.len(), weights.len());
    }
    let column = |values: Tensor| values.reshape((rows, 1));
    let labels = column(Tensor::from_slice(labels, rows, logits.device())?)?;
    let weights = column(Tensor::from_slice(weights, rows, logits.device())?)?;
    let x = logits.detach();
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?)?;
    let powers = shifted.exp()?;
    let total = powers.sum_keepdim(D::Minus1)?;
    let losses = (total.log()? - shifted.gather(&labels, 1)?)?;
    let value = (losses * &weights)?.sum_all()?;
    with_gradient(&[logits], value, move |gradient| {
        let weights = weights.broadcast_mul(gradient)?;
        let of_all = powers.broadcast_mul(&(&weights / &total)?)?;
        Ok(vec![of_all.scatter_add(&labels, &weights.neg()?, 1)?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp, same};

    #[test]
    fn equal_weights_give_the_mean() {
        let labels = Tensor::new(&[3u32, 0, 3], &candle_core::Device::Cpu).unwrap();
        let logits = (ramp(&[3, 5]) * 4.0).unwrap();
        let ours = |x: &[Tensor]| cross_entropy(&x[0], &[3, 0, 3], &[1.0 / 3.0; 3]);
        same(&[logits], ours, |x| candle_nn::loss::cross_entropy(&x[0], &labels));
    }

    #[test]
    fn gradient_equals_finite_differences() {
        check(&[ramp(&[3, 4])], |x| cross_entropy(&x[0], &[1, 0, 3], &[0.5, 0.0, 1.5]));
        assert!(cross_entropy(&ramp(&[3, 4]), &[1, 0], &[0.5; 3]).is_err());
    }
}
