//! Limits of the decision, set on clean snippets only.

use super::defence::SampleRow;

/// Limits that flag at most a share `alpha` of exchangeable clean snippets, in expectation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EntropyLimits {
    /// A snippet is poisoned iff H is smaller.
    pub entropy: f64,
    /// A snippet is poisoned iff 1 − H/ln n is larger.
    pub concentration: f64,
    /// Number of clean snippets that the limits were set on.
    pub rows: usize,
}

/// Sets both limits by the split-conformal quantile: of n scores, the ⌈(n + 1)(1 − α)⌉-th smallest.
///
/// Samples without a statistic can never be flagged; they count as least suspicious. The result is
/// `None` if there are fewer than the 1/α − 1 samples that `alpha` needs.
#[must_use]
pub fn limits(clean: &[SampleRow], alpha: f64) -> Option<EntropyLimits> {
    let quantile = |statistic: fn(&SampleRow) -> Option<f64>| {
        let mut scores: Vec<f64> =
            clean.iter().map(|row| statistic(row).unwrap_or(f64::NEG_INFINITY)).collect();
        scores.sort_by(f64::total_cmp);
        #[allow(clippy::cast_sign_loss, reason = "alpha is a share")]
        let rank = ((scores.len() + 1) as f64 * (1.0 - alpha)).ceil() as usize;
        scores.get(rank.checked_sub(1)?).copied().filter(|score| score.is_finite())
    };
    Some(EntropyLimits {
        entropy: -quantile(|row| row.entropy.map(|entropy| -entropy))?,
        concentration: quantile(|row| row.entropy_normalized.map(|normalized| 1.0 - normalized))?,
        rows: clean.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u32) -> Vec<SampleRow> {
        let row = |index: u32| {
            let json = serde_json::json!({
                "idx": index, "triggered": false, "target": 0, "verdict": "clean", "reason": null,
                "entropy": f64::from(index) / 10.0, "entropy_normalized": f64::from(index) / f64::from(count),
                "margin_drop": 0.0, "confidence_drop": 0.0, "prediction": null, "purified_prediction": null,
                "strongest": [], "trigger": [], "parsed": true, "purified_parses": null, "outside_untouched": null,
                "candidates": 3, "pass_equivalents": 4.0, "milliseconds": 1.0
            });
            serde_json::from_value(json).unwrap()
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn at_most_alpha_of_the_rows_are_beyond_the_limits() {
        let rows = rows(199);
        let limits = limits(&rows, 0.05).unwrap();
        // (199 + 1) · 0.05 = 10: the ten most suspicious include the limit itself, which is not
        // above it.
        let by_entropy = rows.iter().filter(|row| row.entropy.unwrap() < limits.entropy).count();
        let by_concentration =
            rows.iter().filter(|row| 1.0 - row.entropy_normalized.unwrap() > limits.concentration).count();
        assert_eq!((by_entropy, by_concentration), (9, 9));
    }

    #[test]
    fn too_few_rows_for_alpha_give_no_limits() {
        assert!(limits(&rows(18), 0.05).is_none());
        assert!(limits(&rows(19), 0.05).is_some());
        assert!(limits(&[], 0.05).is_none());
    }
}
