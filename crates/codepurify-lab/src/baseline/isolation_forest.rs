//! Isolation forest over numbers: values that random cuts separate early are anomalous.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

const TREES: usize = 100;

/// Number of values that a tree is grown on.
const SUBSAMPLE: usize = 256;

/// Returns one anomaly score per value, in (0, 1): 2^(−mean depth / expected depth). A score of ½
/// is average.
pub(super) fn scores(values: &[f64], seed: u64) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let sorted: Vec<f64> = order.iter().map(|&at| values[at]).collect();
    let size = values.len().min(SUBSAMPLE);
    let limit = size.max(2).next_power_of_two().ilog2();
    let mut depths = vec![0.0; values.len()];
    for _ in 0..TREES {
        let mut sample = sorted.clone();
        if size < sample.len() {
            sample.shuffle(&mut rng);
            sample.truncate(size);
            sample.sort_by(f64::total_cmp);
        }
        grow(&sample, &sorted, &mut depths, limit, &mut rng);
    }
    let expected = expected_depth(size).max(f64::MIN_POSITIVE) * TREES as f64;
    let mut scores = vec![0.0; values.len()];
    for (&at, depth) in order.iter().zip(depths) {
        scores[at] = (-depth / expected).exp2();
    }
    scores
}

/// Adds the depth of each of `values` in a tree over `sample` to `depths`, at most `levels`; both
/// inputs are sorted.
fn grow(sample: &[f64], values: &[f64], depths: &mut [f64], levels: u32, rng: &mut StdRng) {
    let ends = sample.first().zip(sample.last()).filter(|(low, high)| low < high && levels > 0);
    let Some((&low, &high)) = ends else {
        let rest = expected_depth(sample.len());
        for depth in depths {
            *depth += rest;
        }
        return;
    };
    for depth in depths.iter_mut() {
        *depth += 1.0;
    }
    let cut = rng.random_range(low..high);
    let in_sample = sample.partition_point(|value| *value <= cut);
    let in_values = values.partition_point(|value| *value <= cut);
    let (left, right) = depths.split_at_mut(in_values);
    grow(&sample[..in_sample], &values[..in_values], left, levels - 1, rng);
    grow(&sample[in_sample..], &values[in_values..], right, levels - 1, rng);
}

/// Mean depth of an unsuccessful search in a binary tree of `count` numbers.
fn expected_depth(count: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match count {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let others = (count - 1) as f64;
            2.0 * (others.ln() + EULER) - 2.0 * others / count as f64
        }
    }
}
