//! GELU with the exact error function, as `hidden_act = "gelu"` means it (not the tanh approximation).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use candle_core::{Result, Tensor};
use rten_simd::SimdUnaryOp;
use rten_vecmath::{Erf, Exp, Gelu as GeluKernel};

use super::fill_rows;
use super::known::with_gradient;
use super::operation::{Input, Op, Operation, Output, computed};

/// Elements that one kernel call works on: fits the first-level cache together with its scratch space.
const CHUNK: usize = 1024;

/// `x · Φ(x)` for every element.
///
/// # Errors
/// If `x` is not contiguous `f32`.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { x.apply_op1(Op(Gelu)) } else { composed(x) }
}

fn composed(x: &Tensor) -> Result<Tensor> {
    let values = x.detach();
    with_gradient(&[x], values.gelu_erf()?, move |gradient| {
        let below = ((&values * FRAC_1_SQRT_2)?.erf()?.affine(0.5, 0.5))?;
        let density = (values.sqr()? * -0.5)?.exp()?;
        let slope = (below + (density * &values)?.affine(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2, 0.0)?)?;
        Ok(vec![(gradient * slope)?])
    })
}

struct Gelu;

impl Operation<1> for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn forward(&self, [x]: [Input<'_>; 1]) -> Result<Output> {
        let result = fill_rows(x.values, CHUNK, |_, values| GeluKernel {}.map_mut(values));
        Ok((result, x.shape.clone()))
    }

    fn backward(&self, [x]: [&Tensor; 1], _: &Tensor, gradient: &Tensor) -> Result<[Option<Tensor>; 1]> {
        Ok([Some(x.apply_op2_no_bwd(gradient, &computed("gelu-gradient", input_gradient))?)])
    }
}

/// `g · (Φ(x) + x φ(x))`.
fn input_gradient([x, g]: [Input<'_>; 2]) -> Output {
    let result = fill_rows(g.values, CHUNK, |first, gradients| {
        for (at, part) in gradients.chunks_mut(CHUNK).enumerate() {
            let start = (first + at) * CHUNK;
            scale_by_slope(&x.values[start..start + part.len()], part);
        }
    });
    (result, x.shape.clone())
}

/// Multiplies each gradient by the slope of GELU at its `x`.
fn scale_by_slope(x: &[f32], gradients: &mut [f32]) {
    let mut erf = [0.0; CHUNK];
    let mut density = [0.0; CHUNK];
    let (erf, density) = (&mut erf[..x.len()], &mut density[..x.len()]);
    for ((erf, density), x) in erf.iter_mut().zip(density.iter_mut()).zip(x) {
        *erf = x * std::f32::consts::FRAC_1_SQRT_2;
        *density = -0.5 * x * x;
    }
    Erf {}.map_mut(erf);
    Exp {}.map_mut(density);
    // 1 / sqrt(2 π)
    let scale = 0.5 * std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
    for (((gradient, erf), density), x) in gradients.iter_mut().zip(erf).zip(density).zip(x) {
        *gradient *= 0.5 * (1.0 + *erf) + x * scale * *density;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp, same};
    use candle_core::Device;

    #[test]
    fn values_are_those_of_the_exact_gelu() {
        // x · Φ(x), from tables of the normal distribution.
        let x = Tensor::new(&[-3.0f32, -1.0, 0.0, 0.5, 1.0, 2.0], &Device::Cpu).unwrap();
        let y = gelu(&x).unwrap().to_vec1::<f32>().unwrap();
        let expected = [-0.004_049_694, -0.158_655_25, 0.0, 0.345_731_23, 0.841_344_8, 1.954_499_7];
        for (y, expected) in y.iter().zip(expected) {
            assert!((y - expected).abs() < 2e-6, "{y} instead of {expected}");
        }
    }

    #[test]
    fn gradient_equals_finite_differences() {
        check(&[ramp(&[7, 5])], |x| gelu(&x[0])?.sqr()?.sum_all());
    }

    #[test]
    fn gradient_covers_more_than_one_chunk() {
        let x = candle_core::Var::from_tensor(&ramp(&[5, 1000])).unwrap();
        let gradients = gelu(&x).unwrap().sum_all().unwrap().backward().unwrap();
        let slope = gradients.get(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let reference = x.as_tensor().gelu_erf().unwrap().sum_all().unwrap().backward().unwrap();
        let reference = reference.get(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (slope, reference) in slope.iter().zip(reference) {
            assert!((slope - reference).abs() < 1e-4, "{slope} instead of {reference}");
        }
    }

    #[test]
    fn the_composed_form_is_the_same() {
        same(&[(ramp(&[5, 1000]) * 2.0).unwrap()], |x| gelu(&x[0]), |x| composed(&x[0]));
    }
}
