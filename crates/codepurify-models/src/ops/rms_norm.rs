//! Root-mean-square normalisation over the last dimension: T5's layer norm.

use candle_core::{D, Result, Shape, Tensor};
use rten_simd::SimdOp;
use rten_vecmath::{Normalize, NormalizeOptions, SumSquare};

use super::known::with_gradient;
use super::operation::{Input, Op, Operation, Output, computed};
use super::{column_sums, fill_rows, ordered_sum};

/// `x / sqrt(mean(x²) + eps) · weight`, each row of the last dimension for itself; no mean is taken off, no bias added.
///
/// `weight` has the width of the last dimension of `x`.
///
/// # Errors
/// If the shapes do not fit or a tensor is not contiguous `f32`.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    let width = x.dim(candle_core::D::Minus1)?;
    if weight.dims() != [width] {
        candle_core::bail!("norm of width {width} with weight {:?}", weight.dims());
    }
    if x.device().is_cpu() {
        return x.apply_op2(weight, Op(RmsNorm { eps }));
    }
    composed(x, weight, eps)
}

fn composed(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    if !x.track_op() && !weight.track_op() {
        // A single kernel, which has no gradient: none is asked for.
        return candle_nn::ops::rms_norm(x, weight, eps);
    }
    let (rows, scales) = (x.detach(), weight.detach());
    let scale = (rows.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?.recip()?;
    let normal = rows.broadcast_mul(&scale)?;
    let value = normal.broadcast_mul(&scales)?;
    with_gradient(&[x, weight], value, move |gradient| {
        let of_weight = column_sums(&(gradient * &normal)?)?;
        let gradients = gradient.broadcast_mul(&scales)?;
        let dot = (&gradients * &normal)?.mean_keepdim(D::Minus1)?;
        let of_x = (gradients - normal.broadcast_mul(&dot)?)?.broadcast_mul(&scale)?;
        Ok(vec![of_x, of_weight])
    })
}

struct RmsNorm {
    eps: f32,
}

/// 1 / root mean square of a row.
fn reciprocal_size(row: &[f32], eps: f32) -> f32 {
    (SumSquare::new(row).dispatch() / row.len() as f32 + eps).sqrt().recip()
}

impl Operation<2> for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn forward(&self, [x, weight]: [Input<'_>; 2]) -> Result<Output> {
        let weight = weight.values;
        let result = fill_rows(x.values, weight.len(), |_, rows| {
            for row in rows.chunks_mut(weight.len()) {
                let scale = reciprocal_size(row, self.eps);
                let options =
                    NormalizeOptions { scale, element_scale: Some(weight), ..NormalizeOptions::default() };
                Normalize::new_mut(row, options).dispatch();
            }
        });
        Ok((result, x.shape.clone()))
    }

    fn backward(
        &self,
        [x, weight]: [&Tensor; 2],
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; 2]> {
        let of_x = computed("rms-norm-input-gradient", |inputs| self.input_gradient(inputs));
        let of_weight = computed("rms-norm-weight-gradient", |inputs| self.weight_gradient(inputs));
        let dx = x.apply_op3_no_bwd(weight, gradient, &of_x)?;
        Ok([Some(dx), Some(x.apply_op2_no_bwd(gradient, &of_weight)?)])
    }
}

impl RmsNorm {
    /// d loss / d x: with ĝ = g · weight and x̂ the normalised row, `scale · (ĝ − x̂ · mean(ĝ x̂))`.
    fn input_gradient(&self, [x, weight, g]: [Input<'_>; 3]) -> Output {
        let width = weight.values.len();
        let result = fill_rows(g.values, width, |first, rows| {
            for (at, row) in rows.chunks_mut(width).enumerate() {
                let x = &x.values[(first + at) * width..(first + at + 1) * width];
                let scale = reciprocal_size(x, self.eps);
                let mut dot = 0.0;
                for ((g, weight), x) in row.iter_mut().zip(weight.values).zip(x) {
                    *g *= weight;
                    dot += *g * x;
                }
                let dot = dot * scale * scale / width as f32;
                for (g, x) in row.iter_mut().zip(x) {
                    *g = scale * (*g - x * dot);
                }
            }
        });
        (result, x.shape.clone())
    }

    /// `[width]`: d loss / d weight, Σ g x̂ over the rows.
    fn weight_gradient(&self, [x, g]: [Input<'_>; 2]) -> Output {
        let width = x.width();
        let start = vec![0.0; width];
        let total = ordered_sum(x.values, g.values, width, start, |x, g| self.sum_rows(x, g, width));
        (total, Shape::from(width))
    }

    fn sum_rows(&self, x: &[f32], g: &[f32], width: usize) -> Vec<f32> {
        let mut sums = vec![0.0; width];
        for (x, g) in x.chunks(width).zip(g.chunks(width)) {
            let scale = reciprocal_size(x, self.eps);
            sums.iter_mut().zip(x).zip(g).for_each(|((sum, x), g)| *sum += g * x * scale);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, close, ramp, same};
    use candle_core::{DType, Device};

    #[test]
    fn rows_have_mean_square_one_times_the_weight() {
        let weight = (Tensor::ones(6, DType::F32, &Device::Cpu).unwrap() * 3.0).unwrap();
        let x = (ramp(&[40, 6]) + 2.0).unwrap();
        let y = rms_norm(&x, &weight, 1e-9).unwrap();
        let square = y.sqr().unwrap().mean(D::Minus1).unwrap().to_vec1::<f32>().unwrap();
        assert!(square.iter().all(|square| (square - 9.0).abs() < 1e-4), "{square:?}");
        // The mean stays.
        assert!(y.mean_all().unwrap().to_scalar::<f32>().unwrap() > 1.0);
        assert!(rms_norm(&x, &ramp(&[5]), 1e-9).is_err());
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let zeros = Tensor::zeros((2, 8), DType::F32, &Device::Cpu).unwrap();
        let y = rms_norm(&zeros, &ramp(&[8]), 1e-6).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[0.0; 8]; 2]);
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let target = ramp(&[3, 8]);
        check(&[(ramp(&[3, 8]) * 2.0).unwrap(), ramp(&[8])], |x| {
            rms_norm(&x[0], &x[1], 1e-5)?.mul(&target)?.sum_all()
        });
    }

    #[test]
    fn the_composed_form_is_the_same() {
        let inputs = [(ramp(&[40, 8]) * 2.0).unwrap(), ramp(&[8])];
        same(&inputs, |x| rms_norm(&x[0], &x[1], 1e-5), |x| composed(&x[0], &x[1], 1e-5));
        let [x, weight] = &inputs;
        let without_gradient = composed(x, weight, 1e-5).unwrap();
        close(&without_gradient, &rms_norm(x, weight, 1e-5).unwrap(), "without a gradient");
    }
}
