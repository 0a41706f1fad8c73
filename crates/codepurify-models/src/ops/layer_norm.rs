//! Layer normalisation over the last dimension.

use candle_core::{D, Result, Shape, Tensor};
use rten_simd::SimdOp;
use rten_vecmath::{Sum, SumSquareSub};

use super::known::with_gradient;
use super::operation::{Input, Op, Operation, Output, computed};
use super::{column_sums, fill_rows, ordered_sum};

/// `(x − mean) / sqrt(variance + eps) · weight + bias`, each row of the last dimension for itself.
///
/// `weight` and `bias` have the width of the last dimension of `x`.
///
/// # Errors
/// If the shapes do not fit or a tensor is not contiguous `f32`.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    let width = x.dim(candle_core::D::Minus1)?;
    if weight.dims() != [width] || bias.dims() != [width] {
        candle_core::bail!(
            "layer norm of width {width} with weight {:?}, bias {:?}",
            weight.dims(),
            bias.dims()
        );
    }
    if x.device().is_cpu() {
        return x.apply_op3(weight, bias, Op(LayerNorm { eps }));
    }
    composed(x, weight, bias, eps)
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    if ![x, weight, bias].iter().any(|input| input.track_op()) {
        // A single kernel, which has no gradient: none is asked for.
        return candle_nn::ops::layer_norm(x, weight, bias, eps);
    }
    let (rows, scales) = (x.detach(), weight.detach());
    let centred = rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?;
    let scale = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?.recip()?;
    let normal = centred.broadcast_mul(&scale)?;
    let value = normal.broadcast_mul(&scales)?.broadcast_add(&bias.detach())?;
    with_gradient(&[x, weight, bias], value, move |gradient| {
        let of_weight = column_sums(&(gradient * &normal)?)?;
        let gradients = gradient.broadcast_mul(&scales)?;
        let dot = (&gradients * &normal)?.mean_keepdim(D::Minus1)?;
        let off = normal.broadcast_mul(&dot)?.broadcast_add(&gradients.mean_keepdim(D::Minus1)?)?;
        let of_x = (gradients - off)?.broadcast_mul(&scale)?;
        Ok(vec![of_x, of_weight, column_sums(gradient)?])
    })
}

struct LayerNorm {
    eps: f32,
}

/// Mean and 1 / standard deviation of a row.
fn moments(row: &[f32], eps: f32) -> (f32, f32) {
    let count = row.len() as f32;
    let mean = Sum::new(row).dispatch() / count;
    let variance = SumSquareSub::new(row, mean).dispatch() / count;
    (mean, (variance + eps).sqrt().recip())
}

/// Applies [`layer_norm`] to rows in place.
pub(super) fn normalise(rows: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    for row in rows.chunks_mut(weight.len()) {
        let (mean, scale) = moments(row, eps);
        for ((value, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
            *value = (*value - mean) * scale * weight + bias;
        }
    }
}

impl Operation<3> for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn forward(&self, [x, weight, bias]: [Input<'_>; 3]) -> Result<Output> {
        let (weight, bias) = (weight.values, bias.values);
        let result = fill_rows(x.values, weight.len(), |_, rows| normalise(rows, weight, bias, self.eps));
        Ok((result, x.shape.clone()))
    }

    fn backward(
        &self,
        [x, weight, _]: [&Tensor; 3],
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let of_x = computed("layer-norm-input-gradient", |inputs| self.input_gradient(inputs));
        let of_scales = computed("layer-norm-scale-gradient", |inputs| self.scale_gradient(inputs));
        let scales = x.apply_op2_no_bwd(gradient, &of_scales)?;
        let dx = x.apply_op3_no_bwd(weight, gradient, &of_x)?;
        Ok([Some(dx), Some(scales.get(0)?), Some(scales.get(1)?)])
    }
}

impl LayerNorm {
    /// d loss / d x: with ĝ = g · weight and x̂ the normalised row, `scale · (ĝ − mean(ĝ) − x̂ · mean(ĝ x̂))`.
    fn input_gradient(&self, [x, weight, g]: [Input<'_>; 3]) -> Output {
        let width = weight.values.len();
        let result = fill_rows(g.values, width, |first, rows| {
            for (at, row) in rows.chunks_mut(width).enumerate() {
                let x = &x.values[(first + at) * width..(first + at + 1) * width];
                let (mean, scale) = moments(x, self.eps);
                let (mut sum, mut dot) = (0.0, 0.0);
                for ((g, weight), x) in row.iter_mut().zip(weight.values).zip(x) {
                    *g *= weight;
                    sum += *g;
                    dot += *g * (x - mean);
                }
                let (sum, dot) = (sum / width as f32, dot * scale * scale / width as f32);
                for (g, x) in row.iter_mut().zip(x) {
                    *g = scale * (*g - sum - (x - mean) * dot);
                }
            }
        });
        (result, x.shape.clone())
    }

    /// `[2, width]`: d loss / d weight (Σ g x̂ over the rows) and d loss / d bias (Σ g).
    fn scale_gradient(&self, [x, g]: [Input<'_>; 2]) -> Output {
        let width = x.width();
        let start = vec![0.0; 2 * width];
        let total = ordered_sum(x.values, g.values, width, start, |x, g| self.sum_rows(x, g, width));
        (total, Shape::from((2, width)))
    }

    fn sum_rows(&self, x: &[f32], g: &[f32], width: usize) -> Vec<f32> {
        let mut sums = vec![0.0; 2 * width];
        let (weight, bias) = sums.split_at_mut(width);
        for (x, g) in x.chunks(width).zip(g.chunks(width)) {
            let (mean, scale) = moments(x, self.eps);
            for (((weight, bias), x), g) in weight.iter_mut().zip(bias.iter_mut()).zip(x).zip(g) {
                *weight += g * (x - mean) * scale;
                *bias += g;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, close, ramp, same};
    use candle_core::Device;

    #[test]
    fn rows_have_mean_zero_and_variance_one() {
        let (one, zero) = (
            Tensor::ones(6, candle_core::DType::F32, &Device::Cpu).unwrap(),
            ramp(&[6]).zeros_like().unwrap(),
        );
        let y = layer_norm(&ramp(&[40, 6]), &one, &zero, 1e-9).unwrap();
        let mean = y.mean(D::Minus1).unwrap().to_vec1::<f32>().unwrap();
        let square = y.sqr().unwrap().mean(D::Minus1).unwrap().to_vec1::<f32>().unwrap();
        assert!(mean.iter().all(|mean| mean.abs() < 1e-5), "{mean:?}");
        assert!(square.iter().all(|square| (square - 1.0).abs() < 1e-4), "{square:?}");
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let target = ramp(&[3, 8]);
        check(&[(ramp(&[3, 8]) * 2.0).unwrap(), ramp(&[8]), ramp(&[8])], |x| {
            layer_norm(&x[0], &x[1], &x[2], 1e-5)?.mul(&target)?.sum_all()
        });
    }

    #[test]
    fn the_composed_form_is_the_same() {
        let inputs = [((ramp(&[40, 8]) * 2.0).unwrap() + 3.0).unwrap(), ramp(&[8]), ramp(&[8])];
        same(&inputs, |x| layer_norm(&x[0], &x[1], &x[2], 1e-5), |x| composed(&x[0], &x[1], &x[2], 1e-5));
        let [x, weight, bias] = &inputs;
        let without_gradient = composed(x, weight, bias, 1e-5).unwrap();
        close(&without_gradient, &layer_norm(x, weight, bias, 1e-5).unwrap(), "without a gradient");
    }
}
