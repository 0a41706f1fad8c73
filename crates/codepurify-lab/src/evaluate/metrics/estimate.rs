//! Bootstrap intervals.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A number with its 95 % percentile-bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The measure on all samples.
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

/// Resamples of a bootstrap.
const RESAMPLES: usize = 1000;

/// `measure` of the samples (in groups that are resampled each for itself) with its bootstrap interval; the same seed
/// every time. `None` where the measure is.
#[must_use]
pub fn bootstrap<T: Clone>(
    groups: &[Vec<T>],
    measure: impl Fn(&[Vec<T>]) -> Option<f64>,
) -> Option<Estimate> {
    let value = measure(groups)?;
    let mut rng = StdRng::seed_from_u64(0);
    let mut resample = || {
        let draw = |group: &Vec<T>, rng: &mut StdRng| -> Vec<T> {
            (0..group.len()).map(|_| group[rng.random_range(0..group.len())].clone()).collect()
        };
        groups.iter().map(|group| draw(group, &mut rng)).collect::<Vec<_>>()
    };
    let mut values: Vec<f64> = (0..RESAMPLES).filter_map(|_| measure(&resample())).collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[allow(clippy::cast_sign_loss, reason = "shares lie in 0..=1")]
        let index = (share * (values.len() - 1) as f64).round() as usize;
        values[index]
    };
    (!values.is_empty()).then(|| Estimate { value, low: at(0.025), high: at(0.975) })
}

/// The difference of two measures, `first` − `second`, of the same samples, with its paired bootstrap interval: each
/// resample draws samples, and both measures see the same ones. `None` where either measure is.
#[must_use]
pub fn bootstrap_difference<T: Clone>(
    samples: &[T],
    first: impl Fn(&[T]) -> Option<f64>,
    second: impl Fn(&[T]) -> Option<f64>,
) -> Option<Estimate> {
    bootstrap(&[samples.to_vec()], |groups| Some(first(&groups[0])? - second(&groups[0])?))
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
    fn a_paired_difference_is_surer_than_its_parts() {
        // The second is right wherever the first is, and on every tenth sample besides.
        let pairs: Vec<(bool, bool)> =
            (0..400).map(|at| (at % 2 == 0, at % 2 == 0 || at % 10 == 1)).collect();
        let side = |pairs: &[(bool, bool)], of: fn(&(bool, bool)) -> bool| {
            share(&pairs.iter().map(of).collect::<Vec<_>>())
        };
        let first = |pairs: &[(bool, bool)]| side(pairs, |pair| pair.0);
        let second = |pairs: &[(bool, bool)]| side(pairs, |pair| pair.1);
        let difference = bootstrap_difference(&pairs, second, first).unwrap();
        assert!((difference.value - 0.1).abs() < 1e-12);
        assert!(difference.low > 0.06 && difference.high < 0.14, "{difference}");
        assert_eq!(bootstrap_difference(&[], second, first), None);
    }
}
