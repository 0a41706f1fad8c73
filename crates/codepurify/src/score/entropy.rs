//! Confidence-driven entropy: how evenly the candidates share the influence on a prediction.

/// H and its normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entropy {
    /// H = −Σ `q_i` ln `q_i`, in nats, ≥ 0.
    pub(crate) raw: f64,
    /// H / ln n, in [0, 1].
    pub(crate) normalized: f64,
}

impl Entropy {
    /// Entropy of `scores` (each finite and ≥ 0) as shares of their sum, with 0 ln 0 = 0. `None` for fewer than
    /// two scores or a sum of 0: that is no evidence, neither for nor against a trigger.
    pub(crate) fn of(scores: &[f64]) -> Option<Self> {
        let total: f64 = scores.iter().sum();
        if scores.len() < 2 || total <= 0.0 {
            return None;
        }
        let information = |score: &f64| {
            let share = score / total;
            if share > 0.0 { -share * share.ln() } else { 0.0 }
        };
        // Rounding may exceed the range by a few units in the last place.
        let greatest = (scores.len() as f64).ln();
        let raw = scores.iter().map(information).sum::<f64>().clamp(0.0, greatest);
        Some(Self { raw, normalized: raw / greatest })
    }

    /// 1 − H / ln n, in [0, 1]: 1 if the prediction depends on one candidate alone.
    pub(crate) fn concentration(self) -> f64 {
        1.0 - self.normalized
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() < 1e-12
    }

    /// Worked by hand: shares 1/2, 1/4, 1/4 give (3/2) ln 2.
    #[test]
    fn entropy_equals_hand_worked_values() {
        let entropy = Entropy::of(&[0.4, 0.2, 0.2]).unwrap();
        assert!(close(entropy.raw, 1.5 * 2.0_f64.ln()));
        assert!(close(entropy.normalized, 1.5 * 2.0_f64.ln() / 3.0_f64.ln()));
        assert!(close(entropy.concentration(), 1.0 - 1.5 * 2.0_f64.ln() / 3.0_f64.ln()));
        let even = Entropy::of(&[0.3; 8]).unwrap();
        assert!(close(even.raw, 8.0_f64.ln()) && close(even.normalized, 1.0));
        // Shares 9/10 and 1/10, and a candidate without influence.
        let skewed = Entropy::of(&[0.9, 0.0, 0.1]).unwrap();
        assert!(close(skewed.raw, 0.325_082_973_391_448_2));
    }

    #[test]
    fn single_influential_candidate_has_no_entropy() {
        let entropy = Entropy::of(&[0.0, 0.7, 0.0]).unwrap();
        assert_eq!((entropy.raw, entropy.normalized, entropy.concentration()), (0.0, 0.0, 1.0));
    }

    #[test]
    fn too_few_scores_have_no_entropy() {
        assert_eq!(Entropy::of(&[]), None);
        assert_eq!(Entropy::of(&[0.9]), None);
        assert_eq!(Entropy::of(&[0.0, 0.0, 0.0]), None);
    }

    proptest! {
        #[test]
        fn stays_in_range(scores in prop::collection::vec(0.0_f64..=1.0, 2..40)) {
            if let Some(entropy) = Entropy::of(&scores) {
                prop_assert!((0.0..=(scores.len() as f64).ln()).contains(&entropy.raw));
                prop_assert!((0.0..=1.0).contains(&entropy.normalized));
            }
        }

        #[test]
        fn does_not_depend_on_scale_or_order(mut scores in prop::collection::vec(0.01_f64..=1.0, 2..20)) {
            let before = Entropy::of(&scores).unwrap().raw;
            scores.reverse();
            scores = scores.iter().map(|score| score * 0.25).collect();
            prop_assert!((Entropy::of(&scores).unwrap().raw - before).abs() < 1e-9);
        }

        #[test]
        fn tiny_scores_give_no_nan(exponents in prop::collection::vec(-320_i32..=0, 2..10)) {
            let scores: Vec<f64> = exponents.iter().map(|&exponent| 10.0_f64.powi(exponent)).collect();
            prop_assert!(Entropy::of(&scores).is_none_or(|entropy| entropy.raw.is_finite()));
        }
    }
}
