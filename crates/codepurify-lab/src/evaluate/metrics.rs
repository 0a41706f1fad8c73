//! Measures over samples, with bootstrap intervals.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Area under the ROC curve: the chance that a positive sample scores higher than a negative one, ties counting half.
/// `None` if either side is empty. Scores may be infinite but not NaN.
#[must_use]
pub fn auroc(positive: &[f64], negative: &[f64]) -> Option<f64> {
    if positive.is_empty() || negative.is_empty() {
        return None;
    }
    let mut negative = negative.to_vec();
    negative.sort_by(f64::total_cmp);
    let wins: f64 = positive
        .iter()
        .map(|score| {
            let below = negative.partition_point(|other| other < score);
            let ties = negative.partition_point(|other| other <= score) - below;
            below as f64 + ties as f64 / 2.0
        })
        .sum();
    Some(wins / (positive.len() * negative.len()) as f64)
}

/// Mean of 0/1 outcomes; `None` of none.
#[must_use]
pub fn share(outcomes: &[bool]) -> Option<f64> {
    (!outcomes.is_empty()).then(|| outcomes.iter().filter(|&&hit| hit).count() as f64 / outcomes.len() as f64)
}

/// The middle value (the lower one of two); `None` of none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auroc_by_hand() {
        // Pairs: (3,2) (3,4) (5,2) (5,4): three of four won.
        assert_eq!(auroc(&[3.0, 5.0], &[2.0, 4.0]), Some(0.75));
        assert_eq!(auroc(&[1.0], &[1.0]), Some(0.5));
        assert_eq!(auroc(&[f64::NEG_INFINITY, 2.0], &[f64::NEG_INFINITY]), Some(0.75));
        assert_eq!(auroc(&[], &[1.0]), None);
    }

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
    fn medians_and_shares_of_nothing_are_nothing() {
        assert_eq!((median(&[]), share(&[])), (None, None));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    }
}
