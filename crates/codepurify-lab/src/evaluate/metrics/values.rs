//! Summaries of numbers such as costs.

/// Returns the mean; `None` without values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns the middle value (the lower one of two); `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    percentile(values, 0.5)
}

/// Returns the smallest value that at least a share `share` (in [0, 1]) of all values does not
/// exceed; `None` without values.
#[must_use]
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    #[allow(clippy::cast_sign_loss, reason = "a share and a length")]
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_values_have_no_summary() {
        assert_eq!((mean(&[]), median(&[]), percentile(&[], 0.95)), (None, None, None));
    }

    #[test]
    fn by_hand() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.0));
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!((percentile(&values, 0.95), percentile(&values, 1.0)), (Some(19.0), Some(20.0)));
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
    }
}
