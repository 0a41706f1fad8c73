//! Softmax over the scores of self-attention with a bias that depends on the distance from query to key.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;
use rten_simd::SimdOp;
use rten_vecmath::Softmax as SoftmaxKernel;

use super::causal_softmax::ahead;
use super::operation::{Input, Op, Operation, Output, computed};
use super::softmax::{composed_softmax, scores_gradient};
use super::{fill_rows, select_rows};

/// `softmax(scores + bias[distance] + mask)` over the last dimension.
///
/// `scores` is `[batch, heads, queries, keys]`; the queries are the *last* of the keys' positions, so that the keys
/// before them may come from a cache. `bias` is `[heads, queries + keys − 1]`, one value for each distance
/// (key position − query position) from −(keys − 1) to queries − 1. `mask` is `[batch, keys]` with 0 for a visible key
/// and a very negative number for a hidden one. With `causal`, keys behind a query get no weight. Scores and bias get
/// gradients, the mask gets none.
///
/// # Errors
/// If the shapes do not fit or a tensor is not contiguous `f32`.
pub fn relative_softmax(scores: &Tensor, bias: &Tensor, mask: &Tensor, causal: bool) -> Result<Tensor> {
    let (batch, heads, queries, keys) = scores.dims4()?;
    let fits = (1..=keys).contains(&queries)
        && bias.dims() == [heads, queries + keys - 1]
        && mask.dims() == [batch, keys];
    if !fits {
        candle_core::bail!(
            "bias {:?} or mask {:?} does not fit scores {:?}",
            bias.dims(),
            mask.dims(),
            scores.dims()
        );
    }
    if scores.device().is_cpu() {
        return scores.apply_op3(bias, mask, Op(RelativeSoftmax { causal }));
    }
    composed(scores, bias, mask, causal)
}

fn composed(scores: &Tensor, bias: &Tensor, mask: &Tensor, causal: bool) -> Result<Tensor> {
    let (_, heads, queries, keys) = scores.dims4()?;
    let distance = |query| (0..keys).map(move |key| (first_distance(query, queries) + key) as u32);
    let distances: Vec<u32> = (0..queries).flat_map(distance).collect();
    let bias = select_rows(&bias.t()?.contiguous()?, &distances)?.t()?.reshape((heads, queries, keys))?;
    let mask = mask.detach().unsqueeze(1)?.unsqueeze(1)?;
    let ahead = causal.then(|| ahead(queries, keys, scores.device())).transpose()?;
    composed_softmax(&scores.broadcast_add(&bias)?, 1.0, |scores| {
        let scores = scores.broadcast_add(&mask)?;
        ahead.map_or_else(|| Ok(scores.clone()), |ahead| scores.broadcast_add(&ahead))
    })
}

struct RelativeSoftmax {
    causal: bool,
}

impl Operation<3> for RelativeSoftmax {
    fn name(&self) -> &'static str {
        "relative-softmax"
    }

    fn forward(&self, [scores, bias, mask]: [Input<'_>; 3]) -> Result<Output> {
        let (_, heads, queries, keys) = scores.shape.dims4()?;
        let distances = queries + keys - 1;
        let result = fill_rows(scores.values, keys, |first, rows| {
            for (at, row) in rows.chunks_mut(keys).enumerate() {
                let (item, query) = ((first + at) / queries, (first + at) % queries);
                let (mask, head) = (&mask.values[item / heads * keys..], item % heads);
                let bias = &bias.values[head * distances + first_distance(query, queries)..];
                let visible = if self.causal { keys - queries + query + 1 } else { keys };
                let (row, behind) = row.split_at_mut(visible);
                row.iter_mut()
                    .zip(bias)
                    .zip(mask)
                    .for_each(|((score, bias), hidden)| *score += bias + hidden);
                SoftmaxKernel::new_mut(row).dispatch();
                behind.fill(0.0);
            }
        });
        Ok((result, scores.shape.clone()))
    }

    fn backward(&self, _: [&Tensor; 3], y: &Tensor, gradient: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let scores = scores_gradient(y, gradient, 1.0)?;
        let bias = distance_sums(&scores)?;
        Ok([Some(scores), Some(bias), None])
    }
}

/// Where the row of biases of a query begins: at the distance to the first key.
fn first_distance(query: usize, queries: usize) -> usize {
    queries - 1 - query
}

/// `[batch, heads, queries, keys]` to `[heads, queries + keys − 1]`: the sums over all pairs of the same distance.
fn distance_sums(scores: &Tensor) -> Result<Tensor> {
    let (_, heads, queries, keys) = scores.dims4()?;
    let distances = queries + keys - 1;
    let forward = |[scores]: [Input<'_>; 1]| {
        let mut sums = vec![0.0; heads * distances];
        // A head a task, its rows in order: the result does not depend on the number of threads.
        sums.par_chunks_mut(distances).enumerate().for_each(|(head, sums)| {
            for item in scores.values.chunks_exact(queries * keys).skip(head).step_by(heads) {
                for (query, row) in item.chunks_exact(keys).enumerate() {
                    let sums = &mut sums[first_distance(query, queries)..];
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
            }
        });
        (sums, Shape::from((heads, distances)))
    };
    scores.apply_op1_no_bwd(&computed("distance-sums", forward))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp, same};
    use crate::ops::masked_softmax;
    use candle_core::{D, DType, Device};

    fn visible(batch: usize, keys: usize) -> Tensor {
        Tensor::zeros((batch, keys), DType::F32, &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_bias_is_that_of_the_distance() {
        // Two queries at positions 1 and 2 of three keys; the bias of a distance d is ln(d + 3).
        let scores = Tensor::zeros((1, 1, 2, 3), DType::F32, &Device::Cpu).unwrap();
        let bias: Vec<f32> = (-2..=1).map(|distance: i8| (f32::from(distance) + 3.0).ln()).collect();
        let bias = Tensor::new(bias, &Device::Cpu).unwrap().reshape((1, 4)).unwrap();
        let weights = values(&relative_softmax(&scores, &bias, &visible(1, 3), false).unwrap());
        let wanted = [2.0 / 9.0, 3.0 / 9.0, 4.0 / 9.0, 1.0 / 6.0, 2.0 / 6.0, 3.0 / 6.0];
        assert!(
            weights.iter().zip(wanted).all(|(weight, wanted)| (weight - wanted).abs() < 1e-6),
            "{weights:?}"
        );
        let weights = values(&relative_softmax(&scores, &bias, &visible(1, 3), true).unwrap());
        assert!((weights[0] - 0.4).abs() < 1e-6 && weights[2] == 0.0, "{weights:?}");
    }

    #[test]
    fn without_a_bias_it_is_the_masked_softmax() {
        let (scores, bias) = (ramp(&[2, 3, 40, 40]), ramp(&[3, 79]).zeros_like().unwrap());
        let mask: Vec<f32> = (0..80).map(|key| if key % 7 == 3 { f32::MIN } else { 0.0 }).collect();
        let mask = Tensor::from_vec(mask, (2, 40), &Device::Cpu).unwrap();
        let found = relative_softmax(&scores, &bias, &mask, false).unwrap();
        assert_eq!(values(&found), values(&masked_softmax(&scores, &mask, 1.0).unwrap()));
    }

    #[test]
    fn rows_without_a_visible_key_are_finite() {
        let mask = (visible(1, 2) + f64::from(f32::MIN)).unwrap();
        let y = relative_softmax(&ramp(&[1, 1, 2, 2]), &ramp(&[1, 3]), &mask, true).unwrap();
        let sums = values(&y.sum(D::Minus1).unwrap());
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{sums:?}");
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let mask = Tensor::new(&[[0.0f32, 0.0, 0.0, f32::MIN], [0.0; 4]], &Device::Cpu).unwrap();
        let weights = ramp(&[2, 2, 3, 4]);
        for causal in [false, true] {
            check(&[ramp(&[2, 2, 3, 4]), ramp(&[2, 6])], |x| {
                relative_softmax(&x[0], &x[1], &mask, causal)?.mul(&weights)?.sum_all()
            });
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let refused = |queries: usize, distances: usize, keys: usize| {
            relative_softmax(&ramp(&[1, 2, queries, 4]), &ramp(&[2, distances]), &visible(1, keys), true)
                .is_err()
        };
        assert!(refused(5, 8, 4) && refused(3, 5, 4) && refused(3, 6, 3) && !refused(3, 6, 4));
    }

    #[test]
    fn the_composed_form_is_the_same() {
        let mask = Tensor::new(&[[0.0f32, 0.0, 0.0, f32::MIN], [0.0; 4]], &Device::Cpu).unwrap();
        for causal in [false, true] {
            same(
                &[ramp(&[2, 2, 3, 4]), ramp(&[2, 6])],
                |x| relative_softmax(&x[0], &x[1], &mask, causal),
                |x| composed(&x[0], &x[1], &mask, causal),
            );
        }
    }
}
