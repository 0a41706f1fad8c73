//! The rectifier.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::known::with_gradient;
use super::{elements, fill_rows, wide};

/// Elements that one step works on.
const CHUNK: usize = 1024;

/// `max(x, 0)` for every element, on the threads of the caller (as [`super::add`]).
///
/// # Errors
/// If `x` is not contiguous `f32`.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { x.apply_op1(Relu) } else { composed(x) }
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

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let result = fill_rows(elements(storage, layout)?, CHUNK, |_, values| {
            rectify(values);
        });
        Ok((CpuStorage::F32(result), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&gradient.contiguous()?, &ReluGradient).map(Some)
    }
}

/// The gradient where `x` is positive, else 0.
struct ReluGradient;

impl CustomOp2 for ReluGradient {
    fn name(&self) -> &'static str {
        "relu-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        g: &CpuStorage,
        lg: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, g) = (elements(x, lx)?, elements(g, lg)?);
        let result = fill_rows(g, CHUNK, |first, gradients| {
            for (gradient, x) in gradients.iter_mut().zip(&x[first * CHUNK..]) {
                *gradient = if *x > 0.0 { *gradient } else { 0.0 };
            }
        });
        Ok((CpuStorage::F32(result), lx.shape().clone()))
    }
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
