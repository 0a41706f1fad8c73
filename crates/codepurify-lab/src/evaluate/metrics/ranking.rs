//! Ranking measures: scores should be larger for triggered samples (positives) than for clean ones
//! (negatives).
//!
//! Scores may be infinite but not NaN.

/// Area under the ROC curve: the probability that a positive sample scores higher than a negative
/// one, ties counting half.
///
/// The result is `None` if either side is empty.
#[must_use]
pub fn auroc(positive: &[f64], negative: &[f64]) -> Option<f64> {
    let [positive, negative] = ranks(positive, negative);
    auroc_of_ranks(&positive, &negative)
}

/// Replaces scores by their ranks among those of both sides, from 0; equal scores share a rank.
#[must_use]
pub fn ranks(positive: &[f64], negative: &[f64]) -> [Vec<usize>; 2] {
    let mut distinct = [positive, negative].concat();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    [positive, negative]
        .map(|side| side.iter().map(|score| distinct.partition_point(|other| other < score)).collect())
}

/// Computes [`auroc`] of [`ranks`] by counting, without sorting: a bootstrap does it a thousand
/// times.
#[must_use]
pub fn auroc_of_ranks(positive: &[usize], negative: &[usize]) -> Option<f64> {
    if positive.is_empty() || negative.is_empty() {
        return None;
    }
    let highest = positive.iter().chain(negative).copied().max()?;
    // How many negatives have a lower rank, for every rank and the one above the highest.
    let mut below = vec![0_usize; highest + 2];
    for &rank in negative {
        below[rank + 1] += 1;
    }
    for rank in 0..=highest {
        below[rank + 1] += below[rank];
    }
    // Twice the wins: a negative below counts two, a tie one.
    let doubled: usize = positive.iter().map(|&rank| below[rank] + below[rank + 1]).sum();
    Some(doubled as f64 / 2.0 / (positive.len() * negative.len()) as f64)
}

/// Returns the lowest threshold that at most a share `fpr` of the clean `scores` exceeds; scores
/// above it are flagged.
///
/// The result is `None` without a score, or if `fpr` admits all of them.
#[must_use]
pub fn threshold_at_fpr(scores: &[f64], fpr: f64) -> Option<f64> {
    let mut scores = scores.to_vec();
    scores.sort_by(|a, b| b.total_cmp(a));
    // 0.07 · 100 is slightly more than 7, 0.29 · 100 slightly less than 29.
    #[allow(clippy::cast_sign_loss, reason = "a share and a length")]
    let admitted = (fpr * scores.len() as f64 + 1e-9).floor() as usize;
    scores.get(admitted).copied()
}

/// Returns the largest share of positives flagged by a threshold that flags at most a share `fpr`
/// of the negatives.
///
/// The result is `None` if either side is empty.
#[must_use]
pub fn tpr_at_fpr(positive: &[f64], negative: &[f64], fpr: f64) -> Option<f64> {
    if negative.is_empty() {
        return None;
    }
    let flagged = |score: f64| threshold_at_fpr(negative, fpr).is_none_or(|threshold| score > threshold);
    super::share(&positive.iter().map(|&score| flagged(score)).collect::<Vec<_>>())
}

/// Point of a ROC curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// Share of negatives that are flagged.
    pub fpr: f64,
    /// Share of positives that are flagged.
    pub tpr: f64,
}

/// Returns the ROC curve from (0, 0) to (1, 1), one point per distinct score; the area under it is
/// [`auroc`].
///
/// The result is `None` if either side is empty.
#[must_use]
pub fn roc(positive: &[f64], negative: &[f64]) -> Option<Vec<RocPoint>> {
    if positive.is_empty() || negative.is_empty() {
        return None;
    }
    let mut scores: Vec<(f64, bool)> = positive.iter().map(|&score| (score, true)).collect();
    scores.extend(negative.iter().map(|&score| (score, false)));
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut alarms) = (0, 0);
    let mut points = vec![RocPoint { fpr: 0.0, tpr: 0.0 }];
    for tied in scores.chunk_by(|a, b| a.0 <= b.0) {
        hits += tied.iter().filter(|&&(_, positive)| positive).count();
        alarms += tied.iter().filter(|&&(_, positive)| !positive).count();
        points.push(RocPoint {
            fpr: alarms as f64 / negative.len() as f64,
            tpr: hits as f64 / positive.len() as f64,
        });
    }
    Some(points)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn a_threshold_admits_no_more_clean_samples_than_asked() {
        let clean: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(threshold_at_fpr(&clean, 0.05), Some(94.0));
        assert_eq!(threshold_at_fpr(&clean, 0.0), Some(99.0));
        assert_eq!(threshold_at_fpr(&clean, 0.29), Some(70.0));
        assert_eq!((threshold_at_fpr(&clean, 1.0), threshold_at_fpr(&[], 0.1)), (None, None));
        // Ties: a threshold below them would flag all three.
        assert_eq!(threshold_at_fpr(&[1.0, 5.0, 5.0, 5.0], 0.25), Some(5.0));
    }

    #[test]
    fn tpr_at_fpr_by_hand() {
        let (positive, negative) = ([0.9, 0.8, 0.4, 0.1], [0.7, 0.3, 0.2, 0.1, 0.0]);
        assert_eq!(tpr_at_fpr(&positive, &negative, 0.0), Some(0.5));
        assert_eq!(tpr_at_fpr(&positive, &negative, 0.2), Some(0.75));
        assert_eq!(tpr_at_fpr(&positive, &negative, 1.0), Some(1.0));
        assert_eq!((tpr_at_fpr(&[], &negative, 0.1), tpr_at_fpr(&positive, &[], 0.1)), (None, None));
    }

    proptest! {
        #[test]
        fn the_area_under_the_curve_is_the_auroc(
            positive in prop::collection::vec(0_u8..9, 1..30), negative in prop::collection::vec(0_u8..9, 1..30),
        ) {
            let scores = |side: Vec<u8>| side.into_iter().map(f64::from).collect::<Vec<_>>();
            let (positive, negative) = (scores(positive), scores(negative));
            let points = roc(&positive, &negative).unwrap();
            let area: f64 =
                points.windows(2).map(|ends| (ends[1].fpr - ends[0].fpr) * (ends[0].tpr + ends[1].tpr) / 2.0).sum();
            prop_assert!((area - auroc(&positive, &negative).unwrap()).abs() < 1e-9);
            let best = points.iter().filter(|point| point.fpr <= 0.25).map(|point| point.tpr).fold(0.0, f64::max);
            prop_assert!((best - tpr_at_fpr(&positive, &negative, 0.25).unwrap()).abs() < 1e-9);
        }
    }
}
