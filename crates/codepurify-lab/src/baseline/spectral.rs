//! Spectral Signatures (Tran et al. 2018): poisoned rows are extreme along the main directions of
//! the representations.

use std::collections::BTreeSet;

use super::removal::highest;
use super::{BaselineError, Removal, classes, pca};

/// Spectral Signatures with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectralSignatures {
    /// k: number of directions; 10 in backdoors for code, 1 as first published.
    pub components: usize,
    /// ε: assumed share of poisoned rows, in [0, 1].
    pub poison_rate: f64,
    /// β: ⌊β ε n⌋ of n rows are removed; 1.5 as published.
    pub factor: f64,
    /// Scores the rows of each label separately.
    pub per_class: bool,
}

impl SpectralSignatures {
    /// Scores rows by
    /// (r − mean) V
    /// ₂ and removes the highest; `representations` are n × d, `labels` n.
    ///
    /// V has the first k eigenvectors of the covariance as columns.
    ///
    /// # Errors
    /// [`BaselineError`] if the numbers of rows differ, a value is not finite, or a setting is out
    /// of its range.
    pub fn run(&self, representations: &[Vec<f32>], labels: &[u32]) -> Result<Removal, BaselineError> {
        let share = self.factor * self.poison_rate;
        if !(0.0..=1.0).contains(&self.poison_rate) || !share.is_finite() || share < 0.0 {
            let value = format!("{share}");
            return Err(BaselineError::Setting {
                name: "factor · poison_rate",
                value,
                range: "≥ 0, the rate ≤ 1",
            });
        }
        let mut removal = Removal { scores: vec![0.0; labels.len()], removed: BTreeSet::new() };
        for members in classes(representations, labels, self.per_class)? {
            let rows: Vec<&[f32]> = members.iter().map(|&row| representations[row].as_slice()).collect();
            let projected = pca::project(&rows, self.components)?.coordinates;
            for (&row, coordinates) in members.iter().zip(&projected) {
                removal.scores[row] = coordinates.iter().map(|value| value * value).sum::<f64>().sqrt();
            }
            #[allow(clippy::cast_sign_loss, reason = "checked above")]
            let count = (share * members.len() as f64 + 1e-9).floor() as usize;
            removal.removed.extend(highest(&removal.scores, members, count));
        }
        Ok(removal)
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// 400 points in 16 dimensions; every twentieth is shifted by 10 along a direction that is no
    /// axis.
    pub(crate) fn shifted() -> (Vec<Vec<f32>>, Vec<bool>) {
        let mut rng = StdRng::seed_from_u64(1);
        let poisoned: Vec<bool> = (0..400).map(|row| row % 20 == 0).collect();
        let row = |&poisoned: &bool| {
            let shift = if poisoned { 10.0 / 4.0 } else { 0.0 };
            // Twelve uniform numbers sum to a nearly normal one.
            let mut normal = || (0..12).map(|_| rng.random_range(0.0..1.0_f32)).sum::<f32>() - 6.0;
            (0..16).map(|_| normal() + shift).collect()
        };
        (poisoned.iter().map(row).collect(), poisoned)
    }

    #[test]
    fn shifted_rows_are_found_with_the_columns_of_the_eigenvectors() {
        let (rows, poisoned) = shifted();
        let defence = SpectralSignatures { components: 1, poison_rate: 0.05, factor: 1.5, per_class: false };
        let found = defence.run(&rows, &[0; 400]).unwrap();
        assert_eq!(found.removed.len(), 30);
        assert!((0..400).filter(|&row| poisoned[row]).all(|row| found.removed.contains(&row)));
    }

    #[test]
    fn each_class_loses_its_share() {
        let (rows, _) = shifted();
        let labels: Vec<u32> = (0..400).map(|row| u32::from(row >= 100)).collect();
        let defence = SpectralSignatures { components: 3, poison_rate: 0.05, factor: 1.0, per_class: true };
        let found = defence.run(&rows, &labels).unwrap();
        assert_eq!((found.removed.range(..100).count(), found.removed.range(100..).count()), (5, 15));
    }

    #[test]
    fn bad_input_is_named() {
        let defence = SpectralSignatures { components: 1, poison_rate: 0.05, factor: 1.5, per_class: false };
        let wrong = defence.run(&[vec![1.0]], &[0, 1]);
        assert!(matches!(wrong, Err(BaselineError::Shape { .. })));
        let wrong = SpectralSignatures { poison_rate: f64::NAN, ..defence }.run(&[vec![1.0]], &[0]);
        assert!(matches!(wrong, Err(BaselineError::Setting { .. })));
    }
}
