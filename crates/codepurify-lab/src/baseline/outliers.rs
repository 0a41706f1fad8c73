//! Outlier tests for numbers: interquartile range, isolation forest, elliptic envelope.

use super::isolation_forest;

/// Quantiles of χ² with one degree of freedom: the median, and the upper 2.5 %.
const CHI_SQUARE_MEDIAN: f64 = 0.454_936_423_119_572_4;
const CHI_SQUARE_TAIL: f64 = 5.023_886_187_314_888;

/// Share of the numbers that the elliptic envelope takes for outliers.
const CONTAMINATION: f64 = 0.1;

/// Smallest number of values that can have outliers.
const FEWEST: usize = 3;

/// Marks values outside of [Q1 − 1.5 IQR, Q3 + 1.5 IQR].
#[must_use]
pub fn interquartile_range(values: &[f64]) -> Vec<bool> {
    let [Some(first), Some(third)] = [0.25, 0.75].map(|share| quantile(values, share)) else {
        return Vec::new();
    };
    let reach = 1.5 * (third - first);
    values.iter().map(|value| !(first - reach..=third + reach).contains(value)).collect()
}

/// Marks values with an anomaly score above ½ in an isolation forest of 100 trees (Liu et al.
/// 2008).
#[must_use]
pub fn isolation_forest(values: &[f64], seed: u64) -> Vec<bool> {
    if values.len() < FEWEST {
        return vec![false; values.len()];
    }
    isolation_forest::scores(values, seed).into_iter().map(|score| score > 0.5).collect()
}

/// Marks the tenth that is farthest from a robust mean, in robust standard deviations.
///
/// The estimate is the reweighted minimum covariance determinant (Rousseeuw & Van Driessen 1999).
/// If more than half of the numbers are equal, every other number is an outlier.
#[must_use]
pub fn elliptic_envelope(values: &[f64]) -> Vec<bool> {
    if values.len() < FEWEST {
        return vec![false; values.len()];
    }
    let Some(distances) = robust_distances(values) else {
        let middle = quantile(values, 0.5);
        return values.iter().map(|&value| Some(value) != middle).collect();
    };
    let nearness: Vec<f64> = distances.iter().map(|distance| -distance).collect();
    let limit = quantile(&nearness, CONTAMINATION);
    nearness.iter().map(|&nearness| limit.is_some_and(|limit| nearness < limit)).collect()
}

/// Marks values that at least two of the three tests mark.
#[must_use]
pub fn majority(values: &[f64], seed: u64) -> Vec<bool> {
    let votes = [interquartile_range(values), isolation_forest(values, seed), elliptic_envelope(values)];
    (0..values.len()).map(|at| votes.iter().filter(|vote| vote[at]).count() >= 2).collect()
}

/// Squared distances from the reweighted robust mean, divided by its variance; `None` if the
/// variance is 0.
fn robust_distances(values: &[f64]) -> Option<Vec<f64>> {
    let half = shortest_half(values);
    let raw = distances(values, half.0, half.1)?;
    let correction = quantile(&raw, 0.5)? / CHI_SQUARE_MEDIAN;
    let regular: Vec<f64> = values
        .iter()
        .zip(&raw)
        .filter(|&(_, distance)| *distance < correction * CHI_SQUARE_TAIL)
        .map(|(&value, _)| value)
        .collect();
    let (mean, variance) = moments(&regular);
    distances(values, mean, variance)
}

/// Returns the middle of the shortest interval with half of the numbers, and the variance of the
/// half nearest to it.
fn shortest_half(values: &[f64]) -> (f64, f64) {
    let count = values.len() / 2 + 1;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ends: Vec<(f64, f64)> = sorted.iter().copied().zip(sorted.iter().skip(count).copied()).collect();
    let shortest = ends.iter().map(|(low, high)| high - low).fold(f64::INFINITY, f64::min);
    let middles: Vec<f64> = ends
        .iter()
        .filter(|(low, high)| high - low <= shortest)
        .map(|(low, high)| f64::midpoint(*low, *high))
        .collect();
    let (middle, _) = moments(&middles);
    sorted.sort_by(|a, b| (a - middle).abs().total_cmp(&(b - middle).abs()));
    sorted.truncate(count);
    (middle, moments(&sorted).1)
}

fn distances(values: &[f64], mean: f64, variance: f64) -> Option<Vec<f64>> {
    (variance > 0.0).then(|| values.iter().map(|value| (value - mean).powi(2) / variance).collect())
}

/// Returns mean and variance (divided by n); 0 without values.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count)
}

/// Returns the quantile of the sorted values with linear interpolation; `None` without values.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().checked_sub(1)? as f64;
    #[allow(clippy::cast_sign_loss, reason = "a share and a length")]
    let below = place.floor() as usize;
    let above = sorted[(below + 1).min(sorted.len() - 1)];
    Some(sorted[below] + (above - sorted[below]) * (place - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_find_a_lone_number() {
        let mut values: Vec<f64> = (0..20).map(|at| 0.9 + f64::from(at) / 1000.0).collect();
        values.push(0.1);
        let votes = [interquartile_range(&values), isolation_forest(&values, 1), elliptic_envelope(&values)];
        for found in votes.iter().chain([&majority(&values, 1)]) {
            assert!(found[20] && !found[10], "{found:?}");
        }
    }

    #[test]
    fn equal_numbers_have_no_outliers_and_what_differs_is_one() {
        for count in [0, 1, 2, 3, 8] {
            assert_eq!(majority(&vec![0.5; count], 1), vec![false; count]);
        }
        let mut values = vec![0.5; 8];
        values[3] = 0.4;
        assert_eq!(majority(&values, 1).iter().position(|&found| found), Some(3));
    }
}
