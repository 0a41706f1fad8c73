//! The linear layer, with its bias in one operation or without one.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::elements;

/// `x · weightᵀ + bias` with `x` `[rows, inputs]`, `weight` `[outputs, inputs]`, `bias` `[outputs]`.
///
/// # Errors
/// If the shapes do not fit or a tensor is not contiguous `f32` in CPU memory.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let ((_, inputs), (outputs, width)) = (x.dims2()?, weight.dims2()?);
    if inputs != width || bias.dims() != [outputs] {
        candle_core::bail!("linear layer {:?} with bias {:?} on {:?}", weight.dims(), bias.dims(), x.dims());
    }
    x.apply_op3(weight, bias, Linear)
}

struct Linear;

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        weight: &CpuStorage,
        lw: &Layout,
        bias: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((rows, inputs), outputs) = (lx.shape().dims2()?, lb.shape().elem_count());
        let mut product = x.matmul(weight, (1, rows, outputs, inputs), lx, &lw.transpose(0, 1)?)?;
        let bias = elements(bias, lb)?;
        if let CpuStorage::F32(values) = &mut product {
            for row in values.chunks_exact_mut(outputs) {
                row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
        }
        Ok((product, Shape::from((rows, outputs))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let dx = gradient.matmul(weight)?;
        let dw = gradient.t()?.matmul(x)?;
        Ok((Some(dx), Some(dw), Some(gradient.apply_op1_no_bwd(&ColumnSums)?)))
    }
}

/// `x · weightᵀ` with `x` `[rows, inputs]`, `weight` `[outputs, inputs]`.
///
/// # Errors
/// If the shapes do not fit or a tensor is not contiguous `f32` in CPU memory.
pub fn project(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let ((_, inputs), (_, width)) = (x.dims2()?, weight.dims2()?);
    if inputs != width {
        candle_core::bail!("linear layer {:?} on {:?}", weight.dims(), x.dims());
    }
    x.apply_op2(weight, Projection)
}

struct Projection;

impl CustomOp2 for Projection {
    fn name(&self) -> &'static str {
        "projection"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        weight: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((rows, inputs), (outputs, _)) = (lx.shape().dims2()?, lw.shape().dims2()?);
        let product = x.matmul(weight, (1, rows, outputs, inputs), lx, &lw.transpose(0, 1)?)?;
        Ok((product, Shape::from((rows, outputs))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        Ok((Some(gradient.matmul(weight)?), Some(gradient.t()?.matmul(x)?)))
    }
}

/// `[rows, columns]` to `[columns]`.
struct ColumnSums;

impl CustomOp1 for ColumnSums {
    fn name(&self) -> &'static str {
        "column-sums"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, columns) = layout.shape().dims2()?;
        let mut sums = vec![0.0; columns];
        for row in elements(storage, layout)?.chunks_exact(columns) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        Ok((CpuStorage::F32(sums), Shape::from(columns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp};

    #[test]
    fn equals_matmul_and_add() {
        let (x, weight, bias) = (ramp(&[5, 3]), ramp(&[4, 3]), ramp(&[4]));
        let expected = x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
        let difference = (linear(&x, &weight, &bias).unwrap() - expected).unwrap().abs().unwrap();
        assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-6);
    }

    #[test]
    fn a_projection_is_a_linear_layer_without_bias() {
        let (x, weight) = (ramp(&[5, 3]), ramp(&[4, 3]));
        let expected = linear(&x, &weight, &ramp(&[4]).zeros_like().unwrap()).unwrap();
        let found = project(&x, &weight).unwrap();
        assert_eq!(found.to_vec2::<f32>().unwrap(), expected.to_vec2::<f32>().unwrap());
        check(&[x, weight], |x| project(&x[0], &x[1])?.sqr()?.sum_all());
    }

    #[test]
    fn gradients_equal_finite_differences() {
        check(&[ramp(&[5, 3]), ramp(&[4, 3]), ramp(&[4])], |x| linear(&x[0], &x[1], &x[2])?.sqr()?.sum_all());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(linear(&ramp(&[5, 3]), &ramp(&[4, 2]), &ramp(&[4])).is_err());
        assert!(project(&ramp(&[5, 3]), &ramp(&[4, 2])).is_err());
    }
}
