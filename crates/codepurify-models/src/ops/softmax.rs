//! Softmax over attention scores with an additive mask.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::softmax_last_dim;
use rten_simd::SimdOp;
use rten_vecmath::Softmax as SoftmaxKernel;

use super::fill_rows;
use super::known::with_gradient;
use super::operation::{Input, Op, Operation, Output, computed};

/// `softmax(scale · scores + mask)` over the last dimension.
///
/// `scores` is `[batch, heads, queries, keys]`, `mask` is `[batch, keys]` with 0 for a visible key and a very negative
/// number for a hidden one. The mask gets no gradient.
///
/// # Errors
/// If the shapes do not fit or a tensor is not contiguous `f32`.
pub fn masked_softmax(scores: &Tensor, mask: &Tensor, scale: f32) -> Result<Tensor> {
    let (batch, _, _, keys) = scores.dims4()?;
    if mask.dims() != [batch, keys] {
        candle_core::bail!("mask {:?} does not fit scores {:?}", mask.dims(), scores.dims());
    }
    if scores.device().is_cpu() {
        return scores.apply_op2(mask, Op(MaskedSoftmax { scale }));
    }
    composed(scores, mask, scale)
}

fn composed(scores: &Tensor, mask: &Tensor, scale: f32) -> Result<Tensor> {
    let mask = mask.detach().unsqueeze(1)?.unsqueeze(1)?;
    composed_softmax(scores, scale, |scaled| scaled.broadcast_add(&mask))
}

/// `softmax(hide(scale · scores))`, where `hide` adds what has no gradient.
pub(super) fn composed_softmax(
    scores: &Tensor,
    scale: f32,
    hide: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let hidden = hide(&(scores.detach() * f64::from(scale))?)?;
    let weights = softmax_last_dim(&hidden.contiguous()?)?;
    with_gradient(&[scores], weights.clone(), move |gradient| {
        Ok(vec![(through_softmax(&weights, gradient)? * f64::from(scale))?])
    })
}

/// The gradient of weights to that of the scores that they are the softmax of: `w · (g − Σ g w)`.
pub(super) fn through_softmax(weights: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let parts = (weights * gradient)?;
    let sums = parts.sum_keepdim(D::Minus1)?;
    parts - weights.broadcast_mul(&sums)?
}

struct MaskedSoftmax {
    scale: f32,
}

impl Operation<2> for MaskedSoftmax {
    fn name(&self) -> &'static str {
        "masked-softmax"
    }

    fn forward(&self, [scores, mask]: [Input<'_>; 2]) -> Result<Output> {
        let (_, heads, queries, keys) = scores.shape.dims4()?;
        let result = fill_rows(scores.values, keys, |first, rows| {
            for (at, row) in rows.chunks_mut(keys).enumerate() {
                let item = (first + at) / (heads * queries);
                for (score, hidden) in row.iter_mut().zip(&mask.values[item * keys..(item + 1) * keys]) {
                    *score = *score * self.scale + hidden;
                }
                SoftmaxKernel::new_mut(row).dispatch();
            }
        });
        Ok((result, scores.shape.clone()))
    }

    fn backward(&self, _: [&Tensor; 2], y: &Tensor, gradient: &Tensor) -> Result<[Option<Tensor>; 2]> {
        Ok([Some(scores_gradient(y, gradient, self.scale)?), None])
    }
}

/// `scale · y · (g − Σ g y)` a row: the gradient of the scores of which `y` is the softmax.
pub(super) fn scores_gradient(y: &Tensor, gradient: &Tensor, scale: f32) -> Result<Tensor> {
    let forward = |[y, g]: [Input<'_>; 2]| {
        let width = y.width();
        let result = fill_rows(g.values, width, |first, rows| {
            for (at, row) in rows.chunks_mut(width).enumerate() {
                let start = (first + at) * width;
                let y = &y.values[start..start + width];
                let mean: f32 = row.iter().zip(y).map(|(g, y)| g * y).sum();
                for (g, y) in row.iter_mut().zip(y) {
                    *g = scale * y * (*g - mean);
                }
            }
        });
        (result, y.shape.clone())
    };
    y.apply_op2_no_bwd(gradient, &computed("softmax-gradient", forward))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp, same};
    use candle_core::Device;

    #[test]
    fn hidden_keys_get_no_weight_and_rows_sum_to_one() {
        let mask = Tensor::new(&[[0.0f32, 0.0, f32::MIN], [0.0, f32::MIN, f32::MIN]], &Device::Cpu).unwrap();
        let y = masked_softmax(&ramp(&[2, 2, 2, 3]), &mask, 0.5).unwrap();
        let sums = y.sum(D::Minus1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{sums:?}");
        let y = y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(y[..12].chunks(3).all(|row| row[2] == 0.0), "{y:?}");
        assert!(y[12..].chunks(3).all(|row| row == [1.0, 0.0, 0.0]), "{y:?}");
    }

    #[test]
    fn gradient_equals_finite_differences() {
        let mask = Tensor::new(&[[0.0f32, 0.0, 0.0, f32::MIN], [0.0; 4]], &Device::Cpu).unwrap();
        let weights = ramp(&[2, 1, 3, 4]);
        check(&[ramp(&[2, 1, 3, 4])], |x| masked_softmax(&x[0], &mask, 0.7)?.mul(&weights)?.sum_all());
    }

    #[test]
    fn the_composed_form_is_the_same() {
        let mask = Tensor::new(&[[0.0f32, 0.0, 0.0, f32::MIN], [f32::MIN; 4]], &Device::Cpu).unwrap();
        let inputs = [ramp(&[2, 2, 3, 4])];
        same(&inputs, |x| masked_softmax(&x[0], &mask, 0.7), |x| composed(&x[0], &mask, 0.7));
    }
}
