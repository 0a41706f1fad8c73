//! The linear layer, with its bias in one operation or without one.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::gemm::{matrix, multiply};
use super::known::with_gradient;
use super::{column_sums, elements};

/// `x · weightᵀ + bias` with `x` `[rows, inputs]`, `weight` `[outputs, inputs]`, `bias` `[outputs]`.
///
/// # Errors
/// If the shapes do not fit or a tensor is not contiguous `f32`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let ((_, inputs), (outputs, width)) = (x.dims2()?, weight.dims2()?);
    if inputs != width || bias.dims() != [outputs] {
        candle_core::bail!("linear layer {:?} with bias {:?} on {:?}", weight.dims(), bias.dims(), x.dims());
    }
    if x.device().is_cpu() {
        return x.apply_op3(weight, bias, Linear);
    }
    composed(x, weight, bias)
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (rows, weights) = (x.detach(), weight.detach());
    let value = rows.matmul(&weights.t()?)?.broadcast_add(&bias.detach())?;
    with_gradient(&[x, weight, bias], value, move |gradient| {
        Ok(vec![gradient.matmul(&weights)?, gradient.t()?.matmul(&rows)?, column_sums(gradient)?])
    })
}

/// `x · weightᵀ`, on the threads of the caller (as [`super::add`]).
fn products(
    (x, of_x): (&CpuStorage, &Layout),
    (weight, of_weight): (&CpuStorage, &Layout),
) -> Result<Vec<f32>> {
    let ((rows, inputs), (outputs, _)) = (of_x.shape().dims2()?, of_weight.shape().dims2()?);
    let x = matrix(elements(x, of_x)?, rows, inputs, inputs)?;
    let weight = matrix(elements(weight, of_weight)?, outputs, inputs, inputs)?;
    let mut target = vec![0.0; rows * outputs];
    multiply(1.0, x, weight.transposed(), &mut target)?;
    Ok(target)
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
        let (rows, outputs) = (lx.shape().dims2()?.0, lb.shape().elem_count());
        let mut product = products((x, lx), (weight, lw))?;
        let bias = elements(bias, lb)?;
        for row in product.chunks_exact_mut(outputs.max(1)) {
            row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
        }
        Ok((CpuStorage::F32(product), Shape::from((rows, outputs))))
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
/// If the shapes do not fit or a tensor is not contiguous `f32`.
pub fn project(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let ((_, inputs), (_, width)) = (x.dims2()?, weight.dims2()?);
    if inputs != width {
        candle_core::bail!("linear layer {:?} on {:?}", weight.dims(), x.dims());
    }
    if x.device().is_cpu() {
        return x.apply_op2(weight, Projection);
    }
    composed_projection(x, weight)
}

fn composed_projection(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (rows, weights) = (x.detach(), weight.detach());
    with_gradient(&[x, weight], rows.matmul(&weights.t()?)?, move |gradient| {
        Ok(vec![gradient.matmul(&weights)?, gradient.t()?.matmul(&rows)?])
    })
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
        let shape = (lx.shape().dims2()?.0, lw.shape().dims2()?.0);
        Ok((CpuStorage::F32(products((x, lx), (weight, lw))?), Shape::from(shape)))
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
    use crate::ops::finite_difference::{check, ramp, same};

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

    #[test]
    fn the_composed_forms_are_the_same() {
        let inputs = [ramp(&[50, 3]), ramp(&[4, 3]), ramp(&[4])];
        same(&inputs, |x| linear(&x[0], &x[1], &x[2]), |x| composed(&x[0], &x[1], &x[2]));
        same(&inputs[..2], |x| project(&x[0], &x[1]), |x| composed_projection(&x[0], &x[1]));
    }
}
