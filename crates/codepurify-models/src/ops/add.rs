//! The sum of two tensors of one shape.

use candle_core::{Result, Tensor};

use super::fill_rows;
use super::operation::{Input, Op, Operation, Output};

/// Elements that one step adds.
const CHUNK: usize = 1024;

/// `a + b`, element by element.
///
/// Does what candle's own addition does, but on the threads of the caller: candle hands large additions to a pool of
/// spinning threads that only one caller can use at a time.
///
/// # Errors
/// If the shapes differ or a tensor is not contiguous `f32`.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() != b.dims() {
        candle_core::bail!("cannot add {:?} and {:?}", a.dims(), b.dims());
    }
    if a.device().is_cpu() { a.apply_op2(b, Op(Add)) } else { a + b }
}

struct Add;

impl Operation<2> for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn forward(&self, [a, b]: [Input<'_>; 2]) -> Result<Output> {
        let sum = fill_rows(a.values, CHUNK, |first, values| {
            values.iter_mut().zip(&b.values[first * CHUNK..]).for_each(|(value, other)| *value += other);
        });
        Ok((sum, a.shape.clone()))
    }

    fn backward(&self, _: [&Tensor; 2], _: &Tensor, gradient: &Tensor) -> Result<[Option<Tensor>; 2]> {
        Ok([Some(gradient.clone()), Some(gradient.clone())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp};

    #[test]
    fn adds_across_chunks() {
        let (a, b) = (ramp(&[70, 300]), (ramp(&[70, 300]) * 3.0).unwrap());
        let expected = (&a + &b).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(add(&a, &b).unwrap().to_vec2::<f32>().unwrap(), expected);
        assert!(add(&a, &ramp(&[300, 70])).is_err());
    }

    #[test]
    fn gradients_equal_finite_differences() {
        check(&[ramp(&[2, 3]), ramp(&[2, 3])], |x| add(&x[0], &x[1])?.sqr()?.sum_all());
    }
}
