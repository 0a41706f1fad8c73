//! The rectifier.

use candle_core::{Result, Tensor};

use super::known::with_gradient;
use super::operation::{Input, Op, Operation, Output, computed};
use super::{fill_rows, wide};

/// Elements that one step works on.
const CHUNK: usize = 1024;

/// `max(x, 0)` for every element, on the threads of the caller (as [`super::add`]).
///
/// # Errors
/// If `x` is not contiguous `f32`.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { x.apply_op1(Op(Relu)) } else { composed(x) }
}

fn composed(x: &Tensor) -> Result<Tensor> {
    let value = x.detach().relu()?;
    // The slope: 1 where something is left, else 0.
    let left = value.clone();
    with_gradient(&[x], value, move |gradient| Ok(vec![(gradient * left.sign()?)?]))
}

/// Applies [`relu`] in place.
pub(super) fn rectify(values: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            // Not `max`: it would turn a NaN into 0.
            for value in values {
                *value = if *value < 0.0 { 0.0 } else { *value };
            }
        },
    );
}

struct Relu;

impl Operation<1> for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn forward(&self, [x]: [Input<'_>; 1]) -> Result<Output> {
        Ok((fill_rows(x.values, CHUNK, |_, values| rectify(values)), x.shape.clone()))
    }

    fn backward(&self, [x]: [&Tensor; 1], _: &Tensor, gradient: &Tensor) -> Result<[Option<Tensor>; 1]> {
        Ok([Some(x.apply_op2_no_bwd(gradient, &computed("relu-gradient", input_gradient))?)])
    }
}

/// The gradient `g` where `x` is positive, else 0.
fn input_gradient([x, g]: [Input<'_>; 2]) -> Output {
    let result = fill_rows(g.values, CHUNK, |first, gradients| {
        for (gradient, x) in gradients.iter_mut().zip(&x.values[first * CHUNK..]) {
            *gradient = if *x > 0.0 { *gradient } else { 0.0 };
        }
    });
    (result, x.shape.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp, same};
    use candle_core::Device;

    #[test]
    fn negative_values_become_zero_and_nan_stays() {
        let x = Tensor::new(&[-2.0f32, -0.0, 0.5, f32::NAN], &Device::Cpu).unwrap();
        let y = relu(&x).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(y[..3], [0.0, 0.0, 0.5]);
        assert!(y[3].is_nan());
    }

    #[test]
    fn gradient_equals_finite_differences() {
        check(&[ramp(&[7, 300])], |x| (relu(&x[0])?.sqr()? * 0.1)?.sum_all());
    }

    #[test]
    fn the_composed_form_is_the_same() {
        let x = Tensor::cat(&[ramp(&[7, 300]), ramp(&[1, 300]).zeros_like().unwrap()], 0).unwrap();
        same(&[x], |x| relu(&x[0]), |x| composed(&x[0]));
    }
}
