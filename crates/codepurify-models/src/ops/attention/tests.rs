use std::sync::Arc;

use candle_core::{D, Device, IndexOp, Result, Tensor};

use super::{Attention, composed};
use crate::ops::Rows;
use crate::ops::finite_difference::{check, ramp, same};

const PLAIN: Attention = Attention { heads: 2, scale: 0.6, causal: false };

/// Rows of 3, 1 and 2 tokens, the second token hidden.
fn rows() -> Arc<Rows> {
    Arc::new(Rows::of_lengths([3, 1, 2]).hiding((0..6).map(|token| token == 1)))
}

/// One row by candle's operations: `q` is `[queries, inner]`, `k` and `v` are `[keys, inner]`, `extra` is
/// `[heads, queries, keys]`.
fn by_parts(of: Attention, [q, k, v]: [&Tensor; 3], extra: &Tensor) -> Result<Tensor> {
    let split = |x: &Tensor| x.reshape((x.dim(0)?, of.heads, ()))?.transpose(0, 1)?.contiguous();
    let (q, k, v) = (split(q)?, split(k)?, split(v)?);
    let scores = ((q.matmul(&k.t()?)? * f64::from(of.scale))? + extra)?;
    let mixed = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?;
    mixed.transpose(0, 1)?.contiguous()?.reshape((q.dim(1)?, ()))
}

/// Terms that are added to the scores of a row: its mask, the biases of distances, and −∞ ahead of a causal
/// query.
fn extra(of: Attention, rows: &Rows, row: usize, bias: Option<&Tensor>) -> Tensor {
    let tokens = rows.range(row);
    let longest = rows.longest();
    let mut values = Vec::new();
    for head in 0..of.heads {
        for query in 0..tokens.len() {
            for key in 0..tokens.len() {
                let hidden = rows.mask(tokens.clone()).map_or(0.0, |mask| mask[key]);
                let bias = bias.map_or(0.0, |bias| {
                    bias.i((head, longest - 1 + key - query)).unwrap().to_scalar::<f32>().unwrap()
                });
                let ahead = if of.causal && key > query { f32::MIN } else { 0.0 };
                values.push(if hidden < 0.0 { hidden } else { ahead + bias });
            }
        }
    }
    Tensor::from_vec(values, (of.heads, tokens.len(), tokens.len()), &Device::Cpu).unwrap()
}

fn within_by_parts(of: Attention, projected: &Tensor, rows: &Rows, bias: Option<&Tensor>) -> Tensor {
    let inner = projected.dim(1).unwrap() / 3;
    let found: Vec<Tensor> = rows
        .ranges()
        .enumerate()
        .map(|(row, tokens)| {
            let of_row = projected.narrow(0, tokens.start, tokens.len()).unwrap();
            let part = |part: usize| of_row.narrow(1, part * inner, inner).unwrap().contiguous().unwrap();
            by_parts(of, [&part(0), &part(1), &part(2)], &extra(of, rows, row, bias)).unwrap()
        })
        .collect();
    Tensor::cat(&found, 0).unwrap()
}

fn assert_close(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims());
    let difference = (found - expected).unwrap().abs().unwrap().max_all().unwrap();
    assert!(difference.to_scalar::<f32>().unwrap() < 1e-5, "{difference}");
}

#[test]
fn rows_see_themselves_only_and_no_hidden_token() {
    let projected = ramp(&[6, 12]);
    for causal in [false, true] {
        let of = Attention { causal, ..PLAIN };
        let found = of.within(&projected, &rows()).unwrap();
        assert_close(&found, &within_by_parts(of, &projected, &rows(), None));
    }
}

#[test]
fn more_queries_than_a_block_holds() {
    let rows = Arc::new(Rows::of_lengths([150, 300]));
    let projected = ramp(&[450, 24]);
    for causal in [false, true] {
        let of = Attention { causal, ..PLAIN };
        assert_close(&of.within(&projected, &rows).unwrap(), &within_by_parts(of, &projected, &rows, None));
    }
}

#[test]
fn a_row_gives_the_same_alone_and_among_others() {
    let projected = ramp(&[200, 24]);
    let all = PLAIN.within(&projected, &Arc::new(Rows::of_lengths([7, 140, 53]))).unwrap();
    let alone = projected.narrow(0, 7, 140).unwrap().contiguous().unwrap();
    let alone = PLAIN.within(&alone, &Arc::new(Rows::of_lengths([140]))).unwrap();
    let of_all = all.narrow(0, 7, 140).unwrap();
    assert_eq!(alone.to_vec2::<f32>().unwrap(), of_all.to_vec2::<f32>().unwrap());
}

#[test]
fn a_bias_goes_by_the_distance() {
    let (projected, bias) = (ramp(&[6, 12]), ramp(&[2, 5]));
    for causal in [false, true] {
        let of = Attention { causal, ..PLAIN };
        let found = of.within_by_distance(&projected, &bias, &rows()).unwrap();
        assert_close(&found, &within_by_parts(of, &projected, &rows(), Some(&bias)));
    }
}

#[test]
fn queries_see_the_row_of_their_number() {
    let (queries, seen) = (ramp(&[5, 4]), ramp(&[6, 8]));
    let (rows, others) = (Arc::new(Rows::of_lengths([2, 0, 3])), rows());
    let found = PLAIN.across(&queries, &rows, &seen, &others).unwrap();
    let of_row = |row: usize| {
        let (own, other) = (rows.range(row), others.range(row));
        let cut = |x: &Tensor, at: std::ops::Range<usize>, first: usize| {
            x.narrow(0, at.start, at.len()).unwrap().narrow(1, first, 4).unwrap().contiguous().unwrap()
        };
        let hidden = others.mask(other.clone()).unwrap().repeat(2 * own.len());
        let extra = Tensor::from_vec(hidden, (2, own.len(), other.len()), &Device::Cpu).unwrap();
        let sides = [&cut(&queries, own, 0), &cut(&seen, other.clone(), 0), &cut(&seen, other, 4)];
        by_parts(PLAIN, sides, &extra).unwrap()
    };
    assert_close(&found, &Tensor::cat(&[of_row(0), of_row(2)], 0).unwrap());
}

#[test]
fn gradients_equal_finite_differences() {
    for causal in [false, true] {
        let of = Attention { causal, ..PLAIN };
        let target = ramp(&[6, 4]);
        check(&[ramp(&[6, 12])], |x| of.within(&x[0], &rows())?.mul(&target)?.sum_all());
        check(&[ramp(&[6, 12]), ramp(&[2, 5])], |x| {
            of.within_by_distance(&x[0], &x[1], &rows())?.mul(&target)?.sum_all()
        });
    }
    let (own, target) = (Arc::new(Rows::of_lengths([2, 0, 3])), ramp(&[5, 4]));
    check(&[ramp(&[5, 4]), ramp(&[6, 8])], |x| {
        PLAIN.across(&x[0], &own, &x[1], &rows())?.mul(&target)?.sum_all()
    });
}

/// Rows of several lengths and of one, with hidden tokens and without.
fn all_rows() -> Vec<Arc<Rows>> {
    let plain = |lengths: &[usize]| Rows::of_lengths(lengths.iter().copied());
    let hidden = plain(&[4, 4]).hiding((0..8).map(|token| token < 4 || token == 6));
    [plain(&[3, 0, 2]), plain(&[2, 5, 1]), plain(&[4, 4]), plain(&[1, 1, 1]), hidden]
        .map(Arc::new)
        .into_iter()
        .chain([rows()])
        .collect()
}

#[test]
fn the_composed_forms_are_the_same() {
    for (rows, causal) in all_rows().into_iter().flat_map(|rows| [(rows.clone(), false), (rows, true)]) {
        let of = Attention { causal, ..PLAIN };
        let (projected, bias) = (ramp(&[rows.tokens(), 12]), ramp(&[2, 2 * rows.longest() - 1]));
        let one = std::slice::from_ref(&projected);
        same(one, |x| of.within(&x[0], &rows), |x| composed::within(of, &x[0], None, &rows));
        same(
            &[projected.clone(), bias],
            |x| of.within_by_distance(&x[0], &x[1], &rows),
            |x| composed::within(of, &x[0], Some(&x[1]), &rows),
        );
    }
    for (own, others) in
        all_rows().into_iter().flat_map(|own| all_rows().into_iter().map(move |o| (own.clone(), o)))
    {
        if own.count() == others.count() {
            same(
                &[ramp(&[own.tokens(), 4]), ramp(&[others.tokens(), 8])],
                |x| PLAIN.across(&x[0], &own, &x[1], &others),
                |x| composed::across(PLAIN, &x[0], &own, &x[1], &others),
            );
        }
    }
}

#[test]
fn composed_forms_refuse_the_same_shapes_and_accept_no_rows() {
    assert!(composed::within(PLAIN, &ramp(&[5, 12]), None, &rows()).is_err());
    assert!(composed::within(PLAIN, &ramp(&[6, 12]), Some(&ramp(&[2, 4])), &rows()).is_err());
    let two = Rows::of_lengths([3, 3]);
    assert!(composed::across(PLAIN, &ramp(&[6, 4]), &two, &ramp(&[6, 8]), &rows()).is_err());
    let empty = Tensor::zeros((0, 12), candle_core::DType::F32, &Device::Cpu).unwrap();
    assert_eq!(composed::within(PLAIN, &empty, None, &Rows::of_lengths([])).unwrap().dims(), [0, 4]);
}

#[test]
fn rows_of_hidden_tokens_and_none_are_finite() {
    let hidden = Arc::new(Rows::of_lengths([2, 0]).hiding([true, true]));
    let found = PLAIN.within(&ramp(&[2, 12]), &hidden).unwrap().flatten_all().unwrap();
    assert!(found.to_vec1::<f32>().unwrap().iter().all(|value| value.is_finite()));
    let nothing = Arc::new(Rows::of_lengths([]));
    let empty = Tensor::zeros((0, 12), candle_core::DType::F32, &Device::Cpu).unwrap();
    assert_eq!(PLAIN.within(&empty, &nothing).unwrap().dims(), [0, 4]);
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    assert!(PLAIN.within(&ramp(&[5, 12]), &rows()).is_err());
    assert!(PLAIN.within(&ramp(&[6, 10]), &rows()).is_err());
    assert!(PLAIN.within_by_distance(&ramp(&[6, 12]), &ramp(&[2, 4]), &rows()).is_err());
    let two = Arc::new(Rows::of_lengths([3, 3]));
    assert!(PLAIN.across(&ramp(&[6, 4]), &two, &ramp(&[6, 8]), &rows()).is_err());
}
