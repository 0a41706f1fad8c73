//! Activation Clustering (Chen et al. 2018): the rows of a label form two clusters if some of them
//! are poisoned.

use std::collections::BTreeSet;

use super::kmeans::{Clusters, silhouette, squared, two_means};
use super::{BaselineError, Removal, classes, pca};

/// Condition under which the smaller cluster counts as poison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClusterRule {
    /// The smaller cluster always counts as poison.
    Smaller,
    /// It counts if it holds less than this share of the rows; .35 as published.
    RelativeSize(f64),
    /// It counts if, in addition, the mean silhouette of both clusters exceeds a limit; a common
    /// implementation has .35 and .1.
    Silhouette {
        /// Share of rows.
        size: f64,
        /// Mean silhouette.
        score: f64,
    },
}

/// Activation Clustering with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActivationClustering {
    /// Number of principal components to cluster; 10 as published, 2 in work on code search.
    pub components: usize,
    /// Scales each component to variance 1.
    pub whiten: bool,
    /// Clusters the rows of each label separately, as published; generators have no labels.
    pub per_class: bool,
    /// Condition under which the smaller cluster counts as poison.
    pub rule: ClusterRule,
    /// Seed of k-means.
    pub seed: u64,
}

impl ActivationClustering {
    /// Removes the suspicious clusters; `representations` are n × d, `labels` n.
    ///
    /// A row's score is its distance to the other centre minus the one to the smaller cluster's
    /// centre.
    ///
    /// # Errors
    /// [`BaselineError`] if the numbers of rows differ or a value is not finite.
    pub fn run(&self, representations: &[Vec<f32>], labels: &[u32]) -> Result<Removal, BaselineError> {
        let mut removal = Removal { scores: vec![0.0; labels.len()], removed: BTreeSet::new() };
        for members in classes(representations, labels, self.per_class)? {
            let rows: Vec<&[f32]> = members.iter().map(|&row| representations[row].as_slice()).collect();
            let projection = pca::project(&rows, self.components)?;
            let projection = if self.whiten { projection.whitened() } else { projection };
            let points = projection.coordinates;
            let Some(clusters) = two_means(&points, self.seed) else { continue };
            let small = smaller(&clusters);
            for (&row, point) in members.iter().zip(&points) {
                let distance = |cluster: usize| squared(point, &clusters.centres[cluster]).sqrt();
                removal.scores[row] = distance(usize::from(!small)) - distance(usize::from(small));
            }
            if self.suspicious(&points, &clusters, small) {
                let inside = members.iter().zip(&clusters.second).filter(|&(_, &of)| of == small);
                removal.removed.extend(inside.map(|(&row, _)| row));
            }
        }
        Ok(removal)
    }

    fn suspicious(&self, points: &[Vec<f64>], clusters: &Clusters, small: bool) -> bool {
        let share = clusters.second.iter().filter(|&&of| of == small).count() as f64 / points.len() as f64;
        match self.rule {
            ClusterRule::Smaller => true,
            ClusterRule::RelativeSize(limit) => share < limit,
            ClusterRule::Silhouette { size, score } => {
                share < size && silhouette(points, &clusters.second).is_some_and(|mean| mean > score)
            }
        }
    }
}

/// Returns the smaller cluster; the second if both have the same size.
fn smaller(clusters: &Clusters) -> bool {
    let in_second = clusters.second.iter().filter(|&&second| second).count();
    2 * in_second <= clusters.second.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFENCE: ActivationClustering = ActivationClustering {
        components: 2,
        whiten: false,
        per_class: true,
        rule: ClusterRule::Smaller,
        seed: 4,
    };

    /// Label 0: 30 rows, six of them far from the others; label 1: 20 rows in two equal halves.
    fn rows() -> (Vec<Vec<f32>>, Vec<u32>) {
        let row = |at: u8| {
            let wave = f32::from(at % 5) / 10.0;
            match at {
                0..24 => vec![wave, 0.0, 1.0],
                24..30 => vec![wave, 9.0, 1.0],
                30..40 => vec![5.0, wave, 0.0],
                _ => vec![5.0, wave, 2.0],
            }
        };
        ((0..50).map(row).collect(), (0..50).map(|at| u32::from(at >= 30)).collect())
    }

    #[test]
    fn the_smaller_cluster_of_a_label_goes() {
        let (rows, labels) = rows();
        let found = DEFENCE.run(&rows, &labels).unwrap();
        assert_eq!(found.removed.range(..30).copied().collect::<Vec<_>>(), (24..30).collect::<Vec<_>>());
        assert_eq!(found.removed.range(30..).count(), 10);
        assert!(found.scores[24..30].iter().all(|&score| score > 8.0));
        assert!(found.scores[..24].iter().all(|&score| score < -8.0));
    }

    #[test]
    fn equal_halves_stay_under_rules_of_size_and_separation() {
        let (rows, labels) = rows();
        for rule in [ClusterRule::RelativeSize(0.35), ClusterRule::Silhouette { size: 0.35, score: 0.1 }] {
            let found = ActivationClustering { rule, whiten: true, ..DEFENCE }.run(&rows, &labels).unwrap();
            assert_eq!(found.removed, (24..30).collect());
        }
        let strict = ClusterRule::Silhouette { size: 0.35, score: 0.999 };
        let found = ActivationClustering { rule: strict, ..DEFENCE }.run(&rows, &labels).unwrap();
        assert!(found.removed.is_empty());
    }
}
