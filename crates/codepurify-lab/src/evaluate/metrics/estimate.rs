//! Bootstrap intervals.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Value with its 95 % percentile-bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Measure on all samples.
    pub value: f64,
    /// 2.5th percentile over the resamples.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4} [{:.4}, {:.4}]", self.value, self.low, self.high)
    }
}

/// Number of resamples of a bootstrap.
const RESAMPLES: usize = 1000;

/// Computes `measure` with its bootstrap interval; see [`bootstrap_all`].
#[must_use]
pub fn bootstrap<T: Clone>(
    groups: &[Vec<T>],
    measure: impl Fn(&[Vec<T>]) -> Option<f64>,
) -> Option<Estimate> {
    let [estimate] = bootstrap_all(groups, |groups| [measure(groups)]);
    estimate
}

/// Computes several measures of the same samples with their bootstrap intervals.
///
/// Each resample redraws every group for itself, and all measures see the same resamples: the
/// interval of a difference is that of paired samples. The seed is always the same. A measure that
/// is `None` for the samples has no estimate; resamples for which it is `None` are left out.
#[must_use]
pub fn bootstrap_all<T: Clone, const N: usize>(
    groups: &[Vec<T>],
    measures: impl Fn(&[Vec<T>]) -> [Option<f64>; N],
) -> [Option<Estimate>; N] {
    let values = measures(groups);
    let mut resampled: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(RESAMPLES));
    if values.iter().any(Option::is_some) {
        let mut rng = StdRng::seed_from_u64(0);
        let mut sample = groups.to_vec();
        for _ in 0..RESAMPLES {
            redraw(groups, &mut sample, &mut rng);
            for (values, value) in resampled.iter_mut().zip(measures(&sample)) {
                values.extend(value);
            }
        }
    }
    let mut resampled = resampled.into_iter();
    values.map(|value| {
        // Taken first: a measure without a value has its place among the resampled ones, too.
        let resampled = resampled.next()?;
        interval(value?, resampled)
    })
}

/// Fills each group of `sample` with draws, with replacement, from the same group of `groups`.
fn redraw<T: Clone>(groups: &[Vec<T>], sample: &mut [Vec<T>], rng: &mut StdRng) {
    for (group, drawn) in groups.iter().zip(sample) {
        for place in drawn {
            place.clone_from(&group[rng.random_range(0..group.len())]);
        }
    }
}

/// Returns the value with the 2.5th and the 97.5th percentile of the resampled ones.
fn interval(value: f64, mut resampled: Vec<f64>) -> Option<Estimate> {
    resampled.sort_by(f64::total_cmp);
    let last = resampled.len().checked_sub(1)?;
    let at = |share: f64| {
        #[allow(clippy::cast_sign_loss, reason = "shares are in 0..=1")]
        let index = (share * last as f64).round() as usize;
        resampled[index]
    };
    Some(Estimate { value, low: at(0.025), high: at(0.975) })
}

#[cfg(test)]
mod tests {
    use super::super::share;
    use super::*;

    #[test]
    fn intervals_hold_the_value_and_shrink_with_more_samples() {
        let few = vec![(0..20).map(|at| at % 4 == 0).collect::<Vec<_>>()];
        let many = vec![(0..2000).map(|at| at % 4 == 0).collect::<Vec<_>>()];
        let of = |groups: &[Vec<bool>]| bootstrap(groups, |groups| share(&groups[0])).unwrap();
        let (few, many) = (of(&few), of(&many));
        assert!(few.low < 0.25 && 0.25 < few.high && (many.value - 0.25).abs() < 1e-12);
        // 1.96 · sqrt(p (1 − p) / n) = 0.19 for 20 samples, 0.019 for 2000.
        assert!((many.high - many.low - 0.038).abs() < 0.006, "{many}");
        assert!(few.high - few.low > 0.25, "{few}");
    }

    #[test]
    fn a_paired_difference_varies_less_than_its_parts() {
        // The second is right wherever the first is, and on every tenth sample in addition.
        let pairs: Vec<(bool, bool)> =
            (0..400).map(|at| (at % 2 == 0, at % 2 == 0 || at % 10 == 1)).collect();
        let side = |pairs: &[(bool, bool)], of: fn(&(bool, bool)) -> bool| {
            share(&pairs.iter().map(of).collect::<Vec<_>>())
        };
        let first = |pairs: &[(bool, bool)]| side(pairs, |pair| pair.0);
        let second = |pairs: &[(bool, bool)]| side(pairs, |pair| pair.1);
        let difference = |pairs: &[(bool, bool)]| {
            let [.., difference] = bootstrap_all(&[pairs.to_vec()], |groups| {
                let (first, second) = (first(&groups[0]), second(&groups[0]));
                [first, second, first.zip(second).map(|(first, second)| second - first)]
            });
            difference
        };
        let found = difference(&pairs).unwrap();
        assert!((found.value - 0.1).abs() < 1e-12);
        assert!(found.low > 0.06 && found.high < 0.14, "{found}");
        assert_eq!(difference(&[]), None);
    }

    #[test]
    fn several_measures_get_the_estimates_of_each_alone() {
        let samples = vec![(0..50).map(|at| at % 3 == 0).collect::<Vec<_>>()];
        let hits = |groups: &[Vec<bool>]| share(&groups[0]);
        let misses = |groups: &[Vec<bool>]| Some(1.0 - share(&groups[0])?);
        let both = bootstrap_all(&samples, |groups| [hits(groups), None, misses(groups)]);
        assert_eq!(both, [bootstrap(&samples, hits), None, bootstrap(&samples, misses)]);
    }
}
