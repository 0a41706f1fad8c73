//! Softmax over attention scores of a sequence that only looks back.

use candle_core::{Device, Result, Tensor};
use rten_simd::SimdOp;
use rten_vecmath::Softmax as SoftmaxKernel;

use super::fill_rows;
use super::operation::{Input, Op, Operation, Output};
use super::softmax::{composed_softmax, scores_gradient};

/// `softmax(scale · scores)` over the keys that a query may see.
///
/// `scores` is `[batch, heads, queries, keys]`. The queries are at the last positions of the keys: query i
/// sees the keys up to `keys − queries + i`, itself included; the others get weight 0.
///
/// # Errors
/// If there are more queries than keys or the tensor is not contiguous `f32`.
pub fn causal_softmax(scores: &Tensor, scale: f32) -> Result<Tensor> {
    let (_, _, queries, keys) = scores.dims4()?;
    if queries > keys {
        candle_core::bail!("{queries} queries cannot be the last of {keys} keys");
    }
    if scores.device().is_cpu() {
        return scores.apply_op1(Op(CausalSoftmax { scale }));
    }
    composed(scores, scale)
}

fn composed(scores: &Tensor, scale: f32) -> Result<Tensor> {
    let (_, _, queries, keys) = scores.dims4()?;
    let ahead = ahead(queries, keys, scores.device())?;
    composed_softmax(scores, scale, |scaled| scaled.broadcast_add(&ahead))
}

/// `[queries, keys]`: −∞ for the keys behind a query, else 0; the queries are the last of the keys.
pub(super) fn ahead(queries: usize, keys: usize, device: &Device) -> Result<Tensor> {
    let seen = |query: usize, key: usize| key <= keys - queries + query;
    let row = |query| (0..keys).map(move |key| if seen(query, key) { 0.0 } else { f32::NEG_INFINITY });
    Tensor::from_vec((0..queries).flat_map(row).collect(), (queries, keys), device)
}

struct CausalSoftmax {
    scale: f32,
}

impl Operation<1> for CausalSoftmax {
    fn name(&self) -> &'static str {
        "causal-softmax"
    }

    fn forward(&self, [scores]: [Input<'_>; 1]) -> Result<Output> {
        let (_, _, queries, keys) = scores.shape.dims4()?;
        let result = fill_rows(scores.values, keys, |first, rows| {
            for (at, row) in rows.chunks_mut(keys).enumerate() {
                let (seen, unseen) = row.split_at_mut(keys - queries + (first + at) % queries + 1);
                for score in seen.iter_mut() {
                    *score *= self.scale;
                }
                SoftmaxKernel::new_mut(seen).dispatch();
                unseen.fill(0.0);
            }
        });
        Ok((result, scores.shape.clone()))
    }

    fn backward(&self, _: [&Tensor; 1], y: &Tensor, gradient: &Tensor) -> Result<[Option<Tensor>; 1]> {
        Ok([Some(scores_gradient(y, gradient, self.scale)?)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp, same};
    use candle_core::D;

    #[test]
    fn a_query_sees_itself_and_the_keys_before_it() {
        let y = causal_softmax(&ramp(&[2, 2, 2, 4]), 0.5).unwrap();
        let sums = y.sum(D::Minus1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{sums:?}");
        for pair in y.flatten_all().unwrap().to_vec1::<f32>().unwrap().chunks(8) {
            assert!(pair[..3].iter().chain(&pair[4..]).all(|&weight| weight > 0.0), "{pair:?}");
            assert!(pair[3].abs() < f32::MIN_POSITIVE, "{pair:?}");
        }
    }

    #[test]
    fn values_are_those_of_a_softmax_under_a_triangular_mask() {
        let scores = ramp(&[1, 2, 3, 3]);
        let mask = Tensor::new(&[[0.0f32, -1e4, -1e4], [0.0, 0.0, -1e4], [0.0, 0.0, 0.0]], &Device::Cpu);
        let masked = (&scores * 0.7).unwrap().broadcast_add(&mask.unwrap()).unwrap();
        let expected = candle_nn::ops::softmax(&masked, D::Minus1).unwrap();
        let difference = (causal_softmax(&scores, 0.7).unwrap() - expected).unwrap().abs().unwrap();
        assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-6);
    }

    #[test]
    fn gradient_equals_finite_differences() {
        let weights = ramp(&[2, 1, 3, 4]);
        check(&[ramp(&[2, 1, 3, 4])], |x| causal_softmax(&x[0], 0.7)?.mul(&weights)?.sum_all());
    }

    #[test]
    fn more_queries_than_keys_are_refused() {
        assert!(causal_softmax(&ramp(&[1, 1, 3, 2]), 1.0).is_err());
    }

    #[test]
    fn the_composed_form_is_the_same() {
        for shape in [[2, 1, 3, 4], [1, 2, 4, 4], [2, 2, 1, 3]] {
            same(&[ramp(&shape)], |x| causal_softmax(&x[0], 0.7), |x| composed(&x[0], 0.7));
        }
    }
}
