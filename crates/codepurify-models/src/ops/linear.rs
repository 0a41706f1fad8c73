//! The linear layer, with its bias in one operation or without one.

use candle_core::{Result, Shape, Tensor};

use super::column_sums;
use super::gemm::{matrix, multiply};
use super::known::with_gradient;
use super::operation::{Input, Op, Operation, Output, computed};

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
        return x.apply_op3(weight, bias, Op(Linear));
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
fn products(x: Input<'_>, weight: Input<'_>) -> Result<Vec<f32>> {
    let ((rows, inputs), (outputs, _)) = (x.shape.dims2()?, weight.shape.dims2()?);
    let x = matrix(x.values, rows, inputs, inputs)?;
    let weight = matrix(weight.values, outputs, inputs, inputs)?;
    let mut target = vec![0.0; rows * outputs];
    multiply(1.0, x, weight.transposed(), &mut target)?;
    Ok(target)
}

struct Linear;

impl Operation<3> for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn forward(&self, [x, weight, bias]: [Input<'_>; 3]) -> Result<Output> {
        let (rows, outputs) = (x.shape.dims2()?.0, bias.values.len());
        let mut product = products(x, weight)?;
        for row in product.chunks_exact_mut(outputs.max(1)) {
            row.iter_mut().zip(bias.values).for_each(|(value, bias)| *value += bias);
        }
        Ok((product, Shape::from((rows, outputs))))
    }

    fn backward(
        &self,
        [x, weight, _]: [&Tensor; 3],
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let dx = gradient.matmul(weight)?;
        let dw = gradient.t()?.matmul(x)?;
        let db = gradient.apply_op1_no_bwd(&computed("bias-gradient", bias_gradient))?;
        Ok([Some(dx), Some(dw), Some(db)])
    }
}

/// The sums of the columns: `[rows, columns]` to `[columns]`.
fn bias_gradient([g]: [Input<'_>; 1]) -> Output {
    let columns = g.width();
    let mut sums = vec![0.0; columns];
    for row in g.values.chunks_exact(columns) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    (sums, Shape::from(columns))
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
        return x.apply_op2(weight, Op(Projection));
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

impl Operation<2> for Projection {
    fn name(&self) -> &'static str {
        "projection"
    }

    fn forward(&self, [x, weight]: [Input<'_>; 2]) -> Result<Output> {
        let shape = (x.shape.dims2()?.0, weight.shape.dims2()?.0);
        Ok((products(x, weight)?, Shape::from(shape)))
    }

    fn backward(
        &self,
        [x, weight]: [&Tensor; 2],
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; 2]> {
        Ok([Some(gradient.matmul(weight)?), Some(gradient.t()?.matmul(x)?)])
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
